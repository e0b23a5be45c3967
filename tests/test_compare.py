"""Comparing: real photographs, changed and perturbed here, and pairs of worlds, whose change is known."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from sightloop import LlavaNext, Still
from sightloop.errors import InputError
from sightloop.memory import Box
from sightloop.tools.align import align
from sightloop.tools.compare import compare
from sightloop.tools.llava_next.pocket.questions import Question
from sightloop.tools.llava_next.pocket.worlds import PIXELS_PER_UNIT, worlds
from sightloop.tools.perturb import PERTURBATIONS, Pixels
from sightloop.tools.regions import changed_regions

data = pytest.importorskip("skimage.data", reason="needs the photographs of scikit-image (extra dev)")

PERTURBED = list(PERTURBATIONS.values())
PHOTOS = ["astronaut", "coffee", "chelsea"]


def boxes(before: Pixels, after: Pixels) -> list[Box]:
    """The changed regions, in pixels of the first picture."""
    aligned = align(Still.from_array(before), Still.from_array(after))
    scale = aligned.to_before
    return [
        Box(x0=r.x0 * scale[0, 0], y0=r.y0 * scale[1, 1], x1=r.x1 * scale[0, 0], y1=r.y1 * scale[1, 1])
        for r in changed_regions(aligned)
    ]


def overlap(one: Box, two: Box) -> float:
    wide, high = min(one.x1, two.x1) - max(one.x0, two.x0), min(one.y1, two.y1) - max(one.y0, two.y0)
    both = max(0.0, wide) * max(0.0, high)
    return both / sum((b.x1 - b.x0) * (b.y1 - b.y0) for b in (one, two)) * 2 if both else 0.0


@pytest.mark.parametrize("perturb", PERTURBED)
def test_the_same_photograph_in_another_state_has_not_changed(perturb: Callable[[Pixels], Pixels]) -> None:
    found = [boxes(photo, perturb(photo)) for photo in (getattr(data, name)() for name in PHOTOS)]
    assert found == [[], [], []]


@pytest.mark.parametrize("perturb", PERTURBED)
def test_a_thing_put_into_a_photograph_is_found_whatever_else_differs(
    perturb: Callable[[Pixels], Pixels],
) -> None:
    photo = data.coffee()
    changed = photo.copy()
    cv2.circle(changed, (150, 120), 30, (40, 90, 200), -1)
    (found,) = boxes(photo, perturb(changed))
    assert overlap(found, Box(x0=120, y0=90, x1=180, y1=150)) > 0.75


def test_photographs_of_different_things_are_not_compared(eyes: LlavaNext) -> None:
    stills = [Still.from_array(data.coffee()), Still.from_array(data.astronaut())]
    (comparison,) = compare(eyes, stills)
    assert not comparison.same_scene
    assert comparison.differences == ()


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


def kind_of(question: Question) -> str | None:
    """The kind of change that an answer of the worlds tells."""
    last = question.answer.split()[-1]
    known = {"appeared": "added", "disappeared": "removed", "moved": "moved", "changed": None}
    return known.get(last, "resized" if last in ("small", "large") else "recoloured")


def test_what_kind_of_change_a_pair_shows_and_where(eyes: LlavaNext) -> None:
    right, placed, false, unchanged, changed = 0, 0, 0, 0, 0
    for world, asked in worlds("pairs", 23, 40):
        question = next((q for q in asked if q.kind == "change"), None)
        if question is None:
            continue
        pair = [Still.from_array(image) for image in world.render(PIXELS_PER_UNIT)[0]]
        (comparison,) = compare(eyes, pair)
        if (kind := kind_of(question)) is None:
            unchanged += 1
            false += bool(comparison.differences)
            continue
        changed += 1
        right += [difference.kind for difference in comparison.differences] == [kind]
        for difference in comparison.differences:
            sides = zip(question.subjects, question.stills, strict=True)
            placed += all(
                box is not None and inside(box, thing.x * PIXELS_PER_UNIT, thing.y * PIXELS_PER_UNIT)
                for thing, side in sides
                for box in [(difference.before, difference.after)[side]]
            )
    assert changed >= 8
    assert unchanged >= 8
    assert right >= 0.85 * changed
    assert placed >= 0.85 * changed
    assert false <= 1


def inside(box: Box, x: float, y: float) -> bool:
    return box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1


@pytest.mark.parametrize("count", [0, 1, 17])
def test_too_few_or_too_many_pictures_are_refused(eyes: LlavaNext, count: int) -> None:
    with pytest.raises(InputError, match="2 to 16"):
        compare(eyes, [Still.from_array(np.zeros((40, 40, 3), np.uint8))] * count)


@pytest.mark.parametrize("shape", [(1, 1), (20, 3000), (40, 40)])
def test_odd_pictures_are_compared_without_an_error(eyes: LlavaNext, shape: tuple[int, int]) -> None:
    flat = Still.from_array(np.full((*shape, 3), 90, np.uint8))
    other = Still.from_array(np.full((64, 64, 3), 90, np.uint8))
    for pair in ([flat, flat], [flat, other], [other, flat]):
        (comparison,) = compare(eyes, pair)
        assert comparison.differences == ()
