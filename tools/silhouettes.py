"""Silhouettes: what stands out in pictures without depth, found again from view to view.

Regions of a colour that the surroundings do not have are matched where the rays through their middles meet,
and a thing is where all its silhouettes leave room for it: its visual hull (Laurentini 1994), made smaller by
what hulls of few views have too much. Patterned things on patterned ground are beyond this; they need depth,
or a detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..memory.floor import upward
from ..memory.geometry import Array
from ..memory.scene import Scene
from ..memory.triangulate import intersect
from .proposals import SMALLEST, Patch, Piece, Proposals, hue

SURROUNDS, EDGED = 0.35, 0.15
"""Shares of a picture and of its border of which a colour of the surroundings fills one at least."""
LEADERS = 24
"""Colours of a picture that are told apart, at most."""
NEAR = 0.4
"""How far a region's middle may be from where a thing should be, over the region's longer side."""
ALIKE = 0.8
"""Difference of hue up to which two regions may be one thing."""
CELLS = 48
"""Cells of a hull along each axis."""
ROOM = 1.5
"""Side of the space in which a hull is looked for, over how large the silhouettes say that it is."""
OUTVOTED = 0.2
"""Share of the views that may be wrong about a cell of a hull."""
LOOSE = 0.06
"""Error of a surface, one standard deviation, over the size of the thing."""
AGREED = 2
"""Views in which a thing must be found."""


@dataclass(frozen=True, eq=False)
class Region:
    """A region of one colour in one view: ``ray`` goes through its middle, ``wide`` is its angular size."""

    view: str
    patch: Patch
    hue: Array
    middle: Array
    origin: Array
    ray: Array
    wide: float


def propose_without_depth(scene: Scene, views: Sequence[str]) -> Proposals:
    """Find what stands out in views without depth.

    Parameters
    ----------
    scene : Scene
    views : sequence of str

    Returns
    -------
    Proposals
        Without a floor; pieces are hulls, which are no smaller than what they hold.
    """
    regions = [region for name in views for region in _regions(scene, name)]
    covered = {name: _covered(scene, name, regions) for name in views}
    pieces, steps = [], []
    free = list(range(len(regions)))
    while True:
        group, point = largest(scene, regions, free)
        if point is None:
            break
        free = [k for k in free if k not in group]
        outer, step = hull(scene, [regions[k] for k in group], point, covered)
        if len(outer):
            patches = {regions[k].view: regions[k].patch for k in group}
            pieces.append(Piece(outer, np.zeros(len(outer), np.int16), patches))
            steps.append(step)
    notes = ("there is no depth: things are placed by where the rays of several views meet",)
    step = float(np.median(steps)) if steps else 0.0
    order = sorted(range(len(pieces)), key=lambda k: -sum(p.area for p in pieces[k].patches.values()))
    found = tuple(pieces[k] for k in order)
    loose = (
        LOOSE * float(np.median([np.ptp(piece.points, axis=0).max() for piece in found])) if found else 0.0
    )
    return Proposals(tuple(views), found, upward(scene)[0], None, (), step, 0.0, loose, notes)


def _regions(scene: Scene, name: str) -> list[Region]:
    """Return the regions of a picture whose colour its surroundings do not have."""
    import cv2

    pixels, camera = scene.still(name).pixels, scene.view(name).camera
    height, width = pixels.shape[:2]
    label, leaders = colors(pixels)
    edge = np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])
    found = []
    for number, place in enumerate(leaders):
        mask = label == number
        if mask.mean() > SURROUNDS or (edge == number).mean() > EDGED:
            continue
        count, parts, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        for part in range(1, count):
            x, y, wide, high, area = (int(value) for value in boxes[part])
            if area < SMALLEST * width * height or min(wide, high) < 3:
                continue
            own = parts[y : y + high, x : x + wide] == part
            cut = x == 0 or y == 0 or x + wide == width or y + high == height
            middle = np.array([x + wide / 2, y + high / 2])
            ray = camera.rays(middle[None])[0] @ camera.camera_to_world[:3, :3].T
            angle = max(wide, high) / camera.intrinsics[0, 0]
            patch = Patch((x, y, x + wide, y + high), own, cut)
            found.append(Region(name, patch, place, middle, camera.centre, ray, angle))
    return found


def colors(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.int32], list[Array]]:
    """Part a picture by colour, whatever the shading: which colour each pixel has, and the colours."""
    bins, of_bin, counts = np.unique(
        np.round(hue(pixels.reshape(-1, 3)) * 2), axis=0, return_inverse=True, return_counts=True
    )
    leaders: list[Array] = []
    for number in np.argsort(-counts, kind="stable"):
        place = bins[number] / 2
        if len(leaders) < LEADERS and all(np.linalg.norm(place - other) > 1 for other in leaders):
            leaders.append(place)
    apart = np.linalg.norm(bins[:, None] / 2 - np.stack(leaders)[None], axis=2)
    return apart.argmin(axis=1)[of_bin.ravel()].reshape(pixels.shape[:2]).astype(np.int32), leaders


def _covered(scene: Scene, name: str, regions: Sequence[Region]) -> NDArray[np.bool_]:
    """Return where a view shows any region: something there may hide what is behind it."""
    width, height = scene.view(name).camera.size
    out = np.zeros((height, width), dtype=bool)
    for region in regions:
        if region.view == name:
            x0, y0, x1, y1 = region.patch.box
            out[y0:y1, x0:x1] |= region.patch.mask
    return out


def largest(scene: Scene, regions: Sequence[Region], free: Sequence[int]) -> tuple[list[int], Array | None]:
    """Return the regions, of as many views as possible, that show one thing, and where it is."""
    best: tuple[float, list[int], Array | None] = (0.0, [], None)
    for place, i in enumerate(free):
        for j in free[place + 1 :]:
            one, other = regions[i], regions[j]
            if one.view == other.view or np.linalg.norm(one.hue - other.hue) > ALIKE:
                continue
            met = intersect([one.origin, other.origin], [one.ray, other.ray], 0.02)
            if met is None or max(met.residuals) > NEAR * min(one.wide, other.wide):
                continue
            group, off = _supporting(scene, regions, free, met.point, one)
            if len(group) >= AGREED and len(group) - off > best[0]:
                best = (len(group) - off, group, met.point)
    return best[1], best[2]


def _supporting(
    scene: Scene, regions: Sequence[Region], free: Sequence[int], point: Array, like: Region
) -> tuple[list[int], float]:
    """Return the regions that a thing at a point explains, one for each view; and how far off they are."""
    size = like.wide * float(np.linalg.norm(point - like.origin))
    best: dict[str, tuple[float, int]] = {}
    for k in free:
        region = regions[k]
        if np.linalg.norm(region.hue - like.hue) > ALIKE:
            continue
        pixels, depth = scene.view(region.view).camera.project(point[None])
        if not depth[0] > 0 or not 0.4 < region.wide * depth[0] / size < 2.5:
            continue
        x0, y0, x1, y1 = region.patch.box
        off = float(np.linalg.norm(pixels[0] - region.middle)) / max(x1 - x0, y1 - y0)
        if off < NEAR and (region.view not in best or off < best[region.view][0]):
            best[region.view] = (off, k)
    missed = float(np.mean([one for one, _ in best.values()])) if best else 0.0
    return sorted(k for _, k in best.values()), missed


def hull(
    scene: Scene, group: Sequence[Region], point: Array, covered: dict[str, NDArray[np.bool_]]
) -> tuple[Array, float]:
    """Return the surface of the space that all silhouettes leave to a thing, and the side of its cells."""
    far = [float(np.linalg.norm(point - region.origin)) for region in group]
    side = ROOM * max(region.wide * way for region, way in zip(group, far, strict=True))
    ticks = (np.arange(CELLS) + 0.5) / CELLS - 0.5
    cells = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 3) * side + point
    against, inside = np.zeros(len(cells), np.int16), np.zeros(len(cells), np.int16)
    own = {region.view: region.patch for region in group}
    for name, taken in covered.items():
        camera = scene.view(name).camera
        pixels, depth = camera.project(cells)
        with np.errstate(invalid="ignore"):
            shown = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels < tuple(camera.size)).all(axis=1)
        column, row = pixels[shown].astype(np.int64).T
        against[shown] += ~taken[row, column]
        if name in own:
            inside[shown] += _in_patch(own[name], column, row)
    kept = (against <= OUTVOTED * len(covered) / 2) & (inside >= max(AGREED, round(0.7 * len(group))))
    solid = np.pad(kept.reshape(CELLS, CELLS, CELLS), 1)
    within = solid.copy()
    for axis in range(3):
        within &= np.roll(solid, 1, axis) & np.roll(solid, -1, axis)
    outer = (solid & ~within)[1:-1, 1:-1, 1:-1].ravel()
    if not outer.any():
        return cells[outer], side / CELLS
    return _tightened(cells[outer], cells[kept], upward(scene)[0]), side / CELLS


def _tightened(surface: Array, filled: Array, up: Array) -> Array:
    """Move a hull's surface inwards: silhouettes of few views leave room that nothing fills.

    What is too much is thin, so that it adds to the extent and little to the spread. Two thirds of the way
    from the extent to that of a block of the same spread is near to right for blocks and balls alike.
    """
    centre = filled.mean(axis=0)
    across = np.cross(up, np.eye(3)[int(np.argmin(np.abs(up)))])
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(up, across), up])
    inner, outer = (filled - centre) @ axes.T, (surface - centre) @ axes.T
    share = np.minimum(12**0.5 * inner.std(axis=0) / np.maximum(np.ptp(inner, axis=0), 1e-12), 1.0)
    share[:2] = share[:2].mean()
    return np.asarray(outer * (1 + 2 * share) / 3 @ axes + centre)


def _in_patch(patch: Patch, column: NDArray[np.int64], row: NDArray[np.int64]) -> NDArray[np.bool_]:
    x0, y0, x1, y1 = patch.box
    out = (column >= x0) & (column < x1) & (row >= y0) & (row < y1)
    out[out] = patch.mask[row[out] - y0, column[out] - x0]
    return out
