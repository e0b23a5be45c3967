"""Readers of scenes: the same scene in everybody's files gives the same cameras, depths and pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image

from sightloop import Evidence
from sightloop.errors import SceneError
from sightloop.memory.consistency import inspect
from sightloop.memory.geometry import Camera
from sightloop.memory.sources.scenes import is_scene, open_scene
from sightloop.memory.still import Size

from .datasets import OPENGL, WRITERS, colmap, nerfstudio, scannet, scene_json, seven_scenes, tum
from .posed import room

SCENE = room(3)


@pytest.fixture(params=WRITERS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    return request.param, WRITERS[request.param](SCENE, tmp_path / "scan")


# ---------------------------------------------------------------- one scene, everybody's files


def test_known_points_project_to_the_same_pixels(written: tuple[str, Path], rng: np.random.Generator) -> None:
    read = open_scene(written[1])
    assert read.format == written[0]
    assert len(read) == len(SCENE)
    assert read.warnings == ()
    points = rng.uniform(-1, 1, (200, 3))
    for view, true in zip(read.views, SCENE.views, strict=True):
        assert view.camera.size == true.camera.size
        pixels, depth = view.camera.project(points)
        expected, far = true.camera.project(points)
        assert np.nanmax(np.abs(pixels - expected)) < 1e-3
        assert np.abs(depth - far).max() < 1e-6


def test_colours_and_depths_are_those_that_were_written(written: tuple[str, Path]) -> None:
    read = open_scene(written[1])
    for view, true in zip(read.views, SCENE.views, strict=True):
        assert np.array_equal(view.color(), true.color())
        if written[0] == "colmap":
            assert view.depth is None
            continue
        assert view.depth is not None
        assert true.depth is not None
        assert np.abs(view.depth() - true.depth()).max() < 0.00051  # written in millimetres at worst
        assert view.depth().dtype == np.float32


def test_what_is_read_says_its_scale_and_its_convention(written: tuple[str, Path]) -> None:
    read = open_scene(written[1])
    assert read.metric == (written[0] != "colmap")
    assert "camera" in read.convention
    assert read.unit == ("m" if read.metric else "scene units")


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "colmap"])  # which holds no depth
def test_a_right_scene_fits_itself(name: str, tmp_path: Path) -> None:
    told = inspect(open_scene(WRITERS[name](SCENE, tmp_path)))
    assert told.consistency.depth_rel is not None
    assert told.consistency.depth_rel < 0.01


def test_evidence_is_reopened_from_the_files(written: tuple[str, Path]) -> None:
    read = open_scene(written[1])
    still = read.still(read.names[1])
    assert Evidence.of(still, "a room", 0.5).reopen() == still
    assert is_scene(written[1])


def test_axes_left_in_the_other_convention_are_seen(tmp_path: Path) -> None:
    """OpenGL's poses in a file that says OpenCV's: every number is plausible, and all are wrong."""
    folder = scene_json(SCENE, tmp_path)
    data = json.loads((folder / "scene.json").read_text())
    for view in data["views"]:
        view["world_to_camera"] = (OPENGL @ np.array(view["world_to_camera"])).tolist()
    (folder / "scene.json").write_text(json.dumps(data))
    assert not inspect(open_scene(folder)).consistency.fits


# ---------------------------------------------------------------- what is particular to each


@pytest.mark.parametrize("text", [False, True])
def test_colmap_models_in_text_and_binary_hold_their_points(tmp_path: Path, text: bool) -> None:
    read = open_scene(colmap(SCENE, tmp_path, text))
    assert np.allclose(read.points, [[0.5, 0.25, 0.0]])
    assert open_scene(tmp_path / "sparse" / "0").names == read.names  # the model's own folder will do


COLMAP_MODELS = {
    "SIMPLE_PINHOLE": [300, 120, 90],
    "PINHOLE": [300, 310, 120, 90],
    "SIMPLE_RADIAL": [300, 120, 90, -0.1],
    "RADIAL": [300, 120, 90, -0.1, 0.02],
    "OPENCV": [300, 310, 120, 90, -0.1, 0.02, 0.001, -0.002],
    "FULL_OPENCV": [300, 310, 120, 90, -0.1, 0.02, 0.001, -0.002, 0.003, 0.01, 0.002, 0.001],
    "OPENCV_FISHEYE": [300, 310, 120, 90, 0.02, 0.003, -0.001, 0.0005],
    "SIMPLE_RADIAL_FISHEYE": [300, 120, 90, 0.02],
    "RADIAL_FISHEYE": [300, 120, 90, 0.02, -0.003],
    "SIMPLE_FISHEYE": [300, 120, 90],
}


@pytest.mark.parametrize("model", COLMAP_MODELS)
def test_colmap_cameras_project_as_colmap_says(tmp_path: Path, model: str, rng: np.random.Generator) -> None:
    lens = pycolmap.Camera(model=model, width=240, height=180, params=COLMAP_MODELS[model], camera_id=1)
    written = pycolmap.Reconstruction()
    written.add_camera_with_trivial_rig(lens)
    pose = pycolmap.Rigid3d(SCENE.views[0].camera.world_to_camera[:3])
    written.add_image_with_trivial_frame(pycolmap.Image(name="a.png", camera_id=1, image_id=1), pose)
    (tmp_path / "sparse").mkdir()
    written.write_binary(str(tmp_path / "sparse"))
    (tmp_path / "images").mkdir()
    Image.new("RGB", (240, 180)).save(tmp_path / "images" / "a.png")
    camera = open_scene(tmp_path).views[0].camera
    ahead = camera.to_world(np.c_[rng.uniform(-0.4, 0.4, (50, 2)), np.ones(50)] * rng.uniform(1, 5, (50, 1)))
    pixels, _ = camera.project(ahead)
    theirs = np.array([written.image(1).project_point(point) for point in ahead])
    assert np.abs(pixels - theirs).max() < 1e-6


def test_a_colmap_camera_that_opencv_has_not_is_refused_by_name(tmp_path: Path) -> None:
    folder = colmap(SCENE, tmp_path, text=True)
    cameras = folder / "sparse" / "0" / "cameras.txt"
    cameras.write_text(cameras.read_text().replace("1 PINHOLE", "1 FOV").replace("\n", "\n", 1))
    lines = [f"{line} 0.9" if line.startswith("1 FOV") else line for line in cameras.read_text().splitlines()]
    cameras.write_text("\n".join(lines) + "\n")
    read = open_scene(folder)
    assert len(read) == len(SCENE) - 1
    assert "FOV" in read.warnings[0]


def test_nerfstudio_names_without_suffix_angles_and_smaller_pictures(tmp_path: Path) -> None:
    folder = nerfstudio(SCENE, tmp_path)
    data = json.loads((folder / "transforms.json").read_text())
    width = data.pop("w")
    data.pop("h"), data.pop("fl_y")
    data["camera_angle_x"] = 2 * np.arctan(width / 2 / data.pop("fl_x"))
    for frame in data["frames"]:
        frame["file_path"] = "./" + frame["file_path"].removesuffix(".png")
        del frame["depth_file_path"]
    (folder / "transforms.json").write_text(json.dumps(data))
    read = open_scene(folder / "transforms.json")
    assert not read.metric
    assert all(view.depth is None for view in read.views)
    assert np.allclose(read.views[0].camera.intrinsics, SCENE.views[0].camera.intrinsics, atol=1e-6)


def test_nerfstudio_pictures_made_smaller_than_their_file_says(tmp_path: Path) -> None:
    folder = nerfstudio(SCENE, tmp_path)
    for file in (folder / "images").iterdir():
        Image.open(file).resize((120, 90)).save(file)
    camera = open_scene(folder).views[0].camera
    assert camera.size == Size(120, 90)
    assert np.allclose(camera.intrinsics[:2] * 2, SCENE.views[0].camera.intrinsics[:2])


def test_nerfstudio_depth_of_some_frames_and_its_own_lens_of_one(tmp_path: Path) -> None:
    folder = nerfstudio(SCENE, tmp_path)
    data = json.loads((folder / "transforms.json").read_text())
    del data["frames"][0]["depth_file_path"]
    data["frames"][1] |= {"fl_x": 111.0, "k1": -0.1}
    (folder / "transforms.json").write_text(json.dumps(data))
    read = open_scene(folder)
    assert [view.depth is not None for view in read.views][:2] == [False, True]
    assert read.views[1].camera.intrinsics[0, 0] == 111
    assert read.views[1].camera.distortion[0] == -0.1


def test_nerfstudio_poses_that_were_scaled_and_depth_in_another_unit(tmp_path: Path) -> None:
    folder = nerfstudio(SCENE, tmp_path)
    data = json.loads((folder / "transforms.json").read_text())
    data |= {"applied_scale": 0.25, "depth_unit_scale_factor": 0.0005}
    for frame in data["frames"]:
        frame["transform_matrix"] = (np.array(frame["transform_matrix"]) * np.c_[1, 1, 1, 0.25]).tolist()
        frame["transform_matrix"][3] = [0, 0, 0, 1]
    (folder / "transforms.json").write_text(json.dumps(data))
    read = open_scene(folder)
    assert np.allclose(read.views[2].camera.centre, SCENE.views[2].camera.centre)
    depth, true = read.depth(read.names[2]), SCENE.views[2].depth
    assert depth is not None
    assert true is not None
    assert np.allclose(depth * 2, true(), atol=0.001)


def test_nerfstudio_depth_is_metres_only_where_the_poses_are_not_from_pictures(tmp_path: Path) -> None:
    folder = nerfstudio(SCENE, tmp_path)
    assert open_scene(folder).metric
    (folder / "colmap").mkdir()
    assert not open_scene(folder).metric
    assert "COLMAP" in open_scene(folder).convention


def test_instant_ngp_names_its_depth_and_unit_otherwise(tmp_path: Path) -> None:
    folder = nerfstudio(SCENE, tmp_path)
    data = json.loads((folder / "transforms.json").read_text()) | {"integer_depth_scale": 0.001}
    for frame in data["frames"]:
        frame["depth_path"] = frame.pop("depth_file_path")
    (folder / "transforms.json").write_text(json.dumps(data))
    read = open_scene(folder)
    assert not read.metric
    depth, true = read.depth(read.names[0]), SCENE.views[0].depth
    assert depth is not None
    assert true is not None
    assert np.allclose(depth, true(), atol=0.001)


def test_scannet_depth_of_another_camera_is_put_into_the_picture(tmp_path: Path) -> None:
    """As the dataset's sensor has it: fewer pixels, another lens."""
    folder = scannet(SCENE, tmp_path)
    camera = SCENE.views[0].camera
    small = camera.scaled(Size(120, 90))
    intrinsics = small.intrinsics.copy()
    intrinsics[:2, 2] += 3, -2
    shifted = Camera(intrinsics, camera.world_to_camera, small.size)
    k = np.eye(4)
    k[:3, :3] = shifted.intrinsics - [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]
    np.savetxt(folder / "intrinsic" / "intrinsic_depth.txt", k)
    for number, view in enumerate(SCENE.views):
        assert view.depth is not None
        rows, columns = np.mgrid[:90, :120]
        moved = (np.c_[columns.ravel(), rows.ravel()] + 0.5 - [3, -2]) * 2
        at = np.clip(moved.astype(int), 0, [239, 179])
        metres = view.depth()[at[:, 1], at[:, 0]].reshape(90, 120)
        Image.fromarray(np.round(metres * 1000).astype(np.uint16)).save(folder / "depth" / f"{number}.png")
    read = open_scene(folder)
    depth, true = read.depth(read.names[0]), SCENE.views[0].depth
    assert depth is not None
    assert true is not None
    known = depth > 0
    assert known.mean() > 0.9
    assert np.median(np.abs(depth - true())[known]) < 0.02


