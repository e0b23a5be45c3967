"""OCR: the words in a picture without a text layer, with their boxes, laid out like those of a page.

Lines are found, cut out upright, read, and split into words. A page may lie on its side or on its head, or
askew: which way it is read is told by the shape of its lines and by which reading is surer, and it is laid
out as it is read; all boxes are in pixels of the still as given.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from threading import Lock

import numpy as np

from ..errors import InputError
from ..memory import Still
from ..memory.layout import laid_out_loose
from ..memory.loose_words import LooseWords
from ..memory.page_text import PageText, Word
from .ocr_doubts import settled
from .ocr_drawing import drawing_of
from .ocr_engine import Engine, available
from .ocr_frame import Frame, box_around
from .ocr_lines import Piece, Pixels, Quad, Spoken, cut, pieces, sides, turned

__all__ = ["Ocr", "available", "reader"]

NAME = "rapidocr-pp-ocrv6-small"

THREADS = 4
"""Cores used at most."""
SURE = 0.5
"""A line read less surely than this is left out: rapidocr's own limit."""
DOUBTED = 0.8
"""A line read less surely than this is read on its head as well."""
CERTAIN = 0.98
"""A single letter is read at least this surely; 0.8 on its side is taken for 10 less surely."""
TALL = 1.2
"""What is higher than wide by more than this may be a letter, or a short line that stands across the page."""
LONG = 1.5
"""A line is at least this many times as long as it is high, so that its direction shows."""
STRAIGHT = 4
"""A line is at least this many times as long as it is high, so that it shows how a page leans."""
LEVEL = 0.2
"""Degrees that writing may lean without any line of a page running into the next."""
ASKEW = 20
"""Degrees that a page put down askew leans at most."""
LETTER = 3
"""What is higher than wide by more than this is no single letter."""
WORTH = 8
"""Of lines about this many times as long as they are high it is quickly told which way they are read."""
SAMPLE = 6
"""Lines that tell which way a page is read."""
MOST = 400_000
"""How long all lines of a still may be together, in pixels of lines made 48 high: five dense pages."""
HEIGHT = 48
"""Pixels that the recogniser makes a line high."""


