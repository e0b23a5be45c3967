"""PDF: a file whose pages are rendered, and their characters read, by PDFium in a process of its own."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..page_text import PageText
from .files import regular_file
from .page_process import Lease, Lost, Reply, page_process
from .pages import Part, ReadPage, outside, page_fault, page_still

MAX_BYTES = 2 << 30
"""Largest file that is opened; its cross-references are read into memory."""

MAX_PAGES = 50_000
"""Most pages of a file; one that claims more is damaged, or better split."""

AHEAD = 4
"""How many pages are asked for before the first of them is taken: 6 MB each."""

LOST = 3
"""Pages in a row that may crash PDFium or take too long; then the others asked for are not tried."""

_HEAD = 1024  # a PDF may begin within its first kilobyte, and end within its last ones
_TAIL = 4096


def is_pdf(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a PDF by its first kilobyte.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    with regular_file(path, "document") as file:
        return b"%PDF-" in file.read(_HEAD)


class Pdf:
    """An open PDF.

    Parameters
    ----------
    path : str
        Absolute, of the PDF.
    source : str
        Absolute, of the document that it shows: itself, or what it was converted from.
    password : str, optional

    Raises
    ------
    InputError
        If it is no PDF, damaged, has no pages or more than ``MAX_PAGES``, is larger than ``MAX_BYTES``, or
        needs another password.
    """

    def __init__(self, path: str, source: str, password: str | None = None) -> None:
        self._path, self._source, self._password = path, source, password
        notes = _checked(path, source)
        with page_process() as lease:
            self.pages, self.title, told = self._value(lease, "told", path, password)
        self.notes: tuple[str, ...] = (*notes, *told)
        if self.pages == 0:
            raise InputError(f"{source} has no pages.", input=source)
        if self.pages > MAX_PAGES:
            raise InputError(
                f"{source} has {self.pages} pages, more than {MAX_PAGES}: split it, or, if it should have "
                "fewer, copy or download it again.",
                input=source,
            )

    def read(self, numbers: Iterable[int]) -> Iterator[ReadPage | InputError]:
        """Yield pages in the order asked for, rendered ahead; in place of a bad one, its error."""
        asked = iter(numbers)
        waiting: deque[tuple[int, int | None]] = deque()
        lost = 0
        with page_process() as lease:
            while True:
                while len(waiting) < AHEAD and (number := next(asked, None)) is not None:
                    waiting.append((number, self._ask(lease, number)))
                if not waiting:
                    return
                number, ticket = waiting.popleft()
                if ticket is None:
                    yield outside(self._source, number, self.pages)
                    continue
                try:
                    reply = lease.process.take(ticket)
                except Lost as error:
                    lost += 1
                    lease.lose()
                    yield page_fault(self._source, number, str(error))
                    if lost >= LOST:
                        break
                    waiting = deque((later, self._ask(lease, later)) for later, _ in waiting)
                else:
                    lost = 0
                    yield self._page(number, reply)
        for number in chain((number for number, _ in waiting), asked):
            yield page_fault(self._source, number, f"{LOST} before it took too long or crashed PDFium")

    def text(self, number: int) -> PageText:
        """Return the words of a page, without rendering it."""
        self._within(number)
        with page_process() as lease:
            text: PageText = self._value(lease, "raw", self._path, self._password, number, page=number)
        return text

    def part(self, number: int, part: Part) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB pixels of a part of a page, rendered for it."""
        self._within(number)
        with page_process() as lease:
            reply = self._reply(lease, "part", self._path, self._password, number, part, page=number)
        if reply.pixels is None:
            raise page_fault(self._source, number, "nothing was rendered")
        return reply.pixels

    def _ask(self, lease: Lease, number: int) -> int | None:
        if not 1 <= number <= self.pages:
            return None
        return lease.process.ask("page", self._path, self._password, number)

    def _page(self, number: int, reply: Reply) -> ReadPage | InputError:
        if reply.pixels is None:
            return page_fault(self._source, number, reply.answer.fault)
        return ReadPage(page_still(self._source, number, reply.pixels), reply.answer.value)

    def _within(self, number: int) -> None:
        if not 1 <= number <= self.pages:
            raise outside(self._source, number, self.pages)

    def _value(self, lease: Lease, call: Literal["told", "raw"], *arguments: Any, page: int = 0) -> Any:
        return self._reply(lease, call, *arguments, page=page).answer.value

    def _reply(
        self, lease: Lease, call: Literal["told", "raw", "part"], *arguments: Any, page: int = 0
    ) -> Reply:
        try:
            reply = lease.process.take(lease.process.ask(call, *arguments))
        except Lost as error:
            lease.lose()
            raise self._fault(page, str(error)) from error
        if reply.answer.password:
            raise self._locked()
        if reply.answer.fault:
            raise self._fault(page, reply.answer.fault)
        return reply

    def _fault(self, page: int, why: str) -> InputError:
        if page:
            return page_fault(self._source, page, why)
        return InputError(
            f"{self._source} cannot be read: {why}; copy or download it again.", input=self._source
        )

    def _locked(self) -> InputError:
        if self._password is None:
            message = "is protected by a password; pass it with --password, or password=."
        else:
            message = "is protected by another password than the one given."
        return InputError(f"{self._source} {message}", input=self._source)


def _checked(path: str, source: str) -> tuple[str, ...]:
    """Look at a file's ends before PDFium does."""
    if not is_pdf(path):
        raise InputError(f"{source} is no PDF: it does not begin like one.", input=source)
    with regular_file(path, "document") as file:
        size = file.seek(0, os.SEEK_END)
        if size > MAX_BYTES:
            raise InputError(
                f"{source} is a PDF of {size / 1e9:.1f} GB, more than the limit of {MAX_BYTES / 1e9:.1f} GB: "
                "split it first.",
                input=source,
            )
        file.seek(max(0, size - _TAIL))
        if b"%%EOF" not in file.read():
            return ("its end is missing, so it may have had more pages",)
    return ()
