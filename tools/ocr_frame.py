"""Frames: pages that lie turned or askew, seen the way they are read.

Angles are degrees clockwise on the still (x right, y down) by which the writing is turned from left to right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..memory.page_text import Block, PageText, Word, around
from ..memory.still import Box, Size

SHOWS = 1
"""Degrees that writing leans before anybody is told."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The upright page that a still shows turned by an angle, around its middle.

    Parameters
    ----------
    still : Size
    angle : float, degrees clockwise
    """

    still: Size
    angle: float

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of an answer should know: that the page is not upright."""
        if abs(self.angle) < SHOWS:
            return ()
        way = "clockwise" if self.angle > 0 else "anticlockwise"
        return (f"the writing is turned {way} by {abs(self.angle):.3g} degrees.",)

    @property
    def size(self) -> Size:
        """Of the smallest upright page that holds all of the still."""
        cos, sin = abs(math.cos(math.radians(self.angle))), abs(math.sin(math.radians(self.angle)))
        width, height = self.still
        # what is left over by rounding is no pixel
        return Size(
            math.ceil(width * cos + height * sin - 1e-6), math.ceil(width * sin + height * cos - 1e-6)
        )

    def inside(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return where (n, 2) points of the still are on the upright page."""
        return self._rotated(points, self.still, self.size, -self.angle)

    def outside(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return where (n, 2) points of the upright page are in the still."""
        return self._rotated(points, self.size, self.still, self.angle)

    def given(self, page: PageText) -> PageText:
        """Return a text laid out on the upright page with its boxes in pixels of the still."""
        words = tuple(self._word(word) for word in page.words)
        blocks = tuple(self._block(block, words) for block in page.blocks)
        return replace(page, size=self.still, words=words, blocks=blocks)

    def _word(self, word: Word) -> Word:
        box = self._box(word.box)
        return word._replace(x0=box.x0, y0=box.y0, x1=box.x1, y1=box.y1)

    def _block(self, block: Block, words: Sequence[Word]) -> Block:
        # around its words it is tighter than around its own corners, where the page lies askew
        held = [word.box for word in words[block.first : block.last]]
        figure = block.kind == "figure" or not held
        return replace(block, box=self._box(block.box) if figure else around(held))

    def _box(self, box: Box) -> Box:
        corners = np.array(
            [[box.x0, box.y0], [box.x1, box.y0], [box.x1, box.y1], [box.x0, box.y1]], np.float32
        )
        return box_around(self.outside(corners), self.still)

    @staticmethod
    def _rotated(
        points: NDArray[np.float32], source: Size, target: Size, angle: float
    ) -> NDArray[np.float32]:
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        turn = np.array([[cos, sin], [-sin, cos]])
        centred = points - np.array(source) / 2
        return np.asarray(centred @ turn + np.array(target) / 2, np.float32)


def box_around(points: NDArray[np.float32], size: Size) -> Box:
    """Return the box around (n, 2) points, kept inside a still, at least a hundredth of a pixel on a side."""
    x0, y0 = (
        float(value) for value in np.clip(points.min(axis=0), 0, (size.width - 0.01, size.height - 0.01))
    )
    x1, y1 = (float(value) for value in np.minimum(points.max(axis=0), size))
    return Box(x0=x0, y0=y0, x1=max(x1, x0 + 0.01), y1=max(y1, y0 + 0.01))
