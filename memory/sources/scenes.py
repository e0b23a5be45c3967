"""Scenes: whatever wrote the files, posed views come out, each reader stating what it converted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...errors import SceneError
from ..scene import Scene
from ..still import Still
from .files import checked_path

Reader = Callable[[Path], Scene]

STILL = 1e-6
"""How far the cameras of a scene may be apart, in its units, and still be all in one place."""


def open_scene(path: str | os.PathLike[str]) -> Scene:
    """Read a scene; its pictures and depths are read when they are asked for.

    Parameters
    ----------
    path : str or path
        A folder or file of one of the formats in ``docs/scenes.md``.

    Returns
    -------
    Scene

    Raises
    ------
    SceneError
        If it is none that is known, of several formats at once, or malformed; the message names the file and
        the field.
    MissingExtraError
        If its format needs a library that is not installed.
    """
    place = checked_path(path, "scene")
    if not place.exists():
        raise SceneError(f"{place} does not exist.", input=str(place))
    readers = _readers(place)
    if not readers:
        raise SceneError(
            f"{place} is no scene of a known format: name the folder of scene.json, transforms.json, a "
            "COLMAP model, or a ScanNet, TUM or 7-Scenes sequence; a bag; or a mesh.",
            input=str(place),
        )
    if len(readers) > 1:
        formats = ", ".join(readers)
        message = f"{place} holds scenes of several formats ({formats}): name the file or subfolder of one."
        raise SceneError(message, input=str(place))
    (read,) = readers.values()
    return _checked(read(place))


def is_scene(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is a scene of a known format, by what lies there; nothing else is read."""
    place = checked_path(path, "scene")
    try:
        return place.exists() and bool(_readers(place))
    except OSError:
        return False


def read_view(source: str, camera: str) -> Still:
    """Read the picture of one view again; errors as of :func:`open_scene` and ``Scene.still``."""
    return open_scene(source).still(camera)


def _readers(place: Path) -> dict[str, Reader]:
    """Return what reads a place, by format; each module is light and loads its library when it reads."""
    from .bag_index import is_bag
    from .colmap import is_colmap, read_colmap
    from .meshes import is_mesh, read_mesh
    from .nerfstudio import is_nerfstudio, read_nerfstudio
    from .scannet import is_scannet, read_scannet
    from .scene_json import is_scene_json, read_scene_json
    from .seven_scenes import is_seven_scenes, read_seven_scenes
    from .tum import is_tum, read_tum

    if is_scene_json(place):  # ours is the one that says all; what it was made of may lie beside it
        return {"scene.json": read_scene_json}
    known: dict[str, tuple[Callable[[Path], bool], Reader]] = {
        "nerfstudio": (is_nerfstudio, read_nerfstudio),
        "colmap": (is_colmap, read_colmap),
        "scannet": (is_scannet, read_scannet),
        "tum": (is_tum, read_tum),
        "7-scenes": (is_seven_scenes, read_seven_scenes),
        "bag": (is_bag, _read_bag),
        "mesh": (is_mesh, read_mesh),
    }
    found = {name: read for name, (matches, read) in known.items() if matches(place)}
    if "nerfstudio" in found:  # nerfstudio writes transforms.json beside the COLMAP model that it is made of
        found.pop("colmap", None)
    return found


def _read_bag(path: Path) -> Scene:
    from .bags import read_bag  # loads the messages' definitions

    return read_bag(path)


def _checked(scene: Scene) -> Scene:
    """Add to a scene's warnings what is odd about all of its views together."""
    centres = np.stack([view.camera.centre for view in scene.views])
    odd = []
    if len(scene) == 1:
        odd.append(f"{scene.source} has one view only: without depth nothing can be measured in it.")
    elif np.ptp(centres, axis=0).max() < STILL:
        odd.append(
            f"{scene.source}: all {len(scene)} cameras stand in one place; without depth nothing can be "
            "measured from there, and if they should not, the poses are wrong."
        )
    scene.warnings = (*scene.warnings, *odd)
    return scene
