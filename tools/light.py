"""Light: bring one of two aligned pictures to the light of the other, so that no change is explained away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
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
SMOOTH = 1.5
"""Deviation, in pixels, of the blur that curves are fitted behind."""
FARTHEST = 60.0
"""Grey levels that light alone may move most pixels of a channel."""
EVEN = 16.0
"""Grey levels within two pixels up to which a pixel lies in an even part."""
FEWEST, SHARE = 100, 0.25
"""Unclipped pixels, in all and of all, that a channel needs for a curve of its own."""
MANY, TRIES, AGREE, SLACK = 3, 150, 0.6, 0.02
"""Of the curve of all channels: values it needs, guesses, share of the values that must agree, and share of a
channel's pixels that it may bring together less than the channel's own."""
FLAT, STEEP = 0.4, 2.5
"""Slopes beyond which a curve is no light's."""
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
    # Noise in what a curve is fitted to flattens it: each cluster of values is drawn to its mean.
    blurred = [np.asarray(cv2.GaussianBlur(image, (0, 0), SMOOTH), np.float32) for image in (two, one)]
    smooth = [image[::step, ::step] for image in blurred]
    # Beside an edge it is a mixture, with white that was clipped perhaps: that is no value's light.
    flat = np.logical_and(*(contrast(image) < EVEN for image in blurred))[::step, ::step] & sample
    if flat.sum() > SHARE * sample.sum():
        sample = flat
    pairs = [_open(smooth[0][..., channel][sample], smooth[1][..., channel][sample]) for channel in range(3)]
    together = _together(pairs)
    # Where light has made most of it white, the rest is all that tells how.
    washed_out = (smooth[0] >= BRIGHT).mean() > (smooth[1] >= BRIGHT).mean() + SHARE
    for channel, (x, y) in enumerate(pairs):
        curve: Curve | None
        if len(x) >= max(FEWEST, SHARE * sample.sum()) or (len(x) >= FEWEST and washed_out):
            curve = _finer(_best(x, y, together), x, y)
        elif (curve := together) is None:
            continue
        light = np.clip(curve(two[..., channel]), 0, 255)
        fitted[..., channel] = _beyond(one[..., channel], two[..., channel], light)
    return fitted


def _beyond(one: Values, two: Values, light: Values) -> Values:
    """Return a channel's light, and what was too bright or too dark to be told apart as it may have been.

    Beyond the clipped value it may have been anything: what the first picture shows there, if that lies
    beyond; if not, what such pixels were that are of one plain.
    """
    for clipped, beyond in ((two >= BRIGHT, one > light), (two <= DARK, one < light)):
        lost = clipped & beyond
        if lost.sum() >= FEWEST and np.ptp(np.quantile(one[lost], (0.1, 0.9))) < EVEN:
            light = np.where(clipped & ~beyond, np.median(one[lost]), light)
        light = np.where(lost, one, light)
    return light


def contrast(image: Values) -> Values:
    """Return the largest difference within two pixels, over channels."""
    kernel = np.ones((5, 5), np.uint8)
    return np.asarray((cv2.dilate(image, kernel) - cv2.erode(image, kernel)).max(2), np.float32)


def _open(x: Values, y: Values) -> tuple[Values, Values]:
    """Return the pairs of values of which neither was clipped."""
    unclipped = (x > DARK) & (x < BRIGHT) & (y > DARK) & (y < BRIGHT)
    return x[unclipped], y[unclipped]


def _best(x: Values, y: Values, together: Curve | None) -> Curve:
    """Return the curve of all channels, if there is one; else an offset, or a parabola if clearly better.

    In a plain scene with one thing changed a parabola of the pixels would explain the thing away.
    """
    offset = float(np.median(y - x))
    if abs(offset) > FARTHEST:  # what is seen there is something else
        offset = 0.0
    curves: list[Curve] = [lambda values: values + offset]
    if (parabola := _parabola(x, y)) is not None:
        curves.append(parabola)
    every = [*curves, *([together] if together else [])]
    explained = [float((np.abs(curve(x) - y) < TOGETHER).mean()) for curve in every]
    if together is not None and explained[-1] >= max(explained) - SLACK:
        return together
    return curves[-1] if explained[len(curves) - 1] > explained[0] + CLEARLY else curves[0]


