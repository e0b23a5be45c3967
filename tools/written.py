"""Written: lines of text that changed, found by their strokes and read by the eyes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..memory import Box, Still
from .align import Aligned, on_still
from .captions import READ, SIGN, blank
from .differences import Difference
from .kinds import Corners
from .look import same_answer, whole
from .regions import LEAST_CHANGE, Changed, no_noise
from .small_looks import Part, SmallLooks

READABLE = 0.3
"""Confidence that the surer of two readings needs."""
STROKES = 4
"""Changed parts in a line from which both sides need not be read surely."""
THIN = 0.42
"""Width of what changed over the height of its line, up to which it may be strokes of characters."""
STROKE = 3 * LEAST_CHANGE
"""Grey levels by which a stroke differs from the paper."""
APART = 0.9
"""Gap between two characters of one line, over its height."""
REACH, HIGHER = 3, 1.4
"""How far above and below what changed its characters may reach, over its height; and how much higher than
those the others of the line may be."""
MOST_LINES = 8
"""Lines that are read; the strongest."""
CONTEXT = 6.3
"""Side of what the embedded model is shown, over the line's height: its signs fill no more of a sheet."""
NEARLY = 0.5
"""Share of the longer side from which it is shown the whole still, as it was taught."""
BLANK = 3
"""Pixels around a line that are painted over too, to see what is read beside it."""
AROUND = 0.25
"""Margin of what other eyes are shown, over the height of the line."""


def written(
    looks: SmallLooks, aligned: Aligned, regions: Sequence[Changed]
) -> tuple[list[Difference], list[Changed]]:
    """Find lines of text that changed, came or went.

    Parameters
    ----------
    looks : SmallLooks
        Of the two stills.
    aligned : Aligned
        The two stills.
    regions : sequence of Changed
        Of both, the strongest first.

    Returns
    -------
    differences : list of Difference
    rest : list of Changed
        The regions in which the eyes read nothing, or the same on both sides.
    """
    lines: list[list[Changed]] = []
    places, unions = [], []
    for line in _lines(regions):
        extents = [_extent(image, _around(line)) for image in (aligned.before, aligned.after)]
        both = _union(extents)
        if len(lines) == MOST_LINES or not _thin(aligned, line, both[3] - both[1]):
            continue
        lines.append(line)
        unions.append(both)
        places.append(
            [
                (on_still(still, matrix, extent), on_still(still, matrix, both))
                for still, matrix, extent in zip(
                    looks.stills, (aligned.to_before, aligned.to_after), extents, strict=True
                )
            ]
        )
    shown = [(side, place[side][1]) for place in places for side in (0, 1)]
    said = iter(_read(looks, [(side, box) for side, box in shown if box is not None]))
    found, known = [], []
    for line, place, both in zip(lines, places, unions, strict=True):
        readings = [next(said), next(said)]
        boxes = [box for box, _ in place]
        difference = _difference(line, boxes, readings)
        if difference is not None:
            found.append(difference)
            known += [*line, *(region for region in regions if _within(region, both))]
    return found, [region for region in regions if not any(region is one for one in known)]


def _difference(
    line: Sequence[Changed], boxes: Sequence[Box | None], readings: Sequence[tuple[str, float]]
) -> Difference | None:
    """Put two readings of a line in words; None where they tell no change."""
    (old, sure_old), (new, sure_new) = readings
    if old == new:
        return None
    # Many strokes side by side are a line of text, however badly it is read; the probability will say so.
    lined_up = bool(old and new) and len(line) >= STROKES
    if not lined_up and max(sure for text, sure in readings if text) < READABLE:
        return None
    deviations = max(region.deviations for region in line)
    probability = min(1.0, no_noise(deviations) * (sure_old * sure_new) ** 0.5)
    if old and new:
        words = f'the text changed from "{old}" to "{new}"'
        return Difference(
            kind="text changed", before=boxes[0], after=boxes[1], words=words, probability=probability
        )
    if new:
        words = f'the text "{new}" appeared'
        return Difference(kind="added", before=None, after=boxes[1], words=words, probability=probability)
    words = f'the text "{old}" disappeared'
    return Difference(kind="removed", before=boxes[0], after=None, words=words, probability=probability)


# --- lines of strokes ---------------------------------------------------------------------------------


def _lines(regions: Sequence[Changed]) -> list[list[Changed]]:
    """Group the regions that may be parts of characters of one line; the strongest line first."""
    lines: list[list[Changed]] = []
    for region in regions:
        near = [line for line in lines if _beside(_around(line), _corners(region))]
        lines = [line for line in lines if not any(line is one for one in near)]
        lines.append([member for line in near for member in line] + [region])
    return sorted(lines, key=lambda line: -max(region.deviations * region.mask.sum() for region in line))


