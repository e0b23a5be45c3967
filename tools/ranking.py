"""Ranking: which of the spans of the pages in hand answers a question, and how likely.

A span is weighed by what it and its surroundings share with the question, words that are rare on the pages
counting more; by how much else it says; by whether it holds what is asked for; and by what a search thought
of its page. The weights are those of a logistic choice among all spans, fitted to a hundred questions about
manuals, none of them of the held-out set. Of such questions, held out from the fit by fifths, with the right
page in hand, 83 % are answered with a right box.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..memory.embed import Embedder
from ..memory.page_text import PageText
from .cells import is_missing, is_value
from .leaves import Leaf
from .spans import Run, Span
from .terms import Term, asked_terms, contradicts, focus, strengths, term
from .wanted import Wanted, caption_label, wanted

WEIGHTS = {
    "own": 4.6, "all": 0.5, "around sentence": 1.0, "around line": 0.0, "around value": 0.6,
    "says": 0.8, "rows": 3.3, "heads": 3.5, "named by row": 0.6, "named by head": 1.1,
    "crossing": 0.7, "missing": -0.5, "another": -2.5, "focus": 1.0, "focus value": 0.6, "together": 1.5,
    "fits": 1.8, "quantity": 1.0, "opens": 0.3, "page": 2.0, "page covers": 1.4,
    "passage": 0.4, "new": 1.2, "cell": -1.0, "pair": -0.6, "row": 0.8,
    "line": -0.5, "caption": 0.5, "heading": -3.0, "list": 0.2, "label": 0.8,
    "code": -2.4, "leads": -0.4, "list asked": 0.4, "number asked": 0.6, "caption asked": 0.6,
    "drawing asked": 2.1, "axis asked": 1.9,
}  # fmt: skip
"""What speaks for a span being the answer, by how much.

What it shares with the question: by its own words and heads, wholly, by what is around it; as a share of what
it says, of its row's and its column's heads; what these name of the question, and each beyond the other.
Whether it has no value, or is named after another than is asked about; has what is asked, near each other,
of the right sort, as a quantity, at its beginning. What the search thought of its page, how much of the
question the page has, whether it found this very place. How much it says that the question does not. Then
what it is, and whether that is asked for.
"""

MEANING = 3.0
"""Weight of the likeness of meaning, for the share of a question that no words are found for.

Where its words are found they tell better: with meaning counted in full, 5 % fewer questions were
answered.
"""

NO_ANSWER = 9.0
"""Score of there being no answer among the spans."""

SURE = (2.9, 1.5)
"""Constant, and weight of the logarithm of the best span's share, of the confidence."""

NEWS = 6.0
"""How much a span says that the question does not, from which on more of it makes no difference."""

OPENING = 2
"""Words with which a span begins, an item's mark among them."""

QUANTITY = 0.65
"""How far what is asked for must be the head of a column or the name of a value, to be a quantity."""

EDGE = 0.08
"""Share of a figure's height in which the names of its axes stand."""

_VALUES = ("cell", "pair", "label", "row")
_KINDS = ("cell", "pair", "row", "line", "caption", "heading", "list", "label")
_DIGIT = re.compile(r"\d")
_CODE = re.compile(r"^(?:>>?>?|\+|\$|#|\w+\[\d+\]:) ")

COMPARED = 24
"""Spans, the best by words, that the sentence model compares with the question."""


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
        Of the question, with numbers in them: "resid=2".
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
    weights = np.array([_rarity(len(lines), times) for times in holding])
    covers = [_covers(page, weights) for page in hits]
    numbered = tuple(one for one in asked_terms(question) if any(c.isdigit() for c in one.word))
    return Pages(leaves, hits, weights, rarity, covers, _quantity(question, hits, spans), numbered)


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


def features(question: str, pages: Pages, spans: Sequence[Span]) -> NDArray[np.float64]:
    """Weigh spans by everything but meaning: (spans, weights) float64."""
    asks, focused = wanted(question), focus(question)
    rows = [_features(asks, focused, pages, span) for span in spans]
    return np.array(rows, np.float64).reshape(len(spans), len(WEIGHTS))


