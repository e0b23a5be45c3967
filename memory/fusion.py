"""Fusion: the depths of many views as one cloud of points, one view in memory at a time.

Points are averaged within voxels. A voxel's sums are kept as whole numbers, so that the order of the views
changes nothing, to the last bit; a nearer view has more pixels in a voxel, and counts for more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, SceneError
from .depths import surface
from .geometry import Array
from .scene import Depth, Scene, SceneView

DETAIL = 300
"""Voxels along the diagonal of a scene, where none were asked for."""
SAMPLES = 2
"""Pixels along a voxel's side that are looked at: more add time and no points."""
BITS = 21
"""Bits of a voxel's number along each axis."""
STEPS = 1 << 12
"""Into how many steps a voxel's side is divided for the sums, and the unit of a normal: some micrometres."""
WAITING = 2_000_000
"""Voxels of views that wait to be merged: they bound the memory, some 200 bytes each while being sorted."""
AHEAD = 2
"""Views that are decoded while one is fused."""

Keys = NDArray[np.int64]
Sums = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points that views saw, one for each voxel.

    Parameters
    ----------
    points : (N, 3) float32, world
    colors : (N, 3) uint8
    normals : (N, 3) float32
        Of length 1, towards the cameras that saw it; zeros where the scene had points and no depths.
    weight : (N,) float32
        How many views saw it.
    voxel : float
        Side of a voxel, in the scene's unit.
    names : tuple of str
        The views that were fused, in the scene's order.
    first, views : (N + 1,) int64, (sum of weight,) int32
        Point i was seen by ``names[k] for k in views[first[i]:first[i + 1]]``.
    noise : float
        Relative noise of single pixels of the depths, the median over views.
    left_out : tuple of str
        Views that could not be read, and why.
    """

    points: NDArray[np.float32]
    colors: NDArray[np.uint8]
    normals: NDArray[np.float32]
    weight: NDArray[np.float32]
    voxel: float
    names: tuple[str, ...]
    first: Keys
    views: NDArray[np.int32]
    noise: float = 0.0
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    def seen_by(self, name: str) -> NDArray[np.bool_]:
        """Return which points a view saw, (N,) bool; none for a view that was not fused."""
        seen = np.zeros(len(self), dtype=bool)
        if name in self.names:
            of = np.repeat(np.arange(len(self)), np.diff(self.first))
            seen[of[self.views == self.names.index(name)]] = True
        return seen


def fuse(scene: Scene, names: Sequence[str] | None = None, voxel: float | None = None) -> Cloud:
    """Fuse the depths of views into one cloud.

    Parameters
    ----------
    scene : Scene
    names : sequence of str, optional
        Which views; all that have depth, by default. Those without one are passed over.
    voxel : float, optional
        Side of a voxel in the scene's unit: a point for each. By default the scene's diagonal / 300.

    Returns
    -------
    Cloud
        Of ``scene.points`` where no view has depth.

    Raises
    ------
    SceneError
        If a name is unknown, or there are neither depths nor points: such a scene is triangulated.
    """
    chosen = set(scene.names if names is None else names)
    for name in chosen:
        scene.view(name)
    views = [view for view in scene.views if view.name in chosen and view.depth is not None]
    if not views:
        return _of_points(scene)
    left_out: list[str] = []
    side = _voxel(scene, views) if voxel is None else float(voxel)
    if not side > 0:
        raise SceneError(
            f"{scene.source}: no view's depth can be read, or all are empty.", input=scene.source
        )
    grid = _Voxels(side, np.median([view.camera.centre for view in scene.views], axis=0))
    noises, fused = [], []
    for view, color, depth, problem in _decoded(views):
        if problem:
            left_out.append(f"view {view.name!r} is left out of the cloud: {problem}")
            continue
        known = depth[depth > 0]
        if known.size:
            focal = max(view.camera.intrinsics[0, 0], view.camera.intrinsics[1, 1])
            stride = max(1, int(side * focal / SAMPLES / np.percentile(known[::7], 90)))
            seen = surface(view.camera, depth, stride)
            some = slice(stride // 2, None, stride)
            at = seen.depth > 0
            grid.add(seen.points[at], seen.normals[at], color[some, some][at])
            noises.append(seen.noise)
            fused.append(view.name)
    if not fused:
        raise SceneError(f"{scene.source}: no depth could be fused. {' '.join(left_out)}", input=scene.source)
    return grid.cloud(tuple(fused), float(np.median(noises)), tuple(left_out))


def extent(points: NDArray[np.floating]) -> Array:
    """Return the (2, 3) corners of where points are, but for the farthest hundredth along each axis."""
    return np.asarray(np.percentile(points, (0.5, 99.5), axis=0), dtype=np.float64)


class _Voxels:
    """Sums of all that fell into each voxel: a row of count, views, place, colour and normal."""

    def __init__(self, side: float, origin: Array) -> None:
        self._side = side
        self._origin = origin / side  # of the cameras: a floor at 0 is not on the border of two voxels
        self._keys: list[Keys] = []  # of each view
        self._waiting: list[tuple[Keys, Sums]] = []

    def add(
        self, points: NDArray[np.float32], normals: NDArray[np.float32], colors: NDArray[np.uint8]
    ) -> None:
        """Add what one view saw; what is a million voxels away from the cameras is nowhere."""
        place = points / self._side - self._origin
        whole = np.floor(place)
        near = (np.abs(whole) < 1 << (BITS - 1)).all(axis=1)
        row = np.empty((len(points), 11), dtype=np.int32)
        row[:, :2] = 1
        row[:, 2:5] = (place - whole) * STEPS
        row[:, 5:8] = colors
        row[:, 8:] = np.rint(normals * STEPS)
        keys, sums = _summed(_packed(whole[near].astype(np.int64)), row[near])
        sums[:, 1] = 1
        self._keys.append(keys)
        self._waiting.append((keys, sums))
        if sum(len(keys) for keys, _ in self._waiting[1:]) > WAITING:
            self._waiting = [self._merged()]

    def cloud(self, names: tuple[str, ...], noise: float, left_out: tuple[str, ...]) -> Cloud:
        """Return the averages."""
        keys, sums = self._merged()
        count = sums[:, :1].astype(np.float64)
        normals = sums[:, 8:] / count
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        points = (_unpacked(keys) + self._origin + (sums[:, 2:5] / count + 0.5) / STEPS) * self._side
        first, views = self._seen(keys, sums[:, 1])
        return Cloud(
            points=points.astype(np.float32),
            colors=np.rint(sums[:, 5:8] / count).astype(np.uint8),
            normals=(normals / np.where(length > 0, length, 1)).astype(np.float32),
            weight=sums[:, 1].astype(np.float32),
            voxel=self._side,
            names=names,
            first=first,
            views=views,
            noise=noise,
            left_out=left_out,
        )

    def _merged(self) -> tuple[Keys, Sums]:
        keys, sums = zip(*self._waiting, strict=True)
        return _summed(np.concatenate(keys), np.concatenate(sums))

    def _seen(self, keys: Keys, counts: Keys) -> tuple[Keys, NDArray[np.int32]]:
        first = np.concatenate([[0], np.cumsum(counts)])
        views, filled = np.empty(first[-1], dtype=np.int32), first[:-1].copy()
        for number, of_view in enumerate(self._keys):
            at = np.searchsorted(keys, of_view)
            views[filled[at]] = number
            filled[at] += 1
        return first, views


def _packed(whole: Keys) -> Keys:
    offset = whole + (1 << (BITS - 1))
    return np.asarray(offset[:, 0] << 2 * BITS | offset[:, 1] << BITS | offset[:, 2], dtype=np.int64)


def _unpacked(keys: Keys) -> Keys:
    axes = [keys >> 2 * BITS, keys >> BITS, keys]
    return np.stack([axis & ((1 << BITS) - 1) for axis in axes], axis=1) - (1 << (BITS - 1))


def _summed(keys: Keys, rows: NDArray[np.integer]) -> tuple[Keys, Sums]:
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    if not len(starts):
        return ordered, np.zeros((0, rows.shape[1]), dtype=np.int64)
    return ordered[starts], np.add.reduceat(rows[order], starts, axis=0, dtype=np.int64)


def _decoded(
    views: Sequence[SceneView],
) -> Iterator[tuple[SceneView, NDArray[np.uint8], Depth, str]]:
    """Read pictures and depths some views ahead, in two threads: decoding and fusing take as long."""
    nothing = np.zeros((0, 0, 3), dtype=np.uint8), np.zeros((0, 0), dtype=np.float32)

    def read(view: SceneView) -> tuple[NDArray[np.uint8], Depth, str]:
        assert view.depth is not None
        try:
            color, depth = view.color(), view.depth()
        except InputError as error:
            return *nothing, error.message
        size = view.camera.size.height, view.camera.size.width
        if color.shape[:2] != size or depth.shape != size:
            return *nothing, f"its picture is {color.shape[:2]}, its depth {depth.shape}, its camera {size}."
        return color, depth, ""

    with ThreadPoolExecutor(AHEAD) as pool:
        waiting: deque[tuple[SceneView, Future[tuple[NDArray[np.uint8], Depth, str]]]] = deque()
        for view in views:
            waiting.append((view, pool.submit(read, view)))
            if len(waiting) > AHEAD:
                ready, future = waiting.popleft()
                yield ready, *future.result()
        for ready, future in waiting:
            yield ready, *future.result()


def _voxel(scene: Scene, views: Sequence[SceneView]) -> float:
    """Return a three-hundredth of the diagonal of what some views see."""
    some = [views[i] for i in np.unique(np.linspace(0, len(views) - 1, 8).round().astype(int))]
    points = []
    for view, _, depth, problem in _decoded(some):
        if not problem:
            stride = max(1, max(depth.shape) // 64)
            seen = surface(view.camera, depth, stride)
            points.append(seen.points[seen.depth > 0])
    every = np.concatenate(points) if points else np.zeros((0, 3), dtype=np.float32)
    return float(np.linalg.norm(np.diff(extent(every), axis=0))) / DETAIL if len(every) else 0.0


def _of_points(scene: Scene) -> Cloud:
    if not len(scene.points):
        raise SceneError(
            f"{scene.source} has neither depths nor points to fuse: what it shows can only be triangulated.",
            input=scene.source,
        )
    points = scene.points.astype(np.float32)
    count = len(points)
    return Cloud(
        points=points,
        colors=np.full((count, 3), 128, dtype=np.uint8),
        normals=np.zeros((count, 3), dtype=np.float32),
        weight=np.ones(count, dtype=np.float32),
        voxel=float(np.linalg.norm(np.diff(extent(points), axis=0))) / DETAIL,
        names=(),
        first=np.zeros(count + 1, dtype=np.int64),
        views=np.zeros(0, dtype=np.int32),
    )
