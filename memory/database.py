"""Database: the SQLite file of a memory, its transactions, and what its errors mean."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import StorageError
from .schema import FORMAT, MIGRATIONS, SCHEMA, statements


class Database:
    """The file of a ledger.

    Parameters
    ----------
    path : Path
        Of the SQLite file; made if it is missing, and brought to this format if it is of an earlier one.

    Raises
    ------
    StorageError
        By every method, if the file is damaged, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._storing():
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            with self._storing():
                self._base.execute("PRAGMA journal_mode = WAL")
                self._base.execute("PRAGMA synchronous = FULL")  # what is acknowledged outlives a power cut
                self._base.execute("PRAGMA foreign_keys = ON")
                self._begin()
        except StorageError:
            self._base.close()
            raise

    def _begin(self) -> None:
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'meta'"):
            with self.transaction():
                for statement in statements(SCHEMA):
                    self._base.execute(statement)
                self.note("format", FORMAT)
                self.note("name", uuid.uuid4().hex)
        (found,) = self._rows("PRAGMA quick_check(1)")[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        written = self.get("format")
        if written in MIGRATIONS:
            with self.transaction():
                for statement in statements(MIGRATIONS[written]):
                    self._base.execute(statement)
                self.note("format", FORMAT)
        elif written != FORMAT:
            raise StorageError(
                f"{self.path} is of the format {written}; this version reads the format {FORMAT}: "
                "index into another folder.",
                input=str(self.path),
            )

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Turn what SQLite raises into an error that says what to do."""
        try:
            yield
        except sqlite3.ProgrammingError as error:
            raise StorageError(f"the memory {self.path.parent} is closed.", input=str(self.path)) from error
        except sqlite3.OperationalError as error:
            raise StorageError(
                f"the memory's ledger {self.path} cannot be read or written: {error}.", input=str(self.path)
            ) from error
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"the memory's ledger {self.path} is damaged ({error}): move it away, with the files beside "
                "it that begin like it, and add the sources again.",
                input=str(self.path),
            ) from error

    @property
    def changes(self) -> int:
        """A number that rises with whatever is written: while it is the same, what was read is still so."""
        return self._base.total_changes

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside comes in together, or not at all."""
        with self._storing():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._storing():
            return self._base.execute(statement, values).fetchall()

    def get(self, key: str) -> str | None:
        """Return what is noted under a key."""
        found = self._rows("SELECT value FROM meta WHERE key = ?", [key])
        return found[0][0] if found else None

    def note(self, key: str, value: str) -> None:
        """Note something under a key."""
        self._rows("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])
