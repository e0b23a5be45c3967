"""How far a scene's poses and depths are off, told by how far its views are from agreeing with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .depths import Map, surface
from .epipolar import matched, misses
from .geometry import Array, Camera, rigid
from .scene import Scene
from .visible import within
from .warps import looked_at

VIEWS = 16
"""Views that are compared, at most."""
SAMPLES = 1500
"""Points of each view that are looked up in each other view."""
PIXELS = 80_000
"""Of a view's depth map, thinned."""
ROUNDS = 8
GATES = 0.1, 0.015
"""How far apart two points of one surface may be, relative to the depth: in the first round and the last."""
ALIKE = 40
"""Grey levels that one surface's colours differ by in two views, at most."""
FACING = 0.5
"""Cosine between the normals of one surface, at least."""
PARTNERS = 7
"""Views that each view is compared with, at most."""
OVERLAP = 60
"""Points that two views must share to be compared."""
SHARED = 20.0
"""Neighbouring points err together: so many count as one."""
LOCATED = 0.7
"""Pixels that matched points are off where all is right."""
FIRST = 0.01
"""Radians, and share of the depth, by which poses are taken to be off before anything is known."""
SETTLING, SETTLED = 30, 60
"""Rounds in which the size of the poses' errors is found, each time the poses move and at last."""


class Noise(NamedTuple):
    """How far a scene is off; each number is one standard deviation.

    Parameters
    ----------
    depth_rel : float
        Of a single depth, relative to it.
    pose_m : float
        Of a camera's place along each axis, in the scene's unit.
    pose_rad : float
        Of a camera's direction about each axis, radians.
    pairs : int
        Pairs of views that this rests on; 0: nothing is known of the poses, and their zeros are no promise.
    """

    depth_rel: float = 0.0
    pose_m: float = 0.0
    pose_rad: float = 0.0
    pairs: int = 0


class _Frame(NamedTuple):
    """A view in its camera's axes: its thinned depth, points, normals and colours, and some of its pixels."""

    name: str
    camera: Camera
    stride: int
    depth: Map
    points: Map
    normals: Map
    colors: NDArray[np.uint8]
    some: NDArray[np.int64]
    noise: float


class _Met(NamedTuple):
    """Points of two views that show one surface: levers in both cameras' axes, how far off, how far away."""

    i: int
    j: int
    lever: Array
    other: Array
    off: Array
    far: Array


class Adjustment(NamedTuple):
    """How far views are off, and where they would be to agree with each other.

    Parameters
    ----------
    noise : Noise
    cameras : mapping of view's name to Camera
        Of the views that were compared, moved so that the surfaces that they see fall together.
    """

    noise: Noise
    cameras: Mapping[str, Camera]


def noise(scene: Scene, names: Sequence[str] | None = None) -> Noise:
    """Estimate how far poses and depths are off; see :func:`adjust`."""
    return adjust(scene, names).noise


