"""Indexing: files and streams become batches of embedded stills, and go on from where they stopped."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .batch import Batch
from .fingerprint import fingerprint
from .indexing_pages import Pages
from .ledger import SourceRow
from .records import Added, Progress, Text
from .sources.files import DOCUMENT_SUFFIXES, VIDEO_SUFFIXES, checked_path, files_in
from .sources.photos import SUFFIXES, read_photo
from .storage import Entry, Storage

if TYPE_CHECKING:
    from .keyframes import Position
    from .sources.decoding import Decoded


class Indexer:
    """Indexes what one call adds.

    Parameters
    ----------
    storage : Storage
    batch : Batch
    progress : callable
        Is told after each batch that was committed.
    password : str, optional
        Of documents that ask for one.
    """

    def __init__(
        self,
        storage: Storage,
        batch: Batch,
        progress: Callable[[Progress], None],
        password: str | None = None,
    ) -> None:
        self._storage = storage
        self._batch = batch
        self._progress = progress
        self._pages = Pages(storage, batch, progress, password)
        self._turns: dict[str, threading.Lock] = {}

    def add(self, source: str | os.PathLike[str]) -> Added:
        """Index a file, or the files in a folder.

        Raises
        ------
        InputError, SourceStalledError
            If it is one file and cannot be read, or a folder with nothing in it to index.
        """
        path = checked_path(source, "picture, video or document").absolute()
        try:
            added = self._folder(path) if path.is_dir() else self._in_turn(path)
            self._batch.commit()
        finally:
            self._end_turns(list(self._turns))
        return replace(added, stills=self._batch.stills)

    def _folder(self, folder: Path) -> Added:
        added = Added()
        for file in _inside(folder):
            try:
                added += self._in_turn(file)
            except InputError as error:
                self._batch.drop(str(file))
                added += Added(skipped=(error,))
        self._batch.commit()
        self._progress(Progress(str(folder), None, None, self._batch.stills))
        return added

    def _in_turn(self, file: Path) -> Added:
        """Index a file when nobody else does, who would bring it in a second time.

        Its turn ends when all of it is committed, which may be with other files. Nobody waits for each other
        for ever: who adds several files takes their turns in the order of their names.
        """
        path = str(file)
        turn = self._storage.turn(path)
        turn.acquire()
        self._turns[path] = turn
        added = self._file(file)
        self._end_turns([other for other in self._turns if not self._batch.holds(other)])
        return added

    def _end_turns(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._turns.pop(path).release()

    def _file(self, file: Path) -> Added:
        from .sources.documents import is_document
        from .sources.videos import is_video

        path = str(file)
        mark = fingerprint(file)
        known = self._storage.ledger.source(path)
        if known and known.fingerprint != mark:
            self._storage.forget(known.number)
            known = None
        if known and known.complete and not self._reads(known):
            if known.kind == "video":
                self._subtitle(known)
            filled = self._pages.fill(path)
            return Added(sources=(path,)) if filled else Added(unchanged=(path,))
        if is_document(file):
            return self._pages.add(path, mark, known)
        if file.suffix.lower() in SUFFIXES or not is_video(file):
            return self._photo(path, mark, known)
        return self._video(path, mark, known)

    def _reads(self, known: SourceRow) -> bool:
        """Whether words that nobody has read in a source would be read this time."""
        models = self._batch.models
        return bool(known.unread and models.ocr and (known.kind == "document" or models.photos))

    def _photo(self, path: str, fingerprint: str, known: SourceRow | None) -> Added:
        still = read_photo(path)
        if known:  # its words are wanted now
            self._storage.forget(known.number)
        entry = self._batch.entry(path, "photo")
        unread = not (self._batch.models.ocr and self._batch.models.photos)
        entry.changes = {"fingerprint": fingerprint, "complete": 1, "unread": int(unread)}
        self._batch.put(entry, still)
        if self._batch.due:
            self._batch.commit()
            self._progress(Progress(path, None, None, self._batch.stills))
        return Added(sources=(path,))

    def _video(self, path: str, fingerprint: str, known: SourceRow | None) -> Added:
        from .keyframes import Position
        from .sources.videos import Video

        position = Position.from_json(json.loads(known.position)) if known and known.position else None
        earlier = json.loads(known.warnings) if known else []
        with Video(path) as video:
            frames = video.frames(start=position.read_from if position else 0.0)

            def changes() -> dict[str, Any]:
                said = list(dict.fromkeys(earlier + video.warnings))  # a part that is read twice warns twice
                return {"fingerprint": fingerprint, "duration": video.duration, "warnings": json.dumps(said)}

            def committed(t: float) -> None:
                self._progress(Progress(path, t, video.duration, self._batch.stills))

            self._batch.commit()  # what other files have waiting shall not wait for a whole video
            entry = scanned(self._batch, Entry(path, "video"), frames, position, changes, committed)
            entry.changes |= {**changes(), "complete": 1, "position": None}
            self._batch.commit()
            source = self._storage.ledger.source(path)
            assert source is not None  # it has just been committed
            warnings = (*json.loads(source.warnings), *self._subtitle(source))
        committed(source.seconds or 0.0)
        return Added(sources=(path,), warnings=tuple(f"{path}: {warning}" for warning in warnings))

    def _subtitle(self, source: SourceRow) -> list[str]:
        """Attach the lines of the subtitles beside a video to its nearest keyframes, if they changed."""
        from .sources.subtitles import subtitles_of

        lines, warnings = subtitles_of(source.path)
        digest = hashlib.sha256(repr(lines).encode()).hexdigest()
        if digest == source.subtitles or not (lines or source.subtitles):
            return warnings
        stills = sorted(self._storage.ledger.stills(source.number), key=lambda row: row.t or 0.0)
        times = np.array([row.t for row in stills])
        with self._storage.lock, self._storage.ledger.transaction():
            self._storage.ledger.remove_texts(source.number, "subtitle")
            self._storage.ledger.put_source(source.path, source.kind, subtitles=digest)
            if stills:
                self._storage.ledger.put_texts(
                    (
                        stills[int(np.abs(times - (line.start + line.end) / 2).argmin())].slot,
                        Text("subtitle", line.text, line.start, line.end),
                    )
                    for line in lines
                )
        return warnings


def scanned(
    batch: Batch,
    about: Entry,
    frames: Iterable[Decoded],
    position: Position | None,
    changes: Callable[[], dict[str, Any]],
    committed: Callable[[float], None],
    first_shot: int = 0,
) -> Entry:
    """Take in what one pass over frames finds.

    Parameters
    ----------
    batch : Batch
    about : Entry
        Path and kind of the source.
    frames : iterable of Decoded
    position : Position, optional
        Where to go on.
    changes : callable
        Returns columns of the source to set with each commit.
    committed : callable
        Is told up to which time all is acknowledged, after each commit.
    first_shot : int
        Added to the numbers of shots.

    Returns
    -------
    Entry
        What is not committed yet: it comes after the last position.
    """
    from .keyframes import Keyframe, Position, scan

    entry = batch.entry(about.path, about.kind)
    for found in scan(frames, position):
        entry = batch.entry(about.path, about.kind)
        if isinstance(found, Keyframe):
            batch.put(entry, found.still, found.shot + first_shot)
        elif isinstance(found, Position):
            entry.changes |= {**changes(), "position": json.dumps(found.to_json()), "seconds": found.t}
            if batch.due:
                batch.commit()
                committed(found.t)
        else:
            entry.shots.append(replace(found, number=found.number + first_shot))
            entry.changes["seconds"] = found.end
    return batch.entry(about.path, about.kind)


def _inside(folder: Path) -> list[Path]:
    """Return the pictures, videos and documents directly in a folder, by name."""
    found = files_in(folder, SUFFIXES | VIDEO_SUFFIXES | DOCUMENT_SUFFIXES)
    if not found:
        raise InputError(
            f"the folder {folder} has no pictures, videos or documents in it (subfolders are not searched).",
            input=str(folder),
        )
    return found
