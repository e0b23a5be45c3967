"""The worlds of the pocket model: exact, fair, the same for the same seed, and files that others can read."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.tools.llava_next.pocket import model, wording
from sightloop.tools.llava_next.pocket.bench import TARGETS
from sightloop.tools.llava_next.pocket.blocks import SOLIDS, random_room, random_table, ray_cast
from sightloop.tools.llava_next.pocket.one_view import FLAT, outline
from sightloop.tools.llava_next.pocket.patterns import HELD_OUT, TRAINED
from sightloop.tools.llava_next.pocket.questions import CELLS, PHOTO_KINDS
from sightloop.tools.llava_next.pocket.things import COLORS, coverage, draw, random_sheet
from sightloop.tools.llava_next.pocket.worlds import KINDS, Kind, main, worlds

SEEDS = st.integers(0, 2**31)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_draws_the_same_worlds_and_fewer_are_the_first_of_more(kind: Kind) -> None:
    def told(count: int, seed: int = 5) -> list[tuple[list[str], bytes]]:
        return [
            ([f"{q.text} {q.answer}" for q in asked], b"".join(i.tobytes() for i in world.render(1.0)[0]))
            for world, asked in worlds(kind, seed, count)
        ]

    assert told(4) == told(4)
    assert told(4)[:2] == told(2)
    assert told(2) != told(2, seed=6)


def test_held_out_wordings_are_new_sentences_of_known_words() -> None:
    assert set(HELD_OUT) == set(TRAINED)
    assert wording.words(HELD_OUT) <= wording.words(TRAINED)
    for kind, patterns in HELD_OUT.items():
        assert set(patterns).isdisjoint(TRAINED[kind]), kind


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_asked_or_answered_is_unknown_to_the_tokenizer(kind: Kind) -> None:
    tokenizer = model.tokenizer()
    for _, asked in worlds(kind, 3, 10):
        for question in asked:
            for text in (question.text, question.answer):
                assert tokenizer.unk_token_id not in tokenizer(text).input_ids
            back = tokenizer.decode(tokenizer(question.answer, add_special_tokens=False).input_ids)
            assert back.replace(" ", "") == question.answer.replace(" ", "")


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Is there a red cube?", "is there a red block ?"),
        ("Point to the large box.", "point to the large block ."),
        ("a blue sphere and two black columns", "a blue ball and two black pillars"),
        ("How many boxes and spheres are there?", "how many blocks and balls are there ?"),
        ("Is it the post?", "is it the pillar ?"),
    ],
)
def test_other_words_for_solids_are_read_as_theirs(said: str, read: str) -> None:
    tokenizer = model.tokenizer()
    assert tokenizer(said).input_ids == tokenizer(read).input_ids


@pytest.mark.parametrize("said", ["the text box", "box", "a boxer", "post", "which column", "the posts1"])
def test_words_that_are_not_of_solids_are_left_alone(said: str) -> None:
    tokenizer = model.tokenizer()
    assert not {"block", "blocks", "pillar", "pillars"} & set(tokenizer.tokenize(said))


@given(SEEDS)
def test_things_lie_on_the_sheet_apart_and_in_their_colour(seed: int) -> None:
    sheet = random_sheet(random.Random(seed))
    cover = coverage(sheet)
    assert cover.shape == (sheet.height, sheet.width)
    for t in sheet.things:  # a star's points reach a little beyond its circle
        assert t.r < t.x < sheet.width - t.r
        assert t.r < t.y < sheet.height - t.r
    image = draw(sheet)
    for index, thing in enumerate(sheet.things, start=1):
        seen = cover == index
        assert seen.sum() > 30  # none hides another
        inner = cv2.erode(seen.astype(np.uint8), np.ones((3, 3))) > 0
        if inner.any():
            gap = np.abs(np.median(image[inner], axis=0) - thing.rgb)
            assert gap.max() <= 6  # grain
        nearest = min(COLORS, key=lambda name: np.abs(np.subtract(COLORS[name], thing.rgb)).sum())
        assert nearest == thing.color


@given(SEEDS, st.sampled_from(sorted(PHOTO_KINDS)))
def test_answers_about_a_photo_follow_from_what_it_shows(seed: int, kind: str) -> None:
    """Answers worked out anew, from the things alone and in other ways than the questions were drawn."""
    (((world, asked),)) = list(worlds("photos", seed, 1))
    sheet = world.sheets[0]
    question = next((q for q in asked if q.kind == kind), None)
    if question is None:
        return
    things, words, answer = sheet.things, re.findall(r"[a-z]+", question.text), question.answer
    if kind == "count":
        assert answer == str(len(np.unique(coverage(sheet))) - 1)
    elif kind == "count_by":
        assert answer == str(sum(t.color in words or t.size in words for t in things))
    elif kind == "read" and sheet.writing:
        assert answer == sheet.writing.text.lower()
    elif kind == "caption":
        said = [tuple(part.split()[-3:]) for part in answer.split(",")]
        assert said == [(t.size, t.color, t.shape) for t in sorted(things, key=lambda t: t.x)]
    elif kind == "point" and question.subjects:
        column, row = map(int, answer.split())
        thing = question.subjects[0]
        assert column <= thing.x / sheet.width * CELLS <= column + 1
        assert row <= thing.y / sheet.height * CELLS <= row + 1
    elif kind == "where" and question.subjects:
        thing = question.subjects[0]
        if "left" in answer or "right" in answer:
            assert ("left" in answer) == (thing.x < sheet.width / 2)
        if "top" in answer or "bottom" in answer:
            assert ("top" in answer) == (thing.y < sheet.height / 2)
    elif kind == "exists":
        named = [
            t for t in things if any(w in (t.color, t.shape, t.shape + "s", t.shape + "es") for w in words)
        ]
        assert named or answer == "no"


def test_answers_are_balanced_so_that_guessing_gains_little() -> None:
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for kind in KINDS:
        for _, asked in worlds(kind, 11, 120):
            for question in asked:
                answers[question.kind][question.answer] += 1
    assert set(answers) == set(TARGETS)
    for kind, counts in answers.items():
        share = counts.most_common(1)[0][1] / counts.total()
        assert share < 0.67, f"{kind}: {counts.most_common(2)}"


@given(SEEDS, st.booleans())
def test_depth_puts_every_pixel_back_onto_the_solid_it_shows(seed: int, in_room: bool) -> None:
    """Back-projection by the written conventions: OpenCV axes, world-to-camera, metres along the axis."""
    width, height = (64, 48) if in_room else (48, 48)
    rng = random.Random(seed)
    table = random_room(rng, 2, aspect=width / height) if in_room else random_table(rng, 2)
    for view in table.views:
        _, depth, instance = ray_cast(table, view, width, height)
        assert not in_room or depth[instance > 0].min() > 0.3  # no camera stands in a solid
        rows, columns = np.nonzero(instance)
        pixels = np.stack([columns, rows, np.ones(len(rows))])
        in_camera = np.linalg.inv(view.in_pixels(width, height)) @ pixels * depth[rows, columns]
        rotation, translation = view.world_to_camera[:3, :3], view.world_to_camera[:3, 3]
        assert np.linalg.det(rotation) == pytest.approx(1)
        points = (in_camera - translation[:, None]).T @ rotation
        for index, solid in enumerate(table.solids, start=1):
            own = np.abs(points[instance[rows, columns] == index] - solid.centre)
            assert (own <= np.array(solid.half) + 1e-3).all()


@given(SEEDS, st.booleans())
def test_a_room_holds_its_solids_apart_and_encloses_what_its_cameras_see(seed: int, twins: bool) -> None:
    room = random_room(random.Random(seed), 3, duplicates=twins)
    assert room.room
    names = [s.name for s in room.solids]
    assert twins or len(set(names)) == len(names)
    for i, a in enumerate(room.solids):
        assert abs(a.x) + a.half[0] < room.room.half[0]
        assert abs(a.y) + a.half[1] < room.room.half[1]
        for b in room.solids[:i]:
            assert max(abs(a.x - b.x) - a.half[0] - b.half[0], abs(a.y - b.y) - a.half[1] - b.half[1]) > 0
    for view in room.views:
        _, depth, _ = ray_cast(room, view, 24, 24)
        assert depth[12:].min() > 0  # below the middle there is floor, wall or solid everywhere


@given(SEEDS)
def test_a_cropped_camera_sees_what_the_crop_of_its_picture_shows(seed: int) -> None:
    room = random_room(random.Random(seed), 1, aspect=4 / 3)
    whole, part = (
        ray_cast(room, view, *size)
        for view, size in (
            (room.views[0], (64, 48)),
            (room.views[0].cropped(16 / 64, 12 / 48, 32 / 64, 24 / 48), (32, 24)),
        )
    )
    for seen, cut in zip(whole, part, strict=True):
        same = np.isclose(seen[12:36, 16:48].astype(float), cut, atol=1.01)
        assert same.mean() > 0.99  # a ray along an edge may be rounded to either side


@given(SEEDS)
def test_what_is_seen_of_a_solid_lies_in_its_outline(seed: int) -> None:
    room = random_room(random.Random(seed), 1)
    _, _, instance = ray_cast(room, room.views[0], 64, 64)
    for index, solid in enumerate(room.solids, start=1):
        line = outline(solid, room.views[0])
        if line is None:
            continue
        rows, columns = np.nonzero(instance == index)
        for x, y in zip((columns + 0.5) / 64, (rows + 0.5) / 64, strict=True):
            assert cv2.pointPolygonTest(line[:, None], (float(x), float(y)), True) > -0.01


@given(SEEDS)
def test_a_crop_is_asked_about_what_it_clearly_shows_or_does_not(seed: int) -> None:
    """Against the picture: what shows more than a trace is not denied, what shows none is not affirmed."""
    (((world, asked),)) = list(worlds("views", seed, 1))
    assert world.table
    _, (cover,) = world.render(1.0)
    shares = np.bincount(cover.ravel(), minlength=len(world.table.solids) + 1)[1:] / cover.size
    for question in asked:
        if not question.kind.startswith("solid_in"):
            continue
        if any(shape in question.text for shape in FLAT):  # solids are none of them
            assert question.answer == "no"
            continue
        words = {word.removesuffix("s") for word in re.findall(r"[a-z]+", question.text)}
        called = [
            share
            for solid, share in zip(world.table.solids, shares, strict=True)
            if words & {*COLORS} <= {solid.color} and words & {*SOLIDS} <= {solid.shape}
        ]
        if question.answer == "yes":
            assert max(called) > 0.01
        else:
            assert max(called, default=0) < 0.003


def _written(kind: Kind, folder: Path, count: int = 2) -> list[dict[str, object]]:
    main(kind, folder, seed=4, count=count)
    lines = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    assert lines
    assert all(set(line) == {"inputs", "question", "answer", "kind"} for line in lines)
    assert all((folder / name).exists() for line in lines for name in line["inputs"])
    return lines


@pytest.mark.parametrize(
    ("kind", "stills"), [("photos", {1}), ("crops", {1}), ("views", {1}), ("pairs", {2}), ("sets", {3, 4})]
)
def test_pictures_are_written_as_png(kind: Kind, stills: set[int], tmp_path: Path) -> None:
    lines = _written(kind, tmp_path)
    assert {len(line["inputs"]) for line in lines} <= stills  # type: ignore[arg-type]
    for path in tmp_path.glob("*.png"):
        assert max(cv2.imread(str(path)).shape[:2]) == 384


def test_videos_are_written_as_mp4_with_a_frame_for_each_still(tmp_path: Path) -> None:
    _written("videos", tmp_path)
    for path, (world, _) in zip(sorted(tmp_path.glob("*.mp4")), worlds("videos", 4, 2), strict=True):
        with av.open(str(path)) as container:
            frames = [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
        images, _covers = world.render(3.0)
        assert [time for time, _ in frames] == [i / world.fps for i in range(len(images))]
        for (_, seen), meant in zip(frames, images, strict=True):
            assert np.abs(seen.astype(int) - meant).mean() < 6  # lossy


def test_scenes_are_written_as_posed_colour_and_depth(tmp_path: Path) -> None:
    for line in _written("scenes", tmp_path):
        folder = tmp_path / line["inputs"][0]  # type: ignore[index]
        scene = json.loads((folder / "scene.json").read_text())
        assert scene["metric"] is True
        for view in scene["views"]:
            color = cv2.imread(str(folder / view["color"]))
            depth = cv2.imread(str(folder / view["depth"]), cv2.IMREAD_UNCHANGED) / scene["depth_scale"]
            assert color.shape[:2] == depth.shape == (view["height"], view["width"])
            for solid in scene["truth"]:
                camera = np.array(view["world_to_camera"]) @ [*solid["centre"], 1]
                x, y, w = np.array(view["intrinsics"]) @ camera[:3]
                seen = depth[round(y / w), round(x / w)]
                # What is seen at a solid's centre is its surface, or another solid before it.
                assert 0 < seen <= camera[2] + 1e-3
