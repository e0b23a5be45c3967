"""Vectors of a memory: in Chroma, and once more in a flat file in the order of coming in.

The file makes filters cheap. Chroma's ``where`` costs more than looking at everything; but the stills of a
source or of a stretch of time lie beside each other in the file, so those that pass a filter are compared
exactly, by a few products of matrices, where they are not too many, and otherwise taken from more of the
graph's neighbours than are wanted. Each of the two can be made anew from the other.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import StorageError
from .chroma import Chroma, Metadata
from .texts import Where

EXACT = 16_000
"""Most stills that are compared one by one: 32 MB of 512 dimensions, 1 ms where the memory is free."""
SPARE = 16
"""Neighbours that are asked for beyond those that a filter should leave."""


class Flat:
    """Vectors in a file, each at its slot.

    Parameters
    ----------
    path : Path
    dimension : int
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self.path = path
        self.dimension = dimension
        self._row = 4 * dimension
        self._mapped: NDArray[np.float32] = np.zeros((0, dimension), np.float32)

    def slots(self) -> int:
        """Return how many slots the file has."""
        return self.path.stat().st_size // self._row if self.path.exists() else 0

    def write(self, slot: int, vectors: NDArray[np.float32]) -> None:
        """Write vectors into neighbouring slots; they are on the disk when this returns.

        Raises
        ------
        StorageError
            If they cannot be written.
        """
        data = np.ascontiguousarray(vectors, np.float32).tobytes()
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                done = 0
                while done < len(data):
                    done += os.pwrite(file, data[done:], slot * self._row + done)
                os.fdatasync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise StorageError(
                f"vectors cannot be written to {self.path}: {error.strerror}.", input=str(self.path)
            ) from error

    def rows(self, slots: int) -> NDArray[np.float32]:
        """Return a view of the first ``slots`` vectors, (slots, dimension), read when it is touched."""
        if slots > len(self._mapped):
            shape = (self.slots(), self.dimension)
            self._mapped = np.asarray(np.memmap(self.path, np.float32, "r", shape=shape))
        return self._mapped[:slots]

    def similarities(self, query: NDArray[np.float32], slots: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the dot products of a query with the vectors in rising slots."""
        matrix = self.rows(int(slots[-1]) + 1)
        found = np.empty(len(slots), np.float32)
        breaks = (np.flatnonzero(np.diff(slots) != 1) + 1).tolist()
        for start, stop in zip([0, *breaks], [*breaks, len(slots)], strict=True):
            first = slots[start]
            np.dot(matrix[first : first + stop - start], query, out=found[start:stop])
        return found


class Rows:
    """What a filter asks about each still, in arrays by slot; and their ids."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.slots = np.zeros(0, np.int64)
        self.sources = np.zeros(0, np.int32)
        self.times = np.zeros(0, np.float64)
        self._places: dict[str, int] = {}

    def extend(self, rows: Sequence[tuple[int, str, int, float | None]]) -> None:
        """Add (slot, id, source, t) of stills that come after those that are there."""
        for place, row in enumerate(rows, len(self.ids)):
            self._places[row[1]] = place
        self.ids += [row[1] for row in rows]
        self.slots = np.concatenate([self.slots, np.array([row[0] for row in rows], np.int64)])
        self.sources = np.concatenate([self.sources, np.array([row[2] for row in rows], np.int32)])
        times = np.array([np.nan if row[3] is None else row[3] for row in rows], np.float64)
        self.times = np.concatenate([self.times, times])

    def place(self, id: str) -> int | None:
        """Return where a still is in the arrays."""
        return self._places.get(id)

    def passing(self, where: Where) -> NDArray[np.bool_] | None:
        """Return which stills pass a filter; None if all do. What has no time passes no filter by time."""
        masks = []
        if where.sources is not None:
            masks.append(np.isin(self.sources, np.array(sorted(where.sources), np.int32)))
        if where.start is not None:
            masks.append(self.times >= where.start)
        if where.end is not None:
            masks.append(self.times <= where.end)
        return np.logical_and.reduce(masks) if masks else None


class Vectors:
    """The vectors of a memory, in Chroma and in the flat file.

    Parameters
    ----------
    chroma : Chroma
    flat : Flat
    rows : sequence of (slot, id, source, t)
        What the ledger holds.
    """

    def __init__(
        self, chroma: Chroma, flat: Flat, rows: Sequence[tuple[int, str, int, float | None]]
    ) -> None:
        self.chroma = chroma
        self.flat = flat
        self.rows = Rows()
        self.rows.extend(rows)

    def write(
        self, slot: int, ids: Sequence[str], vectors: NDArray[np.float32], about: Sequence[Metadata]
    ) -> None:
        """Write vectors to both places, before the ledger acknowledges them."""
        self.chroma.upsert(ids, vectors, about)
        self.flat.write(slot, vectors)

    def forget(self, ids: Sequence[str], rows: Sequence[tuple[int, str, int, float | None]]) -> None:
        """Remove vectors, after the ledger has, which now holds ``rows``."""
        self.rows = Rows()
        self.rows.extend(rows)
        self.chroma.remove(ids)

    def nearest(self, query: NDArray[np.float32], where: Where, most: int) -> list[tuple[int, float]]:
        """Find the stills nearest to a query.

        Parameters
        ----------
        query : (dimension,) float32, of length 1
        where : Where
        most : int

        Returns
        -------
        list of (slot, cosine similarity)
            The nearest first; all that pass the filter, if those are no more than ``most``.
        """
        passing = self.rows.passing(where)
        left = len(self.rows.ids) if passing is None else int(passing.sum())
        if left > EXACT:
            asked = min(len(self.rows.ids), 2 * most * len(self.rows.ids) // left + SPARE)
            near = [
                (place, similarity)
                for id, similarity in self.chroma.nearest(query, asked)
                if (place := self.rows.place(id)) is not None and (passing is None or passing[place])
            ]
            if len(near) >= most:
                return [(int(self.rows.slots[place]), similarity) for place, similarity in near[:most]]
        # Few pass, or all that is near to the query was filtered out: then only looking at each is right.
        slots = self.rows.slots if passing is None else self.rows.slots[passing]
        if not left:
            return []
        similarities = self.flat.similarities(query, slots)
        best = np.lexsort((slots, -similarities))[:most]
        return [(int(slots[place]), float(similarities[place])) for place in best]

    def similarities(self, query: NDArray[np.float32], slots: Sequence[int]) -> dict[int, float]:
        """Return the cosine similarities of a query with the stills in rising slots."""
        if not slots:
            return {}
        found = self.flat.similarities(query, np.array(slots, np.int64))
        return dict(zip(slots, found.tolist(), strict=True))
