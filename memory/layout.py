"""Layout: words become lines in reading order, and lines the blocks of a page.

It is the same for the words of a text layer and for OCR's. A page written sideways is turned, laid out, and
turned back; words that run otherwise than most, such as the label of an axis, are lines of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .aligned import is_number
from .blocks import CAPTION, Piece, Usual, pieces_of, usual_of
from .columns import reading_parts
from .drawn_parts import Part, drawn_parts
from .lines import Line, lines_of
from .loose_words import Boxes, LooseWords, turned, turned_size
from .page_text import Block, Kind, PageText, Read, Word
from .still import Box, Size

LABELS = 2.4
"""Distance of a label from its figure, or from the next label, in heights of a line, at most."""

INTO = 0.1
"""Share of the smaller one that two figures share at least where they are one."""

LABEL_WORDS = 8
"""Words of a label at most."""


def laid_out(
    size: Size,
    words: Sequence[Word],
    *,
    rulings: Boxes | None = None,
    pictures: Boxes | None = None,
    drawings: Boxes | None = None,
    read: Read = "ocr",
    turns: int = 0,
    notes: tuple[str, ...] = (),
) -> PageText:
    """Put words in reading order, in lines and in blocks.

    Parameters
    ----------
    size : Size
        Of the still.
    words : sequence of Word
        In any order; the numbers of their lines do not count.
    rulings, pictures, drawings : (n, 4) float32, optional
        What is drawn on the page, as in :class:`RawPage`.
    read : "layer" or "ocr"
    turns : int
        Direction of writing in quarter turns clockwise: 1 where the words run downwards.
    notes : tuple of str
        Kept as they are.
    """
    loose = LooseWords.of(words).running(turns)
    return laid_out_loose(
        size, loose, rulings=rulings, pictures=pictures, drawings=drawings, read=read, notes=notes
    )


def laid_out_loose(
    size: Size,
    words: LooseWords,
    *,
    rulings: Boxes | None = None,
    pictures: Boxes | None = None,
    drawings: Boxes | None = None,
    read: Read,
    notes: tuple[str, ...] = (),
) -> PageText:
    """Do what :func:`laid_out` does, of words whose fonts are known."""
    turns = int(np.bincount(words.turns, minlength=4).argmax()) if len(words) else 0
    upright = turned_size(size, turns)
    drawn = [
        turned(np.zeros((0, 4), np.float32) if boxes is None else boxes, turns, size)
        for boxes in (rulings, pictures, drawings)
    ]
    found = _blocks(upright, words.turned(turns, size), *drawn)
    return _told(size, words, found, turns, read, notes)


@dataclass(frozen=True)
class _Found:
    """A block before its words have their places."""

    kind: Kind
    box: tuple[float, float, float, float]
    lines: tuple[Line, ...]


def _blocks(size: Size, words: LooseWords, rulings: Boxes, pictures: Boxes, drawings: Boxes) -> list[_Found]:
    """Return the blocks in reading order."""
    flat = np.flatnonzero(words.turns == 0)
    height = _height(words.boxes[flat])
    parts = drawn_parts(size, words.boxes, height, rulings, pictures, drawings)
    owner = _owners(words, parts, height)
    floats = _apart(
        [_float(words, part, np.flatnonzero(owner == number)) for number, part in enumerate(parts)]
    )
    for quarter in (1, 2, 3):
        aside = np.flatnonzero((owner < 0) & (words.turns == quarter))
        floats += [_Found("text", line.box, (line,)) for line in _turned_lines(words, aside, quarter)]
    free = flat[owner[flat] < 0]
    boxes = np.concatenate(
        [words.boxes[free], np.array([each.box for each in floats], np.float32).reshape(-1, 4)]
    )
    worded = np.array([_worded(words.texts[number]) for number in free.tolist()] + [True] * len(floats))
    laid: list[tuple[list[Line], list[_Found]]] = []
    for part in reading_parts(boxes, worded, height) if len(boxes) else []:
        own = [floats[number - len(free)] for number in part[part >= len(free)].tolist()]
        laid.append((lines_of(words, free[part[part < len(free)]]), own))
    lines = [line for part_lines, _ in laid for line in part_lines]
    if not lines:
        return [each for _, own in laid for each in _by_height(own)]
    usual = usual_of(lines)
    return [block for part_lines, own in laid for block in _merged(part_lines, own, usual)]


def _worded(text: str) -> bool:
    """Tell whether a word has two letters, as most of prose and few of numbers do."""
    return len(text) > 1 and sum(map(str.isalpha, text)) > 1


def _height(boxes: Boxes) -> float:
    """Return the height of most lines in pixels."""
    tall = boxes[:, 3] - boxes[:, 1]
    tall = tall[tall > 2]
    return float(np.median(tall)) if len(tall) else 20.0


def _merged(lines: list[Line], floats: list[_Found], usual: Usual) -> list[_Found]:
    """Return the blocks of a part of the page and the floats in it, from top to bottom.

    A float divides the lines above it from those below.
    """
    found: list[_Found] = []
    rest = lines
    for each in _by_height(floats):
        middle = (each.box[1] + each.box[3]) / 2
        above = [line for line in rest if (line.box[1] + line.box[3]) / 2 < middle]
        rest = [line for line in rest if (line.box[1] + line.box[3]) / 2 >= middle]
        found += [_found(piece) for piece in pieces_of(above, usual)]
        found.append(each)
    return found + [_found(piece) for piece in pieces_of(rest, usual)]


def _by_height(floats: list[_Found]) -> list[_Found]:
    return sorted(floats, key=lambda each: (each.box[1] + each.box[3], each.box[0]))


def _found(piece: Piece) -> _Found:
    return _Found(piece.kind, _around([line.box for line in piece.lines]), piece.lines)


def _around(boxes: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _owners(words: LooseWords, parts: list[Part], height: float) -> NDArray[np.int64]:
    """Return of each word the number of the figure or ruled table that it is in or labels, or -1."""
    middle = (words.boxes[:, :2] + words.boxes[:, 2:]) / 2
    owner = np.full(len(words), -1)
    for number, part in enumerate(parts):
        box = np.array(part.box)
        inside = ((middle >= box[:2] - 1) & (middle <= box[2:] + 1)).all(axis=1)
        owner[inside & (owner < 0)] = number
    for number, part in enumerate(parts):
        if part.figure:
            _label(words, owner, number, part.box, height)
    return owner


def _label(
    words: LooseWords,
    owner: NDArray[np.int64],
    number: int,
    box: tuple[float, float, float, float],
    height: float,
) -> None:
    """Give a figure the short lines around it: ticks, the names of axes, a title."""
    near = LABELS * height
    x0, y0, x1, y1 = box
    reach = np.array([x0 - 3 * near, y0 - 3 * near, x1 + 3 * near, y1 + 3 * near])
    around = (words.boxes[:, :2] <= reach[2:]).all(axis=1) & (words.boxes[:, 2:] >= reach[:2]).all(axis=1)
    candidates: list[Line] = []
    for quarter in range(4):
        chosen = np.flatnonzero(around & (owner < 0) & (words.turns == quarter))
        lines = _turned_lines(words, chosen, quarter)
        candidates += lines if quarter else [piece for line in lines for piece in line.pieces(2 * height)]
    candidates = [line for line in candidates if _may_label(line, box, height)]
    grown = True
    while grown:
        grown = False
        for line in list(candidates):
            a, b, c, d = line.box
            if a <= x1 + near and c >= x0 - near and b <= y1 + near and d >= y0 - near:
                owner[list(line.numbers)] = number
                x0, y0, x1, y1 = min(x0, a), min(y0, b), max(x1, c), max(y1, d)
                candidates.remove(line)
                grown = True


def _may_label(line: Line, box: tuple[float, float, float, float], height: float) -> bool:
    numbers = sum(map(is_number, line.texts))
    short = line.box[2] - line.box[0] < 0.75 * (box[2] - box[0]) and len(line.texts) <= LABEL_WORDS
    return (
        (short or 2 * numbers > len(line.texts))
        and not CAPTION.match(line.text)
        and not line.typed
        and line.box[0] >= box[0] - 6 * height
        and line.box[2] <= box[2] + 10 * height
    )


def _turned_lines(words: LooseWords, numbers: NDArray[np.int64], quarter: int) -> list[Line]:
    """Put words that run at quarter turns into lines."""
    if not quarter:
        return lines_of(words, numbers)
    size = Size(100_000, 100_000)
    lines = lines_of(words.turned(quarter, size), numbers)
    return [Line(words, line.numbers) for line in lines]


def _float(words: LooseWords, part: Part, numbers: NDArray[np.int64]) -> _Found:
    lines = [
        line
        for quarter in range(4)
        for line in _turned_lines(words, numbers[words.turns[numbers] == quarter], quarter)
    ]
    kind: Kind = "figure" if part.figure else "table"
    return _Found(kind, _around([part.box, *(line.box for line in lines)]), tuple(lines))


def _apart(floats: list[_Found]) -> list[_Found]:
    """Join figures that reach into each other once they have their labels."""
    apart: list[_Found] = []
    for each in sorted(floats, key=lambda each: each.box[1]):
        into = [other for other in apart if _shared(each.box, other.box) > INTO]
        kinds: set[Kind] = {each.kind, *(other.kind for other in into)}
        lines = [line for other in into for line in other.lines] + list(each.lines)
        apart = [other for other in apart if other not in into]
        box = _around([each.box, *(other.box for other in into)])
        apart.append(_Found("figure" if "figure" in kinds else each.kind, box, tuple(lines)))
    return apart


def _shared(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Return what two boxes share, as a share of the smaller one."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return wide * high / max(smaller, 1.0) if min(wide, high) > 0 else 0.0


def _told(
    size: Size, words: LooseWords, found: list[_Found], turns: int, read: Read, notes: tuple[str, ...]
) -> PageText:
    """Return the page's text: words and lines numbered, and all turned back as the page is."""
    boxes = words.boxes.tolist()
    told: list[Word] = []
    blocks: list[Block] = []
    line_number = 0
    corners = np.array([each.box for each in found], np.float32).reshape(-1, 4)
    back = turned(corners, -turns, turned_size(size, turns))
    for each, corner in zip(found, back.tolist(), strict=True):
        first = len(told)
        for line in each.lines:
            for number in line.numbers:
                sure = float(words.sure[number])
                x0, y0, x1, y1 = boxes[number]
                told.append(Word(words.texts[number], x0, y0, x1, y1, line_number, sure))
            line_number += 1
        left, top, right, bottom = corner
        box = Box(x0=left, y0=top, x1=max(right, left + 0.01), y1=max(bottom, top + 0.01))
        blocks.append(Block(each.kind, box, first, len(told)))
    return PageText(size, tuple(told), tuple(blocks), read, notes)
