"""Meshes and point clouds: a model becomes a scene by rendering it, colour and exact depth.

``<file>.views.json`` beside a file says what the file does not::

    {"scale": 0.001, "up": [0, 0, 1], "views": [{"name": "door", "width": 640, "height": 480,
     "intrinsics": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], "world_to_camera": [[...], ...]}]}

``scale`` is how many metres a unit is; views are those of ``scene.json`` without pictures, in metres. What
is left out is assumed: a unit is a metre, z (of glTF, y) is up, and cameras stand around an object, or in a
room.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import SceneError
from ..geometry import Array, Camera
from ..scene import Depth, Scene, SceneView
from ..still import Size
from .mesh_loading import CLOUDS, SURFACES, Colors, Points, Surface, load_model
from .mesh_render import Renderer
from .mesh_views import chosen
from .scene_fields import up_of

SIDECAR = ".views.json"
BESIDE = frozenset({".mtl", ".bin", ".png", ".jpg", ".jpeg", ".bmp", ".tga", ".tif", ".tiff", ".webp"})
"""Suffixes of what a mesh is made of beside its own file."""
KEPT = 32
"""Views that stay rendered, colour and depth: 2 MB each, and a second of work."""
HUGE = 1000.0
"""Metres beyond which a model is more likely in millimetres."""
MOST = 4096
"""Pixels of a side of a view."""
GLTF = frozenset({".glb", ".gltf"})


def is_mesh(path: Path) -> bool:
    """Tell whether a path is a mesh or point cloud, by its suffix."""
    return path.suffix.lower() in SURFACES | CLOUDS and path.is_file()


def read_mesh(path: Path) -> Scene:
    """Read a mesh or point cloud as a scene; a view is rendered when it is asked for.

    Parameters
    ----------
    path : path
        An ``.obj``, ``.glb``, ``.gltf``, ``.ply``, ``.stl``, ``.off``, ``.pcd`` or ``.xyz``.

    Raises
    ------
    MissingExtraError
        If trimesh or embreex is not installed.
    SceneError
        If it is malformed or empty, or its sidecar is, or names no view that can be used.
    """
    path = path.resolve()
    sidecar = path.with_name(path.name + SIDECAR)
    files = [path, sidecar, *(file for file in path.parent.iterdir() if file.suffix.lower() in BESIDE)]
    state = tuple((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(files) if f.is_file())
    return replace(_read(path, sidecar, state))  # of its own, as a scene may be changed


@lru_cache(2)
def _read(path: Path, sidecar: Path, state: tuple[tuple[str, int, int], ...]) -> Scene:
    """Read a model in a state of its files: evidence is reopened view by view, and models are large."""
    said = _said(sidecar)
    scale = _scale(said, sidecar)
    given = up_of(said, sidecar)
    if given is None and path.suffix.lower() in GLTF:
        given = np.array([0.0, 1.0, 0.0])
    up = np.array([0.0, 0.0, 1.0]) if given is None else given
    model = load_model(path)
    model.shape.vertices = model.shape.vertices * (1.0 if scale is None else scale)
    renderer = Renderer(model.shape)
    warnings = [*model.warnings, *_assumed(path, scale, given, model.shape.vertices)]
    cameras: dict[str, tuple[Camera, float | None]]
    if "views" in said:
        cameras, words = _cameras(said["views"], sidecar, warnings), f"views of {sidecar.name}"
    else:
        words, found = chosen(renderer, up)
        cameras = {name: (camera, None) for name, camera in found.items()}
    render = lru_cache(KEPT)(renderer.render)
    coarse = ""
    if isinstance(model.shape, Points):
        coarse = f"; depths are as coarse as the points, {renderer.spacing:.2g} m"
    axis = "z taken for up" if given is None else "up as stated"
    return Scene(
        source=str(path),
        format="mesh" if isinstance(model.shape, Surface) else "point cloud",
        convention=f"rendered {words}; {_units(path, scale)}; {axis}{coarse}",
        views=tuple(
            SceneView(name, camera, partial(_color, render, camera), partial(_depth, render, camera), t)
            for name, (camera, t) in cameras.items()
        ),
        up=given,
        warnings=tuple(warnings),
    )


def _color(render: Callable[[Camera], tuple[Colors, Depth]], camera: Camera) -> Colors:
    return render(camera)[0]


def _depth(render: Callable[[Camera], tuple[Colors, Depth]], camera: Camera) -> Depth:
    return render(camera)[1]


def _units(path: Path, scale: float | None) -> str:
    if scale is not None:
        return f"a unit is {scale:g} m"
    return "metres, as glTF has it" if path.suffix.lower() in GLTF else "units taken for metres"


def _assumed(path: Path, scale: float | None, up: Array | None, vertices: Array) -> list[str]:
    """Return what was taken for granted about a model, as warnings."""
    assumed = []
    beside = f"say what is right in {path.name}{SIDECAR}"
    if scale is None and path.suffix.lower() not in GLTF:
        assumed.append(f'{path} does not say its units: taken for metres; {beside}: {{"scale": 0.001}}.')
    extent = float(np.ptp(vertices, axis=0).max())
    if extent > HUGE:
        assumed.append(f"{path} is {extent:g} m wide, if its units are metres.")
    if up is None:
        assumed.append(f'{path} does not say which way is up: taken for z; {beside}: {{"up": [0, 1, 0]}}.')
    return assumed


def _said(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SceneError(f"{file} cannot be read: {error}.", input=str(file)) from error
    if not isinstance(said, dict) or not isinstance(said.get("views", []), list):
        raise SceneError(f"{file} is not an object whose views are a list.", input=str(file))
    return said


def _scale(said: dict[str, Any], file: Path) -> float | None:
    scale = said.get("scale")
    if scale is None:
        return None
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0 < scale < np.inf:
        raise SceneError(f"{file}: scale {scale!r} is not how many metres a unit is.", input=str(file))
    return float(scale)


def _cameras(views: list[Any], file: Path, warnings: list[str]) -> dict[str, tuple[Camera, float | None]]:
    """Return the cameras that a sidecar names; those that are malformed become warnings."""
    found: dict[str, tuple[Camera, float | None]] = {}
    for number, item in enumerate(views):
        try:
            name = str(item.get("name") or f"view-{number + 1:02d}")
            if name in found:
                raise SceneError(f"its name {name!r} is that of another.")
            intrinsics = np.array(item["intrinsics"], dtype=np.float64)
            if intrinsics.shape != (3, 3):
                raise SceneError(f"intrinsics are not a 3x3 matrix but of the shape {intrinsics.shape}.")
            intrinsics[:2, 2] += 0.5
            size = Size(int(item["width"]), int(item["height"]))
            if not 0 < size.width <= MOST or not 0 < size.height <= MOST:
                raise SceneError(
                    f"{size.width}x{size.height} pixels are not rendered, only up to {MOST} a side."
                )
            t = item.get("t")
            if t is not None and not np.isfinite(float(t)):
                raise SceneError(f"t is not a time in seconds: {t!r}.")
            distortion = np.array(item.get("distortion", ()), dtype=np.float64)
            camera = Camera(
                intrinsics, item["world_to_camera"], size, distortion, item.get("model", "pinhole")
            )
            found[name] = camera, None if t is None else float(t)
        except (SceneError, KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"the field {error} is missing" if isinstance(error, KeyError) else error
            warnings.append(f"{file}: view {number} is left out: {what}")
    if not found:
        raise SceneError("; ".join(warnings[-3:]) or f"{file} names no view.", input=str(file))
    return found
