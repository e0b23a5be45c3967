"""The ledger: what a memory holds and how far each source is indexed, in SQLite.

Whatever is in it is acknowledged: a batch of stills comes in by one transaction together with the position
from which its source is to be read on, after its pictures and vectors have been written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .texts import Texts

if TYPE_CHECKING:
    from .keyframes import Shot

Table = Literal["stills", "passages"]
"""Tables whose rows have vectors, each at its slot."""


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
    page: int | None


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
    pages: int | None
    unread: bool


class Ledger(Texts):
    """The tables of a memory; see :class:`.database.Database`."""

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

    # What has vectors

    def next_slot(self, table: Table) -> int:
        """Return the slot of the next row: slots are never used twice."""
        found = self._rows("SELECT seq FROM sqlite_sequence WHERE name = ?", [table])
        return int(found[0][0]) + 1 if found else 0

    def empty(self, table: Table = "stills") -> bool:
        """Whether there are no rows."""
        return not self._rows(f"SELECT 1 FROM {table} LIMIT 1")

    def count(self, table: Table) -> int:
        """Return how many rows there are."""
        return int(self._rows(f"SELECT count(*) FROM {table}")[0][0])

    def index(self, table: Table) -> list[tuple[int, str, int, float | None]]:
        """Return slot, id, source and time of all rows, by slot; a passage has no time."""
        if table == "stills":
            return self._rows("SELECT slot, id, source, t FROM stills ORDER BY slot")
        return self._rows(
            "SELECT passages.slot, passages.id, source, NULL FROM passages "
            "JOIN texts ON passages.text = texts.number JOIN stills ON stills.slot = texts.slot "
            "ORDER BY passages.slot"
        )

    def renumber(self, table: Table, slots: Sequence[tuple[int, int]], **meta: str) -> None:
        """Give rows other slots, (new, old) in rising order with new <= old, and note something with it."""
        others = ("texts", "page_texts", "page_parts") if table == "stills" else ()
        with self.transaction():
            self._base.execute("PRAGMA defer_foreign_keys = ON")
            moved = [pair for pair in slots if pair[0] != pair[1]]
            for each in (table, *others):
                self._base.executemany(f"UPDATE {each} SET slot = ? WHERE slot = ?", moved)
            last = slots[-1][0] if slots else -1
            self._base.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", [last, table])
            for key, value in meta.items():
                self.note(key, value)

    # Stills and shots

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

    def remove_stills(self, slots: Sequence[int]) -> None:
        """Remove stills and their texts."""
        with self.transaction():
            self._base.executemany("DELETE FROM stills WHERE slot = ?", [(slot,) for slot in slots])

    def stills(self, source: int | None = None, slots: Sequence[int] | None = None) -> Iterator[StillRow]:
        """Yield the stills of a source, or of these slots, or all; by slot."""
        where, values = "", []
        if source is not None:
            where, values = "WHERE source = ?", [source]
        elif slots is not None:
            where, values = f"WHERE slot IN ({', '.join('?' * len(slots))})", list(slots)
        for row in self._rows(f"SELECT * FROM stills {where} ORDER BY slot", values):
            yield StillRow(*row)

    def still(self, id: str) -> tuple[StillRow, str] | None:
        """Return the still of this id, and the path of its source."""
        found = self._rows(
            "SELECT stills.*, path FROM stills JOIN sources ON number = source WHERE id = ?", [id]
        )
        return (StillRow(*found[0][:-1]), found[0][-1]) if found else None

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
        for words in ("words", "page_words"):
            self._rows(f"INSERT INTO {words} ({words}) VALUES ('optimize')")
        self._rows("VACUUM")
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")
