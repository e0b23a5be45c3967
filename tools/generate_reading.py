"""Generate: a model that reads answers from pages, and cites the lines that its answer rests on.

It is shown the likeliest pages one by one, or the likeliest part of a page rendered larger, beside the page's
words in numbered lines. An answer that cites no line is looked for among the page's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ContextOverflowError, InputError
from ..memory import Box, Page, Still
from ..memory.embed import Embedder
from .extract import LEAST, NOTHING, candidates
from .features import covered, opened
from .leaves import Leaf, Quote, Reading
from .llava_next.answers import Answer
from .look import Eyes, distinct
from .numbers import unquoted
from .page_prompts import Said, asking, said, schema
from .ranking import confidence, ranked
from .small_looks import Part
from .spans import Run, Span, joined, lines

LOOKS = 3
"""Pages that are looked at, the likeliest."""

CLOSER = 0.3
"""How likely a part of the page holds the answer, from which on it is shown larger than the page."""

MARGIN = 0.06
"""Share of the page's width that is shown around such a part."""

GROUNDED = 0.6
"""Share of an uncited answer's words that a line must hold, for the answer to rest on it."""

UNGROUNDED = 0.5
"""How much of its confidence an answer keeps that rests on no words of the page, or that counts itself."""

UNSAID = "the model finds no answer on the pages that it looked at"

LARGE_SIDE = 1344
"""Pixels of the longer side of a part that is rendered larger: twice the largest grid of most checkpoints."""


@dataclass(frozen=True)
class _Look:
    """A page as it is shown: its lines, the likeliest first in ``order``, and what is seen of it."""

    leaf: Leaf
    lines: tuple[Run, ...]
    order: tuple[int, ...]
    shown: Still


@dataclass(frozen=True)
class _Told:
    """What was said of a page, and the words that it rests on."""

    said: Said
    confidence: float
    quotes: tuple[Quote, ...]
    computed: tuple[str, ...]


def generate(eyes: Eyes, question: str, leaves: Sequence[Leaf], sentences: Embedder | None = None) -> Reading:
    """Read the answer to a question from pages in the model's own words.

    Parameters
    ----------
    eyes : Eyes
        Of a checkpoint that reads.
    question : str
    leaves : sequence of Leaf
    sentences : Embedder of texts, optional
        Tells which pages and lines are likely where the words differ.

    Returns
    -------
    Reading

    Raises
    ------
    ContextOverflowError
        If a page does not fit the model's window even without words beside it.
    """
    looks = [_look(leaf, question, sentences) for leaf in _likeliest(question, leaves, sentences)]
    as_json = bool(getattr(eyes, "writes_json", False))
    answers = [_answer(eyes, question, look, as_json=as_json) for look in looks]
    told = [_told(look, answer, as_json=as_json) for look, answer in zip(looks, answers, strict=True)]
    numbers = [next(i for i, leaf in enumerate(leaves) if leaf is look.leaf) for look in looks]
    parts = tuple(
        Part(number, question, one.said.text, one.confidence)
        for number, one in zip(numbers, told, strict=True)
    )
    notes = [note for answer in answers for note in answer.notes]
    best = max(range(len(told)), key=lambda i: (not told[i].said.nothing, told[i].confidence))
    tokens = sum(answer.usage.new_tokens for answer in answers)
    return _reading(told[best], looks[best].leaf, parts, notes, tokens)


def _reading(told: _Told, leaf: Leaf, parts: tuple[Part, ...], notes: list[str], tokens: int) -> Reading:
    if told.said.nothing:
        sure = min(LEAST, 1 - told.confidence)
        return Reading(NOTHING, sure, (), (), parts, distinct([*notes, UNSAID]), tokens)
    if told.computed:
        notes = [*notes, f"computed, not quoted: {', '.join(told.computed)}"]
    if not told.quotes:
        notes = [*notes, "the answer rests on no words of the page that could be quoted"]
    every = distinct([*notes, *leaf.text.notes])
    return Reading(told.said.text, told.confidence, told.quotes, told.computed, parts, every, tokens)


def _likeliest(question: str, leaves: Sequence[Leaf], sentences: Embedder | None) -> list[Leaf]:
    """Return the pages to look at: those with the likeliest words, then as the search had them."""
    if len(leaves) <= 1:
        return list(leaves)
    found = [span for i, leaf in enumerate(leaves) for span in candidates(i, leaf)]
    first: list[int] = []
    if found:
        order, _ = ranked(question, opened(question, leaves, found), found, sentences)
        first = [found[i].leaf for i in order]
    return [leaves[i] for i in dict.fromkeys([*first, *range(len(leaves))])][:LOOKS]


