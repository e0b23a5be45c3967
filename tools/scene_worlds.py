"""Held-out scenes with exact truth: block worlds and rooms of the embedded model, and what is asked of them.

``python -m sightloop.tools.scene_worlds --kind room --seed 1 --count 2 --out DIR`` writes folders of
posed RGB-D views (``scene.json``) and ``questions.jsonl`` with one object a line: ``{"inputs": [...],
"question": ..., "answer": ..., "kind": ...}``. Noise of poses and depths can be added; the truth stays that
of the world. A walk is a room seen by many cameras, most of which look at a bare wall. Everything here is
synthetic.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from .llava_next.pocket.blocks import Table, View, look_at, random_room, random_table, ray_cast
from .scene_asked import Asked, ask

WorldKind = Literal["blocks", "room", "walk"]
VIEWS, WALKED = 8, 32
"""Views of a world, and of a walk."""
TURNED = 0.75
"""Share of a walk's views that look at a wall."""
SIZES = {"blocks": (384, 384), "room": (448, 336), "walk": (320, 240)}
"""Width and height of the pictures, pixels."""
SEEN_PIXELS, SEEN_VIEWS = 150, 3
"""Every solid covers so many pixels in so many views: what no view shows cannot be counted."""
HOLE = 6
"""Side of a hole in a depth, pixels, or more where several meet."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What is wrong with what is written.

    Parameters
    ----------
    degrees, metres : float
        Of poses: root mean square of the angle by which a camera is turned, about any axis, and of how far it
        is moved.
    depth : float
        Of depths: one standard deviation, relative, each pixel by itself.
    holes : float
        Share of a depth that is missing, in patches.
    """

    degrees: float = 0.0
    metres: float = 0.0
    depth: float = 0.0
    holes: float = 0.0


CLEAN = Noise()
POSES, DEPTHS = Noise(degrees=1.0, metres=0.02), Noise(depth=0.01, holes=0.1)
BOTH = Noise(degrees=1.0, metres=0.02, depth=0.01, holes=0.1)


@dataclass(frozen=True)
class World:
    """A scene and what is asked about it.

    Parameters
    ----------
    name : str
        Of its folder.
    table : Table
        Solids and cameras; views are named "view1.png" and so on.
    size : (int, int)
        Of the pictures, width first.
    asked : tuple of Asked
    """

    name: str
    table: Table
    size: tuple[int, int]
    asked: tuple[Asked, ...] = ()

    @cached_property
    def shots(self) -> tuple[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]], ...]:
        """Colour, depth and instance of every view, as :func:`.blocks.ray_cast` gives them."""
        return tuple(ray_cast(self.table, view, *self.size) for view in self.table.views)

    @cached_property
    def pixels(self) -> NDArray[np.int64]:
        """How many pixels of each solid each view shows: (views, solids)."""
        count = len(self.table.solids) + 1
        return np.array([np.bincount(seen.ravel(), minlength=count)[1:] for _, _, seen in self.shots])


def worlds(kind: WorldKind, seed: int, count: int) -> Iterator[World]:
    """Draw worlds with their questions, the same for the same seed on every machine.

    Parameters
    ----------
    kind : "blocks", "room" or "walk"
    seed, count : int
        Which; those of a smaller count are the first of a larger one.
    """
    for index in range(count):
        name = f"{kind}-{seed}-{index:04d}"
        rng = random.Random(f"scene/{name}")
        world = _drawn(kind, rng, name)
        while not _askable(world):
            world = _drawn(kind, rng, name)
        yield replace(world, asked=tuple(ask(world.table, world.pixels, rng)))


def _askable(world: World) -> bool:
    """Tell whether all can be seen, and two solids at least have names of their own."""
    often = Counter(solid.name for solid in world.table.solids)
    own = sum(count == 1 for count in often.values())
    return own >= 2 and bool(((world.pixels >= SEEN_PIXELS).sum(axis=0) >= SEEN_VIEWS).all())


def _drawn(kind: WorldKind, rng: random.Random, name: str) -> World:
    size = SIZES[kind]
    if kind == "blocks":
        return World(name, random_table(rng, VIEWS, duplicates=True), size)
    table = random_room(rng, VIEWS, aspect=size[0] / size[1])
    return World(name, walked(rng, table) if kind == "walk" else table, size)


