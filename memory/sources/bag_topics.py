"""Which topics of a bag are its camera, by types, names and frames; where these do not tell, an error does.

A file beside the bag, its name and ``.topics.json``, may name them, for those who reopen the bag too::

    {"color": "/front/image_raw", "depth": "/front/depth/image_raw", "pose": "/odom"}
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import SceneError, nearest
from .bag_index import Pictures
from .bag_messages import grey, shows_depth

SIDECAR = ".topics.json"
TRANSPORTS = ("/compressed", "/compressedDepth")


@dataclass(frozen=True)
class Told:
    """The topics that a bag's sidecar names; None for what it leaves to be found."""

    color: str | None = None
    depth: str | None = None
    pose: str | None = None


def told_of(bag: Path, pictures: Collection[str], poses: Collection[str]) -> Told:
    """Read the sidecar of a bag, if it has one.

    Parameters
    ----------
    pictures, poses : the topics there are

    Raises
    ------
    SceneError
        If it is malformed, or names a topic that the bag does not have.
    """
    file = bag.with_name(bag.name + SIDECAR)
    if not file.is_file():
        return Told()
    try:
        told = Told(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SceneError(f"{file} does not name topics: {error}.", input=str(file)) from error
    for field, topics in (("color", pictures), ("depth", pictures), ("pose", poses)):
        topic = getattr(told, field)
        if topic is not None and topic not in topics:
            message = (
                f"{field} of {file} is none of the bag's: {topic!r}; there are {', '.join(topics) or 'none'}."
            )
            raise SceneError(message + nearest(str(topic), topics), input=str(file))
    return told


def named_in(path: str, field: str) -> str:
    """Return in words where a topic can be named."""
    return f' Name it in {path}{SIDECAR}: {{"{field}": "/topic"}}.'


def base_of(topic: str) -> str:
    """Return the topic without the transport that a compressed one has after it."""
    for transport in TRANSPORTS:
        topic = topic.removesuffix(transport)
    return topic


def place_of(topic: str) -> str:
    """Return the namespace of a picture's topic, which it shares with its ``camera_info``."""
    return base_of(topic).rpartition("/")[0]


def rectified(topic: str) -> bool:
    """Tell whether pictures were rectified, as ``image_proc`` names them; a RealSense's depth says it too."""
    return "rect" in base_of(topic).rpartition("/")[2].split("_")


def info_topic(pictures: Pictures, infos: Mapping[str, str]) -> str | None:
    """Return the camera_info topic of pictures: their sibling, or else the only one of their frame.

    Parameters
    ----------
    infos : camera_info topics and their frames
    """
    for name in (f"{place_of(pictures.topic)}/camera_info", f"{base_of(pictures.topic)}/camera_info"):
        if name in infos:
            return name
    same = [topic for topic, frame in infos.items() if frame and frame == pictures.frame]
    return same[0] if len(same) == 1 else None


def color_topic(
    pictures: Mapping[str, Pictures], infos: Mapping[str, str], told: Told, path: str
) -> Pictures:
    """Choose the colour camera.

    Raises
    ------
    SceneError
        If there is none, or several that nothing tells apart; the message lists them.
    """
    if told.color is not None:
        return pictures[told.color]
    depths = [one for one in pictures.values() if shows_depth(one.first, one.topic)]
    colors = [one for one in pictures.values() if not shows_depth(one.first, one.topic)]
    if not colors:
        found = ", ".join(sorted(pictures)) or "no picture at all"
        raise SceneError(
            f"{path} has no colour picture (sensor_msgs Image or CompressedImage): {found}.", input=path
        )
    cameras = _cameras(colors)
    for narrower in (
        [one for one in cameras if not grey(one.first)],
        [one for one in cameras if info_topic(one, infos)],
    ):
        cameras = narrower or cameras
    if len(cameras) > 1:
        owners = [_related(depth, cameras) for depth in depths]
        with_depth = list({id(owner[0]): owner[0] for owner in owners if len(owner) == 1}.values())
        cameras = with_depth if len(with_depth) == 1 else cameras
    if len(cameras) > 1:
        listed = ", ".join(sorted(one.topic for one in cameras))
        raise SceneError(
            f"{path} has the pictures of {len(cameras)} cameras, and nothing tells which is meant: {listed}."
            + named_in(path, "color"),
            input=path,
        )
    return cameras[0]


def depth_topic(color: Pictures, pictures: Mapping[str, Pictures], told: Told, path: str) -> Pictures | None:
    """Choose the depth of a colour camera: registered to it, else of its device, else the only one.

    Raises
    ------
    SceneError
        If several fit alike; the message lists them.
    """
    if told.depth is not None:
        return pictures[told.depth]
    depths = [one for one in pictures.values() if shows_depth(one.first, one.topic)]
    cameras = _cameras(_related(color, depths) or depths)
    if len(cameras) > 1:
        listed = ", ".join(sorted(one.topic for one in cameras))
        raise SceneError(
            f"{path} has {len(cameras)} depths, and nothing tells which is that of {color.topic}: {listed}."
            + named_in(path, "depth"),
            input=path,
        )
    return cameras[0] if cameras else None


def _cameras(pictures: Collection[Pictures]) -> list[Pictures]:
    """Return one topic for each camera: the one that loses nothing, and has the most pictures."""
    groups: dict[tuple[str, str], list[Pictures]] = {}
    for one in sorted(pictures, key=lambda one: one.topic):
        groups.setdefault((place_of(one.topic), one.frame), []).append(one)
    return [max(group, key=_worth) for group in groups.values()]


def _worth(one: Pictures) -> tuple[bool, bool, int]:
    return hasattr(one.first, "encoding"), not grey(one.first), len(one.stamps)


def _related(one: Pictures, others: Collection[Pictures]) -> list[Pictures]:
    """Return those of a topic's own frame, or else those whose names share the most with its name."""
    same = [other for other in others if other.frame == one.frame]
    if same:
        return same
    shared = {other.topic: _shared(place_of(one.topic), place_of(other.topic)) for other in others}
    most = max(shared.values(), default=0)
    return [other for other in others if most and shared[other.topic] == most]


def _shared(one: str, other: str) -> int:
    """Return how many leading parts two namespaces share."""
    count = 0
    for left, right in zip(one.strip("/").split("/"), other.strip("/").split("/"), strict=False):
        if left != right or not left:
            break
        count += 1
    return count
