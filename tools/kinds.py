"""Kinds: what kind of change a region is, told by the silhouettes of both sides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .align import Aligned
from .differences import Kind
from .regions import LEAST_CHANGE, Changed

AROUND = 0.35
"""Share of a region's longer side that is looked at around it, to tell it from its surroundings."""
STANDS = 0.08
"""Share of a region that a silhouette must fill to be a thing."""
SAME_SHAPE = 0.72
"""Overlap (IoU) of two silhouettes from which they are one thing in two colours."""
ALIKE = 40.0
"""Grey levels, over three channels, between the colours of one thing in two places."""
Corners = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels of the aligned pictures."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A changed region and what it is: boxes in pixels of the aligned pictures."""

    kind: Kind
    before: Corners | None
    after: Corners | None
    deviations: float
    color: NDArray[np.float32]
    grown: bool = False


def judged(aligned: Aligned, region: Changed) -> Judged:
    """Tell by silhouettes, against what lies around, which side shows a thing and how it differs."""
    x0, y0, x1, y1, mask = _padded(aligned, region)
    sides = [image[y0:y1, x0:x1] for image in (aligned.before, aligned.after)]
    filled = _filled(mask)
    shapes = [silhouette(side, mask, filled) for side in sides]
    there = [bool(shape.sum() > STANDS * filled.sum()) for shape in shapes]
    box = (region.x0, region.y0, region.x1, region.y1)
    colors = [np.median(side[mask], axis=0) for side in sides]
    if there == [False, True]:
        return Judged("added", None, box, region.deviations, colors[1])
    if there == [True, False]:
        return Judged("removed", box, None, region.deviations, colors[0])
    boxes = [_bounds(shape, x0, y0) or box for shape in shapes]
    overlap = (shapes[0] & shapes[1]).sum() / max(1, (shapes[0] | shapes[1]).sum())
    grown = bool(shapes[1].sum() > shapes[0].sum())
    kind: Kind = "changed"
    if all(there):
        kind = "recoloured"
    if any(shape.any() for shape in shapes) and overlap < SAME_SHAPE:
        kind = "resized" if _concentric(*boxes) else "moved"
    return Judged(kind, boxes[0], boxes[1], region.deviations, colors[0], grown)


def _padded(aligned: Aligned, region: Changed) -> tuple[int, int, int, int, NDArray[np.bool_]]:
    """Return the region's box with what lies around it, and its mask in there."""
    height, width = aligned.valid.shape
    pad = max(4, round(AROUND * max(region.x1 - region.x0, region.y1 - region.y0)))
    x0, y0 = max(0, region.x0 - pad), max(0, region.y0 - pad)
    x1, y1 = min(width, region.x1 + pad), min(height, region.y1 + pad)
    mask = np.zeros((y1 - y0, x1 - x0), bool)
    mask[region.y0 - y0 : region.y1 - y0, region.x0 - x0 : region.x1 - x0] = region.mask
    return x0, y0, x1, y1, mask


def silhouette(
    side: NDArray[np.float32], mask: NDArray[np.bool_], filled: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return what stands out from around ``mask`` and lies mostly within ``filled``, its hull."""
    around = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    ring = side[around] if around.any() else side.reshape(-1, 3)
    ground = np.median(ring, axis=0)
    spread = float(np.median(np.abs(ring - ground).max(1)))
    stands_out = (np.abs(side - ground).max(2) > max(1.5 * LEAST_CHANGE, 4 * spread)).astype(np.uint8)
    _, labels = cv2.connectedComponents(stands_out, connectivity=8)
    sizes = np.bincount(labels.ravel())
    inside = np.bincount(labels[filled], minlength=len(sizes))
    own = [label for label in range(1, len(sizes)) if inside[label] > sizes[label] / 2]
    return np.asarray(np.isin(labels, own))


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the convex hull of the changed pixels: of a thing that shrank only the rim has changed."""
    points = np.argwhere(mask)[:, ::-1].astype(np.int32)
    hull = np.zeros(mask.shape, np.uint8)
    return np.asarray(cv2.fillConvexPoly(hull, cv2.convexHull(points), 1) > 0)


def _bounds(shape: NDArray[np.bool_], x0: int, y0: int) -> Corners | None:
    ys, xs = np.nonzero(shape)
    if not len(xs):
        return None
    return int(xs.min()) + x0, int(ys.min()) + y0, int(xs.max()) + 1 + x0, int(ys.max()) + 1 + y0


def _concentric(one: Sequence[int], two: Sequence[int]) -> bool:
    apart = math.hypot((one[0] + one[2] - two[0] - two[2]) / 2, (one[1] + one[3] - two[1] - two[3]) / 2)
    return apart < 0.25 * max(one[2] - one[0], one[3] - one[1], two[2] - two[0], two[3] - two[1])


def joined(regions: Sequence[Judged]) -> list[Judged]:
    """Make one move of a thing that went and one that came, of one size and colour."""
    left, joined = list(regions), []
    for gone in [region for region in regions if region.kind == "removed"]:
        came = [r for r in left if r.kind == "added" and _alike(gone, r)]
        if came:
            best = min(came, key=lambda r: float(np.abs(r.color - gone.color).sum()))
            left.remove(gone)
            left.remove(best)
            strength = min(gone.deviations, best.deviations)
            joined.append(replace(gone, kind="moved", after=best.after, deviations=strength))
    return [*joined, *left]


def _alike(gone: Judged, came: Judged) -> bool:
    assert gone.before is not None
    assert came.after is not None
    sizes = [(b[2] - b[0], b[3] - b[1]) for b in (gone.before, came.after)]
    same = all(0.75 < one / two < 1.33 for one, two in zip(*sizes, strict=True))
    return same and float(np.abs(gone.color - came.color).sum()) < ALIKE
