"""Raw page: what a PDF says is drawn on a page, before anybody knows what is a word, a table or a figure.

All coordinates are in pixels of the upright rendered page: x right, y down.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .still import Size


def _no_boxes() -> NDArray[np.float32]:
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True)
class RawPage:
    """The characters and the drawing of a page.

    Parameters
    ----------
    size : Size
    codes : (n,) int32
        Unicode code points in the order of the file; 0 for a glyph without any.
    boxes : (n, 4) float32
        x0, y0, x1, y1 of each character's glyph; of a space, of the room that it takes.
    sizes : (n,) float32
        Height of each character's font, in pixels.
    angles : (n,) float32
        Direction of writing, in degrees clockwise on the upright page: 0 is left to right.
    bold : (n,) bool
    drawn : (n,) bool
        False for a character that PDFium made up (a space, a line's end).
    unmapped : (n,) bool
        True where the font has no Unicode map for the glyph.
    rulings : (m, 4) float32
        Straight lines, and filled rectangles thinner than 3 pixels, as x0, y0, x1, y1.
    pictures : (k, 4) float32
        Boxes of images.
    drawings : (j, 4) float32
        Boxes of the other vector paths.
    """

    size: Size
    codes: NDArray[np.int32]
    boxes: NDArray[np.float32]
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    bold: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    unmapped: NDArray[np.bool_]
    rulings: NDArray[np.float32] = field(default_factory=_no_boxes)
    pictures: NDArray[np.float32] = field(default_factory=_no_boxes)
    drawings: NDArray[np.float32] = field(default_factory=_no_boxes)
