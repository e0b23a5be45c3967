"""What lies flat on walls and floors is found by asking windows, where two views agree."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scripted import ScriptedEyes
from solids import LENS, scene_of, solid

from sightloop.memory import Box, Still
from sightloop.memory.scene import Scene
from sightloop.tools.detectors import Detection, Detector
from sightloop.tools.llava_next.pocket.blocks import Room, View, look_at
from sightloop.tools.localise import Located, localise
from sightloop.tools.measure import measure
from sightloop.tools.scene_questions import parse

ROOM = Room((2.4, 2.0), 2.6, (180, 170, 160), ((200, 198, 190),) * 4)
SOLIDS = (solid("blue", "block", -1.2, -1.0, 0.25), solid("green", "ball", 1.3, -1.1, 0.25))
PICTURE = np.array([[-0.4, 2.0, 1.1], [0.5, 2.0, 1.7]])
RUG = np.array([[-0.3, -0.5, 0.0], [0.9, 0.4, 0.0]])
"""Opposite corners of a picture on the wall y = 2 and of a rug on the floor, metres."""
PAINT = {"picture": (170, 40, 150), "rug": (200, 130, 20), "sign": (20, 20, 20)}
STANDS = ((-1.9, -1.6), (-0.8, -1.7), (0.3, -1.7), (1.5, -1.7), (2.0, -0.6), (-2.0, -0.4))


def room(only: dict[str, Sequence[int]] | None = None, **options) -> Scene:
    """The room from six places; ``only``: of a name, the numbers of the views that show it, from 0.

    Both are speckled, so that without depth they are no regions of one colour, which would be pieces.
    """
    chance = np.random.default_rng(1)
    views = [View(LENS * [[0.62], [0.62], [1]] + [[0, 0, 0.19], [0, 0, 0.19], [0, 0, 0]],
                  look_at(np.array([x, y, 1.5]), np.array([0.1, 1.0, 0.7]))) for x, y in STANDS]  # fmt: skip
    scene = scene_of(SOLIDS, views, room=ROOM, **options)
    exact = scene_of(SOLIDS, views, room=ROOM)
    painted = []
    for number, (view, true) in enumerate(zip(scene.views, exact.views, strict=True)):
        pixels = view.color().copy()
        height, width = pixels.shape[:2]
        columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        at = np.stack([columns.ravel(), rows.ravel()], axis=1)
        points = true.camera.unproject(at, true.depth().ravel()).reshape(height, width, 3)
        for name, corners in (("picture", PICTURE), ("rug", RUG)):
            on = ((points > corners[0] - 0.005) & (points < corners[1] + 0.005)).all(axis=2)
            if number in (only or {}).get(name, range(len(STANDS))):
                pixels[on & (chance.random(on.shape) < 0.2)] = PAINT[name]
        painted.append(replace(view, color=lambda pixels=pixels: pixels))
    return replace(scene, views=tuple(painted))


def looking_eyes() -> ScriptedEyes:
    """Eyes that look: yes where a picture holds enough pixels of the colour of what it is asked about."""

    def weigh(prompt: Sequence[object], options: Sequence[str]) -> list[float]:
        still, question = prompt
        assert isinstance(still, Still)
        name = next((name for name in PAINT if name in str(question)), None)
        if name is None:
            return [0.05, 0.95]
        off = np.abs(still.pixels.astype(int) - PAINT[name]).max(axis=2)
        there = (off < 30).sum() > 40
        return [0.9, 0.1] if there else [0.05, 0.95]

    return ScriptedEyes(lambda prompt: ("", 0.5), weigh)


def found(scene: Scene, *names: str, **options) -> Located:
    return localise(looking_eyes(), scene, names, scene.names, **options)


@pytest.mark.parametrize("noise", [{}, {"noise": 0.01, "holes": 0.1}, {"turned": 1.0, "moved": 0.02}])
def test_what_lies_flat_is_placed_with_its_extent(noise):
    located = found(room(**noise), "picture", "rug")
    for name, corners in (("picture", PICTURE), ("rug", RUG)):
        (thing,) = located.of(name)
        np.testing.assert_allclose(thing.centre, corners.mean(axis=0), atol=0.05)
        assert len(thing.placed.seen) >= 2
        low, high = thing.piece.points.min(axis=0), thing.piece.points.max(axis=0)
        sigma = thing.placed.size_sigma
        assert np.abs(high - low - np.ptp(corners, axis=0)).max() < max(3 * sigma, 0.06)


def test_without_depth_rays_that_meet_place_it():
    located = found(room(depths=False), "picture", "rug")
    for name, corners in (("picture", PICTURE), ("rug", RUG)):
        (thing,) = located.of(name)
        np.testing.assert_allclose(thing.centre, corners.mean(axis=0), atol=0.06)
        extent = np.ptp(thing.piece.points, axis=0)
        np.testing.assert_allclose(extent, np.ptp(corners, axis=0), atol=0.12)
        assert thing.placed.size_sigma > 0.03


def test_some_views_without_depth_are_no_harm():
    scene = room()
    views = tuple(replace(view, depth=None) if k % 2 else view for k, view in enumerate(scene.views))
    (thing,) = found(replace(scene, views=views), "picture").of("picture")
    np.testing.assert_allclose(thing.centre, PICTURE.mean(axis=0), atol=0.05)


@pytest.mark.parametrize("depths", [True, False])
def test_what_is_not_there_is_not_found(depths):
    located = found(room(depths=depths), "sign", "picture")
    assert located.of("sign") == []
    assert list(located.missing) == ["sign"]
    assert len(located.of("picture")) == 1


@pytest.mark.parametrize("depths", [True, False])
def test_what_one_view_alone_shows_is_not_taken_and_that_is_said(depths):
    located = found(room({"picture": [2]}, depths=depths), "picture")
    assert located.of("picture") == []
    assert any("only view 3 seems to show a picture" in note for note in located.notes)


def test_eyes_that_say_yes_to_everything_find_nothing():
    eyes = ScriptedEyes(lambda prompt: ("", 0.5), lambda prompt, options: [0.8, 0.2])
    scene = room()
    assert all(thing.piece.loose is None for thing in localise(eyes, scene, ["sign"], scene.names).things)


@pytest.mark.parametrize("depths", [True, False])
def test_eyes_that_are_wrong_about_one_window_in_five_find_nothing(depths):
    scene = room(depths=depths)
    for seed in range(5):

        def weigh(prompt, options, seed=seed):
            yes = 0.8 if zlib.crc32(prompt[0].pixels.tobytes(), seed) % 5 == 0 else 0.1
            return [yes, 1 - yes]

        eyes = ScriptedEyes(lambda prompt: ("", 0.5), weigh)
        assert localise(eyes, scene, ["sign"], scene.names).of("sign") == []


class Painted(Detector):
    """A detector whose network is a look at colours: the box around the pixels of each name's paint."""

    def __init__(self) -> None:
        self._threshold = 0.2

    def detect(self, stills, names):
        found = []
        for still in stills:
            boxes = []
            for name in names:
                rows, columns = np.nonzero(np.abs(still.pixels.astype(int) - PAINT[name]).max(axis=2) < 30)
                if len(rows) > 20:
                    x0, x1 = float(columns.min()), float(columns.max()) + 1
                    y0, y1 = float(rows.min()), float(rows.max()) + 1
                    boxes.append(Detection(name, Box(x0=x0, y0=y0, x1=x1, y1=y1), 0.8))
            found.append(boxes)
        return found