def adjust(scene: Scene, names: Sequence[str] | None = None) -> Adjustment:
    """Estimate how far poses and depths are off, and put the poses right as far as views tell.

    Every view may move by a small turn and shift so that the surfaces seen by several views fall together
    (point-to-plane least squares, Chen and Medioni 1992). How large these movements are is found with them:
    by expectation and maximisation of a mixed linear model, in which what the views cannot tell stays open
    and what all share does not count. Without depths, from how far matched points are off epipolar lines.

    Parameters
    ----------
    scene : Scene
    names : sequence of str, optional
        Views that are compared; some of all by default.

    Returns
    -------
    Adjustment
    """
    frames = _frames(scene, looked_at(scene, VIEWS) if names is None else list(names))
    if not frames:
        return Adjustment(_of_matches(scene), {})
    rough = float(np.median([frame.noise for frame in frames]))
    moves = np.zeros((len(frames), 6))
    far = float(np.median(np.concatenate([f.points.reshape(-1, 3)[f.some, 2] for f in frames])))
    prior = np.array([FIRST, FIRST * far])
    met: list[_Met] = []
    pairs = [(i, j) for i in range(len(frames)) for j in range(len(frames)) if i != j]
    for gate in np.geomspace(*GATES, ROUNDS):
        met = _meetings(frames, moves, max(gate, 4 * rough), pairs)
        pairs = _closest(met)
        if not met:
            return Adjustment(Noise(depth_rel=rough), {})
        matrix, side = _equations(met, moves)
        prior = np.maximum(_spread(matrix, side, prior), FIRST / 50 * np.array([1.0, far]))
        solved = np.linalg.solve(matrix + _firm(prior, len(frames)), side)
        moves = np.asarray(solved, dtype=np.float64).reshape(-1, 6)
    turned, shifted = _spread(matrix, side, prior, SETTLED)
    compared = len({(min(one.i, one.j), max(one.i, one.j)) for one in met})
    apart = np.concatenate([np.abs(one.off) / one.far for one in met])
    left = float(np.median(apart)) / 0.6745 / 2**0.5
    cameras = {
        frame.name: frame.camera.posed(
            np.linalg.inv(rigid(move[:3], move[3:])) @ frame.camera.world_to_camera
        )
        for frame, move in zip(frames, moves, strict=True)
    }
    return Adjustment(Noise(max(rough, left), float(shifted), float(turned), compared), cameras)


