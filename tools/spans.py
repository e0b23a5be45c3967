"""Spans: what of a page can be an answer. Sentences, items, lines, captions, headings; no cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..memory import Box
from ..memory.page_text import Block, PageText, around

Kind = Literal["sentence", "line", "row", "cell", "caption", "heading", "list", "pair", "label"]

LONGEST = 90
"""Words of a span, at most: what runs on longer is cut at the end of a line."""

LONGEST_LIST = 200
"""Words of a list with what leads to it, at most."""

SHORT_LINE = 0.8
"""Share of its block's width, up to which a line may end what the next one does not go on with."""

CONTEXT_LINES = 3
"""Lines above a table or a line of output, which say what it is about: the call that printed it."""

_ENDS = re.compile(r"[.?!:][)\]\"'”’»]*$")  # noqa: RUF001
_ABBREVIATION = re.compile(
    r"^(?:[A-Za-z]|[A-Za-z](?:\.[A-Za-z])+|et|al|cf|vs|Dr|Mr|Mrs|Ms|Prof|Fig|Eq|Sec|No|approx|resp)\.$", re.I
)
_ITEM = re.compile(r"^(?:[•·▪◦‣∙⋄*–—-]|[\uf000-\uf0ff]|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)])$")  # noqa: RUF001
_PROMPT = re.compile(r"^[>$#%]$|^>>>$")


