"""Blocks: lines of a part of a page become paragraphs, headings, captions and tables.

A line starts a block where the distance to the line above, the size or kind of the font, an indent, a bullet
or the end of the paragraph above says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from .aligned import aligned_tables
from .lines import Line
from .page_text import Kind

CAPTION = re.compile(
    r"\(?[^\W\d_]{2,12}\.?\s\(?(?:[A-Z]{1,3}[.-]?)?\d{1,3}(?:[.-]\d{1,3})*[a-z]?\)?\s*[:.|\u2013\u2014-](?:\s|$)"
)
"""How captions start in any language: a word, a number, a colon or full stop."""

BULLET = re.compile(r"[•◦▪‣∙·�○●■□]$")
"""A bullet; one whose font does not tell what it is is one too."""

ITEM = re.compile(r"(?:[\u2013\u2014*-]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]|\[\d{1,3}\])$")
"""Other first words of an item of a list, which may stand in a sentence as well."""

NUMBERED = re.compile(r"(?:[A-Z]|\d{1,2})(?:\.\d{1,2}){0,3}\.?$")
"""First word of a numbered heading."""

NUMBERED_DEEP = re.compile(r"\d{1,2}(?:\.\d{1,2}){1,3}\.?\s[^\W\d_]{2,}(?:\s\S+){0,9}$")
"""A line that is a numbered heading, whatever its font."""

PROMPT = ">"

FARTHER = 1.25
"""Distance to the line above, as a multiple of the usual one, that starts a block."""

LARGER = 1.13
"""Size of the font, as a multiple of the neighbour's, that makes another block, or a heading."""

OVERLAP = 0.15
"""What reaches higher than the line above ends, by this many heights of the font, is a part of a formula."""

NUMBERED_LARGER = 1.06
"""The same of a line that starts as numbered headings do."""

LARGER_BY_EYE = 1.32
"""The same where the size is that of the words' boxes: without descenders they are lower by a quarter."""

INDENT = 0.8
"""Indent of a paragraph's first line, in heights of the font, at least."""

SHORT = 0.8
"""A paragraph whose last line takes less of its width may have ended there."""

ENDS = ".!?:;)\u201d\u3002"
"""Last characters of a paragraph."""

LONGEST_HEADING = 3
"""Lines."""


@dataclass(frozen=True)
class Piece:
    """Lines that belong together, and what they are."""

    kind: Kind
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Usual:
    """What most of the page's lines are: size of the font, distance of baselines, whether bold.

    ``larger`` is how many times as large a font must be to be another one.
    """

    size: float
    leading: float
    bold: bool
    larger: float


def usual_of(lines: Sequence[Line], larger: float) -> Usual:
    """Measure the lines of a page, of which there is at least one."""
    letters = sum(len(line.text) for line in lines)
    seen, size = 0, 0.0
    for line in sorted(lines, key=lambda line: line.size):
        seen, size = seen + len(line.text), line.size
        if 2 * seen >= letters:
            break
    steps = [
        below.box[3] - above.box[3]
        for above, below in pairwise(lines)
        if 0.5 * size < below.box[3] - above.box[3] < 2.2 * size
    ]
    bold = sum(len(line.text) for line in lines if line.bold)
    return Usual(size, median(steps) if steps else 1.2 * size, 2 * bold > letters, larger)


def pieces_of(lines: Sequence[Line], usual: Usual) -> list[Piece]:
    """Divide the lines of a part of a page, from top to bottom, into pieces."""
    pieces: list[Piece] = []
    at = 0
    for run in aligned_tables(lines):
        pieces += _paragraphs(lines[at : run.first], usual)
        pieces.append(Piece("table", tuple(lines[run.first : run.last])))
        at = run.last
    return pieces + _paragraphs(lines[at:], usual)


def _paragraphs(lines: Sequence[Line], usual: Usual) -> list[Piece]:
    groups: list[list[Line]] = []
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else None
        if groups and not _starts(groups[-1], line, below, usual):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [Piece(_kind(group, usual), tuple(group)) for group in groups]


