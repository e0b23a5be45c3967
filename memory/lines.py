"""Lines: words that stand beside each other, from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .loose_words import LooseWords

SHARED = 0.5
"""Share of the lower one's height that two words of a line have in common at least."""

SAME_STEP = 0.035
"""How much the steps from glyph to glyph vary from word to word in a line of a typewriter's font."""

OFF_GRID = 0.15
"""How far each word stands from where whole steps lead from the one before, in steps."""

WIDE_STEP = 0.49
"""Their mean at least, in heights of the font: it is 0.5 to 0.65, and 0.4 to 0.48 in other fonts."""

OPEN_LINES = 6
"""So many of the last lines may still get a word, when words come from top to bottom."""


@dataclass(frozen=True)
class Line:
    """Words beside each other.

    Parameters
    ----------
    page : LooseWords
    numbers : tuple of int
        Which words, from left to right.
    """

    page: LooseWords
    numbers: tuple[int, ...]

    @cached_property
    def boxes(self) -> NDArray[np.float32]:
        """Of each word, (n, 4)."""
        return self.page.boxes[list(self.numbers)]

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """Around all words."""
        x0, y0 = self.boxes[:, :2].min(axis=0).tolist()
        x1, y1 = self.boxes[:, 2:].max(axis=0).tolist()
        return x0, y0, x1, y1

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Of each word."""
        return tuple(self.page.texts[number] for number in self.numbers)

    @cached_property
    def text(self) -> str:
        """All words."""
        return " ".join(self.texts)

    @cached_property
    def size(self) -> float:
        """Height of the font of its longest word, in pixels, at least one."""
        longest = max(self.numbers, key=lambda number: len(self.page.texts[number]))
        return max(float(self.page.sizes[longest]), 1.0)

    @cached_property
    def bold(self) -> bool:
        """Whether most of it is."""
        return bool(self.page.bold[list(self.numbers)].mean() > 0.7)

    @cached_property
    def typed(self) -> bool | None:
        """Whether it stands in a typewriter's font, where several longer words tell."""
        steps = self.page.steps[list(self.numbers)]
        told, even = (steps != 0).sum(), steps[steps > 0]
        if told < 2 or len(even) == 1 == told - 1:
            return None
        if len(even) <= 0.7 * told or even.std() > SAME_STEP * even.mean() or even.mean() < WIDE_STEP:
            return False
        step = float(even.mean()) * self.size
        letters = np.array([len(text) for text in self.texts])
        places = ((self.boxes[:, 0] + self.boxes[:, 2]) / step - letters) / 2
        off = np.diff(places)
        return not len(off) or bool(np.median(np.abs(off - np.round(off))) < OFF_GRID)

    def pieces(self, gap: float) -> list[Line]:
        """Divide it where words are farther apart than ``gap`` pixels."""
        ends = np.flatnonzero(self.boxes[1:, 0] - self.boxes[:-1, 2] > gap) + 1
        bounds = [0, *ends.tolist(), len(self.numbers)]
        return [Line(self.page, self.numbers[first:last]) for first, last in pairwise(bounds)]


def lines_of(page: LooseWords, numbers: Sequence[int] | NDArray[np.int64]) -> list[Line]:
    """Put words, none of which stands in another column, into lines from top to bottom."""
    numbers = np.asarray(numbers, int)
    boxes = page.boxes[numbers]
    order = np.argsort(boxes[:, 1] + boxes[:, 3], kind="stable")
    lines: list[list[int]] = []
    bands: list[tuple[float, float, float]] = []  # top, bottom, and the width that they are the mean of
    rows = boxes.tolist()
    for at in order.tolist():
        x0, y0, x1, y1 = rows[at]
        best, most = -1, 0.0
        for number in range(max(0, len(lines) - OPEN_LINES), len(lines)):
            top, bottom, _ = bands[number]
            if bottom <= y0 or top >= y1:
                continue
            shared = (min(bottom, y1) - max(top, y0)) / max(min(bottom - top, y1 - y0), 0.5)
            if shared > max(most, SHARED):
                best, most = number, shared
        width = max(x1 - x0, 0.1) * max(y1 - y0, 0.1)
        if best < 0:
            lines.append([at])
            bands.append((y0, y1, width))
            continue
        lines[best].append(at)
        top, bottom, held = bands[best]
        part = width / (held + width)
        bands[best] = (top + (y0 - top) * part, bottom + (y1 - bottom) * part, held + width)
    found = [
        Line(page, tuple(int(numbers[at]) for at in sorted(line, key=lambda at: rows[at][0])))
        for line in lines
    ]
    return sorted(found, key=lambda line: line.box[1] + line.box[3])
