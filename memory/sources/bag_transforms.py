"""The tree of frames that a bag's transforms make, and where a frame is in it at a time.

Every frame has at most one parent, as tf has it. A transform that never changes holds at all times; one that
does is interpolated between the two messages around a time, and nothing is extrapolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError

GAP = 1.0
"""Seconds between two transforms, beyond which nothing is known of what was between them ..."""
SLOW = 0.05
"""... unless they differ by no more than this, in metres and radians: corrections of a map come seldom."""
STILL = 1e-6
"""How much a transform that is published again and again may change and still be one that never does."""

Array = NDArray[np.float64]
Stamps = NDArray[np.int64]


@dataclass
class Edge:
    """What leads from a child frame to its parent: rows of x y z and quaternion x y z w, by time.

    A fixed one, of tf_static, holds at all times until it is said anew.
    """

    parent: str
    fixed: bool = False
    stamps: list[int] = field(default_factory=list)
    rows: list[tuple[float, ...]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Track:
    """Where a frame was at each of N times.

    Parameters
    ----------
    poses : (N, 4, 4) float64, metres
        From the frame to the root of its tree; meaningless where it is not known.
    known : (N,) bool
    root : str
    span : (int, int) or None, nanoseconds
        From when to when all that leads to the frame is known; None where nothing of it moves.
    """

    poses: Array
    known: NDArray[np.bool_]
    root: str
    span: tuple[int, int] | None


class Frames:
    """A tree of frames, filled by :meth:`add` and then asked."""

    def __init__(self) -> None:
        self._edges: dict[str, Edge] = {}
        self.conflicts: set[str] = set()

    def __contains__(self, frame: str) -> bool:
        return frame in self._edges

    @property
    def names(self) -> list[str]:
        """All frames there are, parents too."""
        return sorted({*self._edges, *(edge.parent for edge in self._edges.values())})

    def add(self, child: str, parent: str, stamp: int, row: Sequence[float], fixed: bool = False) -> None:
        """Take a transform: the child's place in its parent's axes.

        Parameters
        ----------
        stamp : int, nanoseconds
        row : x y z, metres, and a quaternion x y z w
            One that is no rotation, or not finite, is left out.
        fixed : bool
            Whether it holds at all times, as those of tf_static do: the last one is kept.
        """
        values = np.asarray(row, dtype=np.float64)
        if child == parent or not np.isfinite(values).all() or np.linalg.norm(values[3:]) < 0.5:
            return
        edge = self._edges.get(child)
        if (
            edge is not None and edge.parent != parent
        ):  # two publishers disagree on the tree; the first has it
            self.conflicts.add(f"{child} has the parents {edge.parent} and {parent}")
        elif edge is None or (fixed and edge.fixed):
            self._edges[child] = Edge(parent, fixed, [stamp], [tuple(row)])
        else:
            edge.stamps.append(stamp)
            edge.rows.append(tuple(row))

    def hang(self, child: str, parent: str, stamps: Sequence[int], rows: Sequence[Sequence[float]]) -> None:
        """Take all transforms of a frame, instead of those there may be; parameters as of :meth:`add`."""
        self._edges.pop(child, None)
        for stamp, row in zip(stamps, rows, strict=True):
            self.add(child, parent, stamp, row)

    def chain(self, frame: str) -> list[str]:
        """Return a frame and its parents, up to the root.

        Raises
        ------
        SceneError
            If they go round in a circle.
        """
        chain = [frame]
        while chain[-1] in self._edges:
            parent = self._edges[chain[-1]].parent
            if parent in chain:
                raise SceneError(f"its transforms go round in a circle: {' -> '.join([*chain, parent])}.")
            chain.append(parent)
        return chain

    def moves(self, frame: str) -> bool:
        """Tell whether a frame moves in its root's axes at any time."""
        return any(not _constant(self._sorted(name)[1]) for name in self.chain(frame)[:-1])

    def track(self, frame: str, stamps: Stamps) -> Track:
        """Return where a frame was at times, (N,) int64 nanoseconds; errors as of :meth:`chain`."""
        poses, known = np.tile(np.eye(4), (len(stamps), 1, 1)), np.ones(len(stamps), dtype=bool)
        chain = self.chain(frame)
        for name in chain[:-1]:
            step, seen = _between(*self._sorted(name), stamps)
            poses, known = step @ poses, known & seen
        return Track(poses, known, chain[-1], self._span(chain))

    def _span(self, chain: Sequence[str]) -> tuple[int, int] | None:
        edges = [self._sorted(name) for name in chain[:-1]]
        moving = [stamps for stamps, rows in edges if not _constant(rows)]
        if not moving:
            return None
        return max(int(stamps[0]) for stamps in moving), min(int(stamps[-1]) for stamps in moving)

    def _sorted(self, child: str) -> tuple[Stamps, Array]:
        edge = self._edges[child]
        stamps = np.array(edge.stamps, dtype=np.int64)
        _, order = np.unique(stamps, return_index=True)
        rows = np.array(edge.rows)[order]
        rows[:, 3:] /= np.linalg.norm(rows[:, 3:], axis=1, keepdims=True)
        return stamps[order], rows


def _constant(rows: Array) -> bool:
    """Tell whether transforms are one: positions alike, and quaternions up to their sign."""
    alike = np.abs(np.abs(rows[:, 3:] @ rows[0, 3:]) - 1) < STILL**2  # radians squared over eight
    return bool(alike.all() and (np.abs(rows[:, :3] - rows[0, :3]) < STILL).all())


def _alike(one: Array, other: Array) -> NDArray[np.bool_]:
    """Tell for each of two rows of transforms whether they differ by little."""
    angle = 2 * np.arccos(np.clip(np.abs((one[:, 3:] * other[:, 3:]).sum(axis=1)), 0, 1))
    moved = np.linalg.norm(one[:, :3] - other[:, :3], axis=1)
    return np.asarray((angle < SLOW) & (moved < SLOW), dtype=bool)


def _between(known: Stamps, rows: Array, stamps: Stamps) -> tuple[Array, NDArray[np.bool_]]:
    """Interpolate transforms, (M, 7) at ``known`` times, at other times: linear, and slerp (Shoemake 1985).

    Returns
    -------
    transforms : (N, 4, 4)
    seen : (N,) bool
        Whether they are known then.
    """
    from scipy.spatial.transform import Rotation, Slerp

    out = np.tile(np.eye(4), (len(stamps), 1, 1))
    if _constant(rows):
        out[:, :3, :3] = Rotation.from_quat(rows[0, 3:]).as_matrix()
        out[:, :3, 3] = rows[0, :3]
        return out, np.ones(len(stamps), dtype=bool)
    after = np.clip(np.searchsorted(known, stamps), 1, len(known) - 1)
    exact = (known[after] == stamps) | (known[after - 1] == stamps)
    seen = (stamps >= known[0]) & (stamps <= known[-1])
    seen &= exact | (known[after] - known[after - 1] <= GAP * 1e9) | _alike(rows[after - 1], rows[after])
    # From the first on: nanoseconds since 1970 do not fit a float.
    at, times = np.clip(stamps - known[0], 0, known[-1] - known[0]) / 1e9, (known - known[0]) / 1e9
    out[:, :3, :3] = Slerp(times, Rotation.from_quat(rows[:, 3:]))(at).as_matrix()
    out[:, :3, 3] = np.stack([np.interp(at, times, rows[:, axis]) for axis in range(3)], axis=1)
    return out, seen
