"""Features: what speaks for a span of the pages in hand being the answer to a question."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..memory.page_text import PageText
from .cells import is_missing, is_value
from .leaves import Leaf
from .spans import Run, Span, lines
from .terms import Term, asked_terms, contradicts, focus, is_of_kind, strengths, term
from .wanted import Wanted, caption_label, wanted

NEWS = 12.0
"""How much a span says that the question does not, from which on more of it makes no difference."""

MOST_ROWS = 4
"""Rows that are all told, at most, where a question names none."""

NAMED = 1.5
"""How much more names with digits, signs or inner capitals count than words."""

PROSE = 6
"""Words of a line of running text, at least."""

OPENING = 2
"""Words with which a span begins, an item's mark among them."""

QUANTITY = 0.65
"""How far what is asked for must be the head of a column or the name of a value, to be a quantity."""

EDGE = 0.08
"""Share of a figure's height in which the names of its axes stand."""

VALUES = ("cell", "pair", "label", "row")
_KINDS = ("cell", "pair", "row", "line", "caption", "heading", "list", "label")
_DIGIT = re.compile(r"\d")
_CODE = re.compile(r"^(?:>>?>?|\+|\$|#|\w+\[\d+\]:) ")


@dataclass(frozen=True)
class Pages:
    """Pages in hand, as a question sees them.

    Parameters
    ----------
    leaves : sequence of Leaf
    hits : per leaf, per word: which terms of the question it is, and how far
    weights : (terms,) float64
        How much each term of the question says: by how few spans it is in.
    rarity : dict of str to float
        The same of the words of the pages.
    covers : per leaf
        The share of the question that is found anywhere on it, 0..1.
    quantity : bool
        Whether what is asked for heads a column of values, or is the name of one.
    asked : tuple of Term
        Of the question, that may be told from others of a kind: "resid=2", "female".
    """

    leaves: Sequence[Leaf]
    hits: Sequence[Sequence[dict[int, float]]]
    weights: NDArray[np.float64]
    rarity: dict[str, float]
    covers: Sequence[float]
    quantity: bool
    asked: tuple[Term, ...]


def opened(question: str, leaves: Sequence[Leaf], spans: Sequence[Span]) -> Pages:
    """Find the question's terms on the pages."""
    hits = [strengths(question, _joined(leaf)) for leaf in leaves]
    count = len(asked_terms(question))
    lines = [span for span in spans if span.kind != "cell"]
    holding = np.zeros(count)
    seen: dict[str, int] = {}
    for span in lines:
        words = range(span.answer.first, span.answer.last)
        for place in {i for number in words for i in hits[span.leaf][number]}:
            holding[place] += 1
        for key in {term(leaves[span.leaf].text.words[number].text).word for number in words}:
            seen[key] = seen.get(key, 0) + 1
    rarity = {word: _rarity(len(lines), times) for word, times in seen.items()}
    weights = np.array([_rarity(len(lines), times) for times in holding]) * _specific(question)
    covers = [_covers(page, weights) for page in hits]
    kinds = tuple(one for one in asked_terms(question) if is_of_kind(one))
    return Pages(leaves, hits, weights, rarity, covers, _quantity(question, hits, spans), kinds)


def _specific(question: str) -> NDArray[np.float64]:
    """Return how much more each term of a question counts: names as "fit2" or "PCM" mean one thing only."""
    named = {term(word).word for word in question.split() if word[1:] != word[1:].lower()}
    asked = asked_terms(question)
    return np.array([NAMED if one.word in named or not one.word.isalpha() else 1.0 for one in asked])


def _quantity(question: str, hits: Sequence[Sequence[dict[int, float]]], spans: Sequence[Span]) -> bool:
    if wanted(question).sort != "what":
        return False
    focused = focus(question)
    named = [
        (span.leaf, run)
        for span in spans
        for run in (span.heads or (span.rows if span.kind == "pair" else ()))
    ]
    return any(
        hits[leaf][number].get(place, 0.0) >= QUANTITY
        for leaf, run in dict.fromkeys(named)
        for number in range(*run)
        for place in focused
    )


def _covers(page: Sequence[dict[int, float]], weights: NDArray[np.float64]) -> float:
    found = np.zeros(len(weights))
    for word in page:
        for place, far in word.items():
            found[place] = max(found[place], far)
    return float(found @ weights) / (float(weights.sum()) or 1.0)


def _rarity(spans: int, holding: float) -> float:
    return math.log(1 + (spans - holding + 0.5) / (holding + 0.5))


def _joined(leaf: Leaf) -> list[str]:
    """Return the words of a page; one that is hyphenated at the end of a line with its other half."""
    words = leaf.text.words
    joined = [word.text for word in words]
    for number in range(len(words) - 1):
        if (
            words[number].text.endswith(("-", "\u2010", "\u00ad"))
            and words[number].line != words[number + 1].line
        ):
            joined[number] = words[number].text[:-1] + words[number + 1].text
    return joined


