"""Exact truth of a world of solids: how far apart they are, and on which side one is of another.

Balls, and blocks and pillars whose faces are parallel to the axes: nearest distances have a closed form.
Where an answer would hang on what a word means ("behind", of a thing that is mostly to the left) there is
none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .llava_next.pocket.blocks import Solid, View

Side = Literal["left", "right"]

CLEAR = 0.3
"""Metres by which something must be nearer, or farther to a side, to be called so."""
CLEAR_PICTURE = 0.04
"""The same for sides in a picture, in its widths."""
CLEAR_ANGLE = np.deg2rad(20)
"""From straight ahead, and from straight behind, to be called left or right."""


def gap(one: Solid, other: Solid) -> float:
    """Return the distance between the nearest points of two solids, metres; 0 where they touch."""
    between = np.abs(one.centre - other.centre)
    reach = float(sum(solid.half[0] for solid in (one, other) if solid.shape == "ball"))
    for solid in (one, other):
        if solid.shape != "ball":
            between = np.maximum(between - solid.half, 0)
    return max(float(np.linalg.norm(between)) - reach, 0.0)


def centres(one: Solid, other: Solid) -> float:
    """Return the distance between the centres of two solids, metres."""
    return float(np.linalg.norm(one.centre - other.centre))


def away(solid: Solid, point: NDArray[np.float64]) -> float:
    """Return the distance from a point to the nearest one of a solid, metres."""
    between = np.abs(point - solid.centre)
    if solid.shape == "ball":
        return max(float(np.linalg.norm(between)) - solid.half[0], 0.0)
    return float(np.linalg.norm(np.maximum(between - solid.half, 0)))


def eye(view: View) -> NDArray[np.float64]:
    """Return where a camera stands, (3,) in the world."""
    return np.asarray(-view.world_to_camera[:3, :3].T @ view.world_to_camera[:3, 3])


def side(view: View, one: Solid, other: Solid) -> Side | None:
    """Tell on which side of another solid one is, as a camera sees them; None where it is not clear."""
    (x, _, depth), (x_other, _, depth_other) = (view.project(solid.centre) for solid in (one, other))
    if min(depth, depth_other) < CLEAR:
        return None
    across = (view.world_to_camera[0, :3] @ (one.centre - other.centre), x - x_other)
    if min(np.abs(across) / (CLEAR, CLEAR_PICTURE)) < 1 or across[0] * across[1] < 0:
        return None
    return "left" if across[0] < 0 else "right"


def behind(view: View, one: Solid, other: Solid) -> bool | None:
    """Tell whether one solid is behind another or in front of it, seen from a camera; None: not clear."""
    depths = [view.project(solid.centre)[2] for solid in (one, other)]
    farther = depths[0] - depths[1]
    across = float(view.world_to_camera[0, :3] @ (one.centre - other.centre))
    ways = [float(np.linalg.norm((solid.centre - eye(view))[:2])) for solid in (one, other)]
    nearest = away(one, eye(view)) - away(other, eye(view))
    clear = min(abs(farther), abs(ways[0] - ways[1]), abs(nearest)) >= CLEAR
    agreed = farther * (ways[0] - ways[1]) > 0 and farther * nearest > 0
    if min(depths) < CLEAR or not clear or not agreed or abs(across) > abs(farther):
        return None
    return bool(farther > 0)


def nearer(view: View, one: Solid, other: Solid) -> bool | None:
    """Tell whether one solid is nearer to a camera than another; None: not clear."""
    far = [
        (away(solid, eye(view)), float(np.linalg.norm(solid.centre - eye(view)))) for solid in (one, other)
    ]
    by_surface, by_centre = far[0][0] - far[1][0], far[0][1] - far[1][1]
    if min(abs(by_surface), abs(by_centre)) < CLEAR or by_surface * by_centre < 0:
        return None
    return bool(by_surface < 0)


def facing(at: Solid, faced: Solid, asked: Solid) -> Side | None:
    """Tell on which hand a solid is for who stands at one and faces another; None: not clear."""
    ahead, there = (faced.centre - at.centre)[:2], (asked.centre - at.centre)[:2]
    if min(np.linalg.norm(ahead), np.linalg.norm(there)) < CLEAR:
        return None
    turn = np.arctan2(ahead[0] * there[1] - ahead[1] * there[0], ahead @ there)
    if not CLEAR_ANGLE < abs(turn) < np.pi - CLEAR_ANGLE:
        return None
    return "left" if turn > 0 else "right"


def nearest(solid: Solid, others: Sequence[Solid]) -> Solid | None:
    """Return the solid that is nearest to another, by surfaces and by centres; None where it is not clear."""
    if not others:
        return None
    by_gap = sorted(others, key=lambda other: gap(solid, other))
    by_centre = sorted(others, key=lambda other: centres(solid, other))
    if by_gap[0] is not by_centre[0]:
        return None
    if len(others) > 1 and gap(solid, by_gap[1]) - gap(solid, by_gap[0]) < CLEAR:
        return None
    return by_gap[0]
