"""Page text: the words of a page with their boxes, in reading order, and the blocks that they form.

It is the same whether a file's text layer told it or OCR read it, of a page, a photo or a screen. All boxes
are in pixels of the upright whole still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from .still import Box, Size

Kind = Literal["heading", "text", "table", "figure", "caption"]
Read = Literal["layer", "ocr", "none"]
"""Who told the words: the file's text layer, OCR, or nobody."""


class Word(NamedTuple):
    """A word, its box, the number of its line on the page, and how sure its reading is, 0..1."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    line: int
    sure: float = 1.0

    @property
    def box(self) -> Box:
        """The box, at least a hundredth of a pixel wide and high."""
        return Box(x0=self.x0, y0=self.y0, x1=max(self.x1, self.x0 + 0.01), y1=max(self.y1, self.y0 + 0.01))


@dataclass(frozen=True, slots=True)
class Block:
    """What belongs together on a page: a paragraph, a heading, a table, a figure.

    Parameters
    ----------
    kind : "heading", "text", "table", "figure" or "caption"
    box : Box
        Of a figure, that of the drawing, whether it holds words or not.
    first, last : int
        Its words are ``words[first:last]`` of the page.
    """

    kind: Kind
    box: Box
    first: int
    last: int


@dataclass(frozen=True)
class PageText:
    """The words of a page.

    Parameters
    ----------
    size : Size
        Of the still that the boxes are in pixels of.
    words : tuple of Word
        In reading order; the words of a line, and of a block, follow each other.
    blocks : tuple of Block
        In reading order.
    read : "layer", "ocr" or "none"
    notes : tuple of str
        What a reader of an answer should know about how the words came to be.
    """

    size: Size
    words: tuple[Word, ...] = ()
    blocks: tuple[Block, ...] = ()
    read: Read = "none"
    notes: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        """All words, a line of the page in a line."""
        return self.text_of(0, len(self.words))

    def text_of(self, first: int, last: int) -> str:
        """Return the words from ``first`` to before ``last``, a line of the page in a line."""
        return in_lines(self.words[first:last])

    def box_of(self, first: int, last: int) -> Box:
        """Return the smallest box around the words from ``first`` to before ``last``, at least one."""
        return around([word.box for word in self.words[first:last]])

    def within(self, box: Box) -> list[Word]:
        """Return the words whose middle lies in a box."""
        return [
            word
            for word in self.words
            if box.x0 <= (word.x0 + word.x1) / 2 <= box.x1 and box.y0 <= (word.y0 + word.y1) / 2 <= box.y1
        ]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, small: a tenth of a pixel is enough for a box."""
        corners = np.array([w[1:5] for w in self.words], np.float64).round(1).tolist()
        words = [[w.text, *box, w.line, round(w.sure, 3)] for w, box in zip(self.words, corners, strict=True)]
        blocks = [
            [b.kind, box.x0, box.y0, box.x1, box.y1, b.first, b.last]
            for b, box in ((b, in_tenths(b.box)) for b in self.blocks)
        ]
        return {
            "size": list(self.size),
            "words": words,
            "blocks": blocks,
            "read": self.read,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """Return what :meth:`to_json` told."""
        return cls(
            Size(*told["size"]),
            tuple(Word(*word) for word in told["words"]),
            tuple(
                Block(kind, Box(x0=x0, y0=y0, x1=x1, y1=y1), first, last)
                for kind, x0, y0, x1, y1, first, last in told["blocks"]
            ),
            told["read"],
            tuple(told["notes"]),
        )


def in_lines(words: Sequence[Word]) -> str:
    """Return words as text, a line of the page in a line."""
    pieces: list[str] = []
    for before, word in zip([None, *words], words, strict=False):
        if before is not None:
            pieces.append(" " if before.line == word.line else "\n")
        pieces.append(word.text)
    return "".join(pieces)


def around(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around boxes, of which there is at least one."""
    return Box(
        x0=min(box.x0 for box in boxes),
        y0=min(box.y0 for box in boxes),
        x1=max(box.x1 for box in boxes),
        y1=max(box.y1 for box in boxes),
    )


def in_tenths(box: Box) -> Box:
    """Return the smallest box around a box with sides at tenths of a pixel: rounded, it could be flat."""
    x0, y0 = (math.floor(10 * side) / 10 for side in (box.x0, box.y0))
    x1, y1 = (math.ceil(10 * side) / 10 for side in (box.x1, box.y1))
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


def shared(one: Box, other: Box) -> float:
    """Return what two boxes share, as a share of the smaller of them."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    smaller = min((box.x1 - box.x0) * (box.y1 - box.y0) for box in (one, other))
    return max(0.0, wide) * max(0.0, high) / smaller