def _together(pairs: list[tuple[Values, Values]]) -> Curve | None:
    """Find the parabola that most values of all channels agree on, however few pixels have them.

    A scene of one large plain and a few small things shows its light in the things, and most of them have
    not changed. None where too few values agree, or a curve of no light does.
    """
    points = np.array([point for x, y in pairs for point in _values(x, y)]).reshape(-1, 2)
    if len(points) < MANY:
        return None
    x, y = points.T
    best, most, found = None, AGREE * len(x), 0
    for degree in (1, 2):  # a line, unless a parabola brings more values together
        guesses = _guesses(x, y, degree)
        agree = np.abs(guesses @ x ** np.arange(degree, -1, -1)[:, None] - y) < TOGETHER
        ranked = np.argsort(-agree.sum(1), kind="stable")
        first = next((i for i in ranked if _is_light(guesses[i], x)), None)
        if first is not None and agree[first].sum() >= most + (best is not None):
            best, most, found = agree[first], float(agree[first].sum()), degree
    if best is None:
        return None
    coefficients = np.polyfit(x[best], y[best], found)
    if not _is_light(coefficients, x):
        return None
    return _held(np.poly1d(coefficients), float(x[best].min()), float(x[best].max()))


def _guesses(x: NDArray[Any], y: NDArray[Any], degree: int) -> NDArray[Any]:
    """Return the (TRIES, degree + 1) coefficients of curves through a few of the values, drawn at random."""
    rng = np.random.default_rng(0)
    few = rng.random((TRIES, len(x))).argsort(1)[:, : degree + 1]
    few = few[(np.diff(np.sort(x[few]), axis=1).min(1) > 1) & (np.ptp(x[few], axis=1) > WIDE)]
    powers = x[few][..., None] ** np.arange(degree, -1, -1)
    return np.asarray(np.linalg.solve(powers, y[few][..., None])[..., 0])


def _values(x: Values, y: Values) -> list[tuple[float, float]]:
    """Return the median of both pictures for each value of the second that enough pixels have."""
    bins = (x / BIN).astype(int)
    own = [bins == index for index in np.unique(bins)]
    return [(float(np.median(x[few])), float(np.median(y[few]))) for few in own if few.sum() >= IN_BIN]


def _is_light(coefficients: NDArray[Any], x: NDArray[Any]) -> bool:
    """Tell whether a parabola rises about as light does: neither flat nor steep anywhere."""
    slopes = np.polyval(np.polyder(coefficients), (x.min(), x.max()))
    return bool(slopes.min() > FLAT and slopes.max() < STEEP)


def _parabola(x: Values, y: Values) -> Curve | None:
    """Fit a parabola to the pixels that agree best; None where they span too few values."""
    error = np.abs(y - x - np.median(y - x))
    for _ in range(ROUNDS):
        keep = error <= max(np.quantile(error, 0.6), TOGETHER)
        if np.ptp(np.quantile(x[keep], (0.02, 0.98))) < WIDE:
            return None
        parabola = np.polynomial.Polynomial.fit(x[keep], y[keep], 2)
        error = np.abs(parabola(x) - y)
    low, high = np.quantile(x[keep], (0.01, 0.99))
    return _held(parabola, float(low), float(high))


def _held(parabola: Curve, low: float, high: float) -> Curve:
    """Go on with the mean slope beyond what was fitted: there a parabola goes anywhere."""
    slope = (parabola(np.array(high)) - parabola(np.array(low))) / (high - low)

    def curve(values: NDArray[Any]) -> NDArray[Any]:
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
