"""Indexing of documents: page by page, from where it stopped; and passages for those that have none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from ..errors import InputError
from .batch import Batch
from .ledger import SourceRow
from .passages import means
from .records import Added, Progress
from .storage import Storage

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

    def add(self, path: str, fingerprint: str, known: SourceRow | None) -> Added:
        """Index a document, or go on with it.

        Raises
        ------
        InputError
            If it cannot be opened, or none of its pages can be read.
        """
        from .sources.documents import Document

        first = int(known.position) if known and known.position else 1
        warnings = _Warnings(json.loads(known.warnings) if known else [])
        self._batch.commit()  # what other files have waiting shall not wait for a whole document
        with Document(path, self._password) as document:
            warnings.add(document.notes)
            entry = self._batch.entry(path, "document")
            numbers = range(first, document.pages + 1)
            for number, page in zip(numbers, document.read(numbers), strict=True):
                entry = self._batch.entry(path, "document")
                if isinstance(page, InputError):
                    warnings.fail(page)
                else:
                    if page.text.read == "none" and self._batch.models.ocr is None:
                        warnings.add([UNREAD])
                        entry.changes["unread"] = 1
                    self._batch.put(entry, page.still, words=page.text)
                entry.changes |= {
                    "fingerprint": fingerprint,
                    "pages": document.pages,
                    "position": str(number + 1),
                    "warnings": json.dumps(warnings.all),
                }
                if self._batch.due:
                    self._batch.commit()
                    self._progress(Progress(path, number, document.pages, self._batch.stills))
            entry.changes |= {"fingerprint": fingerprint, "pages": document.pages}
            entry.changes |= {"complete": 1, "position": None, "warnings": json.dumps(warnings.all)}
            self._batch.commit()
            self._check(path, warnings)
            self._progress(Progress(path, document.pages, document.pages, self._batch.stills))
        self.fill(path)
        return Added(sources=(path,), warnings=tuple(f"{path}: {warning}" for warning in warnings.all))

    def _check(self, path: str, warnings: _Warnings) -> None:
        """Refuse a document none of whose pages could be read."""
        source = self._storage.ledger.source(path)
        assert source is not None  # it has just been committed
        if warnings.failed is not None and not self._storage.ledger.counts().get(source.number):
            self._storage.forget(source.number)
            raise InputError(
                f"none of the {source.pages} pages of {path} can be read: {warnings.failed.message}",
                input=path,
            )

    def fill(self, path: str) -> bool:
        """Embed those blocks of a source that want a vector and have none, and return whether there were any.

        A memory may have been opened without a sentence model when its source was indexed.
        """
        source = self._storage.ledger.source(path)
        if source is None or self._batch.models.sentences is None:
            return False
        blocks = [block for block in self._storage.ledger.blocks(source.number) if means(block.text.text)]
        for start in range(0, len(blocks), FILL):
            part = blocks[start : start + FILL]
            self._storage.fill(source.number, part, self._batch.meanings([one.text.text for one in part]))
            page = int(part[-1].id.split(":")[1])
            self._progress(Progress(path, page, source.pages, self._batch.stills))
        return bool(blocks)


class _Warnings:
    """What is to be said about a document, each thing once, and not without end."""

    def __init__(self, earlier: list[str]) -> None:
        self.all = earlier
        self.failed: InputError | None = None

    def add(self, warnings: Iterable[str]) -> None:
        self.all = list(dict.fromkeys([*self.all, *warnings]))

    def fail(self, error: InputError) -> None:
        self.failed = error
        if len(self.all) < MOST_WARNINGS:
            self.add([error.message])
        else:
            self.add(["more of its pages cannot be read"])
