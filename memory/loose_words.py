"""Loose words: the words of a page with what their glyphs tell, before they have any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .page_text import Word
from .still import Size

Boxes = NDArray[np.float32]
"""(n, 4): x0, y0, x1, y1 in pixels."""


@dataclass(frozen=True)
class LooseWords:
    """Words in no order that means anything.

    Parameters
    ----------
    texts : tuple of str
    boxes : (n, 4) float32
    sizes : (n,) float32
        Height of each word's font, in pixels; for OCR, of its box.
    bold : (n,) bool
    steps : (n,) float32
        Distance from glyph to glyph in heights of the font, where a word has four or more; 0 for fewer or not
        known, -1 where the distances differ.
    turns : (n,) int
        Direction of writing in quarter turns clockwise, 0..3.
    sure : (n,) float32
    """

    texts: tuple[str, ...]
    boxes: Boxes
    sizes: NDArray[np.float32]
    bold: NDArray[np.bool_]
    steps: NDArray[np.float32]
    turns: NDArray[np.int64]
    sure: NDArray[np.float32]

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        """Return words of which only the boxes are known."""
        boxes = np.array([word[1:5] for word in words], np.float32).reshape(-1, 4)
        return cls(
            tuple(word.text for word in words),
            boxes,
            boxes[:, 3] - boxes[:, 1],
            np.zeros(len(words), bool),
            np.zeros(len(words), np.float32),
            np.zeros(len(words), int),
            np.array([word.sure for word in words], np.float32),
        )

    def __len__(self) -> int:
        return len(self.texts)

    def running(self, turns: int) -> Self:
        """Return the words, all of them running at that many quarter turns clockwise."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return replace(
            self, turns=np.full(len(self), turns % 4), sizes=sides[:, 0] if turns % 2 else sides[:, 1]
        )

    def turned(self, quarters: int, size: Size) -> Self:
        """Return the words of the page of that size, turned so that what ran at ``quarters`` is upright."""
        return replace(self, boxes=turned(self.boxes, quarters, size), turns=(self.turns - quarters) % 4)


def turned(boxes: Boxes, quarters: int, size: Size) -> Boxes:
    """Return boxes of a page of that size after turning it anticlockwise by quarter turns."""
    x0, y0, x1, y1 = boxes.T
    width, height = size
    match quarters % 4:
        case 1:
            found = (y0, width - x1, y1, width - x0)
        case 2:
            found = (width - x1, height - y1, width - x0, height - y0)
        case 3:
            found = (height - y1, x0, height - y0, x1)
        case _:
            found = (x0, y0, x1, y1)
    return np.stack(found, axis=1)


def turned_size(size: Size, quarters: int) -> Size:
    """Return the size of a page after quarter turns."""
    return Size(size.height, size.width) if quarters % 2 else size
