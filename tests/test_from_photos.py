"""Scenes of unposed photos: the poses that COLMAP finds are those they were rendered from, up to scale."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pybullet
import pytest
import skimage.data
from PIL import Image

from sightloop.errors import SceneError
from sightloop.memory.consistency import inspect
from sightloop.memory.sources.from_photos import from_photos
from sightloop.memory.sources.scenes import open_scene

VIEWS = 7
BOXES = (
    ("coffee", (0, 0, 0.5), (0.8, 0.8, 0.1)),
    ("chelsea", (0.1, 0.2, 0.8), (0.2, 0.25, 0.25)),
    ("astronaut", (-0.4, -0.3, 0.9), (0.2, 0.15, 0.35)),
    ("rocket", (0.4, -0.4, 0.75), (0.12, 0.15, 0.18)),
)
"""Photographs on boxes: which, where, and half of their extents in metres."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boxes with photographs on them, rendered by PyBullet from an arc."""
    folder = tmp_path_factory.mktemp("photos")
    client = pybullet.connect(pybullet.DIRECT)
    for number, (picture, place, half) in enumerate(BOXES):
        texture = folder / f"texture{number}.jpg"
        Image.fromarray(getattr(skimage.data, picture)()).convert("RGB").save(texture)
        shape = pybullet.createVisualShape(pybullet.GEOM_BOX, halfExtents=half)
        body = pybullet.createMultiBody(baseVisualShapeIndex=shape, basePosition=place)
        pybullet.changeVisualShape(body, -1, textureUniqueId=pybullet.loadTexture(str(texture)))
        texture.unlink()
    lens = pybullet.computeProjectionMatrixFOV(50, 4 / 3, 0.05, 20)
    for number in range(VIEWS):
        pose = pybullet.computeViewMatrix(eye(number), (0, 0, 0.6), (0, 0, 1))
        _, _, rgb, _, _ = pybullet.getCameraImage(640, 480, pose, lens, renderer=pybullet.ER_TINY_RENDERER)
        pixels = np.asarray(rgb, np.uint8).reshape(480, 640, 4)[..., :3]
        Image.fromarray(pixels).save(folder / f"{number}.png")
    pybullet.disconnect(client)
    return folder


def eye(number: int) -> tuple[float, float, float]:
    angle = 0.13 * number
    return 2.2 * math.cos(angle), 2.2 * math.sin(angle), 1.5


def test_poses_are_found_up_to_scale_and_the_scene_opens_again(photos: Path, tmp_path: Path) -> None:
    told: list[str] = []
    scene = from_photos(photos, tmp_path / "scan", lambda stage, done, of: told.append(stage))
    assert len(scene) >= VIEWS - 2
    assert not scene.metric
    assert list(dict.fromkeys(told)) == ["features", "matches", "poses"]
    found = np.stack([view.camera.centre for view in scene.views])
    true = np.array([eye(int(name.removesuffix(".png"))) for name in scene.names])
    apart = [np.linalg.norm(p[:, None] - p[None], axis=-1)[np.triu_indices(len(p), 1)] for p in (found, true)]
    ratio = apart[0] / apart[1]
    assert ratio.std() / ratio.mean() < 0.05  # one scale for all distances between cameras
    again = open_scene(tmp_path / "scan")
    assert again.names == scene.names
    assert len(again.points) > 50
    assert inspect(again).consistency.fits
    lost = {file.name for file in photos.iterdir()} - set(scene.names)
    assert all(name in again.warnings[0] for name in lost)  # said as long as they are there


def test_the_same_photos_give_the_same_scene(photos: Path, tmp_path: Path) -> None:
    files = sorted(photos.iterdir())[:5]
    one, two = (from_photos(files, tmp_path / name) for name in ("one", "two"))
    assert one.names == two.names
    assert np.array_equal(one.points, two.points)
    for mine, other in zip(one.views, two.views, strict=True):
        assert np.array_equal(mine.camera.world_to_camera, other.camera.world_to_camera)


def test_a_time_that_runs_out_is_an_error_and_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"longer than 0\.3 s.*features"):
        from_photos(photos, tmp_path / "scan", seconds=0.3)
    assert not any((tmp_path / "scan").iterdir())


def test_one_photo_seen_twice_has_no_parallax(photos: Path, tmp_path: Path) -> None:
    """The same place twice, another crop of the sensor: as a camera that only turned would see it."""
    picture = Image.open(photos / "3.png")
    for number, left in enumerate((0, 40)):
        picture.crop((left, 20, left + 560, 440)).save(tmp_path / f"{number}.png")
    with pytest.raises(SceneError, match="parallax"):
        from_photos(tmp_path, tmp_path / "scan")


def test_photos_that_are_to_be_turned_are_turned(photos: Path, tmp_path: Path) -> None:
    for number in range(VIEWS):
        picture = Image.open(photos / f"{number}.png")
        if number % 2:
            exif = Image.Exif()
            exif[0x0112] = 8  # to be turned by a quarter anticlockwise when shown
            picture.transpose(Image.Transpose.ROTATE_270).save(
                tmp_path / f"{number}.jpg", exif=exif, quality=97
            )
        else:
            picture.save(tmp_path / f"{number}.jpg", quality=97)
    scene = from_photos(tmp_path, tmp_path / "scan")
    assert {view.camera.size for view in scene.views} == {(640, 480)}


def test_photos_that_show_nothing_in_common_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 255, (200, 200, 3), np.uint8)).save(tmp_path / name)
    with pytest.raises(SceneError, match="could not be posed"):
        from_photos([tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "scan")
    assert not any((tmp_path / "scan").iterdir())


def test_one_photo_and_a_folder_that_is_in_use_are_refused(photos: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(SceneError, match=r"not from 1.*broken"):
        from_photos([photos / "0.png", broken], tmp_path / "scan")
    with pytest.raises(SceneError, match="not empty"):
        from_photos(photos, tmp_path)
