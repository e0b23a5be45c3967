"""What a memory kept: the pixels of what it found, the words on a page, and how much room it all takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import InputError
from .page_text import PageText
from .records import Stored
from .reopen import read
from .search import Hit
from .still import Still, StillRef
from .storage import Storage, still_id


def still_of(storage: Storage, found: Hit | Stored) -> Still:
    """Return the pixels of a hit; see :meth:`.store.VisualMemory.still`."""
    origin = found.origin
    with storage.lock:
        row = storage.ledger.source(origin.source)
    if row is not None and row.kind == "stream":
        return storage.media.still(found.thumbnail, origin)
    try:
        still = read(origin)
        if still.sha256 == found.ref.sha256:
            return still
        note = "its file has changed"
    except InputError as error:
        note = f"its file cannot be read ({error.message})"
    kept = storage.media.still(found.thumbnail, origin)
    return Still(kept.pixels, origin, notes=(f"{note}: this is the smaller picture that the memory kept",))


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
