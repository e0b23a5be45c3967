"""Our own scene format: a folder with ``scene.json``, pictures and, where there are any, depths.

::

    {"metric": true, "depth_scale": 1000, "up": [0, 0, 1],
     "views": [{"color": "view1.png", "depth": "view1.depth.png", "width": 640, "height": 480,
                "intrinsics": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], "distortion": [k1, k2, p1, p2],
                "world_to_camera": [[...], [...], [...], [0, 0, 0, 1]], "t": 0.0}]}

World-to-camera, OpenCV axes, metres; the principal point counts from the centre of the top-left pixel, as
OpenCV's does. ``depth`` is a 16-bit PNG of ``depth_scale`` units a metre (0: unknown), or ``.npy`` in metres.
``depth``, ``distortion``, ``up``, ``t`` and ``model`` ("pinhole" or "fisheye") may be left out.

A view that is a frame of a video names ``"video": "clip.mp4"`` and its presentation time ``t`` instead of
``color``, and may have a ``name``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError
from ..geometry import Camera
from ..scene import Scene, SceneView
from ..still import Size
from .posed_video import Clips
from .scene_fields import coefficients, number, read_object, read_views, time_of, up_of
from .scene_files import DEEP, inside, read_color, read_depth, size_of, usable

NAME = "scene.json"
FIELDS = ("metric", "depth_scale", "up", "views")
VIEW_FIELDS = (
    *("color", "depth", "width", "height", "intrinsics", "distortion", "model", "world_to_camera"),
    *("t", "video", "name"),
)
FINE = 2e9
"""Likewise, a 16-bit depth of more units a metre, three million, would reach no further than 2 cm."""
MOST = 1 << 20
"""Pixels of a side beyond which nothing is a picture."""
CONVENTION = "world-to-camera, OpenCV axes, principal points from the first pixel's centre; units as stated"


def is_scene_json(path: Path) -> bool:
    """Tell whether a path is such a folder, or the file in it."""
    return path.name == NAME or (path.is_dir() and (path / NAME).is_file())


def read_scene_json(path: Path) -> Scene:
    """Read a scene of our own format.

    Parameters
    ----------
    path : path
        The folder, or ``scene.json`` in it.

    Raises
    ------
    SceneError
        If the file is malformed; the message names the view and the field.
    """
    file = path / NAME if path.is_dir() else path
    data = read_object(file, "views")
    metric, scale, up = _metric(data, file), _scale(data, file), up_of(data, file)
    warnings, clips = _misspelt(data, FIELDS, str(file)), Clips(file.parent)
    found = read_views(
        data["views"],
        lambda item, which: _view(file.parent, item, scale, clips, which, warnings),
        f"{file}: view",
        warnings,
    )
    if not found:
        raise SceneError("; ".join(warnings[:3]) or f"{file} names no view.", input=str(file))
    return Scene(
        source=str(path.resolve()),
        format="scene.json",
        convention=CONVENTION,
        views=tuple(found.values()),
        metric=metric,
        up=up,
        warnings=tuple(warnings),
    )


def _metric(data: dict[str, Any], file: Path) -> bool:
    metric = data.get("metric", True)
    if not isinstance(metric, bool):
        raise SceneError(f"{file}: metric is neither true nor false: {metric!r}.", input=str(file))
    return metric


def _misspelt(item: dict[str, Any], known: Collection[str], where: str) -> list[str]:
    """Tell of fields that are nearly ours: what they say would be passed over, a unit of depth among it."""
    close = {name: get_close_matches(name, known, n=1, cutoff=0.8) for name in item if name not in known}
    return [f"{where}: the field {name!r} is passed over; is it {c[0]!r}?" for name, c in close.items() if c]


def _scale(data: dict[str, Any], file: Path) -> float:
    """Return how many units of a depth are a metre: a number that gives no rooms of kilometres."""
    scale = data.get("depth_scale", 1000)
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not FINE >= scale * DEEP >= 2**16:
        raise SceneError(
            f"{file}: depth_scale {scale!r} is not how many units of a depth a metre is (1000: millimetres).",
            input=str(file),
        )
    return float(scale)


def _view(
    folder: Path, item: object, scale: float, clips: Clips, which: str, warnings: list[str]
) -> SceneView:
    if not isinstance(item, dict):
        raise SceneError(f"it is no object with fields but {item!r}.")
    warnings += _misspelt(item, VIEW_FIELDS, which)
    intrinsics = np.array(item["intrinsics"], dtype=np.float64)
    if intrinsics.shape != (3, 3):
        raise SceneError(f"intrinsics are not a 3x3 matrix but of the shape {intrinsics.shape}.")
    intrinsics[:2, 2] += 0.5
    size = Size(_side(item, "width"), _side(item, "height"))
    model = item.get("model", "pinhole")
    if model not in ("pinhole", "fisheye"):
        raise SceneError(f"model {model!r} is neither pinhole nor fisheye.")
    pose = np.array(item["world_to_camera"], dtype=np.float64)
    camera = Camera(intrinsics, pose, size, coefficients(item.get("distortion"), model), model)
    name, color = clips.view(item, size) if "video" in item else _picture(folder, item["color"], size)
    depth = inside(folder, item["depth"], "depth") if item.get("depth") is not None else None
    if depth is not None:
        depth = usable(depth, size, which, warnings)
    return SceneView(
        name=name,
        camera=camera,
        color=color,
        depth=partial(read_depth, depth, scale, size) if depth is not None else None,
        t=time_of(item, "t"),
    )


def _side(item: dict[str, Any], field: str) -> int:
    side = number(item[field], field)
    if not side.is_integer() or not 0 < side < MOST:
        raise SceneError(f"{field} is not a number of pixels: {item[field]!r}.")
    return int(side)


def _picture(folder: Path, name: str, size: Size) -> tuple[str, Callable[[], NDArray[np.uint8]]]:
    """Return the name of a view that is a picture's file, and what reads it."""
    color = inside(folder, name, "color")
    stored = size_of(color)
    if stored != size:
        raise SceneError(
            f"its picture {color} has {stored.width}x{stored.height} pixels, width and height say "
            f"{size.width}x{size.height}.",
            input=str(color),
        )
    return name, partial(read_color, color)
