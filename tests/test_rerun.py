"""Recordings for Rerun: what is written is read back with Rerun's own reader, and is what the run found."""

from __future__ import annotations

import io
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scenery import BLOCKS, LABELS, SIZE, opened, run_over, surveyed

from sightloop.agent.result import Result
from sightloop.agent.steps import ObservationStep
from sightloop.errors import InputError, MissingExtraError
from sightloop.integrations.rerun import write_rerun
from sightloop.memory.fusion import fuse
from sightloop.memory.placed import Survey
from sightloop.memory.scene import Scene

rr = pytest.importorskip("rerun")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return opened(tmp_path_factory.mktemp("recorded") / "room")


@pytest.fixture(scope="module")
def survey(scene: Scene) -> Survey:
    return surveyed(scene)


class Recording:
    """A recording as it lies in its file: all values of each component, by entity, and on which timelines."""

    def __init__(self, path: Path) -> None:
        self.values: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        self.times: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        self.static: set[str] = set()
        reader = rr.chunk.RrdReader(str(path))
        self.recordings, self.blueprints = reader.recordings(), reader.blueprints()
        for chunk in reader.stream().to_chunks():
            entity = chunk.entity_path.replace("\\", "")
            if chunk.is_static:
                self.static.add(entity)
            batch = chunk.to_record_batch()
            for name in batch.schema.names:
                if name.startswith(("rerun.", "RecordingInfo:")):
                    continue
                into = self.times if name in chunk.timeline_names else self.values
                into[entity][name] += batch.column(name).to_pylist()

    def one(self, entity: str, component: str) -> np.ndarray:
        """The only value of a component."""
        (value,) = self.values[entity][component]
        return np.asarray(value)


