"""Bags: which messages they hold and when, and one message of them at a time."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingExtraError, SceneError
from .bag_messages import header

FILES = (".bag", ".db3", ".mcap")
METADATA = "metadata.yaml"

_SIGNED = b"rosbag2_bagfile_information"
_T = TypeVar("_T")


@dataclass(eq=False)
class Pictures:
    """When the pictures of a topic were taken, without the pictures.

    Parameters
    ----------
    topic : str
    first : message
        One of them, decoded, which says what the others are.
    frame : str
        Of the camera.
    logged, stamps : list of int, nanoseconds
        When each was recorded, and taken.
    """

    topic: str
    first: Any
    frame: str
    logged: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)

    def sorted_stamps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return when they were taken in the order of time, and which of them that was."""
        stamps = np.array(self.stamps, dtype=np.int64)
        order = np.argsort(stamps, kind="stable")
        return stamps[order], order


class Bag:
    """A bag of ROS 1 or 2, opened for as long as it is used.

    Raises
    ------
    MissingExtraError
        If ``rosbags`` is not installed.
    SceneError
        If it is cut off, damaged, not indexed or no bag.
    """

    def __init__(self, path: Path) -> None:
        try:
            from rosbags.highlevel import AnyReader
            from rosbags.typesys import Stores, get_typestore
        except ImportError:
            raise MissingExtraError("rosbags", "scene", "reading a bag") from None
        self.path = path
        self._lock = Lock()
        # Bags of ROS 2 did not hold the definitions of their messages before 2023.
        default = get_typestore(Stores.ROS2_HUMBLE)
        self._reader = self._guarded(lambda: AnyReader([path], default_typestore=default))
        self._guarded(self._reader.open)
        weakref.finalize(self, self._reader.close)

    @property
    def types(self) -> dict[str, str]:
        """The topics there are messages of, and their types."""
        return {one.topic: one.msgtype for one in self._reader.connections if one.msgcount}

    def named(self, types: Collection[str]) -> str:
        """Return in words which topics of some types there are."""
        found = sorted(topic for topic, kind in self.types.items() if kind in types)
        return ", ".join(found) or "none"

    def stamp(self, data: bytes, logged: int) -> tuple[int, str]:
        """Return when a message was taken, and its frame: when it was recorded, where it does not say."""
        stamp, frame = header(data, self._reader.is2)
        return stamp or logged, frame

    def decoded(self, data: bytes, kind: str) -> Any:
        """Return a message of its bytes; errors as of the class."""
        return self._guarded(lambda: self._reader.deserialize(data, kind))

    def messages(self, types: Collection[str]) -> Iterator[tuple[str, str, int, bytes]]:
        """Read all messages of some types in the order in which they were recorded.

        Yields
        ------
        topic, type : str
        logged : int, nanoseconds
        data : bytes
            Raises as the class does where the bag is cut off.
        """
        chosen = [one for one in self._reader.connections if one.msgtype in types and one.msgcount]
        stream = self._reader.messages(connections=chosen) if chosen else iter(())
        while (item := self._guarded(lambda: next(stream, None))) is not None:
            connection, logged, data = item
            yield connection.topic, connection.msgtype, logged, data

    def picture(self, topic: str, logged: int, stamp: int) -> Any:
        """Return one message of a topic, decoded.

        Raises
        ------
        SceneError
            As the class; or if the bag no longer holds it.
        """
        chosen = [one for one in self._reader.connections if one.topic == topic]
        with self._lock:
            stream = self._reader.messages(connections=chosen, start=logged, stop=logged + 1)
            while (item := self._guarded(lambda: next(stream, None))) is not None:
                connection, at, data = item
                if self.stamp(data, at)[0] == stamp:
                    return self.decoded(data, connection.msgtype)
        raise SceneError(f"{self.path} no longer holds the picture of {topic} at {stamp} ns.", input=topic)

    def _guarded(self, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except SceneError:
            raise
        except Exception as error:  # a damaged bag fails in its parsers in any way
            raise SceneError(
                f"{self.path} cannot be read as a bag ({type(error).__name__}: {error}). It is cut off, "
                "damaged or not indexed; 'rosbag reindex' or 'ros2 bag reindex' may repair it.",
                input=str(self.path),
            ) from error


def is_bag(path: Path) -> bool:
    """Tell whether a path is a bag of ROS 1 (.bag) or ROS 2 (.db3, .mcap, or the folder of them)."""
    if path.is_dir():
        metadata = path / METADATA
        return metadata.is_file() and _SIGNED in metadata.read_bytes()[:1000]
    return path.suffix in FILES and path.is_file()
