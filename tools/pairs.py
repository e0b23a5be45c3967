"""Pairs: names with their values on one line, as output and forms have them: "Total: 7"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..memory.page_text import PageText
from .spans import Run, Span, flowing, lines

NAME_WORDS = 6
"""Words of a name, at most."""

_SIGN = re.compile(r"(?:=|:)$")
_JOINED = re.compile(r"^[(\[]?[^=:\s]+=[<>~]?[-+−]?\$?[\d.]*\d\S*$")  # noqa: RUF001
_VALUE = re.compile(r"^[<>~]?[-+−]?[$€£(]?[\d.,]*\d\S*$")  # noqa: RUF001
_BREAK = re.compile(r"[,;.)]$")


def pairs(leaf: int, page: PageText) -> Iterator[Span]:
    """Yield the values of a page that stand behind their names, in reading order."""
    for block in flowing(page):
        if block.kind in ("heading", "figure"):
            continue
        every = lines(page, Run(block.first, block.last))
        for place, line in enumerate(every):
            above = (every[place - 1],) if place else ()
            yield from _of_line(leaf, page, line, above)


def _of_line(leaf: int, page: PageText, line: Run, above: tuple[Run, ...]) -> Iterator[Span]:
    words = [page.words[number].text for number in range(*line)]
    for place, word in enumerate(words):
        if _JOINED.match(word):
            begins = _name(words, place)
            yield _pair(leaf, line, place, (begins, place + 1), above)
        elif _SIGN.search(word) and place + 1 < len(words):
            value = place + 1 + (words[place + 1] in "<>≈~")
            if value < len(words) and _VALUE.match(words[value]):
                yield _pair(leaf, line, value, (_name(words, place), place + 1), above)


def _name(words: list[str], sign: int) -> int:
    """Return where the name in front of a sign begins."""
    first = sign
    while first > 0 and sign - first < NAME_WORDS:
        before = words[first - 1]
        if _BREAK.search(before) or _VALUE.match(before) or _JOINED.match(before):
            break
        first -= 1
    return first


def _pair(leaf: int, line: Run, value: int, name: tuple[int, int], above: tuple[Run, ...]) -> Span:
    start = line.first
    return Span(
        leaf,
        "pair",
        Run(start + value, start + value + 1),
        rows=(Run(start + name[0], start + name[1]),),
        context=(line, *above),
    )