def test_a_scannet_frame_whose_pose_was_lost_is_left_out(tmp_path: Path) -> None:
    folder = scannet(SCENE, tmp_path)
    (folder / "pose" / "2.txt").write_text("-inf -inf -inf -inf\n" * 4)
    read = open_scene(folder)
    assert len(read) == len(SCENE) - 1
    assert "2.png" in read.warnings[0]
    assert "not finite" in read.warnings[0]


def test_tum_pictures_far_from_any_pose_are_left_out_and_poses_interpolated(tmp_path: Path) -> None:
    folder = tum(SCENE, tmp_path)
    file = folder / "groundtruth.txt"
    lines = file.read_text().splitlines()
    middle = lines.pop(2)
    file.write_text("\n".join(lines) + "\n")
    read = open_scene(folder)
    assert len(read) == len(SCENE)  # two neighbours a fifteenth of a second apart: between them
    ends = [np.array([float(n) for n in line.split()[1:4]]) for line in (lines[1], lines[2])]
    assert np.allclose(read.views[1].camera.centre, (ends[0] + ends[1]) / 2, atol=1e-3)
    late = [f"{float(line.split()[0]) + 60:.6f} {line.split(' ', 1)[1]}" for line in [*lines[1:], middle]]
    file.write_text("\n".join(late) + "\n")
    with pytest.raises(SceneError, match="no pose"):
        open_scene(folder)


