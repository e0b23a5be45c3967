"""A rendered table with three solids, seen from eight cameras around it, as files of a scene."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from sightloop.tools.llava_next.pocket.blocks import Solid, Table, View, look_at
from sightloop.tools.scene_worlds import CLEAN, Noise, World, write

SOLIDS = {
    solid.name: solid
    for solid in (
        Solid("block", "red", -1.0, 0.2, (0.34, 0.34, 0.34), (210, 40, 40)),
        Solid("ball", "blue", 0.9, 0.9, (0.37, 0.37, 0.37), (40, 60, 210)),
        Solid("block", "green", 0.2, -1.1, (0.33, 0.33, 0.33), (40, 160, 60)),
    )
}
VIEWS, SIDE = 8, 384


def write_table(folder: Path, noise: Noise = CLEAN) -> Path:
    """Write the scene: colours, depths and scene.json."""
    lens = np.array([[1.25, 0, 0.5], [0, 1.25, 0.5], [0, 0, 1.0]])
    views = tuple(View(lens, look_at(_eye(number), np.array([0.0, 0.0, 0.25]))) for number in range(VIEWS))
    table = Table(tuple(SOLIDS.values()), views, (235, 238, 240))
    write(World(folder.name, table, (SIDE, SIDE)), folder, noise)
    return folder


def _eye(number: int) -> np.ndarray:
    """Where a camera stands: not as evenly as that poses in another order would fit as well."""
    angle = 2 * math.pi * number / VIEWS + 0.12 * (number % 3)
    far = 5.2 + 0.07 * number
    return np.array([far * math.cos(angle), far * math.sin(angle), 3.2 + 0.25 * (number % 3)])


def apart(block: str, ball: str) -> float:
    """Metres between the surfaces of a block and a ball."""
    one, other = SOLIDS[block], SOLIDS[ball]
    outside = np.maximum(np.abs(other.centre - one.centre) - one.half, 0)
    return float(np.linalg.norm(outside)) - other.half[0]
