"""Divide: answer a question from several small looks, where that is better than one look at everything.

A model of any size finds one thing in one still more surely than it relates two of them, or blends five. So
a relation is worked out from two points, a moment from a look at every frame, a change from crops of where
the pixels differ. The parts, and the answer to each, are kept: they say what the answer rests on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..memory import Box, Still
from .differences import MOST_STILLS, Comparison
from .intents import (
    Change,
    CountIn,
    Either,
    First,
    Intent,
    Moment,
    Most,
    Moving,
    Relation,
    Sided,
    Which,
    intent,
)
from .look import Eyes, distinct, interleave, label, one_video, sees_one_at_a_time
from .small_looks import LIST, Part, SmallLooks, names, peak

if TYPE_CHECKING:
    from .llava_next.checkpoints import Checkpoint

COUNT = "How many {things} are there?"
MARGIN = 2
"""Cells around the points of things that show the things whole."""
UNCHANGED = 0.95
"""Confidence that nothing differs where no pixels do beyond noise: of 26 such pairs of worlds none was taken
for changed, and of 25 changed ones none for unchanged."""
OTHER_SCENE = 0.9
"""Confidence that two pictures that cannot be laid over each other show different scenes."""
OFTEN = 0.3
"""Share of a cell's probability, over the likeliest one's, from which another thing of the name is there."""
STIRRED = 0.5
"""Cells by which a thing has to be displaced to have moved."""
STATIC = "it does not move"
THINGS = ("thing", "object", "shape", "item", "one")
"""Names of anything."""
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True, slots=True)
class Divided:
    """An answer from small looks.

    Parameters
    ----------
    text : str
    confidence : float, 0..1
        Probability that all parts are right, taken as independent.
    parts : tuple of Part
    region : Box or None
        What holds the things that the answer is about, in pixels of the only still.
    notes : tuple of str
    comparisons : tuple of Comparison
        Of the first still with each other one, where it was asked what changed.
    """

    text: str
    confidence: float
    parts: tuple[Part, ...]
    region: Box | None = None
    notes: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()


def division(checkpoint: Checkpoint, question: str, stills: Sequence[Still]) -> Intent | None:
    """Tell whether small looks answer ``question`` better than one, and what it is after.

    Counting, and telling which still shows something, are divided where a prompt of so many stills would show
    each in less detail than alone, or is none that the checkpoint was trained on; relations need a checkpoint
    that was trained to point; changes need no more stills than can be compared.

    Parameters
    ----------
    checkpoint : Checkpoint
    question : str
    stills : sequence of Still

    Returns
    -------
    Intent or None
    """
    goal = intent(question, len(stills))
    if isinstance(goal, CountIn | Most | Which):
        alone = sees_one_at_a_time(checkpoint, stills)
        return goal if alone or len(stills) > checkpoint.grid_stills else None
    if isinstance(goal, Change):
        return goal if len(stills) <= MOST_STILLS else None
    if isinstance(goal, Relation | Sided):
        return goal if checkpoint.cells else None
    if isinstance(goal, Moving):
        return goal if checkpoint.cells and one_video(stills) else None
    return goal


def settled(goal: Intent | None, answer: str) -> bool:
    """Tell whether a first answer is one of two that the question offered, and leaves nothing to divide.

    That nothing of the kind is there is an answer too.
    """
    if not isinstance(goal, Either):
        return False
    words = re.findall(r"[\w-]+", answer.casefold())
    beginnings = tuple(option.split()[0] for option in goal.offered)
    return any(word.startswith(beginnings) or word in ("none", "neither", "both") for word in words)


def divide(eyes: Eyes, goal: Intent, stills: Sequence[Still]) -> Divided | None:
    """Look at the parts and draw the answer from them.

    Parameters
    ----------
    eyes : Eyes
    goal : Intent
        As :func:`division` found it, of these stills or of other framings of them.
    stills : sequence of Still

    Returns
    -------
    Divided or None
        None where the parts do not decide it: something was not found, or two things are level.
    """
    looks = SmallLooks(eyes, stills)
    if isinstance(goal, Relation):
        return _relation(looks, goal)
    if isinstance(goal, Moment):
        return _moment(looks, goal)
    if isinstance(goal, First):
        return _first(looks, goal)
    if isinstance(goal, CountIn):
        return _count_in(looks, goal)
    if isinstance(goal, Either):
        return _either(looks, goal)
    if isinstance(goal, Which):
        return _which(looks, goal)
    if isinstance(goal, Sided):
        return _sided(looks, goal)
    if isinstance(goal, Moving):
        return _moving(looks, goal)
    return _most(looks, goal) if isinstance(goal, Most) else _change(looks, goal)


def _divided(looks: SmallLooks, text: str, confidence: float, region: Box | None = None) -> Divided:
    """Return the answer with all that was said."""
    return Divided(text, confidence, tuple(looks.parts), region, distinct(looks.notes))


def _relation(looks: SmallLooks, goal: Relation) -> Divided | None:
    one, other = looks.points([(0, goal.thing), (0, goal.other)])
    if one is None or other is None:
        return None
    across = 1 if goal.direction in ("left", "right") else 0  # what is summed away
    both = np.outer(one.sum(across), other.sum(across))
    before, after = float(np.triu(both, 1).sum()), float(np.tril(both, -1).sum())
    if max(before, after) <= 0.5:  # level, as far as cells tell
        return None
    right = (before > after) == (goal.direction in ("left", "above"))
    box = _around([peak(one), peak(other)], looks.stills[0], len(one))
    return _divided(looks, "yes" if right else "no", max(before, after), box)


def _sided(looks: SmallLooks, goal: Sided) -> Divided | None:
    """Point to all things of the kind, and ask of a crop of the outermost one."""
    listed = dict.fromkeys(names(looks.ask([(0, LIST)])[0].answer))
    meant = [name for name in listed if goal.thing in THINGS or name.split()[-1] == goal.thing]
    grids = looks.points([(0, name) for name in meant]) if meant else []
    axis, last = (0 if goal.side in ("left", "right") else 1), goal.side in ("right", "below")
    places = [
        (cell[axis], cell, name)
        for name, grid in zip(meant, grids, strict=True)
        if grid is not None
        for cell in np.argwhere(grid >= OFTEN * grid.max()).tolist()
    ]
    if not places:
        return None
    _, cell, name = max(places) if last else min(places)
    side = next(len(grid) for grid in grids if grid is not None)
    (part,) = looks.ask([(0, goal.question.replace(f"the {goal.thing}", f"the {name}"))])
    return _divided(looks, part.answer, part.confidence, _around([(cell[0], cell[1])], looks.stills[0], side))


def _moment(looks: SmallLooks, goal: Moment) -> Divided | None:
    (there,) = looks.there([goal.thing])
    began = _beginnings(there if goal.appears else [1 - p for p in there])
    best = max(range(len(began)), key=began.__getitem__)
    if best in (0, len(there)):  # there from the beginning, or never
        return None
    return _divided(looks, label(looks.stills[best], best + 1), began[best])


def _moving(looks: SmallLooks, goal: Moving) -> Divided | None:
    """Point to the thing in every frame: it has moved from where it is first to where it is last."""
    grids = looks.points([(i, goal.thing) for i in range(len(looks.stills))])
    there = [grid for grid in grids if grid is not None]
    if len(there) < 2:
        return None
    columns = np.outer(there[0].sum(1), there[-1].sum(1))
    rows = np.outer(there[0].sum(0), there[-1].sum(0))
    across, down = _displaced(columns), _displaced(rows)
    if max(abs(across), abs(down)) < STIRRED:
        return _divided(looks, STATIC, float(np.trace(columns) * np.trace(rows)))
    by, both, ways = (
        (across, columns, ("left", "right")) if abs(across) >= abs(down) else (down, rows, ("up", "down"))
    )
    later = float(np.triu(both, 1).sum()) if by > 0 else float(np.tril(both, -1).sum())
    return _divided(looks, ways[by > 0], later)


def _displaced(both: NDArray[np.float64]) -> float:
    """Return by how many cells the second place lies behind the first, on average over both."""
    cells = np.arange(len(both))
    return float((both * (cells[None, :] - cells[:, None])).sum())


def _first(looks: SmallLooks, goal: First) -> Divided | None:
    one, other = (_beginnings(row)[:-1] for row in looks.there(goal.things))
    sooner = sum(p * sum(other[t + 1 :]) for t, p in enumerate(one))
    later = sum(p * sum(one[t + 1 :]) for t, p in enumerate(other))
    text, confidence = max((goal.things[0], sooner), (goal.things[1], later), key=lambda pair: pair[1])
    return _divided(looks, text, min(1.0, confidence)) if confidence > 0.5 else None


def _count_in(looks: SmallLooks, goal: CountIn) -> Divided | None:
    (part,) = looks.ask([(goal.number - 1, COUNT.format(things=goal.things))])
    return _divided(looks, part.answer, part.confidence) if _number(part.answer) is not None else None


def _most(looks: SmallLooks, goal: Most) -> Divided | None:
    parts = looks.ask([(i, COUNT.format(things=goal.things)) for i in range(len(looks.stills))])
    counts = [_number(part.answer) for part in parts]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts) or known.count(max(known)) > 1:
        return None
    best = known.index(max(known))
    sure = math.prod(part.confidence for part in parts)
    return _divided(looks, label(looks.stills[best], best + 1), sure)


def _which(looks: SmallLooks, goal: Which) -> Divided | None:
    """Rank the stills by how likely each shows the thing; None where none of them does, or two do."""
    (there,) = looks.there([goal.thing])
    best, second = sorted(range(len(there)), key=lambda i: -there[i])[:2]
    if there[best] <= 0.5 or there[second] > 0.5:
        return None
    sure = math.prod(p if i == best else 1 - p for i, p in enumerate(there))
    return _divided(looks, label(looks.stills[best], best + 1), sure)


def _either(looks: SmallLooks, goal: Either) -> Divided:
    """Weigh the two answers against each other, and against no third one."""
    choice = looks.eyes.choose(interleave(goal.question, looks.stills, looks.eyes.checkpoint), goal.offered)
    looks.notes += choice.notes
    return _divided(looks, choice.option, choice.confidence)


def _change(looks: SmallLooks, goal: Change) -> Divided:
    """Compare the first still with each other: what differs is found by pixels and named by the eyes."""
    from .compare import compare  # loads OpenCV

    comparisons = tuple(compare(looks.eyes, looks.stills))
    looks.parts += [part for comparison in comparisons for part in comparison.parts]
    looks.notes += [note for comparison in comparisons for note in comparison.notes]
    found = [difference.probability for pair in comparisons for difference in pair.differences]
    others = sum(not pair.same_scene and not pair.failed for pair in comparisons)
    sure = math.prod([*found, *[OTHER_SCENE] * others]) if found or others else UNCHANGED
    if goal.asks == "what":
        text = comparisons[0].words if len(comparisons) == 1 else _by_still(looks.stills, comparisons)
    else:
        text = "yes" if bool(found or others) == (goal.asks == "different") else "no"
        sure = OTHER_SCENE if others and not found else max([UNCHANGED, *found])
    return replace(_divided(looks, text, sure), comparisons=comparisons)


def _by_still(stills: Sequence[Still], comparisons: Sequence[Comparison]) -> str:
    """Put what several stills show otherwise than the first in words, each behind its name."""
    return "; ".join(f"{label(stills[pair.after - 1], pair.after)}: {pair.words}" for pair in comparisons)


def _beginnings(there: Sequence[float]) -> list[float]:
    """Return the probability that something is there from each still on, 0 to all; of never, last."""
    kept = [min(max(p, 1e-6), 1 - 1e-6) for p in there]
    before = [0.0, *accumulate(math.log(1 - p) for p in kept)]
    after = [*accumulate((math.log(p) for p in reversed(kept)), initial=0.0)][::-1]
    likely = [math.exp(b + a) for b, a in zip(before, after, strict=True)]
    return [value / sum(likely) for value in likely]


def _around(cells: Sequence[tuple[int, int]], still: Still, side: int) -> Box:
    """Return the box, in pixels, of the cells, those between them, and MARGIN around: things are larger."""
    columns, rows = zip(*cells, strict=True)
    wide, high = still.size.width / side, still.size.height / side
    return Box(
        x0=max(0, min(columns) - MARGIN) * wide,
        y0=max(0, min(rows) - MARGIN) * high,
        x1=min(side, max(columns) + 1 + MARGIN) * wide,
        y1=min(side, max(rows) + 1 + MARGIN) * high,
    )


def _number(text: str) -> int | None:
    word = text.strip(" .").casefold()
    if word.isdecimal():
        return int(word)
    return NUMBERS.index(word) if word in NUMBERS else None