def test_tum_poses_that_are_none_are_left_out(tmp_path: Path) -> None:
    folder = tum(SCENE, tmp_path)
    file = folder / "groundtruth.txt"
    lines = file.read_text().splitlines()
    lines[1] = " ".join([lines[1].split()[0], *["nan"] * 7])
    lines[2] = " ".join([*lines[2].split()[:4], *["0"] * 4])
    file.write_text("\n".join(lines) + "\n")
    read = open_scene(folder)
    assert "2 of 6 poses" in read.warnings[0]
    assert len(read) >= len(SCENE) - 2


def enlarged(folder: Path, pattern: str) -> None:
    for file in folder.glob(pattern):
        Image.open(file).resize((640, 480)).save(file)


def test_tum_without_a_lens_says_which_file_to_add(tmp_path: Path) -> None:
    folder = tum(SCENE, tmp_path / "scan")
    (folder / "camera.txt").unlink()
    with pytest.raises(SceneError, match=r"camera\.txt"):
        open_scene(folder)
    known = folder.rename(tmp_path / "rgbd_dataset_freiburg3_long_office")
    with pytest.raises(SceneError, match=r"640x480: add camera\.txt"):
        open_scene(known)  # that lens is not of pictures of this size
    enlarged(known, "rgb/*.png")
    assert open_scene(known).views[0].camera.intrinsics[0, 0] == 535.4


