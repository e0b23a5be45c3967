"""A rendered table with three solids, seen from eight cameras around it, as files of a scene."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from sightloop.tools.llava_next.pocket.blocks import Solid, Table, View, look_at
from sightloop.tools.scene_worlds import World, write

SOLIDS = {
    solid.name: solid
    for solid in (
        Solid("block", "red", -1.0, 0.2, (0.34, 0.34, 0.34), (210, 40, 40)),
        Solid("ball", "blue", 0.9, 0.9, (0.37, 0.37, 0.37), (40, 60, 210)),
        Solid("block", "green", 0.2, -1.1, (0.33, 0.33, 0.33), (40, 160, 60)),
    )
}
VIEWS, SIDE = 8, 384


def write_table(folder: Path) -> Path:
    """Write the scene: colours, depths and scene.json."""
    lens = np.array([[1.25, 0, 0.5], [0, 1.25, 0.5], [0, 0, 1.0]])
    around = np.linspace(0, 2 * math.pi, VIEWS, endpoint=False)
    eyes = [np.array([5.4 * math.cos(a), 5.4 * math.sin(a), 3.5]) for a in around]
    views = tuple(View(lens, look_at(eye, np.array([0.0, 0.0, 0.25]))) for eye in eyes)
    table = Table(tuple(SOLIDS.values()), views, (235, 238, 240))
    write(World(folder.name, table, (SIDE, SIDE)), folder)
    return folder


def apart(block: str, ball: str) -> float:
    """Metres between the surfaces of a block and a ball."""
    one, other = SOLIDS[block], SOLIDS[ball]
    outside = np.maximum(np.abs(other.centre - one.centre) - one.half, 0)
    return float(np.linalg.norm(outside)) - other.half[0]
