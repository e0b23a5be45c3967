"""Naming: what the eyes call the things that changed, and the change in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..memory import Box, Still
from .kinds import Judged
from .look import whole
from .small_looks import LIST, Part, SmallLooks, article
from .small_looks import names as listed_names

NAME, SINGLED_OUT = "What is this? Answer in one or two words.", "What is the leftmost thing?"
"""Asked of a crop of one thing; the embedded model says what a thing is only where one is singled out."""
POINTED = 0.5
"""Probability with which a name must be pointed at in a box to be the name of what is in it."""
MARGIN = 0.15
"""Share of a box's longer side that the eyes are shown around it: neighbours are not meant."""


def names_of(
    looks: SmallLooks, places: Sequence[tuple[Box | None, ...]]
) -> dict[tuple[int, int], tuple[str, float]]:
    """Name what is in every box: by pointing at all that is listed, where the eyes can; else by crop.

    Parameters
    ----------
    looks : SmallLooks
        Of the two stills.
    places : sequence of (Box or None, Box or None)
        Where the thing of each difference is on each side, in pixels of the stills.

    Returns
    -------
    dict of (difference, side) to (name, confidence)
        For every box.
    """
    stills = looks.stills
    boxes = {(i, side): box for i, pair in enumerate(places) for side, box in enumerate(pair) if box}
    said = _pointed(looks, boxes) if boxes and looks.eyes.checkpoint.cells else {}
    left = [key for key in boxes if key not in said]
    question = SINGLED_OUT if looks.eyes.checkpoint.cells else NAME
    crops = [stills[side].crop(widened(boxes[i, side], stills[side])) for i, side in left]
    answers = looks.eyes.answers([[crop, question] for crop in crops]) if crops else []
    for (i, side), answer in zip(left, answers, strict=True):
        said[i, side] = (_noun(answer.text), answer.confidence)
        looks.parts.append(Part(side, question, answer.text, answer.confidence))
        looks.notes += answer.notes
    return said


def _pointed(
    looks: SmallLooks, boxes: Mapping[tuple[int, int], Box]
) -> dict[tuple[int, int], tuple[str, float]]:
    """Name what is in the boxes at which something that is listed is pointed at."""
    listed = [dict.fromkeys(listed_names(part.answer)) for part in looks.ask([(0, LIST), (1, LIST)])]
    asked = [(side, name) for side in (0, 1) for name in listed[side]]
    grids = list(zip(asked, looks.points(asked), strict=True)) if asked else []
    said = {}
    for (i, side), box in boxes.items():
        near = [
            (name, _within(grid, box, looks.stills[side]))
            for (on, name), grid in grids
            if on == side and grid is not None
        ]
        name, share = max(near, key=lambda pair: pair[1], default=("", 0.0))
        if share > POINTED:
            said[i, side] = (name, share)
    return said


def _within(grid: NDArray[np.float64], box: Box, still: Still) -> float:
    """Return the probability that a thing's centre is in a box, or within half a cell of it."""
    side = len(grid)
    centres = np.arange(side) + 0.5
    wide, high = still.size.width / side, still.size.height / side
    columns = (centres > box.x0 / wide - 0.5) & (centres < box.x1 / wide + 0.5)
    rows = (centres > box.y0 / high - 0.5) & (centres < box.y1 / high + 0.5)
    return float(grid[np.ix_(columns, rows)].sum())


def widened(box: Box, still: Still, margin: float = MARGIN) -> Box:
    """Return a square around a box, with a margin as a share of its longer side, inside the still."""
    half = (0.5 + margin) * max(box.x1 - box.x0, box.y1 - box.y0)
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    area = whole(still)
    return Box(x0=max(0, x - half), y0=max(0, y - half), x1=min(area.x1, x + half), y1=min(area.y1, y + half))


def _noun(text: str) -> str:
    return text.strip(" .").removeprefix("a ").removeprefix("an ").removeprefix("the ")


def words_of(region: Judged, before: str, after: str) -> str:
    """Put a change in words; ``before`` and ``after`` are what the eyes call the thing."""
    name = before or after or "something"
    if region.kind == "added":
        return f"{article(name)} appeared"
    if region.kind == "removed":
        return f"the {name} disappeared"
    if region.kind == "moved":
        return f"the {name} moved"
    if region.kind == "resized":
        return f"the {name} became {'large' if region.grown else 'small'}"
    kind = before.split()[-1] if before else ""
    if after.endswith(kind) and after != before:
        return f"the {name} became {after.removesuffix(kind).strip() or after}"
    return f"the {name} became another one" if after == before else f"the {name} became {after}"
