"""Proposals: what stands out from the floor and the walls of a scene, each thing once.

The depths of several views, minus the large planes that carry or enclose everything, fall apart into pieces
that do not touch; where things of different colours touch, by colour too. No model is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..memory.depths import surface
from ..memory.floor import Ground, Plane, ground, planes, upward
from ..memory.fusion import Cloud, extent
from ..memory.geometry import Array
from ..memory.scene import Scene

REACH = 1.75
"""Voxels between two points of one piece: neighbours by a corner touch."""
SLANTED = 4.0
"""Voxels between the points of neighbouring pixels of one piece: its slanted sides have few pixels."""
OFF = 1.2
"""Voxels within which a point belongs to a plane that carries it."""
ENCLOSES = 0.97
"""Share of the cloud that lies on one side of a wall."""
WALL = 0.3
"""Extent of a wall or a floor over that of the scene, at least."""
SMALLEST = 5e-4
"""Share of a picture that a piece fills in the view that shows most of it, at least: less is noise."""
THINNEST = 2.5
"""Voxels of a piece's longest extent, at least."""
TURNED, SHADED, DIM = 0.13, 0.65, 15.0
"""Radians between two colours, seen from black, and the logarithm of how much brighter one is, that shading
does not explain; and grey levels added to each, as dark colours have no hue."""
SHARE = 0.1
"""Share of a piece that one colour fills, at least, to be a thing of its own."""
COLORS = 4
"""Colours of a piece, at most, that make it several things: more are a pattern."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Where a piece shows in one view.

    Parameters
    ----------
    box : (4,) float, x0 y0 x1 y1
        Tight, in pixels of the view's picture.
    mask : (h, w) bool
        Its pixels inside of the box.
    cut : bool
        Whether it ends at the border of the picture.
    """

    box: tuple[int, int, int, int]
    mask: NDArray[np.bool_]
    cut: bool

    @property
    def area(self) -> int:
        """Pixels that show it."""
        return int(self.mask.sum())


@dataclass(frozen=True, eq=False)
class Piece:
    """Something that may be a thing, or several.

    Parameters
    ----------
    points : (N, 3) float64, world
        Of its surface, as single pixels of the views show it.
    views : (N,) int16
        Which view each point was seen by, in the order of :attr:`Proposals.names`.
    patches : mapping of view name to Patch
    parts : tuple of int
        Pieces that it falls apart into by colour.
    loose : float or None
        Error of its extent, one standard deviation, where its border was claimed and not seen to stand out;
        None for what stands out.
    """

    points: Array
    views: NDArray[np.int16]
    patches: Mapping[str, Patch]
    parts: tuple[int, ...] = ()
    loose: float | None = None


