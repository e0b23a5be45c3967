"""Drawn parts: which lines, shapes and pictures of a page form a figure, and which rule a table.

What is drawn near each other is one part. It is a table where lines across rule rows of words, and a figure
where it is large and its words, if any, are few: ticks, labels, a legend.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .loose_words import Boxes, LooseWords
from .still import Size

APART = 1.2
"""Distance up to which drawn things are one part, in heights of a line."""

SMALLEST = 3.0
"""Width and height of a figure at least, in heights of a line: smaller is a sign, a bullet, an underline."""

FLATTEST = 1.2
"""Height of a figure of many shapes at least, in heights of a line."""

MANY = 4
"""Shapes that are a drawing, where words do not stand in them, or even if it is flat."""

MOST_SHAPES = 1500
"""Shapes that are compared with each other; of more, as maps have, only some are."""

BACKGROUND = 0.85
"""What takes this share of the page's width and height is its background."""

FILLED = 0.6
"""Share of its height that the lines of a ruled table take at least."""

INKED = 0.03
"""Share of its area that the words of a ruled table take at least."""

UPRIGHT = 0.85
"""Share of a ruled table's words that run as most of the page at least: the labels of plots do not."""

WIDE = 0.7
"""Share of its width that a line that rules a table takes at least, alone or with others at its height."""


class Part(NamedTuple):
    """A part of the page, x0, y0, x1, y1, and what it is: a scrap is too small or plain to tell."""

    box: tuple[float, float, float, float]
    kind: Literal["figure", "table", "scrap"]


def drawn_parts(
    size: Size, words: LooseWords, height: float, rulings: Boxes, pictures: Boxes, drawings: Boxes
) -> list[Part]:
    """Return the figures and the ruled tables of a page.

    Parameters
    ----------
    words : LooseWords
    height : float
        Of most lines, in pixels.
    """
    shapes = np.concatenate([rulings, drawings, pictures]).reshape(-1, 4)
    shapes = np.hstack([np.minimum(shapes[:, :2], shapes[:, 2:]), np.maximum(shapes[:, :2], shapes[:, 2:])])
    thin = np.arange(len(shapes)) < len(rulings)
    shapes = np.clip(shapes, 0, np.array([*size, *size], np.float32))
    sides = shapes[:, 2:] - shapes[:, :2]
    kept = (sides < BACKGROUND * np.array(size)).any(axis=1) & (sides.max(axis=1) > 0)
    shapes, thin = shapes[kept], thin[kept]
    upright = words.turns == 0
    parts = []
    for members in _clusters(shapes, APART * height):
        box = _around(shapes[members])
        inside = _inside(words.boxes, box)
        kind = _kind(box, shapes[members], thin[members], words.boxes[inside], height)
        if kind == "table" and upright[inside].mean() < UPRIGHT:
            kind = "figure"
        parts.append(Part(box, kind))
    return _apart(parts)


def _clusters(shapes: Boxes, apart: float) -> list[NDArray[np.int64]]:
    """Group shapes that lie within a distance of each other."""
    cell = apart
    while True:  # of shapes in the same cells one is enough to tell who is near
        cells = (shapes / cell).astype(int)
        _, first, same = np.unique(cells, axis=0, return_index=True, return_inverse=True)
        if len(first) <= MOST_SHAPES:
            break
        cell *= 1.5
    x0, y0, x1, y1 = shapes[first].T
    near = (x0[:, None] <= x1 + apart) & (x0 <= x1[:, None] + apart)
    near &= (y0[:, None] <= y1 + apart) & (y0 <= y1[:, None] + apart)
    group = np.full(len(first), -1)
    for start in range(len(first)):
        if group[start] < 0:
            group[start] = start
            waiting = [start]
            while waiting:
                found = np.flatnonzero(near[waiting.pop()] & (group < 0))
                group[found] = start
                waiting.extend(found.tolist())
    of = group[same.reshape(-1)]
    return [np.flatnonzero(of == start) for start in np.unique(of)]


