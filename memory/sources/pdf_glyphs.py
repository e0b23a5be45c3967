"""Glyphs: the characters of a PDF's page, with what the file says of each."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from ..still import Size
from .pdf_placing import Placing

MAX_CHARACTERS = 200_000
"""Characters of a page that are read; a page of the smallest print has 20,000."""

_NO_CODE = 0x110000  # one more than the last code point
_HYPHEN = 2  # what PDFium makes of a hyphen that ends a line
_BLANK = frozenset({9, 10, 13, 32, 160})
# By name: files that give weights give Latin Modern's regular 744, and Liberation's bold 400.
_BOLD = re.compile(r"bold|black|heavy|demi|-medi\b|cmbx|sfbx", re.IGNORECASE)
_FORCED_BOLD = 1 << 18  # of a font descriptor's flags
_STROKED_TOO = 2  # the text rendering mode that draws a bold of a font that has none
# The bitmap fonts that TeX writes have no names and no Unicode maps, but letters where ASCII has them; these
# are where it has none (Cork encoding, https://tug.org/TUGboat/tb11-4/tb30ferguson.pdf).
_CORK = {
    **dict(zip(range(16, 23), "“”„«»–—", strict=True)),  # noqa: RUF001  # the dash it is
    **dict(zip(range(25, 32), "ıȷﬀﬁﬂﬃﬄ", strict=True)),
}


class Glyphs(NamedTuple):
    """The characters of a page, as :class:`RawPage` has them."""

    codes: NDArray[np.int32]
    boxes: NDArray[np.float32]
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    bold: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    unmapped: NDArray[np.bool_]


def glyphs(text_page: Any, placing: Placing, size: Size) -> Glyphs:
    """Read the characters of a page.

    Parameters
    ----------
    text_page : FPDF_TEXTPAGE
    placing : Placing
        To pixels.
    size : Size
        Of the page; characters outside are left out.
    """
    count = min(max(0, pdfium.FPDFText_CountChars(text_page)), MAX_CHARACTERS)
    codes, unmapped = np.zeros(count, np.int32), np.zeros(count, bool)
    boxes, run_of = np.zeros((count, 4)), np.zeros(count, np.int64)
    runs = _Runs(text_page)
    left, bottom, right, top = (ctypes.c_double() for _ in range(4))
    for index in range(count):  # a third of a microsecond for each call, and so a few milliseconds a page
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        if code in _BLANK:
            boxes[index] = _room(text_page, index)
        elif pdfium.FPDFText_GetCharBox(text_page, index, left, right, bottom, top):
            boxes[index] = left.value, bottom.value, right.value, top.value
            if left.value >= right.value or bottom.value >= top.value:  # as of a glyph that the font lacks
                boxes[index] = _room(text_page, index)
        if code == _HYPHEN and pdfium.FPDFText_IsHyphen(text_page, index) == 1:
            code = ord("-")
        codes[index] = min(code, _NO_CODE)
        unmapped[index] = pdfium.FPDFText_HasUnicodeMapError(text_page, index) == 1
        run_of[index] = runs.of(index)
    nameless = np.array([run.nameless for run in runs.met])[run_of]
    for code, letter in _CORK.items():
        codes[(codes == code) & unmapped & nameless] = ord(letter)
    along = placing.directions(np.array([run.along for run in runs.met]))
    up = placing.directions(np.array([run.up for run in runs.met]))
    found = Glyphs(
        codes,
        placing.boxes(boxes),
        np.hypot(*up.T).astype(np.float32)[run_of],
        np.degrees(np.arctan2(along[:, 1], along[:, 0])).astype(np.float32)[run_of],
        np.array([run.bold for run in runs.met])[run_of],
        run_of > 0,
        unmapped,
    )
    kept = (found.boxes[:, :2] < size).all(axis=1) & (found.boxes[:, 2:] > 0).all(axis=1)
    kept &= ~_joined(found.codes)
    return found if kept.all() else Glyphs._make(values[kept] for values in found)


def _joined(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Make code points of surrogate pairs, in place, and tell which are second halves.

    What is no code point, or half of one, becomes U+FFFD: it could not be written as text.
    """
    first, second = codes & ~0x3FF == 0xD800, codes & ~0x3FF == 0xDC00
    pairs = np.flatnonzero(first[:-1] & second[1:])
    codes[pairs] = 0x10000 + ((codes[pairs] & 0x3FF) << 10) + (codes[pairs + 1] & 0x3FF)
    codes[(codes & ~0x7FF == 0xD800) | (codes < 0) | (codes > 0x10FFFF)] = 0xFFFD
    halves = np.zeros(len(codes), bool)
    halves[pairs + 1] = True
    return halves


def _room(text_page: Any, index: int) -> tuple[float, float, float, float]:
    """Return the box of the room that a character takes, whether it has ink or not."""
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(text_page, index, box)
    return box.left, box.bottom, box.right, box.top


class _Run(NamedTuple):
    """What the characters of one text object have in common."""

    along: tuple[float, float]  # direction of writing, page coordinates
    up: tuple[float, float]  # the height of the font, page coordinates
    bold: bool
    nameless: bool


class _Runs:
    """The text objects of a page as they are met; the first stands for characters that PDFium made up."""

    def __init__(self, text_page: Any) -> None:
        self.met = [_Run((1.0, 0.0), (0.0, 0.0), False, False)]
        self._page = text_page
        self._number: dict[int | None, int] = {None: 0}
        self._fonts: dict[int, tuple[bool, bool]] = {}
        self._object_of = _addresses(pdfium.FPDFText_GetTextObject)

    def of(self, index: int) -> int:
        """Return the number of a character's text object."""
        address = self._object_of(self._page, index)
        if address not in self._number:
            self._number[address] = len(self.met)
            self.met.append(self._told(index))
        return self._number[address]

    def _told(self, index: int) -> _Run:
        matrix = pdfium.FS_MATRIX()
        pdfium.FPDFText_GetMatrix(self._page, index, matrix)
        size = pdfium.FPDFText_GetFontSize(self._page, index)
        piece = pdfium.FPDFText_GetTextObject(self._page, index)
        font = pdfium.FPDFTextObj_GetFont(piece)
        key = ctypes.cast(font, ctypes.c_void_p).value or 0
        if key not in self._fonts:
            self._fonts[key] = _font(font)
        bold, nameless = self._fonts[key]
        stroked = pdfium.FPDFTextObj_GetTextRenderMode(piece) == _STROKED_TOO
        sign = -1.0 if size < 0 else 1.0
        return _Run(
            (sign * matrix.a, sign * matrix.b), (size * matrix.c, size * matrix.d), bold or stroked, nameless
        )


def _font(font: Any) -> tuple[bool, bool]:
    """Tell whether a font is bold, and whether it has no name."""
    if not font:
        return False, False
    buffer = ctypes.create_string_buffer(256)
    length = pdfium.FPDFFont_GetBaseFontName(font, buffer, len(buffer))
    name = buffer.value.decode("latin-1") if 0 < length <= len(buffer) else ""
    forced = bool(max(0, pdfium.FPDFFont_GetFlags(font)) & _FORCED_BOLD)
    return forced or bool(_BOLD.search(name)), not name


def _addresses(function: Any) -> Callable[[Any, int], int | None]:
    """Return a function of PDFium that gives an address in place of a pointer, in a third of the time."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
    found: Callable[[Any, int], int | None] = prototype(address or 0)
    return found