def walked(rng: random.Random, table: Table) -> Table:
    """Add views to a room, most of which look at a wall from near by, in the order of a walk."""
    assert table.room is not None
    half = np.array(table.room.half)
    views = list(table.views)
    while len(views) < WALKED:
        azimuth = rng.uniform(0, 2 * math.pi)
        way = np.array([math.cos(azimuth), math.sin(azimuth)])
        edge = way / np.abs(way / half).max()
        spot, aim = (0.8 * edge, 1.0 * edge) if rng.random() < TURNED else (0.85 * edge, -0.2 * edge)
        eye = np.array([*spot, rng.uniform(1.2, 1.8)])
        target = np.array([*aim, eye[2] + rng.uniform(-0.1, 0.3) if aim @ edge > 0 else 0.4])
        views.append(View(table.views[0].intrinsics, look_at(eye, target)))
    rng.shuffle(views)
    return replace(table, views=tuple(views))


# --- files --------------------------------------------------------------------------------------------


def write(world: World, folder: Path, noise: Noise = CLEAN) -> None:
    """Write colours (PNG), depths (16-bit PNG, millimetres, 0 for none) and ``scene.json``.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    rng = np.random.default_rng([*f"{world.name}/{noise}".encode()])
    folder.mkdir(parents=True, exist_ok=True)
    views = []
    for number, (view, (color, depth, _)) in enumerate(
        zip(world.table.views, world.shots, strict=True), start=1
    ):
        _png(folder / f"view{number}.png", color[..., ::-1])
        told = np.round(_spoilt(depth, noise, rng) * 1000).astype(np.uint16)
        _png(folder / f"view{number}.depth.png", told)
        views.append(
            {"color": f"view{number}.png", "depth": f"view{number}.depth.png",
             "width": world.size[0], "height": world.size[1],
             "intrinsics": view.in_pixels(*world.size).tolist(),
             "world_to_camera": _moved(view.world_to_camera, noise, rng).tolist(), "t": float(number - 1)}
        )  # fmt: skip
    solids = [{"name": s.name, "centre": s.centre.tolist(), "half": list(s.half)} for s in world.table.solids]
    scene: dict[str, Any] = {"metric": True, "depth_scale": 1000, "up": [0, 0, 1], "views": views}
    (folder / "scene.json").write_text(json.dumps({**scene, "truth": solids}, indent=1))


def _png(path: Path, pixels: NDArray[Any]) -> None:
    import cv2

    if not cv2.imwrite(str(path), pixels):
        raise OSError(f"{path} could not be written.")


def _moved(pose: NDArray[np.float64], noise: Noise, rng: np.random.Generator) -> NDArray[np.float64]:
    """Turn a camera about its centre, and move it."""
    if not noise.degrees and not noise.metres:
        return pose
    import cv2

    turn, shift = rng.normal(size=(2, 3)) / math.sqrt(3)
    rotation, _ = cv2.Rodrigues(turn * math.radians(noise.degrees))
    centre = -pose[:3, :3].T @ pose[:3, 3] + shift * noise.metres
    moved = np.eye(4)
    moved[:3, :3] = rotation @ pose[:3, :3]
    moved[:3, 3] = -moved[:3, :3] @ centre
    return moved


def _spoilt(depth: NDArray[np.float32], noise: Noise, rng: np.random.Generator) -> NDArray[np.float32]:
    if not noise.depth and not noise.holes:
        return depth
    height, width = depth.shape
    patches = rng.random((math.ceil(height / HOLE), math.ceil(width / HOLE))) < noise.holes
    missing = np.kron(patches, np.ones((HOLE, HOLE), bool))[:height, :width]
    told = depth * (1 + noise.depth * rng.standard_normal(depth.shape, np.float32))
    return np.where(missing, np.float32(0), told).astype(np.float32)


def main(
    kind: Annotated[WorldKind, typer.Option(help="what to draw")],
    out: Annotated[Path, typer.Option(help="folder to write to")],
    seed: Annotated[int, typer.Option(help="the same seed gives the same worlds")] = 0,
    count: Annotated[int, typer.Option(min=1, help="how many worlds")] = 2,
) -> None:
    """Write rendered scenes and their questions to a folder."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "questions.jsonl").open("w") as lines:
        for world in worlds(kind, seed, count):
            write(world, out / world.name)
            for asked in world.asked:
                record = {"inputs": [world.name], "question": asked.question, "answer": asked.answer,
                          "kind": asked.kind}  # fmt: skip
                lines.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    typer.run(main)
