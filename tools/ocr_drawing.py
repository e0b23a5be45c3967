"""Drawing: the rulings and the shapes of a scanned page, told by its ink where no words stand.

They tell layout where tables and figures are, as a file's own lines and paths do.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..memory.loose_words import Boxes
from .ocr_frame import Frame
from .ocr_lines import Pixels

PAPER = 140
"""Brightness, 0..255, of most of a page at least: a photo of a room or a street has no rulings."""
DARKER = 48
"""By how much ink is darker than most of the page."""
RULING = 2.5
"""Length of a ruling at least, in heights of a word."""
THIN = 0.35
"""Thickness of a ruling at most, in heights of a word."""
SHAPE = 1.5
"""Longer side of a shape at least, in heights of a word: smaller are dots, and letters that were not read."""
MOST = 4000
"""Shapes of a page at most; the largest are kept."""


def drawing_of(pixels: Pixels, frame: Frame, words: Boxes) -> tuple[Boxes, Boxes]:
    """Return what is drawn on a page.

    Parameters
    ----------
    pixels : (H, W, 3) uint8, RGB
        The still as given.
    frame : Frame
        How it is read.
    words : (n, 4) float32
        In pixels of the frame.

    Returns
    -------
    rulings, shapes : (m, 4) float32
        In pixels of the frame; nothing of a page without words, of which the sizes are measured.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    paper = float(np.median(grey))
    nothing = np.zeros((0, 4), np.float32)
    if paper < PAPER or not len(words):
        return nothing, nothing
    ink = _set_upright((grey < paper - DARKER).astype(np.uint8), frame)
    height = float(np.median(np.minimum(words[:, 3] - words[:, 1], words[:, 2] - words[:, 0]).clip(4)))
    for x0, y0, x1, y1 in np.round(words).astype(int):
        ink[max(0, y0 - 1) : y1 + 2, max(0, x0 - 1) : x1 + 2] = 0
    length = max(3, round(RULING * height))
    found = []
    for kernel in ((length, 1), (1, length)):
        straight = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(kernel[::-1], np.uint8))
        boxes = _boxes(np.asarray(straight, np.uint8))
        lines = boxes[(boxes[:, 2:] - boxes[:, :2]).min(axis=1) <= max(3.0, THIN * height)]
        found.append(lines)
        for x0, y0, x1, y1 in lines.astype(int):
            ink[y0:y1, x0:x1] = 0
    shapes = _boxes(ink)
    sides = (shapes[:, 2:] - shapes[:, :2]).max(axis=1)
    largest = np.argsort(-sides, kind="stable")[:MOST]
    return np.concatenate(found), shapes[largest[sides[largest] >= SHAPE * height]]


def _set_upright(ink: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    if frame.angle == 0:
        return ink
    corners = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    turn = cv2.getAffineTransform(corners - 0.5, frame.inside(corners) - 0.5)
    return np.asarray(cv2.warpAffine(ink, turn, tuple(frame.size), flags=cv2.INTER_NEAREST), np.uint8)


def _boxes(ink: NDArray[np.uint8]) -> Boxes:
    """Return the box of each connected part, but for those at the edges: the shadow of a scanner's lid."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    x, y, wide, high = stats[1:, : cv2.CC_STAT_HEIGHT + 1].T
    inner = (x > 0) & (y > 0) & (x + wide < ink.shape[1]) & (y + high < ink.shape[0])
    return np.asarray(np.stack([x, y, x + wide, y + high], axis=1)[inner], np.float32)
