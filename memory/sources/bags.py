"""Bags of ROS 1 (.bag) and ROS 2 (sqlite3 and MCAP): what a robot's camera saw, from where tf says it stood.

A bag is read through once, for when its pictures were taken and where its frames were; a picture is decoded
when it is asked for. Optical frames have OpenCV's axes (REP 103), a depth is along the optical axis (REP
118), and the principal point of a ``CameraInfo`` counts from the centre of the first pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError
from ..geometry import Camera
from ..scene import Scene, SceneView
from .bag_contents import Contents, Infos, add_poses, contents_of, is_world
from .bag_index import Bag, Pictures
from .bag_index import is_bag as is_bag
from .bag_messages import CAMERA_INFO, color_of, depth_of, lens_of, size_of
from .bag_topics import color_topic, depth_topic, info_topic, rectified, told_of
from .bag_transforms import Track
from .scene_files import registered

APART = 0.05
"""Seconds between a picture and the depth that is taken for the same moment."""

Depth = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Rig:
    """A camera of a bag: its pictures, its lens from when on, and where its frame was for each of them."""

    pictures: Pictures
    since: NDArray[np.int64]
    lenses: tuple[Camera, ...]
    track: Track

    def camera(self, number: int) -> Camera:
        """Return the camera of one picture; SceneError if its pose is not rigid."""
        stamp = self.pictures.stamps[number]
        lens = self.lenses[max(0, int(np.searchsorted(self.since, stamp, side="right")) - 1)]
        return lens.posed(lens.world_to_camera @ np.linalg.inv(self.track.poses[number]))


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
    info = _info_of(color, contents)
    if info is None:
        raise SceneError(
            f"{path} has no camera_info for {color.topic}, so that nothing says how its pixels map to rays; "
            f"camera_info topics: {bag.named([CAMERA_INFO])}; all topics: {', '.join(sorted(bag.types))}.",
            input=name,
        )
    words, taken = add_poses(contents, color.frame, told.pose, name)
    rig = _rig(color, info, contents, name)
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


def _info_of(pictures: Pictures, contents: Contents) -> Infos | None:
    topic = info_topic(pictures, {topic: one.frame for topic, one in contents.infos.items()})
    return contents.infos[topic] if topic is not None else None


def _rig(pictures: Pictures, info: Infos, contents: Contents, path: str) -> Rig:
    try:
        size = size_of(pictures.first)
        lenses = tuple(lens_of(one, size, rectified(pictures.topic)) for one in info.messages)
        track = contents.frames.track(pictures.frame, np.array(pictures.stamps, dtype=np.int64))
    except SceneError as error:
        raise SceneError(f"{pictures.topic} of {path}: {error.message}", input=path) from error
    return Rig(pictures, np.array(info.since, dtype=np.int64), lenses, track)


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
        stamp = rig.pictures.stamps[number]
        color = partial(_color, bag, rig.pictures.topic, rig.pictures.logged[number], stamp)
        t = (stamp - rig.pictures.stamps[known[0]]) / 1e9
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
    color = rig.pictures
    info = _info_of(depth, contents)
    own = None
    if info is not None:
        try:
            own = _rig(depth, info, contents, str(bag.path))
        except SceneError as error:
            return {}, [f"its depths are left out: {error.message}"]
        if own.track.root != rig.track.root:
            return {}, [
                f"the depths of {depth.topic} are left out: no transform leads from {depth.frame!r} to "
                f"{color.frame!r}."
            ]
    elif depth.frame != color.frame:
        return {}, [f"the depths of {depth.topic} are left out: they have no camera_info."]
    stamps, order = depth.sorted_stamps()
    found: dict[int, Callable[[], Depth]] = {}
    for number, partner in enumerate(_nearest(np.array(color.stamps, dtype=np.int64), stamps)):
        if partner < 0 or not rig.track.known[number]:
            continue
        at = int(order[partner])
        same = own is None or (depth.frame == color.frame and own.camera(at).lens == rig.camera(number).lens)
        if own is not None and not same and not own.track.known[at]:
            continue
        cameras = None if same or own is None else (own.camera(at), rig.camera(number))
        found[number] = partial(_depth, bag, depth.topic, depth.logged[at], depth.stamps[at], cameras)
    if not found:
        return {}, [
            f"the depths of {depth.topic} are of other times than the pictures: more than {APART} s off."
        ]
    return found, []


def _nearest(wanted: NDArray[np.int64], stamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index of the nearest time for each wanted one, -1 where none is near enough."""
    after = np.clip(np.searchsorted(stamps, wanted), 0, len(stamps) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.where(np.abs(stamps[before] - wanted) <= np.abs(stamps[after] - wanted), before, after)
    return np.where(np.abs(stamps[nearer] - wanted) <= APART * 1e9, nearer, -1)


def _no_overlap(bag: Bag, rig: Rig) -> str:
    first, last = min(rig.pictures.stamps) / 1e9, max(rig.pictures.stamps) / 1e9
    start, end = rig.track.span or (0, 0)
    return (
        f"no picture of {rig.pictures.topic} in {bag.path} has a pose: they were taken from {first:.3f} to "
        f"{last:.3f} s, and the transforms to {rig.track.root!r} from {start / 1e9:.3f} to "
        f"{end / 1e9:.3f} s. The clocks differ, or the transforms were not recorded."
    )


def _color(bag: Bag, topic: str, logged: int, stamp: int) -> NDArray[np.uint8]:
    try:
        return color_of(bag.picture(topic, logged, stamp))
    except SceneError as error:
        raise SceneError(f"the picture of {topic} at {stamp} ns: {error.message}", input=topic) from error


def _depth(bag: Bag, topic: str, logged: int, stamp: int, cameras: tuple[Camera, Camera] | None) -> Depth:
    try:
        depth = depth_of(bag.picture(topic, logged, stamp))
    except SceneError as error:
        raise SceneError(f"the depth of {topic} at {stamp} ns: {error.message}", input=topic) from error
    return depth if cameras is None else registered(depth, *cameras)
