"""Scenes: whatever wrote the files, posed views come out, each reader stating what it converted."""

from __future__ import annotations

import os

from ...errors import SceneError
from ..scene import Scene
from ..still import Still
from .files import checked_path


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
        If it is none that is known, or malformed; the message names the file and the field.
    """
    from .scene_json import is_scene_json, read_scene_json

    place = checked_path(path, "scene")
    if not place.exists():
        raise SceneError(f"{place} does not exist.", input=str(place))
    if is_scene_json(place):
        return read_scene_json(place)
    raise SceneError(f"{place} is no scene of a known format.", input=str(place))


def is_scene(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is a scene of a known format, by what lies there; nothing else is read."""
    from .scene_json import is_scene_json

    return is_scene_json(checked_path(path, "scene"))


def read_view(source: str, camera: str) -> Still:
    """Read the picture of one view again; errors as of :func:`open_scene` and ``Scene.still``."""
    return open_scene(source).still(camera)
