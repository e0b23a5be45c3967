"""Lengths: distances, sizes, heights and places, each with the interval that holds it nine times in ten."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from ..memory.geometry import Array
from ..memory.placed import Measure, Vector
from .findings import Finding, between, give_or_take, length, the
from .localise import Located, Thing, standing
from .look import Eyes
from .relations import stand, view_words
from .scene_questions import Dimension, SceneQuestion
from .surfaces import Gap, bounds, footprint, gap, gap_to, reached
from .uncertainty import interval, spread, unknown

WALLS = frozenset({"wall", "nearest wall", "closest wall"})
"""Names of the planes that enclose a room, which are no pieces."""
STANDING = 0.03
"""Metres, or share of its height, by which what stands on the floor may seem to be above it."""
GUESSED, MORE = 0.25, 0.5
"""Where a side that no view saw is put, between what was seen of the thing and the farthest that it may be;
and that, over the thing's extent along the ground."""


def distance(_: Eyes, located: Located, question: SceneQuestion) -> Finding:
    """How far apart two things are, or one and a camera: the nearest of those that the names fit."""
    if len(question.things) == 1:
        return _to_camera(located, question)
    if WALLS & set(question.things):
        return _to_wall(located, question)
    pairs = _pairs(located, question.things)
    if not pairs:
        name = question.things[0]
        return Finding(f"I found only one {name}: there are no two to measure between.", "not found", 0.5, ())
    measured = [(_width(one, other, question.centres), k) for k, (one, other) in enumerate(pairs)]
    one, other = pairs[min(measured)[1]]
    both = [_gap(located, one, other), _centres(located, one, other)]
    first = both[1] if question.centres else both[0]
    notes = []
    if len(pairs) > 1:
        notes.append(f"{len(pairs)} pairs of things fit the names; this is the nearest pair")
    notes += _hidden(located, one, other)
    text = first[0].words + (f" Of {len(pairs)} pairs that fit, these are nearest." if len(pairs) > 1 else "")
    measures = tuple(each for each, _ in (both[::-1] if question.centres else both))
    return Finding(text, give_or_take(first[0]), first[0].confidence, measures, tuple(notes + first[1]))


def _to_wall(located: Located, question: SceneQuestion) -> Finding:
    """Tell how far a thing is from the nearest wall that views show."""
    name = next(thing for thing in question.things if thing not in WALLS)
    things, walls = located.of(name), located.proposals.walls
    if not walls:
        return Finding("I found no wall in the views that I looked at.", "not found", 0.5, ())
    normals = np.stack([wall.normal for wall in walls])
    heights = np.array([wall.height for wall in walls])
    ways = [-reached(thing.surface, -normals) - heights for thing in things]
    k, wall = min(
        ((k, w) for k in range(len(things)) for w in range(len(walls))),
        key=lambda pair: ways[pair[0]][pair[1]],
    )
    thing, value = things[k], max(0.0, float(ways[k][wall]))
    low, high = interval(value, float(np.hypot(_sigma(thing), walls[wall].sigma)))
    told = _told(value, low, high, located)
    words = f"{_start(the(thing, located.things))} is {told} from the nearest wall."
    foot = thing.centre - normals[wall] * (normals[wall] @ thing.centre - heights[wall])
    found = _measure(
        "distance", words, value, low, high, located, (thing,), (foot + normals[wall] * value, foot)
    )
    return Finding(words, give_or_take(found), found.confidence, (found,), tuple(_several(things, name)))


def _pairs(located: Located, names: tuple[str, ...]) -> list[tuple[Thing, Thing]]:
    first, second = located.of(names[0]), located.of(names[1])
    if names[0] == names[1]:
        return list(combinations(first, 2))
    return [(one, other) for one, other in product(first, second) if one.label != other.label]


def _width(one: Thing, other: Thing, centres: bool) -> float:
    if centres:
        return float(np.linalg.norm(one.centre - other.centre))
    return gap(one.surface, other.surface).width


