"""Figures: which words belong to what is drawn, and how far a figure reaches.

A figure grows from its largest drawn part: what is near is a part of it, be it drawn (a legend, another
panel) or short lines of words (ticks, the names of axes, a title), which bring more in reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .aligned import is_number
from .blocks import CAPTION
from .drawn_parts import Part
from .lines import Line, lines_of
from .loose_words import Boxes, LooseWords
from .still import Size

NEAR = (3.5, 2.8)
"""Distance of a label, or of another part, from a figure at most, in heights of a line: across, where prose
is rare, and down."""

SMALL, NEAR_SMALL = 0.9, (5.5, 4.5)
"""The same of a label in smaller print than prose has, by this factor at least."""

PROSE_WORDS, OPEN = 5, 8
"""Words of a line of prose beside a figure at least; pieces among which the line below it is sought."""

PROSE = 0.8
"""Prose has the larger fonts of a page: the size that this share of its letters do not exceed."""

STACKED = 7
"""Distance of figures above each other, with nothing but blank paper between, that are one at most."""

FAR = 5.5
"""Distance of a label from what is drawn at most: a row of ticks and the name of the axis lie between."""

LABEL_WORDS = 8
"""Words of a label at most."""

LABEL_WIDTH = 0.75
"""Width of a label at most, as a share of the figure's, unless it is a row of ticks."""


@dataclass(frozen=True)
class Framed:
    """A figure or a ruled table: its box, the numbers of its words, and which of both it is."""

    box: tuple[float, float, float, float]
    words: NDArray[np.int64]
    figure: bool


def framed(words: LooseWords, parts: Sequence[Part], height: float) -> list[Framed]:
    """Return the figures and ruled tables of a page with their words; no word is in two of them.

    Parameters
    ----------
    height : float
        Of most lines, in pixels.
    """
    free = np.ones(len(words), bool)
    found = [_taken(words, free, part.box, [], figure=False) for part in parts if part.kind == "table"]
    drawn = [part for part in parts if part.kind != "table"]
    if any(part.kind == "figure" for part in drawn):
        boxes = np.array([part.box for part in drawn], np.float32)
        labels = _labels(words, free, boxes, height)
        left = np.ones(len(drawn), bool)
        prose = _prose_size(words)
        for number, part in enumerate(drawn):
            if part.kind == "figure" and left[number]:
                left[number] = False
                found.append(_grown(words, free, boxes, left, number, labels, height, prose))
    return _joined(words, free, found, height)


def _joined(
    words: LooseWords, free: NDArray[np.bool_], found: Sequence[Framed], height: float
) -> list[Framed]:
    """Join figures that reach into each other, or stand above each other with nothing between."""
    rest = [each for each in found if not each.figure]
    figures: list[Framed] = []
    for each in sorted((each for each in found if each.figure), key=lambda each: each.box[1]):
        for other in list(figures):
            hull = _around(np.array([each.box, other.box], np.float32))
            if (
                _close(each.box, other.box, STACKED * height)
                and not (free & _within(words.boxes, hull)).any()
            ):
                figures.remove(other)
                each = Framed(hull, np.concatenate([other.words, each.words]), figure=True)
        figures.append(each)
    return rest + figures


