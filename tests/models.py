"""Meshes for tests, and the cameras that they are seen from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from sightloop.memory.geometry import Camera
from sightloop.memory.sources.mesh_views import looking_at
from sightloop.memory.still import Size

SIZE = Size(320, 240)
RED, GREEN, BLUE, WHITE = (220, 30, 20), (20, 200, 40), (30, 40, 210), (250, 250, 250)


def camera_at(eye: tuple[float, ...], target: tuple[float, ...] = (0, 0, 0), focal: float = 300.0) -> Camera:
    intrinsics = np.array([[focal, 0, SIZE.width / 2], [0, focal, SIZE.height / 2], [0, 0, 1]])
    up = np.array([0.0, 0.0, 1.0])
    return Camera(intrinsics, looking_at(np.array(eye, float), np.array(target, float), up), SIZE)


def said(mesh: Path, cameras: list[Camera], **more: object) -> Path:
    """Write which views a mesh is seen from beside it."""
    views = []
    for camera in cameras:
        intrinsics = camera.intrinsics.copy()
        intrinsics[:2, 2] -= 0.5
        views.append(
            {
                "width": camera.size.width,
                "height": camera.size.height,
                "intrinsics": intrinsics.tolist(),
                "world_to_camera": camera.world_to_camera.tolist(),
                "distortion": camera.distortion.tolist(),
            }
        )
    mesh.with_name(mesh.name + ".views.json").write_text(json.dumps({"views": views, **more}))
    return mesh


def quadrants(path: Path) -> Path:
    """A picture of four colours: red and green above, blue and white below."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32, :32], pixels[:32, 32:], pixels[32:, :32], pixels[32:, 32:] = RED, GREEN, BLUE, WHITE
    Image.fromarray(pixels).save(path)
    return path


def poster(folder: Path, kind: str) -> Path:
    """A square of 2 m that stands at y = 0, with the picture of quadrants on it, upright."""
    image = quadrants(folder / "quadrants.png")
    if kind == "obj":
        (folder / "poster.mtl").write_text("newmtl picture\nmap_Kd quadrants.png\n")
        (folder / "poster.obj").write_text(
            "mtllib poster.mtl\nv -1 0 -1\nv 1 0 -1\nv 1 0 1\nv -1 0 1\n"
            "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl picture\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
        )
    else:
        corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], float)
        uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.open(image))
        visual = trimesh.visual.TextureVisuals(uv, material=material)
        trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], visual=visual, process=False).export(
            folder / f"poster.{kind}"
        )
    return folder / f"poster.{kind}"
