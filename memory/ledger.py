"""The ledger: what a memory holds and how far each source is indexed, in SQLite.

Whatever is in it is acknowledged: a batch of stills comes in by one transaction together with the position
from which its source is to be read on, after its pictures and vectors have been written.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import StorageError
from .records import Text

if TYPE_CHECKING:
    from .keyframes import Shot

FORMAT = "1"
"""Of the folder; a memory of another format is refused."""

# A word is found in all its forms (porter) and with or without accents. The texts are kept once: the index
# refers to them, so what is deleted must be taken out of it by name.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE sources (
    number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE NOT NULL, kind TEXT NOT NULL,
    fingerprint TEXT, complete INTEGER NOT NULL DEFAULT 0, position TEXT, seconds REAL, duration REAL,
    began REAL, subtitles TEXT, warnings TEXT NOT NULL DEFAULT '[]');
CREATE TABLE shots (
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE, number INTEGER NOT NULL,
    start REAL NOT NULL, "end" REAL NOT NULL, first_frame INTEGER NOT NULL, last_frame INTEGER NOT NULL,
    PRIMARY KEY (source, number)) WITHOUT ROWID;
CREATE TABLE stills (
    slot INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE, t REAL, frame INTEGER, shot INTEGER,
    sha256 TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, media TEXT NOT NULL);
CREATE INDEX stills_by_source ON stills (source, t);
CREATE INDEX stills_by_media ON stills (media);
CREATE TABLE texts (
    number INTEGER PRIMARY KEY, slot INTEGER NOT NULL REFERENCES stills ON DELETE CASCADE,
    channel TEXT NOT NULL, start REAL, "end" REAL, text TEXT NOT NULL);
CREATE INDEX texts_by_slot ON texts (slot);
CREATE VIRTUAL TABLE words USING fts5(
    text, content='texts', content_rowid='number', tokenize='porter unicode61 remove_diacritics 2');
CREATE TRIGGER texts_in AFTER INSERT ON texts BEGIN
    INSERT INTO words (rowid, text) VALUES (new.number, new.text);
END;
CREATE TRIGGER texts_out AFTER DELETE ON texts BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text);
END;
"""


class StillRow(NamedTuple):
    """A still as the ledger keeps it; ``slot`` says where its vector lies, in the order of coming in."""

    slot: int
    id: str
    source: int
    t: float | None
    frame: int | None
    shot: int | None
    sha256: str
    width: int
    height: int
    media: str


class SourceRow(NamedTuple):
    """A source as the ledger keeps it."""

    number: int
    path: str
    kind: str
    fingerprint: str | None
    complete: bool
    position: str | None
    seconds: float | None
    duration: float | None
    began: float | None
    subtitles: str | None
    warnings: str


class TextHit(NamedTuple):
    """A text that holds words of a query: the less ``cost`` (bm25), the better."""

    slot: int
    text: Text
    cost: float


@dataclass(frozen=True, slots=True)
class Where:
    """Which stills a search is about: of these sources, shown from ``start`` to ``end``; None is all."""

    sources: frozenset[int] | None = None
    start: float | None = None
    end: float | None = None


