"""Questions about one sheet, with exact answers.

A question is only asked where its answer is clear: centres too close to a border between two words, or two
candidates too close to each other, are passed over. Answers are lower case, as the tokenizer is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from .things import COLORS, SHAPES, SIZES, Sheet, Thing
from .wording import EXTREMES, RELATIONS, ask

NONE = "there is none"
NO_TEXT = "there is no text"
CELLS = 10
"""A sheet is CELLS x CELLS cells for pointing: the answer is the column and the row, from 0."""
MISSING = 0.07
"""Share of questions about a thing that is not there."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its one right answer.

    ``kind`` names the row of the results table it counts for. For the dense losses of training, ``subjects``
    are up to two things that must be found to answer it, and ``stills`` the stills that show them.
    """

    kind: str
    text: str
    answer: str
    subjects: tuple[Thing, ...] = ()
    stills: tuple[int, ...] = ()


class Found(NamedTuple):
    """What a sheet gives for a question: its answer, the words for its slots, and what it is about."""

    answer: str
    slots: dict[str, str]
    subjects: tuple[Thing, ...] = ()


def plural(name: str) -> str:
    """Return the plural of a thing's name."""
    return name + ("es" if name.endswith("cross") else "s")


def where(x: float, y: float, width: float, height: float) -> str | None:
    """Put a place in words.

    Parameters
    ----------
    x, y, width, height : a point and the sheet it is on, in units

    Returns
    -------
    str or None
        One of nine places; None within 3 units of a border between two of them.
    """
    for value, side in ((x, width), (y, height)):
        if min(abs(value - side / 3), abs(value - 2 * side / 3)) < 3:
            return None
    row = ("top", "", "bottom")[min(2, int(y * 3 / height))]
    column = ("left", "", "right")[min(2, int(x * 3 / width))]
    return f"{row} {column}".strip() or "center"


def cell(x: float, y: float, width: float, height: float) -> str:
    """Return the column and the row of the cell that holds a point of a sheet; all in units."""
    return f"{min(CELLS - 1, int(x * CELLS / width))} {min(CELLS - 1, int(y * CELLS / height))}"


def caption(things: tuple[Thing, ...]) -> str:
    """List all things, from left to right."""
    return " , ".join(f"a {t.size} {t.name}" for t in sorted(things, key=lambda t: t.x))


def references(things: tuple[Thing, ...], rng: random.Random) -> list[tuple[Thing, str]]:
    """Find the things that a few words single out, with them: mostly the name, at times less or more."""
    out = []
    for t in things:
        words = [t.shape, f"{t.color} thing", t.name, f"{t.size} {t.name}"]
        alike = [
            sum(o.shape == t.shape for o in things),
            sum(o.color == t.color for o in things),
            sum(o.name == t.name for o in things),
            sum(o.name == t.name and o.size == t.size for o in things),
        ]
        odds = [w if n == 1 else 0 for n, w in zip(alike, (0.12, 0.06, 1.0, 0.12), strict=True)]
        if any(odds):
            out.append((t, rng.choices(words, odds)[0]))
    return out


def absent(things: tuple[Thing, ...], rng: random.Random) -> str:
    """Draw a name that no thing has, mostly one that shares colour or shape with things that are there."""
    names = {t.name for t in things}
    free = [(c, s) for c in COLORS for s in SHAPES if f"{c} {s}" not in names]
    hard = [p for p in free if any(t.color == p[0] for t in things) and any(t.shape == p[1] for t in things)]
    half = [p for p in free if any(t.color == p[0] or t.shape == p[1] for t in things)]
    color, shape = rng.choice(
        hard if hard and rng.random() < 0.55 else half if half and rng.random() < 0.8 else free
    )
    return f"{color} {shape}"


def _refer(sheet: Sheet, rng: random.Random, missing: float = MISSING) -> tuple[Thing | None, str] | None:
    """Draw a thing and its words, or None and the words of a thing that is not there."""
    if rng.random() < missing:
        return None, absent(sheet.things, rng)
    known = references(sheet.things, rng)
    return rng.choice(known) if known else None


def either(answer: str, others: Sequence[str], rng: random.Random) -> dict[str, str]:
    """Offer the answer and another one, in any order, to the patterns that ask "this or that ?"."""
    offered = [answer, rng.choice([o for o in others if o != answer])]
    rng.shuffle(offered)
    return dict(zip(("this", "that"), offered, strict=True))


