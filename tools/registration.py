"""Registration: views moved a little, so that their depths agree where they see the same surfaces.

Poses of phones and robots are off by a degree or some centimetres, which smears every surface of the fused
cloud; relative to each other the views can be put right by what they see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..memory.depths import surface
from ..memory.geometry import Array, Camera, rigid
from ..memory.scene import Scene

SAMPLES = 1500
"""Points of each view that are compared with each other view."""
ROUNDS = 12
GATE = 0.06
"""How far apart two points of one surface may be before, relative to how far the views see."""
LAST_GATE = 0.01
"""The same in the last rounds."""
ALIKE = 40.0
"""Grey levels that one surface's colours differ by in two views, at most."""
FACING = 0.6
"""Cosine between the normals of one surface, at least."""
FIRM = 1e-3
"""How firmly a pose stays where nothing moves it: a share of what one well-placed view gives."""
BETTER = 0.7
"""The disagreement must fall to this share for the poses to be moved."""
FARTHEST = np.radians(6.0)
"""A correction beyond this turn is none: the views are not of one place, or their units differ."""
OVERLAP = 60
"""Pairs of points that two views must share to be compared."""


@dataclass(frozen=True, eq=False)
class Registered:
    """A scene whose views agree as well as they can.

    Parameters
    ----------
    scene : Scene
        The same one, where nothing was to be put right.
    residual : float
        Median distance between surfaces seen twice, in the scene's unit; 0 where none is seen twice.
    turned : float, radians
        The largest correction of a view's direction.
    shifted : float
        The largest correction of a camera's place, in the scene's unit.
    """

    scene: Scene
    residual: float = 0.0
    turned: float = 0.0
    shifted: float = 0.0


@dataclass(frozen=True, eq=False)
class _View:
    """A view at hand: its depth map's points and normals in the camera's axes, and some of them."""

    camera: Camera
    depth: NDArray[np.float32]
    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    colors: NDArray[np.uint8]
    some: NDArray[np.int64]


def register(scene: Scene, names: Sequence[str]) -> Registered:
    """Put the poses of views right, against each other.

    Point-to-plane least squares over all pairs of views at once (Chen and Medioni 1992; projective
    association as in KinectFusion, Newcombe et al. 2011), with robust weights.

    Parameters
    ----------
    scene : Scene
    names : sequence of str
        Views that are compared; the others keep their poses. Those without depth are passed over.

    Returns
    -------
    Registered
        Poses move only where that makes the depths agree clearly better, and never far.
    """
    with_depth = [name for name in names if scene.view(name).depth is not None]
    views = [_opened(scene, name) for name in with_depth]
    if len(views) < 2:
        return Registered(scene)
    far = float(np.median([np.median(v.depth[v.depth > 0]) for v in views if (v.depth > 0).any()] or [0]))
    if far <= 0:
        return Registered(scene)
    middle = np.mean([v.camera.to_world(v.points.reshape(-1, 3)[v.some]).mean(axis=0) for v in views], axis=0)
    moves = [np.eye(4) for _ in views]
    before = _disagreement(views, moves, far * GATE)
    for turn in range(ROUNDS):
        gate = far * GATE * (LAST_GATE / GATE) ** (turn / (ROUNDS - 1))
        steps = _step(views, moves, middle, gate)
        if steps is None:
            break
        moves = [step @ move for step, move in zip(steps, moves, strict=True)]
        if max(float(np.abs(step - np.eye(4)).max()) for step in steps) < 1e-6 * max(far, 1):
            break
    after = _disagreement(views, moves, far * GATE)
    cameras = [
        v.camera.posed(v.camera.world_to_camera @ np.linalg.inv(m)) for v, m in zip(views, moves, strict=True)
    ]
    turned = max(float(np.arccos(np.clip((np.trace(m[:3, :3]) - 1) / 2, -1, 1))) for m in moves)
    shifted = max(
        float(np.linalg.norm(c.centre - v.camera.centre)) for c, v in zip(cameras, views, strict=True)
    )
    if after > BETTER * before or turned > FARTHEST or shifted > 4 * GATE * far:
        return Registered(scene, before)
    moved = dict(zip(with_depth, cameras, strict=True))
    every = tuple(replace(view, camera=moved.get(view.name, view.camera)) for view in scene.views)
    return Registered(replace(scene, views=every), after, turned, shifted)


