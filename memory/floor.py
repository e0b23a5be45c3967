"""The floor and other large planes of a cloud: walls, the tops of tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .fusion import Cloud
from .geometry import Array
from .scene import Scene
from .visible import sample

TRIED = 20_000
"""Points among which planes are looked for."""
GUESSES = 400
"""Planes that are tried in each round, half from a point and its normal, half from three points."""
SMALLEST = 0.03
"""Share of the points that a plane holds at least."""
MOST = 8
"""Planes that are looked for: a room's six, and two tables."""
THICK = 1.5
"""Voxels that a point may be off its plane."""
FACING = np.cos(np.radians(30))
"""How far a normal may turn from its plane's."""
LEVEL = np.cos(np.radians(25))
"""How far the floor's normal may turn from where the cameras say that up is, if they are held level."""
TILTED = np.cos(np.radians(60))
"""The same where all cameras look one way, so that only their own up is known."""

LAYERS = 0.15
"""Level planes closer than this share of the cameras' height are one floor, seen with poses that are off."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane: all points with ``normal @ point == height``.

    Parameters
    ----------
    normal : (3,)
        Of length 1, to the side from which it was seen.
    height : float
        Along the normal.
    sigma : float
        Standard deviation of its points from it.
    inliers : (N,) bool
        Which of the cloud's points it holds.
    area : float
        That of the voxels it holds, in the scene's unit squared: what was seen of it.
    """

    normal: Array
    height: float
    sigma: float
    inliers: NDArray[np.bool_]
    area: float


@dataclass(frozen=True, eq=False)
class Ground:
    """The floor: ``up @ point == height`` for its points; ``sigma`` is how far they are off it."""

    up: Array
    height: float
    sigma: float


def planes(cloud: Cloud, most: int = MOST) -> list[Plane]:
    """Return the large planes of a cloud, those of most points first.

    RANSAC (Fischler and Bolles 1981), a plane at a time, refined by least squares; seeded.

    Parameters
    ----------
    cloud : Cloud
    most : int
        How many are looked for.
    """
    rng = np.random.default_rng(0)
    points = cloud.points.astype(np.float64)
    normals = cloud.normals.astype(np.float64)
    thick = THICK * cloud.voxel
    free = np.ones(len(points), dtype=bool)
    found: list[Plane] = []
    for _ in range(most):
        at = np.flatnonzero(free)
        if len(at) < max(50, SMALLEST * len(points)):
            break
        some = at[sample(len(at), TRIED)]
        guess = _best(points[some], normals[some], thick, rng)
        if guess is None:
            break
        plane = _refined(points, normals, free, guess, cloud.voxel)
        if plane is None or plane.inliers.sum() < SMALLEST * len(points):
            break
        free &= ~plane.inliers
        found.append(plane)
    return sorted(found, key=lambda plane: -int(plane.inliers.sum()))


def ground(cloud: Cloud, scene: Scene, found: list[Plane] | None = None) -> Ground | None:
    """Return the floor that things stand on: the lowest large level plane under the cameras.

    Parameters
    ----------
    cloud : Cloud
    scene : Scene
        Its ``up``, or else its cameras, tell what is level.
    found : list of Plane, optional
        Those of :func:`planes`, if they are at hand.

    Returns
    -------
    Ground or None
        None if there is no such plane; :func:`upward` still tells which way is up.
    """
    up, sure = upward(scene)
    level = [
        plane
        for plane in (planes(cloud) if found is None else found)
        if plane.normal @ up > (LEVEL if sure else TILTED) and _under(plane, scene)
    ]
    if not level:
        return None
    largest = max(level, key=lambda plane: int(plane.inliers.sum()))
    if not sure:  # the largest tells which way is up; others must agree
        level = [plane for plane in level if plane.normal @ largest.normal > LEVEL]
    above = float(np.median([view.camera.centre @ largest.normal for view in scene.views])) - largest.height
    heights = [_height_at(plane, cloud, largest) for plane in level]
    lowest = min(heights)
    if lowest > largest.height - LAYERS * above:
        lowest = largest.height
    floor = [plane for plane, at in zip(level, heights, strict=True) if abs(at - lowest) < LAYERS * above]
    return _pooled(cloud, floor)


