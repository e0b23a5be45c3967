"""Compare: what differs between pictures of one scene, where, and how sure that is.

Pictures are laid over each other (:mod:`.align`), regions that differ beyond noise are found
(:mod:`.regions`), pixels tell what kind of change each is, and the eyes, which see a crop of both sides, say
of what. So a change is found however small it is for the model, and named by one who can name things.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..memory import Box, Still
from .align import Aligned, align
from .differences import Comparison, Difference, Kind
from .look import Eyes, distinct, whole
from .regions import LEAST_CHANGE, SURE, Changed, changed_regions
from .small_looks import LIST, Part, SmallLooks, article
from .small_looks import names as listed_names

NAME, SINGLED_OUT = "What is this? Answer in one or two words.", "What is the leftmost thing?"
"""Asked of a crop of one thing; the embedded model says what a thing is only where one is singled out."""
POINTED = 0.5
"""Probability with which a name must be pointed at in a box to be the name of what is in it."""
MOST_STILLS = 16
AROUND = 0.35
"""Share of a region's longer side that is looked at around it, to tell it from its surroundings."""
MARGIN = 0.15
"""The same, of the crop that the eyes are shown: neighbours are not meant."""
STANDS = 0.08
"""Share of a region that a silhouette must fill to be a thing."""
SAME_SHAPE = 0.72
"""Overlap (IoU) of two silhouettes from which they are one thing in two colours."""
ALIKE = 40.0
"""Grey levels, over three channels, between the colours of one thing in two places."""


def compare(eyes: Eyes, stills: Sequence[Still]) -> list[Comparison]:
    """Compare every still with the first one.

    Parameters
    ----------
    eyes : Eyes
    stills : sequence of Still
        2 to 16 of them.

    Returns
    -------
    list of Comparison
        One for each still but the first.

    Raises
    ------
    InputError
        If there is only one still, or more than 16.
    """
    if not 2 <= len(stills) <= MOST_STILLS:
        raise InputError(f"comparing takes 2 to {MOST_STILLS} pictures, not {len(stills)}.")
    return [_pair(eyes, stills, index) for index in range(1, len(stills))]


def _pair(eyes: Eyes, stills: Sequence[Still], index: int) -> Comparison:
    before, after = stills[0], stills[index]
    aligned = align(before, after)
    correlation = float(np.clip(aligned.correlation, -1, 1))
    if not aligned.same_scene:
        return Comparison(
            before=1, after=index + 1, same_scene=False, differences=(), correlation=correlation
        )
    found = _joined([_judged(aligned, region) for region in changed_regions(aligned)])
    named, names = _named(eyes, before, after, aligned, found)
    ordered = sorted(named, key=lambda difference: -difference.probability)
    return Comparison(
        before=1,
        after=index + 1,
        same_scene=True,
        differences=tuple(ordered),
        correlation=correlation,
        notes=names.notes,
        parts=tuple(replace(part, still=index if part.still else 0) for part in names.parts),
    )


# --- what pixels tell ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Region:
    """A changed region and what it is: boxes in pixels of the aligned pictures."""

    kind: Kind
    before: tuple[int, int, int, int] | None
    after: tuple[int, int, int, int] | None
    deviations: float
    color: NDArray[np.float32]
    grown: bool = False


def _judged(aligned: Aligned, region: Changed) -> _Region:
    """Tell by silhouettes, against what lies around, which side shows a thing and how it differs."""
    x0, y0, x1, y1, mask = _padded(aligned, region)
    sides = [image[y0:y1, x0:x1] for image in (aligned.before, aligned.after)]
    filled = _filled(mask)
    shapes = [_silhouette(side, mask, filled) for side in sides]
    there = [bool(shape.sum() > STANDS * filled.sum()) for shape in shapes]
    box = (region.x0, region.y0, region.x1, region.y1)
    colors = [np.median(side[mask], axis=0) for side in sides]
    if there == [False, True]:
        return _Region("added", None, box, region.deviations, colors[1])
    if there == [True, False]:
        return _Region("removed", box, None, region.deviations, colors[0])
    boxes = [_bounds(shape, x0, y0) or box for shape in shapes]
    overlap = (shapes[0] & shapes[1]).sum() / max(1, (shapes[0] | shapes[1]).sum())
    grown = bool(shapes[1].sum() > shapes[0].sum())
    kind: Kind = "changed"
    if all(there):
        kind = "recoloured"
    if any(shape.any() for shape in shapes) and overlap < SAME_SHAPE:
        kind = "resized" if _concentric(*boxes) else "moved"
    return _Region(kind, boxes[0], boxes[1], region.deviations, colors[0], grown)


