"""Depth maps: how noisy they are, what in them is no surface, which way surfaces face."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .geometry import Camera, Lens, grid

Map = NDArray[np.float32]

UNKNOWN = -50.0
"""Stands for the logarithm of an unknown depth: so far from all others that no filter mixes it in."""
QUIET = 0.002
"""Relative noise of pixels up to which a depth map is left as it is: rounding to a millimetre makes some."""
LINES = 200
"""Rows and columns whose noise is looked at, about."""
REACH = 5
"""Pixels over which the slope of a noisy surface is taken."""
FLYING = 0.03
"""Relative jump to the neighbours on both sides that makes a pixel one between two surfaces."""


class Surface(NamedTuple):
    """What one depth map shows.

    Parameters
    ----------
    depth : (h, w) float32
        0 where unknown, or where it was no surface.
    points, normals : (h, w, 3) float32, world
        Normals have length 1 and face the camera; both mean nothing where the depth is 0.
    noise : float
        Relative noise of one pixel, one standard deviation, before it was smoothed.
    """

    depth: Map
    points: Map
    normals: Map
    noise: float


def noise(depth: Map) -> float:
    """Return the relative noise of single pixels: one standard deviation.

    From second differences of the logarithm, whose median no surface and few edges move (Immerkaer 1996, with
    a median in the mean's place): errors that neighbouring pixels share are not seen here.

    Parameters
    ----------
    depth : (H, W) float32, 0 where unknown
    """
    logs = _logs(depth)
    some = max(1, max(depth.shape) // LINES)
    across, down = logs[some // 2 :: some], logs[:, some // 2 :: some].T
    bends = []
    for lines in (across, down):
        left, middle, right = lines[:, :-2], lines[:, 1:-1], lines[:, 2:]
        known = (left > UNKNOWN / 2) & (middle > UNKNOWN / 2) & (right > UNKNOWN / 2)
        bends.append((left - 2 * middle + right)[known])
    every = np.abs(np.concatenate(bends))
    if not every.size:
        return 0.0
    return float(np.median(every)) / 0.6745 / 6**0.5


def surface(camera: Camera, depth: Map, stride: int = 1) -> Surface:
    """Return the surface that a depth map shows, cleaned and, where it is noisy, smoothed.

    Pixels between two surfaces ("flying": far from the neighbours on both sides) are dropped, those at the
    border of one surface stay: extents are not eaten away. Noise is smoothed within surfaces by a bilateral
    filter of the depth's logarithm, in which noise is the same near and far.

    Parameters
    ----------
    camera : Camera
    depth : (H, W) float32 of the camera's size, 0 where unknown
    stride : int
        Every how many pixels a point is taken, both ways.
    """
    rough = noise(depth)
    logs = _logs(depth)
    if rough > QUIET:
        logs = _smoothed(logs, rough)
    logs[_flying(logs, max(FLYING, 4 * rough))] = UNKNOWN
    some = slice(stride // 2, None, stride)
    across, down = _slopes(logs, 1 if rough <= QUIET else REACH, some)
    logs = logs[some, some]
    thin = np.where(logs > UNKNOWN / 2, np.exp(logs), 0).astype(np.float32)
    rays, still, right, below = _tangents(camera.lens, stride)
    normals = still + across[..., None] * right + down[..., None] * below
    length = np.sqrt(np.einsum("hwc,hwc->hw", normals, normals))
    normals *= (-np.sign(np.einsum("hwc,hwc->hw", normals, rays)) / length)[..., None]
    rotation = camera.camera_to_world[:3, :3].astype(np.float32)
    points = (rays * thin[..., None]) @ rotation.T + camera.centre.astype(np.float32)
    return Surface(thin, points.astype(np.float32), (normals @ rotation.T).astype(np.float32), rough)


def _logs(depth: Map) -> Map:
    known = depth > 0
    return np.where(known, np.log(np.where(known, depth, 1)), np.float32(UNKNOWN)).astype(np.float32)


def _smoothed(logs: Map, rough: float) -> Map:
    import cv2

    smooth = cv2.bilateralFilter(logs, 7, 3.5 * rough, 3)
    return np.where(logs > UNKNOWN / 2, smooth, np.float32(UNKNOWN)).astype(np.float32)


def _flying(logs: Map, jump: float) -> NDArray[np.bool_]:
    """Pixels with a jump on both sides, of one sign, where the surfaces beyond do not go on so."""
    flying = np.zeros(logs.shape, dtype=bool)
    for axis in (0, 1):
        step = np.diff(logs, axis=axis)
        before, after = (step[:-1], step[1:]) if axis == 0 else (step[:, :-1], step[:, 1:])
        both = (np.abs(before) > jump) & (np.abs(after) > jump) & (before * after > 0)
        inner = flying[1:-1] if axis == 0 else flying[:, 1:-1]
        inner |= both
    return flying


def _slopes(logs: Map, reach: int, some: slice) -> tuple[Map, Map]:
    """Slope of the logarithm per pixel, across and down: to the side whose depth is nearer, or to both."""
    slopes: list[Map] = []
    for axis in (1, 0):
        here = logs[some, some]
        ahead = _shift(logs, reach, axis)[some, some] - here
        back = here - _shift(logs, -reach, axis)[some, some]
        step = np.where(np.abs(ahead) <= np.abs(back), ahead, back)
        alike = np.abs(ahead - back) < np.abs(step) + 0.01
        slopes.append((np.where(alike, (ahead + back) / 2, step) / reach).astype(np.float32))
    return slopes[0], slopes[1]


@lru_cache(8)
def _tangents(lens: Lens, stride: int) -> tuple[Map, Map, Map, Map]:
    """Rays, and the parts of a normal: without slope, and for a slope of 1 across and down.

    With a point = ray * depth and s = d log(depth), a surface's tangents are ray_x + s_x ray and
    ray_y + s_y ray; their cross product is linear in s_x and s_y but for a term that vanishes.
    """
    rays = grid(lens)
    across, down = np.gradient(rays, axis=1), np.gradient(rays, axis=0)
    parts = (rays, np.cross(across, down), np.cross(rays, down), np.cross(across, rays))
    some = slice(stride // 2, None, stride)
    thin = [np.ascontiguousarray(part[some, some], dtype=np.float32) for part in parts]
    for part in thin:
        part.flags.writeable = False
    return thin[0], thin[1], thin[2], thin[3]


def _shift(logs: Map, by: int, axis: int) -> Map:
    """``result[i] = logs[i + by]``, the border unknown."""
    out = np.full_like(logs, UNKNOWN)
    size = logs.shape[axis]
    to = slice(0, size - by) if by > 0 else slice(-by, size)
    of = slice(by, size) if by > 0 else slice(0, size + by)
    if axis == 0:
        out[to] = logs[of]
    else:
        out[:, to] = logs[:, of]
    return out
