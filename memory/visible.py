"""Visibility: which points a view shows, and which of them nothing hides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .geometry import Camera
from .scene import Depth, Scene

if TYPE_CHECKING:
    from .fusion import Cloud

COARSE = 20_000
"""Points that are looked at to tell how much views see."""
TOLERANCE = 0.02
"""How far behind the depth seen a point may be and still be seen, relative to it."""
CELLS = 1.5
"""Cells of the points' own depth map are this much wider than points are apart, so that surfaces close."""


def visible(
    camera: Camera, points: ArrayLike, depth: Depth | None = None, tolerance: float = TOLERANCE
) -> NDArray[np.bool_]:
    """Return which points a camera sees: in front, inside of the picture, not hidden.

    Parameters
    ----------
    camera : Camera
    points : (N, 3), world
    depth : (H, W) float32 of the camera's size, or None
        What hides points; where it is 0, nothing is known to hide any. None: the points hide each other, as
        far as they lie close enough to be a surface.
    tolerance : float
        Relative to the depth; on a slanted surface, what four pixels around a point see counts as well.

    Returns
    -------
    (N,) bool
    """
    pixels, far = camera.project(points)
    inside = within(camera, pixels, far)
    at = np.flatnonzero(inside)
    if not len(at):
        return inside
    if depth is None:
        inside[at] = ~_behind(pixels[at], far[at], tolerance)
    else:
        inside[at] = far[at] <= _farthest(depth, pixels[at]) * (1 + tolerance)
    return inside


def within(camera: Camera, pixels: NDArray[np.float64], far: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points, as ``Camera.project`` gives them, are in front and inside of the picture."""
    with np.errstate(invalid="ignore"):
        x, y = pixels[:, 0], pixels[:, 1]
        inside = (far > 0) & (x >= 0) & (y >= 0) & (x < camera.size.width) & (y < camera.size.height)
    return np.asarray(inside)


def sample(count: int, limit: int = COARSE) -> NDArray[np.int64]:
    """Return which of so many points are looked at where a share of them is enough: evenly spread, sorted."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).round().astype(np.int64))


def coverage(scene: Scene, names: Sequence[str], cloud: Cloud) -> NDArray[np.bool_]:
    """Return what each view sees of a cloud.

    Returns
    -------
    (views, n) bool
        Of the points ``cloud.points[sample(len(cloud))]``.
    """
    points = cloud.points[sample(len(cloud))]
    tolerance = max(TOLERANCE, 3 * cloud.noise)
    rows = []
    for name in names:
        view = scene.view(name)
        depth = view.depth() if view.depth is not None else None
        rows.append(visible(view.camera, points, depth, tolerance))
    return np.stack(rows) if rows else np.zeros((0, len(points)), dtype=bool)


def _farthest(depth: Depth, pixels: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the farthest of the four pixels around each place; infinite where none is known."""
    height, width = depth.shape
    corner = np.floor(pixels - 0.5).astype(np.int64)
    columns = np.clip(corner[:, :1] + (0, 1, 0, 1), 0, width - 1)
    rows = np.clip(corner[:, 1:] + (0, 0, 1, 1), 0, height - 1)
    around = depth[rows, columns].max(axis=1)
    return np.where(around > 0, around, np.float32(np.inf))


def _behind(pixels: NDArray[np.float64], far: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Which of the points are behind others, in a depth map of cells that hold some points each."""
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    side = CELLS * max(float(np.sqrt(np.prod(np.maximum(high - low, 1)) / len(pixels))), 1.0)
    cell = np.floor((pixels - low) / side).astype(np.int64)
    keys = cell[:, 1] * (int(cell[:, 0].max()) + 1) + cell[:, 0]
    nearest = np.full(int(keys.max()) + 1, np.inf)
    np.minimum.at(nearest, keys, far)
    return np.asarray(far > nearest[keys] * (1 + tolerance))