def _gap(located: Located, one: Thing, other: Thing) -> tuple[Measure, list[str]]:
    found = gap(one.surface, other.surface)
    ends = unknown(located.scene, located.views, found.ends, 3 * located.slack)
    most = [MORE * max(thing.placed.size[:2]) if thing.placed.size else 0.0 for thing in (one, other)]
    lacking = min(sum(map(min, ends, most)), found.width)
    value = found.width - GUESSED * lacking
    sigma = float(np.hypot(2**0.5 * located.slack, spread(one.surface, other.surface)))
    low, high = interval(value, sigma, (1 - GUESSED) * lacking, GUESSED * lacking)
    notes = [
        f"no view shows the side of {the(thing, located.things)} that faces the other: the interval is wider"
        for thing, missing in zip((one, other), ends, strict=True)
        if missing
    ]
    words = f"{_names(located, one, other)} are {_told(value, low, high, located)} apart."
    return _measure("distance", words, value, low, high, located, (one, other), found.ends), notes


def _centres(located: Located, one: Thing, other: Thing) -> tuple[Measure, list[str]]:
    value = float(np.linalg.norm(one.centre - other.centre))
    low, high = interval(value, _sigma(one, other))
    told = _told(value, low, high, located)
    words = f"The centres of {the(one, located.things)} and {the(other, located.things)} are {told} apart."
    ends = (one.centre, other.centre)
    return _measure("centres", words, value, low, high, located, (one, other), ends), []


def _to_camera(located: Located, question: SceneQuestion) -> Finding:
    thing_name = question.things[0]
    things = located.of(thing_name)
    seen = stand(located, question.viewpoint, things[0].centre)
    ways = [gap_to(thing.surface, seen.eye) for thing in things]
    k = int(np.argmin([way.width for way in ways]))
    thing, way = things[k], ways[k]
    if question.centres:
        way = Gap(float(np.linalg.norm(thing.centre - seen.eye)), (thing.centre, seen.eye))
    low, high = interval(way.width, _sigma(thing))
    kind = "centres" if question.centres else "distance"
    place = view_words(located, seen.view) if seen.view else seen.words
    told = _told(way.width, low, high, located)
    words = f"{_start(the(thing, located.things))} is {told} from the camera of {place}."
    found = _measure(kind, words, way.width, low, high, located, (thing,), way.ends)
    return Finding(words, give_or_take(found), found.confidence, (found,))


def size(_: Eyes, located: Located, question: SceneQuestion) -> Finding:
    """How large a thing is: upright, and along the sides of the smallest upright box that holds it."""
    things = located.of(question.things[0])
    thing = things[0]
    sides, axes = footprint(thing.surface, located.up)
    low, high = _upright(located, thing)
    sigma = thing.placed.size_sigma
    values: dict[Dimension, float] = {
        "height": high - low, "width": float(sides[0]), "length": float(sides[0]), "depth": float(sides[1])
    }  # fmt: skip
    wanted: tuple[Dimension, ...] = (
        (question.dimension,) if question.dimension else ("height", "width", "depth")
    )
    corner = thing.centre
    measures = []
    for dimension in wanted:
        value = values[dimension]
        least, most = interval(value, sigma)
        told = _told(value, least, most, located)
        words = f"{_start(the(thing, located.things))} is {told} {_ADJECTIVES[dimension]}."
        along = located.up if dimension == "height" else axes[1 if dimension == "depth" else 0]
        ends = (corner - along * value / 2, corner + along * value / 2)
        measures.append(_measure("size", words, value, least, most, located, (thing,), ends))
    first = measures[0]
    text = " ".join(one.words for one in measures)
    short = " x ".join(length(one.value or 0.0, located.scene.unit) for one in measures)
    if len(measures) == 1:
        short = give_or_take(first)
    notes = tuple(_several(things, question.things[0]) + _hidden(located, thing))
    return Finding(text, short, first.confidence, tuple(measures), notes)


_ADJECTIVES: dict[Dimension, str] = {"height": "high", "width": "wide", "length": "long", "depth": "deep"}


