"""Glances: the small picture of every frame that cuts and keyframes are decided on.

Two pictures are compared in two ways. Their coarse pictures are correlated, which ignores brightness and
contrast: flicker and exposure change nothing. And what one shows is sought in the other within a pixel of the
small picture, so that grain, shake and the pulses of a low bitrate take nothing away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from .still import Size, Still

cv2: Any = typed_cv2  # its stubs know neither scalar arguments nor that uint8 stays uint8

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

GRID = Size(64, 40)
"""The small picture, whatever the frame's shape; nearly that of most, which makes shrinking them fast."""
BLOCKS = Size(16, 10)
"""The coarse picture: a block is 4 by 4 pixels of the small one, 1/160 of the frame."""

FLAT = 1.5
"""Standard deviation of a coarse picture, in levels, under which it shows nothing to correlate."""
EMPTY, BLACK, WHITE = 3.0, 40, 218
"""A picture is empty if its standard deviation is below the first and its luma below the second or above the
third (black is 16, white 235)."""
GRAIN = 4.0
"""Levels that a pixel must differ from the background to count as showing something."""
CHANGE = 9
"""Levels by which a block must differ to count as changed."""
SUSPECT = 0.1
"""Decorrelation from which two frames are looked at closely."""

_SQRT = float(np.sqrt(BLOCKS.width * BLOCKS.height))
_KERNEL = np.ones((3, 3), np.uint8)


class Decoded(Protocol):
    """A frame of any source, in the decoder's own format."""

    @property
    def t(self) -> float:
        """Presentation time in seconds."""

    @property
    def index(self) -> int:
        """Rank in presentation order, from 0."""

    def small(self, width: int, height: int) -> Pixels:
        """Return the frame as (height, width, 3) YUV."""

    def still(self) -> Still:
        """Return the frame at full size."""


@dataclass(eq=False)
class Glance:
    """A frame as the detectors see it.

    Parameters
    ----------
    t : float, seconds
    index : int
    small : (40, 64, 3) uint8, YUV
    """

    t: float
    index: int
    small: Pixels
    coarse: Pixels = field(init=False)
    unit: NDArray[np.float32] = field(init=False)
    spread: float = field(init=False)
    luma: float = field(init=False)
    strength: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.coarse = cv2.resize(self.small, BLOCKS, interpolation=cv2.INTER_AREA)
        mean = cv2.mean(self.coarse)
        centred = cv2.subtract(self.coarse, mean, dtype=cv2.CV_32F).ravel()
        norm = float(np.sqrt(centred @ centred))
        self.luma = mean[0]
        self.spread = norm / _SQRT
        self.unit = centred / max(norm, 1e-6)

    @property
    def empty(self) -> bool:
        """Whether it is black or white all over."""
        return self.spread < EMPTY and not BLACK <= self.luma <= WHITE

    @cached_property
    def extremes(self) -> tuple[Pixels, Pixels]:
        """Least and greatest value beside each pixel, per channel."""
        return cv2.erode(self.small, _KERNEL), cv2.dilate(self.small, _KERNEL)

    @cached_property
    def relief(self) -> tuple[Pixels, float]:
        """How far each pixel is from the background (the median), grain aside; and the sum."""
        median = middle(self.small[::2, ::2].reshape(-1, 3))
        relief = cv2.absdiff(self.small, (*median.tolist(), 0.0))
        relief = cv2.subtract(relief, (GRAIN, GRAIN, GRAIN, 0.0))
        return relief, max(1.0, sum(cv2.sumElems(relief)))


def glance(frame: Decoded) -> Glance:
    """Look at a frame."""
    return Glance(frame.t, frame.index, frame.small(*GRID))


def middle(levels: Pixels) -> Pixels:
    """Return the median along the first axis, the upper of two; of bytes far faster than numpy's."""
    return np.asarray(np.sort(levels, axis=0)[len(levels) // 2])


def beyond(small: Pixels, extremes: tuple[Pixels, Pixels]) -> Pixels:
    """Return how far pixels are outside the range that another picture has beside them."""
    low, high = extremes
    return np.asarray(cv2.max(cv2.subtract(small, high), cv2.subtract(low, small)))


def step(before: Glance, after: Glance) -> Pixels:
    """Return by how many levels each block changed, (10, 16) uint8."""
    return np.asarray(cv2.absdiff(before.coarse, after.coarse).max(axis=2))


def changed(before: Glance, after: Glance) -> Mask:
    """Return which blocks changed, (10, 16) bool."""
    return step(before, after) > CHANGE


def _lost(before: Glance, after: Glance) -> float:
    """Return the part of what one picture shows that is not in another, 0..1."""
    relief, total = before.relief
    gone = cv2.min(beyond(before.small, after.extremes), relief)
    return float(sum(cv2.sumElems(gone))) / total


def decorrelation(before: Glance, after: Glance) -> float:
    """Return one minus the correlation of two coarse pictures, 0..2; 0 where one is flat."""
    if before.spread < FLAT or after.spread < FLAT:
        return 0.0
    return 1.0 - float(before.unit @ after.unit)


def strength(before: Glance, after: Glance) -> float:
    """Return how much like a cut two frames are, 0..1: unlike, and each showed what the other does not."""
    apart = decorrelation(before, after)
    if apart < SUSPECT:
        return 0.0
    return min(1.0, apart) * float(np.sqrt(_lost(before, after) * _lost(after, before)))