def _look(leaf: Leaf, question: str, sentences: Embedder | None) -> _Look:
    """Prepare a page: rank its lines, and choose what is shown of it."""
    page = leaf.text
    every = tuple(lines(page, Run(0, len(page.words)))) if page.words else ()
    spans = candidates(0, leaf)
    if not spans:
        return _Look(leaf, every, (), leaf.still)
    pages = opened(question, [leaf], spans)
    order, scores = ranked(question, pages, spans, sentences)
    sure = confidence(question, pages, spans, scores, order[:1].tolist())
    line_of = {number: i for i, line in enumerate(every) for number in range(*line)}
    ranking = dict.fromkeys(line_of[n] for i in order for n in range(*spans[i].answer))
    shown = leaf.still
    if sure >= CLOSER:
        shown = _closer(leaf, spans[order[0]])
    return _Look(leaf, every, tuple(ranking), shown)


def _closer(leaf: Leaf, span: Span) -> Still:
    """Return the block that a span is in, rendered anew and larger where it is a page of a document."""
    page = leaf.text
    inside = [b for b in page.blocks if b.first <= span.answer.first < b.last]
    boxes = [span.figure] if span.figure is not None else [block.box for block in inside]
    around = boxes[0] if boxes else page.box_of(*span.answer)
    margin = MARGIN * leaf.still.size.width
    width, height = leaf.still.size
    box = Box(
        x0=max(0.0, around.x0 - margin), y0=max(0.0, around.y0 - margin),
        x1=min(float(width), around.x1 + margin), y1=min(float(height), around.y1 + margin),
    )  # fmt: skip
    if isinstance(leaf.still.origin, Page):
        from ..memory.sources.documents import closer

        try:
            return closer(leaf.still.origin.source, leaf.still.origin.number, box, LARGE_SIDE)
        except InputError:
            pass  # the file is gone, but its pixels are at hand
    return leaf.still.crop(box)


def _answer(eyes: Eyes, question: str, look: _Look, *, as_json: bool) -> Answer:
    """Ask, with as many lines beside the page as fit the window, the likeliest ones."""
    count = len(look.lines)
    kept = list(look.order) + [i for i in range(count) if i not in set(look.order)]
    while True:
        prompt: list[str | Still] = [
            look.shown,
            asking(question, look.leaf.text, look.lines, kept, as_json=as_json),
        ]
        try:
            eyes.plan(prompt)
        except ContextOverflowError:
            if not kept:
                raise
            kept = kept[: len(kept) // 2]
            continue
        (answer,) = eyes.answers([prompt], schema=schema(count) if as_json and count else None)
        if len(kept) == count:
            return answer
        note = f"only {len(kept)} of the page's {count} lines were given beside it: the rest did not fit"
        return answer.model_copy(update={"notes": (*answer.notes, note)})


def _told(look: _Look, answer: Answer, *, as_json: bool) -> _Told:
    """Take an answer apart, and find what it rests on."""
    told = said(answer.text, len(look.lines), as_json=as_json and bool(look.lines))
    runs = [look.lines[number - 1] for number in told.lines]
    if not told.nothing and not runs:
        runs = _resting(told.text, look)
    quotes = tuple(_quote(look.leaf, run) for run in joined(runs))
    computed = () if told.nothing else unquoted(told.text, [quote.text for quote in quotes])
    confidence = answer.confidence
    if not told.nothing and (not quotes or computed):
        confidence *= UNGROUNDED
    return _Told(told, confidence, quotes, computed)


def _resting(answer: str, look: _Look) -> list[Run]:
    """Return the line that holds most of an answer's words, if it holds enough of them."""
    spans = [Span(0, "line", line) for line in look.lines]
    if not spans or not answer.strip():
        return []
    pages = opened(answer, [look.leaf], spans)
    total = float(pages.weights.sum())
    shares = [float(covered(pages, span, [span.answer]) @ pages.weights) / total for span in spans]
    best = int(np.argmax(shares))
    return [look.lines[best]] if shares[best] >= GROUNDED else []


def _quote(leaf: Leaf, run: Run) -> Quote:
    return Quote(leaf.still, leaf.text.box_of(*run), leaf.text.text_of(*run))