def test_seven_scenes_have_their_published_lens(tmp_path: Path) -> None:
    folder = seven_scenes(SCENE, tmp_path)
    (folder / "camera.txt").unlink()
    with pytest.raises(SceneError, match=r"640x480: add camera\.txt"):
        open_scene(folder)
    enlarged(folder, "*/*.color.png")
    assert open_scene(folder).views[0].camera.intrinsics[0, 0] == 585
    assert open_scene(folder / "seq-01").names[0] == "frame-000000.color.png"


def test_pictures_that_a_colmap_model_does_not_hold_are_told(tmp_path: Path) -> None:
    folder = colmap(SCENE, tmp_path)
    Image.new("RGB", (8, 8)).save(folder / "images" / "unposed.png")
    assert "no pose of 1 other" in open_scene(folder).warnings[0]


@pytest.mark.parametrize("shrunk", [1, 2])
def test_colmap_depth_maps_are_in_the_unit_of_the_poses(tmp_path: Path, shrunk: int) -> None:
    """As COLMAP's own ``read_array`` has them: a head in text, then (width, height) float32 by columns."""
    folder = colmap(SCENE, tmp_path / "dense")
    (folder / "stereo" / "depth_maps").mkdir(parents=True)
    for view in SCENE.views[:2]:
        assert view.depth is not None
        depth = view.depth()[::shrunk, ::shrunk]
        head = f"{depth.shape[1]}&{depth.shape[0]}&1&".encode()
        file = folder / "stereo" / "depth_maps" / f"{view.name}.png.geometric.bin"
        file.write_bytes(head + depth.T.astype("<f4").tobytes(order="F"))
    for path in (folder, tmp_path / "dense" / "sparse" / "0"):
        read = open_scene(path)
        assert [view.depth is not None for view in read.views][:3] == [True, True, False]
        depth = read.depth(read.names[1])
        assert depth is not None
        assert SCENE.views[1].depth is not None
        assert np.array_equal(depth[::shrunk, ::shrunk], SCENE.views[1].depth()[::shrunk, ::shrunk])
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(SceneError, match=r"geometric\.bin"):
        open_scene(folder).depth(read.names[1])
