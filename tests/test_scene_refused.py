"""Scenes whose files are wrong: an error that names the file and the field, or a stated degradation."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightloop.errors import SceneError
from sightloop.memory.sources.scenes import is_scene, open_scene

from .datasets import colmap, nerfstudio, scannet, scene_json, seven_scenes, tum
from .posed import room

SCENE = room(3)


def spoiled(folder: Path, **fields: object) -> Path:
    """The first view of a scene.json, with other fields."""
    data = json.loads((folder / "scene.json").read_text())
    for name, value in fields.items():
        if value is None:
            data["views"][0].pop(name)
        else:
            data["views"][0][name] = value
    (folder / "scene.json").write_text(json.dumps(data))
    return folder


FLIPPED = np.diag([-1.0, 1, 1, 1]).tolist()
NAN = [[float("nan")] * 4] * 4
BAD = {
    "no intrinsics": ({"intrinsics": None}, "intrinsics"),
    "intrinsics of another shape": ({"intrinsics": [[1, 2], [3, 4]]}, "intrinsics"),
    "a focal length of 0": ({"intrinsics": [[0, 0, 1], [0, 1, 1], [0, 0, 1]]}, "focal"),
    "a pose with NaN": ({"world_to_camera": NAN}, "world_to_camera"),
    "a left-handed pose": ({"world_to_camera": FLIPPED}, "left-handed"),
    "a pose that scales": ({"world_to_camera": np.diag([2.0, 2, 2, 1]).tolist()}, "not rigid"),
    "a pose that is text": ({"world_to_camera": "left"}, "could not|not a"),
    "a picture that is missing": ({"color": "gone.png"}, "gone.png"),
    "a picture of somewhere else": ({"color": "../../etc/passwd"}, "leads out"),
    "a focal length of 1e400": ({"intrinsics": [[float("inf"), 0, 1], [0, 1, 1], [0, 0, 1]]}, "intrinsics"),
    "a model nobody knows": ({"model": "omni"}, "model 'omni'"),
    "a distortion of too many numbers": ({"distortion": [0.1] * 15}, "distortion"),
    "a distortion that is text": ({"distortion": "none"}, "distortion"),
    "a width that is no number": ({"width": "wide"}, "width"),
    "a width of infinity": ({"width": float("inf")}, "width"),
    "a height that is negative": ({"height": -180}, "height"),
    "a time that is text": ({"t": "noon"}, "t is not"),
    "a time that is NaN": ({"t": float("nan")}, "t is not"),
    "another size": ({"width": 100}, "pixels"),
    "a picture that is no name": ({"color": 7}, "name of a file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_view_is_left_out_and_the_rest_goes_on(tmp_path: Path, name: str) -> None:
    fields, word = BAD[name]
    read = open_scene(spoiled(scene_json(SCENE, tmp_path / "scan"), **fields))
    assert len(read) == len(SCENE) - 1
    (warning,) = read.warnings
    assert "view 0" in warning
    assert re.search(word, warning)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "scene.json"),
        ("[]", "scene.json"),
        ('{"views": []}', "no view"),
        ('{"views": 5}', "views"),
        ('{"views": {}}', "views"),
        ('{"views": [5, null, "a", []]}', "no object"),
        ("[" * 100_000, "not JSON"),
        ('{"views": [{}], "metric": "no"}', "metric"),
        ('{"views": [{}], "depth_scale": NaN}', "depth_scale"),
        ('{"views": [{}], "depth_scale": 1e300}', "depth_scale"),
        ('{"views": [{}], "depth_scale": "mm"}', "depth_scale"),
        ('{"views": [{}], "up": [0, 1]}', "up"),
        ('{"views": [{}], "up": [0, NaN, 1]}', "up"),
        ('{"views": [{}], "depth_scale": 0}', "depth_scale"),
        ('{"views": [{}], "depth_scale": 1}', "depth_scale"),
        ('{"views": [{}], "up": [0, 0, 0]}', "up"),
        ('{"views": [{}]}', "color|intrinsics"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, content: str, word: str) -> None:
    (tmp_path / "scene.json").write_text(content)
    with pytest.raises(SceneError, match=word):
        open_scene(tmp_path)


def test_a_view_whose_depth_cannot_go_with_it_goes_without(tmp_path: Path) -> None:
    folder = scene_json(SCENE, tmp_path)
    Image.fromarray(np.ones((100, 240), np.uint16)).save(folder / "0.depth.png")
    Image.fromarray(np.full((90, 120), 2000, np.uint16)).save(folder / "1.depth.png")
    (folder / "2.depth.png").unlink()
    (folder / "3.depth.png").write_bytes(b"no depth")
    read = open_scene(folder)
    assert [view.depth is not None for view in read.views] == [False, True, False, False, True, True]
    for warning, word in zip(
        read.warnings, ("240x100", "2.depth.png is missing", "3.depth.png"), strict=True
    ):
        assert "goes without depth" in warning
        assert word in warning
    smaller = read.depth("1.png")
    assert smaller is not None
    assert smaller.shape == (180, 240)
    Image.new("RGB", (240, 180)).save(folder / "5.depth.png")
    with pytest.raises(SceneError, match="one channel"):
        open_scene(folder).depth("5.png")


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.ones((180, 240, 3)), "shape"),
        (np.ones(5), "shape"),
        (np.array([{}], dtype=object), "cannot be read"),
    ],
)
def test_a_depth_of_floats_that_is_none_is_told(tmp_path: Path, array: np.ndarray, word: str) -> None:
    folder = spoiled(scene_json(SCENE, tmp_path), depth="0.npy")
    np.save(folder / "0.npy", array, allow_pickle=True)
    read = open_scene(folder)
    assert read.views[0].depth is None
    assert word in read.warnings[0]


def test_depths_of_floats_are_metres_and_holes_are_zero(tmp_path: Path) -> None:
    folder = spoiled(scene_json(SCENE, tmp_path), depth="0.npy")
    metres = np.full((180, 240), 2.5)
    metres[0, :3] = np.nan, np.inf, -1
    np.save(folder / "0.npy", metres)
    depth = open_scene(folder).depth("0.png")
    assert depth is not None
    assert depth[0, :4].tolist() == [0, 0, 0, 2.5]


@pytest.mark.parametrize("times", [1000.0, 0.001])
def test_a_depth_of_another_unit_is_told(tmp_path: Path, times: float) -> None:
    folder = spoiled(scene_json(SCENE, tmp_path), depth="0.npy")
    np.save(folder / "0.npy", np.full((180, 240), 2.5 * times))
    assert "its unit is most likely another" in open_scene(folder).warnings[-1]


def test_intrinsics_of_another_size_are_told(tmp_path: Path) -> None:
    folder = scannet(SCENE, tmp_path)
    for file in (folder / "intrinsic").iterdir():
        np.savetxt(file, np.diag([2.0, 2, 1, 1]) @ np.loadtxt(file))
    assert "another size of picture" in open_scene(folder).warnings[-1]


def test_a_field_that_is_nearly_ours_is_told(tmp_path: Path) -> None:
    folder = scene_json(SCENE, tmp_path)
    data = json.loads((folder / "scene.json").read_text())
    data["depthScale"], data["questions"] = data.pop("depth_scale"), []
    (folder / "scene.json").write_text(json.dumps(data))
    (warning,) = open_scene(folder).warnings
    assert "'depthScale' is passed over; is it 'depth_scale'" in warning


def test_of_two_views_of_one_name_the_first_counts(tmp_path: Path) -> None:
    read = open_scene(spoiled(scene_json(SCENE, tmp_path), color="1.png"))
    assert len(read) == len(SCENE) - 1
    assert "view 1 is left out: 1.png is another" in read.warnings[0]


def test_links_in_the_folder_are_followed_and_names_that_lead_out_are_not(tmp_path: Path) -> None:
    folder = scene_json(SCENE, tmp_path / "scan")
    (folder / "0.png").rename(tmp_path / "elsewhere.png")
    (folder / "0.png").symlink_to(tmp_path / "elsewhere.png")
    assert len(open_scene(folder)) == len(SCENE)
    for name in (str(tmp_path / "elsewhere.png"), "../elsewhere.png", "a/../../elsewhere.png", ".", ""):
        assert len(open_scene(spoiled(folder, color=name))) == len(SCENE) - 1


def test_one_view_and_poses_that_are_all_equal_are_told(tmp_path: Path) -> None:
    folder = scene_json(SCENE, tmp_path)
    data = json.loads((folder / "scene.json").read_text())
    (folder / "scene.json").write_text(json.dumps({**data, "views": data["views"][:1]}))
    assert "one view" in open_scene(folder).warnings[-1]
    for view in data["views"]:
        view["world_to_camera"] = data["views"][0]["world_to_camera"]
    (folder / "scene.json").write_text(json.dumps(data))
    assert "one place" in open_scene(folder).warnings[-1]


def test_what_is_no_scene_and_what_is_several(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="does not exist"):
        open_scene(tmp_path / "gone")
    with pytest.raises(SceneError, match="known format"):
        open_scene(tmp_path)
    assert not is_scene(tmp_path)
    scene_json(SCENE, tmp_path / "inner")
    with pytest.raises(SceneError, match="name one: inner"):
        open_scene(tmp_path)
    with pytest.raises(SceneError, match="from-photos"):
        open_scene(colmap(SCENE, tmp_path / "photos").joinpath("images"))
    seven_scenes(SCENE, tmp_path)
    scannet(SCENE, tmp_path)
    with pytest.raises(SceneError, match="several formats"):
        open_scene(tmp_path)


def test_a_colmap_model_without_its_pictures_says_so(tmp_path: Path) -> None:
    folder = colmap(SCENE, tmp_path)
    shutil.rmtree(folder / "images")
    with pytest.raises(SceneError, match="missing"):
        open_scene(folder)


@pytest.mark.parametrize("name", ["images", "points3D", "frames", "rigs"])
@pytest.mark.parametrize("change", ["cut", "count", "end"])
def test_a_damaged_colmap_model_is_refused_at_once(tmp_path: Path, name: str, change: str) -> None:
    folder = colmap(SCENE, tmp_path)
    file = folder / "sparse" / "0" / f"{name}.bin"
    data = file.read_bytes()
    changed = {"cut": data[:-5], "count": b"\xff" * 7 + b"\0" + data[8:], "end": data + b"\1" * 9}
    file.write_bytes(changed[change])
    with pytest.raises(SceneError, match=rf"{name}\.bin is cut off or damaged"):
        open_scene(folder)


NERF = {
    "a scale of nothing": ({"applied_scale": 0}, {}, "applied_scale"),
    "no intrinsics": ({"fl_x": None, "fl_y": None}, {}, "no intrinsics"),
    "an unknown camera": ({"camera_model": "EQUIRECTANGULAR"}, {}, "EQUIRECTANGULAR"),
    "a depth of kilometres": ({"depth_unit_scale_factor": 1.0}, {}, "depth_unit_scale_factor"),
    "a lens of another shape": ({"w": 180}, {}, "180x180"),
    "a pose with NaN": ({}, {"transform_matrix": [[float("nan")] * 4] * 4}, "transform_matrix"),
    "a left-handed pose": ({}, {"transform_matrix": np.diag([1.0, 1, -1, 1]).tolist()}, "left-handed"),
    "no pose": ({}, {"transform_matrix": None}, "transform_matrix"),
    "a picture that is missing": ({}, {"file_path": "images/gone"}, "gone"),
    "a time that is text": ({}, {"time": "noon"}, "time"),
}


@pytest.mark.parametrize("name", NERF)
def test_bad_frames_of_nerfstudio_are_named(tmp_path: Path, name: str) -> None:
    shared, own, word = NERF[name]
    folder = nerfstudio(SCENE, tmp_path)
    data = json.loads((folder / "transforms.json").read_text()) | shared
    data["frames"][0] |= own
    (folder / "transforms.json").write_text(json.dumps(data))
    if shared:
        with pytest.raises(SceneError, match=word):
            open_scene(folder)
    else:
        read = open_scene(folder)
        assert len(read) == len(SCENE) - 1
        assert "frame 0" in read.warnings[0]
        assert word in read.warnings[0]


def test_a_colmap_name_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    folder = colmap(SCENE, tmp_path)
    file = folder / "sparse" / "0" / "images.bin"
    file.write_bytes(file.read_bytes().replace(b"view2.png", b"v\xff\xfew2.png"))
    read = open_scene(folder)
    assert len(read) == len(SCENE) - 1
    assert "not UTF-8" in read.warnings[0]


@pytest.mark.parametrize(
    "content", ["", "500 500", "500 500 wide high", "1 2 3 4 5 6 7 8 9 10", "-500 500 1 1"]
)
@pytest.mark.parametrize("write", [tum, seven_scenes])
def test_a_lens_that_is_none_names_its_file(tmp_path: Path, write: Callable, content: str) -> None:
    folder = write(SCENE, tmp_path)
    (folder / "camera.txt").write_text(content)
    with pytest.raises(SceneError, match=r"camera\.txt|intrinsics"):
        open_scene(folder)
