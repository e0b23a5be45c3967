"""Align: lay one picture over another, in place, light and colour.

Features and a robust homography find the place (SIFT, Lowe 2004; MAGSAC++, Barath et al. 2020), the enhanced
correlation coefficient refines it (Evangelidis and Psarakis 2008), and curves fit light and colour
(:mod:`.light`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..memory import Box, Still
from .light import fit_light

LONGEST = 768
"""Pixels of the longer side of what is aligned and compared; larger pictures are shrunk to it."""
FEATURES, RATIO, WITHIN, FEWEST = 2000, 0.75, 2.0, 12
"""Features per picture, Lowe's ratio, pixels that a match may be off, and matches that make a homography."""
SPREAD = 0.1
"""Share of the picture that the matches of a homography must span."""
REFINED = 0.04
"""Share of the diagonal by which refining may move a corner; more, and it follows a thing, not the scene."""
NO_WARP = 0.001
"""Share of the pixels that a warp must bring together to be better than a stiffer one; than none, twice."""
CHANGED, SETTLED = 40.0, 0.01
"""Grey levels from which a pixel is left out of the last refining, and the share of the diagonal that it may
move a corner."""
ROUNDS, STILL = 3, 5e-4
"""Of the last refining: each leaves out what the one before shows to have changed, until a corner moves less
than this share of the diagonal."""
SURE = 80
"""Matches of a homography from which it is the place."""
EDGES = 0.02
"""Share of the diagonal up to which what differs may be an edge out of place."""
SAME_SCENE, AGREEING, AGREES = 0.5, 0.7, 16.0
"""Correlation from which two pictures show one scene; or the share of pixels that must differ by less than so
many grey levels, for plain scenes in which a thing that moved takes all of the correlation."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """Two pictures laid over each other, in pixels of the first, shrunk.

    Parameters
    ----------
    before, after : (H, W, 3) float32, 0..255
        ``after`` is in the place, light and colour of ``before``.
    valid : (H, W) bool
        Where both pictures have pixels.
    to_before, to_after : (3, 3) float64
        Homographies from pixels of these to pixels of the two stills.
    correlation : float
        Of the brightness of both, where they are valid.
    """

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    valid: NDArray[np.bool_]
    to_before: NDArray[np.float64]
    to_after: NDArray[np.float64]
    correlation: float

    @property
    def same_scene(self) -> bool:
        """Whether the pictures show one scene from nearly one place."""
        near = np.abs(self.before - self.after).max(2)[self.valid] < AGREES
        return self.correlation >= SAME_SCENE or float(near.mean()) >= AGREEING

    @property
    def kept(self) -> float:
        """Share, 0..1, of what stands out from the ground of either picture that both show alike.

        The ground is the commonest colour; two plain sheets with other things on each agree in it alone.
        """
        shown = [image[self.valid] for image in (self.before, self.after)]
        stands_out = [np.abs(pixels - np.median(pixels, axis=0)).max(1) > 2 * AGREES for pixels in shown]
        either = stands_out[0] | stands_out[1]
        alike = np.abs(shown[0] - shown[1]).max(1) < AGREES
        return float(alike[either].mean()) if either.any() else 1.0


def align(before: Still, after: Still) -> Aligned:
    """Lay ``after`` over ``before``.

    Parameters
    ----------
    before, after : Still

    Returns
    -------
    Aligned
        The best of what was tried, whether or not it is one scene.
    """
    one, shrink_one = _shrunk(before)
    two, shrink_two = _shrunk(after)
    grey_one, grey_two = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (one, two))
    height, width = grey_one.shape
    plain = np.diag([two.shape[1] / width, two.shape[0] / height, 1.0])
    found = _homography(grey_one, grey_two)
    starts = [plain] if found is None else [plain, found[0]]
    # Where many features agree on a place there is nothing to search for.
    sure = found is not None and found[1] >= SURE
    candidates = [*starts, *([] if sure else _stiff(grey_one, grey_two, plain))]
    stiff = len(candidates)
    for start in starts:
        refined = _refined(grey_one, grey_two, start)
        if refined is not None and _shift(refined, start, grey_one.shape) < REFINED:
            candidates.append(refined)
    # Agreement, not correlation: a warp that brings together what has changed tears the rest apart. What is
    # as good without a warp, or by a stiffer one, is better so.
    agreeing = [_agreeing(grey_one, grey_two, candidate) for candidate in candidates]
    stiffer = [2 * NO_WARP, *[NO_WARP] * (stiff - 1), *[0.0] * (len(candidates) - stiff)]
    best = max(range(len(candidates)), key=lambda i: agreeing[i] + stiffer[i])
    forward = candidates[best]
    fitted, valid = _laid(one, two, forward)
    for _ in range(ROUNDS if best else 0):
        if (settled := _settled(one, two, fitted, valid, forward)) is None:
            break
        still = _shift(settled, forward, grey_one.shape) < STILL
        forward = settled
        fitted, valid = _laid(one, two, forward)
        if still:
            break
    return Aligned(
        before=one.astype(np.float32),
        after=fitted,
        valid=valid,
        to_before=np.asarray(np.linalg.inv(shrink_one), np.float64),
        to_after=np.asarray(np.linalg.inv(shrink_two) @ forward, np.float64),
        correlation=_correlation(grey_one, grey_two, candidates[best]),
    )


def _laid(
    one: NDArray[Any], two: NDArray[Any], forward: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bring ``two`` to the place and the light of ``one``, and say where it has pixels."""
    warped, valid = _warp(two, forward, (one.shape[1], one.shape[0]))
    return fit_light(one.astype(np.float32), warped.astype(np.float32), valid), valid


