"""Live streams: keyframes of frames as they are watched, on one clock however often that is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InputError
from .batch import Batch
from .indexing import scanned
from .ledger import SourceRow
from .records import Added, Progress
from .storage import Entry, Storage

if TYPE_CHECKING:
    from .sources.decoding import Decoded

GAP = 0.001
"""Seconds between two times of watching, at least: a clock may have been set back."""


def index_stream(
    storage: Storage,
    batch: Batch,
    frames: Iterable[Decoded],
    source: str,
    keep: int | None,
    progress: Callable[[Progress], None],
) -> Added:
    """Index a live stream; see :meth:`sightloop.memory.store.VisualMemory.add_stream`."""
    if keep is not None and keep < 1:
        raise InputError(f"at least one keyframe is kept of a stream, not {keep}.", input=source)
    known = storage.ledger.source(source)
    if known and known.kind != "stream":
        raise InputError(
            f"the memory holds {source} as a {known.kind}; forget it before watching it as a stream.",
            input=source,
        )
    now = time.time()
    began = known.began if known and known.began is not None else now
    after = _after(storage, known)
    shift = max(now - began, after.t) if known else 0.0

    def changes() -> dict[str, Any]:
        return {"began": began, "complete": 1, "position": None}

    def committed(t: float) -> None:
        row = storage.ledger.source(source)
        if keep is not None and row is not None:
            storage.trim(row.number, keep)
        progress(Progress(source, t, None, batch.stills))

    broken: list[InputError] = []

    def coming() -> Iterator[Decoded]:
        try:
            for frame in frames:
                yield replace(frame, source=source, t=frame.t + shift, index=frame.index + after.frames)
        except InputError as error:  # for the scan it is an end like any other, so that what came is kept
            broken.append(error)

    entry = scanned(batch, Entry(source, "stream"), coming(), None, changes, committed, after.shots)
    entry.changes |= changes()
    batch.commit()
    row = storage.ledger.source(source)
    committed((row and row.seconds) or 0.0)
    if broken:
        raise broken[0]
    return Added(sources=(source,), stills=batch.stills)


class _After(NamedTuple):
    """Where another time of watching goes on: seconds, and how many frames and shots there were."""

    t: float = 0.0
    frames: int = 0
    shots: int = 0


def _after(storage: Storage, known: SourceRow | None) -> _After:
    if known is None:
        return _After()
    shots = storage.ledger.shots(known.number)
    stills = list(storage.ledger.stills(known.number))
    return _After(
        max([known.seconds or 0.0, *(row.t or 0.0 for row in stills[-1:])]) + GAP,
        max([-1, *(last for *_, last in shots), *(row.frame or 0 for row in stills)]) + 1,
        max([-1, *(number for number, *_ in shots), *(row.shot or 0 for row in stills)]) + 1,
    )
