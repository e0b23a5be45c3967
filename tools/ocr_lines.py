"""Lines that OCR reads: cut out of a still upright, and split into words with boxes in the still's pixels.

The recogniser reads a line as a string and tells roughly where each character stands. Words are what spaces
part, as in a text layer; where they begin and end is measured on the ink, which is finer than the
recogniser's steps of an eighth of a line's height, and a space that it lost is found again there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Quad = NDArray[np.float32]
"""(4, 2) float32, pixels of the still: the corners of a line, clockwise, from where reading begins above."""

Pixels = NDArray[np.uint8]


SLACK = 0.25
"""Error of the recogniser's places, in heights of the line."""
ENOUGH = 3
"""Spaces of a line that tell how wide its spaces are."""
NARROW = 0.6
"""A space is at least this wide, in usual spaces of its line; what is between letters is less than half."""
DOUBTFUL = 0.95
"""A space told more surely than this is not made up, however narrow."""
CLOSE = 2.3
"""What is wider than this, in usual gaps between the letters of its line, is a space however narrow."""
WIDE, APART = 0.75, 1.8
"""A space that was not told is at least this wide: in usual spaces, and in usual gaps between letters."""
SLANT = 0.25
"""How far italics lean, across for each pixel down."""
DUST = 0.12
"""A speck of dust is smaller than a square with sides of this many heights of the line."""


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


def upright(quad: Quad) -> Quad:
    """Return the corners from the upper left one: the first side runs right, within 45 degrees."""
    across, down = quad[1] - quad[0]
    return turned(quad, -round(math.degrees(math.atan2(down, across)) / 90))


def sides(quad: Quad) -> tuple[float, float]:
    """Return how long a line is in its direction of reading, and how high."""
    long = max(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[3]))
    high = max(np.linalg.norm(quad[3] - quad[0]), np.linalg.norm(quad[2] - quad[1]))
    return float(long), float(high)


def cut(pixels: Pixels, quad: Quad) -> Pixels:
    """Cut a line out of pixels, its reading from left to right."""
    long, high = (max(1, round(side)) for side in sides(quad))
    corners = np.array([[0, 0], [long, 0], [long, high], [0, high]], np.float32)
    # the middle of the upper left pixel is (0, 0) to OpenCV, (0.5, 0.5) to us
    warp = cv2.getPerspectiveTransform(quad.astype(np.float32) - 0.5, corners - 0.5)
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


