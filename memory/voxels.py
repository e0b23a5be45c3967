"""Voxels: averages of all that fell into each small cube, whatever the order.

Sums are whole numbers (in float64, which holds them exactly), so that the order of the views changes nothing,
to the last bit; a nearer view has more pixels in a voxel, and counts for more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .geometry import Array

BITS = 21
"""Bits of a voxel's number along each axis."""
STEPS = 1 << 12
"""Into how many steps a voxel's side is divided for the sums, and the unit of a normal: some micrometres."""
COLUMNS = 10
"""Of a row of sums: the count, place, colour and normal."""
OFF = 0.382
"""Share of a voxel's side that borders are off the origin: floors and walls are at round numbers, and would
be split into two layers."""
WAITING = 200_000
"""New voxels that wait, at least, until they are sorted in among the others."""

Keys = NDArray[np.int64]
Sums = NDArray[np.float64]


class Averages(NamedTuple):
    """One row for each voxel: float32 points and normals, uint8 colours; and the views that saw it.

    Voxel i was seen by the views ``views[first[i]:first[i + 1]]``, as they were added.
    """

    points: NDArray[np.float32]
    colors: NDArray[np.uint8]
    normals: NDArray[np.float32]
    first: Keys
    views: NDArray[np.int32]


class Voxels:
    """Sums of all that fell into each voxel.

    Parameters
    ----------
    side : float
        Of a voxel.
    origin : (3,)
        Where voxels are counted from: a million of them fit to each side.
    """

    def __init__(self, side: float, origin: Array) -> None:
        self.side = side
        self._origin = origin / side + OFF
        self._keys: Keys = np.zeros(0, dtype=np.int64)  # sorted
        self._sums: Sums = np.zeros((0, COLUMNS))
        self._waiting: list[tuple[Keys, Sums]] = []
        self._seen: list[Keys] = []

    def summed(
        self, points: NDArray[np.float32], normals: NDArray[np.float32], colors: NDArray[np.uint8]
    ) -> tuple[Keys, Sums]:
        """Return what one view saw as sums of voxels, without what is a million voxels away from the origin.

        Parameters
        ----------
        points, normals : (N, 3) float32
        colors : (N, 3) uint8
        """
        places, keys, far = [], np.zeros(len(points), dtype=np.int64), np.zeros(len(points), dtype=bool)
        for axis in range(3):
            place = points[:, axis] / self.side - self._origin[axis]
            whole = np.floor(place)
            far |= np.abs(whole) >= 1 << (BITS - 1)
            keys = keys << BITS | (np.where(far, 0, whole).astype(np.int64) + (1 << (BITS - 1)))
            places.append(np.floor((place - whole) * STEPS))
        if far.any():
            return self.summed(points[~far], normals[~far], colors[~far])
        order = np.argsort(keys)
        steps = np.diff(keys[order], prepend=-1) > 0
        row = np.empty(len(keys), dtype=np.int64)
        row[order] = np.cumsum(steps) - 1
        turned = np.rint(normals * np.float32(STEPS))
        weights = [None, *places, *colors.T, *turned.T]
        sums = np.stack([np.bincount(row, weight) for weight in weights], axis=1).astype(np.float64)
        return keys[order][steps], sums

    def add(self, keys: Keys, sums: Sums) -> None:
        """Add what one view saw."""
        self._seen.append(keys)
        known = np.zeros(len(keys), dtype=bool)
        if len(self._keys):
            at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            known = self._keys[at] == keys
            self._sums[at[known]] += sums[known]
        if not known.all():
            self._waiting.append((keys[~known], sums[~known]))
            if sum(len(new) for new, _ in self._waiting) > max(WAITING, len(self._keys) // 4):
                self._merge()

    def averages(self) -> Averages:
        """Return the averages of all that was added."""
        self._merge()
        keys, sums = self._keys, self._sums
        count = sums[:, :1]
        cube = np.stack([keys >> 2 * BITS, keys >> BITS, keys], axis=1) & ((1 << BITS) - 1)
        place = cube - (1 << (BITS - 1)) + self._origin + (sums[:, 1:4] / count + 0.5) / STEPS
        normals = sums[:, 7:] / count
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return Averages(
            (place * self.side).astype(np.float32),
            np.rint(sums[:, 4:7] / count).astype(np.uint8),
            (normals / np.where(length > 0, length, 1)).astype(np.float32),
            *self._viewers(),
        )

    def _merge(self) -> None:
        keys = np.concatenate([self._keys, *(new for new, _ in self._waiting)])
        sums = np.concatenate([self._sums, *(new for _, new in self._waiting)])
        order = np.argsort(keys)
        starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        self._keys, self._waiting = keys[order][starts], []
        self._sums = np.add.reduceat(sums[order], starts, axis=0) if len(starts) else sums

    def _viewers(self) -> tuple[Keys, NDArray[np.int32]]:
        rows = [np.searchsorted(self._keys, keys) for keys in self._seen]
        counts = np.zeros(len(self._keys), dtype=np.int64)
        for row in rows:
            counts[row] += 1
        first = np.concatenate([[0], np.cumsum(counts)])
        views, filled = np.empty(int(first[-1]), dtype=np.int32), first[:-1].copy()
        for number, row in enumerate(rows):
            views[filled[row]] = number
            filled[row] += 1
        return first, views
