"""Compare: what differs between pictures, where, and how sure that is.

Pictures are laid over each other (:mod:`.align`), regions that differ beyond noise are found
(:mod:`.regions`), pixels tell what kind of change each is (:mod:`.kinds`), and the eyes, which see a crop of
both sides, say of what (:mod:`.naming`) and what is written there (:mod:`.written`). So a change is found
however small it is for the model, and named by one who can name things. Pictures of different scenes are
compared by what they show (:mod:`.content`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from ..errors import InputError, SightloopError
from ..memory import Still
from .align import SAME_SCENE, Aligned, align, on_still
from .content import by_content
from .differences import MOST_STILLS, Comparison, Difference
from .kinds import Judged, joined, judged
from .look import Eyes, distinct
from .naming import names_of, words_of
from .regions import Changed, changed_regions, no_noise
from .small_looks import SmallLooks
from .written import written

MANY, STAYED = 3, 0.15
"""Regions from which, and share of what stands out that must have stayed up to which, nothing is the same."""


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
    SightloopError
        If no pair could be compared; one that could not among others that could says so in ``failed``.
    """
    if not 2 <= len(stills) <= MOST_STILLS:
        raise InputError(f"comparing takes 2 to {MOST_STILLS} pictures, not {len(stills)}.")
    found: list[Comparison] = []
    errors: list[Exception] = []
    for index in range(1, len(stills)):
        try:
            found.append(_pair(eyes, (stills[0], stills[index]), index))
        except (SightloopError, cv2.error, np.linalg.LinAlgError) as error:
            errors.append(error)
            found.append(_failed(index, str(error)))
    if len(errors) == len(found):
        raise errors[0]
    return found


def _failed(index: int, why: str) -> Comparison:
    """Return what is said of a pair that could not be compared."""
    return Comparison(
        before=1,
        after=index + 1,
        same_scene=False,
        differences=(),
        correlation=0.0,
        failed=why,
        notes=(f"images 1 and {index + 1} could not be compared: {why}",),
    )


def _pair(eyes: Eyes, stills: tuple[Still, Still], index: int) -> Comparison:
    """Compare the first still with the one at ``index``."""
    looks = SmallLooks(eyes, stills)
    aligned = align(*stills)
    regions = changed_regions(aligned) if aligned.same_scene else []
    same = aligned.same_scene and not _all_else(aligned, regions)
    found = _differences(looks, aligned, regions) if same else []
    shared, before, after = ((), (), ()) if same else by_content(looks)
    return Comparison(
        before=1,
        after=index + 1,
        same_scene=same,
        differences=tuple(sorted(found, key=lambda difference: -difference.probability)),
        correlation=float(np.clip(aligned.correlation, -1, 1)),
        shared=shared,
        only_before=before,
        only_after=after,
        notes=distinct(looks.notes),
        parts=tuple(replace(part, still=index if part.still else 0) for part in looks.parts),
    )


def _all_else(aligned: Aligned, regions: Sequence[Changed]) -> bool:
    """Tell whether two pictures share their ground alone: of many things none has stayed."""
    return aligned.correlation < SAME_SCENE and len(regions) >= MANY and aligned.kept < STAYED


def _differences(looks: SmallLooks, aligned: Aligned, regions: Sequence[Changed]) -> list[Difference]:
    """Find what changed in one scene: what is written first, then all else."""
    texts, rest = written(looks, aligned, regions)
    things = joined([judged(aligned, region) for region in rest])
    return [*texts, *_named(looks, aligned, things)]


def _named(looks: SmallLooks, aligned: Aligned, regions: Sequence[Judged]) -> list[Difference]:
    """Ask the eyes what the things are, and put the changes in words."""
    matrices = (aligned.to_before, aligned.to_after)
    places = [
        tuple(
            on_still(still, matrix, box)
            for still, matrix, box in zip(looks.stills, matrices, (region.before, region.after), strict=True)
        )
        for region in regions
    ]
    said = names_of(looks, places)
    differences = []
    for index, (region, (one, two)) in enumerate(zip(regions, places, strict=True)):
        (before, sure_before), (after, sure_after) = (said.get((index, side), ("", 1.0)) for side in (0, 1))
        known = [sure for name, sure in ((before, sure_before), (after, sure_after)) if name]
        sure = math.prod(known) ** (1 / max(1, len(known)))
        difference = Difference(
            kind=region.kind,
            before=one,
            after=two,
            words=words_of(region, before, after),
            probability=min(1.0, no_noise(region.deviations) * sure),
        )
        differences.append(difference)
    return differences
