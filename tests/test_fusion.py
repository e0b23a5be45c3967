"""Fusing depths: laws that hold for any scene, on rooms and tables that are synthetic and exact."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import posed
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightloop.errors import InputError, SceneError
from sightloop.memory.depths import noise, surface
from sightloop.memory.floor import ground, planes, upward
from sightloop.memory.fusion import Cloud, fuse
from sightloop.memory.geometry import Camera, rigid
from sightloop.memory.scene import Scene
from sightloop.memory.still import Size
from sightloop.memory.visible import coverage, sample
from sightloop.memory.voxels import Voxels

few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 500)


def same(one: Cloud, other: Cloud) -> None:
    for name in ("points", "colors", "normals", "weight", "first"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.voxel == other.voxel


@few
@given(st.permutations(range(6)), seeds)
def test_the_order_of_views_changes_nothing(order: list[int], seed: int) -> None:
    scene = posed.room(seed % 3)
    mixed = replace(scene, views=tuple(scene.views[i] for i in order))
    same(fuse(scene, voxel=0.05), fuse(mixed, voxel=0.05))
    names = [scene.names[i] for i in order]
    same(fuse(scene, voxel=0.05), fuse(scene, names, voxel=0.05))


def test_a_view_fused_twice_doubles_no_point() -> None:
    scene = posed.room(1)
    once = fuse(scene, voxel=0.04)
    named_twice = fuse(scene, [*scene.names, *scene.names], voxel=0.04)
    same(once, named_twice)
    again = tuple(replace(view, name=f"again {view.name}") for view in scene.views)
    twice = fuse(replace(scene, views=scene.views + again), voxel=0.04)
    np.testing.assert_array_equal(twice.points, once.points)
    np.testing.assert_array_equal(twice.weight, once.weight * 2)


def test_points_are_on_the_surfaces_that_were_cast() -> None:
    """Floor, walls and solids: what ray casting finds from the camera is where the points are."""
    scene = posed.room(2, width=320, height=240)
    cloud = fuse(scene)
    assert len(cloud) > 20_000
    assert 0.01 < cloud.voxel < 0.05
    ways = planes(cloud)
    floor = max(ways, key=lambda plane: plane.normal[2])
    np.testing.assert_allclose(floor.normal, (0, 0, 1), atol=1e-3)
    assert abs(floor.height) < 1e-3
    assert cloud.points[:, 2].min() > -0.5 * cloud.voxel
    for view in scene.views:
        pixels, far = view.camera.project(cloud.points[cloud.seen_by(view.name)])
        column, row = np.clip(pixels.astype(int).T, 0, np.array([[319], [239]]))
        off = np.abs(view.depth()[row, column] - far) / far
        assert np.median(off) < 0.01


def test_normals_face_the_cameras_that_saw_them() -> None:
    scene = posed.table(3)
    cloud = fuse(scene)
    np.testing.assert_allclose(np.linalg.norm(cloud.normals, axis=1), 1, atol=1e-3)
    for view in scene.views:
        seen = cloud.seen_by(view.name)
        toward = view.camera.centre - cloud.points[seen]
        assert (np.einsum("ij,ij->i", toward, cloud.normals[seen]) > 0).mean() > 0.98
    top = cloud.points[:, 2] < 0.005
    assert (cloud.normals[top, 2] > 0.99).mean() > 0.95


def test_weights_count_the_views_that_the_lists_name() -> None:
    scene = posed.room(0)
    cloud = fuse(scene, list(scene.names[:4]))
    assert cloud.names == scene.names[:4]
    assert cloud.first[-1] == len(cloud.views) == cloud.weight.sum()
    np.testing.assert_array_equal(np.diff(cloud.first), cloud.weight)
    counts = sum(cloud.seen_by(name).astype(int) for name in cloud.names)
    np.testing.assert_array_equal(counts, cloud.weight)
    assert not cloud.seen_by(scene.names[5]).any()


@pytest.mark.parametrize("shift", [(0, 0, 0), (0.5, -3, 7), (900, -1200, 40)])
def test_a_cloud_moves_with_its_world(shift: tuple[float, float, float]) -> None:
    scene = posed.room(1)
    move = rigid((0, 0, 0), shift)
    moved = posed.changed(scene, lambda _, camera: camera.posed(camera.world_to_camera @ np.linalg.inv(move)))
    here, there = fuse(scene, voxel=0.05), fuse(moved, voxel=0.05)
    assert abs(len(here) - len(there)) < 0.02 * len(here)
    np.testing.assert_allclose(
        there.points.mean(axis=0, dtype=float) - shift, here.points.mean(axis=0, dtype=float), atol=0.02
    )


def flying(scene: Scene) -> Scene:
    """Every pixel at a step of depth halfway between the two, as a time-of-flight camera sees it."""

    def mixed(depth: np.ndarray) -> np.ndarray:
        out = depth.copy()
        step = np.abs(np.diff(depth, axis=1)) > 0.3
        rows, columns = np.nonzero(step & (depth[:, :-1] > 0) & (depth[:, 1:] > 0))
        out[rows, columns] = (depth[rows, columns] + depth[rows, columns + 1]) / 2
        return out

    return posed.changed(scene, depth=mixed)


def test_flying_pixels_are_dropped_and_borders_stay() -> None:
    scene = posed.table(2, views=3)
    view, worse = scene.views[0], flying(scene).views[0]
    exact, mixed = view.depth(), worse.depth()
    touched = np.abs(exact - mixed) > 0
    assert touched.sum() > 50
    kept = surface(view.camera, mixed).depth > 0
    assert kept[touched].mean() < 0.1
    assert kept[~touched & (exact > 0)].mean() > 0.995
    assert (surface(view.camera, exact).depth > 0)[exact > 0].mean() > 0.998


@few
@given(seeds, st.floats(0.004, 0.02))
def test_the_noise_of_pixels_is_told_and_smoothed(seed: int, rough: float) -> None:
    scene = posed.noisy(posed.room(seed % 3), seed, depth=rough, holes=0.1)
    view, exact = scene.views[0], posed.room(seed % 3).views[0].depth()
    depth = view.depth()
    assert rough / 1.15 < noise(depth) < rough * 1.15
    seen = surface(view.camera, depth)
    known = (seen.depth > 0) & (exact > 0)
    off = (seen.depth / np.where(exact > 0, exact, 1) - 1)[known]
    assert np.median(np.abs(off)) / 0.6745 < 0.5 * rough
    assert (depth > 0)[seen.depth > 0].all()  # holes stay holes
    assert known.sum() > 0.97 * (depth > 0).sum()


def test_exact_depths_have_no_noise() -> None:
    for seed in range(3):
        assert noise(posed.room(seed).views[0].depth()) < 1e-4
        rounded = np.round(posed.room(seed).views[0].depth() * 1000) / 1000
        assert noise(np.float32(rounded)) < 3e-4
    assert noise(np.zeros((9, 9), np.float32)) == 0


@pytest.mark.parametrize("make", [posed.room, posed.table])
@pytest.mark.parametrize("seed", range(4))
def test_the_floor_is_found_whatever_up_is(make, seed: int) -> None:
    scene = make(seed)
    turn = rigid(np.random.default_rng(seed).uniform(-2, 2, 3), (1, 2, 3))
    turned = posed.changed(
        scene, lambda _, camera: camera.posed(camera.world_to_camera @ np.linalg.inv(turn))
    )
    found = ground(fuse(turned), turned)
    assert found is not None
    up = turn[:3, 2]
    assert found.up @ up > np.cos(np.radians(0.2))
    assert abs(found.height - up @ turn[:3, 3]) < 0.005
    assert upward(turned)[0] @ up > np.cos(np.radians(30))


def test_the_floor_under_noise() -> None:
    for seed in range(3):
        scene = posed.noisy(posed.room(seed), seed, degrees=1, metres=0.02, depth=0.01, holes=0.1)
        found = ground(fuse(scene), scene)
        assert found is not None
        assert found.up[2] > np.cos(np.radians(3))
        assert abs(found.height) < 0.08


def test_walls_floor_and_no_more_are_the_large_planes_of_an_empty_corner() -> None:
    scene = posed.room(0)
    ways = planes(fuse(scene))
    turned = np.abs(np.stack([plane.normal for plane in ways[:4]]))
    assert (turned.max(axis=1) > 0.999).all()  # a room's, along its axes
    inliers = np.stack([plane.inliers for plane in ways])
    assert inliers.sum(axis=0).max() == 1  # no point in two
    assert all(plane.sigma < 0.005 for plane in ways[:4])
    assert ways[0].area > ways[-1].area


def test_coverage_is_what_views_see() -> None:
    scene = posed.room(1)
    cloud = fuse(scene)
    seen = coverage(scene, scene.names, cloud)
    some = sample(len(cloud))
    assert seen.shape == (len(scene), len(some))
    assert seen.any(axis=0).mean() > 0.99
    for row, name in zip(seen, scene.names, strict=True):
        fused = cloud.seen_by(name)[some]
        assert row[fused].mean() > 0.97


def test_views_without_depth_are_passed_over() -> None:
    scene = posed.room(0)
    views = tuple(replace(view, depth=None) if i % 2 else view for i, view in enumerate(scene.views))
    cloud = fuse(replace(scene, views=views))
    assert cloud.names == scene.names[::2]


def test_a_view_that_cannot_be_read_is_left_out_and_named() -> None:
    scene = posed.room(0)

    def broken() -> np.ndarray:
        raise InputError("the file is truncated.")

    bad = replace(scene.views[2], depth=broken)
    small = replace(scene.views[3], depth=lambda: np.ones((4, 4), np.float32))
    cloud = fuse(replace(scene, views=(*scene.views[:2], bad, small, *scene.views[4:])))
    assert cloud.names == (*scene.names[:2], *scene.names[4:])
    assert "view2" in cloud.left_out[0]
    assert "truncated" in cloud.left_out[0]
    assert "view3" in cloud.left_out[1]


def test_without_depths_the_points_of_the_files_are_the_cloud() -> None:
    scene = posed.changed(posed.room(0), depth=None)
    with pytest.raises(SceneError, match="neither depths nor points"):
        fuse(scene)
    points = np.random.default_rng(0).normal(size=(500, 3))
    cloud = fuse(replace(scene, points=points))
    np.testing.assert_allclose(cloud.points, points, atol=1e-6)
    assert not cloud.normals.any()
    assert cloud.voxel > 0
    assert coverage(replace(scene, points=points), scene.names, cloud).shape == (6, 500)


def test_what_cannot_be_fused_says_so() -> None:
    scene = posed.room(0)
    with pytest.raises(SceneError, match="nosuch"):
        fuse(scene, ["nosuch"])
    empty = posed.changed(scene, depth=np.zeros_like)
    with pytest.raises(SceneError, match="empty"):
        fuse(empty)
    assert len(fuse(scene, [scene.names[0]])) > 1000  # one view is enough


def test_points_a_world_away_do_not_wrap_around() -> None:
    """A depth of a thousand kilometres among metres: dropped, and nothing else moves."""
    scene = posed.room(0)

    def spiked(depth: np.ndarray) -> np.ndarray:
        depth = depth.copy()
        depth[60:64, 60:64] = 1e6
        return depth

    cloud = fuse(posed.changed(scene, depth=spiked), voxel=0.05)
    assert np.abs(cloud.points).max() < 10


@pytest.mark.parametrize("origin", [0.0, 1.5, -2.0])
def test_a_floor_at_a_round_number_is_one_layer(origin: float) -> None:
    """Half a millimetre of rounding to either side of a plane through the origin."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (5000, 3))
    points[:, 2] = rng.uniform(-5e-4, 5e-4, 5000)
    voxels = Voxels(0.02, np.full(3, origin))
    up, grey = np.tile(np.float32([0, 0, 1]), (5000, 1)), np.full((5000, 3), 99, np.uint8)
    voxels.add(*voxels.summed(points.astype(np.float32), up, grey))
    found = voxels.averages()
    columns = np.floor(found.points[:, :2] / 0.02 - origin / 0.02 - 0.382)
    assert len(np.unique(columns, axis=0)) > 0.98 * len(found.points)


def test_a_distorted_lens_and_a_fisheye_see_the_same_plane() -> None:
    for model, coefficients in (("pinhole", (-0.2, 0.05, 0, 0)), ("fisheye", (0.02, 0.01, 0, 0))):
        camera = Camera(
            [[150, 0, 100], [0, 150, 75], [0, 0, 1]], np.eye(4), Size(200, 150), coefficients, model
        )
        rng = random.Random(0)
        normal = np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), -1.0])
        normal /= np.linalg.norm(normal)
        columns, rows = np.meshgrid(np.arange(200) + 0.5, np.arange(150) + 0.5)
        rays = camera.rays(np.stack([columns, rows], axis=-1))
        depth = np.float32(-3 / (rays @ normal)).reshape(150, 200)
        seen = surface(camera, depth, stride=2)
        facing = seen.normals @ normal
        assert np.median(facing) > 0.9999
        assert (facing > 0.999).mean() > 0.97
        np.testing.assert_allclose(seen.points @ normal, -3, atol=1e-3)