def _settled(
    one: NDArray[Any],
    two: NDArray[Any],
    fitted: NDArray[np.float32],
    valid: NDArray[np.bool_],
    forward: NDArray[Any],
) -> NDArray[Any] | None:
    """Refine once more without what has changed, which pulls at the rest; None where nothing has."""
    differs = ((np.abs(one - fitted).max(2) > CHANGED) & valid).astype(np.uint8)
    differs = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    if not differs.any():
        return None
    differs = cv2.dilate(differs, np.ones((15, 15), np.uint8))
    size = (two.shape[1], two.shape[0])
    same = 255 - 255 * cv2.warpPerspective(differs, forward, size, flags=cv2.INTER_NEAREST)
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (one, two)]
    refined = _refined(greys[0], greys[1], forward, same)
    if refined is None or _shift(refined, forward, one.shape) > SETTLED:
        return None
    return refined


def on_still(still: Still, matrix: NDArray[np.float64], box: tuple[int, int, int, int] | None) -> Box | None:
    """Bring a box of aligned pictures to a still's pixels, clipped to it.

    Parameters
    ----------
    still : Still
    matrix : (3, 3) float64
        :attr:`Aligned.to_before` or :attr:`Aligned.to_after`.
    box : (x0, y0, x1, y1) or None
        In pixels of :class:`Aligned`; None stays None.
    """
    if box is None:
        return None
    x0, y0, x1, y1 = box
    corners = np.array([[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]], np.float64)
    points = cv2.perspectiveTransform(corners, matrix)[0]
    wide, high = still.size
    left, top = np.clip(points.min(0), 0, (wide - 1, high - 1))
    right, bottom = np.clip(points.max(0), (left + 1, top + 1), (wide, high))
    return Box(x0=float(left), y0=float(top), x1=float(right), y1=float(bottom))


def _shrunk(still: Still) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the pixels, shrunk to LONGEST, and the matrix from the still's pixels to them."""
    scale = min(1.0, LONGEST / max(still.size))
    if scale == 1:
        return still.pixels, np.eye(3)
    size = (max(1, round(still.size.width * scale)), max(1, round(still.size.height * scale)))
    matrix = np.diag([size[0] / still.size.width, size[1] / still.size.height, 1.0])
    return cv2.resize(still.pixels, size, interpolation=cv2.INTER_AREA), matrix


def _homography(one: NDArray[Any], two: NDArray[Any]) -> tuple[NDArray[Any], int] | None:
    """Find the homography from ``one`` to ``two`` and how many features agree, None where too few do."""
    sift = cv2.SIFT.create(nfeatures=FEATURES)
    (keys_one, marks_one), (keys_two, marks_two) = (
        sift.detectAndCompute(image, None) for image in (one, two)
    )
    if min(len(keys_one), len(keys_two)) < FEWEST:
        return None
    pairs = cv2.BFMatcher().knnMatch(marks_one, marks_two, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance]
    if len(good) < FEWEST:
        return None
    source = np.array([keys_one[match.queryIdx].pt for match in good], np.float32)
    target = np.array([keys_two[match.trainIdx].pt for match in good], np.float32)
    found: Any = cv2.findHomography(source, target, cv2.USAC_MAGSAC, WITHIN)
    matrix, inliers = found
    if matrix is None or inliers.sum() < FEWEST or not _plausible(matrix, one.shape):
        return None
    # A single thing that moved agrees with itself; a scene agrees over much of the picture.
    if cv2.contourArea(cv2.convexHull(source[inliers.ravel() > 0])) < SPREAD * one.size:
        return None
    return np.asarray(matrix, np.float64), int(inliers.sum())


