"""One scene written as each dataset's or program's own files, by their published formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from sightloop.memory.scene import Scene

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def color(scene: Scene, view: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene.view(view).color()).save(file)


def depth(scene: Scene, view: str, file: Path, units: float = 1000, unknown: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    read = scene.view(view).depth
    assert read is not None
    metres = read()
    Image.fromarray(np.where(metres > 0, np.round(metres * units), unknown).astype(np.uint16)).save(file)


def centred(scene: Scene) -> np.ndarray:
    """K as those count that have (0, 0) in the middle of the first pixel."""
    k = scene.views[0].camera.intrinsics.copy()
    k[:2, 2] -= 0.5
    return k


def scannet(scene: Scene, folder: Path) -> Path:
    for name in ("color", "depth"):
        k = np.eye(4)
        k[:3, :3] = centred(scene)
        (folder / "intrinsic").mkdir(parents=True, exist_ok=True)
        np.savetxt(folder / "intrinsic" / f"intrinsic_{name}.txt", k)
    (folder / "pose").mkdir()
    for number, view in enumerate(scene.views):
        color(scene, view.name, folder / "color" / f"{number}.png")
        depth(scene, view.name, folder / "depth" / f"{number}.png")
        np.savetxt(folder / "pose" / f"{number}.txt", view.camera.camera_to_world)
    return folder


def tum(scene: Scene, folder: Path) -> Path:
    k = centred(scene)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "camera.txt").write_text(f"{k[0, 0]} {k[1, 1]} {k[0, 2]} {k[1, 2]}\n")
    lists: dict[str, list[str]] = {name: ["# made by hand"] for name in ("rgb", "depth", "groundtruth")}
    for number, view in enumerate(scene.views):
        t = 1305031102.0 + number / 30
        color(scene, view.name, folder / "rgb" / f"{t:.6f}.png")
        depth(scene, view.name, folder / "depth" / f"{t + 0.005:.6f}.png", 5000)
        pose = view.camera.camera_to_world
        numbers = [*pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat()]
        lists["rgb"].append(f"{t:.6f} rgb/{t:.6f}.png")
        lists["depth"].append(f"{t + 0.005:.6f} depth/{t + 0.005:.6f}.png")
        lists["groundtruth"].append(f"{t:.6f} {' '.join(f'{n:.9f}' for n in numbers)}")
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return folder


def seven_scenes(scene: Scene, folder: Path) -> Path:
    k = centred(scene)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "camera.txt").write_text(f"{k[0, 0]} {k[1, 1]} {k[0, 2]} {k[1, 2]}\n")
    for number, view in enumerate(scene.views):
        stem = folder / "seq-01" / f"frame-{number:06d}"
        color(scene, view.name, stem.with_name(stem.name + ".color.png"))
        depth(scene, view.name, stem.with_name(stem.name + ".depth.png"), unknown=65535)
        np.savetxt(stem.with_name(stem.name + ".pose.txt"), view.camera.camera_to_world)
    return folder


def nerfstudio(scene: Scene, folder: Path) -> Path:
    k = scene.views[0].camera.intrinsics
    width, height = scene.views[0].camera.size
    frames = []
    for number, view in enumerate(scene.views):
        color(scene, view.name, folder / "images" / f"{number:03d}.png")
        depth(scene, view.name, folder / "depth" / f"{number:03d}.png")
        frame = {"file_path": f"images/{number:03d}.png", "depth_file_path": f"depth/{number:03d}.png"}
        frames.append({**frame, "transform_matrix": (view.camera.camera_to_world @ OPENGL).tolist()})
    lens = {"fl_x": k[0, 0], "fl_y": k[1, 1], "cx": k[0, 2], "cy": k[1, 2], "w": width, "h": height}
    (folder / "transforms.json").write_text(json.dumps({"camera_model": "OPENCV", **lens, "frames": frames}))
    return folder


def scene_json(scene: Scene, folder: Path) -> Path:
    views = []
    for number, view in enumerate(scene.views):
        color(scene, view.name, folder / f"{number}.png")
        depth(scene, view.name, folder / f"{number}.depth.png")
        pose, size = view.camera.world_to_camera.tolist(), view.camera.size
        views.append(
            {
                "color": f"{number}.png",
                "depth": f"{number}.depth.png",
                "width": size.width,
                "height": size.height,
            }
            | {"intrinsics": centred(scene).tolist(), "world_to_camera": pose}
        )
    (folder / "scene.json").write_text(json.dumps({"depth_scale": 1000, "up": [0, 0, 2], "views": views}))
    return folder


def colmap(scene: Scene, folder: Path, text: bool = False) -> Path:
    """By COLMAP's own writer."""
    import pycolmap

    model = pycolmap.Reconstruction()
    for number, view in enumerate(scene.views, start=1):
        k, size = view.camera.intrinsics, view.camera.size
        color(scene, view.name, folder / "images" / f"{view.name}.png")
        params = [k[0, 0], k[1, 1], k[0, 2], k[1, 2]]
        lens = pycolmap.Camera(
            model="PINHOLE", width=size.width, height=size.height, params=params, camera_id=number
        )
        model.add_camera_with_trivial_rig(lens)
        image = pycolmap.Image(name=f"{view.name}.png", camera_id=number, image_id=number)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(view.camera.world_to_camera[:3]))
    model.add_point3D(np.array([0.5, 0.25, 0.0]), pycolmap.Track(), np.array([9, 9, 9], np.uint8))
    out = folder / "sparse" / "0"
    out.mkdir(parents=True)
    (model.write_text if text else model.write_binary)(str(out))
    return folder


WRITERS: dict[str, Callable[[Scene, Path], Path]] = {
    "scene.json": scene_json,
    "nerfstudio": nerfstudio,
    "scannet": scannet,
    "tum": tum,
    "7-scenes": seven_scenes,
    "colmap": colmap,
}