def _padded(aligned: Aligned, region: Changed) -> tuple[int, int, int, int, NDArray[np.bool_]]:
    """Return the region's box with what lies around it, and its mask in there."""
    height, width = aligned.valid.shape
    pad = max(4, round(AROUND * max(region.x1 - region.x0, region.y1 - region.y0)))
    x0, y0 = max(0, region.x0 - pad), max(0, region.y0 - pad)
    x1, y1 = min(width, region.x1 + pad), min(height, region.y1 + pad)
    mask = np.zeros((y1 - y0, x1 - x0), bool)
    mask[region.y0 - y0 : region.y1 - y0, region.x0 - x0 : region.x1 - x0] = region.mask
    return x0, y0, x1, y1, mask


def _silhouette(
    side: NDArray[np.float32], mask: NDArray[np.bool_], filled: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return what stands out from around ``mask`` and lies mostly within ``filled``, its hull."""
    around = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    ring = side[around] if around.any() else side.reshape(-1, 3)
    ground = np.median(ring, axis=0)
    spread = float(np.median(np.abs(ring - ground).max(1)))
    stands_out = (np.abs(side - ground).max(2) > max(1.5 * LEAST_CHANGE, 4 * spread)).astype(np.uint8)
    _, labels = cv2.connectedComponents(stands_out, connectivity=8)
    sizes = np.bincount(labels.ravel())
    inside = np.bincount(labels[filled], minlength=len(sizes))
    own = [label for label in range(1, len(sizes)) if inside[label] > sizes[label] / 2]
    return np.asarray(np.isin(labels, own))


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the convex hull of the changed pixels: of a thing that shrank only the rim has changed."""
    points = np.argwhere(mask)[:, ::-1].astype(np.int32)
    hull = np.zeros(mask.shape, np.uint8)
    return np.asarray(cv2.fillConvexPoly(hull, cv2.convexHull(points), 1) > 0)


def _bounds(shape: NDArray[np.bool_], x0: int, y0: int) -> tuple[int, int, int, int] | None:
    ys, xs = np.nonzero(shape)
    if not len(xs):
        return None
    return int(xs.min()) + x0, int(ys.min()) + y0, int(xs.max()) + 1 + x0, int(ys.max()) + 1 + y0


def _concentric(one: Sequence[int], two: Sequence[int]) -> bool:
    apart = math.hypot((one[0] + one[2] - two[0] - two[2]) / 2, (one[1] + one[3] - two[1] - two[3]) / 2)
    return apart < 0.25 * max(one[2] - one[0], one[3] - one[1], two[2] - two[0], two[3] - two[1])


def _joined(regions: Sequence[_Region]) -> list[_Region]:
    """Make one move of a thing that went and one that came, of one size and colour."""
    left, joined = list(regions), []
    for gone in [region for region in regions if region.kind == "removed"]:
        came = [r for r in left if r.kind == "added" and _alike(gone, r)]
        if came:
            best = min(came, key=lambda r: float(np.abs(r.color - gone.color).sum()))
            left.remove(gone)
            left.remove(best)
            strength = min(gone.deviations, best.deviations)
            joined.append(replace(gone, kind="moved", after=best.after, deviations=strength))
    return [*joined, *left]


def _alike(gone: _Region, came: _Region) -> bool:
    assert gone.before is not None
    assert came.after is not None
    sizes = [(b[2] - b[0], b[3] - b[1]) for b in (gone.before, came.after)]
    same = all(0.75 < one / two < 1.33 for one, two in zip(*sizes, strict=True))
    return same and float(np.abs(gone.color - came.color).sum()) < ALIKE


# --- what the eyes say --------------------------------------------------------------------------------


def _named(
    eyes: Eyes, before: Still, after: Still, aligned: Aligned, regions: Sequence[_Region]
) -> tuple[list[Difference], _Names]:
    """Ask the eyes what the things are, and put the changes in words."""
    places: list[tuple[Box | None, Box | None]] = [
        (_on(before, aligned.to_before, region.before), _on(after, aligned.to_after, region.after))
        for region in regions
    ]
    names = _names(eyes, (before, after), places)
    differences = []
    for index, (region, (one, two)) in enumerate(zip(regions, places, strict=True)):
        said = [names.said.get((index, side), ("", 1.0)) for side in (0, 1)]
        known = [confidence for name, confidence in said if name]
        words = _words(region, said[0][0], said[1][0])
        there = 1 - 0.5 * math.exp(1 - region.deviations / SURE)
        sure = math.prod(known) ** (1 / max(1, len(known)))
        kind, probability = region.kind, min(1.0, there * sure)
        differences.append(Difference(kind=kind, before=one, after=two, words=words, probability=probability))
    return differences, names


@dataclass(frozen=True, slots=True)
class _Names:
    """What the eyes call the thing of each difference on each side, and how sure they are."""

    said: dict[tuple[int, int], tuple[str, float]]
    parts: tuple[Part, ...]
    notes: tuple[str, ...]


def _names(
    eyes: Eyes, stills: tuple[Still, Still], places: Sequence[tuple[Box | None, Box | None]]
) -> _Names:
    """Name what is in every box: by pointing at all that is listed, where the eyes can; else by crop."""
    boxes = {(i, side): box for i, pair in enumerate(places) for side, box in enumerate(pair) if box}
    looks = SmallLooks(eyes, stills)
    said: dict[tuple[int, int], tuple[str, float]] = {}
    if boxes and eyes.checkpoint.cells:
        listed = [dict.fromkeys(listed_names(part.answer)) for part in looks.ask([(0, LIST), (1, LIST)])]
        asked = [(side, name) for side in (0, 1) for name in listed[side]]
        grids = list(zip(asked, looks.points(asked), strict=True)) if asked else []
        for (i, side), box in boxes.items():
            near = [
                (name, _within(grid, box, stills[side]))
                for (on, name), grid in grids
                if on == side and grid is not None
            ]
            name, share = max(near, key=lambda pair: pair[1], default=("", 0.0))
            if share > POINTED:
                said[i, side] = (name, share)
    left = [key for key in boxes if key not in said]
    question = SINGLED_OUT if eyes.checkpoint.cells else NAME
    crops = [stills[side].crop(_widened(boxes[i, side], stills[side])) for i, side in left]
    answers = eyes.answers([[crop, question] for crop in crops]) if crops else []
    for (i, side), answer in zip(left, answers, strict=True):
        said[i, side] = (_noun(answer.text), answer.confidence)
        looks.parts.append(Part(side, question, answer.text, answer.confidence))
    notes = distinct([*looks.notes, *(note for answer in answers for note in answer.notes)])
    return _Names(said, tuple(looks.parts), notes)


def _within(grid: NDArray[np.float64], box: Box, still: Still) -> float:
    """Return the probability that a thing's centre is in a box, or within half a cell of it."""
    side = len(grid)
    centres = np.arange(side) + 0.5
    wide, high = still.size.width / side, still.size.height / side
    columns = (centres > box.x0 / wide - 0.5) & (centres < box.x1 / wide + 0.5)
    rows = (centres > box.y0 / high - 0.5) & (centres < box.y1 / high + 0.5)
    return float(grid[np.ix_(columns, rows)].sum())


def _on(still: Still, matrix: NDArray[np.float64], box: tuple[int, int, int, int] | None) -> Box | None:
    """Bring a box of the aligned pictures to a still's pixels, clipped to it."""
    if box is None:
        return None
    x0, y0, x1, y1 = box
    corners = np.array([[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]], np.float64)
    points = cv2.perspectiveTransform(corners, matrix)[0]
    area = whole(still)
    left, top = np.clip(points.min(0), 0, (area.x1 - 1, area.y1 - 1))
    right, bottom = np.clip(points.max(0), (left + 1, top + 1), (area.x1, area.y1))
    return Box(x0=float(left), y0=float(top), x1=float(right), y1=float(bottom))


def _widened(box: Box, still: Still) -> Box:
    """Return a square around a box, with some of what lies around it, inside the still."""
    half = (0.5 + MARGIN) * max(box.x1 - box.x0, box.y1 - box.y0)
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    area = whole(still)
    return Box(x0=max(0, x - half), y0=max(0, y - half), x1=min(area.x1, x + half), y1=min(area.y1, y + half))


def _noun(text: str) -> str:
    return text.strip(" .").removeprefix("a ").removeprefix("an ").removeprefix("the ")


def _words(region: _Region, before: str, after: str) -> str:
    """Put a change in words; ``before`` and ``after`` are what the eyes call the thing."""
    name = before or after or "something"
    if region.kind == "added":
        return f"{article(name)} appeared"
    if region.kind == "removed":
        return f"the {name} disappeared"
    if region.kind == "moved":
        return f"the {name} moved"
    if region.kind == "resized":
        return f"the {name} became {'large' if region.grown else 'small'}"
    kind = before.split()[-1] if before else ""
    if after.endswith(kind) and after != before:
        return f"the {name} became {after.removesuffix(kind).strip() or after}"
    return f"the {name} became another one" if after == before else f"the {name} became {after}"