def covered(pages: Pages, span: Span, runs: Sequence[Run]) -> NDArray[np.float64]:
    """Return how far each term of the question is among some words: (terms,) in 0..1."""
    found = np.zeros(len(pages.weights))
    hits = pages.hits[span.leaf]
    for run in runs:
        for number in range(run.first, run.last):
            for place, far in hits[number].items():
                found[place] = max(found[place], far)
    return found


def unasked(pages: Pages, best: Span, spans: Sequence[Span]) -> list[int]:
    """Return which spans answer as well as the best one, as the question names the column and no row.

    They are the values of all rows, under the same heads, of a table of few rows; none if some row is named.
    """
    if best.kind != "cell" or not best.rows or not best.heads:
        return []
    column = [
        place
        for place, span in enumerate(spans)
        if span.kind == "cell" and span.leaf == best.leaf and span.heads == best.heads and span.rows
    ]
    by_head = covered(pages, best, best.heads)
    named = any((covered(pages, spans[i], spans[i].rows) - by_head).clip(0).any() for i in column)
    return column if 1 < len(column) <= MOST_ROWS and not named and by_head.any() else []


def _matched(pages: Pages, leaf: int, runs: Sequence[Run], taken: NDArray[np.float64] | None = None) -> float:
    """Return the share of what words say that the question says, too, in terms that are not taken."""
    said, shared = _said(pages, leaf, runs, taken)
    return shared / said if said else 0.0


