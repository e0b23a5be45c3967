"""Nearest: what a search found best on pages, cited beside an answer that is unsure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..memory.page_text import shared
from .leaves import Leaf, Quote, Reading

UNSURE = 0.6
"""Confidence below which an answer comes with what the search found: from there on it is right more often."""

MOST = 2
"""Pages, the first ones of the search, whose best passage is cited beside it."""

SAME = 0.5
"""Share of the smaller of two boxes that lies in the other, from which they are one place."""

ALSO = "unsure: what the search found best on {pages} is cited too"


def with_nearest(reading: Reading, leaves: Sequence[Leaf]) -> Reading:
    """Add to an unsure reading the passages that a search found best, where it does not cite them already."""
    if reading.confidence >= UNSURE:
        return reading
    quotes = list(reading.quotes)
    for leaf in leaves[:MOST]:
        passage = _passage(leaf)
        if passage is not None and not any(_same(passage, known) for known in quotes):
            quotes.append(passage)
    added = len(quotes) - len(reading.quotes)
    if not added:
        return reading
    note = ALSO.format(pages="a page" if added == 1 else f"{added} pages")
    return replace(reading, quotes=tuple(quotes), notes=(*reading.notes, note))


def _passage(leaf: Leaf) -> Quote | None:
    """Return the words of the block that a search found on a page."""
    if not leaf.passages:
        return None
    blocks = [block for block in leaf.text.blocks if shared(block.box, leaf.passages[0]) >= SAME]
    if not blocks:
        return None
    block = max(blocks, key=lambda one: shared(one.box, leaf.passages[0]))
    return Quote(leaf.still, block.box, leaf.text.text_of(block.first, block.last))


def _same(one: Quote, other: Quote) -> bool:
    return one.still == other.still and shared(one.box, other.box) >= SAME
