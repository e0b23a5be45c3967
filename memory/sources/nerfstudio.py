"""nerfstudio and instant-ngp: ``transforms.json``.

Poses are camera-to-world with OpenGL axes (x right, y up, z back); they are turned to OpenCV's and inverted,
and ``applied_scale`` is undone. Intrinsics are shared or per frame, by ``fl_x`` or by a field of view. The
scale is unknown, unless there is depth, whose unit says what a metre is (``depth_unit_scale_factor``, by
default 0.001); but depth made from COLMAP's poses, which lie beside the file then, is in their unit, and so
is instant-ngp's (``depth_path``, ``integer_depth_scale``).

``applied_transform``, which turned the world, is left as it is: what is measured does not depend on it.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...errors import SceneError
from ..geometry import Camera
from ..scene import Scene, SceneView
from ..still import Size
from .scene_fields import number, read_object, read_views, time_of
from .scene_files import DEEP, in_order, inside, inverted, read_color, read_depth, size_of, usable

NAME = "transforms.json"
OTHERS = ("transforms_train.json", "transforms_test.json", "transforms_val.json")
"""What Blender's synthetic scenes call their parts."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")
"""Tried where a frame's name has no suffix, as Blender's scenes leave it out."""
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""From OpenCV's camera axes to OpenGL's, and back."""
MILLIMETRES = 0.001
"""nerfstudio's own default of ``depth_unit_scale_factor``."""
DEPTHS = (("depth_file_path", "depth_unit_scale_factor"), ("depth_path", "integer_depth_scale"))
"""Fields of a depth's file and of its unit, in nerfstudio and in instant-ngp."""
SMALL = 1e-7
"""Metres below which nothing is a unit of depth."""
FROM_PICTURES = ("colmap", "sparse")
"""What ``ns-process-data`` leaves beside its file where the poses are COLMAP's, whose scale is unknown."""
CONVENTION = "nerfstudio: camera-to-world, OpenGL axes (x right, y up, z back), pixels from the corner"
FISHEYE = ("OPENCV_FISHEYE", "FISHEYE")
KNOWN = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", *FISHEYE)


def is_nerfstudio(path: Path) -> bool:
    """Tell whether a path is such a file, or a folder that holds one."""
    if path.is_dir():
        return any((path / name).is_file() for name in (NAME, *OTHERS))
    return path.suffix == ".json" and path.name.startswith("transforms")


def read_nerfstudio(path: Path) -> Scene:
    """Read ``transforms.json``.

    Parameters
    ----------
    path : path
        The file, or its folder; of a folder with parts for training and testing alone, the first part.

    Raises
    ------
    SceneError
        If the file is malformed; the message names the frame and the field.
    """
    file = next(path / n for n in (NAME, *OTHERS) if (path / n).is_file()) if path.is_dir() else path
    data = read_object(file, "frames")
    shrunk = _shrunk(data, file)
    warnings: list[str] = []
    views = read_views(
        data["frames"],
        lambda frame, which: _view(file, {**data, **frame}, frame, shrunk, which, warnings),
        f"{file}: frame",
        warnings,
    )
    if not views:
        raise SceneError("; ".join(warnings[:3]) or f"{file} holds no frame.", input=str(file))
    metric, unit = _unit(file, data, any(view.depth is not None for view in views.values()))
    return Scene(
        source=str(path.resolve()),
        format="nerfstudio",
        convention=f"{CONVENTION}; {unit}",
        views=tuple(sorted(views.values(), key=lambda view: in_order(view.name))),
        metric=metric,
        warnings=tuple(warnings),
    )


def _shrunk(data: dict[str, Any], file: Path) -> float:
    """Return by what the places in the file were multiplied."""
    shrunk = data.get("applied_scale", 1.0)
    if isinstance(shrunk, bool) or not isinstance(shrunk, (int, float)) or not 0 < shrunk < math.inf:
        raise SceneError(f"{file}: applied_scale is not a positive number: {shrunk!r}.", input=str(file))
    return float(shrunk)


