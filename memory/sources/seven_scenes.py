"""7-Scenes: ``frame-000000.color.png``, ``.depth.png`` and ``.pose.txt``, in a folder or a sequence of one.

Poses are camera-to-world with OpenCV axes in metres; depth is in millimetres, 65535 where it is not known.
The published focal length of both cameras is 585 pixels and colour and depth are not calibrated to each
other: depth is taken as it lies, which is a few pixels off. ``camera.txt`` with fx fy cx cy replaces these
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import SceneError
from ..geometry import Array, Camera
from ..scene import Scene, SceneView
from ..still import Size
from .scene_files import inverted, read_color, read_depth, read_lens, read_matrix, size_of, usable

FOCAL, CENTRE, SIZE = 585.0, (320.0, 240.0), Size(640, 480)
CAMERA = "camera.txt"
UNKNOWN, MILLIMETRES = 65535, 1000.0
CONVENTION = (
    "7-Scenes: camera-to-world, OpenCV axes, metres, depth in millimetres, taken as registered to colour, "
    "which the dataset does not promise"
)
COLOR = ".color.png"


def is_seven_scenes(path: Path) -> bool:
    """Tell whether a folder, or its first sequence, holds such frames."""
    return path.is_dir() and next(_frames(path), None) is not None


def read_seven_scenes(path: Path) -> Scene:
    """Read such a folder.

    Raises
    ------
    SceneError
        If no frame has a picture and a pose that can be read.
    """
    views: list[SceneView] = []
    warnings: list[str] = []
    lens = _lens(path)
    for file in sorted(_frames(path)):
        try:
            views.append(_view(path, file, lens, warnings))
        except SceneError as error:
            warnings.append(f"{file} is left out: {error.message}")
    if not views:
        raise SceneError("; ".join(warnings[:3]), input=str(path))
    return Scene(
        source=str(path.resolve()),
        format="7-scenes",
        convention=CONVENTION,
        views=tuple(views),
        warnings=tuple(warnings),
    )


def _frames(path: Path) -> Iterator[Path]:
    yield from path.glob(f"frame-*{COLOR}")
    yield from path.glob(f"seq-*/frame-*{COLOR}")


def _lens(path: Path) -> Array:
    file = path / CAMERA
    if not file.is_file():
        return np.array([[FOCAL, 0, CENTRE[0]], [0, FOCAL, CENTRE[1]], [0, 0, 1]])
    fx, fy, cx, cy = read_lens(file, 4, 4)
    return np.array([[fx, 0, cx + 0.5], [0, fy, cy + 0.5], [0, 0, 1]])


def _view(path: Path, file: Path, lens: Array, warnings: list[str]) -> SceneView:
    stem = file.name.removesuffix(COLOR)
    size = size_of(file)
    if size != SIZE and not (path / CAMERA).is_file():
        raise SceneError(
            f"it has {size.width}x{size.height} pixels, and the published lens is of 640x480: add {CAMERA}.",
            input=str(file),
        )
    pose = file.with_name(f"{stem}.pose.txt")
    depth = file.with_name(f"{stem}.depth.png")
    name = str(file.relative_to(path))
    deep = usable(depth, size, name, warnings) if depth.exists() else None
    camera = Camera(lens, inverted(read_matrix(pose, "its pose"), "the pose", pose), size)
    return SceneView(
        name=name,
        camera=camera,
        color=partial(read_color, file),
        depth=partial(read_depth, deep, MILLIMETRES, size, UNKNOWN) if deep is not None else None,
    )
