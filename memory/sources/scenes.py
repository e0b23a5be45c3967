"""Scenes: whatever wrote the files, posed views come out, each reader stating what it converted."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...errors import InputError, SceneError
from ..scene import Scene
from ..still import Still
from .files import checked_path
from .photos import SUFFIXES

Reader = Callable[[Path], Scene]

OPEN = 4
"""Scenes whose cameras are kept for evidence to be reopened."""
STILL = 1e-6
"""How far the cameras of a scene may be apart, in its units, and still be all in one place."""
SAID = 20
"""Warnings of a reader that are kept: of a thousand frames without a pose, nobody reads all."""
CENTRAL = 0.3
"""How far a principal point may be from the middle of its picture, of its width and height."""
NEAR, FAR = 0.02, 150.0
"""Metres: between them lies the median of a depth that anybody measures in."""
MADE = ("bag", "mesh", "point cloud")
"""Formats whose depth takes long to get, and whose unit is the format's own or is told."""
LOOKED_INTO = 100
"""Subfolders that are looked into for a scene."""


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
        raise SceneError(f"{place} is no scene of a known format: {_advice(place)}.", input=str(place))
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
    """Read the picture of a view as its file is now; errors as of :func:`open_scene` and ``Scene.still``."""
    return _known(source, _state(Path(source))).reread(camera)


@lru_cache(OPEN)
def _known(source: str, state: float) -> Scene:
    """Keep the cameras of the scenes that were opened last: evidence of one answer lies in few scenes."""
    return open_scene(source)


def _state(place: Path) -> float:
    """Return when a scene's file, or what lies in its folder, changed last; 0 where there is nothing.

    Sidecars and textures lie beside a file, and are part of what it shows.
    """
    try:
        folder = place if place.is_dir() else place.parent
        inside = [entry.stat(follow_symlinks=False).st_mtime for entry in os.scandir(folder)]
        return max([place.stat().st_mtime, *inside])
    except OSError:
        return 0.0


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


def _advice(place: Path) -> str:
    """Return what to do about a path that is no scene: name one of those in it, or find poses first."""
    inner = sorted(p for p in place.iterdir() if p.is_dir())[:LOOKED_INTO] if place.is_dir() else []
    scenes = [folder.name for folder in inner if _readers(folder)]
    if scenes:
        return f"but there are scenes in it, name one: {', '.join(scenes[:5])}"
    if place.is_dir() and sum(file.suffix.lower() in SUFFIXES for file in place.iterdir()) > 1:
        return "it holds pictures without poses, which 'sightloop scene from-photos' can find"
    return (
        "name the folder of scene.json, transforms.json, a COLMAP model, or a ScanNet, TUM or 7-Scenes "
        "sequence; a bag; or a mesh"
    )


def _checked(scene: Scene) -> Scene:
    """Add to a scene's warnings what is odd about all of its views together."""
    said = list(scene.warnings[:SAID])
    if len(scene.warnings) > SAID:
        said.append(f"{scene.source}: {len(scene.warnings) - SAID} more warnings like these.")
    scene.warnings = (*said, *_poses(scene), *_lenses(scene), *_depths(scene))
    return scene


def _poses(scene: Scene) -> list[str]:
    if len(scene) == 1:
        return [f"{scene.source} has one view only: without depth nothing can be measured in it."]
    centres = np.stack([view.camera.centre for view in scene.views])
    if np.ptp(centres, axis=0).max() >= STILL:
        return []
    return [
        f"{scene.source}: all {len(scene)} cameras stand in one place; without depth nothing can be "
        "measured from there, and if they should not, the poses are wrong."
    ]


def _lenses(scene: Scene) -> list[str]:
    """Tell of intrinsics that are most likely those of a picture of another size."""
    sizes = np.array([view.camera.size for view in scene.views])
    centres = np.stack([view.camera.intrinsics[:2, 2] for view in scene.views])
    off = (np.abs(centres / sizes - 0.5) > CENTRAL).any(axis=1)
    if not off.any():
        return []
    first = int(off.argmax())
    (x, y), (width, height) = centres[first], sizes[first]
    return [
        f"{scene.source}: in {int(off.sum())} of {len(scene)} views the principal point is far from the "
        f"middle ({scene.names[first]}: {x:.0f}, {y:.0f} of {width}x{height}): the intrinsics may be those "
        "of another size of picture, and lengths wrong."
    ]


def _depths(scene: Scene) -> list[str]:
    """Tell of the first depth of a metric scene if no room or street is as deep as that."""
    name = next((view.name for view in scene.views if view.depth is not None), None)
    if name is None or not scene.metric or scene.format in MADE:
        return []
    try:
        depth = scene.depth(name)
    except InputError as error:
        return [f"{scene.source}: {error.message}"]
    known = depth[depth > 0] if depth is not None else np.zeros(0)
    if not known.size:
        return [f"{scene.source}: the depth of {name} is unknown everywhere."]
    middle = float(np.median(known))
    if NEAR <= middle <= FAR:
        return []
    return [
        f"{scene.source}: the depth of {name} is {middle:.4g} m in the middle: its unit is most likely "
        "another one, and every length is wrong by as much."
    ]