def _unit(file: Path, data: dict[str, Any], deep: bool) -> tuple[bool, str]:
    """Tell whether lengths are metres, and why."""
    if not deep:
        return False, "up to scale: there is no depth, and so nothing says what a metre is"
    if "integer_depth_scale" in data:
        return False, "instant-ngp's depth is in the poses' unit, which the file does not state"
    if any((file.parent / place).is_dir() for place in FROM_PICTURES):
        return False, "up to scale: the poses are COLMAP's, from pictures alone, and the depth in their unit"
    return True, "metres: those of the depth, as nerfstudio's format has it"


def _view(
    file: Path, fields: dict[str, Any], frame: dict[str, Any], shrunk: float, which: str, warnings: list[str]
) -> SceneView:
    picture = _picture(file.parent, frame["file_path"])
    size = size_of(picture)
    camera = _camera(fields, size)
    matrix = np.array(frame["transform_matrix"], dtype=np.float64)
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, (0, 0, 0, 1)])
    if matrix.shape != (4, 4):
        raise SceneError(f"transform_matrix is not 4x4 but {matrix.shape}.", input=str(file))
    matrix[:3, 3] /= shrunk
    pose = OPENGL @ inverted(matrix, "transform_matrix", file)
    depth, scale = _depth(file, fields, frame)
    if depth is not None:
        depth = usable(depth, size, which, warnings)
    return SceneView(
        name=str(frame["file_path"]).removeprefix("./"),
        camera=camera.posed(pose),
        color=partial(read_color, picture),
        depth=partial(read_depth, depth, scale, size) if depth is not None else None,
        t=time_of(frame, "time"),
    )


def _depth(file: Path, fields: dict[str, Any], frame: dict[str, Any]) -> tuple[Path | None, float]:
    """Return a frame's depth and how many of its units a metre is, or a unit of instant-ngp's scene."""
    for field, unit in DEPTHS:
        if frame.get(field) is not None:
            one = number(fields.get(unit, MILLIMETRES), unit)
            if not SMALL <= one <= DEEP / 2**16:
                raise SceneError(f"{unit} is {one:g}, by which depth would be in no unit of length.")
            return inside(file.parent, frame[field], field), 1 / one
    return None, 1.0


def _picture(folder: Path, name: object) -> Path:
    path = inside(folder, name, "file_path")
    tried = (path.with_name(path.name + end) for end in ("", *SUFFIXES))
    return next((file for file in tried if file.is_file()), path)


def _camera(fields: dict[str, Any], size: Size) -> Camera:
    """Return the camera of a picture of ``size``, at the origin."""
    model = str(fields.get("camera_model", "OPENCV"))
    if model not in KNOWN:
        raise SceneError(f"camera_model {model!r} is not one of {', '.join(KNOWN)}.", input=model)
    written = Size(int(fields.get("w", size.width)), int(fields.get("h", size.height)))
    if min(written) < 1:
        raise SceneError(f"w, h are {written.width}, {written.height}.")
    fx = _focal(fields, "fl_x", "camera_angle_x", written.width)
    fy = _focal(fields, "fl_y", "camera_angle_y", written.height) or fx
    if not fx or not fy:
        raise SceneError("it has no intrinsics: neither fl_x nor camera_angle_x is there.", input="fl_x")
    cx, cy = float(fields.get("cx", written.width / 2)), float(fields.get("cy", written.height / 2))
    fisheye = model in FISHEYE or bool(fields.get("is_fisheye"))
    names = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3")
    kind: Literal["pinhole", "fisheye"] = "fisheye" if fisheye else "pinhole"
    distortion = np.array([float(fields.get(name, 0.0)) for name in names])
    intrinsics = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    camera = Camera(intrinsics, np.eye(4), written, distortion, kind)
    if abs(written.width * size.height / (written.height * size.width) - 1) > 0.01:
        camera_size = f"{written.width}x{written.height}"
        raise SceneError(f"its picture has {size.width}x{size.height} pixels, its w, h are {camera_size}.")
    return camera.scaled(size)  # pictures may have been made smaller after the file was written


def _focal(fields: dict[str, Any], name: str, angle: str, side: int) -> float | None:
    if fields.get(name) is not None:
        return float(fields[name])
    return side / 2 / math.tan(float(fields[angle]) / 2) if fields.get(angle) is not None else None
