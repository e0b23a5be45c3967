"""Whether a scene fits together, for textured models that another renderer drew: pybullet's."""

from __future__ import annotations

import bullet
import numpy as np
import posed
import pytest

from sightloop.memory.consistency import inspect, noise
from sightloop.memory.floor import ground
from sightloop.memory.fusion import fuse
from sightloop.memory.scene import Scene

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


@pytest.fixture(scope="module")
def scene() -> Scene:
    return bullet.table_top()


def test_views_of_another_renderer_fit(scene: Scene) -> None:
    info = inspect(scene)
    assert info.consistency.fits is True, info.consistency.verdict
    assert info.consistency.depth_rel is not None
    assert info.consistency.depth_rel < 0.005
    assert info.consistency.depth_rel_shuffled is not None
    assert info.consistency.depth_rel_shuffled > 0.05
    assert info.up_from == "the floor"
    np.testing.assert_allclose(info.up, (0, 0, 1), atol=0.01)
    found = noise(scene)
    assert found.pose_m < 0.004
    assert found.pose_rad < np.radians(0.2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"camera": lambda _, c: c.posed(FLIP @ c.world_to_camera)}, "y and z axes look flipped"),
        ({"camera": lambda _, c: c.posed(c.camera_to_world)}, "camera-to-world read as"),
        ({"depth": lambda depth: depth * 1000}, "a thousand times too large"),
        ({"camera": lambda _, c: posed.zoomed(c, 0.8)}, "focal lengths of 1.25 times"),
        ({"order": (5, 0, 1, 2, 3, 4)}, "one view late"),
        ({"order": (3, 5, 0, 4, 2, 1)}, "do not fit"),
    ],
)
def test_what_is_wrong_with_them_is_named(scene: Scene, change: dict, words: str) -> None:
    found = inspect(posed.changed(scene, **change)).consistency
    assert found.fits is False, found.verdict
    assert words in found.verdict


def test_noise_of_poses_and_depths_is_told(scene: Scene) -> None:
    found = [
        noise(posed.noisy(scene, seed, degrees=1, metres=0.02, depth=0.01, holes=0.1)) for seed in range(4)
    ]
    depth, shift, turn = np.sqrt(np.mean(np.square([one[:3] for one in found]), axis=0))
    assert 0.01 / 1.5 < depth < 0.01 * 1.5
    assert 0.02 / 1.5 < shift < 0.02 * 1.5
    assert np.radians(1 / 1.5) < turn < np.radians(1.5)


def test_the_floor_and_the_table_are_where_they_were_put(scene: Scene) -> None:
    cloud = fuse(scene)
    found = ground(cloud, scene)
    assert found is not None
    assert abs(found.height) < 0.01
    top = cloud.points[(np.abs(cloud.points[:, :2]) < (0.2, 0.4)).all(axis=1) & (cloud.points[:, 2] > 0.5)]
    assert 0.6 < np.percentile(top[:, 2], 20) < 0.65  # the table is 63 cm high


def test_pictures_alone_tell_whether_poses_fit() -> None:
    near = posed.changed(bullet.table_top(5, 640, 480, arc=40), depth=None)
    found = inspect(near).consistency
    assert found.fits is True, found.verdict
    assert found.epipolar is not None
    assert found.epipolar < 2
    for wrong in (
        posed.changed(near, order=(3, 0, 4, 2, 1)),
        posed.changed(near, lambda _, c: c.posed(FLIP @ c.world_to_camera)),
    ):
        assert inspect(wrong).consistency.fits is False