def _kind(
    box: tuple[float, float, float, float],
    shapes: Boxes,
    thin: NDArray[np.bool_],
    words: Boxes,
    height: float,
) -> Literal["figure", "table", "scrap"]:
    width, tall = box[2] - box[0], box[3] - box[1]
    if width < SMALLEST * height or tall < FLATTEST * height:
        return "scrap"
    filled = _share(words[:, 1] - height / 2, words[:, 3] + height / 2, box[1], box[3])
    empty = _empty(shapes[~thin], words)
    inked = np.prod(words[:, 2:] - words[:, :2], axis=1).sum() / (width * tall)
    worded = len(words) >= 4 and filled >= FILLED and inked >= INKED and empty < MANY
    if worded and _ruled(box, shapes, thin, height):
        return "table"
    if thin.all() and not _crossed(shapes):
        return "scrap"
    if tall < SMALLEST * height and len(shapes) < MANY:
        return "scrap"
    if filled >= FILLED and len(words) > 12 and _share(words[:, 0], words[:, 2], box[0], box[2]) > 0.8:
        return "figure" if empty >= MANY else "scrap"  # a frame or a shade around prose
    return "figure"


def _empty(shapes: Boxes, words: Boxes) -> int:
    """Count the shapes that no word stands in."""
    x, y = (words[:, 0] + words[:, 2]) / 2, (words[:, 1] + words[:, 3]) / 2
    inside = (shapes[:, :1] <= x) & (x <= shapes[:, 2:3]) & (shapes[:, 1:2] <= y) & (y <= shapes[:, 3:])
    return int((~inside.any(axis=1)).sum())


def _ruled(
    box: tuple[float, float, float, float], shapes: Boxes, thin: NDArray[np.bool_], height: float
) -> bool:
    """Tell whether lines divide rows, or one divides the head and others columns."""
    if _rules(shapes, box, height) >= 2:
        return True
    across = _across(shapes)
    return bool(thin.all() and across.any() and not across.all())


def _rules(shapes: Boxes, box: tuple[float, float, float, float], height: float) -> int:
    """Count the heights at which lines, or the upper edges of shades, run through most of a part's width."""
    flat = shapes[(shapes[:, 3] - shapes[:, 1]) < 3.2 * height]
    if not len(flat):
        return 0
    levels = np.round(flat[:, 1] / 4).astype(int)
    return sum(
        _share(flat[levels == level, 0] - 2, flat[levels == level, 2] + 2, box[0], box[2]) >= WIDE
        for level in np.unique(levels)
    )


def _crossed(shapes: Boxes) -> bool:
    """Tell whether lines run both ways, and several: axes, a grid."""
    across = _across(shapes)
    return bool(across.sum() >= 2 and (~across).sum() >= 2)


def _across(shapes: Boxes) -> NDArray[np.bool_]:
    across: NDArray[np.bool_] = (shapes[:, 2] - shapes[:, 0]) > (shapes[:, 3] - shapes[:, 1])
    return across


def _share(starts: NDArray[np.float32], ends: NDArray[np.float32], low: float, high: float) -> float:
    """Return the share of low..high that intervals cover together."""
    if not len(starts) or high <= low:
        return 0.0
    order = np.argsort(starts)
    starts, ends = np.clip(starts[order], low, high), np.clip(ends[order], low, high)
    reach = np.maximum.accumulate(ends)
    before = np.concatenate([[low], reach[:-1]])
    return float(np.maximum(reach - np.maximum(starts, before), 0).sum() / (high - low))


def _inside(words: Boxes, box: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    middle = (words[:, :2] + words[:, 2:]) / 2
    return np.asarray(((middle >= box[:2]) & (middle <= box[2:])).all(axis=1))


def _around(boxes: Boxes) -> tuple[float, float, float, float]:
    x0, y0 = boxes[:, :2].min(axis=0).tolist()
    x1, y1 = boxes[:, 2:].max(axis=0).tolist()
    return x0, y0, x1, y1


def _apart(parts: list[Part]) -> list[Part]:
    """Drop parts that lie in others."""
    parts = sorted(parts, key=lambda part: -(part.box[2] - part.box[0]) * (part.box[3] - part.box[1]))
    kept: list[Part] = []
    for part in parts:
        x, y = (part.box[0] + part.box[2]) / 2, (part.box[1] + part.box[3]) / 2
        if not any(other.box[0] <= x <= other.box[2] and other.box[1] <= y <= other.box[3] for other in kept):
            kept.append(part)
    return kept