def _shape(sheet: Sheet, rng: random.Random) -> Found | None:
    colors = [t.color for t in sheet.things]
    if rng.random() < MISSING:
        missing = rng.choice([c for c in COLORS if c not in colors])
        return Found(NONE, {"x": missing} | either(rng.choice(SHAPES), SHAPES, rng))
    only = [t for t in sheet.things if colors.count(t.color) == 1]
    if not only:
        return None
    thing = rng.choice(only)
    return Found(thing.shape, {"x": thing.color} | either(thing.shape, SHAPES, rng), (thing,))


def _color(sheet: Sheet, rng: random.Random) -> Found | None:
    shapes = [t.shape for t in sheet.things]
    if rng.random() < MISSING and len(set(shapes)) < len(SHAPES):
        missing = rng.choice([s for s in SHAPES if s not in shapes])
        return Found(NONE, {"x": missing} | either(rng.choice(list(COLORS)), list(COLORS), rng))
    only = [(t, t.shape) for t in sheet.things if shapes.count(t.shape) == 1]
    sized = [
        (t, f"{t.size} {t.shape}")
        for t in sheet.things
        if sum(o.shape == t.shape and o.size == t.size for o in sheet.things) == 1
    ]
    choices = only if only and rng.random() < 0.8 else sized
    if not choices:
        return None
    thing, words = rng.choice(choices)
    return Found(thing.color, {"x": words} | either(thing.color, list(COLORS), rng), (thing,))


def _size(sheet: Sheet, rng: random.Random) -> Found | None:
    if rng.random() < MISSING:
        return Found(NONE, {"x": absent(sheet.things, rng)})
    only = [t for t in sheet.things if sum(o.name == t.name for o in sheet.things) == 1]
    if not only:
        return None
    thing = rng.choice(only)
    return Found(thing.size, {"x": thing.name}, (thing,))


def _count(sheet: Sheet, rng: random.Random) -> Found:
    return Found(str(len(sheet.things)), {})


def _tally(
    sheet: Sheet, rng: random.Random, key: Callable[[Thing], str], values: list[str]
) -> tuple[str, int]:
    """Draw a value and tell how many things have it; every count that occurs is as likely as any other."""
    counts = {v: sum(key(t) == v for t in sheet.things) for v in values}
    wanted = rng.choice(sorted(set(counts.values())))
    value = rng.choice([v for v, n in counts.items() if n == wanted])
    return value, wanted


def _count_by(sheet: Sheet, rng: random.Random) -> Found:
    if rng.random() < 0.15:
        value, n = _tally(sheet, rng, lambda t: t.size, list(SIZES))
    else:
        value, n = _tally(sheet, rng, lambda t: t.color, list(COLORS))
    return Found(str(n), {"x": value}, tuple(t for t in sheet.things if value in (t.size, t.color))[:2])


def _count_of(sheet: Sheet, rng: random.Random) -> Found:
    if rng.random() < 0.65:
        value, n = _tally(sheet, rng, lambda t: t.shape, list(SHAPES))
    else:
        names = sorted({t.name for t in sheet.things} | {absent(sheet.things, rng)})
        value, n = _tally(sheet, rng, lambda t: t.name, names)
    return Found(
        str(n), {"x": plural(value)}, tuple(t for t in sheet.things if value in (t.shape, t.name))[:2]
    )


def _extreme(sheet: Sheet, rng: random.Random) -> Found | None:
    side = rng.choice(list(EXTREMES))
    axis: Callable[[Thing], float] = {
        "left": lambda t: t.x,
        "right": lambda t: -t.x,
        "top": lambda t: t.y,
        "bottom": lambda t: -t.y,
    }[side]
    order = sorted(sheet.things, key=axis)
    if len(order) < 2 or axis(order[1]) - axis(order[0]) < 5:
        return None
    return Found(order[0].name, {"w": rng.choice(EXTREMES[side])}, (order[0],))


def _where(sheet: Sheet, rng: random.Random) -> Found | None:
    known = _refer(sheet, rng)
    if known is None:
        return None
    thing, words = known
    place = where(thing.x, thing.y, sheet.width, sheet.height) if thing else NONE
    return Found(place, {"x": words}, (thing,) if thing else ()) if place else None