def _frames(scene: Scene, names: Sequence[str]) -> list[_Frame]:
    frames = []
    for name in names:
        view = scene.view(name)
        try:
            if view.depth is None or not ((depth := view.depth()) > 0).any():
                continue
            color = view.color()
        except InputError:
            continue
        stride = max(1, int((depth.size / PIXELS) ** 0.5))
        seen = surface(view.camera.posed(np.eye(4)), depth, stride)
        thin = slice(stride // 2, None, stride)
        some = _spread_out(seen.depth, seen.normals)
        frames.append(
            _Frame(
                name,
                view.camera,
                stride,
                seen.depth,
                seen.points,
                seen.normals,
                color[thin, thin],
                some,
                seen.noise,
            )
        )
    return frames


def _spread_out(depth: Map, normals: Map) -> NDArray[np.int64]:
    """Choose pixels, more of rare normals: floors fill pictures, and leave half of a pose open."""
    known = np.flatnonzero(depth > 0)
    turned = np.rint(normals.reshape(-1, 3)[known] * 2).astype(np.int64) @ (25, 5, 1)
    _, kind, counts = np.unique(turned, return_inverse=True, return_counts=True)
    odds = 1 / np.sqrt(counts[kind.ravel()])
    count = min(SAMPLES, len(known))
    return np.sort(np.random.default_rng(0).choice(known, count, replace=False, p=odds / odds.sum()))


def _closest(met: Sequence[_Met]) -> list[tuple[int, int]]:
    """Keep for each view the others that share most with it: all pairs of many views would take minutes."""
    kept, partners = [], Counter[int]()
    for one in sorted(met, key=lambda one: -len(one.off)):
        if partners[one.i] < PARTNERS:
            partners[one.i] += 1
            kept.append((one.i, one.j))
    return kept


def _meetings(
    frames: Sequence[_Frame], moves: Array, gate: float, pairs: Sequence[tuple[int, int]]
) -> list[_Met]:
    poses = [
        frame.camera.camera_to_world @ rigid(move[:3], move[3:])
        for frame, move in zip(frames, moves, strict=True)
    ]
    back = [np.linalg.inv(pose) for pose in poses]
    found = [_meeting(i, j, frames[i], frames[j], back[j] @ poses[i], gate) for i, j in pairs]
    return [one for one in found if one is not None]


def _meeting(i: int, j: int, one: _Frame, other: _Frame, across: Array, gate: float) -> _Met | None:
    """Return what points of one view meet in the other, to which ``across`` carries them."""
    local = one.points.reshape(-1, 3)[one.some].astype(np.float64)
    there = local @ across[:3, :3].T + across[:3, 3]
    pixels, far = other.camera.posed(np.eye(4)).project(there)
    at = np.flatnonzero(within(other.camera, pixels, far))
    column, row = (pixels[at] / other.stride).astype(np.int64).T
    height, width = other.depth.shape
    row, column = np.minimum(row, height - 1), np.minimum(column, width - 1)
    seen = other.points[row, column].astype(np.float64)
    normal = other.normals[row, column].astype(np.float64)
    facing = one.normals.reshape(-1, 3)[one.some[at]] @ across[:3, :3].T
    shade = one.colors.reshape(-1, 3)[one.some[at]].astype(np.int16) - other.colors[row, column]
    off = np.einsum("ij,ij->i", normal, there[at] - seen)
    fits = (other.depth[row, column] > 0) & (np.linalg.norm(there[at] - seen, axis=1) < gate * far[at])
    fits &= (np.abs(shade).max(axis=1) < ALIKE) & (np.einsum("ij,ij->i", facing, normal) > FACING)
    if fits.sum() < OVERLAP:
        return None
    back = normal[fits] @ across[:3, :3]
    mine, yours = local[at[fits]], seen[fits]
    lever = np.concatenate([np.cross(mine, back), back], axis=1)
    against = np.concatenate([np.cross(yours, normal[fits]), normal[fits]], axis=1)
    return _Met(i, j, lever, against, off[fits], far[at[fits]])


def _equations(met: Sequence[_Met], moves: Array) -> tuple[Array, Array]:
    """Return the normal equations of all movements; errors of neighbouring points count as one."""
    matrix, side = np.zeros((moves.size, moves.size)), np.zeros(moves.size)
    every = np.concatenate([one.off / one.far for one in met])
    scale = max(float(np.median(np.abs(every))) / 0.6745, 1e-4)
    for one in met:
        rest = one.off / one.far / scale
        weight = 1 / (1 + (rest / 3) ** 2) / (scale * one.far) ** 2 / SHARED
        left, right = slice(6 * one.i, 6 * one.i + 6), slice(6 * one.j, 6 * one.j + 6)
        aim = one.lever @ moves[one.i] - one.other @ moves[one.j] - one.off
        heavy, counter = one.lever * weight[:, None], one.other * weight[:, None]
        matrix[left, left] += heavy.T @ one.lever
        matrix[right, right] += counter.T @ one.other
        matrix[left, right] -= heavy.T @ one.other
        matrix[right, left] -= counter.T @ one.lever
        side[left] += heavy.T @ aim
        side[right] -= counter.T @ aim
    return matrix, side


def _spread(matrix: Array, side: Array, prior: Array, rounds: int = SETTLING) -> Array:
    """Return the standard deviation of turns and shifts, (2,): expectation and maximisation."""
    count = len(side) // 6
    for _ in range(rounds):
        before = prior
        covariance = np.linalg.inv(matrix + _firm(prior, count))
        square = (covariance @ side) ** 2 + np.diag(covariance)
        prior = np.sqrt(square.reshape(count, 2, 3).mean(axis=(0, 2)))
        if np.allclose(prior, before, rtol=2e-3, atol=0):
            break
    return prior


def _firm(prior: Array, count: int) -> Array:
    return np.diag(np.tile(np.repeat(1 / prior**2, 3), count))


def _of_matches(scene: Scene) -> Noise:
    """Tell without depths what of the views' directions matched points tell, as if the places were right."""
    pictures, cameras = [], []
    for name in looked_at(scene, VIEWS):
        try:
            pictures.append(scene.view(name).color())
        except InputError:
            continue
        cameras.append(scene.view(name).camera)
    matches = matched(pictures, [(i, i + gap) for gap in (1, 2) for i in range(len(cameras) - gap)])
    off = misses(matches, cameras)
    if not len(off):
        return Noise()
    focal = float(np.median([camera.intrinsics[0, 0] for camera in cameras]))
    spread = max((float(np.median(off)) / 0.6745) ** 2 - LOCATED**2, 0.0) ** 0.5
    return Noise(pose_rad=spread / focal, pairs=len(matches))
