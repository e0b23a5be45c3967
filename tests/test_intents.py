"""Intents: which sentences are recognised, and that all others are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.tools.divide import settled
from sightloop.tools.intents import (
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
from sightloop.tools.llava_next.pocket.questions import NONE
from sightloop.tools.llava_next.pocket.worlds import KINDS, Kind, worlds

BY_KIND: dict[str, type] = {
    "relation": Relation,
    "when": Moment,
    "order": First,
    "count_in": CountIn,
    "count_frame": CountIn,
    "most": Most,
    "which": Which,
    "change": Change,
    "same": Change,
    "direction": Moving,
}
SAID: list[tuple[str, int, Intent | None]] = [
    ("Is the mug to the left of the laptop?", 1, Relation("mug", "laptop", "left")),
    ("is the man on the right of the red car", 1, Relation("man", "red car", "right")),
    ("Can you see if the lamp is higher than the shelf?", 1, Relation("lamp", "shelf", "above")),
    ("The cat is under the table, yes or no?", 1, Relation("cat", "table", "below")),
    ("What is left of the red circle?", 1, None),
    ("Which thing is above the square?", 1, None),
    ("Is the mug to the left of the laptop?", 2, None),
    ("When does the red van arrive?", 5, Moment("red van", appears=True)),
    ("In which frame does the dog leave?", 5, Moment("dog", appears=False)),
    ("When does the blue square appear, and where does it go?", 5, None),
    ("Which comes first, the dog or the cat?", 4, First(("dog", "cat"))),
    ("How many red or blue shapes are there?", 1, None),
    ("Is there a dog or a cat?", 1, None),
    ("Does the dog appear or disappear?", 2, None),
    ("Is the mug or the cup left of the plate?", 1, None),
    ("Is it raining or not?", 1, None),
    ("How many red shapes are in picture 2?", 3, CountIn("red shapes", 2)),
    ("How many red shapes are in picture 4?", 3, None),
    ("How many of the things in picture 2 are red?", 3, None),
    ("Which of these shows more red shapes?", 3, Most("red shapes")),
    ("Which picture has the most people?", 3, Most("people")),
    ("Which picture has the cat?", 3, Which("cat")),
    ("Which of these has a cracked tile?", 4, Which("cracked tile")),
    ("Which of these five has a red cup?", 5, Which("red cup")),
    ("In which of the pictures is there an orange star?", 3, Which("orange star")),
    ("which picture shows the blue square", 3, Which("blue square")),
    ("Which picture has the cat or the dog?", 3, None),
    ("Which picture is the best?", 3, None),
    ("Which of these five has the most people?", 5, Most("people")),
    ("What changed?", 2, Change("what")),
    ("What is different between these two photos?", 2, Change("what")),
    ("What changed?", 3, Change("what")),
    ("Are they all the same?", 5, None),
    ("What changed in the sky?", 2, None),
    ("Are these images the same?", 2, Change("same")),
    ("Is the sign the same in both?", 2, None),
    ("Did anything change?", 2, Change("different")),
    ("Is it red or blue?", 1, Either("Is it red or blue?", ("red", "blue"))),
    ("is the mug a large or a small one", 3, Either("is the mug a large or a small one", ("large", "small"))),
    ("Is it a red cup or a dog?", 1, Either("Is it a red cup or a dog?", ("red cup", "dog"))),
    ("", 1, None),
    ("?", 2, None),
    ("What color is the left circle?", 1, Sided("what color is the circle ?", "circle", "left")),
    ("Is the bottommost star red?", 1, Sided("is the star red ?", "star", "below")),
    ("Tell me the topmost object.", 1, None),
    ("Is it in the left part?", 1, None),
]


@pytest.mark.parametrize(("question", "stills", "expected"), SAID)
def test_what_people_ask(question: str, stills: int, expected: Intent | None) -> None:
    assert intent(question, stills) == expected


@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_question_of_the_worlds_is_told_from_the_others(kind: Kind, held_out: bool) -> None:
    for world, asked in worlds(kind, 11, 25, held_out):
        for question in asked:
            found = intent(question.text, len(world.names))
            expected = BY_KIND.get(question.kind)
            assert isinstance(found, expected) if expected else found is None or isinstance(found, Either)
            if isinstance(found, Either) and question.answer != NONE:
                assert settled(found, question.answer)
            if isinstance(found, Moment):
                assert found == Moment(question.subjects[0].name, "disappear" not in question.text)
            if isinstance(found, Moving):
                assert found.thing == question.subjects[0].name
            if isinstance(found, Which):
                assert found.thing in question.text
            if isinstance(found, First):
                assert set(found.things) == {thing.name for thing in question.subjects}


@given(st.text(max_size=80), st.integers(1, 20))
def test_any_text_is_recognised_or_left_alone(text: str, stills: int) -> None:
    assert intent(text, stills) is None or isinstance(
        intent(text, stills), (*BY_KIND.values(), Either, Sided)
    )
