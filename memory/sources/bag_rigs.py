"""Cameras of a bag: pictures, the lens they have, where it was; and which depth belongs to which picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError
from ..geometry import Camera
from .bag_contents import Contents
from .bag_index import Pictures
from .bag_messages import lens_of, size_of
from .bag_topics import info_topic, rectified
from .bag_transforms import Track

APART = 0.05
"""Seconds between a picture and the depth that is taken for it ..."""
PROMPT = 0.02
"""... and up to which what the camera moved meanwhile is left out of account, as for TUM's recordings."""


@dataclass(frozen=True, eq=False)
class Rig:
    """A camera of a bag: its pictures, its lenses and since when, and where its frame was for each."""

    pictures: Pictures
    since: NDArray[np.int64]
    lenses: tuple[Camera, ...]
    track: Track

    def camera(self, number: int) -> Camera:
        """Return the camera of one picture."""
        lens = self.lens(number)
        return lens.posed(lens.world_to_camera @ np.linalg.inv(self.track.poses[number]))

    def lens(self, number: int) -> Camera:
        """Return the lens of one picture; ``world_to_camera`` leads from its frame to the picture's axes."""
        stamp = self.pictures.stamps[number]
        return self.lenses[max(0, int(np.searchsorted(self.since, stamp, side="right")) - 1)]


@dataclass(frozen=True, eq=False)
class Paired:
    """A depth for a picture, by their numbers, and the cameras of both, unless it was registered."""

    picture: int
    depth: int
    cameras: tuple[Camera, Camera] | None


def rig_of(pictures: Pictures, contents: Contents, path: str) -> Rig | None:
    """Return the camera of pictures; None if there is no camera_info for them.

    Raises
    ------
    SceneError
        If its camera_info cannot be used, or its frames go round in a circle.
    """
    topic = info_topic(pictures, {topic: one.frame for topic, one in contents.infos.items()})
    if topic is None:
        return None
    info = contents.infos[topic]
    try:
        size = size_of(pictures.first)
        lenses = tuple(lens_of(one, size, rectified(pictures.topic)) for one in info.messages)
        track = contents.frames.track(pictures.frame, np.array(pictures.stamps, dtype=np.int64))
    except SceneError as error:
        raise SceneError(f"{pictures.topic} of {path}: {error.message}", input=path) from error
    return Rig(pictures, np.array(info.since, dtype=np.int64), lenses, track)


def unfit(rig: Rig, depth: Pictures, own: Rig | None) -> str | None:
    """Return in words why the depths of a topic cannot be put into a camera's pictures; None if they can.

    Parameters
    ----------
    rig : Rig
        Of the colour pictures.
    own : Rig, optional
        Of the depths; None if they have no camera_info.
    """
    if own is None:
        size = size_of(depth.first)
        if depth.frame == rig.pictures.frame and size == rig.lenses[0].size:
            return None
        return "they have no camera_info, and are not of the pictures' frame and size"
    if own.track.root != rig.track.root:
        return f"no transform leads from {depth.frame!r} to {rig.pictures.frame!r}"
    return None


def paired(rig: Rig, depth: Pictures, own: Rig | None) -> Iterator[Paired]:
    """Find the depth of each picture: the nearest in time, if near enough; parameters of :func:`unfit`."""
    stamps, order = depth.sorted_stamps()
    wanted = np.array(rig.pictures.stamps, dtype=np.int64)
    after = np.clip(np.searchsorted(stamps, wanted), 0, len(stamps) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.where(np.abs(stamps[before] - wanted) <= np.abs(stamps[after] - wanted), before, after)
    off = np.abs(stamps[nearer] - wanted) / 1e9
    for number in np.flatnonzero((off <= APART) & rig.track.known).tolist():
        at = int(order[nearer[number]])
        if own is None or (off[number] <= PROMPT and _on_it(rig, number, own, at)):
            yield Paired(number, at, None)
        elif own.track.known[at]:
            yield Paired(number, at, (own.camera(at), rig.camera(number)))


def _on_it(rig: Rig, number: int, own: Rig, at: int) -> bool:
    """Tell whether a depth was registered to its picture before it was recorded: one frame, and one lens."""
    one, other = rig.lens(number), own.lens(at)
    same = one.lens == other.lens and np.array_equal(one.world_to_camera, other.world_to_camera)
    return same and rig.pictures.frame == own.pictures.frame
