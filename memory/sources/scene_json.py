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

import json
from collections.abc import Callable
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
from .scene_files import DEEP, inside, read_color, read_depth, size_of

NAME = "scene.json"
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
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        views = data["views"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SceneError(f"{file} is no scene: {error}.", input=str(file)) from error
    scale, up = _scale(data, file), _up(data, file)
    found, warnings, clips = [], [], Clips(file.parent)
    for number, item in enumerate(views):
        try:
            found.append(_view(file.parent, item, scale, clips))
        except (SceneError, KeyError, TypeError, ValueError) as error:
            what = f"the field {error} is missing" if isinstance(error, KeyError) else error
            warnings.append(f"{file}: view {number} is left out: {what}")
    if not found:
        raise SceneError("; ".join(warnings[:3]) or f"{file} names no view.", input=str(file))
    return Scene(
        source=str(path.resolve()),
        format="scene.json",
        convention=CONVENTION,
        views=tuple(found),
        metric=bool(data.get("metric", True)),
        up=up,
        warnings=tuple(warnings),
    )


def _scale(data: dict[str, Any], file: Path) -> float:
    """Return how many units of a depth are a metre: a number that gives no rooms of kilometres."""
    scale = data.get("depth_scale", 1000)
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not scale * DEEP >= 2**16:
        raise SceneError(
            f"{file}: depth_scale {scale!r} is not how many units of a depth a metre is (1000: millimetres).",
            input=str(file),
        )
    return float(scale)


def _up(data: dict[str, Any], file: Path) -> NDArray[np.float64] | None:
    if data.get("up") is None:
        return None
    try:
        up = np.array(data["up"], dtype=np.float64)
        length = float(np.linalg.norm(up))
    except (TypeError, ValueError):
        up, length = np.zeros(0), 0.0
    if up.shape != (3,) or not 0 < length < np.inf:
        message = f"{file}: up {data['up']!r} is not three numbers that point somewhere."
        raise SceneError(message, input=str(file))
    return np.asarray(up / length, dtype=np.float64)


def _view(folder: Path, item: dict[str, Any], scale: float, clips: Clips) -> SceneView:
    intrinsics = np.array(item["intrinsics"], dtype=np.float64)
    if intrinsics.shape != (3, 3):
        raise SceneError(f"intrinsics are not a 3x3 matrix but of the shape {intrinsics.shape}.")
    intrinsics[:2, 2] += 0.5
    size = Size(int(item["width"]), int(item["height"]))
    camera = Camera(
        intrinsics,
        np.array(item["world_to_camera"], dtype=np.float64),
        size,
        np.array(item.get("distortion", ()), dtype=np.float64),
        item.get("model", "pinhole"),
    )
    name, color = clips.view(item, size) if "video" in item else _picture(folder, item["color"], size)
    depth = inside(folder, item["depth"], "depth") if item.get("depth") else None
    if depth is not None and not depth.is_file():
        raise SceneError(f"its depth {depth} is missing.", input=str(depth))
    return SceneView(
        name=name,
        camera=camera,
        color=color,
        depth=partial(read_depth, depth, scale, size) if depth is not None else None,
        t=item.get("t"),
    )


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