@dataclass(frozen=True, eq=False)
class Proposals:
    """The pieces of a scene and what they stand on.

    Parameters
    ----------
    names : tuple of str
        The views that were looked at.
    pieces : tuple of Piece
        The largest first; the parts of a piece come after it.
    up : (3,)
    ground : Ground or None
    walls : tuple of Plane
    step : float
        How far apart the points of a surface are, in the scene's unit.
    noise : float
        Of one pixel, before smoothing, in the scene's unit.
    loose : float
        Error of surfaces beside these two, one standard deviation.
    left_out : tuple of str
        What a reader should know: views that could not be used, and the like.
    """

    names: tuple[str, ...]
    pieces: tuple[Piece, ...]
    up: Array
    ground: Ground | None
    walls: tuple[Plane, ...] = ()
    step: float = 0.0
    noise: float = 0.0
    loose: float = 0.0
    left_out: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Pixels of all views that are neither floor nor wall: a row each.

    ``at`` is a pixel's place in its flat picture, ``links`` the rows of neighbouring pixels, (M, 2).
    """

    points: Array
    colors: Array
    views: NDArray[np.int16]
    at: NDArray[np.int32]
    links: NDArray[np.int64]


def propose(scene: Scene, names: Sequence[str], cloud: Cloud) -> Proposals:
    """Find the pieces that views with depth show.

    Parameters
    ----------
    scene : Scene
    names : sequence of str
        Views; those without depth show nothing here.
    cloud : Cloud
        Of these views, or of more.

    Returns
    -------
    Proposals
        Without pieces where there is nothing but floor and walls.
    """
    found = planes(cloud)
    floor = ground(cloud, scene, found)
    up = upward(scene)[0] if floor is None else floor.up
    carrying = supports(cloud, found, up, floor)
    used = tuple(name for name in names if scene.view(name).depth is not None)
    pixels, step, noise = _standing(scene, used, cloud, carrying)
    pieces = _pieces(scene, used, pixels, max(cloud.voxel, step))
    walls = tuple(plane for plane in carrying if abs(plane.normal @ up) < 0.5)
    return Proposals(used, tuple(pieces), up, floor, walls, step, noise, 0.0, cloud.left_out)


def supports(cloud: Cloud, found: Sequence[Plane], up: Array, floor: Ground | None) -> list[Plane]:
    """Return the planes that carry or enclose the scene: its floor, walls and ceiling.

    A wall is as large as a good part of the scene, and nothing is behind it; a side of a cupboard is neither.
    """
    corners = extent(cloud.points)
    whole = float(np.linalg.norm(corners[1] - corners[0]))
    kept = []
    for plane in found:
        held = cloud.points[plane.inliers]
        size = np.sort(_spread(held, plane.normal))
        is_floor = floor is not None and plane.normal @ floor.up > 0.97
        is_floor = is_floor and abs(float(np.median(held @ floor.up)) - floor.height) < 4 * cloud.voxel  # type: ignore[union-attr]
        before = (cloud.points @ plane.normal - plane.height > -2 * cloud.voxel).mean()
        is_wall = before > ENCLOSES and size[1] > WALL * whole and size[0] > WALL / 3 * whole
        if is_floor or is_wall:
            kept.append(plane)
    return kept


def _neighbours(free: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return which of the free pixels, counted in their order, are next to each other: (M, 2)."""
    number = np.cumsum(free.ravel()).reshape(free.shape) - 1
    pairs = [
        np.stack([number[:, :-1], number[:, 1:]], axis=-1)[free[:, :-1] & free[:, 1:]],
        np.stack([number[:-1], number[1:]], axis=-1)[free[:-1] & free[1:]],
    ]
    return np.concatenate(pairs).astype(np.int64)


def hue(colors: NDArray[np.uint8]) -> Array:
    """Return colours, (N, 3), as places (N, 4) that are more than 1 apart if shading does not explain it."""
    bright = colors.astype(np.float64) + DIM
    length = np.linalg.norm(bright, axis=1, keepdims=True)
    return np.concatenate([bright / length / TURNED, np.log(length) / SHADED], axis=1)


def _spread(points: NDArray[np.float32], normal: Array) -> Array:
    """Extent of points along two axes of their plane."""
    across = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    across /= np.linalg.norm(across)
    flat = points @ np.stack([across, np.cross(normal, across)], axis=1)
    return np.asarray(np.diff(np.percentile(flat, (1, 99), axis=0), axis=0)[0])


def _standing(
    scene: Scene, names: Sequence[str], cloud: Cloud, carrying: Sequence[Plane]
) -> tuple[_Pixels, float, float]:
    """Return the pixels of all views that lie on no carrying plane, nor behind one."""
    rows, links, steps, noises, count = [], [np.zeros((0, 2), np.int64)], [], [], 0
    for number, name in enumerate(names):
        depth = scene.depth(name)
        if depth is None:
            continue
        camera = scene.view(name).camera
        seen = surface(camera, depth)
        rough = seen.noise * float(np.median(depth[depth > 0])) if (depth > 0).any() else 0.0
        free = seen.depth > 0
        for plane in carrying:
            off = seen.points @ plane.normal.astype(np.float32) - np.float32(plane.height)
            free &= off > max(OFF * cloud.voxel, rough)
        at = np.flatnonzero(free).astype(np.int32)
        links.append(_neighbours(free) + count)
        count += len(at)
        hues = hue(scene.still(name).pixels[free])
        rows.append((seen.points[free], hues, np.full(len(at), number, np.int16), at))
        if len(at):
            steps.append(float(np.median(seen.depth[free])) / camera.intrinsics[0, 0])
            noises.append(rough)
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)] if rows else []
    if not columns:
        columns = [np.zeros((0, 3)), np.zeros((0, 4)), np.zeros(0, np.int16), np.zeros(0, np.int32)]
    pixels = _Pixels(columns[0].astype(np.float64), columns[1], columns[2], columns[3], np.concatenate(links))
    return pixels, float(np.median(steps)) if steps else 0.0, float(np.median(noises)) if noises else 0.0


