"""ScanNet-style folders: ``color/``, ``depth/``, ``pose/`` and ``intrinsic/``, one file a frame.

Poses are camera-to-world with OpenCV axes in metres, intrinsics count pixels from the centre of the first
one, depth is a 16-bit PNG in millimetres, mostly smaller than the colour picture and with intrinsics of its
own: it is re-projected into the picture. A frame whose pose was lost holds ``-inf`` and is left out.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from ...errors import SceneError
from ..geometry import Array, Camera
from ..scene import Depth, Scene, SceneView
from ..still import Size
from .scene_files import (
    in_order,
    inverted,
    raw_depth,
    read_color,
    read_depth,
    read_matrix,
    registered,
    size_of,
    usable,
)

CONVENTION = (
    "ScanNet: camera-to-world, OpenCV axes, metres, principal points from the centre of the first pixel, "
    "depth in millimetres with a camera of its own"
)
MILLIMETRES = 1000.0
SUFFIXES = (".jpg", ".png", ".jpeg")


def is_scannet(path: Path) -> bool:
    """Tell whether a folder is laid out so."""
    return path.is_dir() and all((path / name).is_dir() for name in ("color", "pose")) and bool(_lenses(path))


def read_scannet(path: Path) -> Scene:
    """Read such a folder; ``depth/`` may be missing, or hold some of the frames only.

    Raises
    ------
    SceneError
        If there are no intrinsics, or no frame with a picture and a pose.
    """
    color_k, depth_k = _intrinsics(path, "color"), _intrinsics(path, "depth")
    if color_k is None:
        raise SceneError(f"{path} has no intrinsics: add intrinsic/intrinsic_color.txt.", input=str(path))
    views: list[SceneView] = []
    warnings: list[str] = []
    for file in sorted((path / "color").iterdir(), key=lambda file: in_order(file.name)):
        if file.suffix.lower() not in SUFFIXES:
            continue
        try:
            views.append(_view(path, file, color_k, depth_k, warnings))
        except SceneError as error:
            warnings.append(f"{file} is left out: {error.message}")
    if not views:
        raise SceneError("; ".join(warnings[:3]) or f"{path / 'color'} holds no picture.", input=str(path))
    return Scene(
        source=str(path.resolve()),
        format="scannet",
        convention=CONVENTION,
        views=tuple(views),
        warnings=tuple(warnings),
    )


def _lenses(path: Path) -> list[Path]:
    return [*path.glob("intrinsic*.txt"), *(path / "intrinsic").glob("*.txt")]


def _intrinsics(path: Path, name: str) -> Array | None:
    """Return K of the colour or depth camera, pixels from the corner; a file for both goes for either."""
    for file in (
        *(path / folder / f"intrinsic_{name}.txt" for folder in ("intrinsic", "")),
        *(path / folder / "intrinsic.txt" for folder in ("intrinsic", "")),
    ):
        if file.is_file():
            matrix = np.eye(3)
            matrix[:] = read_matrix(file, "the intrinsics")[:3, :3]
            matrix[:2, 2] += 0.5
            return matrix
    return None


def _view(path: Path, file: Path, color_k: Array, depth_k: Array | None, warnings: list[str]) -> SceneView:
    size = size_of(file)
    pose = read_matrix(path / "pose" / f"{file.stem}.txt", "its pose")
    camera = Camera(color_k, inverted(pose, "the pose", path / "pose" / f"{file.stem}.txt"), size)
    depth = path / "depth" / f"{file.stem}.png"
    own = None if depth_k is not None else camera.size  # without a lens of its own it is registered
    deep = usable(depth, own, file.name, warnings) if depth.exists() else None
    return SceneView(
        name=file.name,
        camera=camera,
        color=partial(read_color, file),
        depth=partial(_depth, deep, camera, depth_k) if deep is not None else None,
    )


def _depth(file: Path, camera: Camera, depth_k: Array | None) -> Depth:
    """Read a depth into the picture: re-projected where it has a camera of its own, else resized."""
    if depth_k is None:
        return read_depth(file, MILLIMETRES, camera.size)
    depth = raw_depth(file, MILLIMETRES)
    size = Size(depth.shape[1], depth.shape[0])
    if np.allclose(depth_k, camera.scaled(size).intrinsics, atol=0.01):
        return read_depth(file, MILLIMETRES, camera.size)
    return registered(depth, Camera(depth_k, camera.world_to_camera, size), camera)
