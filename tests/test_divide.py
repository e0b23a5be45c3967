"""Dividing: answers drawn from small looks, by eyes that say what a test tells them and by the real ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop import LlavaNext, VisualAgent
from sightloop.agent import Limits
from sightloop.memory import Still
from sightloop.tools.divide import Divided, divide, division
from sightloop.tools.intents import Change, CountIn, First, Intent, Moment, Most, Relation, Sided, Which
from sightloop.tools.llava_next.checkpoints import find
from sightloop.tools.llava_next.pocket.questions import CELLS
from sightloop.tools.llava_next.pocket.worlds import PIXELS_PER_UNIT, Kind, worlds, write
from sightloop.tools.look import interleave, same_answer
from sightloop.tools.small_looks import YES_NO

from .scripted import ScriptedEyes

SEED = 41


def pictures(count: int) -> list[Still]:
    """Stills that can be told apart by their grey."""
    return [Still.from_array(np.full((100, 200, 3), i, np.uint8)) for i in range(count)]


def shown(prompt: Sequence[object]) -> int:
    """Which of the pictures a prompt shows."""
    return int(next(part for part in prompt if isinstance(part, Still)).pixels[0, 0, 0])


def eyes(
    answers: Sequence[Mapping[str, str]] = (), there: Sequence[Mapping[str, float]] = (), sure: float = 0.9
) -> ScriptedEyes:
    """Eyes that answer by picture and by a word of the question; ``there`` is how sure they are of a yes."""

    def say(prompt: Sequence[object]) -> tuple[str, float]:
        known = answers[shown(prompt)]
        return next((text for word, text in known.items() if word in str(prompt[-1])), ""), sure

    def weigh(prompt: Sequence[object], options: Sequence[str]) -> Sequence[float]:
        if len(options) > 2:  # where it points to
            return [sure if option == say(prompt)[0] else 1e-9 for option in options]
        if tuple(options) != YES_NO:
            return [0.5] * len(options)
        yes = next((p for word, p in there[shown(prompt)].items() if word in str(prompt[-1])), 0.01)
        return [yes, 1 - yes]

    return ScriptedEyes(say, weigh)


# ---------------------------------------------------------------- what follows from the parts


@pytest.mark.parametrize("direction", ["left", "right", "above", "below"])
@given(a=st.tuples(*[st.integers(0, 9)] * 2), b=st.tuples(*[st.integers(0, 9)] * 2))
def test_a_relation_follows_from_two_points(direction: str, a: tuple[int, int], b: tuple[int, int]) -> None:
    looking = eyes([{"mug": f"{a[0]} {a[1]}", "cat": f"{b[0]} {b[1]}"}])
    found = divide(looking, Relation("mug", "cat", direction), pictures(1))  # type: ignore[arg-type]
    axis = 0 if direction in ("left", "right") else 1
    if a[axis] == b[axis]:
        assert found is None
        return
    assert found is not None
    assert (found.text == "yes") == ((a[axis] < b[axis]) == (direction in ("left", "above")))
    assert found.confidence == pytest.approx(1)
    assert found.region is not None
    for column, row in (a, b):  # cells of 20 x 10 pixels
        assert found.region.x0 <= 20 * column < 20 * (column + 1) <= found.region.x1
        assert found.region.y0 <= 10 * row < 10 * (row + 1) <= found.region.y1


def test_what_is_not_found_decides_nothing() -> None:
    looking = eyes([{"mug": "there is none", "cat": "3 4"}])
    assert divide(looking, Relation("mug", "cat", "left"), pictures(1)) is None


@given(st.lists(st.floats(0.001, 0.999), min_size=2, max_size=9), st.booleans())
def test_a_moment_is_the_likeliest_change_of_all(there: list[float], appears: bool) -> None:
    """Against every hypothesis written out: there from still k on, or before it."""
    found = divide(eyes(there=[{"mug": p} for p in there]), Moment("mug", appears), pictures(len(there)))
    odds = [
        np.prod([p if (i >= k) == appears else 1 - p for i, p in enumerate(there)])
        for k in range(len(there) + 1)
    ]
    best = int(np.argmax(odds))
    if found is None:
        assert np.isclose(max(odds[0], odds[-1]), max(odds))
    else:
        assert np.isclose(odds[int(found.text.removeprefix("image ")) - 1], odds[best])
        assert found.confidence == pytest.approx(max(odds) / sum(odds), rel=1e-3)


def test_one_frame_that_was_misread_does_not_move_the_moment() -> None:
    there = [{"mug": p} for p in (0.02, 0.1, 0.97, 0.3, 0.99, 0.98)]
    found = divide(eyes(there=there), Moment("mug", appears=True), pictures(6))
    assert found is not None
    assert found.text == "image 3"
    assert len(found.parts) == 6


def test_the_first_of_two_is_the_one_that_is_there_sooner() -> None:
    there = [{"mug": 0.01, "cat": 0.01}, {"mug": 0.02, "cat": 0.97}, {"mug": 0.95, "cat": 0.99}]
    found = divide(eyes(there=there), First(("mug", "cat")), pictures(3))
    assert found is not None
    assert found.text == "cat"
    together = [{"mug": 0.01, "cat": 0.01}, {"mug": 0.99, "cat": 0.99}]
    assert divide(eyes(there=together), First(("mug", "cat")), pictures(2)) is None


def test_counts_are_taken_of_the_still_that_is_meant() -> None:
    looking = eyes([{"many": "3"}, {"many": "seven"}, {"many": "5"}])
    found = divide(looking, CountIn("cats", 3), pictures(3))
    assert found is not None
    assert found.text == "5"
    most = divide(looking, Most("cats"), pictures(3))
    assert most is not None
    assert most.text == "image 2"
    assert divide(eyes([{"many": "3"}, {"many": "3"}]), Most("cats"), pictures(2)) is None
    assert divide(eyes([{"many": "3"}, {"many": "some"}]), Most("cats"), pictures(2)) is None


@given(st.lists(st.floats(0.001, 0.999), min_size=2, max_size=9))
def test_which_still_shows_something_is_the_one_that_surely_does(there: list[float]) -> None:
    found = divide(eyes(there=[{"mug": p} for p in there]), Which("mug"), pictures(len(there)))
    sure = [i for i, p in enumerate(there) if p > 0.5]
    if len(sure) != 1:
        assert found is None
        return
    assert found is not None
    assert found.text == f"image {sure[0] + 1}"
    assert found.confidence == pytest.approx(np.prod([max(p, 1 - p) for p in there]))


def test_what_changed_over_several_stills_is_told_of_each() -> None:
    paper = np.full((100, 200, 3), 230, np.uint8)
    stained, other = paper.copy(), np.random.default_rng(0).integers(0, 255, (100, 200, 3)).astype(np.uint8)
    stained[30:60, 40:80] = (200, 30, 30)
    looking = ScriptedEyes(lambda prompt: ("a red cup", 0.9), lambda prompt, options: [1] * len(options))
    found = divide(looking, Change("what"), [Still.from_array(x) for x in (paper, stained, paper, other)])
    assert found is not None
    assert found.text.startswith("image 2: a red cup appeared; image 3: nothing changed; image 4: these are")
    assert [(pair.before, pair.after) for pair in found.comparisons] == [(1, 2), (1, 3), (1, 4)]
    assert [pair.same_scene for pair in found.comparisons] == [True, True, False]


@pytest.mark.parametrize("asks", ["what", "same", "different"])
@pytest.mark.parametrize("changed", [True, False])
def test_a_change_is_found_by_pixels_and_named_by_the_eyes(asks: str, changed: bool) -> None:
    before = np.full((100, 200, 3), 230, np.uint8)
    after = before.copy()
    if changed:
        after[30:60, 40:80] = (200, 30, 30)
    looking = ScriptedEyes(lambda prompt: ("a red cup", 0.9), lambda prompt, options: [1] * len(options))
    found = divide(looking, Change(asks), [Still.from_array(before), Still.from_array(after)])  # type: ignore[arg-type]
    assert found is not None
    if asks == "what":
        assert found.text == ("a red cup appeared" if changed else "nothing changed")
    else:
        assert found.text == ("yes" if changed == (asks == "different") else "no")


# ---------------------------------------------------------------- when it is divided


@pytest.mark.parametrize(
    ("model", "question", "count", "divided"),
    [
        ("pocket", "Is the mug left of the cat?", 1, True),
        ("llava-hf/llava-interleave-qwen-7b-hf", "Is the mug left of the cat?", 1, False),  # cannot point
        ("llava-hf/llava-interleave-qwen-7b-hf", "What changed?", 2, True),
        ("llava-hf/llava-interleave-qwen-7b-hf", "When does the cat appear?", 4, True),
        ("pocket", "How many cats are in image 2?", 2, False),  # both are seen in full detail together
        ("pocket", "How many cats are in image 2?", 3, True),
        ("pocket", "Which of these shows a cat?", 2, False),
        ("pocket", "Which of these shows a cat?", 3, True),
        ("llava-hf/llava-v1.6-mistral-7b-hf", "Which of these shows a cat?", 2, True),  # sees one at a time
        ("pocket", "What changed?", 16, True),
        ("pocket", "What changed?", 17, False),
        ("pocket", "What is it?", 1, False),
    ],
)
def test_only_what_small_looks_answer_better_is_divided(
    model: str, question: str, count: int, divided: bool
) -> None:
    assert (division(find(model), question, pictures(count)) is not None) == divided


def test_the_pocket_points_in_the_cells_that_its_worlds_have() -> None:
    assert find("pocket").cells == CELLS


# ---------------------------------------------------------------- the real ones


@pytest.fixture(scope="module")
def pocket() -> LlavaNext:
    return LlavaNext()


def put(pocket: LlavaNext, kind: Kind, wanted: type, count: int) -> list[tuple[bool, bool]]:
    """Return whether each question of a kind was answered rightly, divided and bare."""
    found = []
    for world, asked in worlds(kind, SEED, count):
        stills = [Still.from_array(image) for image in world.render(PIXELS_PER_UNIT)[0]]
        for question in asked:
            goal: Intent | None = division(pocket.checkpoint, question.text, stills)
            if not isinstance(goal, wanted):
                continue
            bare = pocket.answer(interleave(question.text, stills)).text
            said = divide(pocket, goal, stills)
            text = re.sub("^image", "frame", said.text) if said and kind == "videos" else said and said.text
            found.append((same_answer(text or bare, question.answer), same_answer(bare, question.answer)))
    return found


def test_a_question_that_offers_two_answers_gets_one_of_them() -> None:
    question = "Is the cup large or small?"
    looking = ScriptedEyes(lambda prompt: ("red", 0.9), lambda prompt, options: [0.2, 0.8])
    result = VisualAgent(looking).run(question, pictures(1))
    assert result.answer == "small"
    assert result.confidence == pytest.approx(0.8)


@pytest.mark.parametrize("said", ["large", "It is a large cup.", "there is none", "Neither of them"])
def test_an_answer_that_was_offered_stands(said: str) -> None:
    looking = ScriptedEyes(lambda prompt: (said, 0.9), lambda prompt, options: [0.2, 0.8])
    result = VisualAgent(looking).run("Is the cup large or small?", pictures(1))
    assert result.answer == said
    assert not any(getattr(step, "tool", "") == "look_in_parts" for step in result.steps)


@pytest.mark.parametrize(
    ("kind", "goal", "count", "least"),
    [
        ("photos", Relation, 30, 0.9),
        ("pairs", Change, 16, 0.85),
        ("videos", Moment, 10, 0.75),
        ("sets", Most, 16, 0.8),
        ("sets", Which, 16, 0.8),
    ],
)
def test_the_real_eyes_answer_better_in_parts(
    pocket: LlavaNext, kind: Kind, goal: type, count: int, least: float
) -> None:
    divided, bare = np.mean(put(pocket, kind, goal, count), axis=0)
    assert divided >= max(least, bare - 0.1)  # of ten to thirty questions


def test_a_run_shows_its_small_looks_and_verifies_by_taking_them_again(
    pocket: LlavaNext, tmp_path: Path
) -> None:
    verdicts = []
    for index, (world, asked) in enumerate(worlds("photos", SEED, 12)):
        for question in asked:
            if question.kind != "relation":
                continue
            (file,) = write(world, tmp_path, str(index))
            result = VisualAgent(pocket).run(question.text, tmp_path / file)
            step = next(step for step in result.steps if getattr(step, "tool", "") == "look_in_parts")
            if step.answer is not None:
                assert [part.question[:5] for part in step.parts] == ["Point", "Point"]
                assert result.answer == step.answer
                assert result.evidence[0].region == step.region
                verdicts.append(result.evidence[0].verdict)
    assert len(verdicts) >= 5
    assert verdicts.count("confirmed") > len(verdicts) / 2


def test_the_outermost_of_several_is_found_by_pointing(pocket: LlavaNext) -> None:
    right = alone = asked = 0
    for world, _ in worlds("photos", SEED, 40):
        still = Still.from_array(world.render(PIXELS_PER_UNIT)[0][0])
        kinds: dict[str, list[Any]] = {}
        for thing in world.sheets[0].things:
            kinds.setdefault(thing.name.split()[-1], []).append(thing)
        for noun, things in kinds.items():
            first, *others = sorted(things, key=lambda thing: thing.x)
            if not others or (others[0].x - first.x) * PIXELS_PER_UNIT < 0.12 * max(still.size):
                continue
            question, color = f"what color is the left {noun} ?", first.name.split()[0]
            found = divide(pocket, Sided(f"what color is the {noun} ?", noun, "left"), [still])
            right += found is not None and found.text == color
            alone += pocket.answer([still, question]).text == color
            asked += 1
    assert asked >= 12
    assert right >= 0.7 * asked > alone


def test_limits_hold_small_looks_too() -> None:
    looking = eyes([{"mug": "1 1", "cat": "3 3", "Is": "no"}])
    result = VisualAgent(looking, limits=Limits(steps=1)).run("Is the mug left of the cat?", pictures(1))
    assert result.answer != ""
    assert result.stopped_because == "limit:steps"
    assert not any(getattr(step, "tool", "") == "look_in_parts" for step in result.steps)


def test_parts_survive_json() -> None:
    looking = eyes([{"mug": "1 1", "cat": "3 3"}])
    result = VisualAgent(looking).run("Is the mug left of the cat?", pictures(1))
    assert type(result).model_validate_json(result.model_dump_json()) == result
    assert isinstance(divide(looking, Relation("mug", "cat", "left"), pictures(1)), Divided)
