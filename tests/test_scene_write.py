"""What is written of a scene is read again: cameras, pictures, depths, times and units."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightloop.errors import SceneError
from sightloop.memory.geometry import Camera, rigid
from sightloop.memory.scene import Scene, SceneView
from sightloop.memory.sources.scene_write import write_scene
from sightloop.memory.still import Size
from tests.posed import room

numbers = st.floats(-3, 3)


def scene_of(camera: Camera, depth: np.ndarray | None = None, name: str = "one", **changes: object) -> Scene:
    rng = np.random.default_rng(0)
    color = rng.integers(0, 256, (camera.size.height, camera.size.width, 3), dtype=np.uint8)
    read = partial(np.copy, depth) if depth is not None else None
    return Scene("made", "made", "ours", (SceneView(name, camera, color.copy, read),), **changes)


def plain(width: int = 12, height: int = 8) -> Camera:
    return Camera(np.array([[10.0, 0, 6], [0, 10, 4], [0, 0, 1]]), np.eye(4), Size(width, height))


def test_a_room_is_the_same_after_writing(tmp_path: Path) -> None:
    scene = room(3)
    views = tuple(replace(view, t=number * 0.5) for number, view in enumerate(scene.views))
    scene = replace(scene, views=views, up=np.array([0.0, 0.0, 1.0]))
    again = write_scene(scene, tmp_path / "out" / "room")
    assert again.names == tuple(f"{name}.png" for name in scene.names)
    assert again.metric
    assert np.array_equal(again.up, scene.up)
    for old, new in zip(scene.views, again.views, strict=True):
        assert new.t == old.t
        assert np.allclose(new.camera.world_to_camera, old.camera.world_to_camera, atol=1e-12)
        assert np.allclose(new.camera.intrinsics, old.camera.intrinsics, atol=1e-12)
        assert np.array_equal(again.still(new.name).pixels, scene.still(old.name).pixels)
        assert np.abs(again.depth(new.name) - scene.depth(old.name)).max() <= 0.0005 + 1e-6


@settings(max_examples=25, deadline=None)
@given(
    turn=st.tuples(numbers, numbers, numbers),
    move=st.tuples(numbers, numbers, numbers),
    distortion=st.lists(st.floats(-0.1, 0.1), min_size=4, max_size=4),
    fisheye=st.booleans(),
)
def test_any_camera_is_the_same_after_writing(
    tmp_path_factory: pytest.TempPathFactory, turn, move, distortion, fisheye: bool
) -> None:
    camera = replace(
        plain(),
        world_to_camera=rigid(np.array(turn), np.array(move)),
        distortion=np.array(distortion),
        model="fisheye" if fisheye else "pinhole",
    )
    (new,) = write_scene(scene_of(camera), tmp_path_factory.mktemp("scene")).views
    assert new.camera.model == camera.model
    assert np.array_equal(new.camera.distortion, camera.distortion)
    assert np.allclose(new.camera.world_to_camera, camera.world_to_camera, atol=1e-12)


@pytest.mark.parametrize(
    ("depth", "metric", "kind"),
    [(5.0, True, "png"), (70.0, True, "npy"), (0.0004, True, "npy"), (0.3, False, "npy")],
)
def test_depths_lose_less_than_half_a_millimetre(
    tmp_path: Path, depth: float, metric: bool, kind: str
) -> None:
    values = np.full((8, 12), depth, np.float32)
    values[0] = 0
    again = write_scene(scene_of(plain(), values, metric=metric), tmp_path)
    assert [file.name for file in tmp_path.glob("*.depth.*")] == [f"one.depth.{kind}"]
    assert again.metric is metric
    assert np.abs(again.depth("one.png") - values).max() <= 0.0005
    assert not again.depth("one.png")[0].any()


def test_names_become_files_of_one_folder(tmp_path: Path) -> None:
    names = ["front/0001", "front_0001", "../../up", "b.JPG", "", "Front_0001"]
    views = tuple(replace(scene_of(plain()).views[0], name=name) for name in names)
    again = write_scene(Scene("made", "made", "ours", views), tmp_path)
    assert len(set(again.names)) == len(names)
    assert {file.name for file in tmp_path.iterdir()} == {*again.names, "scene.json"}


def test_a_scene_is_not_written_over_another(tmp_path: Path) -> None:
    write_scene(scene_of(plain()), tmp_path)
    with pytest.raises(SceneError, match="holds a scene already"):
        write_scene(scene_of(plain()), tmp_path)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SceneError, match="cannot be written"):
        write_scene(scene_of(plain()), tmp_path / "file")
