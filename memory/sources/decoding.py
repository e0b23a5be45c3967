"""Decoding: one decoded frame, which converts nothing until it is asked to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, cast

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.sidedata.sidedata import SideData
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from ...errors import InputError
from ..still import Frame, Size, Still

GREY = 128
"""The value of U and V where there is no colour."""

_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT  # the same pixels whatever the processor
_SQUARE = (Fraction(49, 50), Fraction(51, 50))
_STRANGEST = Fraction(4)
_ONE = 1 << 16  # the display matrix is fixed point, 16.16


class Turn(NamedTuple):
    """How a stored picture becomes upright: swap its axes, then flip each."""

    swapped: bool = False
    flipped_x: bool = False
    flipped_y: bool = False

    @property
    def degrees(self) -> int:
        """Clockwise: 0, 90, 180 or 270; what a mirrored picture has besides the mirror."""
        if self.swapped:
            return 90 if self.flipped_x else 270
        return 180 if self.flipped_x and self.flipped_y else 0

    def size(self, size: Size) -> Size:
        """Return the size of a picture of this size after the turn."""
        return Size(size.height, size.width) if self.swapped else size

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn pixels, (H, W, C), without copying."""
        if self.swapped:
            pixels = pixels.transpose(1, 0, 2)
        return pixels[:: -1 if self.flipped_y else 1, :: -1 if self.flipped_x else 1]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One frame as the decoder gave it; it stays valid when the next one is read.

    Parameters
    ----------
    source : str
        What its still names as origin: an absolute path, or a stream's address without credentials.
    t : float, seconds
        Presentation time, from the first frame on.
    index : int
        Rank in presentation order, from 0.
    frame : av.VideoFrame
    shape : Fraction
        Width of a pixel over its height.
    """

    source: str
    t: float
    index: int
    frame: av.VideoFrame
    shape: Fraction = Fraction(1)

    def small(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return the frame made smaller, as stored: neither turned upright nor stretched to square pixels.

        Parameters
        ----------
        width, height : int, pixels

        Returns
        -------
        (height, width, 3) uint8
            Y, U, V, averaged over areas, in the range that the stream has (mostly 16..235).
        """
        found = _planes(self.frame)
        if found is None:
            frame, _ = self._converted(Size(width, height), "yuv444p", Interpolation.AREA)
            found = _planes(frame)
            assert found is not None
        planes, bits = found
        out = np.full((height, width, 3), GREY, np.uint8)
        channel = 0
        for plane in planes:
            resized = _shrunk(plane, width, height)
            if bits > 8:
                resized = resized >> (bits - 8)
            depth = 1 if resized.ndim == 2 else 2
            out[:, :, channel : channel + depth] = resized.reshape(height, width, depth)
            channel += depth
        return out

    def still(self) -> Still:
        """Return the frame at full size: RGB, upright by its rotation, with square pixels."""
        frame, turn = self.frame, turn_of(self.frame)
        size = square_size(Size(frame.width, frame.height), self.shape)
        rgb, notes = self._converted(size, "rgb24", Interpolation.BICUBIC | _EXACT)
        pixels = np.ascontiguousarray(turn.apply(np.asarray(rgb.to_ndarray(), np.uint8)))
        pixels.flags.writeable = False
        if size != (frame.width, frame.height):
            notes = (*notes, f"its pixels are not square: stretched from {frame.width}x{frame.height}")
        return Still(pixels, Frame(source=self.source, t=self.t, index=self.index), notes=notes)

    def _converted(
        self, size: Size, layout: str, kernel: Interpolation
    ) -> tuple[av.VideoFrame, tuple[str, ...]]:
        """Convert by FFmpeg; a colour space that it does not convert is taken for BT.601, with a note."""
        frame = self.frame
        try:
            return frame.reformat(*size, layout, interpolation=kernel, threads=1), ()
        except FFmpegError:
            space, video, full = Colorspace.ITU601, ColorRange.MPEG, ColorRange.JPEG
        to = full if layout == "rgb24" else video
        try:
            made = frame.reformat(*size, layout, space, space, kernel, video, to, threads=1)
        except FFmpegError as error:
            raise InputError(
                f"the frame at {self.t:.3f} s of {self.source} is of a kind that is not converted: "
                f"{frame.format.name}, {frame.width}x{frame.height} ({error.strerror}).",
                input=self.source,
            ) from error
        return made, ("its colours are of a kind that is not converted, and were taken for BT.601",)


