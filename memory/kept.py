"""What a memory kept: its sources and stills, their pixels, the words on a page, and what room it takes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from ..errors import ForgottenError, InputError, StorageError
from .ledger import SourceRow, StillRow
from .page_text import PageText
from .records import Source, Stored, Text
from .reopen import read
from .search import Hit, ref_of
from .still import Box, Still, StillRef
from .storage import Storage, still_id


def sources_of(storage: Storage) -> list[Source]:
    """Return what a memory holds; see :meth:`.store.VisualMemory.sources`."""
    with storage.lock:
        counts = storage.ledger.counts()
        return [
            Source(
                row.path,
                row.kind,
                bool(row.complete),
                counts.get(row.number, 0),
                row.seconds,
                row.duration,
                row.began,
                tuple(json.loads(row.warnings)),
                row.pages,
            )
            for row in storage.ledger.sources()
        ]


def stored_of(storage: Storage, source: SourceRow, pages: Collection[int] | None) -> list[Stored]:
    """Return the stills of a source; see :meth:`.store.VisualMemory.stored`."""
    stills = [one for one in storage.ledger.stills(source.number) if pages is None or one.page in pages]
    if pages is None:
        texts = storage.ledger.texts(source.number)
    else:  # of a long document, some pages have little of the text
        texts = {one.slot: storage.ledger.texts(slot=one.slot).get(one.slot, []) for one in stills}
    return [_stored(storage, one, source.path, texts.get(one.slot, ())) for one in stills]


def held(storage: Storage, handle: str) -> Stored:
    """Return one still; see :meth:`.store.VisualMemory.held`."""
    with storage.lock:
        found = storage.ledger.still(handle)
        if found is None:
            raise InputError(f"the memory {storage.folder} holds no still {handle!r}.", input=handle)
        still, source = found
        texts = storage.ledger.texts(slot=still.slot)
        return _stored(storage, still, source, texts.get(still.slot, ()))


def _stored(storage: Storage, still: StillRow, source: str, texts: Iterable[Text]) -> Stored:
    return Stored(still.id, ref_of(still, source), still.shot, storage.media.path(still.media), tuple(texts))


def still_of(storage: Storage, found: Hit | Stored) -> Still:
    """Return the pixels of a hit; see :meth:`.store.VisualMemory.still`."""
    origin = found.origin
    with storage.lock:
        row = storage.ledger.source(origin.source)
    if row is not None and row.kind == "stream":
        return _picture(storage, found)
    try:
        still = read(origin)
        if still.sha256 == found.ref.sha256:
            return still
        note = "its file has changed"
    except InputError as error:
        note = f"its file cannot be read ({error.message})"
    kept = _picture(storage, found)
    return Still(kept.pixels, origin, notes=(f"{note}: this is the smaller picture that the memory kept",))


def _picture(storage: Storage, found: Hit | Stored) -> Still:
    """Return the picture that the memory kept."""
    origin = found.origin
    try:
        return storage.media.still(found.thumbnail, origin)
    except StorageError:
        with storage.lock:
            known = storage.ledger.still(still_id(origin.source, origin)) is not None
        if known:
            raise
        # others may forget what was found, before it is looked at
        raise ForgottenError(f"{origin.source} was forgotten meanwhile.", input=origin.source) from None


def on_picture(box: Box, ref: StillRef, still: Still) -> Box:
    """Return a box of a still in pixels of its picture, which is smaller where the memory's own is left."""
    return box.scaled(still.size.width / ref.width, still.size.height / ref.height)


def words_of(storage: Storage, found: Hit | Stored | StillRef) -> PageText | None:
    """Return the words on a page; see :meth:`.store.VisualMemory.page_text`."""
    ref = found if isinstance(found, StillRef) else found.ref
    with storage.lock:
        return storage.ledger.page(still_id(ref.origin.source, ref.origin), ref.sha256)


def size_of(storage: Storage) -> dict[str, Any]:
    """Return how much a memory holds; see :meth:`.store.VisualMemory.size`."""
    with storage.lock:
        counts = storage.ledger.counts()
        parts = dict.fromkeys(("ledger", "media", "vectors", "passages", "chroma"), 0)
        for path in storage.folder.rglob("*"):
            part = _part(path.relative_to(storage.folder))
            if part in parts and path.is_file():
                parts[part] += path.stat().st_size
        return {
            "sources": len(storage.ledger.sources()),
            "stills": sum(counts.values()),
            "passages": storage.ledger.count("passages"),
            "bytes": {**parts, "total": sum(parts.values())},
        }


def _part(path: Path) -> str:
    """Return what of a memory a file in its folder belongs to."""
    return path.parts[0].split(".")[0].split("-")[0]
