"""Space: the vectors of one model in a memory, kept in step with the table that says which there are.

Vectors are written before the ledger acknowledges what they belong to, and removed after it has forgotten it.
So what a killed run left is too much in Chroma or in the file, and never too little.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import MemoryModelError, StorageError
from .chroma import CHUNK, Chroma, Metadata
from .ledger import Ledger, Table
from .vectors import Flat, Vectors

WASTE = 10_000
"""Places of forgotten vectors that are let be, beyond as many as there are others."""

LOST = "its vectors were lost from the disk: add it again"
"""Warning on a source, which is then indexed anew when it is added."""


class Place(NamedTuple):
    """Where the vectors are: the memory's folder, the server that has the graph, if any, and their names.

    ``prefix`` is that of the keys in the ledger, ``file`` and ``graph`` are what names in the folder begin
    with.
    """

    folder: Path
    server: str | None
    prefix: str
    file: str
    graph: str


class Space:
    """Vectors of one model.

    Parameters
    ----------
    ledger : Ledger
    table : "stills" or "passages"
        Of the ledger: whose rows have these vectors.
    place : Place
    model : str or None
        Name of the embedder, where there is one.
    about : callable
        Returns what Chroma is told about the rows in these slots.

    Raises
    ------
    MemoryModelError
        If the vectors were written with another embedder.
    StorageError
        By every method, if something is damaged, or cannot be read or written.
    """

    def __init__(
        self,
        ledger: Ledger,
        table: Table,
        place: Place,
        model: str | None,
        about: Callable[[Sequence[int]], list[Metadata]],
    ) -> None:
        self.model = model
        self._ledger = ledger
        self._table: Table = table
        self._place = place
        self._about = about
        written = self._get("embedder")
        if model is not None and written not in (None, model) and not ledger.empty(table):
            raise MemoryModelError(
                f"the {table} of the memory {place.folder} were embedded by {written}, and do not compare "
                f"with {model}: open it with {written}, or index into another folder.",
                input=str(place.folder),
            )

    def _get(self, key: str) -> str | None:
        return self._ledger.get(self._place.prefix + key)

    @property
    def opened(self) -> bool:
        """Whether the vectors were asked for already."""
        return "vectors" in self.__dict__

    def close(self) -> None:
        """Let go of the graph."""
        if self.opened:
            self.vectors.chroma.close()
            del self.vectors

    @property
    def dimension(self) -> int | None:
        """Of the vectors; None where there never were any."""
        noted = self._get("dimension")
        return int(noted) if noted else None

    @property
    def expected(self) -> int | None:
        """Dimension that new vectors must have; None while there are none."""
        return None if self._ledger.empty(self._table) else self.dimension

    @property
    def _round(self) -> int:
        return int(self._get("round") or "0")

    def _file(self, round: int) -> Path:
        return self._place.folder / f"{self._place.file}-{(self._get('name') or '')[:8]}-{round}.f32"

    @cached_property
    def vectors(self) -> Vectors:
        """The vectors, once there are any; opened when they are first asked for."""
        if self.dimension is None:
            raise StorageError(
                f"the memory {self._place.folder} has no {self._table}.", input=str(self._place.folder)
            )
        at = self._place.server or str(self._place.folder / self._place.graph)
        chroma = Chroma(at, f"sightloop-{self._get('name')}", self._get("embedder") or "")
        try:
            flat = Flat(self._file(self._round), self.dimension)
            vectors = Vectors(chroma, flat, self._ledger.index(self._table))
            self._reconcile(vectors)
        except BaseException:
            chroma.close()
            raise
        return vectors

    def _reconcile(self, vectors: Vectors, *, thorough: bool = False) -> None:
        """Make Chroma and the flat file hold what the ledger does, each from the other."""
        rows, chroma = vectors.rows, vectors.chroma
        lost = self._refill(vectors)
        if thorough or chroma.count() != len(rows.ids):
            there = chroma.ids()
            chroma.remove(sorted(there - set(rows.ids)))
            missing = [place for place, id in enumerate(rows.ids) if id not in there and id not in lost]
            self._send(vectors, missing)
        for source in {int(rows.sources[place]) for id in lost if (place := rows.place(id)) is not None}:
            self._ledger.spoil(source, LOST)

    def _refill(self, vectors: Vectors) -> set[str]:
        """Write to the flat file what it lacks, and return the ids of what Chroma lacks too."""
        rows, flat = vectors.rows, vectors.flat
        lost: set[str] = set()
        for start in range(int(np.searchsorted(rows.slots, flat.slots())), len(rows.ids), CHUNK):
            ids, slots = rows.ids[start : start + CHUNK], rows.slots[start : start + CHUNK]
            found = vectors.chroma.fetch(ids)
            block = np.zeros((slots[-1] - slots[0] + 1, flat.dimension), np.float32)  # zero is like no query
            for id, slot in zip(ids, slots, strict=True):
                if id in found:
                    block[slot - slots[0]] = found[id]
            flat.write(int(slots[0]), block)
            lost |= set(ids) - set(found)
        return lost

    def _send(self, vectors: Vectors, places: Sequence[int]) -> None:
        """Write to Chroma what the flat file has."""
        rows = vectors.rows
        for start in range(0, len(places), CHUNK):
            part = list(places[start : start + CHUNK])
            slots = rows.slots[part]
            matrix = vectors.flat.rows(int(slots[-1]) + 1)[slots]
            vectors.chroma.upsert([rows.ids[place] for place in part], matrix, self._about(slots.tolist()))

    def write(self, ids: Sequence[str], vectors: NDArray[np.float32], about: Sequence[Metadata]) -> int:
        """Write vectors of what comes in, and return the first of their slots, which follow each other.

        The ledger acknowledges them by a transaction that comes after this.
        """
        self._begin(vectors.shape[1])
        first = self._ledger.next_slot(self._table)
        self.vectors.write(first, ids, vectors, about)
        return first

    def _begin(self, dimension: int) -> None:
        """Note the model with the first vectors; a space that is empty again may begin with another."""
        noted = self._get("embedder"), self.dimension
        if not self._ledger.empty(self._table) or noted == (self.model, dimension):
            return
        self.close()
        with self._ledger.transaction():
            prefix = self._place.prefix
            self._ledger.note(
                prefix + "name", uuid.uuid4().hex
            )  # another collection: each is of one dimension
            self._ledger.note(prefix + "embedder", self.model or "")
            self._ledger.note(prefix + "dimension", str(dimension))

    def forgotten(self, ids: Sequence[str]) -> None:
        """Remove the vectors of what the ledger does not hold any more."""
        self.vectors.forget(ids, self._ledger.index(self._table))

    @property
    def wasteful(self) -> bool:
        """Whether the flat file is mostly places of what was forgotten."""
        return self.vectors.flat.slots() > WASTE + 2 * len(self.vectors.rows.ids)

    def compact(self) -> None:
        """Give back the room of what was forgotten."""
        if self.dimension is not None:
            self.squeeze()
        for path in self._place.folder.glob(f"{self._place.file}-*.f32"):
            if path != self._file(self._round):
                path.unlink(missing_ok=True)

    def squeeze(self) -> None:
        """Write the vectors without gaps, if there are any."""
        vectors = self.vectors
        self._reconcile(vectors, thorough=True)
        slots = vectors.rows.slots
        if len(slots) == vectors.flat.slots() and not vectors.chroma.crowded():
            return
        flat = Flat(self._file(self._round + 1), vectors.flat.dimension)
        for start in range(0, len(slots), CHUNK):
            part = slots[start : start + CHUNK]
            flat.write(start, vectors.flat.rows(int(part[-1]) + 1)[part])
        noted = {self._place.prefix + "round": str(self._round + 1)}
        self._ledger.renumber(self._table, list(enumerate(slots.tolist())), **noted)
        # a graph keeps a place for all that it ever held, so it is made anew from the file
        vectors.chroma.erase()
        del self.vectors
        _ = self.vectors
