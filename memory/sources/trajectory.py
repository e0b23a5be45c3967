"""Trajectories: poses at times, interpolated in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError

Array = NDArray[np.float64]


class Trajectory:
    """Camera-to-world poses over time.

    Parameters
    ----------
    times : (N,) float64, seconds
        In any order; of equal ones the first counts.
    places : (N, 3) float64, metres
    quaternions : (N, 4) float64
        x y z w; made to length 1 here.
    source : str
        What they were read from, for errors.

    Raises
    ------
    SceneError
        If there is none, a number is not finite, or a quaternion is zero.
    """

    def __init__(self, times: Array, places: Array, quaternions: Array, source: str) -> None:
        from scipy.spatial.transform import Rotation

        if not len(times):
            raise SceneError(f"{source} holds no pose.", input=source)
        if not all(np.isfinite(array).all() for array in (times, places, quaternions)):
            raise SceneError(f"{source} holds a pose with a number that is not finite.", input=source)
        if not np.linalg.norm(quaternions, axis=1).all():
            raise SceneError(f"{source} holds a quaternion of length 0.", input=source)
        self.times, first = np.unique(times, return_index=True)
        self.places = places[first]
        self.rotations = Rotation.from_quat(quaternions[first])

    def at(self, t: float, gap: float) -> Array | None:
        """Return the pose at ``t`` as a (4, 4) matrix, by linear and spherical interpolation.

        None where ``t`` is outside of the poses by more than ``gap``, or they are further apart around it:
        then nobody knows what happened in between.
        """
        after = int(np.searchsorted(self.times, t))
        around = [i for i in (after - 1, after) if 0 <= i < len(self.times)]
        near = min(around, key=lambda i: abs(self.times[i] - t))
        if len(around) == 1 or self.times[near] == t:
            return self._pose(near, near, 0.0) if abs(self.times[near] - t) <= gap else None
        before, after = around
        length = self.times[after] - self.times[before]
        return self._pose(before, after, (t - self.times[before]) / length) if length <= gap else None

    def _pose(self, before: int, after: int, share: float) -> Array:
        turn = self.rotations[before].inv() * self.rotations[after]
        pose = np.eye(4)
        pose[:3, :3] = (self.rotations[before] * turn**share).as_matrix()
        pose[:3, 3] = (1 - share) * self.places[before] + share * self.places[after]
        return pose
