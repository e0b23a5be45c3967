"""How often the page that answers is found: by the fused search, by its channels alone, and by a peer.

byaldi cannot be the peer where no hub is reached, as its weights are there. BM25 can, as bm25s has it, over
the same pages' words.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..memory import Page
from .document_asked import Asked, mean

if TYPE_CHECKING:
    from ..memory.store import VisualMemory

TOP = 5
"""Pages that a search gives."""
FIRST, AMONG = 0.8, 0.95
"""Targets: questions whose page comes first, and whose page is among the first :data:`TOP`."""
FUSED = "fused search"
CHANNELS = {
    "BM25 alone, pages": ("page",),
    "words that stand together alone": ("near",),
    "sentences alone": ("passage",),
    "page pictures alone": ("picture",),
}
"""What is compared with the fused search: the same memory, asked by one channel."""
PEER = "bm25s, the same pages"

Ranked = list[tuple[str, int]]
"""Names of files and numbers of pages, the best first."""


def ranked(memory: VisualMemory, question: str, channels: Sequence[str] | None = None) -> Ranked:
    """Return the best pages of a memory for a question."""
    hits = memory.search(question, top=TOP, kinds=("document",), channels=channels)
    return [(Path(hit.origin.source).name, hit.origin.number) for hit in hits if isinstance(hit.origin, Page)]


def peer(memory: VisualMemory) -> Callable[[str], Ranked] | None:
    """Return how bm25s ranks the pages of a memory, by its own constants; None if it is not there."""
    if importlib.util.find_spec("bm25s") is None:
        return None
    bm25s: Any = importlib.import_module("bm25s")
    pages, words = [], []
    for source in memory.sources():
        for stored in memory.stored(source.path) if source.kind == "document" else ():
            if isinstance(stored.origin, Page):
                text = memory.page_text(stored)
                pages.append((Path(source.path).name, stored.origin.number))
                words.append(text.text if text is not None else "")
    index = bm25s.BM25()
    index.index(bm25s.tokenize(words, stopwords="en", show_progress=False), show_progress=False)

    def rank(question: str) -> Ranked:
        tokens = bm25s.tokenize([question], stopwords="en", show_progress=False)
        numbers, _ = index.retrieve(tokens, k=min(TOP, len(pages)), show_progress=False)
        return [pages[number] for number in numbers[0]]

    return rank


def rows(memory: VisualMemory, asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """Return one row for every way of searching, and one of the fused search for every kind of question."""
    ways: dict[str, Callable[[str], Ranked]] = {
        FUSED: partial(ranked, memory),
        **{name: partial(ranked, memory, channels=channels) for name, channels in CHANNELS.items()},
    }
    if (other := peer(memory)) is not None:
        ways[PEER] = other
    found = []
    for name, way in ways.items():
        places = [_place(way(one.question), one) for one in asked]
        found.append(_row(name, places, FIRST if name == FUSED else None))
        if name == FUSED:
            for kind in sorted({one.kind for one in asked}):
                of_kind = [place for place, one in zip(places, asked, strict=True) if one.kind == kind]
                found.append(_row(f"{FUSED}: {kind}", of_kind))
    return found


def _place(pages: Ranked, asked: Asked) -> int:
    """Return the place of the right page from 1, or one that is behind all of them."""
    return next((place for place, page in enumerate(pages, 1) if asked.there(*page)), TOP + 1)


def _row(name: str, places: Sequence[int], target: float | None = None) -> dict[str, Any]:
    first, among = mean([place == 1 for place in places]), mean([place <= TOP for place in places])
    row: dict[str, Any] = {"row": name, "recall@1": first, "recall@5": among, "n": len(places)}
    if target is None:
        return {**row, "target": None, "met": None}
    met = bool(places) and (first or 0.0) >= FIRST and (among or 0.0) >= AMONG
    return {**row, "target": [FIRST, AMONG], "met": met}
