"""Fusion: the depths of many views as one cloud of points, a few views in memory at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, SceneError
from .depths import surface
from .geometry import Array
from .scene import Depth, Scene, SceneView
from .voxels import COLUMNS, Keys, Sums, Voxels

DETAIL = 300
"""Voxels along the diagonal of a scene, where none were asked for."""
SAMPLES = 1.0
"""Pixels along the side of a far voxel that are looked at: more add time and few points."""
THREADS = 2
"""Views that are decoded and summed at once."""

T = TypeVar("T")


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
    voxels = Voxels(side, np.median([view.camera.centre for view in scene.views], axis=0))
    noises, fused = [], []
    for part in _ahead(views, partial(_part, voxels)):
        if part.problem:
            left_out.append(part.problem)
        elif len(part.keys):
            voxels.add(part.keys, part.sums)
            noises.append(part.noise)
            fused.append(part.name)
    if not fused:
        raise SceneError(f"{scene.source}: no depth could be fused. {' '.join(left_out)}", input=scene.source)
    found = voxels.averages()
    return Cloud(
        points=found.points,
        colors=found.colors,
        normals=found.normals,
        weight=np.diff(found.first).astype(np.float32),
        voxel=side,
        names=tuple(fused),
        first=found.first,
        views=found.views,
        noise=float(np.median(noises)),
        left_out=tuple(left_out),
    )


def extent(points: NDArray[np.floating]) -> Array:
    """Return the (2, 3) corners of where points are, but for the farthest hundredth along each axis."""
    return np.asarray(np.percentile(points, (0.5, 99.5), axis=0), dtype=np.float64)


class _Part(NamedTuple):
    """What one view adds to a cloud, or the problem with it."""

    name: str
    keys: Keys
    sums: Sums
    noise: float
    problem: str = ""


def _read(view: SceneView) -> tuple[NDArray[np.uint8], Depth]:
    """Read a view's picture and depth.

    Raises
    ------
    InputError
        If one cannot be read, or their sizes differ.
    """
    assert view.depth is not None
    color, depth = view.color(), view.depth()
    size = view.camera.size.height, view.camera.size.width
    if color.shape[:2] != size or depth.shape != size:
        raise SceneError(f"its picture is {color.shape[:2]}, its depth {depth.shape}, its camera {size}.")
    return color, depth


def _part(voxels: Voxels, view: SceneView) -> _Part:
    nothing = _Part(view.name, np.zeros(0, dtype=np.int64), np.zeros((0, COLUMNS)), 0.0)
    try:
        color, depth = _read(view)
    except InputError as error:
        return nothing._replace(problem=f"view {view.name!r} is left out of the cloud: {error.message}")
    known = depth[depth > 0]
    if not known.size:
        return nothing
    focal = max(view.camera.intrinsics[0, 0], view.camera.intrinsics[1, 1])
    stride = max(1, int(voxels.side * focal / SAMPLES / np.percentile(known[::7], 90)))
    seen = surface(view.camera, depth, stride)
    some = slice(stride // 2, None, stride)
    at = np.flatnonzero(seen.depth > 0)
    keys, sums = voxels.summed(
        seen.points.reshape(-1, 3).take(at, axis=0),
        seen.normals.reshape(-1, 3).take(at, axis=0),
        color[some, some].reshape(-1, 3).take(at, axis=0),
    )
    return _Part(view.name, keys, sums, seen.noise)


def _ahead(views: Sequence[SceneView], work: Callable[[SceneView], T]) -> Iterator[T]:
    """Do the work of each view, in their order, some views ahead: in threads, which numpy lets run."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[T]] = deque()
        for view in views:
            waiting.append(pool.submit(work, view))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def _voxel(scene: Scene, views: Sequence[SceneView]) -> float:
    """Return a three-hundredth of the diagonal of what some views see.

    Taken from the middle of the points: a floor seen up to the horizon makes nothing on it coarser.
    """
    some = [views[i] for i in np.unique(np.linspace(0, len(views) - 1, 8).round().astype(int))]

    def thin(view: SceneView) -> NDArray[np.float32]:
        try:
            depth = _read(view)[1]
        except InputError:
            return np.zeros((0, 3), dtype=np.float32)
        seen = surface(view.camera, depth, max(1, max(depth.shape) // 64))
        return seen.points[seen.depth > 0]

    points = np.concatenate(list(_ahead(some, thin)))
    if not len(points):
        return 0.0
    middle = np.diff(np.percentile(points, (10, 90), axis=0), axis=0) / 0.8
    return float(np.linalg.norm(middle)) / DETAIL


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
