"""Page tools: find pages of documents, and read an answer from them with the words that it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..errors import InputError
from ..memory import Evidence, Page, Still
from ..tools.look import Eyes
from .files import called, named
from .state import Citation, State
from .steps import Picture
from .tool import LONGEST, Arguments, Found, Tool

if TYPE_CHECKING:
    from ..memory.store import VisualMemory
    from ..tools.read import Leaf, Reading

PAGES = 5
"""Pages that a question is read in, unless some are named."""
WIDTH = 160
"""Characters of a quote, or of a page's best part, in what a brain is told."""


class Looking(Arguments):
    """A question that words on pages or pictures answer."""

    question: str = Field(default="", max_length=LONGEST, description="empty for the user's own question")
    document: str = Field(default="", max_length=LONGEST, description="file; empty for all")
    pages: list[Annotated[int, Field(ge=1)]] = Field(
        default=[], max_length=16, description="of that file; empty to search for the best"
    )


def _read(eyes: Eyes, state: State, looking: Looking) -> Found:
    from ..tools.read import read  # with what it reads by

    question = looking.question or state.question
    leaves = _leaves(state, looking, question)
    sentences = state.memory.sentences if state.memory is not None else None
    reading = read(eyes, question, leaves, sentences)
    pictures = [picture_of(state, leaf.still) for leaf in leaves]
    # A look at pictures may have answered already: words are believed where they say it more surely.
    better = state.draft is None or reading.confidence > state.draft.confidence
    return Found(
        text=_words(reading, pictures),
        answer=reading.text if better else None,
        confidence=reading.confidence if better else None,
        parts=reading.parts,
        pictures=tuple(dict.fromkeys(pictures)),
        notes=(*reading.notes, *_unread(leaves)),
        tokens=reading.tokens,
        cited=tuple(
            Citation(
                quote=quote.text, evidence=Evidence.of(quote.still, quote.text, reading.confidence, quote.box)
            )
            for quote in reading.quotes
        ),
    )


def _leaves(state: State, looking: Looking, question: str) -> list[Leaf]:
    """Return what is to be read: the pages that are named, the best of a search, or the run's pictures."""
    from ..tools import pages
    from ..tools.read import Leaf

    if state.memory is None or "document" not in state.kinds:
        if not state.stills:
            raise InputError("there are no documents and no pictures to read.")
        return [Leaf(still, pages.words_of(still)) for still in state.stills]
    document = _document(state.memory, state, looking.document) if looking.document else None
    if looking.pages:
        if document is None:
            raise InputError("pages are numbered in a document: name it.")
        return pages.numbered(state.memory, document, looking.pages)
    within = [document] if document is not None else state.documents or None
    leaves = pages.found(state.memory, question, top=PAGES, documents=within)
    if not leaves:
        raise InputError(f"no page was found for {question!r}.")
    return leaves


def _unread(leaves: Sequence[Leaf]) -> tuple[str, ...]:
    """Say which pages hold no words that anybody has read."""
    blank = [_where(leaf.still) for leaf in leaves if leaf.text.read == "none"]
    if not blank:
        return ()
    return (f'no text layer, and not read by OCR (extra "ocr", then index again): {", ".join(blank)}',)


def readable(state: State) -> bool:
    """Tell whether there is anything to read: pages, or pictures where OCR is installed."""
    from ..tools.ocr import available

    pages = "document" in state.kinds or any(isinstance(still.origin, Page) for still in state.stills)
    return pages or (bool(state.stills) and state.room is None and available())


def picture_of(state: State, still: Still) -> Picture:
    """Return a page as steps tell it; it is called by its number and its file, whenever it is read."""
    return state.gallery.add(still, _where(still) if isinstance(still.origin, Page) else None)


def _words(reading: Reading, pictures: Sequence[Picture]) -> str:
    """Return what was read, for a brain: the answer, its quotes with where they stand, and the pages."""
    lines = [f"{reading.text} ({reading.confidence:.0%} sure)"]
    lines += [
        f'"{shorten(quote.text, WIDTH, placeholder=" ...")}" in {quote.box} of {_where(quote.still)}'
        for quote in reading.quotes
    ]
    return "\n".join([*lines, "read: " + ", ".join(picture.name for picture in pictures)])


def _where(still: Still) -> str:
    origin = still.origin
    page = f"page {origin.number} of " if isinstance(origin, Page) else ""
    return page + called(origin.source)


def _document(memory: VisualMemory, state: State, name: str) -> str:
    """Return the path of the document that is called so, by its path or by its file's name."""
    known = state.documents or tuple(s.path for s in memory.sources() if s.kind == "document")
    return named(name, known, "document")


PAGE_TOOLS = (
    Tool(
        "read",
        "Answer from the words of documents or pictures, quoted with page and box.",
        Looking,
        _read,
    ),
)
"""Tools that need words: of documents, or of pictures where OCR is installed."""