def turn_of(frame: av.VideoFrame) -> Turn:
    """Return how a frame becomes upright, by its display matrix (multiples of 90 degrees, mirrored or not).

    The matrix maps stored (x, y) to shown (a x + c y, b x + d y), y downwards, as in ISO/IEC 14496-12.
    """
    data = cast("Mapping[str, SideData]", frame.side_data).get("DISPLAYMATRIX")
    if data is None:
        return Turn()
    a, b, _, c, d = np.frombuffer(memoryview(data), np.int32, 5).tolist()
    if max(abs(a), abs(b), abs(c), abs(d)) < _ONE // 2:
        return Turn()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)


def square_size(size: Size, shape: Fraction | None) -> Size:
    """Return the size with square pixels: the width is stretched, unless the ratio is near 1 or senseless."""
    if not shape or _SQUARE[0] <= shape <= _SQUARE[1] or not 1 / _STRANGEST <= shape <= _STRANGEST:
        return size
    return Size(max(1, round(size.width * shape)), size.height)


def _shrunk(plane: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Average over areas: by halves first, which OpenCV does many times faster than by other ratios.

    An odd row or column is left out of each halving, but for the last, where it would be seen. What is left
    to shrink by less than 2 is interpolated. Against one exact resize, noise differs by a few levels.
    """
    while plane.shape[1] >= 2 * width or plane.shape[0] >= 2 * height:
        wide, high = plane.shape[1] >= 2 * width, plane.shape[0] >= 2 * height
        half = plane.shape[1] // (1 + wide), plane.shape[0] // (1 + high)
        if plane.shape[1] >= 4 * width and plane.shape[0] >= 4 * height:
            plane = plane[: 2 * half[1], : 2 * half[0]]
            plane = cv2.resize(plane, half, interpolation=cv2.INTER_AREA)
        else:
            plane = cv2.resize(plane, half, interpolation=cv2.INTER_LINEAR)  # of two, the mean as well
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)


def _planes(frame: av.VideoFrame) -> tuple[list[NDArray[Any]], int] | None:
    """Return Y, U and V as views of the decoder's memory, and their bits; None for a format of another kind.

    The U and V of NV12 are one view of two channels; grey has Y alone.
    """
    layout = _layout(frame.format.name)
    if layout is None:
        return None
    bits = layout
    kind = np.dtype(np.uint8 if bits == 8 else np.uint16)
    views: list[NDArray[Any]] = []
    for plane in frame.planes[:3]:
        rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
        if len(frame.planes) == 2 and views:
            views.append(rows[:, : 2 * plane.width].reshape(plane.height, plane.width, 2))
        else:
            views.append(rows[:, : plane.width])
    return views, bits


@lru_cache(maxsize=64)
def _layout(name: str) -> int | None:
    """Return the bits of a pixel format whose planes are Y, U and V, or Y, or those of NV12; else None."""
    if name == "nv12":
        return 8
    layout = av.VideoFormat(name, 64, 64)
    parts = layout.components
    bits = parts[0].bits
    if layout.is_rgb or layout.has_palette or layout.is_bit_stream or layout.is_big_endian:
        return None
    apart = [part.plane for part in parts] == list(range(len(parts)))
    same = all(part.bits == bits for part in parts)
    return bits if apart and same and 8 <= bits <= 16 and len(parts) != 2 else None