def _shift(one: NDArray[Any], two: NDArray[Any], shape: tuple[int, ...]) -> float:
    """Return how far two homographies bring a corner apart, as a share of the diagonal."""
    height, width = shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    ends = [cv2.perspectiveTransform(corners, matrix)[0] for matrix in (one, two)]
    return float(np.linalg.norm(ends[0] - ends[1], axis=1).max() / np.hypot(width, height))


def _plausible(matrix: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Tell whether a homography neither flips nor folds the picture, nor changes its area tenfold."""
    height, width = shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    moved = cv2.perspectiveTransform(corners, matrix)[0].astype(np.float32)
    area = cv2.contourArea(moved, oriented=True)
    return bool(cv2.isContourConvex(moved)) and 0.1 < area / (width * height) < 10


def _refined(
    one: NDArray[Any], two: NDArray[Any], start: NDArray[Any], where: NDArray[Any] | None = None
) -> NDArray[Any] | None:
    """Refine by correlation, ``where`` the second picture counts; None where that does not converge."""
    where = np.full(two.shape, 255, np.uint8) if where is None else where
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-5)
    try:
        _, matrix = cv2.findTransformECC(
            one, two, start.astype(np.float32), cv2.MOTION_HOMOGRAPHY, criteria, where, 5
        )
    except cv2.error:
        return None
    return np.asarray(matrix, np.float64) if _plausible(matrix, one.shape) else None


def _thick(differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what differs over more than an edge that is a little out of place, and what is beside it."""
    side = max(5, round(EDGES * float(np.hypot(*differs.shape)))) | 1
    thick = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return np.asarray(cv2.dilate(thick, np.ones((15, 15), np.uint8)) > 0)


def _stiff(one: NDArray[Any], two: NDArray[Any], start: NDArray[Any]) -> list[NDArray[Any]]:
    """Refine by a shift, then by a turn, then freely, each time by what agrees so far.

    The first two are too stiff to follow the things that have changed, which the last leaves out.
    """
    found: list[NDArray[Any]] = []
    forward = start
    for motion in (cv2.MOTION_TRANSLATION, cv2.MOTION_EUCLIDEAN, cv2.MOTION_HOMOGRAPHY):
        warped, valid = _warp(two, forward, (one.shape[1], one.shape[0]))
        if found:
            valid &= ~_thick(np.abs(warped.astype(np.float32) - one) > CHANGED)
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-5)
        free = motion == cv2.MOTION_HOMOGRAPHY
        move: NDArray[Any] = np.eye(3 if free else 2, 3, dtype=np.float32)
        try:
            _, move = cv2.findTransformECC(
                one, warped, move, motion, criteria, valid.astype(np.uint8) * 255, 5
            )
        except cv2.error:
            break
        forward = forward @ np.vstack([np.asarray(move, np.float64), *([] if free else [[0, 0, 1]])])
        if _shift(forward, start, one.shape) > REFINED:
            break
        found.append(forward)
    return found


def _warp(
    image: NDArray[Any], forward: NDArray[Any], size: tuple[int, int]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Bring ``image`` to where ``forward`` takes its place from, and say where it has pixels."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(image, forward, size, flags=flags)
    ones = np.full(image.shape[:2], 255, np.uint8)
    covered = cv2.warpPerspective(ones, forward, size, flags=flags) == 255
    inside = cv2.erode(covered.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0)
    # The outermost pixels of an unwarped picture are as good as all others.
    return np.asarray(warped, np.uint8), covered if np.allclose(
        forward, np.diag(np.diag(forward))
    ) else inside > 0


def _agreeing(one: NDArray[Any], two: NDArray[Any], forward: NDArray[Any]) -> float:
    """Return the share of the pixels that are alike, but for one offset of light."""
    warped, valid = _warp(two, forward, (one.shape[1], one.shape[0]))
    if valid.mean() < 0.3:
        return 0.0
    difference = one[valid].astype(np.float32) - warped[valid]
    return float((np.abs(difference - np.median(difference)) < AGREES).mean())


def _correlation(one: NDArray[Any], two: NDArray[Any], forward: NDArray[Any]) -> float:
    warped, valid = _warp(two, forward, (one.shape[1], one.shape[0]))
    if valid.mean() < 0.3:
        return 0.0
    a, b = one[valid].astype(np.float64), warped[valid].astype(np.float64)
    if a.std() < 1e-6 or b.std() < 1e-6:
        return float(abs(a.mean() - b.mean()) < 3)
    return float(np.corrcoef(a, b)[0, 1])
