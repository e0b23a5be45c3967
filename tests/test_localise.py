"""What is named in a scene is found where it is, once for each thing, and not found where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from solids import BLUE, GREEN, OTHER_GREEN, RED, TABLE, around, colour_eyes, scene_of, solid

from sightloop.errors import SceneError
from sightloop.memory.fusion import fuse
from sightloop.tools.instances import Opinion
from sightloop.tools.localise import localise
from sightloop.tools.proposals import propose
from sightloop.tools.silhouettes import propose_without_depth


def test_every_solid_is_one_piece_where_it_is():
    scene = scene_of()
    found = propose(scene, scene.names, fuse(scene))
    assert len(found.pieces) == len(TABLE)
    assert found.ground is not None
    assert found.ground.height == pytest.approx(0, abs=0.005)
    for one in TABLE:
        low, high = one.centre - one.half, one.centre + one.half
        piece = min(found.pieces, key=lambda p: np.linalg.norm(p.points.mean(axis=0) - one.centre))
        np.testing.assert_allclose(piece.points.max(axis=0), high, atol=0.03)
        np.testing.assert_allclose(piece.points.min(axis=0)[:2], low[:2], atol=0.03)


def test_things_that_touch_are_told_apart_by_colour():
    pair = (solid("red", "block", -0.3, 0, 0.3), solid("blue", "block", 0.3, 0, 0.3))
    located = localise(colour_eyes(), scene_of(pair), ["red block", "blue block"], scene_of(pair).names)
    assert [thing.placed.name for thing in located.things] == ["red block", "blue block"]
    for thing, one in zip(located.things, pair, strict=True):
        np.testing.assert_allclose(thing.centre, one.centre, atol=0.03)


def test_a_thing_is_one_in_every_view_and_boxes_are_tight():
    scene = scene_of()
    located = localise(colour_eyes(), scene, ["red block", "green block"], scene.names)
    assert [one.name for one in located.placed] == ["red block", "green block", "green block"]
    assert [one.label for one in located.placed] == [1, 2, 3]
    red = located.placed[0]
    assert len(red.seen) >= 2
    np.testing.assert_allclose(red.centre, RED.centre, atol=0.02)
    for seen in red.seen:
        corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]) * RED.half
        pixels, _ = scene.view(seen.camera).camera.project(corners + RED.centre)
        (x0, y0), (x1, y1) = pixels.min(axis=0), pixels.max(axis=0)
        np.testing.assert_allclose(
            (seen.box.x0, seen.box.y0, seen.box.x1, seen.box.y1), (x0, y0, x1, y1), atol=4
        )


def test_what_is_not_there_is_missing():
    scene = scene_of()
    located = localise(colour_eyes(), scene, ["yellow ball", "blue ball"], scene.names)
    assert list(located.missing) == ["yellow ball"]
    assert located.missing["yellow ball"] > 0.8
    assert [one.name for one in located.placed] == ["blue ball"]


def test_thing_is_all_that_stands_out_and_no_eyes_are_asked():
    scene, eyes = scene_of(), colour_eyes()
    located = localise(eyes, scene, ["thing"], scene.names)
    assert len(located.of("thing")) == len(TABLE)
    assert eyes.asked == []


def test_no_more_crops_are_looked_at_than_allowed():
    scene, eyes = scene_of(), colour_eyes()
    localise(eyes, scene, ["red block", "blue ball"], scene.names, looks=10)
    assert len(eyes.asked) <= 10


def test_the_same_question_has_the_same_answer():
    def placed():
        scene = scene_of(noise=0.01, holes=0.1)
        return localise(colour_eyes(), scene, ["red block", "blue ball"], scene.names).placed

    assert placed() == placed()


def test_without_depth_things_are_where_rays_meet():
    scene = scene_of(depths=False)
    found = propose_without_depth(scene, scene.names)
    assert len(found.pieces) == len(TABLE)
    located = localise(colour_eyes(), scene, ["red block", "blue ball", "green block"], scene.names)
    assert len(located.of("green block")) == 2
    for name, one in (("red block", RED), ("blue ball", BLUE)):
        np.testing.assert_allclose(located.of(name)[0].centre[:2], one.centre[:2], atol=0.12)


def test_one_view_with_depth_places_things_and_says_how_badly():
    scene = scene_of(views=around(1))
    whole = scene_of()
    alone = localise(colour_eyes(), scene, ["blue ball"], scene.names).placed[0]
    seen = localise(colour_eyes(), whole, ["blue ball"], whole.names).placed[0]
    assert alone.size_sigma > 3 * seen.size_sigma


def test_wrong_poses_are_put_right_against_each_other():
    scene = scene_of(turned=1.0, moved=0.02)
    located = localise(colour_eyes(), scene, ["green block"], scene.names)
    one, other = located.of("green block")
    apart = np.linalg.norm(one.centre - other.centre)
    assert apart == pytest.approx(np.linalg.norm(GREEN.centre - OTHER_GREEN.centre), rel=0.03)
    assert any("poses" in note for note in located.notes)
    clean = scene_of()
    assert located.slack > localise(colour_eyes(), clean, ["green block"], clean.names).slack


def test_views_are_needed_and_must_be_known():
    scene = scene_of()
    with pytest.raises(SceneError, match="no view"):
        localise(colour_eyes(), scene, ["red block"], [])
    with pytest.raises(SceneError, match="no view 'kitchen'"):
        localise(colour_eyes(), scene, ["red block"], ["kitchen"])


def test_views_that_agree_are_surer_than_one_and_less_than_independent_ones():
    one = Opinion({"a": 0.8}, {"a": 1.0})
    three = Opinion(dict.fromkeys("abc", 0.8), dict.fromkeys("abc", 1.0))
    assert one.odds < three.odds < 3 * one.odds
    torn = Opinion({"a": 0.8, "b": 0.2}, {"a": 1.0, "b": 1.0})
    assert torn.confidence == pytest.approx(0.5)