def _opened(scene: Scene, name: str) -> _View:
    camera, depth = scene.view(name).camera, scene.depth(name)
    assert depth is not None
    local = camera.posed(np.eye(4))
    seen = surface(local, depth)
    known = np.flatnonzero(seen.depth.ravel() > 0)
    # Floors fill most of a picture and say nothing about three of six directions: rarer normals count more.
    rng = np.random.default_rng(0)
    turned = np.round(seen.normals.reshape(-1, 3)[known] * 2).astype(np.int64) @ (25, 5, 1)
    _, kind, counts = np.unique(turned, return_inverse=True, return_counts=True)
    odds = 1 / np.sqrt(counts[kind.ravel()])
    count = min(SAMPLES, len(known))
    some = rng.choice(known, count, replace=False, p=odds / odds.sum()) if count else known
    return _View(camera, seen.depth, seen.points, seen.normals, scene.still(name).pixels, np.sort(some))


def _pairs(one: _View, other: _View, move: Array, onto: Array, gate: float) -> tuple[Array, Array, Array]:
    """Return points of one view, the other view's points there, and these points' normals; all in the world."""
    place = one.camera.to_world(one.points.reshape(-1, 3)[one.some]) @ move[:3, :3].T + move[:3, 3]
    facing = one.normals.reshape(-1, 3)[one.some] @ (move[:3, :3] @ one.camera.camera_to_world[:3, :3]).T
    back = np.linalg.inv(onto)
    pixels, depth = other.camera.project(place @ back[:3, :3].T + back[:3, 3])
    width, height = other.camera.size
    with np.errstate(invalid="ignore"):
        inside = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels < (width, height)).all(axis=1)
    at = np.flatnonzero(inside)
    column, row = pixels[at].astype(np.int64).T
    known = other.depth[row, column] > 0
    at, row, column = at[known], row[known], column[known]
    turn = onto[:3, :3] @ other.camera.camera_to_world[:3, :3]
    there = other.camera.to_world(other.points[row, column]) @ onto[:3, :3].T + onto[:3, 3]
    normals = other.normals[row, column] @ turn.T
    colors = one.colors.reshape(-1, 3)[one.some[at]].astype(float) - other.colors[row, column]
    fits = (np.linalg.norm(place[at] - there, axis=1) < gate) & (np.abs(colors).max(axis=1) < ALIKE)
    fits &= np.einsum("ij,ij->i", facing[at], normals) > FACING
    return place[at][fits], there[fits], normals[fits]


def _all_pairs(
    views: Sequence[_View], moves: Sequence[Array], gate: float
) -> list[tuple[int, int, Array, Array, Array]]:
    found = []
    for i, one in enumerate(views):
        for j, other in enumerate(views):
            if i != j:
                place, there, normals = _pairs(one, other, moves[i], moves[j], gate)
                if len(place) >= OVERLAP:
                    found.append((i, j, place, there, normals))
    return found


def _disagreement(views: Sequence[_View], moves: Sequence[Array], gate: float) -> float:
    every = [
        np.abs(np.einsum("ij,ij->i", normals, place - there))
        for _, _, place, there, normals in _all_pairs(views, moves, gate)
    ]
    return float(np.median(np.concatenate(every))) if every else 0.0


def _step(views: Sequence[_View], moves: Sequence[Array], middle: Array, gate: float) -> list[Array] | None:
    """One Gauss-Newton step: a small turn about ``middle`` and a shift for each view."""
    size = 6 * len(views)
    matrix, target = np.zeros((size, size)), np.zeros(size)
    found = _all_pairs(views, moves, gate)
    if not found:
        return None
    for i, j, place, there, normals in found:
        off = np.einsum("ij,ij->i", normals, place - there)
        scale = max(1.5 * float(np.median(np.abs(off))), 1e-9)
        weight = 1 / (1 + (off / scale) ** 2)
        lever = np.concatenate([np.cross(place - middle, normals), normals], axis=1)
        normal, side = lever.T @ (lever * weight[:, None]), lever.T @ (weight * off)
        one, other = slice(6 * i, 6 * i + 6), slice(6 * j, 6 * j + 6)
        matrix[one, one] += normal
        matrix[other, other] += normal
        matrix[one, other] -= normal
        matrix[other, one] -= normal
        target[one] -= side
        target[other] += side
    firm = FIRM * float(np.trace(matrix)) / size
    solved = np.linalg.solve(matrix + firm * np.eye(size), target).reshape(-1, 6)
    steps = []
    for turn, shift in zip(solved[:, :3], solved[:, 3:], strict=True):
        step = rigid(turn, shift)
        step[:3, 3] += middle - step[:3, :3] @ middle
        steps.append(step)
    return steps