def _point(sheet: Sheet, rng: random.Random) -> Found | None:
    known = _refer(sheet, rng)
    if known is None:
        return None
    thing, words = known
    answer = cell(thing.x, thing.y, sheet.width, sheet.height) if thing else NONE
    return Found(answer, {"x": words}, (thing,) if thing else ())


def _exists(sheet: Sheet, rng: random.Random) -> Found | None:
    yes, form = rng.random() < 0.5, rng.random()
    if form < 0.6:
        words = rng.choice(sheet.things).name if yes else absent(sheet.things, rng)
    else:
        pool = SHAPES if form < 0.85 else tuple(f"{c} thing" for c in COLORS)
        there = {t.shape for t in sheet.things} | {f"{t.color} thing" for t in sheet.things}
        fitting = [w for w in pool if (w in there) == yes]
        if not fitting:
            return None
        words = rng.choice(fitting)
    meant = tuple(t for t in sheet.things if words in (t.name, t.shape, f"{t.color} thing"))
    return Found("yes" if yes else "no", {"x": words, "xs": plural(words)}, meant if len(meant) == 1 else ())


def _relation(sheet: Sheet, rng: random.Random) -> Found | None:
    known = references(sheet.things, rng)
    if len(known) < 2:
        return None
    for _ in range(6):
        (a, a_words), (b, b_words) = rng.sample(known, 2)
        axis = rng.choice("xy")
        gap = (b.x - a.x) if axis == "x" else (b.y - a.y)
        if abs(gap) < 10:
            continue
        yes = rng.random() < 0.5
        lesser, greater = ("left", "right") if axis == "x" else ("above", "below")
        key = lesser if (gap > 0) == yes else greater
        slots = {"a": a_words, "b": b_words, "r": rng.choice(RELATIONS[key])}
        return Found("yes" if yes else "no", slots, (a, b))
    return None


def _nearest(sheet: Sheet, rng: random.Random) -> Found | None:
    if len(sheet.things) < 3:
        return None
    known = _refer(sheet, rng, missing=MISSING / 4)  # most sheets have no clear nearest thing
    if known is None:
        return None
    thing, words = known
    if thing is None:
        return Found(NONE, {"x": words})
    others = [o for o in sheet.things if o is not thing]
    others.sort(key=lambda o: ((o.x - thing.x) ** 2 + (o.y - thing.y) ** 2, o.name))
    near, far = ((o.x - thing.x) ** 2 + (o.y - thing.y) ** 2 for o in others[:2])
    return Found(others[0].name, {"x": words}, (thing, others[0])) if far > 1.5 * near else None


def _read(sheet: Sheet, rng: random.Random) -> Found | None:
    if sheet.writing is None:
        return Found(NO_TEXT, {}) if rng.random() < 0.1 else None
    return Found(sheet.writing.text.lower(), {})


def _caption(sheet: Sheet, rng: random.Random) -> Found | None:
    xs = sorted(t.x for t in sheet.things)
    clear = all(b - a > 2.5 for a, b in pairwise(xs))
    first = tuple(sorted(sheet.things, key=lambda t: t.x)[:2])
    return Found(caption(sheet.things), {}, first) if clear and len(xs) <= 5 else None


PHOTO_KINDS: dict[str, Callable[[Sheet, random.Random], Found | None]] = {
    "shape": _shape,
    "color": _color,
    "size": _size,
    "count": _count,
    "count_by": _count_by,
    "count_of": _count_of,
    "extreme": _extreme,
    "where": _where,
    "point": _point,
    "exists": _exists,
    "relation": _relation,
    "nearest": _nearest,
    "read": _read,
    "caption": _caption,
}
"""How each kind of question about a photo is drawn; None where the sheet gives no clear one."""


def about(sheet: Sheet, kind: str, rng: random.Random, held_out: bool = False) -> Question | None:
    """Ask one question about a sheet.

    Parameters
    ----------
    sheet : what it is about
    kind : a key of PHOTO_KINDS
    rng : the only source of chance
    held_out : word it by the held-out patterns

    Returns
    -------
    Question or None
        None where the sheet gives no clear one.
    """
    found = PHOTO_KINDS[kind](sheet, rng)
    if found is None:
        return None
    return Question(kind, ask(kind, rng, held_out, **found.slots), found.answer, found.subjects)