def _close(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float], distance: float
) -> bool:
    """Tell whether boxes overlap, or one stands above the other at most that far."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    return across > 0 and down > -distance


def _prose_size(words: LooseWords) -> float:
    order = np.argsort(words.sizes)
    letters = np.cumsum(np.array([len(text) for text in words.texts])[order])
    return float(words.sizes[order][np.searchsorted(letters, PROSE * letters[-1])]) if len(order) else 0.0


def turned_lines(words: LooseWords, numbers: NDArray[np.int64], gap: float = np.inf) -> list[Line]:
    """Put words that run in any direction into lines, those of each direction for themselves.

    A line ends where words are farther apart than ``gap`` pixels.
    """
    lines: list[Line] = []
    for quarter in np.unique(words.turns[numbers]).tolist():
        page = words.turned(quarter, Size(0, 0)) if quarter else words
        found = lines_of(page, numbers[words.turns[numbers] == quarter])
        lines += [Line(words, piece.numbers) for line in found for piece in line.pieces(gap)]
    return lines


def _taken(
    words: LooseWords,
    free: NDArray[np.bool_],
    box: tuple[float, float, float, float],
    labels: Sequence[Line],
    *,
    figure: bool,
) -> Framed:
    """Take the words in a box, and the labels."""
    inside = np.flatnonzero(free & _within(words.boxes, box))
    taken = np.unique(np.concatenate([inside, *(np.array(line.numbers, int) for line in labels)]))
    free[taken] = False
    reach = np.concatenate([np.array([box], np.float32), words.boxes[taken]])
    return Framed(_around(reach), taken, figure)


def _grown(
    words: LooseWords,
    free: NDArray[np.bool_],
    boxes: Boxes,
    left: NDArray[np.bool_],
    number: int,
    labels: Sequence[Line],
    height: float,
    prose: float,
) -> Framed:
    """Let a figure grow from one of the drawn parts; takes its words, and its parts from those left."""
    drawn = boxes[number]
    widest = LABEL_WIDTH * max(float(drawn[2] - drawn[0]), 10 * height)
    own = [line for line in labels if free[line.numbers[0]] and _may_label(line, widest)]
    label_boxes = np.array([line.box for line in own], np.float32).reshape(-1, 4)
    taken = np.zeros(len(own), bool)
    small = np.array([line.size < SMALL * prose for line in own], bool)
    near, near_small = ([height * distance for distance in distances] for distances in (NEAR, NEAR_SMALL))
    reach, before = drawn, None
    while before is None or (reach != before).any():
        before = reach
        parts = left & _near(boxes, reach, *near)
        left &= ~parts
        drawn = _union(drawn, boxes[parts])
        close = _near(label_boxes, reach, *near) | (small & _near(label_boxes, reach, *near_small))
        close &= _near(label_boxes, drawn, FAR * height, FAR * height)
        taken |= close
        reach = _union(_union(reach, drawn[None]), label_boxes[close])
    held = [own[at] for at in np.flatnonzero(taken).tolist()]
    return _taken(words, free, _around(drawn[None]), held, figure=True)


def _labels(words: LooseWords, free: NDArray[np.bool_], drawn: Boxes, height: float) -> list[Line]:
    """Return the lines outside of what is drawn that may be its labels."""
    reach = FAR * height
    low, high = drawn[:, 1].min() - reach, drawn[:, 3].max() + reach
    outside = free & (words.boxes[:, 3] >= low) & (words.boxes[:, 1] <= high)
    for box in drawn:
        outside &= ~_within(words.boxes, box)
    across = []
    typed: Line | None = None
    for line in lines_of(words, np.flatnonzero(outside & (words.turns == 0))):
        if line.typed or (typed and line.typed is None and line.box[1] - typed.box[3] < line.size):
            typed = line  # a short line below typed ones is their end
        else:
            across += line.pieces(2 * height)
    return _no_prose(across) + turned_lines(words, np.flatnonzero(outside & (words.turns != 0)), 2 * height)


def _no_prose(lines: Sequence[Line]) -> list[Line]:
    """Leave out what goes on, or ends, lines of five words or more that stand under each other."""
    prose = [False] * len(lines)
    for number, line in enumerate(lines):
        for under in range(number + 1, min(number + 1 + OPEN, len(lines))):
            below = lines[under]
            near = below.box[1] - line.box[3] < line.size
            if len(line.texts) >= PROSE_WORDS and near and abs(below.box[0] - line.box[0]) < line.size:
                prose[number] = prose[under] = True
    return [line for line, own in zip(lines, prose, strict=True) if not own]


def _may_label(line: Line, widest: float) -> bool:
    numbers = sum(map(is_number, line.texts))
    short = line.box[2] - line.box[0] < widest and len(line.texts) <= LABEL_WORDS
    return (short or 2 * numbers > len(line.texts)) and not CAPTION.match(line.text)


def _near(boxes: Boxes, box: NDArray[np.float32], across: float, down: float) -> NDArray[np.bool_]:
    distance = np.array([across, down], np.float32)
    low, high = box[:2] - distance, box[2:] + distance
    return np.asarray(((boxes[:, :2] <= high) & (boxes[:, 2:] >= low)).all(axis=1))


def _within(boxes: Boxes, box: Sequence[float] | NDArray[np.float32]) -> NDArray[np.bool_]:
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    low, high = np.asarray(box[:2]) - 1, np.asarray(box[2:]) + 1
    return np.asarray(((middle >= low) & (middle <= high)).all(axis=1))


def _union(box: NDArray[np.float32], boxes: Boxes) -> NDArray[np.float32]:
    every = np.concatenate([box[None], boxes])
    return np.concatenate([every[:, :2].min(axis=0), every[:, 2:].max(axis=0)])


def _around(boxes: Boxes) -> tuple[float, float, float, float]:
    x0, y0 = boxes[:, :2].min(axis=0).tolist()
    x1, y1 = boxes[:, 2:].max(axis=0).tolist()
    return x0, y0, x1, y1
