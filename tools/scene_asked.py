"""What is asked about a held-out scene, in wordings of its own, with the right answer to each question."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from . import scene_truth as truth
from .llava_next.pocket.blocks import SOLIDS, Solid, Table, View
from .llava_next.pocket.questions import plural
from .llava_next.pocket.things import COLORS

Group = Literal["distance", "size", "counting", "relations", "last seen"]
GROUPS: dict[str, Group] = {
    "gap": "distance", "centres": "distance", "height": "size", "width": "size", "count": "counting",
    "side": "relations", "depth": "relations", "nearer": "relations", "facing": "relations",
    "nearest": "relations", "seen": "last seen",
}  # fmt: skip
"""Kinds of questions, and what each tests."""
WORDINGS: dict[str, tuple[str, ...]] = {
    "gap": (
        "How wide is the gap between the {a} and the {b}?",
        "Say how far the {a} stands from the {b}.",
        "If I go from the {a} to the {b}, how far is that?",
        "By how many metres are the {a} and the {b} apart?",
        "What is the clear distance from the {a} across to the {b}?",
        "How near does the {a} stand to the {b}?",
    ),
    "centres": (
        "Measured from centre to centre, how far apart are the {a} and the {b}?",
        "Give the distance between the {a} and the {b} from middle to middle.",
        "What is the distance of the {a} from the {b}, taken from centre to centre?",
        "How far apart are the centres of the {a} and the {b}?",
    ),
    "height": (
        "How much does the {a} measure in height?",
        "What is the {a}'s height?",
        "How high does the {a} rise?",
        "Estimate the height of the {a}.",
    ),
    "width": ("How wide would you say the {a} is?", "How wide do you think the {a} is?"),
    "count": (
        "How many {xs} can be found here?",
        "How many {xs} have you seen altogether?",
        "Please count all {xs} in the scene.",
        "How many {xs} are there in the whole scene?",
        "Find the number of {xs}.",
        "In all views together, how many different {xs} do you see?",
    ),
    "side": (
        "When I look from view {k}, is the {a} on the {side} side of the {b}?",
        "View {k}: is the {a} {side} of the {b}?",
        "Does the {a} appear to the {side} of the {b} from view {k}?",
        "As view {k} shows it, is the {a} to the {side} of the {b}?",
    ),
    "depth": (
        "From where view {k} was taken, is the {a} {depth} the {b}?",
        "Looking from view {k}, does the {a} lie {depth} the {b}?",
        "Is the {a} standing {depth} the {b}, when looked at from view {k}?",
    ),
    "nearer": (
        "From view {k}, which one is nearer: the {a} or the {b}?",
        "Which of the two is nearer to view {k}, the {a} or the {b}?",
        "To view {k}, is the {a} or the {b} closer?",
    ),
    "facing": (
        "I stand at the {a}, facing the {b}. Is the {c} on my {side}?",
        "If I am at the {a} and I face the {b}, is the {c} on the {side}?",
        "Standing next to the {a} and looking at the {b}, is the {c} to the {side}?",
    ),
    "nearest": (
        "Which object stands nearest to the {a}?",
        "What is the thing closest to the {a}?",
        "What is the closest thing to the {a}?",
        "Which thing is the {a}'s nearest neighbour?",
    ),
    "seen": (
        "In which view did you last see the {a}?",
        "What was the last view that showed the {a}?",
        "Where was it that I last saw the {a}?",
        "In what view is the {a} visible last?",
    ),
}
"""Other sentences than those of the tests of :mod:`.scene_questions`."""
YES_NO = ("Yes", "No")
LENGTHS = tuple(f"{decimetres / 10:.1f} m" for decimetres in range(1, 51))
"""Lengths to choose from, for a model that cannot measure."""
NUMBERS = tuple(str(number) for number in range(13))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a scene and its one right answer.

    Parameters
    ----------
    kind : str
        A key of :data:`GROUPS`.
    question, answer : str
    value : float or None
        The length in metres that is the answer, or the count.
    options : tuple of str
        The answers that there are; the model alone is told them.
    """

    kind: str
    question: str
    answer: str
    value: float | None = None
    options: tuple[str, ...] = ()

    @property
    def group(self) -> Group:
        """What it tests."""
        return GROUPS[self.kind]


_Slots = tuple[dict[str, str], str, float | None, tuple[str, ...]]


def ask(table: Table, pixels: NDArray[np.int64], rng: random.Random) -> Iterator[Asked]:
    """Ask one question of every kind about a scene, of the distance and of counts three.

    Parameters
    ----------
    table : Table
    pixels : (views, solids)
        How many pixels of each solid each view shows.
    rng : the only source of chance
    """
    often = Counter(solid.name for solid in table.solids)
    single = [solid for solid in table.solids if often[solid.name] == 1]
    done: set[tuple[str, ...]] = set()
    for kind in ("gap", "gap", "centres", "height", "width", "side", "depth", "nearer", "facing", "nearest"):
        for _ in range(30):
            found = _MAKERS[kind](rng, table, single)
            about = (kind, *sorted(found[0].values())) if found else ()
            if found and about not in done:
                done.add(about)
                yield _worded(rng, kind, *found)
                break
    for thing in _counted(rng, table):
        number = sum(thing in (s.name, f"{s.color} thing", s.shape, "thing") for s in table.solids)
        yield _worded(rng, "count", {"xs": plural(thing)}, str(number), number, NUMBERS)
    yield from _last(rng, table, pixels, single)


