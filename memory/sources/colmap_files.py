"""Files of a COLMAP model: whether their records are all there, before COLMAP reads them.

COLMAP's own reader takes the counts in a damaged binary file at their word, and goes on for hours where one
is cut off. Records are as in its ``scene/reconstruction_io_binary.cc``.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

from ...errors import SceneError

Bytes = mmap.mmap
Step = Callable[[Bytes, int], int]
"""Where a record ends that begins somewhere."""

COUNT = struct.Struct("<Q")
FEW = struct.Struct("<I")
POSE = 56
"""Bytes of a rotation and a translation."""
LEAST = 8
"""Bytes that a record has at least, of whatever kind."""


def check_model(model: Path) -> None:
    """Walk through the binary files of a model.

    Raises
    ------
    SceneError
        If one is cut off, or its counts are not those of its records; text has no counts.
    """
    if not (model / "cameras.bin").is_file() or not (model / "images.bin").is_file():
        return
    for name, step in RECORDS.items():
        file = model / f"{name}.bin"
        if file.is_file() and not _whole(file, step):
            raise SceneError(
                f"{file} is cut off or damaged: its records do not end where the file does. Copy it again.",
                input=str(file),
            )


def _whole(file: Path, step: Step) -> bool:
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            count = _number(COUNT, data, 0)
            if count * LEAST > len(data):
                return False
            at = COUNT.size
            for _ in range(count):
                at = step(data, at)
                if at > len(data):
                    return False
            return at == len(data)
    except (struct.error, ValueError):
        return False
    except OSError as error:
        raise SceneError(f"{file} cannot be read: {error.strerror}.", input=str(file)) from error


def _number(kind: struct.Struct, data: Bytes, at: int) -> int:
    return int(kind.unpack_from(data, at)[0])


def _image(data: Bytes, at: int) -> int:
    name = at + 4 + POSE + 4
    end = data.find(b"\0", name)
    if end < 0:
        raise ValueError
    return end + 1 + 8 + 24 * _number(COUNT, data, end + 1)


def _point(data: Bytes, at: int) -> int:
    return at + 51 + 8 * _number(COUNT, data, at + 43)


def _frame(data: Bytes, at: int) -> int:
    return at + 8 + POSE + 4 + 16 * _number(FEW, data, at + 8 + POSE)


def _rig(data: Bytes, at: int) -> int:
    sensors = _number(FEW, data, at + 4)
    if sensors * LEAST > len(data):
        raise ValueError
    at += 8 + 8 * min(sensors, 1)
    for _ in range(sensors - 1):
        at += 9 + POSE * bool(data[at + 8]) if at + 8 < len(data) else len(data)
    return at


RECORDS: dict[str, Step] = {"images": _image, "points3D": _point, "frames": _frame, "rigs": _rig}
