"""Pages in hand: from a question, a file or a picture to stills with their words, ready to be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..memory import Page, Still
from .read import Leaf

if TYPE_CHECKING:
    from ..memory.page_text import PageText
    from ..memory.search import Hit
    from ..memory.store import VisualMemory


def found(
    memory: VisualMemory, question: str, *, top: int, documents: Collection[str] | None = None
) -> list[Leaf]:
    """Search a memory for the pages that go best with a question, the best first."""
    hits = memory.search(question, top=top, sources=documents, kinds=("document",))
    return [_leaf(memory, hit, still) for hit, still in memory.stills(hits)]


def _leaf(memory: VisualMemory, hit: Hit, still: Still) -> Leaf:
    text = memory.page_text(hit) or words_of(still)
    found = (*hit.texts, *hit.also)
    return Leaf(still, text, hit.score, tuple(text.box for text in found if text.box is not None))


def listed(
    memory: VisualMemory, question: str, *, top: int, documents: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Search as :func:`found`, and return what ``sightloop find --json`` lists."""
    hits = memory.search(question, top=top, sources=documents, kinds=("document",))
    return [to_json(hit) for hit in hits]


def to_json(hit: Hit) -> dict[str, Any]:
    """Return a hit of a page as ``sightloop find --json`` lists it."""
    assert isinstance(hit.origin, Page)  # documents have nothing else
    return {
        "document": hit.origin.source,
        "page": hit.origin.number,
        "box": hit.box.model_dump(exclude={"kind"}) if hit.box is not None else None,
        "score": hit.score,
        "text": next((text.text for text in hit.texts if text.box is not None), ""),
        "still": hit.ref.model_dump(),
        "thumbnail": str(hit.thumbnail),
    }


def numbered(memory: VisualMemory, document: str, numbers: Iterable[int]) -> list[Leaf]:
    """Return pages of a document that a memory holds.

    Raises
    ------
    InputError
        If it has no such page.
    """
    wanted = list(numbers)
    found = memory.stored(document, pages=wanted)
    stored = {one.origin.number: one for one in found if isinstance(one.origin, Page)}
    leaves = []
    for number in wanted:
        if number not in stored:
            every = len(memory.stored(document))
            raise InputError(f"{document} has no page {number}; it has {every}.", input=document)
        still = memory.still(stored[number])
        leaves.append(Leaf(still, memory.page_text(stored[number]) or words_of(still)))
    return leaves


def words_of(still: Still) -> PageText:
    """Return the words of a still: from its file's text layer, or else by OCR where that is installed.

    Raises
    ------
    MissingExtraError
        If there is no text layer, and OCR is not installed.
    """
    whole = still.whole or still
    if isinstance(whole.origin, Page):
        from ..memory.sources.documents import read_page_text

        text = read_page_text(whole.origin.source, whole.origin.number)
        if text.read != "none":
            return text
    from .ocr import reader

    return reader().read([whole])[0]
