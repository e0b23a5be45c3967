"""Writing a scene as our own format: what was read from any other can be kept, moved and read again."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import SceneError
from ..scene import Depth, Scene, SceneView
from .scene_json import NAME, read_scene_json

SCALE = 1000
"""Units of a 16-bit depth a metre: millimetres, so that rounding loses at most half of one."""


def write_scene(scene: Scene, folder: str | os.PathLike[str]) -> Scene:
    """Write a scene as ``scene.json`` with its pictures and depths, one view at a time.

    Pictures are PNG; depths are 16-bit PNG in millimetres, or ``.npy`` where those would lose more than half
    of one, or where lengths are not metres. ``Scene.points`` are not kept: the format holds views.

    Parameters
    ----------
    scene : Scene
    folder : str or path
        Made if it does not exist; must not hold a scene yet.

    Returns
    -------
    Scene
        Read back from the folder; views are called after their pictures there.

    Raises
    ------
    SceneError
        If the folder holds a scene already, or cannot be written, or a view cannot be read.
    InputError
        If a picture cannot be read.
    """
    place = Path(folder)
    if (place / NAME).exists():
        raise SceneError(f"{place} holds a scene already; name another folder.", input=str(place))
    names = _file_names(scene.names)
    try:
        place.mkdir(parents=True, exist_ok=True)
        views = [_written(scene, view, place, names[view.name]) for view in scene.views]
        data: dict[str, Any] = {"metric": scene.metric, "depth_scale": SCALE, "views": views}
        if scene.up is not None:
            data["up"] = scene.up.tolist()
        (place / NAME).write_text(json.dumps(data, indent=1), encoding="utf-8")
    except OSError as error:
        raise SceneError(f"{place} cannot be written: {error.strerror}.", input=str(place)) from error
    return read_scene_json(place)


def _written(scene: Scene, view: SceneView, place: Path, name: str) -> dict[str, Any]:
    camera = view.camera
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, 2] -= 0.5  # the file counts from the first pixel's centre
    item: dict[str, Any] = {
        "color": f"{name}.png",
        "width": camera.size.width,
        "height": camera.size.height,
        "intrinsics": intrinsics.tolist(),
        "world_to_camera": camera.world_to_camera.tolist(),
    }
    if camera.distortion.size:
        item["distortion"] = camera.distortion.tolist()
    if camera.model != "pinhole":
        item["model"] = camera.model
    if view.t is not None:
        item["t"] = view.t
    scene.still(view.name).to_pil().save(place / item["color"])
    depth = scene.depth(view.name)
    if depth is not None:
        item["depth"] = _write_depth(depth, place, name, metric=scene.metric)
    return item


def _write_depth(depth: Depth, place: Path, name: str, *, metric: bool) -> str:
    import cv2

    units = np.rint(depth.astype(np.float64) * SCALE)
    if metric and units.max(initial=0) < 2**16 and not ((depth > 0) & (units == 0)).any():
        path = place / f"{name}.depth.png"
        done, data = cv2.imencode(".png", units.astype(np.uint16))
        assert done
        path.write_bytes(data.tobytes())
    else:
        path = place / f"{name}.depth.npy"
        np.save(path, depth.astype(np.float32))
    return path.name


def _file_names(names: tuple[str, ...]) -> dict[str, str]:
    """Return for each view a name that is a file's, in one folder, and nobody else's."""
    taken: set[str] = set()
    files = {}
    for name in names:
        stem = re.sub(r"\.(png|jpe?g|tiff?|bmp|webp)$", "", name, flags=re.IGNORECASE)
        stem = wanted = re.sub(r"[^\w.@+-]+", "_", stem).strip("._")[:100] or "view"
        number = 2
        while stem.casefold() in taken:
            stem = f"{wanted}-{number}"
            number += 1
        taken.add(stem.casefold())
        files[name] = stem
    return files
