"""A video with poses: its frames are views of a scene, at their own times, and it stays a video."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from sightloop.errors import InputError, SceneError
from sightloop.memory.scene import Scene
from sightloop.memory.sources.scenes import open_scene
from sightloop.memory.sources.videos import read_frame
from sightloop.memory.still import Evidence
from tests.clips import clip, number_of, numbered

TIMES = [0, 40, 90, 100, 333, 340, 1000, 1001, 2500, 2600, 2611, 5000]
"""When frames are shown, in milliseconds: as a phone that drops some."""


def pose(number: int) -> list[list[float]]:
    matrix = np.eye(4)
    matrix[0, 3] = number / 10
    return matrix.tolist()


def posed(folder: Path, times: list[float], **changes: object) -> Path:
    """A scene of frames of the folder's clip.mp4."""
    views = [
        {
            "video": "clip.mp4",
            "t": t,
            "width": 96,
            "height": 64,
            "intrinsics": [[80, 0, 47.5], [0, 80, 31.5], [0, 0, 1]],
            "world_to_camera": pose(number),
            **changes,
        }
        for number, t in enumerate(times)
    ]
    (folder / "scene.json").write_text(json.dumps({"views": views}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clip(tmp_path / "clip.mp4", len(TIMES), times=TIMES, paint=numbered(), key_every=4)
    return tmp_path


def numbers(scene: Scene, names: list[str]) -> list[int]:
    return [number_of(scene.still(name).pixels) for name in names]


def test_views_are_the_frames_that_begin_at_their_times(folder: Path) -> None:
    scene = open_scene(posed(folder, [t / 1000 for t in TIMES]))
    assert [view.t for view in scene.views] == [t / 1000 for t in TIMES]
    assert scene.names[3] == "clip.mp4@0.100"
    assert numbers(scene, list(scene.names)) == list(range(len(TIMES)))
    assert np.allclose(scene.views[4].camera.centre, (-0.4, 0, 0))


@pytest.mark.parametrize("seed", range(3))
def test_frames_are_the_same_in_any_order(folder: Path, seed: int) -> None:
    scene = open_scene(posed(folder, [t / 1000 for t in TIMES]))
    order = random.Random(seed).choices(range(len(TIMES)), k=20)
    assert numbers(scene, [scene.names[number] for number in order]) == order


def test_a_view_is_the_frame_that_the_video_gives(folder: Path) -> None:
    scene = open_scene(posed(folder, [1.001]))
    still = scene.still(scene.names[0])
    assert still.sha256 == read_frame(folder / "clip.mp4", 1.001).sha256


def test_evidence_on_a_frame_is_reopened_from_the_scene(folder: Path) -> None:
    scene = open_scene(posed(folder, [0.34, 2.6]))
    still = scene.still("clip.mp4@2.600")
    assert Evidence.of(still, "it is there", 0.9).reopen() == still
    assert still.origin.t == 2.6


def test_views_may_have_names(folder: Path) -> None:
    scene = open_scene(posed(folder, [0.04], name="at the door"))
    assert scene.names == ("at the door",)


def test_frames_and_pictures_make_one_scene(folder: Path) -> None:
    posed(folder, [0.04])
    data = json.loads((folder / "scene.json").read_text())
    still = read_frame(folder / "clip.mp4", 0.09)
    still.to_pil().save(folder / "photo.png")
    photo = {key: value for key, value in data["views"][0].items() if key not in ("video", "t")}
    data["views"].append({**photo, "color": "photo.png"})
    (folder / "scene.json").write_text(json.dumps(data))
    assert open_scene(folder).names == ("clip.mp4@0.040", "photo.png")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"t": 0.05}, "no frame that begins at t = 0.05 s; the nearest begins at 0.04"),
        ({"t": 99.0}, "no frame that begins at t = 99.0 s"),
        ({"t": float("nan")}, "t is not a time"),
        ({"t": "soon"}, "t is not a time"),
        ({"width": 64, "height": 96}, "have 96x64 pixels"),
        ({"video": "gone.mp4"}, "does not exist"),
        ({"video": "scene.json"}, "cannot be read"),
        ({"video": "../clip.mp4"}, "leads out of"),
    ],
)
def test_a_frame_that_is_not_there_is_left_out(folder: Path, changes: dict[str, object], words: str) -> None:
    posed(folder, [0.04, 0.09])
    data = json.loads((folder / "scene.json").read_text())
    data["views"][0].update(changes)
    (folder / "scene.json").write_text(json.dumps(data))
    scene = open_scene(folder)
    assert scene.names == ("clip.mp4@0.090",)
    assert words in " ".join(scene.warnings)


def test_a_frame_without_a_time_is_left_out(folder: Path) -> None:
    posed(folder, [0.04, 0.09])
    data = json.loads((folder / "scene.json").read_text())
    del data["views"][1]["t"]
    (folder / "scene.json").write_text(json.dumps(data))
    assert "the field 't' is missing" in " ".join(open_scene(folder).warnings)


def test_a_video_that_went_away_is_an_error(folder: Path) -> None:
    scene = open_scene(posed(folder, [0.04]))
    (folder / "clip.mp4").unlink()
    with pytest.raises(InputError, match=r"clip\.mp4"):
        scene.still(scene.names[0])


def test_no_frame_at_all_is_an_error(folder: Path) -> None:
    with pytest.raises(SceneError, match="no frame that begins"):
        open_scene(posed(folder, [0.5]))
