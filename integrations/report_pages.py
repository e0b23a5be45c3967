"""Pages of a report: what is cited of documents, each page as it is, with its boxes and the words in them.

A page is embedded once, with all of its pixels wherever the report has room for them. Numbers of quotes run
through all documents, so that "quote 3" is one place.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ..agent.result import Result
from ..agent.steps import ObservationStep
from ..errors import EvidenceError
from ..memory import Box, Evidence, Size, StillRef
from ..memory.still import Page
from .report_marks import Mark, marks_on
from .report_pictures import Album, Shown

MOST_PAGES = 48
"""Cited pages that are shown as pages; of others the report has the quotes."""
PAGES_BYTES = 12 * 2**20
"""All pages that are shown together; base64 makes a third more of it."""
PAGE_BYTES = 2**20
"""One page, at most; less where there are more than 12. One with text takes 20,000 to 100,000."""
QUALITY = 80
"""Of WebP, for pages whose pixels do not fit as they are: scans in colour."""
MOST_PREVIEWS = 24
"""Pages that were read and not cited, which are shown small; of others the report has the numbers."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What is cited, by its number in the report; ``mark`` is None where it has no box on its page."""

    number: int
    evidence: Evidence
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page with what is cited of it.

    Parameters
    ----------
    id : str
        By which the report refers to it.
    number : int
        Of the page, from 1.
    size : Size
        In pixels of the page, whatever the embedded picture has: boxes are measured on it.
    quotes : tuple of Quote
    url : str
        The page as a ``data:`` URL; empty where it cannot be shown.
    missing : str
        Why it cannot be shown; empty where it can.
    """

    id: str
    number: int
    size: Size
    quotes: tuple[Quote, ...]
    url: str = ""
    missing: str = ""

    @property
    def marks(self) -> list[tuple[Mark, int]]:
        """The boxes, each with how far in front it lies: small ones before the large ones around them."""
        marks = [quote.mark for quote in self.quotes if quote.mark is not None]
        ranks = sorted(marks, key=lambda mark: -mark.width * mark.height)
        return [(mark, ranks.index(mark) + 1) for mark in marks]


@dataclass(frozen=True, slots=True)
class Paper:
    """A document: the pages that are cited, and those that were only read.

    Parameters
    ----------
    name, source : str
        Of its file.
    refs : frozenset of StillRef
        Its pages that are shown here.
    sheets : list of Sheet
        In the order in which they are cited.
    previews : list of (int, Shown)
        Pages that were read and are not cited, small, by their numbers.
    more : list of int
        Numbers of such pages that the report has no room for, or whose pixels are gone.
    """

    name: str
    source: str
    refs: frozenset[StillRef]
    sheets: list[Sheet] = field(default_factory=list)
    previews: list[tuple[int, Shown]] = field(default_factory=list)
    more: list[int] = field(default_factory=list)


def papers(result: Result, album: Album, evidence: Sequence[Evidence]) -> list[Paper]:
    """Show the documents of a result, in the order in which they are cited, then read.

    Parameters
    ----------
    result : Result
    album : Album
        Which keeps the small pages.
    evidence : sequence of Evidence
        What is to be shown; only that on pages is taken.

    Returns
    -------
    list of Paper
    """
    cited = [item for item in evidence if isinstance(item.still.origin, Page)]
    read = [ref for ref in _read(result) if ref not in {item.still for item in cited}]
    refs = [*(item.still for item in cited), *read]
    found = {
        source: Paper(
            Path(source).name, source, frozenset(ref for ref in refs if ref.origin.source == source)
        )
        for source in dict.fromkeys(ref.origin.source for ref in refs)
    }
    for sheet, source in _sheets(result, cited):
        found[source].sheets.append(sheet)
    shown = 0
    for ref in read:
        paper, number = found[ref.origin.source], _number(ref)
        preview = _preview(result, album, ref) if shown < MOST_PREVIEWS else None
        if preview is None:
            paper.more.append(number)
        else:
            paper.previews.append((number, preview))
            shown += 1
    return list(found.values())


def _read(result: Result) -> list[StillRef]:
    """Return the pages that tools read whole, each once, by document and number."""
    steps = [step for step in result.steps if isinstance(step, ObservationStep) and not step.comparisons]
    pictures = [one for step in steps for one in step.pictures]
    refs = {one.still: None for one in pictures if isinstance(one.still.origin, Page) and one.region is None}
    return sorted(refs, key=lambda ref: (ref.origin.source, _number(ref)))


def _number(ref: StillRef) -> int:
    return ref.origin.number if isinstance(ref.origin, Page) else 0


def _sheets(result: Result, cited: Sequence[Evidence]) -> list[tuple[Sheet, str]]:
    """Return the cited pages with the paths of their documents: quotes are numbered as they are cited."""
    refs = list(dict.fromkeys(item.still for item in cited))
    most = min(PAGE_BYTES, PAGES_BYTES // max(1, min(len(refs), MOST_PAGES)))
    sheets = []
    for index, ref in enumerate(refs):
        items = [(number, item) for number, item in enumerate(cited, start=1) if item.still == ref]
        url, missing = (
            _opened(result, ref, most)
            if index < MOST_PAGES
            else ("", f"there is no room for it; a report shows {MOST_PAGES} pages.")
        )
        size = Size(ref.width, ref.height)
        boxes = [
            (number, item.verdict, item.region if isinstance(item.region, Box) else None)
            for number, item in items
        ]
        marks = {mark.number: mark for mark in marks_on(size, boxes, beside=True)}
        quotes = tuple(Quote(number, item, marks.get(number)) for number, item in items)
        sheets.append(
            (Sheet(f"page-{index + 1}", _number(ref), size, quotes, url, missing), ref.origin.source)
        )
    return sheets


def _opened(result: Result, ref: StillRef, most: int) -> tuple[str, str]:
    """Return a page as a ``data:`` URL, and why it cannot be shown."""
    try:
        return page_url(result.still(ref).to_pil(), most), ""
    except EvidenceError as error:
        return "", error.message


def _preview(result: Result, album: Album, ref: StillRef) -> Shown | None:
    try:
        return album.preview(result.still(ref))
    except EvidenceError:
        return None


def page_url(image: Image.Image, most: int = PAGE_BYTES) -> str:
    """Return a page as a ``data:`` URL: its very pixels if they fit, which those of text nearly always do.

    Parameters
    ----------
    image : RGB picture
    most : int
        Bytes that it may have, before base64.
    """
    data, scale = _webp(image, lossless=True), 1.0
    while len(data) > most and scale * max(image.size) > 1:
        size = Size(*(max(1, round(side * scale)) for side in image.size))
        smaller = image if scale == 1 else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        data = _webp(smaller, quality=QUALITY)
        scale *= 0.8
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _webp(image: Image.Image, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **options)
    return buffer.getvalue()
