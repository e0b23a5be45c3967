"""Which topics of a bag are its camera: by types, names and frames; where these do not tell, an error."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ...errors import SceneError
from .bag_index import Pictures
from .bag_messages import grey, shows_depth

TRANSPORTS = ("/compressed", "/compressedDepth")


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


def color_topic(pictures: Mapping[str, Pictures], infos: Mapping[str, str], path: str) -> Pictures:
    """Choose the colour camera.

    Raises
    ------
    SceneError
        If there is none, or several that nothing tells apart; the message lists them.
    """
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
            f"{path} has the pictures of {len(cameras)} cameras, and nothing tells which is meant: {listed}. "
            "Write a bag of one of them: rosbags-convert --exclude-topic leaves out the others.",
            input=path,
        )
    return cameras[0]


def depth_topic(color: Pictures, pictures: Mapping[str, Pictures], path: str) -> Pictures | None:
    """Choose the depth of a colour camera: registered to it, else of its device, else the only one.

    Raises
    ------
    SceneError
        If several fit alike; the message lists them.
    """
    depths = [one for one in pictures.values() if shows_depth(one.first, one.topic)]
    cameras = _cameras(_related(color, depths) or depths)
    if len(cameras) > 1:
        listed = ", ".join(sorted(one.topic for one in cameras))
        raise SceneError(
            f"{path} has {len(cameras)} depths, and nothing tells which is that of {color.topic}: {listed}. "
            "Write a bag of one of them: rosbags-convert --exclude-topic leaves out the others.",
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
