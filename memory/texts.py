"""Texts: what the ledger keeps of words, the texts of stills, whole pages, and which texts have vectors."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .database import Database
from .page_text import PageText
from .records import Text
from .still import Box

_COLUMNS = 'channel, texts.text, start, "end", x0, y0, x1, y1, texts.kind'


class TextHit(NamedTuple):
    """A text that holds words of a query: the less ``cost`` (bm25), the better."""

    slot: int
    text: Text
    cost: float


class Passage(NamedTuple):
    """A text that has a vector, or wants one.

    ``number`` is that of the text, ``id`` its name beside its vector, ``still`` the slot of its still.
    """

    number: int
    id: str
    still: int
    text: Text


@dataclass(frozen=True, slots=True)
class Where:
    """Which stills a search is about: of these sources, shown from ``start`` to ``end``; None is all."""

    sources: frozenset[int] | None = None
    start: float | None = None
    end: float | None = None


class Texts(Database):
    """The tables of words."""

    def put_texts(self, texts: Iterable[tuple[int, Text]]) -> list[int]:
        """Bring in texts of the stills in these slots, and return their numbers, in the same order."""
        first = int(self._rows("SELECT coalesce(max(number), 0) + 1 FROM texts")[0][0])
        rows: list[tuple[Any, ...]] = [
            (number, slot, text.channel, text.start, text.end, text.text, *_corners(text.box), text.kind)
            for number, (slot, text) in enumerate(texts, first)
        ]
        self._base.executemany(
            'INSERT INTO texts (number, slot, channel, start, "end", text, x0, y0, x1, y1, kind) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        return [row[0] for row in rows]

    def remove_texts(self, source: int, channel: str) -> None:
        """Remove the texts of one channel from a source."""
        self._rows(
            "DELETE FROM texts WHERE channel = ? AND slot IN (SELECT slot FROM stills WHERE source = ?)",
            [channel, source],
        )

    def texts(self, source: int | None = None, slot: int | None = None) -> dict[int, list[Text]]:
        """Return the texts of a source's stills, or of the still at this slot; by slot."""
        where, value = ("source", source) if slot is None else ("slot", slot)
        found: dict[int, list[Text]] = {}
        for at, *text in self._rows(
            f"SELECT slot, {_COLUMNS} FROM texts JOIN stills USING (slot) WHERE {where} = ? ORDER BY number",
            [value],
        ):
            found.setdefault(at, []).append(_text(text))
        return found

    def search(self, query: str, channel: str, where: Where, most: int) -> list[TextHit]:
        """Return the texts of a channel of photos and frames that match an FTS5 query, the best first."""
        conditions, values = _passing(where)
        found = self._rows(
            f"SELECT slot, {_COLUMNS}, bm25(words) AS cost "
            "FROM words JOIN texts ON texts.number = words.rowid JOIN stills USING (slot) "
            f"WHERE {' AND '.join(['words MATCH ?', 'channel = ?', *conditions])} "
            "ORDER BY cost, texts.number LIMIT ?",
            [query, channel, *values, most],
        )
        return [TextHit(slot, _text(text), cost) for slot, *text, cost in found]

    def word_places(self) -> list[tuple[int, int, int, int | None, bytes]]:
        """Return of all pages with words, by number: that of the text, slot, source, page, and length.

        The length is in terms, in FTS5's own notation of it, see :func:`.word_index.varint`.
        """
        return self._rows(
            "SELECT texts.number, texts.slot, source, page, sz FROM page_words_docsize AS sizes "
            "JOIN texts ON texts.number = sizes.id JOIN stills ON stills.slot = texts.slot "
            "ORDER BY texts.number"
        )

    def occurrences(self, term: str) -> NDArray[np.int64]:
        """Return where a term is on pages, rising: the number of the text times 2**32, plus its place."""
        self._rows(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.page_terms USING fts5vocab(main, page_words, instance)"
        )
        # As one text: a row each takes three times as long, and a common word is in a page's every line.
        (told,) = self._rows(
            "SELECT json_group_array((doc << 32) | offset) FROM temp.page_terms WHERE term = ?", [term]
        )[0]
        return np.sort(np.array(json.loads(told), np.int64))

    def blocks_at(self, slots: Sequence[int]) -> list[tuple[int, int | None, Text]]:
        """Return the blocks of the stills in these slots: slot, that of the block's vector or None, text."""
        found = self._rows(
            f"SELECT texts.slot, passages.slot, {_COLUMNS} "
            "FROM texts LEFT JOIN passages ON passages.text = texts.number "
            "WHERE texts.slot IN (SELECT value FROM json_each(?)) AND channel = 'block' ORDER BY number",
            [json.dumps([*slots])],
        )
        return [(slot, passage, _text(text)) for slot, passage, *text in found]

    def holding(self, slots: Sequence[int], kind: str) -> set[int]:
        """Return those of the stills in these slots that have a block of a kind."""
        found = self._rows(
            "SELECT DISTINCT slot FROM texts "
            "WHERE slot IN (SELECT value FROM json_each(?)) AND channel = 'block' AND kind = ?",
            [json.dumps([*slots]), kind],
        )
        return {slot for (slot,) in found}

    # Whole pages

    def put_pages(self, pages: Iterable[tuple[int, PageText]]) -> None:
        """Bring in the words of the pages in these slots."""
        self._base.executemany(
            "INSERT INTO page_texts VALUES (?, ?)",
            [(slot, zlib.compress(json.dumps(page.to_json()).encode())) for slot, page in pages],
        )

    def page(self, id: str, sha256: str) -> PageText | None:
        """Return the words of the still of this id and hash, where its words are known."""
        found = self._rows(
            "SELECT page_texts.text FROM page_texts JOIN stills USING (slot) WHERE id = ? AND sha256 = ?",
            [id, sha256],
        )
        return PageText.from_json(json.loads(zlib.decompress(found[0][0]))) if found else None

    def put_parts(self, pages: Iterable[tuple[int, bytes]]) -> None:
        """Bring in the vectors of the parts of the pages in these slots, as :mod:`.late` packs them."""
        self._base.executemany("INSERT INTO page_parts VALUES (?, ?)", pages)

    def has_parts(self) -> bool:
        """Whether any page has such vectors."""
        return bool(self._rows("SELECT 1 FROM page_parts LIMIT 1"))

    def parts(self, slots: Sequence[int]) -> dict[int, bytes]:
        """Return the vectors of the parts of those of these pages that have any, by slot."""
        return dict(
            self._rows(
                "SELECT slot, vectors FROM page_parts WHERE slot IN (SELECT value FROM json_each(?))",
                [json.dumps([*slots])],
            )
        )

    # Passages: texts that have vectors

    def stills_of(self, passages: Sequence[int]) -> dict[int, int]:
        """Return the slots of the stills of the passages in these slots, by slot of the passage."""
        return dict(
            self._rows(
                "SELECT passages.slot, texts.slot FROM passages JOIN texts ON passages.text = texts.number "
                "WHERE passages.slot IN (SELECT value FROM json_each(?))",
                [json.dumps([*passages])],
            )
        )

    def passages_at(self, stills: Sequence[int]) -> dict[int, int]:
        """Return the slots of the vectors of these stills' blocks, rising, each with its still's slot."""
        return dict(
            self._rows(
                "SELECT passages.slot, texts.slot FROM texts JOIN passages ON passages.text = texts.number "
                "WHERE texts.slot IN (SELECT value FROM json_each(?)) ORDER BY passages.slot",
                [json.dumps([*stills])],
            )
        )

    def put_passages(self, slot: int, passages: Iterable[tuple[str, int]]) -> None:
        """Bring in passages (id, number of the text) whose vectors lie in slots from ``slot`` on."""
        self._base.executemany(
            "INSERT INTO passages VALUES (?, ?, ?)",
            [(at, id, number) for at, (id, number) in enumerate(passages, slot)],
        )

    def passages(self, slots: Sequence[int]) -> dict[int, Passage]:
        """Return the passages in these slots, by slot; those that are not there are left out."""
        found = self._rows(
            f"SELECT passages.slot, number, passages.id, texts.slot, {_COLUMNS} "
            "FROM passages JOIN texts ON passages.text = texts.number "
            "WHERE passages.slot IN (SELECT value FROM json_each(?)) ORDER BY passages.slot",
            [json.dumps([*slots])],
        )
        return {at: Passage(number, id, still, _text(text)) for at, number, id, still, *text in found}

    def passages_of(self, stills: Sequence[int]) -> list[str]:
        """Return the ids of the passages of the stills in these slots."""
        found = self._rows(
            "SELECT passages.id FROM passages JOIN texts ON passages.text = texts.number "
            "WHERE texts.slot IN (SELECT value FROM json_each(?)) ORDER BY passages.slot",
            [json.dumps([*stills])],
        )
        return [id for (id,) in found]

    def blocks(self, source: int) -> list[Passage]:
        """Return the blocks of a source that have no vector, as passages to be."""
        found = self._rows(
            f"SELECT passages.slot, number, stills.id, texts.slot, {_COLUMNS} "
            "FROM texts JOIN stills USING (slot) LEFT JOIN passages ON passages.text = texts.number "
            "WHERE source = ? AND channel = 'block' ORDER BY number",
            [source],
        )
        blocks: list[Passage] = []
        order: dict[str, int] = {}
        for has, number, still_id, still, *text in found:
            place = order[still_id] = order.get(still_id, -1) + 1
            if has is None:
                blocks.append(Passage(number, passage_id(still_id, place), still, _text(text)))
        return blocks

    def those_of(self, source: int, numbers: Sequence[int]) -> set[int]:
        """Return those of these texts that belong to a source: it may have been forgotten meanwhile."""
        found = self._rows(
            "SELECT number FROM texts JOIN stills USING (slot) "
            "WHERE source = ? AND number IN (SELECT value FROM json_each(?))",
            [source, json.dumps([*numbers])],
        )
        return {number for (number,) in found}


def passage_id(still: str, block: int) -> str:
    """Return the id of a passage: that of its still, and which of its blocks it is, from 0."""
    return f"{still}:{block:04d}"


def _text(row: Sequence[Any]) -> Text:
    channel, text, start, end, x0, y0, x1, y1, kind = row
    box = None if x0 is None else Box(x0=x0, y0=y0, x1=x1, y1=y1)
    return Text(channel, text, start, end, box, kind)


def _corners(box: Box | None) -> tuple[float | None, ...]:
    return (None,) * 4 if box is None else (box.x0, box.y0, box.x1, box.y1)


def _passing(where: Where) -> tuple[list[str], list[Any]]:
    """Return the conditions of a filter, and their values."""
    conditions: list[str] = []
    values: list[Any] = []
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
    return conditions, values
