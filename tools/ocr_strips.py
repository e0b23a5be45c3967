"""Strips: long pictures, such as a screen scrolled to its end, are cut between lines or words.

Made smaller to what the detector sees at once, their letters would be too small to be found.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from .ocr_lines import Pixels

PART = 2208
"""Pixels of a part along the picture, at most."""
LONG = 2
"""What is longer than this many times its other side, and than a part, is cut."""
QUIET = 3.0
"""Standard deviation of the brightness, 0..255, above the least, where nothing is written, at most."""


def strips(pixels: Pixels) -> Iterator[tuple[int, int, Pixels]]:
    """Yield the parts of a picture that lines are sought in, each with its left and upper edge."""
    height, width = pixels.shape[:2]
    tall = height > width
    length = max(height, width)
    if length <= max(PART, LONG * min(height, width)):
        yield 0, 0, pixels
        return
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    varied = np.std(grey, axis=1 if tall else 0)
    start = 0
    while start < length:
        stop = length if length - start <= PART else _between(varied, start + 3 * PART // 4, start + PART)
        yield (0, start, pixels[start:stop]) if tall else (start, 0, pixels[:, start:stop])
        start = stop


def _between(varied: NDArray[np.float64], first: int, last: int) -> int:
    """Return the middle of the widest stretch from ``first`` to ``last`` where nothing is written."""
    quiet = varied[first:last] <= varied[first:last].min() + QUIET
    edges = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False])).astype(np.int8))).reshape(-1, 2)
    start, stop = edges[np.argmax(edges[:, 1] - edges[:, 0])]
    return first + int(start + stop + 1) // 2
