"""Layout: words become lines in reading order, and lines the blocks of a page.

It is the same for the words of a text layer and for OCR's. A page written sideways is turned, laid out, and
turned back; words that run otherwise than most, such as the label of an axis, are lines of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .blocks import LARGER, LARGER_BY_EYE, Piece, Usual, pieces_of, usual_of
from .columns import reading_parts
from .drawn_parts import drawn_parts
from .figures import framed, turned_lines
from .lines import Line, lines_of
from .loose_words import Boxes, LooseWords, turned, turned_size
from .page_text import Block, Kind, PageText, Read, Word
from .still import Box, Size

MOST_LINES = 130
"""Heights of a line that a page is high at most, where distances are measured by them: on a page of little
but the labels of plots they are small."""


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
    found = _blocks(upright, words.turned(turns, size), *drawn, exact=read == "layer")
    return _told(size, words, found, turns, read, notes)


@dataclass(frozen=True)
class _Found:
    """A block before its words have their places."""

    kind: Kind
    box: tuple[float, float, float, float]
    lines: tuple[Line, ...]


def _blocks(
    size: Size, words: LooseWords, rulings: Boxes, pictures: Boxes, drawings: Boxes, *, exact: bool
) -> list[_Found]:
    """Return the blocks in reading order; ``exact`` tells that the sizes of fonts are known."""
    flat = np.flatnonzero(words.turns == 0)
    height = max(_height(words.boxes[flat]), size.height / MOST_LINES)
    parts = drawn_parts(size, words, height, rulings, pictures, drawings)
    frames = framed(words, parts, height)
    floats = [
        _Found("figure" if each.figure else "table", each.box, tuple(turned_lines(words, each.words)))
        for each in frames
    ]
    taken = np.zeros(len(words), bool)
    for each in frames:
        taken[each.words] = True
    aside = np.flatnonzero(~taken & (words.turns != 0))
    floats += [_Found("text", line.box, (line,)) for line in turned_lines(words, aside)]
    free = flat[~taken[flat]]
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
    usual = usual_of(lines, LARGER if exact else LARGER_BY_EYE)
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
