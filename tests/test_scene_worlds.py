"""Held-out scenes: exact, the same for the same seed, and files that show what the truth says."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightloop.memory.geometry import Camera
from sightloop.memory.sources.scenes import open_scene
from sightloop.tools import scene_truth as truth
from sightloop.tools.llava_next.pocket.blocks import Solid, View, look_at
from sightloop.tools.scene_asked import GROUPS
from sightloop.tools.scene_questions import parse
from sightloop.tools.scene_worlds import BOTH, CLEAN, Noise, World, main, worlds, write

INTRINSICS = np.array([[1.2, 0, 0.5], [0, 1.2, 0.5], [0, 0, 1]])


def one(kind: str, seed: int = 100) -> World:
    return next(iter(worlds(kind, seed, 1)))  # type: ignore[arg-type]


@st.composite
def solids(draw: st.DrawFn) -> Solid:
    shape = draw(st.sampled_from(["block", "pillar", "ball"]))
    extent = st.floats(0.1, 0.8)
    half = (draw(extent),) * 3 if shape == "ball" else (draw(extent), draw(extent), draw(extent))
    x, y = draw(st.floats(-3, 3)), draw(st.floats(-3, 3))
    return Solid(shape, "red", x, y, half, (200, 0, 0))


def on_surface(solid: Solid, rng: np.random.Generator, count: int = 4000) -> NDArray[np.float64]:
    if solid.shape == "ball":
        way = rng.normal(size=(count, 3))
        return solid.centre + solid.half[0] * way / np.linalg.norm(way, axis=1, keepdims=True)
    points = rng.uniform(-1, 1, (count, 3))
    points[np.arange(count), rng.integers(0, 3, count)] = rng.choice([-1, 1], count)
    return np.asarray(solid.centre + points * solid.half)


# ---------------------------------------------------------------- truth


@settings(max_examples=60, deadline=None)
@given(a=solids(), b=solids(), seed=st.integers(0, 99))
def test_the_gap_is_the_least_distance_of_any_two_points(a: Solid, b: Solid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = on_surface(a, rng)
    far = np.array([truth.away(b, point) for point in points])
    gap = truth.gap(a, b)
    assert gap == pytest.approx(truth.gap(b, a))
    assert gap <= far.min() + 1e-9
    if gap > 0:  # dense points come near it: on a face of a metre they lie some centimetres apart
        assert far.min() - gap < 0.06


def test_the_gap_of_known_solids() -> None:
    block = Solid("block", "red", 0, 0, (0.5, 0.5, 0.5), (0, 0, 0))
    ball = Solid("ball", "blue", 2, 0, (0.5, 0.5, 0.5), (0, 0, 0))
    corner = Solid("block", "red", 4, 5, (0.5, 1.0, 0.5), (0, 0, 0))
    assert truth.gap(block, ball) == pytest.approx(1.0)
    assert truth.centres(block, ball) == pytest.approx(2.0)
    assert truth.gap(block, corner) == pytest.approx(np.hypot(3.0, 3.5))
    assert truth.gap(block, block) == 0


@settings(max_examples=60, deadline=None)
@given(a=solids(), b=solids(), angle=st.floats(0, 6.28))
def test_sides_swap_with_the_things_and_behind_the_scene(a: Solid, b: Solid, angle: float) -> None:
    eye = np.array([8 * np.cos(angle), 8 * np.sin(angle), 2.0])
    view, opposite = View(INTRINSICS, look_at(eye, np.zeros(3))), View(INTRINSICS, look_at(-eye, np.zeros(3)))
    swapped = {"left": "right", "right": "left", None: None}
    assert truth.side(view, b, a) == swapped[truth.side(view, a, b)]
    there = truth.side(opposite, a, b)
    assert there is None or there != truth.side(view, a, b)
    behind, reverse = truth.behind(view, a, b), truth.behind(view, b, a)
    assert behind is reverse is None or behind is not reverse
    nearer = truth.nearer(view, a, b)
    assert behind is None or nearer is None or nearer is not behind


def test_left_is_left_in_the_picture_and_for_who_stands_there() -> None:
    view = View(INTRINSICS, look_at(np.array([0.0, -6, 2]), np.zeros(3)))
    left, right, ahead = (
        Solid("ball", "red", x, y, (0.3,) * 3, (0, 0, 0)) for x, y in ((-1, 0), (1, 0), (0, 2))
    )
    here = Solid("ball", "red", 0, -2, (0.3,) * 3, (0, 0, 0))
    assert truth.side(view, left, right) == "left"
    assert truth.behind(view, ahead, here) is True
    assert truth.behind(view, left, right) is None
    assert truth.facing(here, ahead, left) == "left"
    assert truth.facing(ahead, here, left) == "right"
    assert truth.facing(here, ahead, Solid("ball", "red", 0, 4, (0.3,) * 3, (0, 0, 0))) is None
    assert truth.nearest(here, [left, ahead]) is left
    assert truth.nearest(here, [left, right]) is None


# ---------------------------------------------------------------- worlds


def test_a_seed_draws_the_same_worlds_and_fewer_are_the_first_of_more() -> None:
    first, second = worlds("blocks", 101, 2)
    again = one("blocks", 101)
    assert first.asked == again.asked
    assert first.table.solids == again.table.solids
    assert second.table.solids != first.table.solids != one("blocks", 102).table.solids


@pytest.mark.parametrize("kind", ["blocks", "room", "walk"])
def test_all_can_be_seen_and_all_that_is_asked_has_an_answer(kind: str) -> None:
    world = one(kind)
    names = Counter(solid.name for solid in world.table.solids)
    assert (world.pixels > 0).any(axis=0).all()
    assert len(world.table.views) == (32 if kind == "walk" else 8)
    assert {asked.kind for asked in world.asked} >= {"gap", "centres", "height", "width", "count"}
    for asked in world.asked:
        read = parse(asked.question, [f"view{i}.png" for i in range(1, len(world.table.views) + 1)])
        assert read.kind != "open", asked.question
        assert asked.kind in GROUPS
        assert asked.kind in ("gap", "centres", "height", "width") or asked.answer in asked.options
        if asked.kind != "count":
            assert all(names[thing] == 1 for thing in read.named)


def test_most_of_a_walk_looks_at_walls() -> None:
    seen = one("walk").pixels.sum(axis=1) > 500
    assert 8 <= seen.sum() <= 20


# ---------------------------------------------------------------- files


def test_files_hold_what_was_drawn(tmp_path: Path) -> None:
    world = one("room")
    write(world, tmp_path)
    scene = open_scene(tmp_path)
    assert scene.metric
    assert scene.up is not None
    assert scene.names == tuple(f"view{number}.png" for number in range(1, 9))
    for name, (color, depth, seen) in zip(scene.names, world.shots, strict=True):
        assert np.array_equal(scene.still(name).pixels, color)
        told = scene.depth(name)
        assert told is not None
        assert np.abs(told - depth).max() <= 0.0005 + 1e-6
        for number, solid in enumerate(world.table.solids, start=1):
            rows, columns = np.nonzero(seen == number)
            if not len(rows):
                continue
            pixels = np.stack([columns, rows], axis=1) + 0.5
            points = scene.view(name).camera.unproject(pixels, told[rows, columns])
            assert max(truth.away(solid, point) for point in points[::97]) < 0.01


def angle(one: Camera, other: Camera) -> float:
    turn = one.world_to_camera[:3, :3] @ other.world_to_camera[:3, :3].T
    return float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))


def test_noise_is_as_large_as_it_says_and_the_same_again(tmp_path: Path) -> None:
    world = one("blocks")
    for name, noise in (("clean", CLEAN), ("noisy", BOTH), ("again", BOTH), ("turned", Noise(degrees=20))):
        write(world, tmp_path / name, noise)
    clean, noisy, again, turned = (
        open_scene(tmp_path / name) for name in ("clean", "noisy", "again", "turned")
    )
    cameras = [(clean.view(name).camera, noisy.view(name).camera) for name in clean.names]
    turns = np.array([angle(*pair) for pair in cameras])
    shifts = np.array([np.linalg.norm(a.centre - b.centre) for a, b in cameras])
    assert 0.6 < np.sqrt((turns**2).mean()) < 1.5
    assert 0.012 < np.sqrt((shifts**2).mean()) < 0.03
    for name in clean.names:
        exact, told = clean.depth(name), noisy.depth(name)
        assert exact is not None
        assert told is not None
        known = exact > 0
        assert 0.06 < (told[known] == 0).mean() < 0.14
        both = known & (told > 0)
        assert np.std(told[both] / exact[both]) == pytest.approx(0.01, rel=0.1)
        assert np.array_equal(told, again.depth(name))  # type: ignore[arg-type]
        assert np.array_equal(noisy.still(name).pixels, clean.still(name).pixels)
        assert np.allclose(turned.view(name).camera.centre, clean.view(name).camera.centre)


def test_the_command_writes_scenes_and_questions(tmp_path: Path) -> None:
    main("blocks", tmp_path, seed=103, count=1)
    lines = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
    assert len(lines) >= 10
    for line in lines:
        assert set(line) == {"inputs", "question", "answer", "kind"}
        assert all((tmp_path / name / "scene.json").is_file() for name in line["inputs"])
    assert random.Random(0).choice(lines)["answer"]
