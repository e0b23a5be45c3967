"""Spread: times to look at, shared fairly by several stretches of a video."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate


def spread(ranges: Sequence[tuple[float, float]], count: int) -> list[float]:
    """Place ``count`` times evenly over the ranges as if they were one after the other.

    However many ranges there are, they share one budget, each by its length (as Deep Video Discovery,
    arXiv 2505.18079, samples clips); stretches that overlap are looked at once.

    Parameters
    ----------
    ranges : of (start, end), seconds, start <= end; at least one
    count : int, at least 1

    Returns
    -------
    list of float
        In ascending order, the middles of ``count`` equal parts; for a single instant that instant, once.
    """
    merged: list[tuple[float, float]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    ends = [*accumulate(end - start for start, end in merged)]
    total = ends[-1]
    if total == 0:
        return [start for start, _ in merged][:count]
    times = []
    for part in range(count):
        along = total * (part + 0.5) / count
        which = min(bisect(ends, along), len(merged) - 1)  # a last part of no length may round to the end
        before = ends[which - 1] if which else 0.0
        times.append(merged[which][0] + along - before)
    return times
