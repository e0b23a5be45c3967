"""Nearest: what a search found best on pages, cited beside an answer that is unsure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..memory import Box
from ..memory.page_text import shared
from .leaves import Leaf, Quote, Reading

UNSURE = 0.6
"""Confidence below which an answer comes with what the search found: from there on it is right more often."""

MOST = 2
"""Passages, the best ones of the search, that are cited beside it, of one page or of two."""

SAME = 0.5
"""Share of the smaller of two boxes that lies in the other, from which they are one place."""

ALSO = "unsure: {passages} that the search found best, cited too"


def with_nearest(reading: Reading, leaves: Sequence[Leaf]) -> Reading:
    """Add to an unsure reading the passages that a search found best, where it does not cite them already."""
    if reading.confidence >= UNSURE:
        return reading
    quotes = list(reading.quotes)
    found = [(leaf, box) for leaf in leaves for box in leaf.passages]
    for leaf, box in found[:MOST]:
        passage = _passage(leaf, box)
        if passage is not None and not any(_same(passage, known) for known in quotes):
            quotes.append(passage)
    added = len(quotes) - len(reading.quotes)
    if not added:
        return reading
    note = ALSO.format(passages="a passage" if added == 1 else f"{added} passages")
    return replace(reading, quotes=tuple(quotes), notes=(*reading.notes, note))


def _passage(leaf: Leaf, box: Box) -> Quote | None:
    """Return the words of the block that a search found on a page."""
    blocks = [block for block in leaf.text.blocks if shared(block.box, box) >= SAME]
    if not blocks:
        return None
    block = max(blocks, key=lambda one: shared(one.box, box))
    return Quote(leaf.still, block.box, leaf.text.text_of(block.first, block.last))


def _same(one: Quote, other: Quote) -> bool:
    return one.still == other.still and shared(one.box, other.box) >= SAME
