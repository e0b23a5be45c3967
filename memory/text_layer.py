"""Text layer: the characters that a PDF draws become words, and the words a page's text.

PDFium makes up the spaces and line ends that a file leaves out, from the distances between glyphs; they are
believed here. What is nonsense is told apart from text, so that OCR can read the page instead.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .garbled import garbled
from .layout import laid_out_loose
from .loose_words import LooseWords
from .page_text import PageText
from .raw_page import RawPage

WIDEST_GAP = 0.7
"""Distance between glyphs of one word, in heights of the font; PDFium breaks words at less in most files."""

STEEPEST = 0.6
"""How far glyphs of one word may lie above each other, in heights of the font: superscripts do."""

EVEN = 0.105
"""How much the steps from glyph to glyph vary in a word of a typewriter's font, as a share of their mean."""

_HYPHENS = (0x02, 0xAD, 0xFFFE)
"""What PDFium tells for a hyphen at a line's end."""

_SPACES = (*range(9, 14), 0x20, 0xA0, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)

_LIGATURES = {
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
}

GARBLED = (
    "the file's text layer is no text (its fonts do not tell which letters they draw), so it was not used."
)

SCANNED = "a picture fills the page: its text layer may come from an OCR that somebody ran over a scan."

WHOLE = 0.85
"""What takes this share of the page's width and height fills it."""


def page_text(raw: RawPage) -> PageText:
    """Return the words of a page's text layer, in reading order and in blocks.

    Returns
    -------
    PageText
        ``read`` is "none", without words, where there is no text layer or it is garbled; notes say so.
    """
    words = loose_words(raw)
    if not len(words):
        return PageText(raw.size)
    if garbled(" ".join(words.texts)):
        return PageText(raw.size, notes=(GARBLED,))
    return laid_out_loose(
        raw.size,
        words,
        rulings=raw.rulings,
        pictures=raw.pictures,
        drawings=raw.drawings,
        read="layer",
        notes=(SCANNED,) if _scanned(raw) else (),
    )


def _scanned(raw: RawPage) -> bool:
    """Tell whether a picture fills the page, as where a scan was read before."""
    sides = raw.pictures[:, 2:] - raw.pictures[:, :2]
    return bool((sides >= WHOLE * np.array(raw.size)).all(axis=1).any())


def loose_words(raw: RawPage) -> LooseWords:
    """Return the words that a page draws, those outside of the page left out."""
    codes, boxes = raw.codes, raw.boxes
    blank = _blank(codes) | ~raw.drawn
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((middle >= 0) & (middle <= np.array(raw.size))).all(axis=1)
    shown = np.flatnonzero(~blank & inside)
    if not len(shown):
        return LooseWords.of(())
    starts = _starts(raw, shown, blank)
    turns = np.round(raw.angles[shown] / 90).astype(int) % 4
    first = np.flatnonzero(starts)
    found = np.stack(
        [
            np.minimum.reduceat(boxes[shown, 0], first),
            np.minimum.reduceat(boxes[shown, 1], first),
            np.maximum.reduceat(boxes[shown, 2], first),
            np.maximum.reduceat(boxes[shown, 3], first),
        ],
        axis=1,
    )
    limits = np.array([*raw.size, *raw.size], np.float32)
    sizes = np.maximum.reduceat(raw.sizes[shown], first)
    counts = np.diff(np.append(first, len(shown)))
    return LooseWords(
        _spelled(codes[shown], first),
        np.clip(found, 0, limits),
        sizes,
        np.add.reduceat(raw.bold[shown].astype(int), first) * 2 > counts,
        _steps(np.where(turns % 2 == 0, middle[shown, 0], middle[shown, 1]), sizes, starts, first),
        turns[first],
        np.ones(len(first), np.float32),
    )


def _blank(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Spaces; controls are none, since a drawn one is a letter of a font that does not tell which."""
    return np.isin(codes, _SPACES) | ((codes >= 0x2000) & (codes <= 0x200F))


def _starts(raw: RawPage, shown: NDArray[np.int64], blank: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which of the shown characters start a word."""
    boxes, angles = raw.boxes[shown], raw.angles[shown]
    size = np.maximum(raw.sizes[shown], 1.0)
    spaces = np.cumsum(blank)[shown]
    spaced = spaces[1:] != spaces[:-1]
    upright = np.round(angles / 90).astype(int) % 2 == 0
    across = np.maximum(boxes[1:, 0] - boxes[:-1, 2], boxes[:-1, 0] - boxes[1:, 2])
    down = np.maximum(boxes[1:, 1] - boxes[:-1, 3], boxes[:-1, 1] - boxes[1:, 3])
    height = np.maximum(size[1:], size[:-1])
    along, aside = np.where(upright[1:], across, down), np.where(upright[1:], down, across)
    broken: NDArray[np.bool_] = spaced | (along > WIDEST_GAP * height) | (aside > STEEPEST * height)
    broken |= np.abs((angles[1:] - angles[:-1] + 180) % 360 - 180) > 10
    return np.concatenate([[True], broken])


def _spelled(codes: NDArray[np.int32], first: NDArray[np.int64]) -> tuple[str, ...]:
    """Return the letters of each word."""
    known = (codes >= 0x20) & ((codes < 0x7F) | (codes >= 0xA0)) & (codes <= 0x10FFFF)
    known &= (codes < 0xD800) | (codes > 0xDFFF)
    letters = np.where(known, codes, ord("\ufffd"))
    letters[np.isin(codes, _HYPHENS)] = ord("-")
    text = letters.astype("<u4").tobytes().decode("utf-32-le")
    bounds = pairwise([*first.tolist(), len(text)])
    if not np.isin(letters, list(_LIGATURES)).any():
        return tuple(text[start:end] for start, end in bounds)
    return tuple(text[start:end].translate(_LIGATURES) for start, end in bounds)


def _steps(
    middles: NDArray[np.float32],
    sizes: NDArray[np.float32],
    starts: NDArray[np.bool_],
    first: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the step from glyph to glyph of each word, as :class:`LooseWords` has it."""
    steps = np.abs(np.diff(middles, prepend=middles[:1]))
    steps[starts] = 0
    count = np.diff(np.append(first, len(middles))) - 1
    mean = np.add.reduceat(steps, first) / np.maximum(count, 1)
    square = np.add.reduceat(steps**2, first) / np.maximum(count, 1)
    even = np.sqrt(np.maximum(square - mean**2, 0)) < EVEN * mean
    known = np.where(even, mean / np.maximum(sizes, 1), -1)
    return np.where(count >= 3, known, 0).astype(np.float32)