def _pieces(scene: Scene, names: Sequence[str], pixels: _Pixels, voxel: float) -> list[Piece]:
    order: list[NDArray[np.int64]] = []
    parts: dict[int, tuple[int, ...]] = {}
    sizes = [float(np.prod(scene.view(name).camera.size)) for name in names]
    for rows in _connected(pixels, np.arange(len(pixels.points)), voxel):
        shown = np.bincount(pixels.views[rows], minlength=len(names)) / sizes
        if shown.max() < SMALLEST or (len(names) > 2 and (shown > 0).sum() < 2):
            continue
        own = len(order)
        order.append(rows)
        split = _by_color(pixels, rows, voxel)
        if len(split) > 1:
            parts[own] = tuple(range(own + 1, own + 1 + len(split)))
            order += split
    return [
        Piece(pixels.points[rows], pixels.views[rows], _patches(scene, names, pixels, rows), parts.get(k, ()))
        for k, rows in enumerate(order)
    ]


def _connected(pixels: _Pixels, rows: NDArray[np.int64], voxel: float) -> list[NDArray[np.int64]]:
    """Part rows into those whose points touch, the largest first; specks are dropped."""
    if not len(rows):
        return []
    points = pixels.points
    cells, cell_of = np.unique(np.floor(points[rows] / voxel).astype(np.int64), axis=0, return_inverse=True)
    place = np.full(len(points), -1)
    place[rows] = cell_of.ravel()
    near = np.linalg.norm(points[pixels.links[:, 0]] - points[pixels.links[:, 1]], axis=1) < SLANTED * voxel
    links = place[pixels.links[near]]
    links = links[(links >= 0).all(axis=1)]
    pairs = np.concatenate([cKDTree(cells).query_pairs(REACH, output_type="ndarray"), links])
    ones = np.ones(len(pairs), dtype=np.int8)
    touching = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(cells), len(cells)))
    _, of_cell = connected_components(touching, directed=False)
    of_row = of_cell[cell_of.ravel()]
    counts = np.bincount(of_row)
    found = []
    for label in np.argsort(-counts, kind="stable"):
        own = rows[of_row == label]
        if np.ptp(points[own], axis=0).max() >= THINNEST * voxel:
            found.append(own)
    return found


def _by_color(pixels: _Pixels, rows: NDArray[np.int64], voxel: float) -> list[NDArray[np.int64]]:
    """Part a piece by its main colours, where it has a few; each must hang together."""
    bins, of_bin, counts = np.unique(
        np.round(pixels.colors[rows] * 3), axis=0, return_inverse=True, return_counts=True
    )
    leaders: list[Array] = []
    for number in np.argsort(-counts, kind="stable"):
        place = bins[number] / 3
        if counts[number] >= SHARE / 4 * len(rows) and all(np.linalg.norm(place - o) > 1 for o in leaders):
            leaders.append(place)
    if not 1 < len(leaders) <= COLORS:
        return []
    nearest = cKDTree(np.stack(leaders)).query(bins / 3)[1][of_bin.ravel()]
    found = []
    for number in range(len(leaders)):
        for part in _connected(pixels, rows[nearest == number], voxel):
            if len(part) >= SHARE * len(rows):
                found.append(part)
    return found


def _patches(
    scene: Scene, names: Sequence[str], pixels: _Pixels, rows: NDArray[np.int64]
) -> dict[str, Patch]:
    """Return where a piece shows, in each view that shows it."""
    found = {}
    for number in np.unique(pixels.views[rows]):
        name = names[number]
        width, height = scene.view(name).camera.size
        y, x = np.divmod(pixels.at[rows[pixels.views[rows] == number]], width)
        x0, y0, x1, y1 = int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1
        if x1 - x0 < 2 or y1 - y0 < 2:
            continue
        mask = np.zeros((y1 - y0, x1 - x0), dtype=bool)
        mask[y - y0, x - x0] = True
        found[name] = Patch((x0, y0, x1, y1), mask, x0 == 0 or y0 == 0 or x1 == width or y1 == height)
    return found
