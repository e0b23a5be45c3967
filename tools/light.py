"""Light: bring one of two aligned pictures to the light and colour of the other; no change is explained away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

DARK, BRIGHT = 2, 253
"""Values up to which, and from which, a channel may have been clipped."""
WIDE = 60
"""Grey levels that the pixels must span for a parabola to be fitted."""
TOGETHER = 5.0
"""Grey levels within which two pixels show the same."""
CLEARLY = 0.05
"""Share of the pixels by which a parabola must bring more together than an offset does."""
ROUNDS = 4
"""Of fitting to the pixels that agree best so far."""
FINER, BIN, IN_BIN = 10.0, 8, 30
"""Grey levels that a curve may be corrected by at most, width of the bins of values that are corrected alike,
and pixels that a bin needs."""
SAMPLE = 40_000
"""Pixels that curves are fitted to."""

Values = NDArray[np.float32]
Curve = Callable[[NDArray[Any]], NDArray[Any]]


def fit_light(one: Values, two: Values, valid: NDArray[np.bool_]) -> Values:
    """Map each channel of ``two`` to ``one``, by what the pixels say that agree best.

    Parameters
    ----------
    one, two : (H, W, 3) float32, 0..255
    valid : (H, W) bool
        Where both show the scene.

    Returns
    -------
    (H, W, 3) float32
        ``two`` in the light of ``one``.
    """
    fitted = two.copy()
    step = max(1, int(np.sqrt(valid.size / SAMPLE)))
    sample = valid[::step, ::step]
    pairs = [
        _open(two[::step, ::step, channel][sample], one[::step, ::step, channel][sample])
        for channel in range(3)
    ]
    # A channel that is dark nearly everywhere says little of its bright values; light changes all alike.
    together = _parabola(*(np.concatenate(values) for values in zip(*pairs, strict=True)))
    for channel, (x, y) in enumerate(pairs):
        if len(x) < 100 or np.ptp(x) < 8:
            continue
        curve = _finer(_best(x, y, together), x, y)
        light = np.clip(curve(two[..., channel]), 0, 255)
        # What was too bright or too dark to be told apart may have been anything beyond.
        lost = ((two[..., channel] >= BRIGHT) & (one[..., channel] > light)) | (
            (two[..., channel] <= DARK) & (one[..., channel] < light)
        )
        fitted[..., channel] = np.where(lost, one[..., channel], light)
    return fitted


def _open(x: Values, y: Values) -> tuple[Values, Values]:
    """Return the pairs of values of which neither was clipped."""
    unclipped = (x > DARK) & (x < BRIGHT) & (y > DARK) & (y < BRIGHT)
    return x[unclipped], y[unclipped]


def _best(x: Values, y: Values, together: Curve | None) -> Curve:
    """Return an offset, or a parabola where that brings clearly more pixels together.

    In a plain scene with one thing changed a parabola would explain the thing away.
    """
    offset = np.median(y - x)
    curves: list[Curve | None] = [lambda values: values + offset, _parabola(x, y), together]
    known = [curve for curve in curves if curve is not None]
    explained = [float((np.abs(curve(x) - y) < TOGETHER).mean()) for curve in known]
    explained[0] += CLEARLY
    return known[int(np.argmax(explained))]


def _parabola(x: Values, y: Values) -> Curve | None:
    """Fit a parabola to the pixels that agree best; None where they span too few values."""
    if len(x) < 100:
        return None
    error = np.abs(y - x - np.median(y - x))
    for _ in range(ROUNDS):
        keep = error <= max(np.quantile(error, 0.6), TOGETHER)
        if np.ptp(np.quantile(x[keep], (0.02, 0.98))) < WIDE:
            return None
        parabola = np.polynomial.Polynomial.fit(x[keep], y[keep], 2)
        error = np.abs(parabola(x) - y)
    low, high = np.quantile(x[keep], (0.01, 0.99))
    slope = (parabola(high) - parabola(low)) / (high - low)

    def curve(values: NDArray[Any]) -> NDArray[Any]:
        # Beyond what was fitted a parabola goes anywhere: go on with its mean slope.
        inside = np.clip(values, low, high)
        return np.asarray(parabola(inside) + slope * (values - inside))

    return curve


def _finer(curve: Curve, x: Values, y: Values) -> Curve:
    """Add what the curve leaves, value by value, where that is too little to explain a change away."""
    left = y - curve(x)
    near = np.abs(left) < FINER
    bins = (x[near] / BIN).astype(int)
    known = [index for index in np.unique(bins) if (bins == index).sum() >= IN_BIN]
    if not known:
        return curve
    middles = [float(np.median(x[near][bins == index])) for index in known]
    medians = [float(np.median(left[near][bins == index])) for index in known]
    return lambda values: curve(values) + np.interp(values, middles, medians)