class Run(NamedTuple):
    """Words that follow each other on a page: ``words[first:last]``."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Span:
    """What may be the answer, and what names it.

    Parameters
    ----------
    leaf : int
        Number of the page among those in hand, from 0.
    kind : "sentence", "line", "row", "cell", "caption" or "heading"
    answer : Run
        The words that may be the answer.
    rows, heads : tuple of Run
        What names a cell: its row's and its column's labels.
    beside : tuple of Run
        The other cells of its row.
    context : tuple of Run
        What else says what it is about: the heading above, the table's caption, the sentence before.
    figure : Box or None
        Of a caption, the figure it belongs to; of a label, the one it stands in.
    """

    leaf: int
    kind: Kind
    answer: Run
    rows: tuple[Run, ...] = ()
    heads: tuple[Run, ...] = ()
    beside: tuple[Run, ...] = ()
    context: tuple[Run, ...] = ()
    figure: Box | None = None

    @property
    def named(self) -> tuple[Run, ...]:
        """What is cited beside a cell."""
        return (*self.heads, *self.rows)


def spans(leaf: int, page: PageText) -> Iterator[Span]:
    """Yield what of a page may be an answer, but cells, in reading order."""
    heading: tuple[Run, ...] = ()
    before: Run | None = None
    for block in flowing(page):
        run = Run(block.first, block.last)
        if block.kind == "heading":
            yield Span(leaf, "heading", run)
            heading, before = (run,), None
        elif block.kind == "caption":
            yield Span(leaf, "caption", run, context=heading, figure=captioned(page, block.box))
        elif block.kind == "figure":
            yield from _labels(leaf, page, block)
        else:
            for kind, piece in _pieces(page, block):
                context = heading if before is None else (*heading, before)
                yield Span(leaf, kind, piece, context=context)
                before = piece
    yield from lists(leaf, page)


def flowing(page: PageText) -> list[Block]:
    """Return the blocks that have words; paragraphs that a sentence goes through are one."""
    flow: list[Block] = []
    for block in page.blocks:
        if block.first == block.last:
            continue
        above = flow[-1] if flow else None
        if above is not None and block.kind == "text" == above.kind and above.last == block.first:
            ended = _ENDS.search(page.words[above.last - 1].text)
            widest = max(above.box.x1, block.box.x1) - above.box.x0
            full = page.words[above.last - 1].x1 - above.box.x0 >= SHORT_LINE * widest
            if full and not ended and page.words[block.first].text[:1].islower():
                flow[-1] = Block("text", around([above.box, block.box]), above.first, block.last)
                continue
        flow.append(block)
    return flow


def lists(leaf: int, page: PageText) -> Iterator[Span]:
    """Yield what leads to a list together with its items: "The steps are:" and the steps."""
    pieces = [piece for block in flowing(page) if block.kind == "text" for _, piece in _pieces(page, block)]
    for place, lead in enumerate(pieces):
        if not page.words[lead.last - 1].text.endswith(":"):
            continue
        last = lead.last
        for item in pieces[place + 1 :]:
            opens = bool(_ITEM.match(page.words[item.first].text))
            if item.first != last or not opens or item.last - lead.first > LONGEST_LIST:
                break
            last = item.last
        if last > lead.last:
            yield Span(leaf, "list", Run(lead.first, last))


def _labels(leaf: int, page: PageText, figure: Block) -> Iterator[Span]:
    """Yield the lines of a figure, with its other words, its caption and what is above as their context."""
    whole = Run(figure.first, figure.last)
    context = (*surroundings(page, figure), whole)
    for line in lines(page, whole):
        yield Span(leaf, "label", line, context=context, figure=figure.box)


def surroundings(page: PageText, inside: Block) -> tuple[Run, ...]:
    """Return what tells of a table or figure: its caption, the lines before it, the heading above."""
    around_it: list[Run] = []
    captions = [block for block in page.blocks if block.kind == "caption" and block.last > block.first]
    near = min(captions, key=lambda block: _gap(block.box, inside.box), default=None)
    if near is not None:
        around_it.append(Run(near.first, near.last))
    left = CONTEXT_LINES
    for block in reversed(page.blocks[: page.blocks.index(inside)]):
        if block.kind == "table" and left < CONTEXT_LINES:
            break  # what is above is of that table
        if block.kind in ("figure", "caption", "table") or block.first == block.last:
            continue
        if block.kind == "heading":
            around_it.append(Run(block.first, block.last))
            break
        if left > 0:
            last = lines(page, Run(block.first, block.last))[-left:]
            around_it.append(Run(last[0].first, last[-1].last))
            left -= len(last)
    return tuple(around_it)


def captioned(page: PageText, words: Box) -> Box | None:
    """Return the box of the figure that a caption belongs to: the nearest above or below it, if any."""
    figures = [block.box for block in page.blocks if block.kind == "figure"]
    near = [box for box in figures if box.x0 < words.x1 and words.x0 < box.x1]
    return min(near, key=lambda box: _gap(box, words), default=None)


def _gap(one: Box, other: Box) -> float:
    return max(one.y0 - other.y1, other.y0 - one.y1, 0.0)


def joined(runs: Iterable[Run]) -> list[Run]:
    """Return runs in the order of the page, those that follow each other as one."""
    together: list[Run] = []
    for run in sorted(runs):
        if together and together[-1].last == run.first:
            together[-1] = Run(together[-1].first, run.last)
        else:
            together.append(run)
    return together


def lines(page: PageText, run: Run) -> list[Run]:
    """Return the lines of the page that a run of words takes."""
    starts = [
        number
        for number in range(run.first, run.last)
        if number == run.first or page.words[number].line != page.words[number - 1].line
    ]
    return [Run(start, end) for start, end in zip(starts, [*starts[1:], run.last], strict=True)]


def _pieces(page: PageText, block: Block) -> Iterator[tuple[Kind, Run]]:
    """Yield the sentences of a paragraph, the items of a list, the lines of a table or of output."""
    every = lines(page, Run(block.first, block.last))
    if block.kind == "table":
        yield from (("row", line) for line in every)
        return
    start = block.first
    for index, line in enumerate(every):
        if line.first > start and _begins_anew(page, block, every[index - 1], line):
            yield _kind(page, start, line.first), Run(start, line.first)
            start = line.first
        for number in range(line.first, line.last):
            if number + 1 < block.last and _ends_sentence(page, number) and number + 1 > start:
                yield "sentence", Run(start, number + 1)
                start = number + 1
        if line.last - start > LONGEST:
            yield "sentence", Run(start, line.last)
            start = line.last
    if start < block.last:
        yield _kind(page, start, block.last), Run(start, block.last)


def _kind(page: PageText, first: int, last: int) -> Kind:
    return "sentence" if _ENDS.search(page.words[last - 1].text) else "line"


def _begins_anew(page: PageText, block: Block, above: Run, line: Run) -> bool:
    """Tell whether a line begins an item, a command, or goes on with nothing of the short line above."""
    word = page.words[line.first].text
    if _ITEM.match(word) or _PROMPT.match(word):
        return True
    reaches = page.words[above.last - 1].x1 - block.box.x0
    short = reaches < SHORT_LINE * (block.box.x1 - block.box.x0)
    return short and not word[:1].islower()


def _ends_sentence(page: PageText, number: int) -> bool:
    word, after = page.words[number].text, page.words[number + 1].text
    if not _ENDS.search(word) or _ABBREVIATION.match(word) or _ITEM.match(word):
        return False
    first = after.lstrip("([\"'“‘«")[:1]  # noqa: RUF001
    return not first.islower() and not (
        word.endswith(":") and page.words[number].line == page.words[number + 1].line
    )
