"""Laws of cameras, rays that meet, and what is seen: for all that hypothesis draws."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import posed
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sightloop.errors import SceneError
from sightloop.memory.geometry import Camera, grid, rigid
from sightloop.memory.still import Size
from sightloop.memory.triangulate import intersect
from sightloop.memory.visible import sample, visible, within

few = settings(max_examples=60, deadline=None)
seeds = st.integers(0, 2**32 - 1)
DISTORTIONS = {
    "none": ("pinhole", ()),
    "radial and tangential": ("pinhole", (-0.12, 0.04, 0.001, -0.002)),
    "rational": ("pinhole", (0.2, 0.05, 0.0005, 0.001, 0.01, 0.3, 0.08, 0.02)),
    "fisheye": ("fisheye", (0.05, -0.01, 0.004, -0.001)),
}


@st.composite
def cameras(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(DISTORTIONS)) -> Camera:
    width, height = draw(st.integers(64, 1280)), draw(st.integers(64, 1280))
    focal = draw(st.floats(0.6, 2)) * max(width, height)
    intrinsics = np.array(
        [
            [focal, draw(st.floats(-1, 1)), width * draw(st.floats(0.4, 0.6))],
            [0, focal * draw(st.floats(0.9, 1.1)), height * draw(st.floats(0.4, 0.6))],
            [0, 0, 1],
        ]
    )
    rng = np.random.default_rng(draw(seeds))
    model, distortion = DISTORTIONS[draw(st.sampled_from(kinds))]
    pose = rigid(rng.uniform(-2, 2, 3), rng.uniform(-5, 5, 3))
    return Camera(intrinsics, pose, Size(width, height), np.array(distortion), model)


def inside(camera: Camera, rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform(0, 1, (count, 2)) * tuple(camera.size)


@few
@given(cameras(), seeds)
def test_projecting_what_was_back_projected_returns_the_pixel(camera: Camera, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels, depth = inside(camera, rng, 50), rng.uniform(0.1, 20, 50)
    back, far = camera.project(camera.unproject(pixels, depth))
    np.testing.assert_allclose(back, pixels, atol=0.02)
    np.testing.assert_allclose(far, depth, rtol=1e-9)
    assert within(camera, pixels, depth).all()


@few
@given(cameras(), seeds)
def test_projection_is_opencvs(camera: Camera, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = camera.unproject(inside(camera, rng, 20), rng.uniform(0.5, 9, 20))
    turn, shift = cv2.Rodrigues(camera.world_to_camera[:3, :3])[0], camera.world_to_camera[:3, 3]
    matrix = camera.intrinsics.copy()
    matrix[0, 1] = 0  # OpenCV knows no skew
    camera = replace(camera, intrinsics=matrix)
    if camera.model == "fisheye":
        seen = cv2.fisheye.projectPoints(points[:, None], turn, shift, matrix, camera.distortion)[0]
    else:
        seen = cv2.projectPoints(points, turn, shift, matrix, camera.distortion)[0]
    np.testing.assert_allclose(camera.project(points)[0], seen.reshape(-1, 2), atol=1e-6)


@few
@given(cameras(), cameras(), seeds)
def test_rigid_transforms_compose(one: Camera, other: Camera, seed: int) -> None:
    move = rigid(*np.random.default_rng(seed).uniform(-3, 3, (2, 3)))
    np.testing.assert_allclose(move @ np.linalg.inv(move), np.eye(4), atol=1e-9)
    np.testing.assert_allclose(one.camera_to_world @ one.world_to_camera, np.eye(4), atol=1e-9)
    points = np.random.default_rng(seed).normal(size=(9, 3))
    chained = one.posed(one.world_to_camera @ other.camera_to_world)
    lifted = other.to_world(points)  # from the other's axes, through the world, into the first's
    np.testing.assert_allclose(chained.project(points)[1], one.project(lifted)[1], atol=1e-9)
    moved = one.posed(one.world_to_camera @ np.linalg.inv(move))  # the world and the camera moved alike
    np.testing.assert_allclose(
        moved.project(points @ move[:3, :3].T + move[:3, 3])[1], one.project(points)[1], atol=1e-9
    )


@few
@given(seeds, st.floats(-3, 3))
def test_turns_about_one_axis_add_up(seed: int, angle: float) -> None:
    axis = np.random.default_rng(seed).normal(size=3)
    axis /= np.linalg.norm(axis)
    nothing = np.zeros(3)
    both = rigid(axis * angle, nothing) @ rigid(axis * 0.7, nothing)
    np.testing.assert_allclose(both, rigid(axis * (angle + 0.7), nothing), atol=1e-9)
    np.testing.assert_allclose(both[:3, :3], cv2.Rodrigues(axis * (angle + 0.7))[0], atol=1e-9)


def test_a_scaled_picture_shows_the_same() -> None:
    camera = posed.room(0).views[0].camera
    points = camera.unproject(inside(camera, np.random.default_rng(0), 30), 3.0)
    half = camera.scaled(Size(camera.size.width // 2, camera.size.height // 2))
    np.testing.assert_allclose(half.project(points)[0] * 2, camera.project(points)[0], atol=1e-9)


@few
@given(cameras())
def test_the_grid_of_rays_is_that_of_pixel_centres(camera: Camera) -> None:
    rays = grid(camera.lens)
    assert rays.shape == (camera.size.height, camera.size.width, 3)
    row, column = camera.size.height // 3, camera.size.width // 5
    np.testing.assert_allclose(rays[row, column], camera.rays([[column + 0.5, row + 0.5]])[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["fisheye", "radial and tangential"])
def test_a_point_beyond_the_turning_of_a_lens_is_not_seen(kind: str) -> None:
    model = DISTORTIONS[kind][0]
    strong = (-0.4, 0.0, 0.0, 0.0)
    camera = Camera([[300, 0, 200], [0, 300, 200], [0, 0, 1]], np.eye(4), Size(400, 400), strong, model)
    aside = np.array(
        [[1.6, 0.1, 1.0], [0.1, 0.05, 1.0]]
    )  # the polynomial would fold the first into the picture
    assert visible(camera, aside).tolist() == [False, True]
    assert np.isnan(camera.project(aside)[0][0]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"world_to_camera": np.diag([1.0, 1, -1, 1])}, "left-handed"),
        ({"world_to_camera": np.diag([1.0, 1, 2, 1])}, "not rigid"),
        ({"world_to_camera": np.full((4, 4), np.nan)}, "world_to_camera holds a number that is not finite"),
        ({"intrinsics": np.diag([0.0, 1, 1])}, "intrinsics"),
        ({"intrinsics": np.eye(4)}, "intrinsics is not a 3x3"),
        ({"distortion": np.array([np.inf])}, "distortion"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(change: dict, words: str) -> None:
    with pytest.raises(SceneError, match=words):
        replace(posed.room(0).views[0].camera, **change)


@st.composite
def rays(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(seeds))
    point = rng.uniform(-2, 2, 3)
    origins = rng.normal(size=(draw(st.integers(2, 12)), 3))
    origins = point + origins / np.linalg.norm(origins, axis=1, keepdims=True) * rng.uniform(
        1, 8, (len(origins), 1)
    )
    return point, origins, (point - origins) * rng.uniform(0.2, 3, (len(origins), 1))


@few
@given(rays(), st.booleans())
def test_rays_through_a_point_meet_in_it(drawn: tuple, robust: bool) -> None:
    point, origins, directions = drawn
    met = intersect(origins, directions, 0.002, robust=robust)
    assume(met is not None)
    assert met is not None
    np.testing.assert_allclose(met.point, point, atol=1e-6)
    assert met.used.all()
    assert met.residuals.max() < 1e-6


def test_the_covariance_of_a_point_is_that_of_its_errors() -> None:
    """Squared Mahalanobis distances of 2000 points average 3, as chi-square's do, and 90 % are below 6.25."""
    rng = np.random.default_rng(5)
    squares = []
    for _ in range(2000):
        point, sigma = rng.uniform(-1, 1, 3), 0.004
        origins = np.array([[4, 0, 1], [3, 2.5, 0.5], [2, 4, 1.5], [4.5, 1, 2]]) + rng.normal(0, 0.02, (4, 3))
        true = point - origins
        length = np.linalg.norm(true, axis=1, keepdims=True)
        error = rng.normal(0, sigma, (4, 3)) * length  # along the ray it does nothing
        seen_from = origins + rng.normal(0, 0.01, (4, 3))
        met = intersect(seen_from, true + error, sigma, origin_sigma=0.01)
        assert met is not None
        off = met.point - point
        squares.append(off @ np.linalg.solve(met.covariance, off))
    assert 2.7 < np.mean(squares) < 3.3
    assert 0.87 < np.mean(np.array(squares) < 6.251) < 0.93


