"""Uncertainty: intervals that hold the true value nine times in ten, and how likely an order of places is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..memory.geometry import Array
from ..memory.scene import Scene
from .surfaces import Surface, gap

WITHIN = 1.645
"""Standard deviations of a normal distribution within which nine of ten values lie."""
WIDER = 1.25
"""Errors of geometry are less normal than normal ones, and sizes of errors are themselves estimated."""
PROBES = 24
"""Places between two things at which it is looked up whether anything is there."""
SPREAD = 4
"""Views that a value is computed without, at most, to see how much hangs on one."""


def interval(value: float, sigma: float, below: float = 0.0, above: float = 0.0) -> tuple[float, float]:
    """Return the 90 % interval of a length, which is not negative.

    ``below`` and ``above`` are added for what was not seen, on one side.
    """
    half = WITHIN * WIDER * sigma
    return max(0.0, value - half - below), value + half + above


def holds(difference: float, sigma: float) -> float:
    """Return the probability that a difference is positive, given its standard deviation."""
    if sigma <= 0:
        return 1.0 if difference > 0 else 0.0
    return 0.5 * (1 + math.erf(difference / sigma / 2**0.5))


def spread(one: Surface, other: Surface) -> float:
    """Return one standard deviation of a gap by what single views say: the jackknife over views.

    Of many views those without which the gap could change are enough: the ones that saw its ends. A view
    that alone saw a side would make the gap jump without it; that is not an error of the gap, so that the
    median of the changes is taken, not their sum of squares (Tukey 1958 has the sum).
    """
    views = [int(view) for view in np.intersect1d(one.views, other.views)][:SPREAD]
    if len(views) < 3:
        return 0.0
    whole = gap(one, other).width
    changes = [abs(gap(one.without(view), other.without(view)).width - whole) for view in views]
    return float(np.median(changes))


def unknown(
    scene: Scene, views: Sequence[str], ends: tuple[Array, Array], least: float
) -> tuple[float, float]:
    """Return how far from each end of a gap nothing is known: no view saw the side there, nor through it.

    Parameters
    ----------
    scene : Scene
    views : sequence of str
    ends : (3,) and (3,)
    least : float
        Lengths up to this are as good as none.

    Returns
    -------
    (float, float)
        Zeros where no view has depth.
    """
    start, end = (np.asarray(one, dtype=np.float64) for one in ends)
    whole = float(np.linalg.norm(end - start))
    share = (np.arange(PROBES) + 0.5) / PROBES
    places = start + share[:, None] * (end - start)
    empty, looked = np.zeros(PROBES, dtype=bool), False
    for name in views:
        depth = scene.depth(name)
        if depth is None:
            continue
        looked = True
        pixels, far = scene.view(name).camera.project(places)
        height, width = depth.shape
        with np.errstate(invalid="ignore"):
            inside = (far > 0) & (pixels >= 0).all(axis=1) & (pixels < (width, height)).all(axis=1)
        column, row = pixels[inside].astype(np.int64).T
        # What lies on the surface that is seen there, such as a floor, is not hidden either.
        empty[inside] |= depth[row, column] > far[inside] - least / 2
    if not looked or whole <= least:
        return 0.0, 0.0
    first = int(np.argmax(empty)) if empty.any() else PROBES // 2
    last = int(np.argmax(empty[::-1])) if empty.any() else PROBES // 2
    found = (first / PROBES * whole, last / PROBES * whole)
    return tuple(length if length > least else 0.0 for length in found)  # type: ignore[return-value]
