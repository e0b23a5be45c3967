"""Extract: the words of a page that answer a question, quoted as they stand there.

It invents nothing: the answer is a value of a table, a value behind its name, or a sentence, word for word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..memory.embed import Embedder
from .cells import cells
from .features import opened, unasked
from .leaves import Leaf, Quote, Reading
from .pairs import pairs
from .ranking import confidence, ranked
from .spans import Run, Span, spans
from .wanted import wanted

BY_EXTRACTION = (
    "read by extraction: the answer is quoted from the page, as the embedded model does not read; "
    "a checkpoint that does (`sightloop models`) answers in words of its own"
)
NOTHING = "nothing on these pages answers it"
"""The answer where none is likely."""

NO_ROW = "the question names no row of the table: all are told"

LEAST = 0.1
"""How likely an answer must be to be given."""

_NEGATION = re.compile(r"\b(?:not|no|never|none|nobody|neither|nor|cannot|without)\b|n['’]t\b", re.I)  # noqa: RUF001


def extract(question: str, leaves: Sequence[Leaf], sentences: Embedder | None = None) -> Reading:
    """Read the answer to a question from pages by choosing among what stands there.

    Parameters
    ----------
    question : str
    leaves : sequence of Leaf
    sentences : Embedder of texts, optional
        Tells what goes together in meaning where the words differ.

    Returns
    -------
    Reading
        With low confidence, and a note, where nothing on the pages is near the question.
    """
    found = [span for i, leaf in enumerate(leaves) for span in candidates(i, leaf)]
    if not found:
        return Reading(NOTHING, 0.0, notes=(BY_EXTRACTION, "there are no words on these pages"))
    pages = opened(question, leaves, found)
    order, scores = ranked(question, pages, found, sentences)
    best = found[order[0]]
    leaf = leaves[best.leaf]
    every = unasked(pages, best, found)
    chosen = list(dict.fromkeys([int(order[0]), *every]))
    sure = confidence(question, pages, found, scores, chosen)
    quotes = quoted(leaf, [found[i] for i in chosen])
    if sure < LEAST:
        nearest = " ".join(quotes[0].text.split())
        return Reading(NOTHING, sure, notes=(BY_EXTRACTION, f"the nearest words are: {nearest}"))
    text = _by_rows(leaf, [found[i] for i in every]) if every else answered(question, leaf, best)
    notes = (BY_EXTRACTION, *leaf.text.notes, *([NO_ROW] if every else []))
    return Reading(text, sure, quotes, notes=notes, tokens=len(text.split()))


def _by_rows(leaf: Leaf, values: Sequence[Span]) -> str:
    """Return values with what names their rows: "sex=F: 108; sex=M: 88"."""
    return "; ".join(
        f"{' '.join(_words(leaf, run) for run in span.rows)}: {_words(leaf, span.answer)}" for span in values
    )


def _words(leaf: Leaf, run: Run) -> str:
    return " ".join(leaf.text.text_of(*run).split())


def candidates(number: int, leaf: Leaf) -> list[Span]:
    """Return everything on a page that may be an answer."""
    page = leaf.text
    return [*spans(number, page), *cells(number, page), *pairs(number, page)]


def answered(question: str, leaf: Leaf, span: Span) -> str:
    """Return the answer that a span is; to a question for yes or no, which of the two its words say."""
    words = _words(leaf, span.answer)
    if wanted(question).sort != "yes or no" or span.kind in ("cell", "pair"):
        return words
    denied = bool(_NEGATION.search(words)) != bool(_NEGATION.search(question))
    return f"{'no' if denied else 'yes'}: {words}"


def quoted(leaf: Leaf, chosen: Sequence[Span]) -> tuple[Quote, ...]:
    """Return the words of spans with their boxes, what names them behind each, and a caption's figure."""
    runs = dict.fromkeys(run for span in chosen for run in (span.answer, *span.named))
    quotes = [_quote(leaf, run) for run in runs]
    if (figure := chosen[0].figure) is not None:
        inside = [word.text for word in leaf.text.within(figure)]
        quotes.append(Quote(leaf.still, figure, " ".join(inside)))
    return tuple(quotes)


def _quote(leaf: Leaf, run: Run) -> Quote:
    return Quote(leaf.still, leaf.text.box_of(*run), leaf.text.text_of(*run))
