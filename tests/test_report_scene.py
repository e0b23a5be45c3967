"""Scenes in reports: what is drawn is what was found, all of it is also words, and lost files are told."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import Element, opened_url, shown_by_chromium, tree
from scenery import BLOCKS, LABELS, SIZE, opened, run_over, surveyed

from sightloop.integrations.report import read_report, report, write_report
from sightloop.integrations.report_drawing import MOST_POINTS, drawing
from sightloop.memory.fusion import Cloud, fuse
from sightloop.memory.placed import Survey
from sightloop.memory.scene import Scene
from sightloop.tools.scene_map import map_axes

HOSTILE = "</script><script>alert(1)</script> \"' onload='x' <img src=http://evil.example/x.png> & <!--"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return opened(tmp_path_factory.mktemp("shown") / "room")


@pytest.fixture(scope="module")
def survey(scene: Scene) -> Survey:
    return surveyed(scene)


@pytest.fixture(scope="module")
def page(survey: Survey, scene: Scene) -> Element:
    return tree(report(run_over(survey, scene)))


def section(page: Element) -> Element:
    (found,) = page.all("section", "scene")
    return found


def drawn(page: Element) -> dict[str, Any]:
    (data,) = section(page).all("script", "drawing")
    return json.loads(data.text)


def numbers(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype=kind).reshape(-1, 3)


# What is drawn


def test_points_are_those_that_the_views_saw(page: Element, scene: Scene, survey: Survey) -> None:
    data, cloud = drawn(page), fuse(scene)
    axes = map_axes(survey.up, scene.views[0].camera.world_to_camera)
    points = data["low"] + data["step"] * numbers(data["xyz"], "<u2")
    assert data["count"] == len(points) == len(cloud)
    assert np.abs(points - cloud.points @ axes.T).max() < data["step"]
    assert np.array_equal(numbers(data["rgb"], "u1"), cloud.colors)
    normals = numbers(data["normals"], "i1") / 127
    assert np.abs(normals - cloud.normals @ axes.T).max() < 0.01


def test_a_large_cloud_is_thinned_and_stays_small(survey: Survey, rng: np.random.Generator) -> None:
    x, y = np.meshgrid(np.arange(0, 4, 0.005), np.arange(0, 3, 0.005))
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1).astype(np.float32)
    count = len(points)
    assert count > 10 * MOST_POINTS
    cloud = Cloud(
        points=points,
        colors=rng.integers(0, 256, (count, 3), dtype=np.uint8),
        normals=np.tile(np.float32([0, 0, 1]), (count, 1)),
        weight=np.ones(count, np.float32),
        voxel=0.005,
        names=(),
        first=np.zeros(count + 1, np.int64),
        views=np.zeros(0, np.int32),
    )
    data = drawing(survey, cloud)
    assert MOST_POINTS / 2 < data["count"] <= MOST_POINTS
    # Evenly: each point stands for a square of the plane, and next to none is left empty.
    assert data["count"] * data["voxel"] ** 2 == pytest.approx(4 * 3, rel=0.05)
    assert len(json.dumps(data)) < 1.5 * 2**20
    assert data == drawing(survey, cloud)


def test_objects_cameras_and_distances_are_where_they_are(
    page: Element, survey: Survey, scene: Scene
) -> None:
    data = drawn(page)
    axes = map_axes(survey.up, scene.views[0].camera.world_to_camera)
    for thing, one in zip(data["things"], survey.placed, strict=True):
        assert thing["label"] == one.label
        assert np.allclose(thing["centre"], axes @ one.centre, atol=1e-4)
        assert np.allclose(2 * np.array(thing["half"]), one.size, atol=1e-4)
        assert thing["seen"] == [0, 1, 2]
        assert np.trace(thing["spread"]) == pytest.approx(6.251 * np.trace(one.covariance), rel=1e-2)
    for shot, view in zip(data["shots"], scene.views, strict=True):
        assert np.allclose(shot["eye"], axes @ view.camera.centre, atol=1e-4)
        corners = np.array(shot["corners"]) @ axes + view.camera.centre
        pixels, depth = view.camera.project(corners)
        assert np.allclose(depth, 1, atol=1e-3)
        assert np.allclose(pixels, [[0, 0], [SIZE[0], 0], SIZE, [0, SIZE[1]]], atol=0.1)
    (line,) = data["lines"]
    assert line["between"] == list(LABELS)
    assert np.allclose(line["ends"], np.array(survey.measures[0].ends) @ axes.T, atol=1e-4)
    assert data["floor"] == 0


def test_everything_drawn_can_be_reached_by_name(page: Element) -> None:
    found = section(page)
    (canvas,) = found.all("canvas")
    assert canvas.attrs["tabindex"] == "0"
    assert canvas.attrs["aria-label"]
    keys = found.all("p", "hint")[0]
    assert canvas.attrs["aria-describedby"] == keys.attrs["id"]
    things = [tag.text for tag in found.all("button", "tag") if "data-thing" in tag.attrs]
    assert things == [f"{label} {name}" for label, name in zip(LABELS, BLOCKS, strict=True)]
    assert len(found.all("button", "eye")) == len(found.all("figure")) - 1
    (value,) = found.all("span", "value")
    assert value.text == "0.92 m 90%: 0.88 to 0.97"


# All of it in words


def test_the_tables_say_what_the_picture_shows(page: Element, survey: Survey) -> None:
    found = section(page)
    rows = [row.text for row in found.all("tr")]
    for measure in survey.measures:
        assert any(measure.words in row and f"{measure.confidence:.0%}" in row for row in rows)
    for one in survey.placed:
        (row,) = [row for row in found.all("tr") if row.attrs.get("data-label") == str(one.label)]
        assert one.name in row.text
        assert ", ".join(f"{side:.2f}" for side in one.centre) in row.text
        assert "88%" in row.text
        assert "1 (90%), 2 (90%), 3 (90%)" in row.text
    assert sum("view 1.png" in row or "view 2.png" in row or "view 3.png" in row for row in rows) == 3
    assert "lengths in metres" in found.all("p", "source")[0].text


def test_an_unknown_scale_is_said(tmp_path: Path) -> None:
    scene = opened(tmp_path / "room", metric=False)
    found = section(tree(report(run_over(surveyed(scene), scene))))
    assert "scene units: nothing says how long one is" in found.all("p", "source")[0].text
    assert found.all("span", "value")[0].text.startswith("0.92 scene units")
    assert not re.search(r"\d m\b", found.text)


def test_the_views_carry_the_same_labels(page: Element, survey: Survey) -> None:
    figures = [figure for figure in section(page).all("figure") if "data-shot" in figure.attrs]
    assert [figure.attrs["data-shot"] for figure in figures] == ["0", "1", "2"]
    for figure in figures:
        assert {mark.attrs["data-label"] for mark in figure.all("span", "mark")} == set(map(str, LABELS))
        (use,) = figure.all("use")
        (image,) = [image for image in page.all("image") if f"#{image.attrs['id']}" == use.attrs["href"]]
        assert opened_url(image.attrs["href"]).size == SIZE
    urls = [image.attrs["href"] for image in page.all("image")]
    assert len(urls) == len(set(urls))


# The page


def test_nothing_but_the_script_of_the_page_runs(page: Element) -> None:
    policy = page.all("meta", http_equiv="Content-Security-Policy")[0].attrs["content"]
    (program,) = [script for script in page.all("script") if script.attrs.get("type") is None]
    text = "".join(program.own)
    assert "data-scene" in text
    assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    (style,) = page.all("style")
    assert not re.search(r"@import|url\(|https?:", style.text + text)
    ids = [element.attrs["id"] for element in page.all() if "id" in element.attrs]
    assert len(ids) == len(set(ids))
    assert {part.attrs["aria-labelledby"] for part in page.all("section")} <= set(ids) | {""}


def test_a_page_without_a_scene_carries_nothing_of_it(survey: Survey, scene: Scene) -> None:
    result = run_over(survey, scene)
    steps = tuple(step for step in result.steps if step.kind != "observation")
    text = report(result.model_copy(update={"steps": steps}))
    assert "data-scene" not in text
    assert "turntable" not in text


def test_what_names_say_is_text(scene: Scene, survey: Survey, tmp_path: Path) -> None:
    hostile = surveyed(scene, names=(HOSTILE, "b"))
    result = run_over(hostile, scene)
    evil, good = tree(report(result)), tree(report(run_over(survey, scene)))
    assert [element.tag for element in evil.all()] == [element.tag for element in good.all()]
    assert {name for element in evil.all() for name in element.attrs} == {
        name for element in good.all() for name in element.attrs
    }
    assert read_report(write_report(result, tmp_path / "out.html")) == result


# What is missing


def test_a_scene_whose_files_are_gone_is_boxes_cameras_and_words(tmp_path: Path) -> None:
    scene = opened(tmp_path / "room")
    survey = surveyed(scene)
    result = run_over(survey, scene)
    shutil.rmtree(tmp_path / "room")
    page = tree(report(result))
    found, data = section(page), drawn(page)
    assert "cannot be read" in found.all("p", "notice")[0].text
    assert data["count"] == 0
    assert len(data["things"]) == 2
    assert len(data["shots"]) == 3
    figures = [figure for figure in found.all("figure") if "data-shot" in figure.attrs]
    # The run has the pixels of its evidence at hand; the other pictures are gone.
    assert [bool(figure.all("p", "gone")) for figure in figures] == [False, True, True]
    assert all(len(figure.all("span", "mark")) == 2 for figure in figures)


def test_a_scene_without_depths_says_that_there_are_no_points(tmp_path: Path) -> None:
    scene = opened(tmp_path / "room", depths=False)
    found = section(tree(report(run_over(surveyed(scene), scene))))
    assert "no points to show" in found.all("p", "notice")[0].text


def test_a_survey_that_found_nothing_is_shown(scene: Scene) -> None:
    empty = surveyed(scene).model_copy(update={"placed": (), "measures": (), "floor": None})
    page = tree(report(run_over(empty)))
    assert drawn(page)["things"] == []
    assert drawn(page)["count"] > 0
    lone = empty.model_copy(update={"shots": (), "source": "gone"})
    assert np.isfinite(drawn(tree(report(run_over(lone))))["bounds"]).all()


# In a browser


@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_a_browser_places_every_name(survey: Survey, scene: Scene, tmp_path: Path, size: str) -> None:
    page = shown_by_chromium(report(run_over(survey, scene)), tmp_path, size)
    (world,) = page.all("div", "world")
    assert "hidden" not in world.attrs
    tags = [tag for tag in world.all("", "tag") if not tag.has("out")]
    assert {tag.attrs["data-thing"] for tag in tags if "data-thing" in tag.attrs} == {"0", "1"}
    places = [re.search(r"translate\((-?\d+)px, (-?\d+)px\)", tag.attrs["style"]) for tag in tags]
    assert all(places)
    (canvas,) = world.all("canvas")
    assert int(canvas.attrs["width"]) > 300
    # Names of one line are 22 pixels high: none begins on another.
    spots = [(int(place[1]), int(place[2])) for place in places if place]
    assert len(set(spots)) == len(spots)
