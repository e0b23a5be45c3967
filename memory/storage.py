"""Storage: the folder of a memory as one thing, where a batch is either acknowledged or as if it never was.

The order of writing is what holds it together: pictures, then vectors, then one transaction of the ledger.
What a killed run left before that is written over when it is resumed, or removed when the memory is opened or
compacted.
"""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import platformdirs
from numpy.typing import NDArray

from ..errors import InputError, MemoryModelError, StorageError
from .chroma import CHUNK, Chroma, Metadata
from .ledger import Ledger, StillRow
from .lock import Owner
from .media import Media
from .records import Text
from .vectors import Flat, Vectors

if TYPE_CHECKING:
    from .keyframes import Shot

WASTE = 10_000
"""Places of forgotten vectors that are let be, beyond as many as there are others."""

LOST = "its vectors were lost from the disk: add it again"
"""Warning on a source, which is then indexed anew when it is added."""


class Ready(NamedTuple):
    """A still of which all is known that is kept; its picture is kept already."""

    id: str
    t: float | None
    frame: int | None
    shot: int | None
    sha256: str
    width: int
    height: int
    media: str
    vector: NDArray[np.float32]
    texts: tuple[Text, ...]


@dataclass(slots=True)
class Entry:
    """What a batch brings in of one source: its stills and shots, and columns of it that change."""

    path: str
    kind: str
    stills: list[Ready] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)