def test_rays_that_miss_are_left_out() -> None:
    rng = np.random.default_rng(1)
    point = np.array([0.3, -0.2, 1.0])
    origins = rng.uniform(-3, 3, (10, 3)) + np.array([0, 0, 4])
    directions = point - origins
    directions[[2, 7, 8]] += rng.normal(0, 2, (3, 3))
    met = intersect(origins, directions, 0.003, robust=True)
    assert met is not None
    np.testing.assert_allclose(met.point, point, atol=1e-6)
    assert np.flatnonzero(~met.used).tolist() == [2, 7, 8]
    assert (met.residuals[[2, 7, 8]] > 0.02).all()


def test_what_rays_cannot_tell_is_not_told() -> None:
    origin = np.zeros(3)
    assert intersect([origin], [[0, 0, 1]], 0.01) is None  # one ray
    assert intersect([origin, (0.01, 0, 0)], [[0, 0, 5], [-0.01, 0, 5]], 0.001) is None  # no parallax
    assert intersect([origin, (0.3, 0, 0)], [[0, 0, 5], [-0.3, 0, 5]], 0.05) is None  # less than their error
    assert intersect([origin, (1, 0, 0)], [[-1, 0, 5], [1, 0, 5]], 0.01) is None  # they part: behind both
    assert intersect([origin] * 2, [[0, 0, 0], [np.nan, 0, 1]], 0.01) is None