class Ledger:
    """The tables of a memory.

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
                for statement in _statements(_SCHEMA):
                    self._base.execute(statement)
                self.note("format", FORMAT)
                self.note("name", uuid.uuid4().hex)
        (found,) = self._rows("PRAGMA quick_check(1)")[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        if (written := self.get("format")) != FORMAT:
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

    # Sources

    def sources(self) -> list[SourceRow]:
        """Return all sources, in the order of coming in."""
        return [SourceRow(*row) for row in self._rows("SELECT * FROM sources ORDER BY number")]

    def source(self, path: str) -> SourceRow | None:
        """Return the source of this path."""
        found = self._rows("SELECT * FROM sources WHERE path = ?", [path])
        return SourceRow(*found[0]) if found else None

    def counts(self) -> dict[int, int]:
        """Return how many stills each source has."""
        return dict(self._rows("SELECT source, count(*) FROM stills GROUP BY source"))

    def put_source(self, path: str, kind: str, **columns: Any) -> int:
        """Begin a source, or set columns of it if it is there, and return its number."""
        values = {"path": path, "kind": kind, **columns}
        statement = (
            f"INSERT INTO sources ({', '.join(values)}) VALUES ({', '.join('?' * len(values))}) "
            f"ON CONFLICT (path) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in values)} "
            "RETURNING number"
        )
        return int(self._rows(statement, list(values.values()))[0][0])

    def spoil(self, number: int, warning: str) -> None:
        """Say what is wrong with a source, and have it indexed anew when it is added."""
        self._rows(
            "UPDATE sources SET fingerprint = NULL, complete = 0, position = NULL, "
            "warnings = json_insert(warnings, '$[#]', ?) WHERE number = ?",
            [warning, number],
        )

    def remove_source(self, number: int) -> None:
        """Remove a source and all that belongs to it."""
        self._rows("DELETE FROM sources WHERE number = ?", [number])

    # Stills, shots and texts

    def next_slot(self) -> int:
        """Return the slot of the next still: slots are never used twice."""
        found = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'stills'")
        return int(found[0][0]) + 1 if found else 0

    def put_stills(self, stills: Iterable[StillRow]) -> None:
        """Bring in stills."""
        marks = ", ".join("?" * len(StillRow._fields))
        self._base.executemany(f"INSERT INTO stills VALUES ({marks})", stills)

    def put_shots(self, source: int, shots: Iterable[Shot]) -> None:
        """Bring in shots of a source."""
        self._base.executemany(
            "INSERT OR REPLACE INTO shots VALUES (?, ?, ?, ?, ?, ?)",
            [
                (source, shot.number, shot.start, shot.end, shot.first_frame, shot.last_frame)
                for shot in shots
            ],
        )

    def put_texts(self, texts: Iterable[tuple[int, Text]]) -> None:
        """Bring in texts of the stills in these slots."""
        self._base.executemany(
            'INSERT INTO texts (slot, channel, start, "end", text) VALUES (?, ?, ?, ?, ?)',
            [(slot, text.channel, text.start, text.end, text.text) for slot, text in texts],
        )

    def remove_texts(self, source: int, channel: str) -> None:
        """Remove the texts of one channel from a source."""
        self._rows(
            "DELETE FROM texts WHERE channel = ? AND slot IN (SELECT slot FROM stills WHERE source = ?)",
            [channel, source],
        )

    def remove_stills(self, slots: Sequence[int]) -> None:
        """Remove stills and their texts."""
        with self.transaction():
            self._base.executemany("DELETE FROM stills WHERE slot = ?", [(slot,) for slot in slots])

    def renumber(self, slots: Sequence[tuple[int, int]], **meta: str) -> None:
        """Give stills other slots, (new, old) in rising order with new <= old, and note something with it."""
        with self.transaction():
            self._base.execute("PRAGMA defer_foreign_keys = ON")
            moved = [pair for pair in slots if pair[0] != pair[1]]
            self._base.executemany("UPDATE stills SET slot = ? WHERE slot = ?", moved)
            self._base.executemany("UPDATE texts SET slot = ? WHERE slot = ?", moved)
            last = slots[-1][0] if slots else -1
            self._base.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'stills'", [last])
            for key, value in meta.items():
                self.note(key, value)

    def index(self) -> list[tuple[int, str, int, float | None]]:
        """Return slot, id, source and time of all stills, by slot."""
        return self._rows("SELECT slot, id, source, t FROM stills ORDER BY slot")

    def stills(self, source: int | None = None, slots: Sequence[int] | None = None) -> Iterator[StillRow]:
        """Yield the stills of a source, or of these slots, or all; by slot."""
        where, values = "", []
        if source is not None:
            where, values = "WHERE source = ?", [source]
        elif slots is not None:
            where, values = f"WHERE slot IN ({', '.join('?' * len(slots))})", list(slots)
        for row in self._rows(f"SELECT * FROM stills {where} ORDER BY slot", values):
            yield StillRow(*row)

    def texts(self, source: int) -> dict[int, list[Text]]:
        """Return the texts of a source's stills, by slot."""
        found: dict[int, list[Text]] = {}
        for slot, *text in self._rows(
            'SELECT slot, channel, texts.text, start, "end" FROM texts JOIN stills USING (slot) '
            "WHERE source = ? ORDER BY texts.number",
            [source],
        ):
            found.setdefault(slot, []).append(Text(*text))
        return found

    def shots(self, source: int) -> list[tuple[int, float, float, int, int]]:
        """Return number, start, end, first and last frame of a source's shots."""
        return self._rows(
            'SELECT number, start, "end", first_frame, last_frame FROM shots '
            "WHERE source = ? ORDER BY number",
            [source],
        )

    def around(self, row: StillRow) -> tuple[float, float] | None:
        """Return from when to when a keyframe stands for its video: to its neighbours, within its shot."""
        if row.t is None:
            return None
        before, after = self._rows(
            "SELECT (SELECT max(t) FROM stills WHERE source = ?1 AND t < ?2), "
            "(SELECT min(t) FROM stills WHERE source = ?1 AND t > ?2)",
            [row.source, row.t],
        )[0]
        shot = self._rows(
            'SELECT start, "end" FROM shots WHERE source = ? AND number = ?', [row.source, row.shot]
        )
        start, end = shot[0] if shot else (0.0, row.t if after is None else after)
        return (start if before is None else max(start, before)), (end if after is None else min(end, after))

    def search(self, query: str, channel: str, where: Where, most: int) -> list[TextHit]:
        """Return the texts of a channel that match an FTS5 query, the best first."""
        conditions = ["words MATCH ?", "channel = ?"]
        values: list[Any] = [query, channel]
        if where.sources is not None:
            conditions.append("source IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(sorted(where.sources)))
        # A line of speech counts where it is spoken, not where the nearest keyframe is.
        if where.start is not None:
            conditions.append('coalesce("end", t) >= ?')
            values.append(where.start)
        if where.end is not None:
            conditions.append("coalesce(start, t) <= ?")
            values.append(where.end)
        found = self._rows(
            'SELECT slot, channel, texts.text, start, "end", bm25(words) AS cost '
            "FROM words JOIN texts ON texts.number = words.rowid JOIN stills USING (slot) "
            f"WHERE {' AND '.join(conditions)} ORDER BY cost, texts.number LIMIT ?",
            [*values, most],
        )
        return [TextHit(slot, Text(*text), cost) for slot, *text, cost in found]

    def empty(self) -> bool:
        """Whether there are no stills."""
        return not self._rows("SELECT 1 FROM stills LIMIT 1")

    def unused(self, media: Iterable[str]) -> list[str]:
        """Return those of these pictures that no still has."""
        return [
            name for name in media if not self._rows("SELECT 1 FROM stills WHERE media = ? LIMIT 1", [name])
        ]

    def media(self) -> set[str]:
        """Return the names of all pictures that stills have."""
        return {name for (name,) in self._rows("SELECT DISTINCT media FROM stills")}

    def vacuum(self) -> None:
        """Give back the room of what was removed."""
        self._rows("INSERT INTO words (words) VALUES ('optimize')")
        self._rows("VACUUM")
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")


def _statements(schema: str) -> Iterator[str]:
    """Split a schema: ``executescript`` would end the transaction that it is to be part of."""
    statement = ""
    for line in schema.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