def height(_: Eyes, located: Located, question: SceneQuestion) -> Finding:
    """How high above the floor a thing is: its underside; and its top."""
    things = located.of(question.things[0])
    thing, floor = things[0], located.ground
    if floor is None:
        text = f"I found the {question.things[0]}, but no floor below it to measure from."
        return Finding(text, "no floor found", thing.placed.confidence, ())
    low, high = _upright(located, thing)
    value, top = max(0.0, low - floor.height), high - floor.height
    sigma = float(np.hypot(thing.placed.size_sigma / 2**0.5, floor.sigma))
    least, most = interval(value, sigma)
    unit, name = located.scene.unit, _start(the(thing, located.things))
    words = f"{name} is {_told(value, least, most, located)} above the floor"
    if value <= STANDING * max(top, 1e-9):
        words = f"{name} stands on the floor: 0.00 {unit} above it"
    words = f"{words}; its top is {length(top, unit)} above it."
    end = thing.centre + located.up * (low - located.up @ thing.centre)
    ends = (end, end - located.up * value)
    found = _measure("height", words, value, least, most, located, (thing,), ends)
    notes = tuple(_several(things, question.things[0]))
    return Finding(words, give_or_take(found), found.confidence, (found,), notes)


def where(_: Eyes, located: Located, question: SceneQuestion) -> Finding:
    """Where a thing is: from the camera of a view, and above the floor."""
    things = located.of(question.things[0])
    thing = things[0]
    seen = stand(located, question.viewpoint, thing.centre)
    right, away, _up = seen.place(thing.centre)
    unit = located.scene.unit
    above = ""
    if located.ground is not None:
        over = max(0.0, float(located.up @ thing.centre) - located.ground.height)
        above = f", its centre {length(over, unit)} above the floor"
    words = (
        f"{_start(the(thing, located.things))} is {length(abs(away), unit)} "
        f"{'ahead' if away >= 0 else 'behind'} and {length(abs(right), unit)} to the "
        f"{'right' if right >= 0 else 'left'}, {seen.words}{above}."
    )
    value = float(np.linalg.norm(thing.centre - seen.eye))
    low, high = interval(value, _sigma(thing))
    found = _measure("where", words, value, low, high, located, (thing,), (seen.eye, thing.centre))
    notes = tuple(_several(things, question.things[0]))
    return Finding(words, f"{length(abs(away), unit)} ahead", found.confidence, (found,), notes)


def _upright(located: Located, thing: Thing) -> tuple[float, float]:
    """Return the lowest and the highest place of a thing along the up direction, completed by the floor."""
    corners = bounds(thing.surface, located.axes)
    if located.ground is not None:
        corners = standing(corners, located.ground.height)
    return float(corners[0, 2]), float(corners[1, 2])


def _sigma(*things: Thing) -> float:
    return float(np.sqrt(sum(np.trace(np.asarray(thing.placed.covariance)) / 3 for thing in things)))


def _told(value: float, low: float, high: float, located: Located) -> str:
    return f"{length(value, located.scene.unit)} ({between(low, high, located.scene.unit)})"


def _names(located: Located, one: Thing, other: Thing) -> str:
    return _start(f"{the(one, located.things)} and {the(other, located.things)}")


def _start(words: str) -> str:
    return words[:1].upper() + words[1:]


def _several(things: list[Thing], name: str) -> list[str]:
    if len(things) < 2:
        return []
    return [f"{len(things)} things fit the name {name!r}; this is about the likeliest"]


def _hidden(located: Located, *things: Thing) -> list[str]:
    """Say of which things few views show all, or only parts."""
    notes = []
    for thing in things:
        name, patches = the(thing, located.things), thing.piece.patches
        if len(patches) == 1:
            notes.append(f"only one view shows {name}: its far side is not known, and the interval is wider")
        elif all(patch.cut for patch in patches.values()):
            notes.append(f"every view cuts {name} off at its border: it may be larger")
    return notes


def _measure(
    kind: str,
    words: str,
    value: float,
    low: float,
    high: float,
    located: Located,
    things: tuple[Thing, ...],
    ends: tuple[Array, Array],
) -> Measure:
    start, end = (_vector(point) for point in ends)
    return Measure(
        kind=kind,  # type: ignore[arg-type]
        words=words,
        value=value,
        low=low,
        high=high,
        unit=located.scene.unit,
        between=tuple(thing.label for thing in things),
        ends=(start, end),
        confidence=float(np.prod([thing.placed.confidence for thing in things])),
    )


def _vector(point: Array) -> Vector:
    return float(point[0]), float(point[1]), float(point[2])
