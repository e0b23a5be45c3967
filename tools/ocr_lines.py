"""Lines that OCR reads: cut out of a still upright, and split into words with boxes in the still's pixels.

The recogniser reads a line as a string and tells roughly where each character stands. Words are what spaces
part, as in a text layer; where they begin and end is measured on the ink, which is finer than the
recogniser's steps of an eighth of a line's height, and a space that it lost is found again there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Quad = NDArray[np.float32]
"""(4, 2) float32, pixels of the still: the corners of a line, clockwise, from where reading begins above."""

Pixels = NDArray[np.uint8]


class Spoken(NamedTuple):
    """What the recogniser said of a line: its characters, where each stands (0..1 of the line), how sure."""

    text: str
    places: tuple[float, ...]
    sure: tuple[float, ...]

    @property
    def mean(self) -> float:
        """How sure the line is on the whole."""
        return sum(self.sure) / len(self.sure) if self.sure else 0.0


class Piece(NamedTuple):
    """A word of a line, its corners in pixels of the still as in :data:`Quad`, and how sure it is."""

    text: str
    quad: Quad
    sure: float


class Gap(NamedTuple):
    """A stretch of columns of a cut line without ink, from ``start`` to before ``stop``."""

    start: int
    stop: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.stop - self.start


def turned(quad: Quad, quarters: int) -> Quad:
    """Return the corners from where reading begins, for writing turned clockwise by quarters of a turn."""
    return np.roll(quad, -quarters, axis=0)


def sides(quad: Quad) -> tuple[float, float]:
    """Return how long a line is in its direction of reading, and how high."""
    long = max(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[3]))
    high = max(np.linalg.norm(quad[3] - quad[0]), np.linalg.norm(quad[2] - quad[1]))
    return float(long), float(high)


def cut(pixels: Pixels, quad: Quad) -> Pixels:
    """Cut a line out of pixels, its reading from left to right."""
    long, high = (max(1, round(side)) for side in sides(quad))
    corners = np.array([[0, 0], [long, 0], [long, high], [0, high]], np.float32)
    warp = cv2.getPerspectiveTransform(quad.astype(np.float32), corners)
    line = cv2.warpPerspective(
        pixels, warp, (long, high), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(line, np.uint8)


def pieces(line: Pixels, quad: Quad, spoken: Spoken) -> list[Piece]:
    """Split a line into its words.

    Parameters
    ----------
    line : (h, w, 3) uint8
        As :func:`cut` from the still.
    quad : Quad
        Where it was cut.
    spoken : Spoken

    Returns
    -------
    list of Piece
        In reading order.
    """
    ink = ink_of(line)
    top, bottom = _rows(ink)
    found = []
    for first, last, left, right in _words(ink, spoken):
        text = "".join(spoken.text[first:last].split())
        sure = min(spoken.sure[first:last])
        found.append(Piece(text, _part(quad, ink.shape, left, top, right, bottom), sure))
    return found


def ink_of(line: Pixels) -> NDArray[np.bool_]:
    """Tell which pixels of a line are written on: the rarer side of Otsu's threshold.

    Rows that are written on from end to end are a ruling or an underline, not writing.
    """
    grey = cv2.cvtColor(line, cv2.COLOR_RGB2GRAY)
    _, light = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    ink: NDArray[np.bool_] = light > 0
    if ink.mean() > 0.5:
        ink = ~ink
    ink[ink.mean(axis=1) > 0.9] = False
    return ink


def gaps(ink: NDArray[np.bool_]) -> list[Gap]:
    """Return the stretches without ink between the first and the last column with ink."""
    blank = ~ink.any(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], blank, [False])).astype(np.int8)))
    found = [Gap(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
    return [gap for gap in found if gap.start > 0 and gap.stop < blank.size]


def _rows(ink: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first row with ink, and the one after the last."""
    rows = np.flatnonzero(ink.any(axis=1))
    return (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, ink.shape[0])


def _words(ink: NDArray[np.bool_], spoken: Spoken) -> list[tuple[int, int, float, float]]:
    """Return each word's first character, the one after its last, and its left and right edge."""
    width = ink.shape[1]
    free = gaps(ink)
    marks = [number for number, letter in enumerate(spoken.text) if not letter.isspace()]
    if not marks:
        return []
    columns = np.flatnonzero(ink.any(axis=0))
    left = float(columns[0]) if columns.size else 0.0
    end = float(columns[-1] + 1) if columns.size else float(width)
    words, first = [], marks[0]
    for before, after in pairwise(marks):
        if after == before + 1:
            continue
        stop, start = _edges(free, spoken.places[before] * width, spoken.places[after] * width)
        words.append((first, before + 1, left, stop))
        first, left = after, start
    words.append((first, marks[-1] + 1, left, end))
    return words


def _edges(free: Sequence[Gap], before: float, after: float) -> tuple[float, float]:
    """Return where the word before a space ends and the one after it begins: the widest gap between."""
    between = [gap for gap in free if before < gap.stop and gap.start < after]
    if not between:
        return (before + after) / 2, (before + after) / 2
    widest = max(between, key=lambda gap: gap.width)
    return float(widest.start), float(widest.stop)


def _part(quad: Quad, shape: tuple[int, ...], left: float, top: float, right: float, bottom: float) -> Quad:
    """Return the corners, in the still, of a rectangle of a line cut out of it."""
    high, wide = shape
    across = np.array([left, right, right, left])[:, None] / wide
    down = np.array([top, top, bottom, bottom])[:, None] / high
    upper = quad[0] + across * (quad[1] - quad[0])
    lower = quad[3] + across * (quad[2] - quad[3])
    return np.asarray(upper + down * (lower - upper), np.float32)
