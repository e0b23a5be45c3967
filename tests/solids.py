"""Synthetic tables of solids with exact truth, and eyes that know colours, for tests of measuring."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scripted import ScriptedEyes

from sightloop.memory import Still
from sightloop.memory.geometry import Camera, rigid
from sightloop.memory.scene import Scene, SceneView
from sightloop.memory.still import Size
from sightloop.tools.llava_next.pocket.blocks import Room, Solid, Table, View, look_at, ray_cast
from sightloop.tools.llava_next.pocket.things import COLORS

LENS = np.array([[1.25, 0, 0.5], [0, 1.25, 0.5], [0, 0, 1.0]])
SIDE = 224
"""Pixels of a picture's sides."""


def solid(color: str, shape: str, x: float, y: float, *half: float) -> Solid:
    """A solid on the table; ``half`` are its half extents, or a ball's radius."""
    extents = half if len(half) == 3 else half * 3
    return Solid(shape, color, x, y, (extents[0], extents[1], extents[2]), COLORS[color])


RED, BLUE = solid("red", "block", -0.7, -0.6, 0.35), solid("blue", "ball", 0.8, 0.3, 0.4)
GREEN, OTHER_GREEN = solid("green", "block", -0.6, 0.9, 0.3), solid("green", "block", 1.0, -0.9, 0.3)
TABLE = (RED, BLUE, GREEN, OTHER_GREEN)


def around(count: int = 8, *, over: float = 2 * math.pi, height: float = 3.2) -> list[View]:
    """Cameras on an arc around the table that look at its middle."""
    views = []
    for k in range(count):
        angle = 0.3 + over * k / count
        eye = np.array([5.4 * math.cos(angle), 5.4 * math.sin(angle), height])
        views.append(View(LENS, look_at(eye, np.array([0, 0, 0.25]))))
    return views


def scene_of(
    solids: Sequence[Solid] = TABLE,
    views: Sequence[View] | None = None,
    *,
    depths: bool = True,
    metric: bool = True,
    noise: float = 0.0,
    holes: float = 0.0,
    turned: float = 0.0,
    moved: float = 0.0,
    room: Room | None = None,
) -> Scene:
    """A scene of views "view1.png", ...; noise of depths is relative, of poses in degrees and metres."""
    chance = np.random.default_rng(0)
    shots = around() if views is None else views
    table = Table(tuple(solids), tuple(shots), (235, 232, 225), room)
    made = []
    for number, view in enumerate(shots, start=1):
        color, depth, _ = ray_cast(table, view, SIDE, SIDE)
        depth = (depth * (1 + noise * chance.standard_normal(depth.shape))).astype(np.float32)
        depth[chance.random(depth.shape) < holes] = 0
        wrong = rigid(chance.normal(0, math.radians(turned) / 3**0.5, 3), chance.normal(0, moved / 3**0.5, 3))
        camera = Camera(
            np.diag([SIDE, SIDE, 1.0]) @ view.intrinsics, wrong @ view.world_to_camera, Size(SIDE, SIDE)
        )
        made.append(
            SceneView(
                f"view{number}.png",
                camera,
                lambda color=color: color,
                (lambda depth=depth: depth.copy()) if depths else None,
                0.5 * number,
            )
        )
    return Scene(f"/synthetic/{len(solids)}", "test", "as made", tuple(made), metric, np.array([0, 0, 1.0]))


def colour_eyes(knows: float = 0.97) -> ScriptedEyes:
    """Eyes that answer "Is there a red block?" by the colour in the middle of the picture alone."""

    def main_color(still: Still) -> str | None:
        height, width = still.pixels.shape[:2]
        middle = still.pixels[height // 3 : -(height // 3), width // 3 : -(width // 3)].reshape(-1, 3) + 1.0
        length = np.linalg.norm(middle, axis=1, keepdims=True)
        shades = np.array([COLORS[name] for name in COLORS]) + 1.0
        near = (middle / length) @ (shades / np.linalg.norm(shades, axis=1, keepdims=True)).T
        strong = np.ptp(middle, axis=1) > 60
        if strong.mean() < 0.3:
            return None
        return list(COLORS)[int(np.bincount(near[strong].argmax(axis=1)).argmax())]

    def weigh(prompt: Sequence[object], options: Sequence[str]) -> list[float]:
        still, question = prompt
        assert isinstance(still, Still)
        there = str(main_color(still)) in str(question)
        return [knows, 1 - knows] if there else [1 - knows, knows]

    def say(prompt: Sequence[object]) -> tuple[str, float]:
        still, question = prompt
        assert isinstance(still, Still)
        return (str(main_color(still)), 0.9) if "color" in str(question) else ("block", 0.8)

    return ScriptedEyes(say, weigh)
