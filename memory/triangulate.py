"""Triangulation: the point that rays of several views meet in, and how well they tell it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .geometry import Array

PARALLAX = 1.0
"""Degrees between two rays below which how far away they meet is a guess."""
ROUNDS = 10
"""Times that rays are weighed by how far away the point is: it moves by less than its error after three."""
OUTLIER = 3.0
"""Standard deviations beyond which a ray does not belong to the others."""
PAIRS = 4000
"""Pairs of rays that are tried as what the others agree with."""


@dataclass(frozen=True, eq=False)
class Intersection:
    """Where rays meet.

    Parameters
    ----------
    point : (3,)
    covariance : (3, 3)
        Of the point, if the rays' errors are as large as was stated, and independent.
    residuals : (n,) radians
        Between each ray and the direction in which the point is from its origin; those of left out rays too.
    parallax : float, degrees
        The largest angle between two of the rays used.
    used : (n,) bool
        The rays that the point rests on.
    """

    point: Array
    covariance: Array
    residuals: Array
    parallax: float
    used: NDArray[np.bool_]


def intersect(
    origins: ArrayLike,
    directions: ArrayLike,
    sigmas: ArrayLike,
    *,
    origin_sigma: float = 0.0,
    robust: bool = False,
) -> Intersection | None:
    """Intersect rays: the most likely point, for errors of directions that are normal.

    Weighted least squares of the distances from the rays, weighed by how far the point is along each
    (Hartley and Zisserman, 12.2, in its iterated form).

    Parameters
    ----------
    origins, directions : (n, 3), world
        Directions of any length.
    sigmas : (n,) or scalar, radians
        Standard deviation of each direction, across it, along each of two axes.
    origin_sigma : float, in the world's unit
        Standard deviation of the origins along each axis.
    robust : bool
        Whether rays that miss what most others agree on are left out.

    Returns
    -------
    Intersection or None
        None if fewer than two rays are left, their parallax is under ``PARALLAX`` degrees or three times
        their error, or they would meet behind an origin.
    """
    start = np.asarray(origins, dtype=np.float64).reshape(-1, 3)
    ray = np.asarray(directions, dtype=np.float64).reshape(-1, 3)
    length = np.linalg.norm(ray, axis=1, keepdims=True)
    sigma = np.broadcast_to(np.asarray(sigmas, dtype=np.float64), len(ray))
    good = np.isfinite(start).all(axis=1) & np.isfinite(length[:, 0]) & (length[:, 0] > 0) & (sigma > 0)
    ray = np.where(good[:, None], ray / np.where(good[:, None], length, 1), 0.0)
    used = _agreeing(start, ray, sigma, origin_sigma, good) if robust else good
    if used.sum() < 2:
        return None
    parallax = _parallax(ray[used])
    if parallax < max(PARALLAX, np.degrees(3 * float(np.median(sigma[used])))):
        return None
    point, information = _solved(start[used], ray[used], sigma[used], origin_sigma)
    away = point - start
    if (np.einsum("ij,ij->i", away[used], ray[used]) <= 0).any():
        return None
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return Intersection(point, covariance, _angles(away, ray), parallax, used)


def _solved(start: Array, ray: Array, sigma: Array, origin_sigma: float) -> tuple[Array, Array]:
    across = np.eye(3) - ray[:, :, None] * ray[:, None, :]
    far = np.ones(len(ray))
    for _ in range(ROUNDS):
        weight = 1 / ((sigma * far) ** 2 + origin_sigma**2)
        information = np.einsum("n,nij->ij", weight, across)
        point = np.linalg.solve(information, np.einsum("n,nij,nj->i", weight, across, start))
        far = np.maximum(np.linalg.norm(point - start, axis=1), 1e-9)
    return point, information


def _agreeing(
    start: Array, ray: Array, sigma: Array, origin_sigma: float, good: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the most rays that pass by the nearest point of two of them; the closest, of equal sets."""
    first, second = np.triu_indices(len(ray), 1)
    at = np.flatnonzero(good[first] & good[second])
    if len(at) > PAIRS:
        at = np.random.default_rng(0).choice(at, PAIRS, replace=False)
    first, second = first[at], second[at]
    between = start[second] - start[first]
    cosine = np.einsum("ij,ij->i", ray[first], ray[second])
    sine = 1 - cosine**2
    wide = sine > np.sin(np.radians(PARALLAX)) ** 2
    if not wide.any():
        return np.zeros(len(ray), dtype=bool)
    first, second, between = first[wide], second[wide], between[wide]
    cosine, sine = cosine[wide], sine[wide]
    along, back = (np.einsum("ij,ij->i", ray[k], between) for k in (first, second))
    one = start[first] + ((along - cosine * back) / sine)[:, None] * ray[first]
    other = start[second] + ((cosine * along - back) / sine)[:, None] * ray[second]
    points = (one + other) / 2
    away = points[:, None] - start[None]
    far = np.linalg.norm(away, axis=2)
    allowed = np.hypot(sigma, origin_sigma / np.maximum(far, 1e-9))
    miss = _angles(away, ray) / allowed
    inside = (miss < OUTLIER) & good
    score = inside.sum(axis=1) - np.where(inside, miss / OUTLIER, 0).sum(axis=1) / len(ray) / 2
    return np.asarray(inside[int(np.argmax(score))])


def _angles(away: Array, ray: Array) -> Array:
    """Angles between vectors, exact for small ones too."""
    along = (away * ray).sum(axis=-1)
    across = np.linalg.norm(away - along[..., None] * ray, axis=-1)
    return np.asarray(np.arctan2(across, along))


def _parallax(ray: Array) -> float:
    cosine = np.clip(ray @ ray.T, -1, 1)
    i, j = np.unravel_index(int(np.argmin(cosine)), cosine.shape)
    return float(np.degrees(_angles(ray[i], ray[j])))
