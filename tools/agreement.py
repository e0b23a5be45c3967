"""Agreement: what several views claim at one place is one thing there.

The pixels of claims (:mod:`.claims`) are lifted through the depth, and views agree where the points of one
fall into the place of the other. Without depth their rays have to meet, and the thing is flat where one plane
carries what all of them show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ..memory.depths import surface
from ..memory.geometry import Array
from ..memory.scene import Scene
from ..memory.triangulate import intersect
from ..memory.visible import visible, within
from .claims import SMALLEST, Claim
from .proposals import Patch, Piece
from .silhouettes import Region, hull, largest

LIFTED = 6000
"""Points of a claim, at most."""
AGREES = 0.4
"""Share of one claim's visible points that must fall into the other's place."""
SHOWS = 0.4
"""Share of the points that a view must show to be asked about them."""
HIDES = 0.05
"""How far behind the depth seen a point may be and still be seen, relative to it."""
AIMED, CUT = 0.15, 0.3
"""Error of the ray to the middle of a claim, over its angular size; of one that the picture's border cuts."""
NORMALS, SAMPLES, FLAT = 120, 100, 0.88
"""Directions that a flat thing may face that are tried, pixels of each view that tell, and how many of them
must fall into each other's place for a thing to be flat."""
OFFSETS = np.linspace(-0.4, 0.4, 9)
"""How far from where rays meet the plane of a flat thing may be, over its size."""
FINER = (0.12, 0.05, 0.02, 0.0)
"""How far from the best plane others are tried next, in its direction and over the thing's size."""
SEEN = 0.3
"""Share of those pixels that must be inside of the other picture, at least."""
CUT_OFF = 0.1
"""Error of an extent, over it, of what no view shows whole."""
PLANE, ROUND = 0.05, 0.15
"""Error of an extent, over it, where a plane tells it, and where neither depth nor a plane does."""
VAGUE = 3.0
"""Error of a claim's border over that of the sharpest one, from which it says nothing about the extent."""


@dataclass(frozen=True, eq=False)
class Fused:
    """What claims of several views agree on, and those that stand alone."""

    pieces: tuple[Piece, ...]
    alone: tuple[Claim, ...]


def fuse_claims(scene: Scene, claims: Sequence[Claim], views: Sequence[str], names: Sequence[str]) -> Fused:
    """Put claims of one name together where views agree.

    Parameters
    ----------
    scene : Scene
    claims : sequence of Claim
    views : sequence of str
        All that were looked at: those that show the place and claim nothing are shown it as well.
    names : sequence of str
        The views that pieces count their points by.

    Returns
    -------
    Fused
    """
    deep = [one for one in claims if scene.view(one.view).depth is not None]
    flat = [one for one in claims if scene.view(one.view).depth is None]
    lifted = [(one, points) for one in deep if len(points := _lifted(scene, one))]
    pieces: list[Piece] = []
    used: set[int] = set()
    for group in _overlapping(scene, lifted):
        some = [lifted[k] for k in group]
        joined = some + [(one, np.zeros((0, 3))) for one in flat if _falls(scene, some[0][1], one) >= AGREES]
        if len({one.view for one, _ in joined}) < 2:
            continue
        sharp = _sharp([lifted[k][0] for k in group])
        some = [(one, own) for one, own in joined if one in sharp or not len(own)]
        piece = _piece(scene, some, views, names)
        if piece is not None:
            used |= {id(one) for one, _ in joined}
            pieces.append(piece)
    for met in _meeting(scene, [one for one in flat if id(one) not in used]):
        found = _of_rays(scene, met, views)
        if found is not None:
            used |= {id(one) for one in met}
            pieces.append(found)
    return Fused(tuple(pieces), tuple(one for one in claims if id(one) not in used))


