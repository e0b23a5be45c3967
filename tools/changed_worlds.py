"""Changed worlds: pairs of the pocket's worlds that differ in one thing, in a sign's text, or in nothing.

They are drawn with their geometry, so where and what differs is known to the pixel.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..memory import Box
from .changed_pairs import Pair, Truth, bounds
from .differences import Kind
from .llava_next.pocket.questions import Question
from .llava_next.pocket.several import NOTHING, World
from .llava_next.pocket.things import (
    SIZES,
    Thing,
    Writing,
    draw_thing,
    draw_writing,
    random_sheet,
    random_text,
)
from .llava_next.pocket.worlds import ASPECTS, PIXELS_PER_UNIT, worlds

WRITTEN = 0.2
"""Share of the pairs that show a sign; three of five signs change."""
ENDINGS: dict[str, Kind] = {"appeared": "added", "disappeared": "removed", "moved": "moved"}
"""Kinds of change by the last word of the worlds' answers; sizes and colours are the others."""


def world_pairs(seed: int, count: int) -> Iterator[Pair]:
    """Draw pairs of worlds that differ in one thing or in none, the same for the same seed.

    Parameters
    ----------
    seed : int
    count : int
        How many; those of a smaller count are not the first of a larger one.
    """
    signs = round(WRITTEN * count)
    asked = ((w, q) for w, questions in worlds("pairs", seed, 4 * count + 40) for q in questions)
    changes = (_pair(world, question) for world, question in asked if question.kind == "change")
    for _ in range(count - signs):
        yield next(changes)
    for index in range(signs):
        yield sign_pair(random.Random(f"signs/{seed}/{index}"))


def different_scenes(seed: int, count: int) -> Iterator[tuple[World, tuple[set[str], set[str]]]]:
    """Draw pairs of unrelated sheets, and the names of what each shows."""
    unrelated = (world for world, asked in worlds("pairs", seed, 8 * count + 40) if _unrelated(asked))
    for _ in range(count):
        world = next(unrelated)
        one, other = ({thing.name for thing in sheet.things} for sheet in world.sheets)
        yield world, (one, other)


def _unrelated(asked: list[Question]) -> bool:
    return bool(asked) and not any(question.kind in ("change", "same") for question in asked)


def kind_of(words: str) -> Kind | None:
    """Return the kind of change that the worlds' words tell, None for no change."""
    last = words.split()[-1]
    if words == NOTHING:
        return None
    return ENDINGS.get(last, "resized" if last in SIZES else "recoloured")


def _pair(world: World, question: Question) -> Pair:
    before, after = world.render(PIXELS_PER_UNIT)[0]
    kind = kind_of(question.answer)
    if kind is None:
        return Pair(before, after, None, source="world")
    boxes: list[Box | None] = [None, None]
    for thing, side in zip(question.subjects, question.stills, strict=True):
        boxes[side] = thing_box(thing, before.shape)
    places = tuple(box for box in (boxes[0] or boxes[1], boxes[1] or boxes[0]) if box)
    truth = Truth(kind, boxes[0], boxes[1], (places[0], places[1]), question.answer)
    return Pair(before, after, truth, source="world")


def sign_pair(rng: random.Random) -> Pair:
    """Draw a sheet with a sign twice; in three of five the second sign has another text."""
    width, height = rng.choice(ASPECTS)
    before = random_sheet(rng, count=rng.randint(1, 4), width=width, height=height, writing=1, repeats=0)
    writing = before.writing
    assert writing is not None  # the chance of a text was 1
    text = writing.text
    if changes := rng.random() < 0.6:
        while text == writing.text or writing.x + writing.pitch * len(text) > width:
            text = random_text(rng)
    after = replace(
        before, writing=replace(writing, text=text), noise=rng.uniform(0, 3), seed=rng.getrandbits(31)
    )
    sheets = [before, after]
    stills = World("pairs", sheets, ["", ""]).render(PIXELS_PER_UNIT)[0]
    if not changes:
        return Pair(stills[0], stills[1], None, source="sign")
    boxes = (
        writing_box(writing, stills[0].shape),
        writing_box(replace(writing, text=text), stills[0].shape),
    )
    words = f'the text changed from "{writing.text.lower()}" to "{text.lower()}"'
    return Pair(stills[0], stills[1], Truth("text changed", *boxes, boxes, words), source="sign")


def thing_box(thing: Thing, shape: tuple[int, ...]) -> Box:
    """Return the box around a thing's pixels in a picture of a shape."""
    cover = np.zeros(shape[:2], np.uint8)
    draw_thing(cover, thing, 255, PIXELS_PER_UNIT, smooth=False)
    return bounds(cover)


def writing_box(writing: Writing, shape: tuple[int, ...]) -> Box:
    """Return the box around a text's strokes in a picture of a shape."""
    paper = np.full(shape, 255, np.uint8)
    draw_writing(paper, writing, PIXELS_PER_UNIT)
    return bounds(paper[..., 0] < 128)
