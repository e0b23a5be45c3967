"""Confirm: look at one difference again, alone, and weigh the claim against its opposite.

Both pictures are laid over each other at another framing, so that no resampled edge falls where it fell
before; what pixels tell of the claimed place, and of no other, is set against the claim. Then the eyes are
asked, of crops of both sides, whether what the words name is there, and is not where it should not be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..memory import Box, Still
from .align import Aligned, align, on_still
from .captions import READ, SIGN
from .differences import Difference, iou
from .kinds import joined, judged
from .look import Eyes
from .naming import widened
from .regions import Changed, changed_regions, no_noise
from .small_looks import THERE, YES_NO, SmallLooks, article
from .written import text_crop, written

TRIM = 0.03
"""Share of either side that the other framing leaves out, far from the difference."""
SAME_PLACE = 0.4
"""Overlap (IoU) from which two boxes are of one difference."""
TOUCHES = 0.1
"""Overlap below which what differs lies elsewhere."""
MARGINS = (0.2, 0.6)
"""Shares of a box's longer side that the eyes are shown around it; of both framings the surer one counts."""
UNSURE = 0.1
"""How far from even odds an answer must be to count."""
UNREAD = 0.3
"""Probability for and against a change of text where something differs that was not read this time."""
WRONG, NOTHING = 0.9, 0.95
"""Probability against a claim of another kind, and where nothing differs."""
CHANGE = re.compile(r"(?:an?|the) (.+?) (appeared|disappeared|moved|became (.+))")
Pair = tuple[Still, Still]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What pixels tell of the claim; ``places`` in the framed stills; ``again``: a text as now read."""

    right: float
    wrong: float
    places: tuple[Box | None, Box | None] = (None, None)
    again: str | None = None


def confirm(eyes: Eyes, before: Still, after: Still, difference: Difference) -> tuple[float, float]:
    """Look at the regions of a difference again.

    Parameters
    ----------
    eyes : Eyes
    before, after : Still
        The whole stills, reopened.
    difference : Difference
        The claim; its boxes are in pixels of the two stills.

    Returns
    -------
    right, wrong : float, 0..1
        Probabilities for and against the claim. They sum to less than 1 where pixels show that something
        differs there, and the eyes, who may not know such pictures, cannot tell whether it is what is said.
    """
    stills, claim = _framed((before, after), difference)
    looks = SmallLooks(eyes, stills)
    seen = _looked_again(looks, claim)
    if seen.wrong >= 0.5 or "something" in claim.words:
        return seen.right, seen.wrong
    if seen.again is not None:
        named = _reads(SmallLooks(eyes, (before, after)), difference, seen.again)
    else:
        asked = _expected(claim, seen.places)
        named = min((_shown(looks, *one) for one in asked), default=0.5)
    if abs(named - 0.5) < UNSURE:
        return seen.right / 2, seen.wrong
    return seen.right * named, 1 - seen.right * named


def _framed(stills: Pair, claim: Difference) -> tuple[Pair, Difference]:
    """Leave a little out of both stills on the sides that are far from the claim, and move its boxes."""
    framed, boxes = [], []
    place = claim.before or claim.after
    assert place is not None  # a difference has a box
    for still, box in zip(stills, (claim.before, claim.after), strict=True):
        wide, high = still.size
        dx, dy = int(TRIM * wide), int(TRIM * high)
        x0 = dx if place.x0 + place.x1 > wide else 0
        y0 = dy if place.y0 + place.y1 > high else 0
        framed.append(still.crop(Box(x0=x0, y0=y0, x1=x0 + wide - dx, y1=y0 + high - dy)))
        boxes.append(None if box is None else box.shifted(-x0, -y0))
    return (framed[0], framed[1]), claim.model_copy(update={"before": boxes[0], "after": boxes[1]})


# --- pixels -------------------------------------------------------------------------------------------


def _looked_again(looks: SmallLooks, claim: Difference) -> _Seen:
    """Find what differs in the place of the claim, and judge it anew."""
    stills = (looks.stills[0], looks.stills[1])
    aligned = align(*stills)
    if not aligned.same_scene:
        return _Seen(0.0, WRONG)
    regions = changed_regions(aligned)
    texts, rest = written(looks, aligned, regions) if '"' in claim.words else ([], regions)
    for text in texts:
        if _overlap((text.before, text.after), claim) >= SAME_PLACE:
            right = no_noise(max(region.deviations for region in regions))
            return _Seen(right, 1 - right, again=text.words) if text.kind == claim.kind else _Seen(0, WRONG)
    matrices = (aligned.to_before, aligned.to_after)
    touched = False
    for thing in joined([judged(aligned, region) for region in rest]):
        boxes = [
            on_still(still, matrix, box)
            for still, matrix, box in zip(stills, matrices, (thing.before, thing.after), strict=True)
        ]
        overlap = _overlap(boxes, claim)
        touched |= overlap >= TOUCHES
        if overlap >= SAME_PLACE and thing.kind == claim.kind:
            both = thing.before or thing.after
            places = (
                boxes[0] or on_still(stills[0], aligned.to_before, both),
                boxes[1] or on_still(stills[1], aligned.to_after, both),
            )
            right = no_noise(thing.deviations)
            return _Seen(right, 1 - right, places)
    if claim.kind == "text changed" and any(_inside(aligned, region, stills, claim) for region in rest):
        return _Seen(UNREAD, UNREAD)
    return _Seen(0.0, WRONG if touched else NOTHING)


def _inside(aligned: Aligned, region: Changed, stills: Pair, claim: Difference) -> bool:
    """Tell whether the middle of a region lies in the claim's box."""
    box = on_still(stills[0], aligned.to_before, (region.x0, region.y0, region.x1, region.y1))
    place = claim.before
    if box is None or place is None:
        return False
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return place.x0 < x < place.x1 and place.y0 < y < place.y1