class Ocr:
    """Reads the words in stills.

    Loaded at the first still. Its methods may be called from several threads.

    Parameters
    ----------
    threads : int, optional
        Cores to use; by default all that the process may use, at most :data:`THREADS`.

    Raises
    ------
    MissingExtraError
        From the first :meth:`read`, if the extra ``ocr`` is not installed.
    """

    name = NAME

    def __init__(self, threads: int | None = None) -> None:
        self.threads = max(1, threads or min(THREADS, _cores()))
        self._engine: Engine | None = None
        self._lock = Lock()

    def read(self, stills: Sequence[Still]) -> list[PageText]:
        """Read stills.

        Returns
        -------
        list of PageText
            One for each still, ``read`` is "ocr"; of a still without text it has no words. Of a still that
            could not be read ``read`` is "none", and its note says why.
        """
        engine = self._loaded()
        # a line is read by one thread, several lines at a time: faster than a line by several threads
        with ThreadPoolExecutor(self.threads, "ocr") as pool:
            found = [pool.submit(engine.lines, still.pixels) for still in stills]
            return [_page(engine, pool, still, quads) for still, quads in zip(stills, found, strict=True)]

    def _loaded(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = Engine()
            return self._engine


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as found, how it was turned to be read, by quarters clockwise, and what was read."""

    quad: Quad
    quarters: int
    spoken: Spoken


def _page(engine: Engine, pool: Executor, still: Still, found: Future[list[Quad]]) -> PageText:
    """Read the lines found in a still, and lay them out."""
    try:
        quads, side = _sought(engine, pool, still, found.result())
        quads, notes = _bounded(quads)
        lines = _read(engine, pool, still.pixels, quads, side)
        words = [(piece, line.quarters - side) for line in lines for piece in _pieces(still.pixels, line)]
    except InputError as error:
        return PageText(still.size, notes=(f"OCR failed: {error.message}",))
    frame = Frame(still.size, 90 * side + _lean(lines, side)) if words else Frame(still.size, 0)
    loose = _loose(frame, words)
    rulings, shapes = drawing_of(still.pixels, frame, loose.boxes)
    page = laid_out_loose(
        frame.size, loose, rulings=rulings, drawings=shapes, read="ocr", notes=(*notes, *frame.notes)
    )
    return frame.given(page)


def _sought(engine: Engine, pool: Executor, still: Still, quads: list[Quad]) -> tuple[list[Quad], int]:
    """Return the lines of a still, and by how many quarters clockwise it is turned."""
    side = _side(engine, pool, still.pixels, _bounded(quads)[0])
    if not side:
        return quads, side
    # the detector was taught upright pages: it misses headings of one that lies on its side
    frame = Frame(still.size, 90 * side)
    upright = engine.lines(np.ascontiguousarray(np.rot90(still.pixels, side)))
    return [turned(frame.outside(quad), -side) for quad in upright], side


def _bounded(quads: list[Quad]) -> tuple[list[Quad], tuple[str, ...]]:
    """Return the lines that are read, and a note if there are too many."""
    ends = np.cumsum([max(shape) / max(1, min(shape)) for shape in map(sides, quads)]) * HEIGHT
    kept = int(np.searchsorted(ends, MOST, side="right"))
    if kept == len(quads):
        return quads, ()
    return quads[:kept], (f"only {kept} of the {len(quads)} lines found were read: there are too many.",)


def _side(engine: Engine, pool: Executor, pixels: Pixels, quads: Sequence[Quad]) -> int:
    """Tell by how many quarters clockwise a page is turned: by its lines' shapes, and by reading some."""
    shapes = [(long, high) for long, high in map(sides, quads) if max(long, high) > LONG * min(long, high)]
    across = sum(high for long, high in shapes if high > long)
    ways = (1, 3) if across > sum(long for long, high in shapes if long > high) else (0, 2)
    # a short line tells as much as a long one, and is read sooner; a few letters may read both ways
    sample = sorted(quads, key=lambda quad: abs(max(sides(quad)) - WORTH * min(sides(quad))))[:SAMPLE]
    surest = []
    for way in ways:
        read = pool.map(lambda quad, way=way: engine.read(cut(pixels, turned(quad, way))).mean, sample)
        surest.append(float(np.mean([*read] or [1.0])))
        if surest[-1] > DOUBTED:
            break
    return ways[int(np.argmax(surest))]


def _read(engine: Engine, pool: Executor, pixels: Pixels, quads: Sequence[Quad], side: int) -> list[_Line]:
    """Read lines, and leave out those that are read less surely than :data:`SURE`."""
    lines = list(pool.map(lambda quad: _line(engine, pixels, quad, side), quads))
    sure = [line for line in lines if line.spoken.mean >= SURE]
    texts = settled([line.spoken for line in sure])
    return [replace(line, spoken=text) for line, text in zip(sure, texts, strict=True)]


def _line(engine: Engine, pixels: Pixels, quad: Quad, side: int) -> _Line:
    """Read a line in the first way that is sure enough, or else in the surest."""
    ways, enough = _ways(quad, side)
    tried = []
    for way in ways:
        tried.append(_Line(quad, way, engine.read(cut(pixels, turned(quad, way)))))
        if tried[-1].spoken.mean >= enough:
            break
    return max(tried, key=lambda line: line.spoken.mean)


def _ways(quad: Quad, side: int) -> tuple[tuple[int, ...], float]:
    """Return by which quarters a line may be turned, the likeliest first, and what is sure enough."""
    long, high = sides(turned(quad, side))
    if high < TALL * long:
        return (side, (side + 2) % 4), DOUBTED
    # what stands across a page is mostly the label of an axis, read upwards; or a single letter, upright
    upwards = ((side + 3) % 4, (side + 1) % 4)
    return (upwards, DOUBTED) if high > LETTER * long else ((side, *upwards), CERTAIN)


def _pieces(pixels: Pixels, line: _Line) -> list[Piece]:
    quad = turned(line.quad, line.quarters)
    return pieces(cut(pixels, quad), quad, line.spoken)


def _lean(lines: Sequence[_Line], side: int) -> float:
    """Return by how many degrees clockwise a page leans: the median of its long lines.

    What leans by more than :data:`ASKEW` is written across a picture, not on a page that was put down askew.
    """
    leans = []
    for line in lines:
        quad = turned(line.quad, line.quarters)
        long, high = sides(quad)
        if line.quarters == side and long > STRAIGHT * high:
            dx, dy = quad[1] - quad[0]
            leans.append((math.degrees(math.atan2(dy, dx)) - 90 * side + 180) % 360 - 180)
    lean = float(np.median(leans)) if leans else 0.0
    return lean if LEVEL < abs(lean) < ASKEW else 0.0


def _loose(frame: Frame, words: Sequence[tuple[Piece, int]]) -> LooseWords:
    """Return the words of a page as it is read, each with how it is turned on it, by quarters clockwise."""
    placed = []
    for piece, _ in words:
        box = box_around(frame.inside(piece.quad), frame.size)
        placed.append(Word(piece.text, box.x0, box.y0, box.x1, box.y1, 0, piece.sure))
    loose = LooseWords.of(placed)
    turns = np.array([quarters % 4 for _, quarters in words], np.int64)
    sides = loose.boxes[:, 2:] - loose.boxes[:, :2]
    return replace(loose, turns=turns, sizes=np.where(turns % 2, sides[:, 0], sides[:, 1]))


@cache
def reader() -> Ocr:
    """Return the one of this process: its models take a second to load, and hundreds of megabytes."""
    return Ocr()