class Storage:
    """The folder of a memory.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    server : str, optional
        Address of a Chroma server, where the vectors then are; by default they are in the folder.
    model : str, optional
        Name of the embedder; None to open what another wrote without adding or asking by pictures.

    Raises
    ------
    MemoryLockedError
        If the folder is open elsewhere.
    MemoryModelError
        If it was written with another embedder.
    StorageError
        By every method, if something of it is damaged, or cannot be read or written.
    """

    def __init__(self, folder: Path, server: str | None, model: str | None) -> None:
        self.folder = folder
        self.model = model
        self.media = Media(folder / "media")
        self.lock = threading.RLock()
        self._server = server
        self._owner = Owner(folder)
        try:
            self.ledger = Ledger(folder / "ledger.sqlite")
        except BaseException:
            self._owner.release()
            raise
        try:
            self._check_model()
        except BaseException:
            self.close()
            raise

    def _check_model(self) -> None:
        written = self.ledger.get("embedder")
        if self.model is not None and written not in (None, self.model) and not self.ledger.empty():
            raise MemoryModelError(
                f"the memory {self.folder} was written with {written}, and cannot be used with {self.model}: "
                f"their vectors do not compare. Open it with {written}, or index into another folder.",
                input=str(self.folder),
            )

    def close(self) -> None:
        """Let go of the folder."""
        with self.lock:
            if "vectors" in self.__dict__:
                self.vectors.chroma.close()
            self.ledger.close()
            self._owner.release()

    @property
    def dimension(self) -> int | None:
        """Of the vectors; None where there never were any."""
        noted = self.ledger.get("dimension")
        return int(noted) if noted else None

    def _flat_path(self, round: int) -> Path:
        return self.folder / f"vectors-{(self.ledger.get('name') or '')[:8]}-{round}.f32"

    @property
    def _round(self) -> int:
        return int(self.ledger.get("round") or "0")

    @cached_property
    def vectors(self) -> Vectors:
        """The vectors, once there are any; opened when they are first asked for."""
        if self.dimension is None:
            raise StorageError(f"the memory {self.folder} is empty.", input=str(self.folder))
        name = f"sightloop-{self.ledger.get('name')}"
        place = self._server or str(self.folder / "chroma")
        chroma = Chroma(place, name, self.ledger.get("embedder") or "")
        try:
            vectors = Vectors(
                chroma, Flat(self._flat_path(self._round), self.dimension), self.ledger.index("stills")
            )
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
            self._send(vectors, [row for row in self.ledger.stills() if row.id not in there | lost])
        for source in {int(rows.sources[place]) for id in lost if (place := rows.place(id)) is not None}:
            self.ledger.spoil(source, LOST)

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

    def _send(self, vectors: Vectors, stills: Sequence[StillRow]) -> None:
        """Write to Chroma what the flat file has."""
        if not stills:
            return
        named = {source.number: (source.path, source.kind) for source in self.ledger.sources()}
        matrix = vectors.flat.rows(stills[-1].slot + 1)
        for start in range(0, len(stills), CHUNK):
            part = stills[start : start + CHUNK]
            vectors.chroma.upsert(
                [row.id for row in part],
                matrix[[row.slot for row in part]],
                [_about(*named[row.source], row.t, row.frame, row.shot, row.media) for row in part],
            )

    def _begin(self, dimension: int) -> None:
        """Note the model with the first vectors; a memory that is empty again may begin with another."""
        noted = self.ledger.get("embedder"), self.dimension
        if not self.ledger.empty() or noted == (self.model, dimension):
            return
        if "vectors" in self.__dict__:
            self.vectors.chroma.close()
            del self.vectors
        with self.ledger.transaction():
            self.ledger.note("name", uuid.uuid4().hex)  # another collection: each is of one dimension
            self.ledger.note("embedder", self.model or "")
            self.ledger.note("dimension", str(dimension))

    def commit(self, entries: Sequence[Entry]) -> None:
        """Bring in a batch. When this returns it is acknowledged: nothing undoes it, not even a power cut."""
        ready = [(entry, still) for entry in entries for still in entry.stills]
        with self.lock:
            first = self.ledger.next_slot("stills")
            if ready:
                self._begin(len(ready[0][1].vector))
                self.vectors.write(
                    first,
                    [still.id for _, still in ready],
                    np.stack([still.vector for _, still in ready]),
                    [
                        _about(entry.path, entry.kind, still.t, still.frame, still.shot, still.media)
                        for entry, still in ready
                    ],
                )
            rows: list[StillRow] = []
            with self.ledger.transaction():
                for entry in entries:
                    number = self.ledger.put_source(entry.path, entry.kind, **entry.changes)
                    own = [
                        StillRow(slot, still.id, number, *still[1:8], None)
                        for slot, still in enumerate(entry.stills, first + len(rows))
                    ]
                    self.ledger.put_stills(own)
                    texts = zip(own, entry.stills, strict=True)
                    self.ledger.put_texts((row.slot, text) for row, still in texts for text in still.texts)
                    self.ledger.put_shots(number, entry.shots)
                    rows += own
            if rows:
                self.vectors.rows.extend([(row.slot, row.id, row.source, row.t) for row in rows])

    def forget(self, source: int) -> int:
        """Remove a source with all that belongs to it, and return how many stills it had."""
        return self._drop(list(self.ledger.stills(source)), source)

    def trim(self, source: int, keep: int) -> int:
        """Remove the oldest stills of a source beyond ``keep``, and return how many that were."""
        stills = list(self.ledger.stills(source))
        dropped = self._drop(stills[: max(0, len(stills) - keep)])
        with self.lock:
            if self.vectors.flat.slots() > WASTE + 2 * len(self.vectors.rows.ids):
                self._compact_vectors()  # who is watched for weeks must not fill the disk with what went
        return dropped

    def _drop(self, stills: Sequence[StillRow], source: int | None = None) -> int:
        with self.lock:
            if stills:
                _ = self.vectors  # opened before the ledger changes: if it cannot be, nothing has happened
            if source is None:
                self.ledger.remove_stills([row.slot for row in stills])
            else:
                self.ledger.remove_source(source)
            if stills:
                self.vectors.forget([row.id for row in stills], self.ledger.index("stills"))
            self.media.remove(self.ledger.unused({row.media for row in stills}))
        return len(stills)

    def compact(self) -> None:
        """Give back the room of what was forgotten, and of what killed runs left."""
        with self.lock:
            self.media.remove(set(self.media.names()) - self.ledger.media())
            self.media.remove_halves()
            if self.dimension is not None:
                self._compact_vectors()
            for path in self.folder.glob("vectors-*.f32"):
                if path != self._flat_path(self._round):
                    path.unlink(missing_ok=True)
            self.ledger.vacuum()

    def _compact_vectors(self) -> None:
        vectors = self.vectors
        self._reconcile(vectors, thorough=True)
        slots = vectors.rows.slots
        if len(slots) == vectors.flat.slots() and not vectors.chroma.crowded():
            return
        flat = Flat(self._flat_path(self._round + 1), vectors.flat.dimension)
        for start in range(0, len(slots), CHUNK):
            part = slots[start : start + CHUNK]
            flat.write(start, vectors.flat.rows(int(part[-1]) + 1)[part])
        self.ledger.renumber("stills", list(enumerate(slots.tolist())), round=str(self._round + 1))
        # a graph keeps a place for all that it ever held, so it is made anew from the file
        vectors.chroma.erase()
        del self.vectors
        _ = self.vectors


def placed(path: str | os.PathLike[str], folder: str | os.PathLike[str] | None) -> tuple[Path, str | None]:
    """Return the folder of a memory, and the address of its server if ``path`` is one.

    Raises
    ------
    InputError
        If both are folders, or the address names no host.
    """
    text = os.fspath(path)
    if not text.startswith(("http://", "https://")):
        if folder is not None:
            raise InputError("a folder is given twice: path is one already.", input=os.fspath(folder))
        return Path(text).absolute(), None
    url = urlsplit(text)
    if not url.hostname:
        raise InputError(f"{text} names no host; write http://host:port.", input=text)
    if folder is not None:
        return Path(folder).absolute(), text
    own = f"{url.hostname}-{url.port or url.scheme}"
    return platformdirs.user_data_path("sightloop") / "memories" / own, text


def key_of(path: str) -> str:
    """Return what the ids of a source's stills begin with."""
    return hashlib.sha256(path.encode()).hexdigest()[:16]


def _about(
    path: str, kind: str, t: float | None, frame: int | None, shot: int | None, media: str
) -> Metadata:
    about: dict[str, str | int | float | None] = {
        "source": path,
        "kind": kind,
        "t": t,
        "frame": frame,
        "shot": shot,
        "media": media,
    }
    return {name: value for name, value in about.items() if value is not None}
