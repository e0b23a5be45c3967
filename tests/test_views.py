"""Views are chosen for a question: what matters, all of it, from more than one side, and never too many."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightloop.errors import InputError, SceneError
from sightloop.memory import Size, Still
from sightloop.memory.fusion import fuse
from sightloop.memory.geometry import Camera
from sightloop.memory.scene import Scene, SceneView
from sightloop.memory.sources.scenes import open_scene
from sightloop.tools.llava_next import LlavaNext
from sightloop.tools.llava_next.pocket.blocks import look_at
from sightloop.tools.scene_worlds import World, worlds, write
from sightloop.tools.views import EMBEDDED, READ, choose, relevance, spread, uniform

INTRINSICS = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])


def camera(eye: Sequence[float], target: Sequence[float]) -> Camera:
    return Camera(INTRINSICS, look_at(np.array(eye, float), np.array(target, float)), Size(64, 48))


class Reads:
    """Counts what a scene reads."""

    def __init__(self) -> None:
        self.colors = 0
        self.depths = 0

    def color(self) -> NDArray[np.uint8]:
        self.colors += 1
        return np.zeros((48, 64, 3), np.uint8)

    def depth(self, metres: float) -> NDArray[np.float32]:
        self.depths += 1
        return np.full((48, 64), metres, np.float32)


def scene_of(cameras: Sequence[Camera], reads: Reads, metres: float | None = 2.0) -> Scene:
    depth = None if metres is None else partial(reads.depth, metres)
    views = [SceneView(f"{i:04d}.png", one, reads.color, depth) for i, one in enumerate(cameras)]
    return Scene("a scene of a test", "test", "", tuple(views))


def around(count: int, seed: int = 0) -> list[Camera]:
    rng = np.random.default_rng(seed)
    eyes = rng.normal(size=(count, 3)) * 3
    return [camera(eye, rng.normal(size=3)) for eye in eyes]


class Even:
    """An embedder for which every view goes equally well with any text."""

    name = "even"

    def __init__(self) -> None:
        self.stills = 0

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        self.stills += sum(isinstance(item, Still) for item in items)
        return np.eye(1, 8, dtype=np.float32).repeat(len(items), axis=0)


# ---------------------------------------------------------------- how many


@settings(max_examples=25, deadline=None)
@given(
    views=st.integers(1, 30),
    count=st.integers(1, 40),
    depth=st.sampled_from([2.0, None]),
    told=st.dictionaries(st.integers(0, 40), st.floats(-1, 1), max_size=30),
)
def test_never_more_than_asked_each_once_in_the_scenes_order(
    views: int, count: int, depth: float | None, told: dict[int, float]
) -> None:
    scene = scene_of(around(views), Reads(), depth)
    scores = {f"{number:04d}.png": value for number, value in told.items()}
    chosen = choose(scene, scores, count)
    assert len(chosen) == min(views, count)
    assert chosen == sorted(set(chosen), key=scene.names.index)
    assert chosen == choose(scene, scores, count)
    assert len(uniform(scene, count)) == min(views, count)


def test_views_that_must_be_among_them_are() -> None:
    scene = scene_of(around(20), Reads())
    kept = ["0019.png", "0003.png"]
    assert set(kept) <= set(choose(scene, None, 4, always=kept))
    assert choose(scene, None, 1, always=kept) == ["0019.png"]


def test_what_cannot_be_chosen_is_an_error() -> None:
    scene = scene_of(around(3), Reads())
    with pytest.raises(InputError, match="at least one"):
        choose(scene, None, 0)
    with pytest.raises(SceneError, match="no view 'door'"):
        choose(scene, None, 2, always=["door"])


# ---------------------------------------------------------------- which


def test_views_that_show_the_same_are_not_chosen_twice() -> None:
    same = [camera((0, -3, 1), (0, 0, 0))] * 9
    other = camera((30, -3, 1), (30, 0, 0))
    assert "0009.png" in choose(scene_of([*same, other], Reads()), None, 2)


def test_a_second_view_of_a_thing_is_from_elsewhere() -> None:
    near = [camera((0.01 * k, -3, 0.5), (0, 0, 0)) for k in range(9)]
    aside = camera((-1.5, -2.6, 0.5), (0, 0, 0))
    scene = scene_of([*near, aside], Reads(), 3.0)
    assert "0009.png" in choose(scene, None, 2)


def test_relevant_views_go_first() -> None:
    spots = [camera((10 * k, -3, 1), (10 * k, 0, 0)) for k in range(20)]
    scene = scene_of(spots, Reads())
    scores = {name: float(name in ("0004.png", "0011.png", "0017.png")) for name in scene.names}
    assert choose(scene, scores, 3) == ["0004.png", "0011.png", "0017.png"]


def test_points_come_from_a_cloud_from_the_scene_or_from_in_front_of_the_cameras(tmp_path: Path) -> None:
    (world,) = worlds("blocks", 100, 1)
    write(world, tmp_path)
    scene = open_scene(tmp_path)
    assert len(choose(scene, None, 3, fuse(scene))) == 3
    scene.points = np.random.default_rng(0).normal(size=(50, 3))
    assert len(choose(scene, None, 3)) == 3


def test_a_view_that_cannot_be_read_is_no_reason_to_stop(tmp_path: Path) -> None:
    (world,) = worlds("blocks", 100, 1)
    write(world, tmp_path)
    (tmp_path / "view2.depth.png").write_bytes(b"no depth")
    (tmp_path / "view3.png").write_bytes(b"no picture")
    scene = open_scene(tmp_path)
    found = relevance(Even(), scene, "a mug")
    assert "view3.png" not in found
    assert len(choose(scene, found, 3)) == 3


# ---------------------------------------------------------------- large scenes


def test_of_two_thousand_views_few_are_read() -> None:
    reads, embedder = Reads(), Even()
    scene = scene_of(around(2000), reads)
    scores = relevance(embedder, scene, "a mug")
    assert len(scores) == embedder.stills == reads.colors == EMBEDDED
    assert len(choose(scene, scores, 8)) == 8
    assert reads.depths <= READ
    relevance(embedder, scene, "a door")
    assert embedder.stills == EMBEDDED  # views were embedded once


def test_a_question_without_words_has_no_relevant_views() -> None:
    assert relevance(Even(), scene_of(around(3), Reads()), " ") == {}


def test_places_far_apart_are_chosen() -> None:
    places = np.array([[0.0], [0.1], [0.2], [5.0], [9.0], [9.1]])
    assert spread(places, 3) == [0, 3, 5]
    assert spread(places, 2, first=[4]) == [0, 4]
    assert spread(places, 9) == list(range(6))


# ---------------------------------------------------------------- seen by the model


def shown(world: World, chosen: Sequence[str], solid: int) -> int:
    numbers = [int(name.removeprefix("view").removesuffix(".png")) for name in chosen]
    return int((world.pixels[[number - 1 for number in numbers], solid] > 100).sum())


def test_views_of_what_is_asked_for_are_found_among_views_of_walls(tmp_path: Path) -> None:
    eyes = LlavaNext()
    better, ahead = 0, 0
    for world in worlds("walk", 105, 1):
        write(world, tmp_path / world.name)
        scene = open_scene(tmp_path / world.name)
        for number, solid in enumerate(world.table.solids):
            chosen = choose(scene, relevance(eyes, scene, solid.name), 6)
            better += shown(world, chosen, number)
            ahead += shown(world, uniform(scene, 6), number)
    assert better > 1.5 * ahead