def _said(
    pages: Pages, leaf: int, runs: Sequence[Run], taken: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Return how much words say, and how much of it the question says, too, in terms that are not taken."""
    both = said = 0.0
    for run in runs:
        for number in range(run.first, run.last):
            weight = pages.rarity.get(term(pages.leaves[leaf].text.words[number].text).word, 0.0)
            hits = pages.hits[leaf][number]
            free = [far for place, far in hits.items() if taken is None or taken[place] < far]
            said += weight
            both += weight * max(free, default=0.0)
    return said, both


def _together(pages: Pages, span: Span) -> float:
    """Return the share of the question's neighbours that are neighbours in the span, too."""
    count = len(pages.weights)
    if count < 2:
        return 0.0
    places: list[list[int]] = [[] for _ in range(count)]
    for run in (span.answer, *span.named):
        for number in range(run.first, run.last):
            for place, far in pages.hits[span.leaf][number].items():
                if far >= 0.5:
                    places[place].append(number)
    near = [any(0 < b - a <= 3 for a in places[i] for b in places[i + 1]) for i in range(count - 1)]
    return sum(near) / (count - 1)


def features(question: str, pages: Pages, spans: Sequence[Span]) -> list[dict[str, float]]:
    """Say of each span what speaks for it, by name, but for what it means."""
    asks, focused = wanted(question), focus(question)
    return [_features(asks, focused, pages, span) for span in spans]


def _features(asks: Wanted, focused: tuple[int, ...], pages: Pages, span: Span) -> dict[str, float]:
    return {
        **_shared(focused, pages, span),
        **_names(focused, pages, span),
        **_sorts(asks, focused, pages, span),
        **_place(pages, span),
        **{kind: float(span.kind == kind) for kind in _KINDS},
    }


def _shared(focused: tuple[int, ...], pages: Pages, span: Span) -> dict[str, float]:
    """Say what a span and its surroundings share with the question, and what else it says."""
    weights, value, line = pages.weights, span.kind in VALUES, span.kind in ("line", "row")
    total = float(weights.sum()) or 1.0
    own = covered(pages, span, [span.answer, *span.named, *span.beside])
    around = float((covered(pages, span, span.context) - own).clip(0) @ weights) / total
    centre = _centre(focused, weights)
    said, shared = _said(pages, span.leaf, [span.answer])
    return {
        "own": float(own @ weights) / total,
        "around sentence": 0.0 if value or line else around,
        "around value": around if value else 0.0,
        "says": 0.0 if value else shared / (said or 1.0),
        "focus": 0.0 if value else float(own @ centre) / (float(centre.sum()) or 1.0),
        "together": _together(pages, span),
        "new": 1.0 if value else min(1.0, (said - shared) / NEWS),
    }


def _above(pages: Pages, span: Span) -> list[Run]:
    """Return the last line before a value's table, which may be its title."""
    ahead = [run for run in span.context if run.last <= span.answer.first]
    page = pages.leaves[span.leaf].text
    return lines(page, max(ahead, key=lambda run: run.last))[-1:] if ahead else []


def _centre(focused: tuple[int, ...], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = np.zeros(len(weights))
    centre[list(focused)] = weights[list(focused)]
    return centre


def _names(focused: tuple[int, ...], pages: Pages, span: Span) -> dict[str, float]:
    """Say how far what names a value is what the question names."""
    weights = pages.weights
    total = float(weights.sum()) or 1.0
    by_row, by_head = covered(pages, span, span.rows), covered(pages, span, span.heads)
    near = covered(pages, span, span.context)
    crossing = min(float((by_row - by_head).clip(0) @ weights), float((by_head - by_row).clip(0) @ weights))
    centre = _centre(focused, weights)
    central = max(float(by_row @ centre), float(by_head @ centre)) / (float(centre.sum()) or 1.0)
    answer = pages.leaves[span.leaf].text.text_of(*span.answer)
    bare = span.kind == "cell" and not span.rows
    return {
        "rows": _matched(pages, span.leaf, span.rows),
        "heads": _matched(pages, span.leaf, span.heads, by_row),
        "named by row": float(by_row @ weights) / total,
        "named by head": float(by_head @ weights) / total,
        "crossing": crossing / total,
        "bare": float((near - by_head).clip(0) @ weights) / total if bare else 0.0,
        "missing": float(span.kind == "cell" and is_missing(answer)),
        "another": float(_another(pages, span)),
        "focus value": central if span.kind in VALUES else 0.0,
    }


def _sorts(asks: Wanted, focused: tuple[int, ...], pages: Pages, span: Span) -> dict[str, float]:
    """Say whether a span is of the sort that is asked for."""
    page = pages.leaves[span.leaf].text
    answer = page.text_of(*span.answer)
    number, value = asks.tells_number(answer), span.kind in VALUES
    label = caption_label(answer) if span.kind == "caption" else None
    return {
        "fits": float(asks.fits(answer)),
        "quantity": float(pages.quantity and bool(_DIGIT.search(answer))),
        "of something": float(asks.of_something and number and not value),
        "of something value": float(asks.of_something and number and value),
        "opens": 0.0 if asks.sort != "what" or asks.of_something else _opens(pages, span, focused),
        "in drawing": float(asks.in_drawing and span.kind in ("label", "caption")),
        "code": float(bool(_CODE.match(answer)) or ". . ." in answer),
        "unended": float(span.kind == "line" and _prose(answer)),
        "leads": float(answer.rstrip().endswith((":", "?"))),
        "list asked": float(span.kind == "list" and asks.sort == "list"),
        "number asked": float(asks.label is not None and label == asks.label),
        "caption asked": float((asks.label is not None or asks.drawn) and span.kind == "caption"),
        "drawing asked": float(asks.drawn and span.kind == "label"),
        "value drawn": float(asks.drawn and span.kind in ("cell", "pair", "row")),
        "axis asked": float(
            asks.axis is not None and span.kind == "label" and _axis(page, span) == asks.axis
        ),
    }


def _place(pages: Pages, span: Span) -> dict[str, float]:
    """Say what a search thought of a span's page, and of this place on it."""
    leaf = pages.leaves[span.leaf]
    ahead = sum(other.score > leaf.score for other in pages.leaves)
    found = _in_passage(leaf, span)
    return {
        "page": 1 / (1 + ahead),
        "page first": float(ahead == 0),
        "page covers": pages.covers[span.leaf],
        "passage": float(found and span.kind not in VALUES),
        "passage value": float(found and span.kind in VALUES),
    }


def _prose(text: str) -> bool:
    """Tell whether a line is of running text: without its end, what it is about follows in a formula."""
    words = text.split()
    plain = sum(word.strip(",;()").isalpha() and word[1:].islower() for word in words)
    return len(words) >= PROSE and plain >= 0.7 * len(words) and text[0].isalpha()


def _another(pages: Pages, span: Span) -> bool:
    """Tell whether a value is named after another one of a kind than the question asks about."""
    words = pages.leaves[span.leaf].text.words
    runs = [*span.named, *(_above(pages, span) if span.kind == "cell" else ())]
    named = [term(words[number].text) for run in runs for number in range(*run)]
    return any(contradicts(asked, one) for asked in pages.asked for one in named)


def _opens(pages: Pages, span: Span, focused: tuple[int, ...]) -> float:
    """Say how far a span begins with what is asked for, as definitions do."""
    if span.kind in ("cell", "pair", "row", "label"):
        return 0.0
    first = range(span.answer.first, min(span.answer.first + OPENING, span.answer.last))
    return max((pages.hits[span.leaf][n].get(i, 0.0) for n in first for i in focused), default=0.0)


def _axis(page: PageText, span: Span) -> Literal["x", "y"] | None:
    """Return which axis of its figure a label names: words at its lower, or at its left edge."""
    if span.figure is None or is_value(page.words[span.answer.first].text):
        return None
    box, figure = page.box_of(*span.answer), span.figure
    edge = EDGE * (figure.y1 - figure.y0)
    if box.y0 > figure.y1 - edge:
        return "x"
    return "y" if box.x1 < figure.x0 + edge else None


def _in_passage(leaf: Leaf, span: Span) -> bool:
    box = leaf.text.box_of(*span.answer)
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return any(p.x0 <= x <= p.x1 and p.y0 <= y <= p.y1 for p in leaf.passages)