def _features(asks: Wanted, focused: tuple[int, ...], pages: Pages, span: Span) -> list[float]:
    leaf, weights = pages.leaves[span.leaf], pages.weights
    total = float(weights.sum()) or 1.0
    own = covered(pages, span, [span.answer, *span.named, *span.beside])
    around = float((covered(pages, span, span.context) - own).clip(0) @ weights) / total
    by_row, by_head = covered(pages, span, span.rows), covered(pages, span, span.heads)
    crossing = min(float((by_row - by_head).clip(0) @ weights), float((by_head - by_row).clip(0) @ weights))
    centre = np.zeros(len(weights))
    centre[list(focused)] = weights[list(focused)]
    central = float(centre.sum()) or 1.0
    value, line = span.kind in ("cell", "pair", "label"), span.kind in ("line", "row")
    answer = leaf.text.text_of(*span.answer)
    label = caption_label(answer) if span.kind == "caption" else None
    said, shared = _said(pages, span.leaf, [span.answer])
    ahead = sum(other.score > leaf.score for other in pages.leaves)
    return [
        float(own @ weights) / total,
        float((own >= 0.5) @ weights == weights.sum()),
        0.0 if value or line else around,
        around if line else 0.0,
        around if value else 0.0,
        0.0 if value else shared / (said or 1.0),
        _matched(pages, span.leaf, span.rows),
        _matched(pages, span.leaf, span.heads, by_row),
        float(by_row @ weights) / total,
        float(by_head @ weights) / total,
        crossing / total,
        float(span.kind == "cell" and is_missing(answer)),
        float(_another(pages, span)),
        0.0 if value else float(own @ centre) / central,
        max(float(by_row @ centre), float(by_head @ centre)) / central if value else 0.0,
        _together(pages, span),
        float(asks.fits(answer)),
        float(pages.quantity and bool(_DIGIT.search(answer))),
        _opens(pages, span, focused),
        1 / (1 + ahead),
        pages.covers[span.leaf],
        float(_in_passage(leaf, span)),
        1.0 if value else min(1.0, (said - shared) / NEWS),
        *(float(span.kind == kind) for kind in _KINDS),
        float(bool(_CODE.match(answer)) or ". . ." in answer),
        float(answer.rstrip().endswith((":", "?"))),
        float(span.kind == "list" and asks.sort == "list"),
        float(asks.label is not None and label == asks.label),
        float((asks.label is not None or asks.drawn) and span.kind == "caption"),
        float(asks.drawn and span.kind == "label"),
        float(asks.axis is not None and span.kind == "label" and _axis(leaf.text, span) == asks.axis),
    ]


def _another(pages: Pages, span: Span) -> bool:
    """Tell whether a value is named after another one of a kind than the question asks about."""
    words = pages.leaves[span.leaf].text.words
    named = [term(words[number].text) for run in span.named for number in range(*run)]
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


def meanings(
    sentences: Embedder, question: str, leaves: Sequence[Leaf], spans: Sequence[Span], order: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Say how much nearer to the question than others the first :data:`COMPARED` passages are: (spans,).

    It is 0 for values, which mean little by themselves, and for all behind the first.
    """
    near = np.zeros(len(spans))
    chosen = [i for i in order if spans[i].kind not in _VALUES][:COMPARED]
    if chosen:
        texts = [" ".join(leaves[spans[i].leaf].text.text_of(*spans[i].answer).split()) for i in chosen]
        vectors = sentences.embed([question, *texts])
        near[chosen] = vectors[1:] @ vectors[0]
        near[chosen] -= near[chosen].mean()
    return near


def ranked(
    question: str, pages: Pages, spans: Sequence[Span], sentences: Embedder | None
) -> tuple[NDArray[np.intp], float]:
    """Order spans by how likely each is the answer.

    Returns
    -------
    order : (spans,) int
        Indices, the best first.
    confidence : float, 0..1
        How likely the first one is right.
    """
    table = features(question, pages, spans)
    scores = table @ np.array(list(WEIGHTS.values()))
    if sentences is not None:
        first = np.argsort(-scores, kind="stable")
        unsaid = 1 - table[first[0], list(WEIGHTS).index("own")]
        scores += MEANING * unsaid * meanings(sentences, question, pages.leaves, spans, first)
    order = np.argsort(-scores, kind="stable")
    return order, _confidence(scores, scores[order[0]])


def _confidence(scores: NDArray[np.float64], best: float) -> float:
    """Return how likely the best span is right, calibrated by its share among all, and no answer."""
    share = 1 / (np.exp(scores - best).sum() + math.exp(NO_ANSWER - best))
    return float(1 / (1 + math.exp(-(SURE[0] + SURE[1] * math.log(share)))))
