"""Catalogue: what is kept for one caller, in SQLite; what is written in it outlives the process."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ...errors import InputError, StorageError

Status = Literal["waiting", "indexing", "ready", "failed"]
"""Of a source: only what is "ready" can be asked about; "failed" says why in ``error``."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS memories (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, created REAL NOT NULL, gone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sources (
    id TEXT PRIMARY KEY, memory TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    name TEXT NOT NULL, file TEXT NOT NULL, kind TEXT NOT NULL, bytes INTEGER NOT NULL, created REAL NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting', error TEXT, stills INTEGER, pages INTEGER, duration REAL,
    warnings TEXT NOT NULL DEFAULT '[]', gone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, memory TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    name TEXT NOT NULL, size INTEGER NOT NULL, offset INTEGER NOT NULL DEFAULT 0, touched REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS results (
    id TEXT PRIMARY KEY, created REAL NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL,
    confidence REAL NOT NULL, thread TEXT, memory TEXT
);
CREATE INDEX IF NOT EXISTS by_thread ON results (thread, created);
"""


class NotKeptError(InputError):
    """Nothing of this id is kept for this caller."""


class MemoryRow(NamedTuple):
    """A memory; ``gone`` while its files are being removed."""

    id: str
    name: str
    created: float
    gone: bool


class SourceRow(NamedTuple):
    """A file of a memory: ``name`` as the caller wrote it, ``file`` as it is called on the disk."""

    id: str
    memory: str
    name: str
    file: str
    kind: str
    bytes: int
    created: float
    status: Status
    error: str | None
    stills: int | None
    pages: int | None
    duration: float | None
    warnings: str
    gone: bool


class UploadRow(NamedTuple):
    """A file that is on its way: ``offset`` of ``size`` bytes are on the disk."""

    id: str
    memory: str
    name: str
    size: int
    offset: int
    touched: float


class ResultRow(NamedTuple):
    """An answer, and the conversation it is part of."""

    id: str
    created: float
    question: str
    answer: str
    confidence: float
    thread: str | None
    memory: str | None


def new_id(kind: str) -> str:
    """Return an id that was never given before, such as ``mem-3f9c0a1b2d4e5f60``."""
    return f"{kind}-{secrets.token_hex(8)}"


class Catalogue:
    """The tables of one caller. Its methods may be called from several threads.

    Parameters
    ----------
    path : Path
        Of the SQLite file; made if it is missing.

    Raises
    ------
    StorageError
        By every method, if the file is damaged, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._storing():
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")  # what is acknowledged outlives a power cut
            self._base.execute("PRAGMA foreign_keys = ON")
            self._base.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    @contextmanager
    def _storing(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise StorageError(
                    f"the catalogue {self._path} cannot be read or written: {error}.", input=str(self._path)
                ) from error

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._storing():
            return self._base.execute(statement, values).fetchall()

    # Memories

    def memories(self, *, gone: bool = False) -> list[MemoryRow]:
        """Return the memories, the oldest first; or those that are being removed."""
        rows = self._rows("SELECT * FROM memories WHERE gone = ? ORDER BY created, id", [gone])
        return [MemoryRow(*row) for row in rows]

    def memory(self, id: str) -> MemoryRow | None:
        """Return a memory that is not being removed."""
        rows = self._rows("SELECT * FROM memories WHERE id = ? AND NOT gone", [id])
        return MemoryRow(*rows[0]) if rows else None

    def put_memory(self, row: MemoryRow) -> None:
        """Begin a memory."""
        self._rows("INSERT INTO memories VALUES (?, ?, ?, ?)", row)

    def drop_memory(self, id: str, *, wholly: bool = False) -> None:
        """Have a memory be removed; or, wholly, forget that there was one, with its sources and uploads."""
        done = "DELETE FROM memories WHERE id = ?" if wholly else "UPDATE memories SET gone = 1 WHERE id = ?"
        self._rows(done, [id])

    # Sources

    def sources(self, memory: str | None = None, *, gone: bool = False) -> list[SourceRow]:
        """Return the sources of a memory or of all, in the order of coming in; or those being removed."""
        where, values = ("AND memory = ?", [memory]) if memory is not None else ("", [])
        rows = self._rows(
            f"SELECT * FROM sources WHERE gone = ? {where} ORDER BY created, id", [gone, *values]
        )
        return [SourceRow(*row) for row in rows]

    def source(self, id: str) -> SourceRow | None:
        """Return a source that is not being removed, nor its memory."""
        rows = self._rows(
            "SELECT sources.* FROM sources JOIN memories ON memories.id = sources.memory "
            "WHERE sources.id = ? AND NOT sources.gone AND NOT memories.gone",
            [id],
        )
        return SourceRow(*rows[0]) if rows else None

    def put_source(self, upload: UploadRow, file: str, kind: str) -> None:
        """Make a source of an upload that is whole; it keeps its id."""
        with self._storing(), self._base:
            self._base.execute("BEGIN IMMEDIATE")
            self._base.execute(
                "INSERT INTO sources (id, memory, name, file, kind, bytes, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [upload.id, upload.memory, upload.name, file, kind, upload.size, time.time()],
            )
            self._base.execute("DELETE FROM uploads WHERE id = ?", [upload.id])

    def change_source(self, id: str, **columns: Any) -> None:
        """Set columns of a source."""
        setting = ", ".join(f"{name} = ?" for name in columns)
        self._rows(f"UPDATE sources SET {setting} WHERE id = ?", [*columns.values(), id])

    def drop_source(self, id: str) -> None:
        """Forget that there was a source."""
        self._rows("DELETE FROM sources WHERE id = ?", [id])

    # Uploads

    def uploads(self) -> list[UploadRow]:
        """Return all uploads."""
        return [UploadRow(*row) for row in self._rows("SELECT * FROM uploads")]

    def upload(self, id: str) -> UploadRow | None:
        """Return an upload."""
        rows = self._rows("SELECT * FROM uploads WHERE id = ?", [id])
        return UploadRow(*rows[0]) if rows else None

    def put_upload(self, memory: str, name: str, size: int) -> UploadRow:
        """Begin an upload."""
        row = UploadRow(new_id("file"), memory, name, size, 0, time.time())
        self._rows("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)", row)
        return row

    def received(self, id: str, offset: int) -> None:
        """Acknowledge that an upload is on the disk up to ``offset``."""
        self._rows("UPDATE uploads SET offset = ?, touched = ? WHERE id = ?", [offset, time.time(), id])

    def drop_upload(self, id: str) -> None:
        """Forget an upload."""
        self._rows("DELETE FROM uploads WHERE id = ?", [id])

    def bytes(self) -> int:
        """Return how many bytes of files are kept, or promised to uploads."""
        rows = self._rows("SELECT (SELECT total(bytes) FROM sources) + (SELECT total(size) FROM uploads)")
        return int(rows[0][0])

    # Results

    def results(self, thread: str | None = None) -> list[ResultRow]:
        """Return the results of a conversation, or all; the oldest first."""
        where, values = ("WHERE thread = ?", [thread]) if thread is not None else ("", [])
        rows = self._rows(f"SELECT * FROM results {where} ORDER BY created, rowid", values)
        return [ResultRow(*row) for row in rows]

    def result(self, id: str) -> ResultRow | None:
        """Return a result."""
        rows = self._rows("SELECT * FROM results WHERE id = ?", [id])
        return ResultRow(*rows[0]) if rows else None

    def put_result(self, row: ResultRow) -> None:
        """Keep a result."""
        self._rows("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def drop_result(self, id: str) -> None:
        """Forget a result."""
        self._rows("DELETE FROM results WHERE id = ?", [id])

    def oldest_results(self, beyond: int) -> list[ResultRow]:
        """Return the results that come before the newest ``beyond``."""
        rows = self._rows(
            "SELECT * FROM results ORDER BY created DESC, rowid DESC LIMIT -1 OFFSET ?", [beyond]
        )
        return [ResultRow(*row) for row in rows]
