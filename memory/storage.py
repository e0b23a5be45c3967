"""Storage: the folder of a memory as one thing, where a batch is either acknowledged or as if it never was.

The order of writing is what holds it together: pictures, then vectors, then one transaction of the ledger.
What a killed run left before that is written over when it is resumed, or removed when the memory is opened or
compacted.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import numpy as np
import platformdirs
from numpy.typing import NDArray

from ..errors import InputError, MemoryModelError
from .chroma import Metadata
from .ledger import Ledger, StillRow
from .lock import Owner
from .media import Media
from .page_text import PageText
from .records import Text
from .space import Place, Space
from .still import Origin, Page
from .texts import Passage, passage_id
from .vectors import Vectors
from .word_index import WordIndex

if TYPE_CHECKING:
    from .keyframes import Shot


class Told(NamedTuple):
    """A block of a page, and the vector of its words, where they have one."""

    text: Text
    vector: NDArray[np.float32] | None


class Ready(NamedTuple):
    """A still of which all is known that is kept; its picture is kept already.

    ``parts`` are the vectors of its parts, for late interaction, as :mod:`.late` packs them.
    """

    id: str
    t: float | None
    frame: int | None
    shot: int | None
    sha256: str
    width: int
    height: int
    media: str
    vector: NDArray[np.float32]
    texts: tuple[Text, ...] = ()
    page: int | None = None
    words: PageText | None = None
    blocks: tuple[Told, ...] = ()
    parts: bytes | None = None


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
    model, sentences, late : str, optional
        Names of the embedders of stills, of passages and of the parts of pages; None to open what others
        wrote without adding or asking by them.

    Raises
    ------
    MemoryLockedError
        If the folder is open elsewhere.
    MemoryModelError
        If it was written with another embedder.
    StorageError
        By every method, if something of it is damaged, or cannot be read or written.
    """

    def __init__(
        self,
        folder: Path,
        server: str | None,
        model: str | None,
        sentences: str | None = None,
        late: str | None = None,
    ) -> None:
        self.folder = folder
        self.media = Media(folder / "media")
        self.lock = threading.RLock()
        self._turns: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._owner = Owner(folder)
        try:
            self.ledger = Ledger(folder / "ledger.sqlite")
        except BaseException:
            self._owner.release()
            raise
        try:
            place = Place(folder, server, "", "vectors", "chroma")
            self.pictures = Space(self.ledger, "stills", place, model, self._about_stills)
            place = Place(folder, server, "passages ", "passages", "chroma-passages")
            self.passages = Space(self.ledger, "passages", place, sentences, self._about_passages)
            self._check_late(late)
            self.words = WordIndex(self.ledger)
        except BaseException:
            self.ledger.close()
            self._owner.release()
            raise

    def _check_late(self, late: str | None) -> None:
        self._late = late
        written = self.ledger.get("late")
        if late is not None and written not in (None, late) and self.ledger.has_parts():
            raise MemoryModelError(
                f"the parts of pages in the memory {self.folder} were embedded by {written}, and do not "
                f"compare with {late}: open it with {written}, or index into another folder.",
                input=str(self.folder),
            )

    def turn(self, path: str) -> threading.Lock:
        """Return the lock that is held while a source is brought in: two at once would bring it in twice."""
        with self.lock:
            return self._turns.setdefault(path, threading.Lock())

    def close(self) -> None:
        """Let go of the folder."""
        with self.lock:
            self.pictures.close()
            self.passages.close()
            self.ledger.close()
            self._owner.release()

    @property
    def dimension(self) -> int | None:
        """Of the vectors of stills; None where there never were any."""
        return self.pictures.dimension

    @property
    def vectors(self) -> Vectors:
        """The vectors of stills, once there are any."""
        return self.pictures.vectors

    def _about_stills(self, slots: Sequence[int]) -> list[Metadata]:
        named = {source.number: (source.path, source.kind) for source in self.ledger.sources()}
        return [
            _about(*named[row.source], row.t, row.frame, row.shot, row.media, row.page)
            for row in self.ledger.stills(slots=slots)
        ]

    def _about_passages(self, slots: Sequence[int]) -> list[Metadata]:
        return [
            _about_passage(passage.id, passage.text) for _, passage in self.ledger.passages(slots).items()
        ]

    def commit(self, entries: Sequence[Entry]) -> None:
        """Bring in a batch. When this returns it is acknowledged: nothing undoes it, not even a power cut."""
        ready = [(entry, still) for entry in entries for still in entry.stills]
        told = [passage for _, still in ready for passage in _passages(still)]
        with self.lock:
            first = self._write_stills(ready) if ready else 0
            first_passage = self._write_passages(told) if told else 0
            rows: list[StillRow] = []
            passages: list[tuple[str, int, int]] = []
            with self.ledger.transaction():
                for entry in entries:
                    number = self.ledger.put_source(entry.path, entry.kind, **entry.changes)
                    own = [
                        StillRow(slot, still.id, number, *still[1:8], still.page)
                        for slot, still in enumerate(entry.stills, first + len(rows))
                    ]
                    self.ledger.put_stills(own)
                    passages += self._put_words(own, entry.stills)
                    self.ledger.put_shots(number, entry.shots)
                    rows += own
                if any(still.parts is not None for _, still in ready):
                    self.ledger.note("late", self._late or "")
                self.ledger.put_passages(first_passage, [(id, text) for id, text, _ in passages])
            if rows:
                self.vectors.rows.extend([(row.slot, row.id, row.source, row.t) for row in rows])
            if passages:
                self._extend_passages(first_passage, [(id, source) for id, _, source in passages])

    def _write_stills(self, ready: Sequence[tuple[Entry, Ready]]) -> int:
        return self.pictures.write(
            [still.id for _, still in ready],
            np.stack([still.vector for _, still in ready]),
            [_about(entry.path, entry.kind, *still[1:4], still.media, still.page) for entry, still in ready],
        )

    def _write_passages(self, told: Sequence[tuple[str, Text, NDArray[np.float32]]]) -> int:
        return self.passages.write(
            [id for id, _, _ in told],
            np.stack([vector for _, _, vector in told]),
            [_about_passage(id, text) for id, text, _ in told],
        )

    def _put_words(self, rows: Sequence[StillRow], stills: Sequence[Ready]) -> list[tuple[str, int, int]]:
        """Bring in the words of stills, and return the passages: id, number of the text, and source."""
        pairs = list(zip(rows, stills, strict=True))
        self.ledger.put_texts((row.slot, text) for row, still in pairs for text in still.texts)
        self.ledger.put_pages((row.slot, still.words) for row, still in pairs if still.words is not None)
        self.ledger.put_parts((row.slot, still.parts) for row, still in pairs if still.parts is not None)
        passages: list[tuple[str, int, int]] = []
        for row, still in pairs:
            numbers = self.ledger.put_texts((row.slot, block.text) for block in still.blocks)
            passages += [
                (passage_id(still.id, place), number, row.source)
                for place, (number, block) in enumerate(zip(numbers, still.blocks, strict=True))
                if block.vector is not None
            ]
        return passages

    def _extend_passages(self, first: int, passages: Sequence[tuple[str, int]]) -> None:
        rows = [(slot, id, source, None) for slot, (id, source) in enumerate(passages, first)]
        self.passages.vectors.rows.extend(rows)

    def fill(self, source: int, passages: Sequence[Passage], vectors: NDArray[np.float32]) -> None:
        """Bring in vectors of blocks that have none; what was forgotten meanwhile is left out."""
        with self.lock:
            there = self.ledger.those_of(source, [passage.number for passage in passages])
            left = [place for place, passage in enumerate(passages) if passage.number in there]
            if not left:
                return
            ours = [passages[place] for place in left]
            first = self._write_passages(
                [(one.id, one.text, vector) for one, vector in zip(ours, vectors[left], strict=True)]
            )
            with self.ledger.transaction():
                self.ledger.put_passages(first, [(one.id, one.number) for one in ours])
            self._extend_passages(first, [(one.id, source) for one in ours])

    def forget(self, source: int) -> int:
        """Remove a source with all that belongs to it, and return how many stills it had."""
        return self._drop(list(self.ledger.stills(source)), source)

    def trim(self, source: int, keep: int) -> int:
        """Remove the oldest stills of a source beyond ``keep``, and return how many that were."""
        stills = list(self.ledger.stills(source))
        dropped = self._drop(stills[: max(0, len(stills) - keep)])
        with self.lock:
            if self.pictures.wasteful:
                self.pictures.squeeze()  # who is watched for weeks must not fill the disk with what went
        return dropped

    def _drop(self, stills: Sequence[StillRow], source: int | None = None) -> int:
        """Remove these stills, or all of a source with the source itself."""
        with self.lock:
            passages = self.ledger.passages_of([row.slot for row in stills])
            # opened before the ledger changes: if they cannot be, nothing has happened
            for space, held in ((self.pictures, stills), (self.passages, passages)):
                if held:
                    _ = space.vectors
            if source is None:
                self.ledger.remove_stills([row.slot for row in stills])
            else:
                self.ledger.remove_source(source)
            if stills:
                self.pictures.forgotten([row.id for row in stills])
            if passages:
                self.passages.forgotten(passages)
            self.media.remove(self.ledger.unused({row.media for row in stills}))
        return len(stills)

    def compact(self) -> None:
        """Give back the room of what was forgotten, and of what killed runs left."""
        with self.lock:
            self.media.remove(set(self.media.names()) - self.ledger.media())
            self.media.remove_halves()
            self.pictures.compact()
            self.passages.compact()
            self.ledger.vacuum()


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


def still_id(path: str, origin: Origin) -> str:
    """Return the id of a still, made from its source and its number there: the same whenever it comes in."""
    number = origin.number if isinstance(origin, Page) else getattr(origin, "index", 0)
    return f"{key_of(path)}:{number:08d}"


def _passages(still: Ready) -> list[tuple[str, Text, NDArray[np.float32]]]:
    """Return those blocks of a still that have a vector, with their ids."""
    return [
        (passage_id(still.id, place), block.text, block.vector)
        for place, block in enumerate(still.blocks)
        if block.vector is not None
    ]


def _about(
    path: str,
    kind: str,
    t: float | None,
    frame: int | None,
    shot: int | None,
    media: str,
    page: int | None,
) -> Metadata:
    about: dict[str, str | int | float | None] = {
        "source": path,
        "kind": kind,
        "t": t,
        "frame": frame,
        "shot": shot,
        "media": media,
        "page": page,
    }
    return {name: value for name, value in about.items() if value is not None}


def _about_passage(id: str, text: Text) -> Metadata:
    return {"still": id.rpartition(":")[0], "kind": text.kind or "text"}
