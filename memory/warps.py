"""Warps: what one view sees, carried into another by poses and depths, and whether it is seen there too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .geometry import Array, Camera
from .scene import Depth, Scene
from .visible import within

POINTS = 3000
"""Pixels of a view that are warped, on an even grid."""
COARSE = 64
"""Of these, how many tell which other views may show the same."""
PARALLAX = np.radians(10)
"""Between views from which a pair is as good as any to see what is wrong."""
AGREES, ALIKE = 0.05, 0.15
"""Relative depth and colour (of 0..1) within which a warped pixel is what the other view shows."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A view as it is warped: its camera, depth and colour, and some of its pixels at their depth.

    Parameters
    ----------
    camera : Camera
    depth : (H, W) float32
    color : (H, W, 3) uint8
    local : (n, 3) float64
        Points in the camera's own axes.
    shades : (n, 3) float32, 0..1
        Their colours.
    """

    camera: Camera
    depth: Depth
    color: NDArray[np.uint8]
    local: Array
    shades: NDArray[np.float32]

    def scaled(self, scale: float) -> Sheet:
        """Return the view as if its depths had been written in another unit."""
        return replace(self, depth=self.depth * np.float32(scale), local=self.local * scale)

    def seen_through(self, camera: Camera) -> Sheet:
        """Return the view as if another camera had taken it."""
        rays = camera.rays(self.camera.project(self.camera.to_world(self.local))[0])
        return replace(self, camera=camera, local=rays * self.local[:, 2:])


class Warp(NamedTuple):
    """What became of the pixels of one view in another.

    Parameters
    ----------
    inside : (n,) bool
        Which fall inside of the other picture, where its depth is known.
    depth : (m,) float64
        Relative differences of the depths, of those inside; positive where the pixel is behind what is seen.
    color : (m,) float64, 0..1
        Mean absolute differences over the channels.
    """

    inside: NDArray[np.bool_]
    depth: Array
    color: Array

    @property
    def agreement(self) -> float:
        """The share of all pixels that the other view shows as they are."""
        if not len(self.inside):
            return 0.0
        same = (np.abs(self.depth) < AGREES) & (self.color < ALIKE)
        return float(same.sum()) / len(self.inside)


def looked_at(scene: Scene, limit: int) -> list[str]:
    """Return views that stand for all: pairs of neighbours, evenly spread, with depth if any have it."""
    names = [view.name for view in scene.views if view.depth is not None] or list(scene.names)
    if len(names) <= limit:
        return names
    starts = np.linspace(0, len(names) - 2, limit // 2).round().astype(int)
    return [names[i] for i in np.unique(np.concatenate([starts, starts + 1]))]


def sheet(scene: Scene, name: str) -> Sheet | None:
    """Return a view as it is warped, or None if it has no depth.

    Raises
    ------
    InputError
        If its picture or depth cannot be read.
    """
    view = scene.view(name)
    if view.depth is None:
        return None
    depth, color = view.depth(), view.color()
    height, width = depth.shape
    stride = max(1, int((height * width / POINTS) ** 0.5))
    rows, columns = np.mgrid[stride // 2 : height : stride, stride // 2 : width : stride]
    known = depth[rows, columns] > 0
    rows, columns = rows[known], columns[known]
    pixels = np.stack([columns, rows], axis=1) + 0.5
    local = view.camera.rays(pixels) * depth[rows, columns][:, None]
    return Sheet(view.camera, depth, color, local, color[rows, columns].astype(np.float32) / 255)


def warp(of: Sheet, into: Sheet) -> Warp:
    """Carry pixels of one view into another."""
    pixels, far = into.camera.project(of.camera.to_world(of.local))
    inside = within(into.camera, pixels, far)
    at = np.floor(pixels[inside]).astype(np.int64)
    seen = into.depth[at[:, 1], at[:, 0]]
    known = seen > 0
    at, seen = at[known], seen[known]
    inside[inside] = known
    color = into.color[at[:, 1], at[:, 0]].astype(np.float32) / 255
    return Warp(
        inside,
        far[inside] / seen - 1,
        np.abs(color - of.shades[inside]).mean(axis=1, dtype=np.float64),
    )


def partners(sheets: Sequence[Sheet], count: int) -> list[tuple[int, int]]:
    """Return which views to warp into which: each into the next, and into those that seem to show the same.

    The next in order shows the same even where the poses are wrong; what seems to, from other places, tells
    the poses best. Both ways of a pair are kept: what hides a thing in one view, does not in the other.
    """
    pairs: dict[tuple[int, int], None] = {}
    for i in range(len(sheets) - 1):
        pairs[i, i + 1] = None
    for i, of in enumerate(sheets):
        worth = np.array([_worth(of, into) if i != j else 0.0 for j, into in enumerate(sheets)])
        for j in np.argsort(-worth, kind="stable")[:2]:
            if worth[j] > 0:
                pairs[i, int(j)] = None
    every = list(pairs)
    if len(every) > count:
        every = [every[i] for i in np.linspace(0, len(every) - 1, count).round().astype(int)]
    return every


def shuffles(count: int, times: int) -> Iterator[NDArray[np.int64]]:
    """Yield orders in which each of ``count`` things stands in another's place."""
    rng = np.random.default_rng(0)
    made = 0
    while made < times:
        order = rng.permutation(count)
        if (order != np.arange(count)).all():
            made += 1
            yield order


def _worth(of: Sheet, into: Sheet) -> float:
    """How much of a view another seems to show, from how far another place."""
    some = of.local[:: max(1, len(of.local) // COARSE)]
    if not len(some):
        return 0.0
    points = of.camera.to_world(some)
    inside = within(into.camera, *into.camera.project(points)).mean()
    middle = np.median(points, axis=0)
    one, other = of.camera.centre - middle, into.camera.centre - middle
    angle = np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other)
    return float(inside * min(1.0, 0.1 + angle / PARALLAX))
