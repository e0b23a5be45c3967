"""Reading of PDFs by PDFium: the one place that calls it, in the process of :mod:`.page_worker`.

No action, script or link of a file is ever followed: PDFium is built without a JavaScript engine, and none of
its functions that trigger actions is called.
"""

from __future__ import annotations

import ctypes
import math
from collections import OrderedDict
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pypdfium2 as pypdfium
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from ..raw_page import RawPage
from .pages import Part
from .pdf_drawing import drawing
from .pdf_glyphs import glyphs
from .pdf_placing import Placing, page_size

OPEN_FILES = 4
"""Files that are kept open, for the next page of them."""

PAGES_BETWEEN = 200
"""Pages of a file after which it is opened anew: PDFium keeps fonts and pictures while it is open."""


_UNDRAWN = (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP)
_FLAGS = pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER


class PdfFault(Exception):
    """A file or page that PDFium does not read; ``str()`` completes "... cannot be read: "."""


class PasswordFault(PdfFault):
    """A file that no password, or not this one, opens."""


class Told(NamedTuple):
    """What a file says of itself."""

    pages: int
    title: str
    notes: tuple[str, ...]


class _Open:
    """An open file."""

    def __init__(self, path: str, password: str | None) -> None:
        self.stamp = _stamp(path)
        self.left = PAGES_BETWEEN
        try:
            self.pdf = pypdfium.PdfDocument(path, password)
        except pypdfium.PdfiumError as error:
            raise _fault(error, path) from error
        self.pdf.init_forms()

    def told(self) -> Told:
        """Return what the file says of itself."""
        notes = []
        if pdfium.FPDFDoc_GetJavaScriptActionCount(self.pdf) > 0:
            notes.append("it holds JavaScript, which was not run")
        if self.pdf.get_formtype() in (pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND):
            notes.append("it is an XFA form, of which only what every viewer shows was read")
        if (files := pdfium.FPDFDoc_GetAttachmentCount(self.pdf)) > 0:
            notes.append(f"files are attached to it ({files}), which were not opened")
        return Told(len(self.pdf), _title(self.pdf), tuple(notes))