def _starts(group: list[Line], line: Line, below: Line | None, usual: Usual) -> bool:
    """Tell whether a line starts another block than that of the lines above it."""
    above = group[-1]
    if line.box[1] < above.box[3] - OVERLAP * line.size:
        return False
    step = line.box[3] - above.box[3]
    size = max(line.size, above.size)
    leading = usual.leading * max(1.0, size / usual.size)
    if step > FARTHER * leading and line.box[1] - above.box[3] > 0.25 * size:
        return True
    if size > usual.larger * min(line.size, above.size) and min(len(line.text), len(above.text)) > 3:
        return True
    if None not in (line.typed, above.typed) and line.typed != above.typed:
        return True
    if line.bold != above.bold and not usual.bold and _all_bold(group) != line.bold:
        return True
    if line.typed or (line.typed is None and above.typed):
        return line.texts[0] == PROMPT and _printed(above, line)
    if CAPTION.match(line.text) and CAPTION.match(group[0].text) is None and _short(above, group):
        return True
    if len(line.texts) > 1 and (BULLET.match(line.texts[0]) or _item(line, group)):
        return True
    if line.size >= usual.larger * usual.size:
        return False  # the lines of a heading end anywhere
    return _indented(line, above, below) or _ended(group, line)


def _printed(above: Line, prompt: Line) -> bool:
    """Tell whether the line above a prompt is what a console printed, not what was typed."""
    return above.texts[0] not in (PROMPT, "+") and above.box[0] < prompt.box[0] + prompt.size


def _all_bold(group: list[Line]) -> bool:
    return all(line.bold for line in group)


def _short(line: Line, group: list[Line]) -> bool:
    x0, x1 = min(each.box[0] for each in group), max(each.box[2] for each in group)
    return line.box[2] - x0 < SHORT * (x1 - x0)


def _item(line: Line, group: list[Line]) -> bool:
    """Tell whether a line starts an item: at the margin, or below the end of a sentence."""
    margin = min(each.box[0] for each in group) + 0.3 * line.size
    return bool(ITEM.match(line.texts[0])) and (line.box[0] <= margin or group[-1].text[-1:] in ENDS)


def _indented(line: Line, above: Line, below: Line | None) -> bool:
    """Tell whether a line is indented as a first line is."""
    indent = INDENT * line.size
    if line.box[0] - above.box[0] < indent or line.box[0] - above.box[0] > 6 * line.size:
        return False
    if BULLET.match(above.texts[0]) or ITEM.match(above.texts[0]) or above.text[-1:] not in ENDS:
        return False
    return below is not None and line.box[0] - below.box[0] >= indent


def _ended(group: list[Line], line: Line) -> bool:
    """Tell whether the line above ends a paragraph: short, with a sentence's end."""
    above = group[-1]
    if len(group) > 1 and above.box[0] >= group[0].box[0] + INDENT * line.size > line.box[0]:
        return True  # an item whose lines after the first hang
    return (
        _short(above, [*group, line])
        and above.text[-1:] in ENDS
        and not line.text[:1].islower()
        and line.box[2] > above.box[2] + 2 * line.size
        and line.box[0] <= group[-1].box[0] + 0.3 * line.size
    )


def _kind(group: list[Line], usual: Usual) -> Kind:
    text = " ".join(line.text for line in group)
    if CAPTION.match(text) and not group[0].typed:
        return "caption"
    if len(group) > LONGEST_HEADING or len(text) > 200 or not any(c.isalpha() for c in text):
        return "text"
    if len(group) == 1 and NUMBERED_DEEP.match(text) and text[-1:] not in ENDS:
        return "heading"
    numbered = NUMBERED.match(group[0].texts[0]) is not None
    least = NUMBERED_LARGER if numbered and usual.larger == LARGER else usual.larger
    larger = all(line.size >= least * usual.size for line in group)
    bold = not usual.bold and _all_bold(group)
    return "heading" if (larger or bold) and not group[0].typed and len(text) > 2 else "text"
