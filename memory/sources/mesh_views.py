"""Where cameras stand that nobody chose: around an object, or in a room and looking across it."""

from __future__ import annotations

import numpy as np

from ..geometry import Array, Camera
from ..still import Size
from .mesh_loading import Surface
from .mesh_render import Renderer

SIZE = Size(640, 480)
WIDE_ROOM, WIDE_OBJECT = 75.0, 50.0
"""Degrees that a camera sees from left to right."""
AROUND = 8
ELEVATIONS = (20.0, 50.0)
"""Degrees above the horizon of the two rounds about an object; the upper one has half as many cameras."""
ROOM = 1.8
"""Metres that a room is at least wide, deep and high."""
EYES = 1.5
"""Metres above the floor, or half of the room's height if that is less."""
ENCLOSED = 0.7
"""Share of level rays from the middle of a room that meet the front of a wall, or of sectors with points."""
BAND = 0.25
"""Metres above and below a height that still count as that height, for points."""
CELLS = 10
"""Cells along each side of a footprint, half of which a floor covers at least."""
APART = 0.3
"""Metres, and half of the way, that a camera keeps from the wall behind it."""


def chosen(renderer: Renderer, up: Array) -> tuple[str, dict[str, Camera]]:
    """Choose cameras for a model in metres.

    Parameters
    ----------
    renderer : Renderer
        Of the model.
    up : (3,) float64, length 1

    Returns
    -------
    words : str
        What was chosen, as a sentence's part.
    cameras : dict
        By name; the same for the same model.
    """
    inside = _room(renderer, up)
    if inside is not None:
        return "from inside, at the height of eyes", inside
    return "on two rounds about it", _orbit(renderer.shape.vertices, up)


def _orbit(vertices: Array, up: Array) -> dict[str, Camera]:
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    middle = (low + high) / 2
    radius = max(float(np.linalg.norm(vertices - middle, axis=1).max()), 1e-6)
    intrinsics = _intrinsics(WIDE_OBJECT)
    half = np.arctan(SIZE.height / 2 / intrinsics[1, 1])
    far = 1.05 * radius / np.sin(half)
    right, forward = _level(up)
    cameras: dict[str, Camera] = {}
    for elevation, count in zip(ELEVATIONS, (AROUND, AROUND // 2), strict=True):
        for number in range(count):
            turn, rise = 2 * np.pi * number / count, np.radians(elevation)
            level = np.cos(turn) * right + np.sin(turn) * forward
            eye = middle + far * (np.cos(rise) * level + np.sin(rise) * up)
            pose = looking_at(eye, middle, up)
            cameras[f"orbit-{len(cameras) + 1:02d}"] = Camera(intrinsics, pose, SIZE)
    return cameras


def _room(renderer: Renderer, up: Array) -> dict[str, Camera] | None:
    """Return cameras in a room that look across it; None if the model is none that one could stand in."""
    right, forward = _level(up)
    across = renderer.shape.vertices @ np.stack([right, forward, up], axis=1)
    low, high = across.min(axis=0), across.max(axis=0)
    if (high - low).min() < ROOM:
        return None
    height = low[2] + min(EYES, (high[2] - low[2]) / 2)
    middle = (low[0] + high[0]) / 2 * right + (low[1] + high[1]) / 2 * forward + height * up
    turns = np.arange(AROUND * 4) * 2 * np.pi / (AROUND * 4)
    level = np.cos(turns)[:, None] * right + np.sin(turns)[:, None] * forward
    if isinstance(renderer.shape, Surface):
        far, front = renderer.first_hits(np.tile(middle, (len(level), 1)), level)
    else:
        far = _nearest(across - np.array([middle @ right, middle @ forward, height]), len(level))
        front = np.full(len(level), _floored(across - low, high - low))
    if (np.isfinite(far) & front).mean() < ENCLOSED:
        return None
    cameras: dict[str, Camera] = {}
    for number in range(0, len(level), 4):
        reach = min(far[number], float(np.median(far[np.isfinite(far)])) * 2)
        back = max(reach / 2, reach - APART)
        eye = middle + level[number] * back
        target = middle - level[number] * back - 0.5 * (height - low[2]) * up
        name = f"room-{len(cameras) + 1:02d}"
        cameras[name] = Camera(_intrinsics(WIDE_ROOM), looking_at(eye, target, up), SIZE)
    return cameras


def _nearest(points: Array, sectors: int) -> Array:
    """Return how far the nearest points are, in each of some sectors about the origin and at its height."""
    level = points[np.abs(points[:, 2]) < BAND]
    turn = np.arctan2(level[:, 1], level[:, 0]) / (2 * np.pi) * sectors
    far = np.full(sectors, np.inf)
    np.minimum.at(far, np.rint(turn).astype(np.int64) % sectors, np.hypot(level[:, 0], level[:, 1]))
    return far


def _floored(points: Array, extent: Array) -> bool:
    """Tell whether the lowest of some points, from the corner of their box on, make a floor all over it.

    Points have no front: that there is a floor within tells a room from the outside of a thing.
    """
    lowest = points[points[:, 2] < BAND, :2]
    cells = np.clip((lowest / extent[:2] * CELLS).astype(np.int64), 0, CELLS - 1)
    return bool(len(np.unique(cells, axis=0)) >= CELLS**2 / 2)


def _intrinsics(degrees: float) -> Array:
    focal = SIZE.width / 2 / np.tan(np.radians(degrees) / 2)
    return np.array([[focal, 0, SIZE.width / 2], [0, focal, SIZE.height / 2], [0, 0, 1]])


def _level(up: Array) -> tuple[Array, Array]:
    """Return two directions across ``up``, square to each other: the world's axes where those are."""
    axis = np.eye(3)[int(np.abs(up).argmin())]
    right = axis - (axis @ up) * up
    right /= np.linalg.norm(right)
    return right, np.cross(up, right)


def looking_at(eye: Array, target: Array, up: Array) -> Array:
    """Return the world-to-camera pose (4, 4) of a camera at ``eye`` that looks at ``target``, level."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = -pose[:3, :3] @ eye
    return pose
