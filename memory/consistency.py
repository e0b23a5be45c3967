"""Consistency: whether a scene's poses, depths, units and intrinsics fit each other, before it is asked of.

Views are warped into each other. A shuffled control does the same with the poses in each other's place: what
fits no better than that, does not fit. Where something else fits better, the verdict names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import BaseModel, ConfigDict

from ..errors import InputError
from .epipolar import matched, misses
from .floor import ground, upward
from .fusion import Cloud, extent, fuse
from .noise import Noise, adjust, noise
from .placed import Vector
from .scene import Scene
from .suspicions import suspicions
from .verdicts import GOOD, NO_BETTER, Fit, fit, judge, middle
from .visible import coverage
from .warps import Sheet, looked_at, partners, sheet, shuffles

VIEWS = 24
"""Views that are warped, at most."""
FUSED = 60
"""Views that are fused to tell extent and coverage, at most."""
PAIRS = 48
"""Pairs of views that are warped, at most."""
WIDEST, OTHER = 2.5, 1.05
"""How many times too large or small depths may be for that to be found, and how many for it to be told."""
SHUFFLES = 3
"""Controls; the median of them is reported."""
PIXELS = 3.0
"""Median distance from the epipolar line from which on something is wrong."""

__all__ = ["Consistency", "Noise", "SceneInfo", "compare", "inspect", "noise", "sheets_of"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Consistency(_Record):
    """How well views fit each other when they are warped into one another.

    Parameters
    ----------
    depth_rel, depth_rel_shuffled : float or None
        Median relative difference of depths, and the same with the poses in each other's place.
    colour, colour_shuffled : float or None, 0..1
        Mean absolute difference of colours.
    overlap : float or None, 0..1
        Share of a view's pixels that fall into the other, over the pairs.
    agreement : float or None, 0..1
        Share of a view's pixels that the other shows with about the same depth and colour.
    epipolar, epipolar_shuffled : float or None, pixels
        Without depth: median distance of matched points from where the other view says that they lie.
    depth_noise, pose_degrees, pose_noise : float or None
        How far single depths (relative), directions and places of the cameras are off: standard deviations.
    pairs : int
        Pairs of views that were compared.
    fits : bool or None
        None where nothing can be told.
    verdict : str
        The finding in words, and what is suspected.
    """

    depth_rel: float | None = None
    depth_rel_shuffled: float | None = None
    colour: float | None = None
    colour_shuffled: float | None = None
    overlap: float | None = None
    agreement: float | None = None
    epipolar: float | None = None
    epipolar_shuffled: float | None = None
    depth_noise: float | None = None
    pose_degrees: float | None = None
    pose_noise: float | None = None
    pairs: int = 0
    fits: bool | None = None
    verdict: str


class SceneInfo(_Record):
    """What a scene is, and whether it fits together.

    Parameters
    ----------
    source, format, convention : str
        As of :class:`~.scene.Scene`.
    metric : bool
    unit : str
    views, with_depth : int
    sizes : tuple of (width, height)
        All that occur.
    depth_range : (low, high) or None
        The first and the last hundredth of the depths of the views looked at.
    extent : (3,) or None
        Along the world's axes, but for stray points.
    coverage : float or None, 0..1
        Share of the points seen that at least two views see.
    up : (3,)
    up_from : str
        "the format", "the floor" or "the cameras".
    floor : float or None
        Height of the floor along ``up``.
    consistency : Consistency
    times : (first, last) or None, seconds
    missing : tuple of str
        What the files do not tell, and what that means.
    warnings : tuple of str
        What was left out or repaired.
    """

    source: str
    format: str
    convention: str
    metric: bool
    unit: str
    views: int
    with_depth: int
    sizes: tuple[tuple[int, int], ...]
    depth_range: tuple[float, float] | None
    extent: Vector | None
    coverage: float | None
    up: Vector
    up_from: str
    floor: float | None
    consistency: Consistency
    times: tuple[float, float] | None
    missing: tuple[str, ...]
    warnings: tuple[str, ...]


def inspect(scene: Scene, pairs: int = PAIRS) -> SceneInfo:
    """Look a scene over: what there is, what is missing, and whether views fit each other.

    Parameters
    ----------
    scene : Scene
    pairs : int
        Pairs of views that are compared, at most.
    """
    sheets, warnings = sheets_of(scene)
    consistency = compare(scene, sheets, pairs)
    cloud = _cloud(scene, warnings)
    floor = ground(cloud, scene) if cloud is not None else None
    up = floor.up if floor is not None else upward(scene)[0]
    times = [view.t for view in scene.views if view.t is not None]
    box = extent(cloud.points) if cloud is not None and len(cloud) else None
    with_depth = sum(view.depth is not None for view in scene.views)
    return SceneInfo(
        source=scene.source,
        format=scene.format,
        convention=scene.convention,
        metric=scene.metric,
        unit=scene.unit,
        views=len(scene),
        with_depth=with_depth,
        sizes=tuple(sorted({(view.camera.size.width, view.camera.size.height) for view in scene.views})),
        depth_range=_range([part for _, part in sheets]),
        extent=None if box is None else _vector(box[1] - box[0]),
        coverage=_covered(scene, cloud) if cloud is not None and len(cloud) else None,
        up=_vector(up),
        up_from="the floor" if floor is not None else "the format" if scene.up is not None else "the cameras",
        floor=None if floor is None else floor.height,
        consistency=consistency,
        times=(min(times), max(times)) if times else None,
        missing=tuple(_missing(scene, with_depth, len(times))),
        warnings=(*scene.warnings, *warnings),
    )


def compare(scene: Scene, sheets: Sequence[tuple[int, Sheet]], pairs: int = PAIRS) -> Consistency:
    """Warp views into each other, with the poses as they are, shuffled, and as suspected.

    Parameters
    ----------
    scene : Scene
    sheets : sequence of (number of the view in the scene, Sheet)
        As :func:`sheets_of` makes them.
    pairs : int
        At most so many.
    """
    if len(scene) < 2:
        return Consistency(verdict="There is one view, and nothing to compare it with: distances rest on it.")
    if len(sheets) < 2:
        return _by_matches(scene, pairs)
    views = [part for _, part in sheets]
    which = partners(views, pairs)
    stated = fit(views, which)
    control = middle(
        [
            fit([replace(view, camera=views[k].camera) for view, k in zip(views, order, strict=True)], which)
            for order in shuffles(len(views), SHUFFLES)
        ]
    )
    others = [(fit([one.applied(*part) for part in sheets], which), one.words) for one in suspicions(scene)]
    if stated.depth > GOOD:
        others += _other_unit(views, which)
    names = scene.names
    found, cameras = adjust(scene, [names[number] for number, _ in sheets])
    right = [replace(part, camera=cameras.get(names[number], part.camera)) for number, part in sheets]
    fits, verdict = judge(views, stated, control, others, fit(right, which), found, scene.unit)
    return Consistency(
        depth_rel=_number(stated.depth),
        depth_rel_shuffled=_number(control.depth),
        colour=_number(stated.color),
        colour_shuffled=_number(control.color),
        overlap=stated.overlap,
        agreement=stated.agreement,
        depth_noise=found.depth_rel,
        pose_degrees=float(np.degrees(found.pose_rad)) if found.pairs else None,
        pose_noise=found.pose_m if found.pairs else None,
        pairs=len(which),
        fits=fits,
        verdict=verdict,
    )


def _other_unit(views: Sequence[Sheet], which: Sequence[tuple[int, int]]) -> list[tuple[Fit, str]]:
    """Return how well the views fit with depths in the unit that fits best, if that is another one."""
    factors = np.geomspace(1 / WIDEST, WIDEST, 25)
    for _ in range(3):
        fits = [fit([view.scaled(float(factor)) for view in views], which) for factor in factors]
        best = max(range(len(factors)), key=lambda k: fits[k].agreement)
        step = factors[1] / factors[0]
        factor, found = float(factors[best]), fits[best]
        factors = np.geomspace(factor / step, factor * step, 7)
    if 1 / OTHER < factor < OTHER:
        return []
    words = f"depths {factor:.2f} times as large fit better: they and the poses are in different units"
    return [(found, words)]


def _by_matches(scene: Scene, pairs: int) -> Consistency:
    """Compare views without depth: by points matched between neighbours."""
    names = [view.name for view in scene.views]
    some = names if len(names) <= VIEWS else looked_at(scene, VIEWS)
    pictures, cameras = [], []
    for name in some:
        try:
            pictures.append(scene.view(name).color())
        except InputError:
            continue
        cameras.append(scene.view(name).camera)
    near = [(i, i + gap) for gap in (1, 2) for i in range(len(cameras) - gap)][:pairs]
    matches = matched(pictures, near)
    stated = misses(matches, cameras)
    if not len(stated):
        return Consistency(
            pairs=len(near),
            verdict="The views have no depth, and too few points that match to tell whether the poses fit.",
        )
    off = float(np.median(stated))
    orders = shuffles(len(cameras), SHUFFLES)
    control = float(np.median([np.median(misses(matches, [cameras[k] for k in order])) for order in orders]))
    words = f"matched points are {off:.1f} pixels off, {control:.1f} with the poses shuffled"
    fits: bool | None = True
    verdict = f"The views have no depth; their poses fit: {words}."
    if off > PIXELS or off > NO_BETTER * control:
        fits = False if off > PIXELS else None
        verdict = f"The views have no depth; their poses do not fit: {words}."
        if fits is None:
            verdict = f"The views have no depth, and cannot tell whether the poses are right: {words}."
    return Consistency(
        epipolar=off, epipolar_shuffled=control, pairs=len(matches), fits=fits, verdict=verdict
    )


def sheets_of(scene: Scene) -> tuple[list[tuple[int, Sheet]], list[str]]:
    """Return views with depth, each with its number in the scene, and what is wrong with others."""
    numbers = {name: number for number, name in enumerate(scene.names)}
    sheets, warnings = [], []
    for name in looked_at(scene, VIEWS):
        try:
            found = sheet(scene, name)
        except InputError as error:
            warnings.append(f"view {name!r}: {error.message}")
            continue
        if found is not None and len(found.local):
            sheets.append((numbers[name], found))
    return sheets, warnings


def _cloud(scene: Scene, warnings: list[str]) -> Cloud | None:
    """Fuse some views; None, and a warning, where there is nothing to fuse."""
    names = looked_at(scene, FUSED)
    try:
        cloud = fuse(scene, names)
    except InputError as error:
        warnings.append(error.message)
        return None
    warnings += [problem for problem in cloud.left_out if problem not in warnings]
    return cloud


def _covered(scene: Scene, cloud: Cloud) -> float | None:
    if not cloud.names:
        return None
    return float((coverage(scene, cloud.names, cloud).sum(axis=0) >= 2).mean())


def _range(sheets: Sequence[Sheet]) -> tuple[float, float] | None:
    if not sheets:
        return None
    low, high = np.percentile(np.concatenate([part.local[:, 2] for part in sheets]), (1, 99))
    return float(low), float(high)


def _missing(scene: Scene, with_depth: int, timed: int) -> list[str]:
    count = len(scene)
    said = []
    if not scene.metric:
        said.append("scale: nothing ties lengths to metres; answers are in scene units")
    if not with_depth:
        said.append("depth: points are found by intersecting rays of several views")
    elif with_depth < count:
        said.append(f"depth of {count - with_depth} of {count} views")
    if not timed:
        said.append("times: 'last seen' means the last in the order of the views")
    elif timed < count:
        said.append(f"times of {count - timed} of {count} views")
    if scene.up is None:
        said.append("up: told from the cameras and the floor")
    if count == 1:
        said.append("a second view: nothing can be checked against another")
    return said


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _vector(values: np.ndarray) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