def _lifted(scene: Scene, one: Claim) -> Array:
    """Return the world points of a claim's pixels, (N, 3)."""
    depth = scene.depth(one.view)
    assert depth is not None
    seen = surface(scene.view(one.view).camera, depth)
    x0, y0, x1, y1 = one.patch.box
    known = one.patch.mask & (seen.depth[y0:y1, x0:x1] > 0)
    points = seen.points[y0:y1, x0:x1][known].astype(np.float64)
    return points[:: max(1, len(points) // LIFTED)]


def _falls(scene: Scene, points: Array, other: Claim) -> float:
    """Return which share of points that a claim's view shows falls into the claim; 0 where it shows few."""
    camera = scene.view(other.view).camera
    some = points[:: max(1, len(points) // SAMPLES)]
    pixels, _ = camera.project(some)
    shown = _shown(scene, other.view, some)
    if shown.mean() < SHOWS / 2:
        return 0.0
    return float(_inside(other.patch, pixels[shown], other.loose).mean())


def _shown(scene: Scene, view: str, points: Array) -> NDArray[np.bool_]:
    camera, depth = scene.view(view).camera, scene.depth(view)
    if depth is None:
        return within(camera, *camera.project(points))
    return visible(camera, points, depth, HIDES)


def _inside(patch: Patch, pixels: Array, loose: float = 0.0) -> NDArray[np.bool_]:
    """Return which pixels lie in a patch; of a vague one, in its box and that much around it."""
    x0, y0, x1, y1 = patch.box
    with np.errstate(invalid="ignore"):
        if loose > SMALLEST:
            return np.asarray(
                ((pixels >= (x0 - loose, y0 - loose)) & (pixels < (x1 + loose, y1 + loose))).all(axis=1)
            )
        out: NDArray[np.bool_] = np.all((pixels >= (x0, y0)) & (pixels < (x1, y1)), axis=1)
    column, row = pixels[out].astype(np.int64).T
    out[out] = patch.mask[row - y0, column - x0]
    return out


def _overlapping(scene: Scene, lifted: Sequence[tuple[Claim, Array]]) -> list[list[int]]:
    """Part claims with depth into those that are at one place."""
    count = len(lifted)
    agree = np.eye(count, dtype=bool)
    for i in range(count):
        for j in range(count):
            if i != j and lifted[i][0].view != lifted[j][0].view:
                agree[i, j] = _falls(scene, lifted[i][1], lifted[j][0]) >= AGREES
    number, group = connected_components(agree & agree.T | np.eye(count, dtype=bool), directed=False)
    return [np.flatnonzero(group == k).tolist() for k in range(number)]


def _piece(
    scene: Scene, joined: Sequence[tuple[Claim, Array]], views: Sequence[str], names: Sequence[str]
) -> Piece | None:
    claims = [one for one, _ in joined]
    lifted = [(one, own[_upheld(scene, own, claims)]) for one, own in joined if len(own)]
    points = np.concatenate([points for _, points in lifted])
    if not len(points):
        return None
    order = np.concatenate([np.full(len(own), names.index(one.view), np.int16) for one, own in lifted])
    patches = _patches(scene, claims, points, views)
    far = [
        one.loose * float(np.median(scene.view(one.view).camera.project(own)[1]))
        / scene.view(one.view).camera.intrinsics[0, 0]
        for one, own in lifted if len(own)
    ]  # fmt: skip
    loose = float(np.median(far)) + _cut_off(patches, points)
    return Piece(points, order, patches, loose=loose)


def _upheld(scene: Scene, points: Array, claims: Sequence[Claim]) -> NDArray[np.bool_]:
    """Return which points lie in most of the claims whose views show them."""
    inside, shown = np.zeros(len(points)), np.zeros(len(points))
    for one in claims:
        seen = _shown(scene, one.view, points)
        pixels, _ = scene.view(one.view).camera.project(points[seen])
        shown[seen] += 1
        inside[seen] += _inside(one.patch, pixels, one.loose)
    return 2 * inside > shown


def _sharp(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims whose borders are told about as well as the best one's: those tell the extent."""
    best = min(one.loose for one in claims)
    return [one for one in claims if one.loose <= VAGUE * best]


def _cut_off(patches: dict[str, Patch], points: Array) -> float:
    whole = any(not patch.cut for patch in patches.values())
    return 0.0 if whole else CUT_OFF * float(np.ptp(points, axis=0).max())


def _patches(scene: Scene, claims: Sequence[Claim], points: Array, views: Sequence[str]) -> dict[str, Patch]:
    """Return where every view shows the points: as it was claimed, or else as they are seen there."""
    own = {one.view: one.patch for one in claims}
    found = {}
    for view in views:
        patch = own.get(view) or projected(scene, view, points)
        if patch is not None:
            found[view] = patch
    return found


def projected(scene: Scene, view: str, points: Array) -> Patch | None:
    """Return where a view shows points, as a patch without gaps; None if it hides most of them."""
    import cv2

    camera = scene.view(view).camera
    some = points[:: max(1, len(points) // LIFTED)]
    shown = _shown(scene, view, some)
    if shown.mean() < SHOWS:
        return None
    width, height = camera.size
    column, row = camera.project(some[shown])[0].astype(np.int64).T
    x0, y0, x1, y1 = int(column.min()), int(row.min()), int(column.max()) + 1, int(row.max()) + 1
    if x1 - x0 < SMALLEST or y1 - y0 < SMALLEST:
        return None
    dots = np.zeros((y1 - y0, x1 - x0), np.uint8)
    dots[row - y0, column - x0] = 1
    side = 2 * int(np.ceil(1.5 * (dots.size / len(row)) ** 0.5)) + 1
    filled = cv2.morphologyEx(dots, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    cut = x0 == 0 or y0 == 0 or x1 == width or y1 == height
    return Patch((x0, y0, x1, y1), np.asarray(filled, dtype=bool), cut)


# --- without depth ------------------------------------------------------------------------------------


def _meeting(scene: Scene, claims: Sequence[Claim]) -> list[list[Claim]]:
    """Return the claims whose rays meet, those that most views support first."""
    regions = [_region(scene, one) for one in claims]
    free = list(range(len(claims)))
    found: list[list[Claim]] = []
    while True:
        group, point = largest(scene, regions, free)
        if point is None:
            return found
        free = [k for k in free if k not in group]
        found.append([claims[k] for k in group])


def _pictured(scene: Scene, one: Claim) -> NDArray[np.bool_]:
    """Return a claim's mask in its whole picture."""
    width, height = scene.view(one.view).camera.size
    out = np.zeros((height, width), dtype=bool)
    x0, y0, x1, y1 = one.patch.box
    out[y0:y1, x0:x1] = one.patch.mask
    return out


def _region(scene: Scene, one: Claim) -> Region:
    camera = scene.view(one.view).camera
    x0, y0, x1, y1 = one.patch.box
    middle = np.array([x0 + x1, y0 + y1]) / 2
    ray = camera.rays(middle[None])[0] @ camera.camera_to_world[:3, :3].T
    wide = (max(x1 - x0, y1 - y0) + one.loose) / camera.intrinsics[0, 0]
    return Region(one.view, one.patch, np.zeros(4), middle, camera.centre, ray, wide)


def _of_rays(scene: Scene, group: Sequence[Claim], views: Sequence[str]) -> Piece | None:
    """Return what claims show around the point that their rays meet in: flat if that explains them all."""
    regions = [_region(scene, one) for one in group]
    sigmas = [(CUT if one.patch.cut else AIMED) * one.wide for one in regions]
    met = intersect([one.origin for one in regions], [one.ray for one in regions], sigmas, robust=True)
    if met is None or met.used.sum() < 2:
        return None
    kept = _sharp([one for one, used in zip(group, met.used, strict=True) if used])
    points, flat = _spanned(scene, kept, met.point)
    if not len(points):
        return None
    size = float(np.ptp(points, axis=0).max())
    vague = float(np.mean([one.loose / max(one.patch.mask.shape) for one in kept])) * size
    loose = vague + PLANE * size
    if not flat:
        loose = vague + ROUND * size + float(np.sqrt(np.linalg.eigvalsh(met.covariance)[-1]))
    patches = _patches(scene, kept, points, views)
    return Piece(points, np.zeros(len(points), np.int16), patches, loose=loose + _cut_off(patches, points))


def _spanned(scene: Scene, claims: Sequence[Claim], point: Array) -> tuple[Array, bool]:
    """Return points of the plane on which claims cover each other, and whether there is one.

    Planes near the point in many directions are tried. Where none fits, it is what all claims leave room for.
    """
    regions = [_region(scene, one) for one in claims]
    size = float(np.median([one.wide * np.linalg.norm(point - one.origin) for one in regions]))
    normals, steps = _directions(NORMALS), OFFSETS * size
    through = point + np.tile(steps, len(normals))[:, None] * np.repeat(normals, len(steps), axis=0)
    normals = np.repeat(normals, len(steps), axis=0)
    for width in FINER:
        spans = [_on_planes(scene, one, through, normals) for one in claims]
        agreed = _covering(scene, claims, spans)
        best = int(agreed.argmax())
        points = np.concatenate([span[best] for span in spans])
        through, normals = _nearby(through[best], normals[best], width, size)
    if len(claims) > 2 and agreed[best] >= FLAT:  # of two views nearly any two places fit some plane
        points = points[np.isfinite(points).all(axis=1)]
        return points[_upheld(scene, points, claims)], True
    points, _ = hull(scene, regions, point, {one.view: _pictured(scene, one) for one in claims})
    return points, False


def _covering(scene: Scene, claims: Sequence[Claim], spans: Sequence[Array]) -> Array:
    """Return which share of the points of each plane, as claims show them, fall into the other claims."""
    count = len(spans[0])
    inside, shown, every = np.zeros(count), np.zeros(count), 0
    for i, span in enumerate(spans):
        for j, other in enumerate(claims):
            if i != j:
                camera = scene.view(other.view).camera
                pixels, far = camera.project(span.reshape(-1, 3))
                inside += _inside(other.patch, pixels).reshape(span.shape[:2]).sum(axis=1)
                shown += within(camera, pixels, far).reshape(span.shape[:2]).sum(axis=1)
                every += span.shape[1]
    return np.where(shown > SEEN * every, inside / np.maximum(shown, 1), 0.0)


def _nearby(through: Array, normal: Array, width: float, size: float) -> tuple[Array, Array]:
    """Return planes near to one: points that they go through and normals, (n, 3) each."""
    across = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    ticks = np.linspace(-width, width, 5)
    turn, tilt, off = (axis.ravel() for axis in np.meshgrid(ticks, ticks, ticks))
    turned = normal + turn[:, None] * across + tilt[:, None] * np.cross(normal, across)
    return through + off[:, None] * size * normal, turned / np.linalg.norm(turned, axis=1, keepdims=True)


def _on_planes(scene: Scene, one: Claim, through: Array, normals: Array) -> Array:
    """Return where the rays of a claim's pixels meet planes, each through a point: (planes, n, 3)."""
    camera = scene.view(one.view).camera
    row, column = np.nonzero(one.patch.mask)
    some = np.linspace(0, len(row) - 1, min(SAMPLES, len(row))).astype(np.int64)
    pixels = np.stack([column[some] + one.patch.box[0], row[some] + one.patch.box[1]], axis=1) + 0.5
    rays = camera.rays(pixels) @ camera.camera_to_world[:3, :3].T
    along = normals @ rays.T
    with np.errstate(divide="ignore", invalid="ignore"):
        far = ((through - camera.centre) * normals).sum(axis=1)[:, None] / along
    far[~((np.abs(along) > 0.1) & (far > 0))] = np.nan
    return np.asarray(camera.centre + far[..., None] * rays)


def _directions(count: int) -> Array:
    """Return directions spread evenly over half of a sphere, (count, 3): a Fibonacci lattice."""
    k = np.arange(count) + 0.5
    z, turn = k / count, np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