def _overlap(boxes: Sequence[Box | None], claim: Difference) -> float:
    """Return the least overlap over the sides that either shows; those of one side only count as none."""
    pairs = [pair for pair in zip(boxes, (claim.before, claim.after), strict=True) if any(pair)]
    return min(iou(one, other) if one and other else 0.0 for one, other in pairs)


# --- the eyes -----------------------------------------------------------------------------------------


def _expected(claim: Difference, places: tuple[Box | None, Box | None]) -> list[tuple[int, Box, str, bool]]:
    """Return what must be seen if the words are right: (side, where, thing, whether it is there)."""
    found = CHANGE.fullmatch(claim.words)
    if found is None:
        return []
    thing, became = found[1], found[3] or ""
    old = new = thing
    if claim.kind in ("recoloured", "changed") and became not in ("", "another one"):
        new = f"{became} {thing.split()[-1]}" if claim.kind == "recoloured" else became
        new = became if became.endswith(thing.split()[-1]) else new
    expected = [
        (0, places[0], old, claim.kind != "added"),
        (1, places[1], new, claim.kind != "removed"),
        *([(1, places[1], old, False)] if new != old else []),
    ]
    return [(side, box, name, yes) for side, box, name, yes in expected if box is not None]


def _reads(looks: SmallLooks, claim: Difference, again: str) -> float:
    """Return the probability of the claimed texts against the likeliest other: the other side's, or none."""
    own = looks.eyes.checkpoint.cells is not None
    texts = re.findall(r'"(.*?)"', claim.words)
    options = list(dict.fromkeys([*texts, *re.findall(r'"(.*?)"', again), "there is no text"]))
    sides = [side for side, box in enumerate((claim.before, claim.after)) if box is not None]
    right = []
    for side, text in zip(sides, texts, strict=False):
        box = (claim.before, claim.after)[side]
        assert box is not None  # its side was chosen by that
        crop = looks.stills[side].crop(text_crop(box, looks.stills[side], own))
        choice = looks.eyes.choose([crop, SIGN if own else READ], options)
        claimed = choice.probabilities[options.index(text)]
        likeliest = max(p for p, option in zip(choice.probabilities, options, strict=True) if option != text)
        right.append(claimed / (claimed + likeliest))
    return min(right, default=0.5)


def _shown(looks: SmallLooks, side: int, box: Box, thing: str, yes: bool) -> float:
    """Return the probability that a thing is, or is not, where it should be."""
    still = looks.stills[side]
    crops = [still.crop(widened(box, still, margin)) for margin in MARGINS]
    question = THERE.format(thing=article(thing))
    choices = looks.eyes.choose_many([[crop, question] for crop in crops], YES_NO)
    there = max((choice.probabilities[0] for choice in choices), key=lambda p: abs(p - 0.5))
    return there if yes else 1 - there
