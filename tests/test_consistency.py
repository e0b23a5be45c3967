"""Whether a scene fits together: exact scenes do, and each known way to get one wrong is seen and named."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import posed
import pytest
from skimage import data

from sightloop.errors import InputError
from sightloop.memory.consistency import SceneInfo, inspect, noise
from sightloop.memory.epipolar import Matches, misses
from sightloop.memory.geometry import Camera, rigid
from sightloop.memory.scene import Scene
from sightloop.memory.visible import within

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
SCENES = {"room": posed.room(3, views=6), "table": posed.table(4, views=4), "pair": posed.table(0, views=2)}
WRONG = {
    "y and z axes look flipped": lambda s: posed.changed(
        s, lambda _, camera: camera.posed(FLIP @ camera.world_to_camera)
    ),
    "camera-to-world read as": lambda s: posed.changed(s, lambda _, c: c.posed(c.camera_to_world)),
    "a thousand times too large": lambda s: posed.changed(s, depth=lambda depth: depth * 1000),
    "a thousand times too small": lambda s: posed.changed(s, depth=lambda depth: depth / 1000),
    "five times too large": lambda s: posed.changed(s, depth=lambda depth: depth * 5),
    "focal lengths of 1.25 times": lambda s: posed.changed(s, lambda _, c: posed.zoomed(c, 0.8)),
    "focal lengths of 0.5 times": lambda s: posed.changed(s, lambda _, c: posed.zoomed(c, 2)),
}


@pytest.mark.parametrize("name", SCENES)
def test_what_is_right_fits(name: str) -> None:
    found = inspect(SCENES[name]).consistency
    assert found.fits is True, found.verdict
    assert found.depth_rel is not None
    assert found.depth_rel < 0.005
    assert found.depth_rel_shuffled is None or found.depth_rel_shuffled > 5 * found.depth_rel
    assert found.colour is not None
    assert found.colour < 0.1
    assert found.overlap is not None
    assert found.overlap > 0.3


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_seen_and_named(name: str, words: str) -> None:
    found = inspect(WRONG[words](SCENES[name])).consistency
    assert found.fits is False, found.verdict
    assert words in found.verdict


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((1, 2, 3, 4, 5, 0), "one view early"),
        ((5, 0, 1, 2, 3, 4), "one view late"),
        ((5, 4, 3, 2, 1, 0), "in reverse order"),
        ((0, 4, 2, 3, 1, 5), "'view1' and 'view4' look swapped"),
        ((3, 5, 0, 4, 2, 1), "do not fit"),
    ],
)
def test_a_wrong_order_of_poses_is_seen(order: tuple[int, ...], words: str) -> None:
    found = inspect(posed.changed(SCENES["room"], order=order)).consistency
    assert found.fits is False, found.verdict
    assert words in found.verdict


def test_an_order_by_text_is_named() -> None:
    scene = posed.room(1, views=12)
    by_text = sorted(range(12), key=str)
    found = inspect(posed.changed(scene, order=by_text)).consistency
    assert found.fits is False
    assert "view10 before view2" in found.verdict


@pytest.mark.parametrize("name", ["room", "table"])
def test_a_scene_that_is_merely_noisy_is_not_called_wrong(name: str) -> None:
    for seed in range(3):
        scene = posed.noisy(SCENES[name], seed, degrees=1, metres=0.02, depth=0.01, holes=0.1)
        found = inspect(scene).consistency
        assert found.fits is True, found.verdict
        assert found.pose_degrees is not None
        assert 0.4 < found.pose_degrees < 2


LEVELS = {
    "clean": {},
    "all": {"degrees": 1, "metres": 0.02, "depth": 0.01, "holes": 0.1},
    "turned": {"degrees": 1},
    "shifted": {"metres": 0.03},
    "depth": {"depth": 0.02, "holes": 0.1},
}


@pytest.mark.parametrize("level", LEVELS)
def test_noise_is_recovered(level: str) -> None:
    """Within a factor of 1.5, as the root of the mean square of four scenes; about nothing of clean ones."""
    put = LEVELS[level]
    found = []
    for seed, make in ((1, posed.room), (2, posed.room), (3, posed.table), (4, posed.table)):
        one = noise(posed.noisy(make(seed, 8), seed, **put))
        assert one.pairs >= 8
        found.append([one.depth_rel, one.pose_m, np.degrees(one.pose_rad)])
    got = np.sqrt(np.mean(np.square(found), axis=0))
    for value, true, nothing in zip(
        got,
        (put.get("depth", 0), put.get("metres", 0), put.get("degrees", 0)),
        (5e-4, 2e-3, 0.05),
        strict=True,
    ):
        assert value < nothing if not true else true / 1.5 < value < true * 1.5, got


def test_one_view_has_nothing_to_be_compared_with() -> None:
    scene = replace(SCENES["room"], views=SCENES["room"].views[:1])
    info = inspect(scene)
    assert info.consistency.fits is None
    assert "one view" in info.consistency.verdict
    assert any("second view" in words for words in info.missing)
    assert info.extent is not None
    assert noise(scene).pairs == 0


def test_equal_poses_have_no_parallax() -> None:
    for scene in SCENES.values():
        found = inspect(posed.changed(scene, order=[0] * len(scene))).consistency
        assert found.fits is None
        assert "no parallax" in found.verdict


def test_views_of_different_places_do_not_overlap() -> None:
    def elsewhere(number: int, camera: Camera) -> Camera:
        return camera.posed(camera.world_to_camera @ rigid((0, 0, 0), (100 * number, 0, 0)))

    found = inspect(posed.changed(posed.table(1, 2), elsewhere)).consistency
    assert found.fits is None
    assert "hardly overlap" in found.verdict


def test_what_there_is_and_what_is_missing_is_told() -> None:
    scene = replace(SCENES["room"], metric=False)
    views = tuple(
        replace(view, t=i / 2, depth=view.depth if i else None) for i, view in enumerate(scene.views)
    )
    info = inspect(replace(scene, views=views, warnings=("one was odd",)))
    assert (info.views, info.with_depth, info.sizes) == (6, 5, ((240, 180),))
    assert info.unit == "scene units"
    assert info.times == (0.0, 2.5)
    assert info.depth_range is not None
    assert 0.2 < info.depth_range[0] < info.depth_range[1] < 10
    assert info.coverage is not None
    assert 0.3 < info.coverage <= 1
    assert info.up_from == "the floor"
    np.testing.assert_allclose(info.up, (0, 0, 1), atol=0.01)
    assert info.floor is not None
    assert abs(info.floor) < 0.01
    assert info.warnings[0] == "one was odd"
    assert any(words.startswith("scale") for words in info.missing)
    assert any(words == "depth of 1 of 6 views" for words in info.missing)
    assert SceneInfo.model_validate_json(info.model_dump_json()) == info


def test_views_that_cannot_be_read_are_warnings() -> None:
    scene = SCENES["room"]

    def broken() -> np.ndarray:
        raise InputError("the file is truncated.")

    info = inspect(replace(scene, views=(replace(scene.views[0], color=broken), *scene.views[1:])))
    assert any("view0" in words and "truncated" in words for words in info.warnings)
    assert info.consistency.fits is True
    dead = inspect(replace(scene, views=tuple(replace(view, color=broken) for view in scene.views)))
    assert dead.consistency.fits is None
    assert dead.extent is None


def papered() -> Scene:
    """The room, and a photo on all of its surfaces, so that points can be matched between views."""
    photo = data.astronaut()
    scene = posed.room(3, views=6, width=480, height=360)
    views = []
    for view in scene.views:
        depth = view.depth()
        columns, rows = np.meshgrid(np.arange(depth.shape[1]) + 0.5, np.arange(depth.shape[0]) + 0.5)
        world = view.camera.unproject(np.stack([columns, rows], axis=-1), depth.reshape(-1))
        across = np.abs(np.stack([world[:, 0] + world[:, 2], world[:, 1] + world[:, 2] * 1.3], axis=1))
        at = (across * 160).astype(int) % 512
        color = photo[at[:, 1], at[:, 0]].reshape(*depth.shape, 3)
        views.append(replace(view, color=color.copy, depth=None))
    return replace(scene, views=tuple(views))


def test_without_depth_matched_points_tell() -> None:
    scene = papered()
    found = inspect(scene).consistency
    assert found.fits is True, found.verdict
    assert found.depth_rel is None
    assert found.epipolar is not None
    assert found.epipolar < 2
    assert found.epipolar_shuffled is not None
    assert found.epipolar_shuffled > 10
    for wrong in (
        posed.changed(scene, lambda _, c: c.posed(FLIP @ c.world_to_camera)),
        posed.changed(scene, lambda _, c: c.posed(c.camera_to_world)),
        posed.changed(scene, order=(3, 5, 0, 4, 2, 1)),
        posed.changed(scene, lambda _, c: posed.zoomed(c, 0.6)),
    ):
        assert inspect(wrong).consistency.fits is False, inspect(wrong).consistency
    exact, off = noise(scene), noise(posed.noisy(scene, 1, degrees=1))
    assert exact.pose_rad < np.radians(0.2)
    assert off.pose_rad > np.radians(0.4)


def test_epipolar_misses_are_as_large_as_the_errors_of_directions() -> None:
    """Exact matches between cameras that are turned by one degree about each axis."""
    squares = []
    for seed in range(30):
        scene = posed.room(seed % 3)
        pairs = []
        for i, (one, other) in enumerate(itertools.pairwise(scene.views)):
            pixels = np.random.default_rng(seed).uniform(0, 1, (300, 2)) * tuple(one.camera.size)
            column, row = pixels.astype(int).T
            seen = other.camera.project(one.camera.unproject(pixels, one.depth()[row, column]))
            inside = within(other.camera, *seen)
            pairs.append(Matches(i, i + 1, pixels[inside], seen[0][inside]))
        exact = misses(pairs, [view.camera for view in scene.views])
        assert exact.max() < 1e-3
        turned = [view.camera for view in posed.noisy(scene, seed, degrees=1).views]
        focal = turned[0].intrinsics[0, 0]
        squares.append((np.median(misses(pairs, turned)) / 0.6745 / focal) ** 2)
    assert np.radians(1) / 1.3 < np.sqrt(np.mean(squares)) < np.radians(1) * 1.3


def test_without_depth_and_without_texture_nothing_is_claimed() -> None:
    found = inspect(posed.changed(SCENES["table"], depth=None)).consistency
    assert found.fits is None
    assert "no depth" in found.verdict
