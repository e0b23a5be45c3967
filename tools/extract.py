"""Extract: the words of a page that answer a question, quoted as they stand there.

It invents nothing: the answer is a value of a table, a value behind its name, or a sentence, word for word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..memory import Box
from ..memory.embed import Embedder
from .cells import cells
from .features import opened, unasked
from .leaves import Leaf, Quote, Reading
from .pairs import pairs
from .ranking import confidence, ranked
from .spans import Run, Span, captioned, spans
from .terms import folded
from .wanted import wanted

BY_EXTRACTION = (
    "read by extraction: the answer is quoted from the page, as the embedded model does not read; "
    "a checkpoint that does (`sightloop models`) answers in words of its own"
)
NOTHING = "nothing on these pages answers it"
"""The answer where none is likely."""

NO_ROW = "the question names no row of the table: all are told"

AS_LIKELY, MOST_PLACES = 2.0, 3
"""By how much less a place may score that says the same, to be cited, too; and how many are, at most."""

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
    chosen = list(
        dict.fromkeys([int(order[0]), *every, *([] if every else _again(leaves, found, order, scores))])
    )
    sure = confidence(question, pages, found, scores, chosen)
    quotes = quoted(question, leaves, [found[i] for i in chosen])
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


def _again(
    leaves: Sequence[Leaf], found: Sequence[Span], order: NDArray[np.intp], scores: NDArray[np.float64]
) -> list[int]:
    """Return where else on the pages the same is said as by the best span, and nearly as likely meant."""
    best = _said(leaves, found[order[0]])
    near = (int(i) for i in order[1:] if scores[i] >= scores[order[0]] - AS_LIKELY)
    return [i for i in near if _said(leaves, found[i]) == best][: MOST_PLACES - 1]


def _said(leaves: Sequence[Leaf], span: Span) -> tuple[str, ...]:
    """Return the words of a span, and of a value those that name its row, as they are compared."""
    runs = (span.answer, *(span.rows if span.kind == "cell" else ()))
    return tuple(folded(_words(leaves[span.leaf], run)).strip(" .,;()") for run in runs)


def quoted(question: str, leaves: Sequence[Leaf], chosen: Sequence[Span]) -> tuple[Quote, ...]:
    """Return the words of spans with their boxes, what names each behind it, and a figure if it is of one."""
    runs = dict.fromkeys((span.leaf, run) for span in chosen for run in (span.answer, *span.named))
    quotes: list[Quote] = []
    for quote in (_quote(leaves[number], run) for number, run in runs):
        if quote not in quotes:  # a page may be in hand twice
            quotes.append(quote)
    leaf = leaves[chosen[0].leaf]
    if (figure := _figure(question, leaf, chosen[0])) is not None:
        inside = [word.text for word in leaf.text.within(figure)]
        quotes.append(Quote(leaf.still, figure, " ".join(inside)))
    return tuple(quotes)


def _figure(question: str, leaf: Leaf, span: Span) -> Box | None:
    """Return the figure that a caption or a label belongs to; of other words, if a drawing is asked about."""
    if span.figure is not None or not wanted(question).in_drawing:
        return span.figure
    return captioned(leaf.text, leaf.text.box_of(*span.answer))


def _quote(leaf: Leaf, run: Run) -> Quote:
    return Quote(leaf.still, leaf.text.box_of(*run), leaf.text.text_of(*run))