def _thin(aligned: Aligned, line: Sequence[Changed], height: int) -> bool:
    """Tell whether all that changed in a line is narrow strokes."""
    widest = 0.0
    for region in line:
        window = (slice(region.y0, region.y1), slice(region.x0, region.x1))
        differs = np.abs(aligned.before[window] - aligned.after[window]).max(2) > STROKE
        strokes = np.pad((region.mask & differs).astype(np.uint8), 1)
        widest = max(widest, float(cv2.distanceTransform(strokes, cv2.DIST_L2, 3).max()))
    return 2 * widest < THIN * height


def _corners(region: Changed) -> Corners:
    return region.x0, region.y0, region.x1, region.y1


def _around(line: Sequence[Changed]) -> Corners:
    return _union([_corners(region) for region in line])


def _union(boxes: Sequence[Corners]) -> Corners:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _beside(one: Corners, other: Corners) -> bool:
    """Tell whether two boxes share most of the lower one's height and lie within a character's width."""
    shared = min(one[3], other[3]) - max(one[1], other[1])
    heights = (one[3] - one[1], other[3] - other[1])
    gap = max(one[0], other[0]) - min(one[2], other[2])
    return shared > 0.5 * min(heights) and gap < APART * max(heights)


def _extent(side: NDArray[np.float32], line: Corners) -> Corners:
    """Grow what changed, on one side, to the characters that it belongs to and those beside them."""
    reach = REACH * (line[3] - line[1])
    top, bottom = max(0, line[1] - reach), min(side.shape[0], line[3] + reach)
    band = side[top:bottom]
    ground = np.median(band[:, max(0, line[0] - reach) : line[2] + reach].reshape(-1, 3), axis=0)
    ink = (np.abs(band - ground).max(2) > STROKE).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    # What reaches out of the band is no character of a line that fits in it.
    parts: list[Corners] = [
        (int(x), int(y) + top, int(x + w), int(y + h) + top)
        for x, y, w, h, area in stats[1:]
        if area > 4 and y > 0 and y + h < bottom - top
    ]
    own = [part for part in parts if _meets(part, line)]
    if not own:
        return line
    grown = _union(own)
    high = grown[3] - grown[1]
    parts = [part for part in parts if part[3] - part[1] < HIGHER * high]
    while more := [part for part in parts if part not in own and _beside(grown, part)]:
        own += more
        grown = _union(own)
    return grown


def _within(region: Changed, line: Corners) -> bool:
    """Tell whether the middle of a region lies in a line."""
    x, y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
    return line[0] < x < line[2] and line[1] < y < line[3]


def _meets(one: Corners, other: Corners) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


# --- what they say ------------------------------------------------------------------------------------


def _read(looks: SmallLooks, shown: Sequence[tuple[int, Box]]) -> list[tuple[str, float]]:
    """Read the text of each box on its side; empty where there is none."""
    own = looks.eyes.checkpoint.cells is not None
    question = SIGN if own else READ
    crops = [looks.stills[side].crop(text_crop(box, looks.stills[side], own)) for side, box in shown]
    answers = looks.eyes.answers([[crop, question] for crop in crops]) if crops else []
    # What is shown around a line may hold a sign of its own: what is read without the line is not of it.
    without = [_blanked(looks.stills[side], box) for side, box in shown] if own else []
    beside = looks.eyes.answers(
        [
            [still.crop(text_crop(box, still, own)), question]
            for still, (_, box) in zip(without, shown, strict=False)
        ]
    )
    said = []
    for (side, _), answer in zip(shown, answers, strict=True):
        looks.parts.append(Part(side, question, answer.text, answer.confidence))
        looks.notes += answer.notes
        text = answer.text.strip(" .\"'\n")
        said.append(("" if blank(text) else text, answer.confidence))
    for index, other in enumerate(beside):
        if said[index][0] and same_answer(other.text, answers[index].text):
            said[index] = ("", other.confidence)
    return said


def _blanked(still: Still, box: Box) -> Still:
    """Return a still whose box is painted over with the colour around it."""
    x0, y0 = max(0, int(box.x0) - BLANK), max(0, int(box.y0) - BLANK)
    x1, y1 = int(box.x1) + 1 + BLANK, int(box.y1) + 1 + BLANK
    pixels = still.pixels.copy()
    around = pixels[max(0, y0 - 3) : y1 + 3, max(0, x0 - 3) : x1 + 3].reshape(-1, 3)
    pixels[y0:y1, x0:x1] = np.median(around, axis=0)
    return Still(pixels, still.origin)


def text_crop(box: Box, still: Still, own: bool) -> Box:
    """Return what the eyes are shown of a still to read a line in it."""
    area, height = whole(still), box.y1 - box.y0
    wide, high = (box.x1 - box.x0 + 2 * AROUND * height, height * (1 + 2 * AROUND))
    if own:
        wide = high = max(CONTEXT * height, wide)
        if wide > NEARLY * max(area.x1, area.y1):
            return area
    x0 = min(max(0.0, (box.x0 + box.x1 - wide) / 2), max(0.0, area.x1 - wide))
    y0 = min(max(0.0, (box.y0 + box.y1 - high) / 2), max(0.0, area.y1 - high))
    return Box(x0=x0, y0=y0, x1=min(area.x1, x0 + wide), y1=min(area.y1, y0 + high))
