"""Surfaces: what the points of a thing say about its extent, and about the gap to another thing.

Points scatter about the surfaces that they were seen on, and the nearest of many scattered points is too
near: those that decide are first moved onto the surface that their neighbours lie on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError, cKDTree

from ..memory.geometry import Array

NEIGHBOURS = 64
"""Points around one that tell the surface there."""
DECIDING = 300
"""Points of each thing that may be the nearest to another thing, or the outermost."""
MOST = 12_000
"""Points of a thing that are measured with: of more, neighbours are averaged."""
ROUNDS = 3
STRAYS = 8
"""Of noisy points, so many beyond the last one that is believed."""
SPARSE = 4000
"""Points that stand for a thing where its surface is told by their neighbourhoods."""
TOLD = 9.0
"""Reach of a neighbourhood over the noise of a point: far outliers must have the surface in theirs."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Points of a thing.

    Parameters
    ----------
    points : (N, 3) float64, world
    views : (N,) int16
        Which view each was seen by.
    step : float
        How far apart neighbours are, as single views show them.
    noise : float
        One standard deviation of a point off its surface.
    """

    points: Array
    views: NDArray[np.int16]
    step: float
    noise: float

    def without(self, view: int) -> Surface:
        """Return the points that other views show."""
        kept = self.views != view
        return Surface(self.points[kept], self.views[kept], self.step, self.noise)

    @property
    def reach(self) -> float:
        """How far around a point its neighbours tell its surface; 0 where points lie on it as they are."""
        return 0.0 if self.noise < 0.3 * self.step else max(4 * self.step, TOLD * self.noise)

    @cached_property
    def tree(self) -> cKDTree:
        """For looking up points."""
        return cKDTree(self.points)

    @cached_property
    def sparse(self) -> cKDTree:
        """For looking up a few points of every place."""
        return cKDTree(self.points[:: max(1, len(self.points) // SPARSE)])


@dataclass(frozen=True, eq=False)
class Gap:
    """The gap between two things: its width, and the points that it is between."""

    width: float
    ends: tuple[Array, Array]


def thinned(points: Array, views: NDArray[np.int16], step: float, noise: float) -> Surface:
    """Return a surface of at most about :data:`MOST` points: of those too many, each so-manieth of a view."""
    every = max(1, len(points) // MOST)
    kept = slice(every // 2, None, every)
    return Surface(points[kept], views[kept], step * every**0.5, noise)


def gap(one: Surface, other: Surface) -> Gap:
    """Return the gap between the nearest surfaces of two things."""
    near = [_nearest(a.points, b.tree) for a, b in ((one, other), (other, one))]
    moved = [
        settled(surface.points[some], surface.sparse, surface.reach)
        for surface, some in zip((one, other), near, strict=True)
    ]
    apart, index = cKDTree(moved[1]).query(moved[0])
    k = _last(-apart, max(one.reach, other.reach))
    return Gap(float(apart[k]), (moved[0][k], moved[1][int(index[k])]))


def gap_to(surface: Surface, point: Array) -> Gap:
    """Return the gap between a thing and a point."""
    _, some = surface.tree.query(point, min(DECIDING, len(surface.points)))
    moved = settled(surface.points[np.atleast_1d(some)], surface.sparse, surface.reach)
    apart = np.linalg.norm(moved - point, axis=1)
    k = _last(-apart, surface.reach)
    return Gap(float(apart[k]), (moved[k], np.asarray(point, dtype=np.float64)))


def reached(surface: Surface, directions: Array) -> Array:
    """Return how far a thing reaches along directions.

    Parameters
    ----------
    directions : (D, 3) of length 1

    Returns
    -------
    (D,) float64
        The largest of ``direction @ point``.
    """
    along = surface.points @ directions.T
    count = min(DECIDING, len(surface.points))
    far = np.empty(len(directions))
    for k in range(len(directions)):
        some = np.argpartition(-along[:, k], count - 1)[:count]
        moved = settled(surface.points[some], surface.sparse, surface.reach) @ directions[k]
        far[k] = moved[_last(moved, surface.reach)]
    return far


def bounds(surface: Surface, axes: Array) -> Array:
    """Return the least and the largest place of a thing along axes: (2, 3) for axes (3, 3), in rows."""
    far = reached(surface, np.concatenate([axes, -axes]))
    return np.stack([-far[len(axes) :], far[: len(axes)]])


def settled(points: Array, tree: cKDTree, reach: float) -> Array:
    """Move points onto the planes that fit their neighbours, a few times.

    Moving least squares of degree one (Alexa et al. 2003). Points without enough neighbours stay.
    """
    if reach <= 0 or len(tree.data) < NEIGHBOURS:
        return points
    around = np.asarray(tree.data)
    for _ in range(ROUNDS):
        apart, index = tree.query(points, NEIGHBOURS, distance_upper_bound=reach)
        known = np.isfinite(apart)
        weight = np.where(known, (1 - (np.where(known, apart, 0) / reach) ** 2) ** 2, 0)
        some = around[np.where(known, index, 0)]
        total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        centre = (weight[..., None] * some).sum(axis=1) / total
        away = (some - centre[:, None]) * np.sqrt(weight)[..., None]
        normal = np.linalg.eigh(np.einsum("nki,nkj->nij", away, away))[1][:, :, 0]
        off = np.einsum("ni,ni->n", points - centre, normal)
        points = np.where((known.sum(axis=1) >= 8)[:, None], points - off[:, None] * normal, points)
    return points


def footprint(surface: Surface, up: Array) -> tuple[Array, Array]:
    """Return the smallest upright box that holds a thing: its two sides along the ground, the longer first.

    Returns
    -------
    sides : (2,) float64
    axes : (2, 3) float64
        Along the sides, in the world.
    """
    across = np.cross(up, np.eye(3)[int(np.argmin(np.abs(up)))])
    across /= np.linalg.norm(across)
    plane = np.stack([across, np.cross(up, across)])
    angles = np.radians(np.arange(0, 90, 3.0))
    turns = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    flat = surface.points @ plane.T
    with suppress(QhullError, ValueError):  # so few points, or all on a line: they are their own hull
        flat = flat[ConvexHull(flat).vertices]
    widths = np.stack([np.ptp(flat @ turns.T, axis=0), np.ptp(flat @ (turns @ [[0, 1], [-1, 0]]).T, axis=0)])
    turn = turns[int(np.argmin(widths.prod(axis=0)))]
    axes = np.stack([turn, (-turn[1], turn[0])]) @ plane
    far = reached(surface, np.concatenate([axes, -axes]))
    sides = far[:2] + far[2:]
    order = np.argsort(-sides, kind="stable")
    return sides[order], axes[order]


def _last(along: Array, reach: float) -> int:
    """Return which place is the farthest; of noisy ones, the farthest but for strays."""
    strays = min(STRAYS, len(along) - 1) if reach > 0 else 0
    return int(np.argsort(-along, kind="stable")[strays])


def _nearest(points: Array, tree: cKDTree) -> NDArray[np.int64]:
    apart = tree.query(points)[0]
    count = min(DECIDING, len(points))
    return np.asarray(np.argpartition(apart, count - 1)[:count], dtype=np.int64)