@pytest.fixture(scope="module")
def recording(scene: Scene, survey: Survey, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = tmp_path_factory.mktemp("out") / "out.rrd"
    assert write_rerun(run_over(survey, scene), path) == path
    return Recording(path)


def test_one_recording_with_its_layout(recording: Recording) -> None:
    assert [entry.application_id for entry in recording.recordings] == ["sightloop"]
    assert len(recording.blueprints) == 1


def test_the_points_are_the_fused_ones(recording: Recording, scene: Scene) -> None:
    cloud = fuse(scene)
    points = recording.one("/world/room/points", "Points3D:positions")
    assert points.shape == cloud.points.shape
    assert np.allclose(np.sort(points, axis=0), np.sort(cloud.points, axis=0), atol=1e-6)
    assert recording.one("/world/room/points", "Points3D:colors").shape == (len(points),)
    assert "/world/room/points" in recording.static


def test_up_is_up(recording: Recording, scene: Scene) -> None:
    axes = np.array(recording.one("/world", "ViewCoordinates:xyz")).ravel()
    assert list(axes) == [3, 5, 1]  # right, forward, up, as Rerun numbers them
    turned = recording.one("/world/room", "Transform3D:mat3x3").reshape(3, 3).T
    assert np.allclose(turned @ turned.T, np.eye(3), atol=1e-6)
    assert np.allclose(turned @ scene.up, (0, 0, 1), atol=1e-6)


def test_cameras_project_what_was_found_into_its_boxes(recording: Recording, survey: Survey) -> None:
    for shot in survey.shots:
        path = f"/world/room/cameras/{shot.camera}"
        rotation = recording.one(path, "Transform3D:mat3x3").reshape(3, 3).T
        eye = recording.one(path, "Transform3D:translation").ravel()
        lens = recording.one(path, "Pinhole:image_from_camera").reshape(3, 3).T
        assert list(recording.one(path, "Pinhole:camera_xyz").ravel()) == [3, 2, 5]  # right, down, forward
        assert list(recording.one(path, "Pinhole:resolution").ravel()) == list(SIZE)
        centres = recording.one(f"{path}/found", "Boxes2D:centers")
        halves = recording.one(f"{path}/found", "Boxes2D:half_sizes")
        for (centre, _, _), middle, half in zip(BLOCKS.values(), centres, halves, strict=True):
            local = rotation.T @ (np.array(centre) - eye)
            pixel = (lens @ local)[:2] / local[2]
            assert local[2] > 0
            assert (np.abs(pixel - middle) < half).all()


def test_pictures_are_jpegs_of_the_views(recording: Recording, scene: Scene) -> None:
    for name in scene.names:
        path = f"/world/room/cameras/{name}"
        assert recording.one(path, "EncodedImage:media_type").ravel() == ["image/jpeg"]
        data = bytes(recording.one(path, "EncodedImage:blob").ravel().astype(np.uint8))
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "JPEG"
            assert image.size == SIZE
            off = np.abs(np.asarray(image, dtype=float) - scene.still(name).pixels)
        assert off.mean() < 6


def test_objects_and_measures_appear_when_they_were_found(
    recording: Recording, survey: Survey, scene: Scene
) -> None:
    paths = [f"/world/room/objects/{label} {name}" for label, name in zip(LABELS, BLOCKS, strict=True)]
    for path, one in zip(paths, survey.placed, strict=True):
        assert np.allclose(recording.one(path, "Boxes3D:centers"), [one.centre], atol=1e-6)
        assert np.allclose(2 * recording.one(path, "Boxes3D:half_sizes"), [one.size], atol=1e-6)
        assert recording.one(path, "Boxes3D:labels").tolist() == [path.rpartition("/")[2]]
        assert recording.times[path]["step"] == [3]
        assert len(recording.one(f"{path}/seen from", "LineStrips3D:strips")) == len(scene)
        axes = recording.one(f"{path}/uncertainty", "Ellipsoids3D:half_sizes")
        volume = np.sqrt(np.linalg.det(one.covariance)) * 2.5003**3
        assert np.prod(axes) == pytest.approx(volume, rel=1e-3)
    line = recording.one("/world/room/measures/1 distance", "LineStrips3D:strips")
    assert np.allclose(line, [survey.measures[0].ends], atol=1e-6)
    assert recording.one("/world/room/measures/1 distance", "LineStrips3D:labels").tolist() == ["0.92 m"]
    assert recording.one("/world/room/measures/2 count", "TextDocument:text").tolist() == [
        "There are 2 in all."
    ]


def test_the_steps_lie_on_their_timelines(recording: Recording, survey: Survey) -> None:
    result = run_over(survey)
    assert sorted(recording.times["/steps"]["step"]) == list(range(1, len(result.steps) + 1))
    said = [row[0] for row in recording.values["/steps"]["TextLog:text"]]
    assert sorted(said) == sorted(f"{step.kind}: {step.summary}" for step in result.steps)
    ends = sorted(one.total_seconds() for one in recording.times["/steps"]["run"])
    assert np.allclose(ends, sorted(step.started + step.seconds for step in result.steps))


def test_what_a_later_step_does_not_know_is_cleared(survey: Survey, tmp_path: Path) -> None:
    result = run_over(survey)
    later = survey.model_copy(update={"placed": survey.placed[:1]})
    steps = [*result.steps[:3], *(result.steps[2:3]), *result.steps[3:]]
    steps[3] = steps[3].model_copy(update={"survey": later})
    again = Recording(write_rerun(result.model_copy(update={"steps": tuple(steps)}), tmp_path / "a.rrd"))
    assert sorted(again.times["/world/room/objects"]["step"]) == [3, 4]
    first, second = (
        f"/world/room/objects/{label} {name}" for label, name in zip(LABELS, BLOCKS, strict=True)
    )
    assert sorted(again.times[first]["step"]) == [3, 4]
    assert again.times[second]["step"] == [3]


def test_an_object_without_an_extent_is_a_point(scene: Scene, tmp_path: Path) -> None:
    survey = surveyed(scene, extents=False)
    found = Recording(write_rerun(run_over(survey), tmp_path / "a.rrd"))
    path = f"/world/room/objects/{LABELS[0]} {next(iter(BLOCKS))}"
    assert np.allclose(found.one(path, "Points3D:positions"), [survey.placed[0].centre], atol=1e-6)


def test_a_scene_whose_files_are_gone(survey: Survey, tmp_path: Path) -> None:
    gone = survey.model_copy(update={"source": str(tmp_path / "gone" / "room"), "metric": False})
    found = Recording(write_rerun(run_over(gone), tmp_path / "a.rrd"))
    assert "/world/room/points" not in found.values
    assert all("EncodedImage:blob" not in components for components in found.values.values())
    assert sum("Pinhole:resolution" in components for components in found.values.values()) == len(
        survey.shots
    )
    said = str(found.one("/answer", "TextDocument:text"))
    assert "cannot be read" in said
    assert "scene units" in said


def test_two_scenes_of_one_name_stay_apart(survey: Survey, tmp_path: Path) -> None:
    result = run_over(survey)
    other = survey.model_copy(update={"source": str(tmp_path / "other" / "room")})
    steps = [*result.steps, result.steps[2].model_copy(update={"survey": other})]
    found = Recording(write_rerun(result.model_copy(update={"steps": tuple(steps)}), tmp_path / "a.rrd"))
    assert {path for path in found.values if path.count("/") == 2} >= {"/world/room", "/world/room 2"}


def test_names_may_be_anything(scene: Scene, tmp_path: Path) -> None:
    survey = surveyed(scene, names=('a/b\\c [d] "e"', "café 猫"))
    found = Recording(write_rerun(run_over(survey), tmp_path / "a.rrd"))
    labels = [
        values["Boxes3D:labels"][0][0] for values in found.values.values() if "Boxes3D:labels" in values
    ]
    assert sorted(labels) == sorted(f"{one.label} {one.name}" for one in survey.placed)


# Bad input


def bare(result: Result) -> Result:
    steps = [
        step.model_copy(update={"survey": None}) if isinstance(step, ObservationStep) else step
        for step in result.steps
    ]
    return result.model_copy(update={"steps": tuple(steps)})


def test_a_run_over_no_scene_has_nothing_to_record(survey: Survey, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="surveyed no scene"):
        write_rerun(bare(run_over(survey)), tmp_path / "a.rrd")
    assert not (tmp_path / "a.rrd").exists()


def test_a_file_that_cannot_be_written_is_told(survey: Survey, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_rerun(run_over(survey), tmp_path / "missing" / "a.rrd")


def test_without_rerun_the_extra_is_named(
    survey: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(MissingExtraError, match=r"sightloop\[rerun\]"):
        write_rerun(run_over(survey), tmp_path / "a.rrd")
