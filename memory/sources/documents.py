"""Documents: files of pages become stills and words, or an error that says what to do.

A page's canonical pixels are the page as it is shown, rendered at :data:`PAGE_DPI` or so that its longer side
is :data:`LONGEST`; they are always the same for the same file, so evidence can be reopened.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ...errors import InputError
from ..page_text import PageText
from ..still import Box, Size, Still
from .files import DOCUMENT_SUFFIXES, OFFICE_SUFFIXES, checked_path
from .office import as_pdf
from .pages import Pages, Part, ReadPage
from .pdf import Pdf, is_pdf
from .pdf_placing import LONGEST, PAGE_DPI
from .tiff import Tiff, tiff_pages

__all__ = [
    "LONGEST",
    "PAGE_DPI",
    "SUFFIXES",
    "Document",
    "ReadPage",
    "closer",
    "is_document",
    "read_page",
    "read_page_text",
    "unlock",
]

SUFFIXES = DOCUMENT_SUFFIXES

MAX_ZOOM = 8.0
"""How much larger than on its page a part is rendered at most: 1,152 dpi."""

MAX_SIDE = 4400
"""Pixels: the longer side of a part that is rendered larger."""

_CONVERTED = "its pages are as LibreOffice lays them out, which may be not as its own program does"

_passwords: dict[str, str] = {}


def is_document(path: str | os.PathLike[str]) -> bool:
    """Whether a file is read as pages.

    By its suffix; whatever its name, where it is a PDF by its content; and a TIFF of several pages. What
    cannot be opened is none.
    """
    if Path(path).suffix.lower() in SUFFIXES:
        return True
    try:
        return is_pdf(path) or len(tiff_pages(path)) > 1
    except InputError:
        return False


def unlock(path: str | os.PathLike[str], password: str) -> None:
    """Remember the password of a document for as long as this process runs; it is written nowhere."""
    _passwords[_source(path)] = password


class Document:
    """An open document.

    Parameters
    ----------
    path : str or path
    password : str, optional
        Of an encrypted PDF; remembered as by :func:`unlock` if it is right.

    Attributes
    ----------
    source : str
        The absolute path.
    pages : int
    title : str
        What the file says, or its name.
    notes : tuple of str
        What a reader of an answer should know about how the file was read.

    Raises
    ------
    InputError
        If it is missing, empty, damaged, not a document, locked, without pages or too large.
    """

    def __init__(self, path: str | os.PathLike[str], password: str | None = None) -> None:
        self.source = _source(path)
        self._pages = _opened(self.source, password or _passwords.get(self.source))
        if password:
            unlock(self.source, password)
        self.pages = self._pages.pages
        self.title = _titled(self._pages.title, self.source)
        self.notes = self._pages.notes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def page(self, number: int) -> ReadPage:
        """Return a page, from 1.

        Raises
        ------
        InputError
            If there is no such page, or it cannot be read.
        """
        (page,) = self._pages.read([number])
        if isinstance(page, InputError):
            raise page
        return page

    def read(self, numbers: Iterable[int]) -> Iterator[ReadPage | InputError]:
        """Yield pages in the order asked for, a few read ahead.

        In place of a page that cannot be read comes the error that says why; the others follow.
        """
        return self._pages.read(numbers)

    def page_text(self, number: int) -> PageText:
        """Return the words of a page without rendering it; errors as of :meth:`page`."""
        return self._pages.text(number)

    def closer(self, number: int, box: Box, long_side: int) -> Still:
        """Return a part of a page, rendered anew and larger.

        Parameters
        ----------
        number : int
            From 1.
        box : Box, pixels of the page's still
            Widened to whole pixels.
        long_side : int
            Pixels that the longer side of the part should have; at most ``MAX_SIDE``, and at most
            ``MAX_ZOOM`` times what it has on the page. A part that has as many is cut from the page.

        Raises
        ------
        InputError
            If there is no such page, it cannot be read, or the box lies outside.
        """
        whole = self.page(number).still
        cut = whole.crop(box)
        region = cut.region
        zoom = min(MAX_ZOOM, min(long_side, MAX_SIDE) / max(cut.size))
        if region is None or zoom <= 1:
            return cut
        size = Size(round(whole.size.width * zoom), round(whole.size.height * zoom))
        x0, y0, x1, y1 = (round(value * zoom) for value in (region.x0, region.y0, region.x1, region.y1))
        pixels = self._pages.part(number, Part(size, (x0, y0, x1, y1)))
        pixels.flags.writeable = False
        return Still(pixels, whole.origin, region, whole, whole.notes)


def read_page(source: str | os.PathLike[str], number: int) -> Still:
    """Return the still of a page, from 1; errors as of :class:`Document` and :meth:`Document.page`."""
    return Document(source).page(number).still


def read_page_text(source: str | os.PathLike[str], number: int) -> PageText:
    """Return the words of a page, from 1; errors as of :class:`Document` and :meth:`Document.page`."""
    return Document(source).page_text(number)


def closer(source: str | os.PathLike[str], number: int, box: Box, long_side: int) -> Still:
    """Return a part of a page larger than it is on it: :meth:`Document.closer`."""
    return Document(source).closer(number, box, long_side)


def _source(path: str | os.PathLike[str]) -> str:
    return str(checked_path(path, "document").absolute())


def _opened(source: str, password: str | None) -> Pages:
    suffix = Path(source).suffix.lower()
    if is_pdf(source) or suffix == ".pdf":
        return Pdf(source, source, password)
    if suffix in OFFICE_SUFFIXES:
        converted = Pdf(str(as_pdf(source)), source)
        converted.notes = (*converted.notes, _CONVERTED)
        return converted
    if tiff_pages(source):
        return Tiff(source)
    raise InputError(
        f"{source} is no document that is read: those are PDF, TIFF, and {' '.join(sorted(OFFICE_SUFFIXES))} "
        "through LibreOffice.",
        input=source,
    )


def _titled(told: str, source: str) -> str:
    """Return the title that a document tells, on one line, or the name of its file."""
    title = " ".join("".join(letter if letter.isprintable() else " " for letter in told).split())
    return title if title and title.casefold() != "untitled" else Path(source).stem