@few
@given(seeds)
def test_what_is_behind_a_wall_is_hidden(seed: int) -> None:
    """A wall across the left half of the view, told by depth or by its own points."""
    rng = np.random.default_rng(seed)
    camera = Camera(
        [[100, 0, 80], [0, 100, 60], [0, 0, 1]],
        rigid(rng.uniform(-1, 1, 3), rng.uniform(-3, 3, 3)),
        Size(160, 120),
    )
    depth = np.full((120, 160), 6, dtype=np.float32)
    depth[:, :80] = 2
    pixels = inside(camera, rng, 200)
    pixels = pixels[np.abs(pixels[:, 0] - 80) > 3]
    left = pixels[:, 0] < 80
    beyond = camera.unproject(pixels, 4.0)
    assert (visible(camera, beyond, depth) == ~left).all()
    assert visible(camera, camera.unproject(pixels, np.where(left, 2, 6)), depth).all()
    assert not visible(camera, camera.unproject(pixels, -3.0), depth).any()
    outside = camera.unproject(pixels + np.array([200, 0]), 1.0)
    assert not visible(camera, outside, depth).any()
    assert visible(camera, beyond, np.zeros_like(depth)).all()  # nothing known hides nothing
    # to the very edge of the picture: a point below the last of the wall's own is hidden by none of them
    columns, rows = np.meshgrid(np.arange(0, 78, 1.0), np.append(np.arange(0, 120, 1.0), 119.49999))
    wall = camera.unproject(np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5, 2.0)
    both = visible(camera, np.concatenate([wall, beyond]))
    assert both[: len(wall)].all()
    deep = left & (pixels[:, 0] < 74)
    assert not both[len(wall) :][deep].any()
    assert both[len(wall) :][pixels[:, 0] > 86].all()


def test_a_sample_is_spread_and_no_larger_than_what_there_is() -> None:
    assert sample(5).tolist() == [0, 1, 2, 3, 4]
    assert len(sample(100_000, 1000)) == 1000
    assert sample(100_000, 1000)[[0, -1]].tolist() == [0, 99_999]
    assert sample(0).tolist() == []
