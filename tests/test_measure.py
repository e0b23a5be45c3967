"""What is measured in a scene is near the truth, and the truth is inside the stated interval."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solids import BLUE, GREEN, OTHER_GREEN, RED, TABLE, around, colour_eyes, scene_of, solid

from sightloop.memory.scene import Scene
from sightloop.tools.llava_next.pocket.blocks import random_room
from sightloop.tools.measure import Measured, measure
from sightloop.tools.scene_questions import parse
from sightloop.tools.scene_truth import gap
from sightloop.tools.surfaces import Surface
from sightloop.tools.surfaces import gap as gap_of
from sightloop.tools.uncertainty import holds, interval

NOISES = (
    {},
    {"noise": 0.01, "holes": 0.1},
    {"turned": 1.0, "moved": 0.02},
    {"noise": 0.01, "holes": 0.1, "turned": 1.0, "moved": 0.02},
)


def asked(question: str, scene: Scene | None = None) -> Measured:
    scene = scene or scene_of()
    return measure(colour_eyes(), scene, parse(question, scene.names), scene.names)


@pytest.mark.parametrize("noise", NOISES)
def test_a_distance_is_near_the_truth_and_its_interval_holds_it(noise):
    found = asked("How far is the red block from the blue ball?", scene_of(**noise))
    first = found.survey.measures[0]
    assert first.kind == "distance"
    assert first.value == pytest.approx(gap(RED, BLUE), rel=0.05)
    assert first.low < gap(RED, BLUE) < first.high
    assert found.survey.measures[1].kind == "centres"
    assert f"{first.value:.2f} m" in found.text
    assert "90 %" in found.text


def test_noise_widens_intervals():
    def width(**noise: float) -> float:
        first = asked("How far is the red block from the blue ball?", scene_of(**noise)).survey.measures[0]
        return first.high - first.low

    clean = width()
    assert width(noise=0.01, holes=0.1) > clean
    assert width(turned=1.0, moved=0.02) > clean


def test_centres_come_first_where_they_are_asked_for():
    found = asked("How far apart are the centres of the red block and the blue ball?")
    first = found.survey.measures[0]
    assert first.kind == "centres"
    assert first.value == pytest.approx(np.linalg.norm(RED.centre - BLUE.centre), rel=0.03)


def test_of_several_things_the_nearest_pair_is_measured_and_that_is_said():
    found = asked("How far is the red block from the green block?")
    assert found.survey.measures[0].value == pytest.approx(gap(RED, GREEN), rel=0.05)
    assert "nearest" in found.text
    both = asked("How far apart are the two green blocks?")
    assert both.survey.measures[0].value == pytest.approx(gap(GREEN, OTHER_GREEN), rel=0.05)


def test_what_is_not_there_has_no_number():
    found = asked("How far is the yellow block from the blue ball?")
    assert found.survey.measures == ()
    assert found.missing == ("yellow block",)
    assert "no yellow block" in found.text
    assert not re.search(r"\d (?:m|cm)\b", found.text)


def test_a_scale_that_is_not_known_is_said():
    found = asked("How far is the red block from the blue ball?", scene_of(metric=False))
    assert found.survey.measures[0].unit == "scene units"
    assert "scale is not known" in found.text
    assert " m " not in found.text


@pytest.mark.parametrize(("dimension", "truth"), [("tall", 0.7), ("wide", 0.7)])
def test_sizes(dimension, truth):
    first = asked(f"How {dimension} is the red block?").survey.measures[0]
    assert first.value == pytest.approx(truth, abs=0.03)
    assert first.low < truth < first.high


def test_what_stands_on_the_floor_is_said_to():
    found = asked("How high above the floor is the red block?")
    assert "stands on the floor" in found.text
    assert found.survey.measures[0].low == 0


@pytest.mark.parametrize("noise", NOISES)
def test_things_are_counted_once_over_all_views(noise):
    scene = scene_of(**noise)
    assert asked("How many green blocks are there in all?", scene).survey.measures[0].value == 2
    assert asked("How many things are there?", scene).text.startswith(f"There are {len(TABLE)} ")
    none = asked("How many yellow blocks are there?", scene)
    assert none.survey.measures[0].value == 0
    assert "There are 0 yellow blocks" in none.text


def test_without_depth_things_are_counted_and_placed():
    scene = scene_of(depths=False)
    assert asked("How many green blocks are there in all?", scene).survey.measures[0].value == 2
    first = asked("How far is the red block from the blue ball?", scene).survey.measures[0]
    assert first.low < gap(RED, BLUE) < first.high


def test_where_something_was_seen_last_is_a_view_that_shows_it():
    hidden = solid("red", "block", 0, 0, 0.2)
    wall = solid("blue", "block", 1.0, 0.31, 0.3, 0.9, 0.8)
    scene = scene_of((hidden, wall), around(4, height=1.2)[::-1])
    found = asked("Where did I last see the red block?", scene)
    assert "view 3" in found.text
    assert found.survey.measures[0].kind == "seen"


def test_evidence_is_in_two_views_at_least():
    found = asked("How far is the red block from the blue ball?")
    labels = found.survey.measures[0].between
    for one in found.survey.placed:
        if one.label in labels:
            assert len({seen.camera for seen in one.seen}) >= 2


@given(st.floats(0.05, 3), st.floats(0, 2 * np.pi), st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_a_gap_does_not_depend_on_order_or_pose(width, angle, seed):
    chance = np.random.default_rng(seed)
    one, other = chance.random((400, 3)), chance.random((300, 3)) + np.array([1 + width, 0, 0])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    views = np.zeros(400, np.int16)
    plain = gap_of(Surface(one, views, 0.1, 0), Surface(other, views[:300], 0.1, 0))
    turned = gap_of(Surface(other @ turn.T, views[:300], 0.1, 0), Surface(one @ turn.T, views, 0.1, 0))
    assert plain.width == pytest.approx(turned.width)
    assert plain.width >= width
    assert np.linalg.norm(plain.ends[0] - plain.ends[1]) == pytest.approx(plain.width)


@given(st.floats(0, 100), st.floats(0, 10), st.floats(0, 10), st.floats(0, 10))
def test_intervals_hold_the_value_and_grow_with_what_is_not_known(value, sigma, below, above):
    low, high = interval(value, sigma, below, above)
    assert 0 <= low <= value <= high
    wider = interval(value, sigma + 1, below, above)
    assert wider[0] <= low
    assert wider[1] >= high


@given(st.floats(-10, 10), st.floats(0.01, 10))
def test_the_probability_of_an_order_is_that_of_its_opposite_turned_around(difference, sigma):
    assert holds(difference, sigma) + holds(-difference, sigma) == pytest.approx(1)


def test_walls_are_measured_to_as_planes():
    table = random_room(random.Random(8), 8)
    assert table.room is not None
    one = next(one for one in table.solids if sum(o.color == one.color for o in table.solids) == 1)
    scene = scene_of(table.solids, table.views, room=table.room)
    first = asked(f"How far is the {one.name} from the wall?", scene).survey.measures[0]
    truth = min(
        half - abs(place) - side
        for half, place, side in zip(table.room.half, (one.x, one.y), one.half[:2], strict=True)
    )
    assert first.value == pytest.approx(truth, abs=0.03)
    assert first.low < truth < first.high