class Pdfs:
    """The files that are open, the one used last at the end."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str | None], _Open] = OrderedDict()

    def told(self, path: str, password: str | None) -> Told:
        """Open a file, and return what it says of itself.

        Raises
        ------
        PdfFault
            If PDFium does not open it.
        """
        return self._opened(path, password).told()

    def page(self, path: str, password: str | None, number: int) -> tuple[NDArray[np.uint8], RawPage]:
        """Return the pixels of a page, from 1, and what is drawn on it; errors as above."""
        with _Page(self._opened(path, password), number) as page:
            return page.rendered(Part(page.size, (0, 0, *page.size))), page.raw()

    def raw(self, path: str, password: str | None, number: int) -> RawPage:
        """Return what is drawn on a page, without rendering it; errors as above."""
        with _Page(self._opened(path, password), number) as page:
            return page.raw()

    def part(self, path: str, password: str | None, number: int, part: Part) -> NDArray[np.uint8]:
        """Return the pixels of a part of a page; errors as above."""
        with _Page(self._opened(path, password), number) as page:
            return page.rendered(part)

    def _opened(self, path: str, password: str | None) -> _Open:
        key = path, password
        held = self._open.pop(key, None)
        if held is not None and (held.left <= 0 or held.stamp != _stamp(path)):
            held.pdf.close()
            held = None
        if held is None:
            held = _Open(path, password)
        held.left -= 1
        self._open[key] = held
        if len(self._open) > OPEN_FILES:
            self._open.popitem(last=False)[1].pdf.close()
        return held


class _Page:
    """A page while it is open."""

    def __init__(self, held: _Open, number: int) -> None:
        self._page = _loaded(held.pdf, number)
        if _annotated(self._page):
            # What was filled in or noted becomes part of the page, or its words would be drawn but not read.
            pdfium.FPDFPage_Flatten(self._page, pdfium.FLAT_NORMALDISPLAY)
            self._page.close()
            self._page = _loaded(held.pdf, number)
        self._forms = held.pdf.formenv
        wide, high = self._page.get_size()
        if not (0 < wide < math.inf and 0 < high < math.inf):
            raise PdfFault(f"its page is {wide:g} x {high:g} points large")
        self.size = page_size(wide, high)

    def __enter__(self) -> _Page:
        return self

    def __exit__(self, *_: object) -> None:
        self._page.close()

    def rendered(self, part: Part) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB, annotations and filled-in forms included, on white."""
        x0, y0, x1, y1 = part.box
        wide, high = x1 - x0, y1 - y0
        pixels = np.full((high, wide, 3), 255, np.uint8)
        bitmap = pdfium.FPDFBitmap_CreateEx(wide, high, pdfium.FPDFBitmap_BGR, pixels.ctypes.data, wide * 3)
        if not bitmap:
            raise PdfFault(f"there is no memory for {wide} x {high} pixels")
        try:
            how = (
                bitmap,
                self._page,
                -x0,
                -y0,
                *part.size,
                0,
                _FLAGS,
            )
            pdfium.FPDF_RenderPageBitmap(*how)
            if self._forms:
                pdfium.FPDF_FFLDraw(self._forms, *how)
        finally:
            pdfium.FPDFBitmap_Destroy(bitmap)
        return pixels

    def raw(self) -> RawPage:
        """Return the characters and the drawing of the page."""
        turned = self._page.get_rotation() // 90
        placing = Placing.of_page(self._page.get_bbox(), turned, self.size)
        drawn = drawing(self._page, placing, self.size)
        text_page: Any = pdfium.FPDFText_LoadPage(self._page)
        if not text_page:
            raise PdfFault("its page's text is damaged")
        try:
            return RawPage(self.size, *glyphs(text_page, placing, self.size), *drawn)
        finally:
            pdfium.FPDFText_ClosePage(text_page)


def _title(pdf: Any) -> str:
    """Return the title that a file tells, whatever is wrong with its letters."""
    size = pdfium.FPDF_GetMetaText(pdf, b"Title", None, 0)
    letters = ctypes.create_string_buffer(size)
    pdfium.FPDF_GetMetaText(pdf, b"Title", letters, size)
    return letters.raw[: max(0, size - 2)].decode("utf-16-le", errors="replace")


def _loaded(pdf: Any, number: int) -> Any:
    try:
        return pdf[number - 1]
    except pypdfium.PdfiumError as error:
        raise PdfFault("it is damaged") from error


def _annotated(page: Any) -> bool:
    """Whether there is something on a page that is no part of it, besides links."""
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        note = pdfium.FPDFPage_GetAnnot(page, index)
        kind = pdfium.FPDFAnnot_GetSubtype(note)
        pdfium.FPDFPage_CloseAnnot(note)
        if kind not in _UNDRAWN:
            return True
    return False


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = Path(path).stat()
    except OSError as error:
        raise PdfFault(f"{error.strerror}") from error
    return status.st_size, status.st_mtime_ns


def _fault(error: pypdfium.PdfiumError, path: str) -> PdfFault:
    # Where PDFium gives no reason, of a file without pages for one, its code is that of the file before.
    code = error.err_code
    encrypted = code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY) and _encrypted(path)
    if encrypted and code == pdfium.FPDF_ERR_PASSWORD:
        return PasswordFault("its password is another")
    if encrypted:
        return PdfFault("it is encrypted in a way that is not known")
    return PdfFault("it is damaged, has no pages, or is no PDF")


def _encrypted(path: str) -> bool:
    """Tell whether a file says that it is encrypted; what says so is itself never encrypted or packed."""
    with Path(path).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return data.find(b"/Encrypt") >= 0
