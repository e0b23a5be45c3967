"""Ranking: which of the spans of the pages in hand answers a question, and how likely.

A span is weighed by what it and its surroundings share with the question, words that are rare on the pages
counting more; by how much else it says; by whether it holds what is asked for; and by what a search thought
of its page. The weights are those of a logistic choice among all spans, fitted to 162 practice questions
about manuals, none of which lies where a held-out one does, and kept from the wrong sign. Of such questions,
with their documents (of the longest, a third of its pages) held out from the fit, 74 % are answered with a
right box where the right page is in hand, and 63 % from the first five pages of a search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..memory.embed import Embedder
from .features import VALUES, Pages, features
from .leaves import Leaf
from .spans import Span
from .wanted import wanted

WEIGHTS = {
    "own": 5.3, "around sentence": 2.7, "around value": 1.2, "says": 0.6, "focus": 1.1, "together": 0.8,
    "new": 0.0, "rows": 2.4, "heads": 2.7, "named by row": 0.6, "named by head": 0.3, "crossing": 0.5,
    "bare": 0.5, "missing": -0.7, "another": -0.6, "focus value": 1.9, "fits": 1.8, "quantity": 0.4,
    "of something": 1.1, "of something value": 2.0, "opens": 1.0, "in drawing": 0.5, "code": -0.3,
    "unended": -0.7, "leads": -0.1, "list asked": 0.2, "number asked": 1.0, "caption asked": 1.2,
    "drawing asked": 1.7, "value drawn": -1.1, "axis asked": 3.4, "page": 1.4, "page first": 1.3,
    "page covers": 0.8, "passage": 1.2, "passage value": 0.7, "cell": -2.0, "pair": -1.0, "row": 0.6,
    "line": -0.2, "caption": 0.3, "heading": -2.7, "list": -0.1, "label": -0.1,
}  # fmt: skip
"""What speaks for a span being the answer, by how much; see :mod:`.features`.

That a list is asked for, or a caption by its number, no practice question tells: these two are set by hand.
So is that of rows (fitted: 0.8), for one that has nothing of the question to go behind what means the same.
"""

MEANING = 1.5
"""Weight of the likeness of meaning, for the share of a question that no words are found for.

Where its words are found they tell better: counted in full, or of values too, fewer questions were answered.
"""

NO_ANSWER = 10.0
"""Score of there being no answer among the spans."""

SURE, UNFIT = (1.3, 0.9), -0.9
"""Of the confidence, in logits: a constant, and the weight of the logarithm of the share of what is chosen;
what it loses where that is not of the sort asked for."""

LEAST_SHARE = 1e-12
"""Share that is told from none."""

COMPARED = 24
"""Spans, the best by words, that the sentence model compares with the question."""


def meanings(
    sentences: Embedder, question: str, leaves: Sequence[Leaf], spans: Sequence[Span], order: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Say how much nearer to the question than others the first :data:`COMPARED` passages are: (spans,).

    It is 0 for values, which mean little by themselves, and for all behind the first.
    """
    near = np.zeros(len(spans))
    chosen = [i for i in order if spans[i].kind not in VALUES][:COMPARED]
    if chosen:
        texts = [" ".join(leaves[spans[i].leaf].text.text_of(*spans[i].answer).split()) for i in chosen]
        vectors = sentences.embed([question, *texts])
        near[chosen] = vectors[1:] @ vectors[0]
        near[chosen] -= near[chosen].mean()
    return near


def ranked(
    question: str, pages: Pages, spans: Sequence[Span], sentences: Embedder | None
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Order spans by how likely each is the answer.

    Returns
    -------
    order : (spans,) int
        Indices, the best first.
    scores : (spans,) float64
        Of each span, not in that order; higher is better.
    """
    told = features(question, pages, spans)
    scores = np.array([sum(WEIGHTS[name] * far for name, far in one.items()) for one in told])
    if sentences is not None:
        first = np.argsort(-scores, kind="stable")
        unsaid = 1 - told[first[0]]["own"]
        scores += MEANING * unsaid * meanings(sentences, question, pages.leaves, spans, first)
    return np.argsort(-scores, kind="stable"), scores


def confidence(
    question: str, pages: Pages, spans: Sequence[Span], scores: NDArray[np.float64], chosen: Sequence[int]
) -> float:
    """Return how likely one of the chosen spans is right, the best first: by their share among all, and none.

    It is calibrated on answers to 162 practice questions, each with weights that were not fitted to its
    document (expected error 0.12 there), and to 15 that no page answers.
    """
    first = spans[chosen[0]]
    best = float(scores.max())
    parts = np.exp(scores - best)
    share = float(parts[list(chosen)].sum() / (parts.sum() + math.exp(NO_ANSWER - best)))
    asks = wanted(question)
    sorted_out = asks.sort in ("number", "date", "name")
    unfit = sorted_out and not asks.fits(pages.leaves[first.leaf].text.text_of(*first.answer))
    sure = SURE[0] + SURE[1] * math.log(max(share, LEAST_SHARE))
    return 1 / (1 + math.exp(-sure - UNFIT * unfit))
