"""Sides, seen from a view or from a thing, are those of the synthetic world."""

from __future__ import annotations

import numpy as np
import pytest
from solids import BLUE, RED, TABLE, around, colour_eyes, scene_of

from sightloop.tools.measure import measure
from sightloop.tools.scene_questions import parse
from sightloop.tools.scene_truth import behind, nearer, side


@pytest.fixture(scope="module")
def scene():
    return scene_of()


def text(scene, question):
    return measure(colour_eyes(), scene, parse(question, scene.names), scene.names).text


@pytest.mark.parametrize("number", range(1, 9))
def test_left_and_right_from_every_view(scene, number):
    truth = side(around()[number - 1], RED, BLUE)
    if truth is None:
        pytest.skip("neither left nor right: it depends on what the words mean")
    answer = text(scene, f"Is the red block to the left of the blue ball, seen from view {number}?")
    assert answer.startswith("Yes" if truth == "left" else "No")
    assert f"view {number}" in answer


@pytest.mark.parametrize("number", range(1, 9))
def test_behind_and_nearer_from_every_view(scene, number):
    view = around()[number - 1]
    hidden, near = behind(view, RED, BLUE), nearer(view, RED, BLUE)
    if hidden is not None:
        answer = text(scene, f"Is the red block behind the blue ball, seen from view {number}?")
        assert answer.startswith("Yes" if hidden else "No")
    if near is not None:
        answer = text(scene, f"Seen from view {number}, which is nearer, the red block or the blue ball?")
        assert answer.startswith("The red block" if near else "The blue ball")


def test_left_and_right_turn_around_with_who_looks(scene):
    question = "Standing at the {} and facing the {}, is the green block on the left?"
    # Both green blocks are beside the line from red to blue, one on each side: the likelier one is taken.
    there, back = (
        text(scene, question.format(*pair))
        for pair in (("red block", "blue ball"), ("blue ball", "red block"))
    )
    assert there[:2] != back[:2]
    assert "facing the blue ball" in there


def test_where_no_place_is_named_it_is_said_which_was_taken(scene):
    found = measure(
        colour_eyes(), scene, parse("Is the red block left of the blue ball?", scene.names), scene.names
    )
    assert "seen from view 1" in found.text
    assert any("does not say from where" in note for note in found.notes)


def test_what_is_nearest_is_named(scene):
    others = [one for one in TABLE if one is not RED]
    nearest = min(others, key=lambda one: np.linalg.norm(one.centre - RED.centre))
    assert text(scene, "What is nearest to the red block?").startswith(f"The {nearest.color}")


def test_a_sure_side_is_surer_than_a_close_one(scene):
    sure = measure(
        colour_eyes(),
        scene,
        parse("Is the red block left of the blue ball in view 1?", scene.names),
        scene.names,
    )
    assert 0.5 < sure.confidence <= 1
