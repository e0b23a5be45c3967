"""Epipolar geometry: whether poses fit pictures that have no depth, by points matched between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import Array, Camera

FEATURES = 1500
"""SIFT points of a picture."""
RATIO = 0.75
"""How much nearer the best match must be than the second (Lowe 2004)."""
FEWEST = 30
"""Matches that agree on some epipolar geometry, below which a pair says nothing."""
STRAY = 2.0
"""Pixels that a match may be off the geometry that the matches agree on, whatever the poses say."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Points of two views that show the same: ``first[k]`` of view ``i`` and ``second[k]`` of view ``j``."""

    i: int
    j: int
    first: Array
    second: Array


def matched(pictures: Sequence[NDArray[np.uint8]], pairs: Sequence[tuple[int, int]]) -> list[Matches]:
    """Match points between pictures.

    Parameters
    ----------
    pictures : sequence of (H, W, 3) uint8
    pairs : sequence of (i, j)

    Returns
    -------
    list of Matches
        Of the pairs with enough of them.
    """
    import cv2

    sift = cv2.SIFT.create(FEATURES)
    found = [sift.detectAndCompute(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), None) for picture in pictures]
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    matches = []
    for i, j in pairs:
        (points, one), (others, other) = found[i], found[j]
        if len(points) < FEWEST or len(others) < FEWEST:
            continue
        near = [pair for pair in matcher.knnMatch(one, other, k=2) if len(pair) == 2]
        good = [a for a, b in near if a.distance < RATIO * b.distance]
        if len(good) < FEWEST:
            continue
        first = np.array([points[a.queryIdx].pt for a in good]) + 0.5
        second = np.array([others[a.trainIdx].pt for a in good]) + 0.5
        _, agrees = cv2.findFundamentalMat(first, second, cv2.FM_RANSAC, STRAY, 0.999)
        kept = np.asarray(agrees).ravel() == 1  # none where no geometry was found
        if len(kept) == len(good) and kept.sum() >= FEWEST:
            matches.append(Matches(i, j, first[kept], second[kept]))
    return matches


def misses(matches: Sequence[Matches], cameras: Sequence[Camera]) -> Array:
    """Return how far matched points are from where the other view says that they lie, in pixels.

    How far two rays are from lying in one plane with both centres, as the angle by which each would have to
    turn (Sampson's approximation, on rays), times the focal length; the angle between them where the centres
    are one.
    """
    every = []
    for pair in matches:
        one, other = cameras[pair.i], cameras[pair.j]
        first, second = (
            _unit(camera.rays(points) @ camera.camera_to_world[:3, :3].T)
            for camera, points in ((one, pair.first), (other, pair.second))
        )
        apart = other.centre - one.centre
        if np.linalg.norm(apart) < 1e-9:
            angle = np.linalg.norm(first - second, axis=1)
        else:
            along = apart / np.linalg.norm(apart)
            normal, counter = np.cross(along, first), np.cross(along, second)
            steep = np.sqrt((normal**2).sum(axis=1) + (counter**2).sum(axis=1))
            angle = np.abs(np.einsum("ij,ij->i", normal, second)) / np.maximum(steep, 1e-9)
        every.append(angle * float(other.intrinsics[0, 0]))
    return np.concatenate(every) if every else np.zeros(0)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
