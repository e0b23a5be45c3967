"""Columns: in which order the parts of a page are read.

A gutter is a blank strip between two columns of prose. The page is cut along its longest gutter into what is
above, left, right and below, and each part again. This is a recursive cut in the manner of Nagy and Seth
(1984), but of blank strips that need not go through the whole part, so that a heading across two columns,
or a figure, does not hide the gutter below it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .loose_words import Boxes

NARROWEST = 0.9
"""Width of a gutter, in heights of a line."""

SHORTEST = 8
"""Height of a gutter, in heights of a line: about five lines."""

ROWS = 4
"""Lines beside a gutter at least."""

WORDED = 0.55
"""Share of words of letters beside a gutter, at least: tables have fewer."""

FULL = 0.45
"""Share of a column's width that the median of its lines fills, at least: cells of tables fill less."""

LONG = 3.0
"""Words of the median line of a column, at least: cells of tables have fewer."""

CELLS = 2.5
"""Cells of the raster that gutters are looked for on, in the height of a line."""

DEEPEST = 8
"""So often may a part be cut again."""


def reading_parts(boxes: Boxes, worded: NDArray[np.bool_], height: float) -> list[NDArray[np.int64]]:
    """Divide a page into parts without columns.

    Parameters
    ----------
    boxes : (n, 4) float32
        Of the words, and of what is read as one: figures and ruled tables.
    worded : (n,) bool
        Which are words of letters, as most of prose is.
    height : float
        Of most lines, in pixels.

    Returns
    -------
    list of arrays of int
        Numbers of boxes; the parts in the order in which they are read.
    """
    return _parts(boxes, worded, np.arange(len(boxes)), height, DEEPEST)


def _parts(
    boxes: Boxes, worded: NDArray[np.bool_], numbers: NDArray[np.int64], height: float, depth: int
) -> list[NDArray[np.int64]]:
    gutter = (
        _gutter(boxes[numbers], worded[numbers], height) if depth and len(numbers) > 2 * ROWS * LONG else None
    )
    if gutter is None:
        return [numbers] if len(numbers) else []
    x, top, bottom = gutter
    middle = (boxes[numbers, :2] + boxes[numbers, 2:]) / 2
    above, below = middle[:, 1] < top, middle[:, 1] > bottom
    left = middle[:, 0] < x
    beside = ~above & ~below
    parts: list[NDArray[np.int64]] = []
    for chosen in (above, beside & left, beside & ~left, below):
        parts += _parts(boxes, worded, numbers[chosen], height, depth - 1)
    return parts


def _gutter(boxes: Boxes, worded: NDArray[np.bool_], height: float) -> tuple[float, float, float] | None:
    """Return x, top and bottom of the longest gutter between two columns of prose."""
    cell = height / CELLS
    x0, y0 = boxes[:, 0].min(), boxes[:, 1].min()
    blank = _blank(boxes, x0, y0, cell)
    need = max(round(NARROWEST * height / cell), 1)
    if blank.shape[1] <= need:
        return None
    through = np.cumsum(np.pad(blank, ((0, 0), (1, 0))), axis=1, dtype=np.int16)
    free: NDArray[np.bool_] = (
        through[:, need:] - through[:, :-need] == need
    )  # blank over the width of a gutter from here on
    starts, lengths = _longest_runs(free)
    for column in _candidates(lengths, SHORTEST * height / cell):
        top = y0 + starts[column] * cell
        bottom = top + lengths[column] * cell
        x = x0 + (column + need / 2) * cell
        if _divides(boxes, worded, x, top, bottom, height):
            return x, top, bottom
    return None


def _blank(boxes: Boxes, x0: float, y0: float, cell: float) -> NDArray[np.bool_]:
    """Return a raster of cells, (rows, columns), True where no box lies."""
    low = ((boxes[:, :2] - (x0, y0)) / cell).astype(int)
    high = np.ceil((boxes[:, 2:] - (x0, y0)) / cell).astype(int)
    high = np.maximum(high, low + 1)
    width, rows = int(high[:, 0].max()) + 1, int(high[:, 1].max()) + 1
    edges = np.zeros((rows + 1, width + 1), np.int16)
    np.add.at(edges, (low[:, 1], low[:, 0]), 1)
    np.add.at(edges, (high[:, 1], high[:, 0]), 1)
    np.add.at(edges, (low[:, 1], high[:, 0]), -1)
    np.add.at(edges, (high[:, 1], low[:, 0]), -1)
    blank: NDArray[np.bool_] = (
        edges.cumsum(axis=0, dtype=np.int16).cumsum(axis=1, dtype=np.int16)[:rows, :width] == 0
    )
    return blank


def _longest_runs(free: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each column of a raster, where its longest run of True starts, and how long it is."""
    rows = np.arange(1, len(free) + 1, dtype=np.int16)[:, None]
    last_not = np.maximum.accumulate(np.where(free, 0, rows), axis=0)
    run = rows - last_not
    end = run.argmax(axis=0)
    length = run.max(axis=0)
    return end + 1 - length, length


def _candidates(lengths: NDArray[np.int64], least: float) -> list[int]:
    """Return the columns with the longest runs, one of each stretch of equal length."""
    changes = np.flatnonzero(np.diff(lengths)) + 1
    bounds = [0, *changes.tolist(), len(lengths)]
    stretches = [
        (int(lengths[start]), (start + end - 1) // 2)
        for start, end in pairwise(bounds)
        if lengths[start] >= least
    ]
    return [column for _, column in sorted(stretches, reverse=True)[:12]]


def _divides(
    boxes: Boxes, worded: NDArray[np.bool_], x: float, top: float, bottom: float, height: float
) -> bool:
    """Tell whether a blank strip has prose on both sides, for some lines at least."""
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    beside = (middle > top) & (middle < bottom)
    left, right = beside & (boxes[:, 2] <= x + height), beside & (boxes[:, 0] >= x - height)
    if not left.any() or not right.any():
        return False
    first = max(boxes[left, 1].min(), boxes[right, 1].min()) - height / 2
    last = min(boxes[left, 3].max(), boxes[right, 3].max()) + height / 2
    if last - first < SHORTEST * height:
        return False
    both = (middle > first) & (middle < last)
    sides = (left & both, right & both)
    return all(_prose(boxes[side], height) and worded[side].mean() >= WORDED for side in sides)


def _prose(boxes: Boxes, height: float) -> bool:
    """Tell whether words beside a gutter fill lines, as those of columns do and cells of tables do not."""
    if len(boxes) < ROWS:
        return False
    row = np.round((boxes[:, 1] + boxes[:, 3]) / 2 / height).astype(int)
    row -= row.min()
    counts = np.bincount(row)
    starts, ends = np.full(len(counts), np.inf), np.full(len(counts), -np.inf)
    np.minimum.at(starts, row, boxes[:, 0])
    np.maximum.at(ends, row, boxes[:, 2])
    used = counts > 0
    widths = (ends - starts)[used]
    whole = boxes[:, 2].max() - boxes[:, 0].min()
    return bool(
        np.median(counts[used]) >= LONG
        and np.median(widths) >= FULL * whole
        and whole >= 8 * height
        and used.sum() >= ROWS
    )