@pytest.mark.parametrize("depths", [True, False])
def test_boxes_of_a_detector_are_lifted_in_the_same_way(depths):
    scene, eyes = room({"rug": [1]}, depths=depths), looking_eyes()
    located = localise(eyes, scene, ["picture", "rug", "sign"], scene.names, detector=Painted())
    assert eyes.asked == []
    assert set(located.missing) == {"rug", "sign"}
    assert any("only view 2 seems to show a rug" in note for note in located.notes)
    (thing,) = located.of("picture")
    np.testing.assert_allclose(thing.centre, PICTURE.mean(axis=0), atol=0.06)


def test_looks_are_no_more_than_allowed():
    scene, eyes = room(), looking_eyes()
    localise(eyes, scene, ["picture", "rug", "sign"], scene.names, looks=60)
    assert len(eyes.asked) <= 60


def test_a_distance_to_it_holds_the_truth():
    scene = room()
    first = measure(looking_eyes(), scene, parse("How far is the picture from the rug?", scene.names),
                    scene.names).survey.measures[0]  # fmt: skip
    truth = float(np.linalg.norm(np.maximum(0, [0, PICTURE[0, 1] - RUG[1, 1], PICTURE[0, 2] - RUG[1, 2]])))
    assert first.value == pytest.approx(truth, rel=0.05)
    assert first.low < truth < first.high
