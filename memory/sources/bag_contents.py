"""What a bag holds about cameras: one pass over its messages, and where its poses come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...errors import SceneError
from .bag_index import Bag, Pictures
from .bag_messages import CAMERA_INFO, COMPRESSED, IMAGE, frame_name
from .bag_topics import named_in
from .bag_transforms import Frames

TF = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
STATIC = "tf_static"
ODOMETRY = "nav_msgs/msg/Odometry"
TRANSFORM = "geometry_msgs/msg/TransformStamped"
POSE = "geometry_msgs/msg/PoseStamped"
WORLDS = ("map", "odom", "world")
"""Frames that stand still, z up, by REP 105."""


@dataclass(eq=False)
class Infos:
    """The camera_info of a topic: each that differs from the one before, from when on."""

    frame: str
    since: list[int] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    last: bytes = b""


@dataclass(eq=False)
class Poses:
    """What a topic beside tf says about where a frame was."""

    child: str
    parent: str
    stamps: list[int] = field(default_factory=list)
    rows: list[tuple[float, ...]] = field(default_factory=list)


@dataclass(eq=False)
class Contents:
    """Everything that a scene needs of a bag, but for its pictures."""

    pictures: dict[str, Pictures] = field(default_factory=dict)
    infos: dict[str, Infos] = field(default_factory=dict)
    frames: Frames = field(default_factory=Frames)
    poses: dict[str, Poses] = field(default_factory=dict)


def contents_of(bag: Bag) -> Contents:
    """Read a bag through once, keeping when its pictures were taken, not the pictures.

    Raises
    ------
    SceneError
        If it is cut off or damaged.
    """
    contents = Contents()
    for topic, kind, logged, data in bag.messages(
        {IMAGE, COMPRESSED, CAMERA_INFO, *TF, ODOMETRY, TRANSFORM, POSE}
    ):
        if kind in TF:
            for one in bag.decoded(data, kind).transforms:
                _transform(contents.frames, one, topic.endswith(STATIC))
            continue
        stamp, frame = bag.stamp(data, logged)
        if kind in (IMAGE, COMPRESSED):
            if topic not in contents.pictures:
                contents.pictures[topic] = Pictures(topic, bag.decoded(data, kind), frame)
            contents.pictures[topic].logged.append(logged)
            contents.pictures[topic].stamps.append(stamp)
        elif kind == CAMERA_INFO:
            infos = contents.infos.setdefault(topic, Infos(frame))
            if data[12:] != infos.last:  # what follows the time
                infos.last = data[12:]
                infos.since.append(stamp)
                infos.messages.append(bag.decoded(data, kind))
        else:
            _pose(contents.poses, topic, stamp, bag.decoded(data, kind))
    return contents


def add_poses(contents: Contents, frame: str, told: str | None, path: str) -> tuple[str, str]:
    """Complete the tree of frames, so that it tells where a camera's frame was.

    Parameters
    ----------
    frame : str
        Of the pictures.
    told : str, optional
        The topic to take them of.

    Returns
    -------
    words : str
        Where the poses come from.
    taken : str
        The frame that they were taken for, where they name none; else empty.

    Raises
    ------
    SceneError
        If nothing says where the camera was, or several topics do.
    """
    frames, chain = contents.frames, contents.frames.chain(frame)
    chosen = _chosen(contents, frame, chain, told)
    if len(chosen) > 1:
        listed = ", ".join(f"{topic} ({one.parent} to {one.child or '?'})" for topic, one in chosen.items())
        words = f"{path} has {len(chosen)} topics that say where {frame!r} was: {listed}."
        raise SceneError(words + named_in(path, "pose"), input=path)
    if not chosen:
        if is_world(chain[-1]) or frames.moves(frame) or (frame in frames and not contents.poses):
            return "tf", ""
        raise SceneError(_unposed(contents, frame, path), input=path)
    ((topic, poses),) = chosen.items()
    if poses.child and poses.child not in chain:
        words = f"{topic} is about the frame {poses.child!r}, and nothing leads from it to {frame!r}"
        raise SceneError(f"{words} of the pictures of {path}; record /tf_static.", input=path)
    child = poses.child or chain[-1]
    frames.hang(child, poses.parent or f"world of {topic}", poses.stamps, poses.rows)
    return topic if child == frame else f"{topic} and tf", "" if poses.child else child


def _chosen(contents: Contents, frame: str, chain: list[str], told: str | None) -> dict[str, Poses]:
    """Return the topics that tell what tf leaves open; none where it leaves nothing open."""
    if told is not None:
        return {told: contents.poses[told]}
    everything = sorted(contents.poses.items())
    rooted = {topic: one for topic, one in everything if one.child == chain[-1]}
    if is_world(chain[-1]) or rooted or contents.frames.moves(frame):
        return {} if is_world(chain[-1]) else rooted
    named = {topic: one for topic, one in everything if one.child in chain}
    return named or {topic: one for topic, one in everything if not one.child and len(one.rows) > 1}


def is_world(frame: str) -> bool:
    """Tell whether a frame is one that stands still with z up, by its name (REP 105)."""
    return frame.rpartition("/")[2] in WORLDS


def _unposed(contents: Contents, frame: str, path: str) -> str:
    posed = ", ".join(f"{topic} (of {one.child or '?'})" for topic, one in sorted(contents.poses.items()))
    names = ", ".join(contents.frames.names) or "(none)"
    return (
        f"{path} does not say where its camera was: nothing leads to the frame {frame!r} of the pictures. "
        f"There are the frames {names} in tf, and the poses {posed or '(none)'}. Record /tf and "
        "/tf_static, or the odometry of that frame."
    )


def _transform(frames: Frames, message: Any, fixed: bool) -> None:
    header, moved = message.header, message.transform
    row = (*_vector(moved.translation), *_vector(moved.rotation), moved.rotation.w)
    frames.add(frame_name(message.child_frame_id), frame_name(header.frame_id), _stamp(header), row, fixed)


def _pose(poses: dict[str, Poses], topic: str, stamp: int, message: Any) -> None:
    """Take an Odometry, a TransformStamped or a PoseStamped."""
    if hasattr(message, "transform"):
        at, turned = message.transform.translation, message.transform.rotation
    else:
        pose = message.pose.pose if hasattr(message.pose, "pose") else message.pose
        at, turned = pose.position, pose.orientation
    child = frame_name(getattr(message, "child_frame_id", ""))
    one = poses.setdefault(topic, Poses(child, frame_name(message.header.frame_id)))
    one.stamps.append(stamp)
    one.rows.append((*_vector(at), *_vector(turned), turned.w))


def _vector(message: Any) -> tuple[float, float, float]:
    return message.x, message.y, message.z


def _stamp(header: Any) -> int:
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)
