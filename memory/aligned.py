"""Aligned tables: rows of numbers and words that stand in columns without any ruling.

Statistics programs print them with a typewriter's font, LaTeX with its own; what they share is that
blank strips run between the columns through all rows, heads included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .lines import Line

_MINUS = "\\-\u2212\u2013\u2014"  # hyphen, minus, dashes

NUMBER = re.compile(
    rf"[(\[<>≤≥=~±$€£*]*[+{_MINUS}]?[$€£]?\d[\d.,:/'%‰e+{_MINUS}x^\u00d7]*[)\]%*,†‡]*"
    rf"|[.{_MINUS}]|N/?A\.?|NaN|[-+]?Inf|NULL"
)
"""A number as tables have it: with sign, unit, brackets, a day, a share; or the sign for none."""

PROMPT = re.compile(r"[>+$#%]$|>>>|\.\.\.|In|Out|\[\d+\]")
"""First word of a line that somebody typed into a console, or of a vector that it printed."""

HEADS = 3
"""Lines of a table's head at most."""

FARTHEST = 2.1
"""Distance from row to row, in heights of the font, at most."""

GUTTER, WORDS_GUTTER = 0.45, 1.4
"""Width of the blank strip between columns, in heights of the font: of rows of numbers, and of rows without,
which prose could be. A typewriter's space is 0.5 to 0.6, that of other fonts 0.25 to 0.35."""

LEADERS = 4
"""Dots that lead through a line at least."""

NUMBERS = 0.5
"""Share of numbers among the words of a row of numbers at least."""


class Run(NamedTuple):
    """Lines ``first`` to before ``last`` are a table."""

    first: int
    last: int


def is_number(text: str) -> bool:
    """Tell whether a word is a number as tables have it, or the sign for none."""
    return NUMBER.fullmatch(text) is not None


def aligned_tables(lines: Sequence[Line]) -> list[Run]:
    """Return the tables among the lines of a part of a page, from top to bottom."""
    numbers = [_numbers(line) for line in lines]
    found: list[Run] = []
    at = 0
    while at < len(lines):
        end = _rows_from(lines, numbers, at) if numbers[at] else at
        if end > at:
            before = found[-1].last if found else 0
            first = _head_of(lines, at, end, before)
            if end - first >= 2:
                found += [*_worded(lines, before, first), Run(first, end)]
        at = max(end, at + 1)
    return found + _worded(lines, found[-1].last if found else 0, len(lines))


def _worded(lines: Sequence[Line], first: int, last: int) -> list[Run]:
    """Return the tables of words among some lines."""
    found = []
    while first < last:
        end = _worded_from(lines[:last], first)
        if end > first:
            found.append(Run(first, end))
        first = max(end, first + 1)
    return found


def gutters(lines: Sequence[Line], width: float) -> list[tuple[float, float]]:
    """Return the blank strips that run through lines, from left to right, each at least that wide."""
    boxes = np.concatenate([line.boxes for line in lines])
    boxes = boxes[np.argsort(boxes[:, 0])]
    reach = np.maximum.accumulate(boxes[:-1, 2])
    wide = boxes[1:, 0] - reach >= width
    return list(zip(reach[wide].tolist(), boxes[1:, 0][wide].tolist(), strict=True))


def _numbers(line: Line) -> bool:
    """Tell whether a line can be a row of numbers."""
    words = line.texts
    if len(words) < 2 or PROMPT.match(words[0]) or _led(line):
        return False
    count = sum(map(is_number, words))
    return (
        any(map(is_number, words[1:]))  # a number in front alone is that of a section
        and count >= NUMBERS * (len(words) - 1)
        and any(map(str.isdigit, line.text))
    )


def _led(line: Line) -> bool:
    """Tell whether dots lead through a line, as in a table of contents, or code goes on after it."""
    return line.texts.count(".") >= LEADERS or "...." in line.text or line.text[-1:] in "(,+{="


def _near(above: Line, below: Line) -> bool:
    return below.box[3] - above.box[3] <= FARTHEST * max(above.size, below.size)


def _gutter_of(line: Line) -> float:
    return GUTTER * line.size


def _rows_from(lines: Sequence[Line], rows: Sequence[bool], start: int) -> int:
    """Return where the rows of numbers that start here end; ``start`` where they are none."""
    width = max(_gutter_of(line) for line in lines[start : start + 2])
    count = len(gutters(lines[start : start + 1], width))
    end = start + 1
    while end < len(lines) and rows[end] and count and _near(lines[end - 1], lines[end]):
        strips = len(gutters(lines[start : end + 1], width))
        if strips < 1 or strips < count // 2:
            break
        count = strips
        end += 1
    return end if count else start


def _worded_from(lines: Sequence[Line], start: int) -> int:
    """Return where rows of words in wide columns end, of which there must be three; else ``start``."""
    width = WORDS_GUTTER * lines[start].size
    end = start
    while end < len(lines) and (end == start or _near(lines[end - 1], lines[end])):
        if (
            PROMPT.match(lines[end].texts[0])
            or _led(lines[end])
            or not gutters(lines[start : end + 1], width)
        ):
            break
        if not gutters(lines[end : end + 1], width):
            break
        end += 1
    return end if end - start >= 3 else start


def _spans(line: Line, rows: Sequence[Line]) -> bool:
    """Tell whether a line stands over rows, in words far apart that may each span columns."""
    inside = min(row.box[0] for row in rows) <= line.box[0] and line.box[2] <= max(row.box[2] for row in rows)
    return inside and bool(gutters([line], WORDS_GUTTER * line.size))


def _left(strips: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> int:
    """Count the strips that others lie in."""
    return sum(any(low < right and high > left for low, high in others) for left, right in strips)


def _head_of(lines: Sequence[Line], start: int, end: int, limit: int) -> int:
    """Return where the head above rows starts: lines that leave the strips between columns blank.

    Above what a console printed, a word alone is one too: the name of what its columns stand for.
    """
    width = _gutter_of(lines[start])
    strips = gutters(lines[start:end], width)
    typed = any(line.typed for line in lines[max(start - HEADS, 0) : end])
    first = start
    while first > limit and start - first < HEADS and _near(lines[first - 1], lines[first]):
        line = lines[first - 1]
        if PROMPT.match(line.texts[0]) or line.box[0] > lines[start].box[2]:
            break
        if not gutters([line], width):
            if len(line.texts) > 1 or line.typed is False or not typed:
                break
        elif not _spans(line, lines[start:end]):
            left = _left(strips, gutters([line, *lines[start:end]], width))
            if left < max(1, len(strips) - 1):
                break
        first -= 1
    return first
