"""Bags of ROS 1 (.bag) and ROS 2 (sqlite3 and MCAP): what a robot's camera saw, from where tf says it stood.

A bag is read through once, for when its pictures were taken and where its frames were; a picture is decoded
when it is asked for. Optical frames have OpenCV's axes (REP 103), a depth is along the optical axis (REP
118), and the principal point of a ``CameraInfo`` counts from the centre of the first pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError
from ..geometry import Camera
from ..scene import Scene, SceneView
from ..still import Size
from .bag_contents import Contents, add_poses, contents_of, is_world
from .bag_index import Bag, Pictures
from .bag_index import is_bag as is_bag
from .bag_messages import CAMERA_INFO, color_of, depth_of
from .bag_rigs import APART, Rig, paired, rig_of, unfit
from .bag_topics import color_topic, depth_topic, told_of
from .scene_files import registered

Depth = NDArray[np.float32]


def read_bag(path: Path) -> Scene:
    """Read a bag.

    Parameters
    ----------
    path : path
        A ``.bag``, ``.db3`` or ``.mcap`` file, or the folder of a bag of ROS 2.

    Returns
    -------
    Scene
        A view for each colour picture whose pose is known, by the number of the picture in its topic; it
        keeps the bag open.

    Raises
    ------
    MissingExtraError
        If ``rosbags`` is not installed.
    SceneError
        If the bag is cut off; has no colour picture, or those of several cameras that nothing tells apart; no
        camera_info or no pose for them; or transforms of another time only.
    """
    bag, name = Bag(path), str(path)
    contents = contents_of(bag)
    told = told_of(path.absolute(), contents.pictures, contents.poses)
    infos = {topic: one.frame for topic, one in contents.infos.items()}
    color = color_topic(contents.pictures, infos, told, name)
    words, taken = add_poses(contents, color.frame, told.pose, name)
    rig = rig_of(color, contents, name)
    if rig is None:
        raise SceneError(
            f"{path} has no camera_info for {color.topic}, so that nothing says how its pixels map to rays; "
            f"camera_info topics: {bag.named([CAMERA_INFO])}; all topics: {', '.join(sorted(bag.types))}.",
            input=name,
        )
    depth = depth_topic(color, contents.pictures, told, name)
    depths, warnings = _depths(bag, rig, depth, contents)
    views = _views(bag, rig, depths, warnings)
    if taken:
        warnings.append(f"the poses of {words} name no frame: they are taken for those of {taken!r}.")
    warnings += [f"tf: {conflict}; the first is kept." for conflict in sorted(contents.frames.conflicts)]
    world = rig.track.root
    z_up = is_world(world) and not taken
    return Scene(
        source=str(path.resolve()),
        format="bag",
        convention=f"{color.topic} in the frame {color.frame!r} (OpenCV axes), world frame {world!r}"
        f"{' (z up, REP 105)' if z_up else ''}, poses of {words}, interpolated at each picture; depth "
        f"{'of ' + depth.topic if depth and depths else 'none'}; metres",
        views=tuple(views),
        up=np.array([0.0, 0.0, 1.0]) if z_up else None,
        warnings=tuple(warnings),
    )


def _views(
    bag: Bag, rig: Rig, depths: dict[int, Callable[[], Depth]], warnings: list[str]
) -> list[SceneView]:
    """Make a view of each picture whose pose is known, in the order of time."""
    stamps, order = rig.pictures.sorted_stamps()
    known = [int(number) for number in order if rig.track.known[number]]
    if not known:
        raise SceneError(_no_overlap(bag, rig), input=str(bag.path))
    views = []
    for number in known:
        color = partial(_color, bag, rig.pictures, number)
        t = (rig.pictures.stamps[number] - rig.pictures.stamps[known[0]]) / 1e9
        views.append(SceneView(f"{number:06d}", rig.camera(number), color, depths.get(number), t))
    if lost := len(stamps) - len(known):
        warnings.append(
            f"{lost} of {len(stamps)} pictures of {rig.pictures.topic} are left out: the transforms do not "
            "reach to their time."
        )
    if depths and (bare := sum(view.depth is None for view in views)):
        warnings.append(f"{bare} of {len(views)} views have no depth within {APART} s.")
    return views


def _depths(
    bag: Bag, rig: Rig, depth: Pictures | None, contents: Contents
) -> tuple[dict[int, Callable[[], Depth]], list[str]]:
    """Return what reads the depth of each colour picture that has one, and what keeps the others from it."""
    if depth is None:
        return {}, []
    try:
        own = rig_of(depth, contents, str(bag.path))
        why = unfit(rig, depth, own)
    except SceneError as error:
        why = error.message
    if why is not None:
        return {}, [f"the depths of {depth.topic} are left out: {why}."]
    found: dict[int, Callable[[], Depth]] = {
        one.picture: partial(_depth, bag, depth, one.depth, one.cameras, rig.lens(one.picture).size)
        for one in paired(rig, depth, own)
    }
    if not found:
        return {}, [f"no depth of {depth.topic} is of the time of a picture: all are {APART} s off or more."]
    return found, []


def _no_overlap(bag: Bag, rig: Rig) -> str:
    first, last = min(rig.pictures.stamps) / 1e9, max(rig.pictures.stamps) / 1e9
    start, end = rig.track.span or (0, 0)
    return (
        f"no picture of {rig.pictures.topic} in {bag.path} has a pose: they were taken from {first:.3f} to "
        f"{last:.3f} s, and the transforms to {rig.track.root!r} from {start / 1e9:.3f} to "
        f"{end / 1e9:.3f} s. The clocks differ, or the transforms were not recorded."
    )


def _color(bag: Bag, pictures: Pictures, number: int) -> NDArray[np.uint8]:
    try:
        return color_of(bag.picture(pictures.topic, pictures.logged[number], pictures.stamps[number]))
    except SceneError as error:
        raise SceneError(_where(pictures, number) + error.message, input=pictures.topic) from error


def _depth(
    bag: Bag, pictures: Pictures, number: int, cameras: tuple[Camera, Camera] | None, size: Size
) -> Depth:
    try:
        depth = depth_of(bag.picture(pictures.topic, pictures.logged[number], pictures.stamps[number]))
    except SceneError as error:
        raise SceneError(_where(pictures, number) + error.message, input=pictures.topic) from error
    expected = size if cameras is None else cameras[0].size
    if depth.shape != (expected.height, expected.width):
        shape = f"{depth.shape[1]}x{depth.shape[0]} pixels, its camera {expected.width}x{expected.height}."
        raise SceneError(f"{_where(pictures, number)}it has {shape}", input=pictures.topic)
    return depth if cameras is None else registered(depth, *cameras)


def _where(pictures: Pictures, number: int) -> str:
    return f"picture {number} of {pictures.topic}, at {pictures.stamps[number] / 1e9:.3f} s: "