def _dusted(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the ink without specks, and without full stops and the dots of letters."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= (DUST * ink.shape[0]) ** 2
    kept[0] = False  # what is not ink
    return np.asarray(kept[parts], bool)


def _upright(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the ink with italics set upright."""
    high, wide = ink.shape
    lean = np.array([[1, SLANT, -SLANT * high / 2], [0, 1, 0]], np.float32)
    return cv2.warpAffine(ink.astype(np.uint8), lean, (wide, high), flags=cv2.INTER_NEAREST) > 0


def _rows(ink: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first row with ink, and the one after the last."""
    rows = np.flatnonzero(ink.any(axis=1))
    return (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, ink.shape[0])


def _words(ink: NDArray[np.bool_], spoken: Spoken) -> list[tuple[int, int, float, float]]:
    """Return each word's first character, the one after its last, and its left and right edge."""
    width = ink.shape[1]
    marks = [number for number, letter in enumerate(spoken.text) if not letter.isspace()]
    if not marks:
        return []
    columns = np.flatnonzero(ink.any(axis=0))
    left, end = (float(columns[0]), float(columns[-1] + 1)) if columns.size else (0.0, float(width))
    words, first = [], marks[0]
    for seam, gap in sorted(_breaks(ink, spoken, marks).items()):
        before, after = marks[seam], marks[seam + 1]
        middle = (spoken.places[before] + spoken.places[after]) / 2 * width
        words.append((first, before + 1, left, gap.start if gap else middle))
        first, left = after, gap.stop if gap else middle
    words.append((first, marks[-1] + 1, left, end))
    return words


def _breaks(ink: NDArray[np.bool_], spoken: Spoken, marks: Sequence[int]) -> dict[int, Gap | None]:
    """Return the seams between characters at which words part, and the gap in the ink there, if any.

    A seam is the number of the mark before it. Spaces of one line are about as wide as each other, and three
    times as wide as what is between letters, so that a space that is none, or a gap without a space, shows.
    """
    free = gaps(ink)
    seams = _seams(spoken, marks, ink.shape)
    told = [seam for seam in range(len(seams)) if marks[seam + 1] > marks[seam] + 1]
    spaces = _claims(free, seams, told)
    widths = [gap.width for gap in spaces.values() if gap]
    if len(widths) < ENOUGH:
        return spaces
    usual = float(np.median(widths))
    rest = [gap for gap in free if gap not in spaces.values()]
    close = [gap.width for gap in rest if gap.width < WIDE * usual]
    between = float(np.median(close)) if close else 0.0
    least = min(NARROW * usual, CLOSE * between)
    for seam in _made_up(ink, spoken, marks, seams, list(spaces), least):
        del spaces[seam]
    wide = [gap for gap in rest if gap.width >= max(WIDE * usual, APART * between)]
    return spaces | _lost(wide, seams, spaces)


def _seams(spoken: Spoken, marks: Sequence[int], shape: tuple[int, ...]) -> list[tuple[float, float]]:
    """Return the stretch of columns in which each seam lies: the recogniser's places are off by some."""
    high, wide = shape
    return [
        (spoken.places[before] * wide - SLACK * high, spoken.places[after] * wide + SLACK * high)
        for before, after in pairwise(marks)
    ]


def _claims(
    free: Sequence[Gap], seams: Sequence[tuple[float, float]], told: Sequence[int]
) -> dict[int, Gap | None]:
    """Give each space that was told the widest of the gaps that are nearer to it than to any other space."""
    claims: dict[int, Gap | None] = dict.fromkeys(told)
    for gap in free:
        near = [seam for seam in told if seams[seam][0] < gap.stop and gap.start < seams[seam][1]]
        if near:
            seam = min(near, key=lambda seam: abs(sum(seams[seam]) - gap.start - gap.stop))
            held = claims[seam]
            claims[seam] = gap if held is None or gap.width > held.width else held
    return claims


def _made_up(
    ink: NDArray[np.bool_],
    spoken: Spoken,
    marks: Sequence[int],
    seams: Sequence[tuple[float, float]],
    spaces: Sequence[int],
    least: float,
) -> list[int]:
    """Return the seams of spaces between letters that stand as close as the letters of a word."""
    # a speck of dust does not make a gap narrow, nor does an f that leans over it
    clean = _dusted(ink)
    wide = [gap for shape in (clean, _upright(clean)) for gap in gaps(shape) if gap.width >= least]
    claims = _claims(wide, seams, spaces)
    return [
        seam
        for seam in spaces
        if claims[seam] is None
        and max(spoken.sure[marks[seam] + 1 : marks[seam + 1]]) < DOUBTFUL
        and spoken.text[marks[seam]].isalpha()
        and spoken.text[marks[seam + 1]].isalpha()
    ]


def _lost(
    wide: Sequence[Gap], seams: Sequence[tuple[float, float]], spaces: dict[int, Gap | None]
) -> dict[int, Gap | None]:
    """Return the seams of gaps as wide as a space at which the recogniser told none."""
    middles = np.array(seams).mean(axis=1)
    found: dict[int, Gap | None] = {}
    for gap in wide:
        seam = int(np.argmin(np.abs(middles - (gap.start + gap.stop) / 2)))
        if seam not in spaces:
            found[seam] = gap
    return found


def _part(quad: Quad, shape: tuple[int, ...], left: float, top: float, right: float, bottom: float) -> Quad:
    """Return the corners, in the still, of a rectangle of a line cut out of it."""
    high, wide = shape
    across = np.array([left, right, right, left])[:, None] / wide
    down = np.array([top, top, bottom, bottom])[:, None] / high
    upper = quad[0] + across * (quad[1] - quad[0])
    lower = quad[3] + across * (quad[2] - quad[3])
    return np.asarray(upper + down * (lower - upper), np.float32)