def _height_at(plane: Plane, cloud: Cloud, like: Plane) -> float:
    """Return how high a plane's points are along another's normal."""
    return float(np.median(cloud.points[plane.inliers] @ like.normal))


def _pooled(cloud: Cloud, layers: list[Plane]) -> Ground:
    """Make one floor of layers that views see some centimetres apart, as their poses are off."""
    points = cloud.points[np.any([plane.inliers for plane in layers], axis=0)].astype(np.float64)
    centre = points.mean(axis=0)
    away = points - centre
    normal = np.linalg.eigh(away.T @ away)[1][:, 0]
    normal *= np.sign(normal @ layers[0].normal)
    return Ground(normal, float(normal @ centre), float((away @ normal).std()))


def upward(scene: Scene) -> tuple[Array, bool]:
    """Return the direction away from the ground, and whether it is sure.

    What the format states; or else the direction to which the pictures' rows are level in all views, as
    people and robots hold cameras. Where all look one way, rows tell nothing: the pictures' own mean up.
    """
    if scene.up is not None:
        return scene.up / np.linalg.norm(scene.up), True
    poses = np.stack([view.camera.world_to_camera[:3, :3] for view in scene.views])
    mean = -poses[:, 1].sum(axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-9)
    spread, axes = np.linalg.eigh(poses[:, 0].T @ poses[:, 0] / len(poses))
    level = axes[:, 0] * np.sign(axes[:, 0] @ mean)
    sure = bool(spread[0] < 0.01 and spread[1] > 0.03 and level @ mean > 0.3)
    return (level, True) if sure else (mean, False)


def _under(plane: Plane, scene: Scene) -> bool:
    """Whether most cameras are above a plane."""
    centres = np.stack([view.camera.centre for view in scene.views])
    return bool((centres @ plane.normal > plane.height).mean() > 0.5)


def _best(
    points: Array, normals: Array, thick: float, rng: np.random.Generator
) -> tuple[Array, float] | None:
    """Return the plane that holds most points, of some guessed."""
    three = points[rng.integers(len(points), size=(GUESSES // 2, 3))]
    across = np.cross(three[:, 1] - three[:, 0], three[:, 2] - three[:, 0])
    one = rng.integers(len(points), size=GUESSES // 2)
    guesses = np.concatenate([across, normals[one]])
    through = np.concatenate([three[:, 0], points[one]])
    length = np.linalg.norm(guesses, axis=1)
    some = length > 1e-12
    if not some.any():
        return None
    guesses, through = guesses[some] / length[some, None], through[some]
    heights = np.einsum("ij,ij->i", guesses, through)
    flat = normals.any()
    votes = np.zeros(len(guesses), dtype=np.int64)
    for start in range(0, len(guesses), 50):  # a bound on the memory
        part = slice(start, start + 50)
        near = np.abs(points @ guesses[part].T - heights[part]) < thick
        if flat:
            near &= np.abs(normals @ guesses[part].T) > FACING
        votes[part] = near.sum(axis=0)
    best = int(np.argmax(votes))
    return guesses[best], float(heights[best])


def _refined(
    points: Array, normals: Array, free: NDArray[np.bool_], guess: tuple[Array, float], voxel: float
) -> Plane | None:
    """Fit the points of a plane three times; it holds all points that then lie on it and face its way."""
    normal, height = guess
    thick = THICK * voxel
    flat = bool(normals.any())
    for reach in (2 * thick, thick, thick):
        off = points @ normal - height
        near = free & (np.abs(off) < reach)
        if flat:
            near &= np.abs(normals @ normal) > FACING
        if near.sum() < 3:
            return None
        centre = points[near].mean(axis=0)
        away = points[near] - centre
        normal = np.linalg.eigh(away.T @ away)[1][:, 0]
        height = float(normal @ centre)
    if flat and normals[near].sum(axis=0) @ normal < 0:
        normal, height = -normal, -height
    off = points @ normal - height
    inliers = free & (np.abs(off) < thick)
    if flat:
        inliers &= normals @ normal > FACING
    if inliers.sum() < 3:
        return None
    return Plane(normal, height, float(off[inliers].std()), inliers, float(inliers.sum()) * voxel**2)
