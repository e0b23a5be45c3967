"""Indexing of documents: page by page, from where it stopped; and passages for those that have none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from ..errors import InputError
from .batch import BATCH, Batch
from .fingerprint import fingerprint
from .ledger import SourceRow
from .passages import in_context, means
from .records import Added, Progress
from .storage import Entry, Storage

if TYPE_CHECKING:
    from .sources.documents import ReadPage

FILL = 128
"""Blocks that are embedded together where a document is filled with passages."""

MOST_WARNINGS = 50
"""Pages of a document whose errors are kept."""

UNREAD = "pages without a text layer are not read: install sightloop[ocr], and add it again"
"""Warning on a document."""


class Pages:
    """Indexes documents.

    Parameters
    ----------
    storage : Storage
    batch : Batch
    progress : callable
        Is told after each batch that was committed.
    password : str or None
        Of documents that ask for one.
    """

    def __init__(
        self,
        storage: Storage,
        batch: Batch,
        progress: Callable[[Progress], None],
        password: str | None,
    ) -> None:
        self._storage = storage
        self._batch = batch
        self._progress = progress
        self._password = password

    def add(self, path: str, mark: str, known: SourceRow | None) -> Added:
        """Index a document, or go on with it.

        Raises
        ------
        InputError
            If it cannot be opened, or none of its pages can be read.
        """
        from .sources.documents import Document

        with Document(path, self._password) as document:
            if known and known.complete:  # its pages can be read now, which they could not
                self._storage.forget(known.number)
                known = None
            warnings = _Warnings(json.loads(known.warnings) if known else [])
            warnings.add(document.notes)
            entry = self._batch.entry(path, "document")
            entry.changes |= {"fingerprint": mark, "pages": document.pages}
            there = self._storage.ledger.counts().get(known.number, 0) if known else 0
            numbers = range(int(known.position) if known and known.position else 1, document.pages + 1)
            for number, page in zip(numbers, document.read(numbers), strict=True):
                entry = self._batch.entry(path, "document")
                there += self._page(entry, page, mark, warnings)
                entry.changes |= {"position": str(number + 1), "warnings": json.dumps(warnings.all)}
                if self._batch.due:
                    self._commit(path, number, document.pages)
            if not there:
                if begun := self._storage.ledger.source(path):
                    self._storage.forget(begun.number)
                why = warnings.all[-1]
                raise InputError(
                    f"none of the {document.pages} pages of {path} can be read: {why}", input=path
                )
            entry = self._batch.entry(path, "document")
            entry.changes |= {"complete": 1, "position": None, "warnings": json.dumps(warnings.all)}
            if known or document.pages >= BATCH:  # small ones wait for each other
                self._commit(path, document.pages, document.pages)
        if known:
            self.fill(path)
        return Added(sources=(path,), warnings=tuple(f"{path}: {warning}" for warning in warnings.all))

    def _page(self, entry: Entry, page: ReadPage | InputError, mark: str, warnings: _Warnings) -> bool:
        """Take a page, and return whether it could be read."""
        if isinstance(page, InputError):
            if fingerprint(entry.path) != mark:
                raise InputError(f"{entry.path} changed while it was read: add it again.", input=entry.path)
            warnings.fail(page)
            return False
        if page.text.read == "none" and self._batch.models.ocr is None:
            warnings.add([UNREAD])
            entry.changes["unread"] = 1
        self._batch.put(entry, page.still, words=page.text)
        return True

    def _commit(self, path: str, done: int, of: int) -> None:
        self._batch.commit()
        self._progress(Progress(path, done, of, self._batch.stills))

    def fill(self, path: str) -> bool:
        """Embed those blocks of a source that want a vector and have none, and return whether there were any.

        A memory may have been opened without a sentence model when its source was indexed.
        """
        source = self._storage.ledger.source(path)
        if source is None or self._batch.models.sentences is None:
            return False
        wanting = self._storage.ledger.blocks(source.number)
        texts: list[str] = []
        for _, together in groupby(wanting, key=lambda block: block.still):
            texts += in_context([block.text.text for block in together])
        pairs = zip(wanting, texts, strict=True)
        blocks = [(block, text) for block, text in pairs if means(block.text.text)]
        for start in range(0, len(blocks), FILL):
            part = blocks[start : start + FILL]
            vectors = self._batch.meanings([text for _, text in part])
            self._storage.fill(source.number, [block for block, _ in part], vectors)
            page = int(part[-1][0].id.split(":")[1])
            self._progress(Progress(path, page, source.pages, self._batch.stills))
        return bool(blocks)


class _Warnings:
    """What is to be said about a document, each thing once, and not without end."""

    def __init__(self, earlier: list[str]) -> None:
        self.all = earlier

    def add(self, warnings: Iterable[str]) -> None:
        self.all = list(dict.fromkeys([*self.all, *warnings]))

    def fail(self, error: InputError) -> None:
        if len(self.all) < MOST_WARNINGS:
            self.add([error.message])
        else:
            self.add(["more of its pages cannot be read"])
