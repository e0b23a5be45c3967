"""Pages: what every kind of document gives, a still and its words for each page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..page_text import PageText
from ..still import Page, Size, Still


class ReadPage(NamedTuple):
    """A page as it was read: its still, and its words as far as the file tells them."""

    still: Still
    text: PageText


class Part(NamedTuple):
    """A part of a page, as it is rendered: the whole takes ``size`` pixels, of which ``box`` is wanted."""

    size: Size
    box: tuple[int, int, int, int]


class Pages(Protocol):
    """An open document of some kind; pages count from 1.

    Its methods raise InputError for a document or page that cannot be read.
    """

    pages: int
    title: str
    notes: tuple[str, ...]

    def read(self, numbers: Iterable[int]) -> Iterator[ReadPage | InputError]:
        """Yield pages in the order asked for; in place of one that cannot be read, what is wrong with it."""

    def text(self, number: int) -> PageText:
        """Return the words of a page."""

    def part(self, number: int, part: Part) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB pixels of a part of a page, as large as the part's box."""


def page_still(source: str, number: int, pixels: NDArray[np.uint8]) -> Still:
    """Return the still of a page; the pixels are the still's from now on."""
    pixels.flags.writeable = False
    return Still(pixels, Page(source=source, number=number))


def page_fault(source: str, number: int, why: str) -> InputError:
    """Return the error that says why a page cannot be read."""
    return InputError(f"page {number} of {source} cannot be read: {why}.", input=source)


def outside(source: str, number: int, pages: int) -> InputError:
    """Return the error that says that a document has no such page."""
    held = "1 page" if pages == 1 else f"{pages} pages"
    return InputError(f"{source} has {held}, so no page {number}.", input=source)
