"""Verdicts: what to make of how well views fit each other as they are, shuffled, and read in other ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .noise import Noise
from .warps import Sheet, warp

GOOD, BAD = 0.01, 0.06
"""Relative differences of depths up to which nothing is suspected, and from which on something is wrong."""
NO_BETTER = 0.5
"""A difference above this share of the control's is no better than chance."""
CLEARLY = 0.1
"""How much more of the pixels must agree for another reading of the files to be suspected."""
MOSTLY = 0.5
"""Share of what falls into another view that must agree once poses are moved: floors alone agree easily."""
SHAKEN = 2.0
"""Degrees that poses may be off and still be called noisy, not wrong."""
STILL = 1e-4
"""Share of the depth by which cameras must be apart to be in two places."""
LOOKED = 0.02
"""Share of a view's pixels that another must show for two views to overlap."""


class Fit(NamedTuple):
    """How well views fit when they are warped into each other.

    Parameters
    ----------
    depth, color : float
        Median relative difference of depths, mean difference of colours (0..1); infinite where no view falls
        into another.
    overlap, agreement : float, 0..1
        Share of pixels that fall into the other view, and that are found there as they are.
    """

    depth: float
    color: float
    overlap: float
    agreement: float

    def __str__(self) -> str:
        if not np.isfinite(self.depth):
            return "no view falls into another"
        return f"depths differ by {self.depth:.1%} and {self.agreement:.0%} of the pixels agree"


def fit(views: Sequence[Sheet], pairs: Sequence[tuple[int, int]]) -> Fit:
    """Warp views into each other."""
    warps = [warp(views[i], views[j]) for i, j in pairs]
    depth = np.concatenate([one.depth for one in warps])
    color = np.concatenate([one.color for one in warps])
    overlap = float(np.mean([one.inside.mean() if len(one.inside) else 0.0 for one in warps]))
    agreement = float(np.mean([one.agreement for one in warps]))
    if not len(depth):
        return Fit(np.inf, np.inf, overlap, agreement)
    return Fit(float(np.median(np.abs(depth))), float(color.mean()), overlap, agreement)


def middle(fits: Sequence[Fit]) -> Fit:
    """Return the median of each number."""
    return Fit(*(sorted(values)[len(fits) // 2] for values in zip(*fits, strict=True)))


def judge(
    views: Sequence[Sheet],
    stated: Fit,
    control: Fit,
    others: Sequence[tuple[Fit, str]],
    moved: Fit,
    noise: Noise,
    unit: str,
) -> tuple[bool | None, str]:
    """Return whether the views fit (None: that cannot be told), and the verdict in words.

    Parameters
    ----------
    views : sequence of Sheet
    stated, control, moved : Fit
        As the files say; with the poses shuffled; with the poses moved by as little as makes them agree.
    others : sequence of (Fit, str)
        Other readings of the files, and what each would mean.
    noise : Noise
        How far the poses had to move.
    unit : str
        Of lengths.
    """
    centres = np.stack([view.camera.centre for view in views])
    far = float(np.median(np.concatenate([view.local[:, 2] for view in views])))
    if np.ptp(centres, axis=0).max() < STILL * far:
        return None, (
            "All cameras stand in one place: there is no parallax, and nothing but the depths tells how far "
            "things are."
        )
    suspected = [
        (other, words)
        for other, words in others
        if (other.agreement > stated.agreement + CLEARLY and not other.depth > 0.6 * stated.depth)
        or (other.agreement >= stated.agreement and stated.depth > GOOD and other.depth < stated.depth / 2)
    ]
    best, words = max(suspected, key=lambda other: other[0].agreement, default=(stated, ""))
    shaken = stated.depth > GOOD + noise.depth_rel and moved.depth < GOOD + noise.depth_rel
    shaken &= moved.agreement > MOSTLY * moved.overlap and np.degrees(noise.pose_rad) < SHAKEN
    if shaken and moved.agreement >= best.agreement:
        return True, (
            f"The views fit each other but for poses that are off by about {np.degrees(noise.pose_rad):.2g} "
            f"degrees and {noise.pose_m:.2g} {unit}: as they are, {stated}; moved by as much, {moved}."
        )
    if suspected:
        return False, f"The views do not fit each other: {words}. As they are, {stated}; then {best}."
    if stated.overlap < LOOKED:
        return None if control.overlap < LOOKED else False, (
            f"The views hardly overlap ({stated.overlap:.0%} of the pixels fall into another view): they "
            "show different places, or the poses' convention or the depths' unit is wrong."
        )
    chance = stated.depth > NO_BETTER * control.depth
    if stated.depth > BAD or (stated.depth > GOOD + noise.depth_rel and chance):
        return False, (
            f"The views do not fit each other: {stated}; with the poses shuffled, {control}. Look at the "
            "order of the poses, their convention, the unit of the depths, and the intrinsics."
        )
    if chance:
        return None, f"Whether the poses are right cannot be told: {stated}, and so they do shuffled."
    return True, f"The views fit each other: {stated}."