def _worded(
    rng: random.Random,
    kind: str,
    slots: dict[str, str],
    answer: str,
    value: float | None,
    options: tuple[str, ...],
) -> Asked:
    text = rng.choice(WORDINGS[kind]).format(**slots)
    return Asked(kind, text if rng.random() < 0.8 else text[:-1], answer, value, options)


def _counted(rng: random.Random, table: Table) -> list[str]:
    """Choose what to count: by colour and shape, by one of them, or all; now and then there is none."""
    solid = rng.choice(table.solids)
    missing = [f"{c} {s}" for c in COLORS for s in SOLIDS if all(o.name != f"{c} {s}" for o in table.solids)]
    exact = rng.choice(missing) if rng.random() < 0.25 else solid.name
    return [exact, rng.choice((f"{solid.color} thing", solid.shape)), "thing"]


def _last(
    rng: random.Random, table: Table, pixels: NDArray[np.int64], single: list[Solid]
) -> Iterator[Asked]:
    """Ask which view shows a solid last: one that is well seen there, and not at all later."""
    views = tuple(f"view {number + 1}" for number in range(len(table.views)))
    known = []
    for solid in single:
        shown = pixels[:, table.solids.index(solid)]
        last = int(np.flatnonzero(shown)[-1])
        if shown[last] >= LAST_PIXELS:
            known.append((last < len(views) - 1, solid, last))
    if known:
        _, solid, last = max(rng.sample(known, len(known)), key=lambda one: one[0])
        yield _worded(rng, "seen", {"a": solid.name}, views[last], None, views)


LAST_PIXELS = 300
"""Pixels of a solid in the view that shows it last."""


def _pairs(rng: random.Random, single: list[Solid], count: int = 2) -> list[Solid]:
    return rng.sample(single, count) if len(single) >= count else []


def _length(
    measure: Callable[[Solid, Solid], float],
) -> Callable[[random.Random, Table, list[Solid]], _Slots | None]:
    def make(rng: random.Random, table: Table, single: list[Solid]) -> _Slots | None:
        if not (pair := _pairs(rng, single)):
            return None
        value = measure(*pair)
        return {"a": pair[0].name, "b": pair[1].name}, f"{value:.3f} m", value, LENGTHS

    return make


def _extent(axis: int) -> Callable[[random.Random, Table, list[Solid]], _Slots | None]:
    def make(rng: random.Random, table: Table, single: list[Solid]) -> _Slots | None:
        if not single:
            return None
        solid = rng.choice(single)
        value = 2 * solid.half[axis]
        return {"a": solid.name}, f"{value:.3f} m", value, LENGTHS

    return make


def _yes(holds: bool) -> tuple[str, None, tuple[str, ...]]:
    return YES_NO[not holds], None, YES_NO


def _seen_from(rng: random.Random, table: Table) -> tuple[str, View]:
    number = rng.randrange(len(table.views))
    return str(number + 1), table.views[number]


def _side(rng: random.Random, table: Table, single: list[Solid]) -> _Slots | None:
    number, view = _seen_from(rng, table)
    if not (pair := _pairs(rng, single)) or not (side := truth.side(view, *pair)):
        return None
    said = rng.choice(("left", "right"))
    return {"a": pair[0].name, "b": pair[1].name, "k": number, "side": said}, *_yes(said == side)


def _depth(rng: random.Random, table: Table, single: list[Solid]) -> _Slots | None:
    number, view = _seen_from(rng, table)
    if not (pair := _pairs(rng, single)) or (behind := truth.behind(view, *pair)) is None:
        return None
    said = rng.choice(("behind", "in front of"))
    return {"a": pair[0].name, "b": pair[1].name, "k": number, "depth": said}, *_yes(
        (said == "behind") == behind
    )


def _nearer(rng: random.Random, table: Table, single: list[Solid]) -> _Slots | None:
    number, view = _seen_from(rng, table)
    if not (pair := _pairs(rng, single)) or (first := truth.nearer(view, *pair)) is None:
        return None
    names = (pair[0].name, pair[1].name)
    return {"a": names[0], "b": names[1], "k": number}, names[not first], None, names


def _facing(rng: random.Random, table: Table, single: list[Solid]) -> _Slots | None:
    if not (three := _pairs(rng, single, 3)) or not (side := truth.facing(*three)):
        return None
    said = rng.choice(("left", "right"))
    names = dict(zip("abc", (solid.name for solid in three), strict=True))
    return {**names, "side": said}, *_yes(said == side)


def _nearest(rng: random.Random, table: Table, single: list[Solid]) -> _Slots | None:
    if not single:
        return None
    solid = rng.choice(single)
    found = truth.nearest(solid, [other for other in table.solids if other is not solid])
    if found is None:
        return None
    others = dict.fromkeys(other.name for other in table.solids if other is not solid)
    return {"a": solid.name}, found.name, None, tuple(others)


_MAKERS: dict[str, Callable[[random.Random, Table, list[Solid]], _Slots | None]] = {
    "gap": _length(truth.gap),
    "centres": _length(truth.centres),
    "height": _extent(2),
    "width": _extent(0),
    "side": _side,
    "depth": _depth,
    "nearer": _nearer,
    "facing": _facing,
    "nearest": _nearest,
}
