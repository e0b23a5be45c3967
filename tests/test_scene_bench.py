"""The bench of scenes: scores are strict, the model alone gets its chances, an agent is measured whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sightloop.memory import Still
from sightloop.memory.placed import Measure, Survey
from sightloop.tools.llava_next import LlavaNext
from sightloop.tools.scene_asked import LENGTHS, YES_NO, Asked
from sightloop.tools.scene_bare import alone, first_told, length_told, number_told
from sightloop.tools.scene_bench import Given, Reply, majority, noise_row, reply, rows, run
from sightloop.tools.scene_worlds import worlds

GAP = Asked("gap", "How far?", "2.000 m", 2.0, LENGTHS)
COUNT = Asked("count", "How many?", "3", 3, tuple("012345"))
SIDE = Asked("side", "Is it left?", "Yes", None, YES_NO)
NEARER = Asked("nearer", "Which?", "red ball", None, ("blue ball", "red ball"))
LAST = Asked("seen", "Where?", "view 2", None, tuple(f"view {n}" for n in range(1, 13)))

# ---------------------------------------------------------------- what is right


@pytest.mark.parametrize(
    ("asked", "text", "right"),
    [
        (COUNT, "3", True),
        (COUNT, "There are 3 green blocks, in 8 views.", True),
        (COUNT, "There are 8 views; 3 show it.", False),
        (COUNT, "13", False),
        (COUNT, "3.5", False),
        (COUNT, "no green blocks", False),
        (COUNT, "many", False),
        (SIDE, "Yes, by 0.4 m.", True),
        (SIDE, "yes", True),
        (SIDE, "No, not yes.", False),
        (SIDE, "I think so", False),
        (SIDE, "", False),
        (Asked("side", "", "No", None, YES_NO), "I found no red ball.", False),
        (Asked("side", "", "No", None, YES_NO), "No.", True),
        (NEARER, "I found no red ball in the 8 views.", False),
        (NEARER, "The red ball is nearer than the blue ball.", True),
        (NEARER, "The blue ball, not the red ball.", False),
        (NEARER, "Red  Ball", True),
        (NEARER, "the ball", False),
        (LAST, "view2.png, at 1 s", True),
        (LAST, "In view 2.", True),
        (LAST, "In view 12.", False),
        (LAST, "Maybe in view 3, or in view 2.", False),
        (GAP, "about 2.1 m", True),
        (GAP, "210 cm", True),
        (GAP, "2.3 m", False),
        (GAP, "2.1", False),
        (GAP, "2.1 scene units; the scale is not known", True),
    ],
)
def test_an_answer_is_right_by_what_it_says_first(asked: Asked, text: str, right: bool) -> None:
    assert Reply(text).right(asked) is right


def test_none_is_a_number_and_yes_is_no_part_of_another_word() -> None:
    assert number_told("There are no chairs.") == number_told("none") == 0
    assert number_told("nothing of the kind, in 8 views") == 0
    assert first_told("yesterday, no", YES_NO) == "No"
    assert first_told("not view 3 but view 2", LAST.options) == "view 2"
    assert length_told("5 mm") == pytest.approx(0.005)
    assert length_told("2 metres") == 2
    assert length_told("3 men") is None


def test_a_length_is_read_from_the_survey_and_judged_with_its_interval() -> None:
    measure = Measure(kind="distance", words="", value=1.9, low=1.8, high=2.1, unit="m", confidence=1)
    survey = Survey(source="s", metric=True, up=(0, 0, 1), measures=(measure,))
    plain, measured = SimpleNamespace(), SimpleNamespace(survey=survey)
    said = reply(SimpleNamespace(answer="far", steps=[plain, measured, plain]))
    assert (said.value, said.low, said.high) == (1.9, 1.8, 2.1)
    assert said.error(GAP) == pytest.approx(0.05)
    assert said.inside(GAP)
    assert not Reply("", 1.9, 1.8, 1.95).inside(GAP)
    assert not Reply("2 m").inside(GAP)
    assert reply(SimpleNamespace(answer="2 m", steps=[plain])).error(GAP) == 0
    assert Reply("far").error(GAP) == math.inf


# ---------------------------------------------------------------- rows


def given(asked: Asked, **said: Reply) -> Given:
    return Given("blocks-1-0000", asked, said, 1.0)


def test_rows_have_shares_errors_and_whether_targets_are_met() -> None:
    lengths = [Asked("gap", "", "", value, LENGTHS) for value in (1.0, 2.0, 4.0)]
    said = [Reply("", 1.04 * (one.value or 0), 0.9 * (one.value or 0), 9.0) for one in lengths]
    every = [given(one, agent=a, bare=Reply("1.0 m")) for one, a in zip(lengths, said, strict=True)]
    every += [
        given(SIDE, agent=Reply("no"), bare=Reply("yes")),
        given(SIDE, agent=Reply("yes"), bare=Reply("yes")),
    ]
    found = {(row["row"], row["of"]): row for row in rows(every)}
    distance = found["distance", "median relative error"]
    assert (distance["agent"], distance["bare"], distance["target"], distance["met"]) == (
        0.04,
        0.5,
        0.05,
        True,
    )
    assert distance["majority"] == 0.5  # two metres, always
    inside = found["distance", "truth inside the 90 % interval"]
    assert (inside["agent"], inside["n"], inside["met"]) == (1.0, 3, True)
    relations = found["relations", "right"]
    assert (relations["agent"], relations["bare"], relations["met"]) == (0.5, 1.0, False)
    assert ("distance: gap", "median relative error") in found


def test_what_is_not_told_is_no_number_and_meets_nothing() -> None:
    (row, inside, *_) = rows([given(GAP, agent=Reply("far"))])
    assert row["agent"] is None
    assert row["met"] is False
    assert inside["met"] is False


def test_the_majority_is_told_by_kind() -> None:
    no = Asked("side", "", "No", None, YES_NO)
    every = [given(one) for one in (SIDE, SIDE, no, NEARER)]
    assert majority(every) == pytest.approx(0.75)


def test_noise_has_to_widen_the_interval_and_still_cover() -> None:
    narrow = [given(GAP, agent=Reply("", 2.0, 1.9, 2.1))]
    wide = [given(GAP, agent=Reply("", 2.1, 1.7, 2.5)), given(SIDE, agent=Reply("yes"))]
    clean = noise_row("none", narrow)
    assert clean["met"]
    assert clean["mean width"] == pytest.approx(0.2)
    assert noise_row("both", wide, clean["mean width"])["met"]
    assert not noise_row("both", narrow, clean["mean width"])["met"]
    assert not noise_row("both", [given(GAP, agent=Reply("", 2.5, 2.1, 3.0))], 0.2)["met"]
    assert noise_row("both", [given(GAP, agent=Reply("far"))], 0.2)["mean width"] is None


# ---------------------------------------------------------------- whole


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


def test_the_model_alone_says_one_of_the_options(eyes: LlavaNext) -> None:
    (world,) = worlds("blocks", 104, 1)
    stills = [Still.from_array(color) for color, _, _ in world.shots]
    for asked in world.asked[::4]:
        assert alone(eyes, asked, stills).text in asked.options


@dataclass
class Knowing:
    """Says of every question what the truth is, if it was ever asked in a world of a seed."""

    truth: dict[tuple[str, str], Asked]
    asked: list[tuple[str, str]]

    def run(self, question: str, inputs: str, /) -> Any:
        self.asked.append((question, inputs))
        known = self.truth[question, Path(inputs).name]
        value = float(known.value or 0) if known.group in ("distance", "size") else None
        reach = () if value is None else (value, value * 0.9, value * 1.1)
        measure = Measure(
            kind="distance",
            words="",
            confidence=1,
            **dict(zip(("value", "low", "high"), reach, strict=False)),
        )
        survey = Survey(source="s", metric=True, up=(0, 0, 1), measures=(measure,))
        return SimpleNamespace(answer=known.answer, steps=[SimpleNamespace(survey=survey)])


def every_question(seed: int, kinds: Sequence[Any]) -> dict[tuple[str, str], Asked]:
    drawn = [world for kind in kinds for world in worlds(kind, seed, 1)]
    return {(one.question, world.name): one for world in drawn for one in world.asked}


def test_an_agent_that_knows_the_truth_meets_every_target(eyes: LlavaNext) -> None:
    knowing = Knowing(every_question(106, ("blocks", "room")), [])
    result = run(106, 1, agent=lambda _: knowing, eyes=eyes, noisy=1, walks=0)
    assert result["worlds"] == 2
    assert {row["row"] for row in result["rows"]} >= {"distance", "size", "counting", "relations"}
    for row in result["rows"]:
        assert row["agent"] == (0 if row["of"].startswith("median") else 1), row
        assert row["met"] in (True, None)
        assert row["n"] > 0
    assert result["noise"][0]["noise"] == "none"
    assert len(result["noise"]) == 4
    assert not any(row["met"] for row in result["noise"][1:])  # its intervals do not widen
    folders = {inputs for _, inputs in knowing.asked}
    assert len(folders) == 8  # two worlds, and each with three noises
    assert np.isfinite(result["seconds"]["a question"])
