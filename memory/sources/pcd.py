"""PCD: the point clouds of PCL, ``ascii`` and ``binary``.

The format is described in PCL's documentation ("The PCD file format"): a header of lines, then the points.
A colour is four bytes, blue first, held as one float or one integer.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError
from .files import regular_file

KINDS = {"F": "f", "I": "i", "U": "u"}
LONGEST = 100
"""Lines of a header: no file has so many fields that it needs more."""


def read_pcd(path: Path) -> tuple[NDArray[np.float64], NDArray[np.uint8] | None]:
    """Read the points and colours of a PCD file.

    Returns
    -------
    points : (N, 3) float64
    colors : (N, 3) uint8, RGB; None where the file has none

    Raises
    ------
    SceneError
        If it is malformed, truncated, or compressed.
    InputError
        If it is no regular file.
    """
    with regular_file(path, "point cloud") as file:
        try:
            head = _header(file)
            kind = np.dtype(_fields(head))
            count = int(head["POINTS"][0])
            if head["DATA"] == ["ascii"]:
                points = _ascii(file.read(), kind, count)
            elif head["DATA"] == ["binary"]:
                points = np.frombuffer(file.read(), kind, count)
            else:
                raise SceneError(
                    f"{path} holds its points as {' '.join(head['DATA'])}; save it as ascii or binary: "
                    "'pcl_convert_pcd_ascii_binary in.pcd out.pcd 1'.",
                    input=str(path),
                )
            places = np.stack([points[axis].astype(np.float64).ravel() for axis in "xyz"], axis=1)
        except (KeyError, ValueError, IndexError, TypeError, OverflowError) as error:
            raise SceneError(
                f"{path} is no point cloud of PCD, or truncated: {error}.", input=str(path)
            ) from error
    return places, _colors(points)


def _header(file: BinaryIO) -> dict[str, list[str]]:
    head: dict[str, list[str]] = {}
    for _ in range(LONGEST):
        line = file.readline(4096).decode("ascii", "replace").split("#")[0].split()
        if line:
            head[line[0]] = line[1:]
        if "DATA" in head:
            return head
    raise ValueError("its header has no DATA")


def _fields(head: dict[str, list[str]]) -> list[tuple[str, str, int]]:
    counts = head.get("COUNT") or ["1"] * len(head["FIELDS"])
    names = [name if name != "_" else f"_{number}" for number, name in enumerate(head["FIELDS"])]
    fields = zip(names, head["TYPE"], head["SIZE"], counts, strict=True)
    return [(name, f"<{KINDS[kind]}{int(size)}", int(count)) for name, kind, size, count in fields]


def _ascii(data: bytes, kind: np.dtype[np.void], count: int) -> NDArray[np.void]:
    columns = sum(int(np.prod(kind[name].shape)) for name in kind.names or ())
    values = np.array(data.split(), dtype=np.float64)
    if values.size < columns * count:
        raise ValueError(f"{values.size // max(1, columns)} of {count} points are there")
    table = values[: columns * count].reshape(count, columns)
    points = np.zeros(count, kind)
    start = 0
    for name in kind.names or ():
        width = int(np.prod(kind[name].shape))
        column = table[:, start : start + width]
        points[name] = column.reshape(points[name].shape)
        start += width
    return points


def _colors(points: NDArray[np.void]) -> NDArray[np.uint8] | None:
    name = next((name for name in ("rgb", "rgba") if name in (points.dtype.names or ())), None)
    if name is None or points.dtype[name].itemsize != 4:
        return None
    packed = np.ascontiguousarray(points[name]).view(np.uint32).ravel()
    return np.stack([(packed >> shift) & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8)
