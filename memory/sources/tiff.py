"""TIFF: files of several scanned pages."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import InputError
from ..page_text import PageText
from ..pixels import rgb_from_image
from ..still import Size
from .files import regular_file
from .pages import Part, ReadPage, outside, page_fault, page_still
from .pdf_placing import LONGEST
from .photos import MAX_PIXELS, opened_picture

MAX_DIRECTORIES = 50_000
"""Most directories of a file that are followed; damaged ones can lead in circles."""

_SUBFILE = 254  # its lowest bit marks a smaller copy of another page, like a preview
_LONG = 4  # the type of that tag's value
_MAX_ENTRIES = 65_535


def tiff_pages(path: str | os.PathLike[str]) -> list[int]:
    """Return which of a TIFF file's pictures are pages, as Pillow counts them; none if it is no TIFF.

    Previews are left out. Nothing is decoded; of a damaged file, what can be followed is returned.

    Raises
    ------
    InputError
        If the file cannot be opened.
    """
    with regular_file(path, "document") as file:
        return [number for number, preview in enumerate(_previews(file)) if not preview]


class Tiff:
    """An open TIFF; errors as of :class:`.pages.Pages`.

    Parameters
    ----------
    path : str
        Absolute.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._frames = tiff_pages(path)
        if not self._frames:
            raise InputError(f"{path} is damaged: no page of it can be found.", input=path)
        with opened_picture(path):
            pass
        self.pages = len(self._frames)
        self.title = Path(path).stem
        self.notes: tuple[str, ...] = ()

    def read(self, numbers: Iterable[int]) -> Iterator[ReadPage | InputError]:
        """Yield pages in the order asked for; in place of one that cannot be read, its error."""
        for number in numbers:
            try:
                pixels = np.array(_shrunk(self._scan(number)))
            except InputError as error:
                yield error
            else:
                still = page_still(self._path, number, pixels)
                yield ReadPage(still, PageText(still.size))

    def text(self, number: int) -> PageText:
        """Return the words of a page, which a scan does not tell: only its size."""
        return PageText(Size(*_shrunk(self._scan(number)).size))

    def part(self, number: int, part: Part) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB pixels of a part of a page, from the scan as it is stored."""
        scan = self._scan(number)
        x, y = scan.width / part.size.width, scan.height / part.size.height
        x0, y0, x1, y1 = part.box
        wanted = scan.resize((x1 - x0, y1 - y0), Image.Resampling.LANCZOS, (x0 * x, y0 * y, x1 * x, y1 * y))
        return np.array(wanted)

    def _scan(self, number: int) -> Image.Image:
        """Return a page as large as it is stored, upright, RGB."""
        if not 1 <= number <= self.pages:
            raise outside(self._path, number, self.pages)
        try:
            return _decoded(self._path, self._frames[number - 1])
        except InputError as error:
            why = error.message.replace(self._path, "it").rstrip(".")
            raise page_fault(self._path, number, why) from error


class _Layout(NamedTuple):
    """How a kind of TIFF writes its directories: formats of :mod:`struct`, and bytes."""

    entries: str
    entry: int
    offset: str
    first: int  # where in the file the first directory's offset is
    value: int  # where in an entry its value is


_LAYOUTS = {42: _Layout("H", 12, "I", 4, 8), 43: _Layout("Q", 20, "Q", 8, 12)}  # TIFF 6.0 and BigTIFF


def _previews(file: BinaryIO) -> Iterator[bool]:
    """Yield for each directory of a TIFF whether it is that of a preview."""
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return
    layout = _LAYOUTS.get(struct.unpack_from(order + "H", head, 2)[0])
    if layout is None:
        return
    seen: set[int] = set()
    (offset,) = struct.unpack_from(order + layout.offset, head, layout.first)
    while offset and offset not in seen and len(seen) < MAX_DIRECTORIES:
        seen.add(offset)
        try:
            file.seek(offset)
            count = _number(file, order + layout.entries)
            entries = file.read(min(count, _MAX_ENTRIES) * layout.entry)
            offset = _number(file, order + layout.offset)
        except (struct.error, OSError, OverflowError):
            return  # it is truncated
        yield any(
            _marks_preview(entries[start : start + layout.entry], order, layout.value)
            for start in range(0, len(entries), layout.entry)
        )


def _number(file: BinaryIO, form: str) -> int:
    (number,) = struct.unpack(form, file.read(struct.calcsize(form)))
    return int(number)


def _marks_preview(entry: bytes, order: str, value: int) -> bool:
    tag, kind = struct.unpack_from(order + "HH", entry)
    return (tag, kind) == (_SUBFILE, _LONG) and bool(entry[value + (0 if order == "<" else 3)] & 1)


def _decoded(path: str, frame: int) -> Image.Image:
    with opened_picture(path) as image:
        image.seek(frame)
        if image.width * image.height > MAX_PIXELS:
            raise InputError(f"{path} has more than {MAX_PIXELS / 1e6:.0f} megapixels.", input=path)
        return Image.fromarray(np.asarray(rgb_from_image(image)[0]))


def _shrunk(scan: Image.Image) -> Image.Image:
    """Make a page smaller where its longer side is more than ``LONGEST``."""
    scale = LONGEST / max(scan.size)
    if scale >= 1:
        return scan
    return scan.resize(
        (max(1, round(scan.width * scale)), max(1, round(scan.height * scale))), Image.Resampling.LANCZOS
    )
