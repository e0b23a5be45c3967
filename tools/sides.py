"""Sides: answers to which side a thing is on, what is there, and what is nearest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..memory import Still
from ..memory.placed import Measure
from .findings import Finding, length, the
from .instances import GENERIC, Asking, clear_views
from .localise import Located, Thing
from .look import Eyes
from .naming import NAME
from .relations import MINE, OPPOSITE, WORDS, Stand, difference, likely, stand
from .scene_questions import SIDES, SceneQuestion, Side
from .small_looks import Part
from .surfaces import gap, gap_to

COLOR, SHAPE = "What color is it?", "What shape is it?"
"""Asked of a crop of one thing where the model tells these one by one."""
ASKED = 3
"""Views in which a thing is asked what it is, at most."""


def relation(_: Eyes, located: Located, question: SceneQuestion) -> Finding:
    """On which side a thing is of another one or of who looks; or whether it is on one."""
    one = located.of(question.things[0])[0]
    other = _other(located, question, one)
    about = (one.centre + other.centre) / 2 if other is not None else one.centre
    seen = stand(located, question.viewpoint, about)
    offered: Sequence[Side] = (question.relation,) if question.relation else question.offered or SIDES
    if len(offered) > 1:
        side = max(offered, key=lambda each: difference(located, seen, one, other, each))
    else:
        side = offered[0]
    sure = likely(located, seen, one, other, side)
    if question.relation and sure < 0.5:
        side, sure = OPPOSITE[side], 1 - sure
        if not question.polar and other is not None:  # which of the two: it holds of the other one
            one, other, side = other, one, question.relation
    words = _side_words(located, one, other, side)
    holds = side == question.relation
    answer = f"{('Yes' if holds else 'No')}: {words}" if question.polar else words[:1].upper() + words[1:]
    text = f"{answer}, {seen.words}."
    things = tuple(thing for thing in (one, other) if thing is not None)
    confidence = sure * float(np.prod([thing.placed.confidence for thing in things]))
    found = Measure(
        kind="relation", words=text, between=tuple(thing.label for thing in things), confidence=confidence
    )
    short = ("yes" if holds else "no") if question.polar else MINE[side]
    if question.relation and not question.polar:
        short = one.placed.name
    return Finding(text, short, confidence, (found,), _assumed(question, seen))


def _other(located: Located, question: SceneQuestion, one: Thing) -> Thing | None:
    if len(question.things) < 2:
        return None
    some = [thing for thing in located.of(question.things[1]) if thing.label != one.label]
    return some[0] if some else None


def _side_words(located: Located, one: Thing, other: Thing | None, side: Side) -> str:
    first = the(one, located.things)
    if other is None:
        return f"{first} is {MINE[side]}"
    return f"{first} is {WORDS[side]} {the(other, located.things)}"


def _assumed(question: SceneQuestion, seen: Stand) -> tuple[str, ...]:
    if question.viewpoint is not None or question.relation in ("above", "below"):
        return ()
    return (f"the question does not say from where: this is {seen.words}",)


def behind(eyes: Eyes, located: Located, question: SceneQuestion) -> Finding:
    """Tell what is on a side of a thing, or of who looks: the nearest one there first."""
    things = located.of(question.things[0]) if question.things else []
    anchor = things[0] if things else None
    others = [thing for thing in _candidates(located, question) if thing is not anchor]
    about = anchor.centre if anchor is not None else located.scene.view(located.views[0]).camera.centre
    seen = stand(located, question.viewpoint, about)
    side = question.relation or "behind"
    there = [thing for thing in others if _mainly(located, seen, thing, anchor, side)]
    start = anchor.centre if anchor is not None else seen.eye
    there.sort(key=lambda thing: float(np.linalg.norm(thing.centre - start)))
    place = f"{WORDS[side]} {the(anchor, located.things)}" if anchor is not None else MINE[side]
    if not there:
        text = f"Nothing that I found is {place}, {seen.words}."
        found = Measure(kind="relation", words=text, confidence=0.6)
        return Finding(text, "nothing", 0.6, (found,), _assumed(question, seen))
    named, parts = names_of(eyes, located, there)
    listed = _listed([named[thing.label] for thing in there])
    verb = "is" if len(there) == 1 else "are"
    text = f"{listed[:1].upper()}{listed[1:]} {verb} {place}, {seen.words}."
    sure = float(np.prod([likely(located, seen, thing, anchor, side) for thing in there]))
    labels = tuple(thing.label for thing in (*there, *([anchor] if anchor is not None else [])))
    found = Measure(kind="relation", words=text, between=labels, confidence=sure)
    return Finding(text, listed, sure, (found,), _assumed(question, seen), parts)


def _mainly(located: Located, seen: Stand, thing: Thing, anchor: Thing | None, side: Side) -> bool:
    """Tell whether a thing is on a side more than on any other one."""
    along = difference(located, seen, thing, anchor, side)
    if side in ("above", "below"):
        return along > 0
    across: Side = "right" if side in ("front", "behind") else "behind"
    return along > 0 and along >= abs(difference(located, seen, thing, anchor, across))


def nearest(eyes: Eyes, located: Located, question: SceneQuestion) -> Finding:
    """Tell what is nearest to a thing or to a camera, between nearest surfaces; or farthest."""
    things = located.of(question.things[0]) if question.things else []
    anchor = things[0] if things else None
    others = [thing for thing in _candidates(located, question) if thing is not anchor]
    unit = located.scene.unit
    if not others:
        return Finding("I found nothing else in the views that I looked at.", "nothing", 0.5, ())
    if anchor is not None:
        ways, place = [gap(thing.surface, anchor.surface) for thing in others], the(anchor, located.things)
    else:
        seen = stand(located, question.viewpoint, others[0].centre)
        ways, place = [gap_to(thing.surface, seen.eye) for thing in others], f"the camera, {seen.words}"
    farther = question.relation == "farther"
    order = np.argsort([way.width for way in ways], kind="stable")[:: -1 if farther else 1]
    thing, way = others[int(order[0])], ways[int(order[0])]
    named, parts = names_of(eyes, located, [thing])
    name, how = named[thing.label], "farthest from" if farther else "nearest to"
    words = f"{name[:1].upper()}{name[1:]} is {how} {place}: {length(way.width, unit)} away."
    labels = (thing.label, anchor.label) if anchor is not None else (thing.label,)
    found = Measure(
        kind="relation",
        words=words,
        between=labels,
        ends=tuple(tuple(float(x) for x in end) for end in way.ends),  # type: ignore[arg-type]
        confidence=thing.placed.confidence,
    )
    return Finding(words, named[thing.label], found.confidence, (found,), (), parts)


def _candidates(located: Located, question: SceneQuestion) -> list[Thing]:
    if question.among:
        return located.of(question.among)
    return [thing for thing in located.things if thing.called.get("thing", 0.0) > 0]


def names_of(
    eyes: Eyes, located: Located, things: Sequence[Thing]
) -> tuple[dict[int, str], tuple[Part, ...]]:
    """Return what things are, by label: as they were asked for, or else as the eyes call them."""
    named = {thing.label: the(thing, located.things) for thing in things}
    unnamed = [thing for thing in things if thing.placed.name in GENERIC]
    if not unnamed:
        return named, ()
    pieces = located.proposals.pieces
    asking = Asking(eyes, located.scene, pieces, 0, [], [])
    questions = (COLOR, SHAPE) if eyes.checkpoint.cells else (NAME,)
    asked = [
        (thing, view, question)
        for thing in unnamed
        for view in clear_views(thing.piece)[:ASKED]
        for question in questions
    ]
    where = {id(piece): k for k, piece in enumerate(pieces)}
    prompts: list[list[str | Still]] = [
        [asking.crop(where[id(t.piece)], view), question] for t, view, question in asked
    ]
    answers = eyes.answers(prompts)
    votes: dict[tuple[int, str], dict[str, float]] = {}
    parts = []
    for (thing, view, question), answer in zip(asked, answers, strict=True):
        said = answer.text.casefold().strip(" .").removeprefix("a ").removeprefix("an ").removeprefix("the ")
        of = votes.setdefault((thing.label, question), {})
        of[said] = of.get(said, 0.0) + answer.confidence
        number = located.scene.names.index(view)
        parts.append(Part(number, question, answer.text, answer.confidence))
    for thing in unnamed:
        words = [max(votes[thing.label, q].items(), key=lambda item: item[1])[0] for q in questions]
        named[thing.label] = f"the {' '.join(words)}"
    return named, tuple(parts)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
