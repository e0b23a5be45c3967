"""Comparing: real photographs, changed and perturbed here, and pairs of worlds, whose change is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from sightloop import LlavaNext, Still
from sightloop.errors import ContextOverflowError, InputError
from sightloop.memory import Box
from sightloop.tools.align import align
from sightloop.tools.changed_pairs import perturbed
from sightloop.tools.changed_worlds import different_scenes, world_pairs
from sightloop.tools.compare import compare
from sightloop.tools.compare_bench import f1, false_alarms, told
from sightloop.tools.confirm import confirm
from sightloop.tools.llava_next.checkpoints import find
from sightloop.tools.llava_next.pocket.worlds import PIXELS_PER_UNIT
from sightloop.tools.perturb import PERTURBATIONS, Pixels
from sightloop.tools.regions import changed_regions

from .scripted import ScriptedEyes

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


def test_what_kind_of_change_a_pair_shows_and_where(eyes: LlavaNext) -> None:
    answers = told(eyes, list(world_pairs(23, 18)))
    said = [(one.pair.truth, one.loop) for one in answers]
    assert sum(one.pair.truth is not None for one in answers) >= 6
    assert sum(one.pair.truth is None for one in answers) >= 6
    assert f1()(said) >= 0.85
    assert false_alarms(said) == 0


@pytest.mark.parametrize("name", list(PERTURBATIONS))
def test_a_world_in_another_state_has_not_changed(eyes: LlavaNext, name: str) -> None:
    """Four pairs under each: of one scene, told as such, and at most one taken for changed."""
    same = [perturbed(pair, name) for pair in world_pairs(29, 16) if pair.truth is None][:4]
    found = [compare(eyes, [Still.from_array(pair.before), Still.from_array(pair.after)])[0] for pair in same]
    assert all(comparison.same_scene for comparison in found)
    assert sum(bool(comparison.differences) for comparison in found) <= 1


def test_different_scenes_are_compared_by_what_they_show(eyes: LlavaNext) -> None:
    hits, listed, there = 0, 0, 0
    for world, (one, other) in different_scenes(31, 6):
        stills = [Still.from_array(image) for image in world.render(PIXELS_PER_UNIT)[0]]
        (comparison,) = compare(eyes, stills)
        if comparison.same_scene:
            continue
        told_of = (comparison.shared, comparison.only_before, comparison.only_after)
        for said, truth in zip(told_of, (one & other, one - other, other - one), strict=True):
            hits, listed, there = hits + len(set(said) & truth), listed + len(said), there + len(truth)
            assert all(name in comparison.words for name in said)
    assert there >= 6
    assert 2 * hits / (listed + there) >= 0.8


def test_changed_text_is_read_on_both_sides() -> None:
    """By eyes that know photographs: each line is shown them alone, and whole though only a part changed."""
    signs = []
    for text in ("OPEN 7", "OPEN 9"):
        paper = np.full((240, 320, 3), 225, np.uint8)
        cv2.putText(paper, text, (40, 120), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (30, 60, 30), 5, cv2.LINE_AA)
        cv2.circle(paper, (260, 200), 25, (200, 40, 40), -1)
        signs.append(Still.from_array(paper))
    shown = []

    def say(prompt: Sequence[object]) -> tuple[str, float]:
        crop = prompt[0]
        assert isinstance(crop, Still)
        assert crop.region is not None
        shown.append(crop.region)
        whole = crop.whole
        assert whole is not None
        return ("OPEN 7" if whole is signs[0] else "OPEN 9"), 0.9

    looking = ScriptedEyes(say, lambda prompt, options: [1] * len(options), find("llava-v1.6-mistral-7b-hf"))
    (comparison,) = compare(looking, signs)
    (found,) = comparison.differences
    assert found.kind == "text changed"
    assert found.words == 'the text changed from "OPEN 7" to "OPEN 9"'
    assert all(box.x0 <= 42 and box.x1 >= 200 and box.y1 < 175 for box in shown)
    assert confirm(looking, *signs, found)[1] < 0.6


@pytest.mark.parametrize("count", [0, 1, 17])
def test_too_few_or_too_many_pictures_are_refused(eyes: LlavaNext, count: int) -> None:
    with pytest.raises(InputError, match="2 to 16"):
        compare(eyes, [Still.from_array(np.zeros((40, 40, 3), np.uint8))] * count)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (20, 30000), (30000, 20), (40, 40)])
def test_odd_pictures_are_compared_without_an_error(eyes: LlavaNext, shape: tuple[int, int]) -> None:
    flat = Still.from_array(np.full((*shape, 3), 90, np.uint8))
    other = Still.from_array(np.full((64, 64, 3), 90, np.uint8))
    for pair in ([flat, flat], [flat, other], [other, flat]):
        (comparison,) = compare(eyes, pair)
        assert comparison.differences == ()


def test_grey_pictures_and_those_of_another_shape_are_compared(eyes: LlavaNext) -> None:
    photo = data.camera()
    wide = cv2.resize(photo, (640, 300), interpolation=cv2.INTER_AREA)
    stills = [Still.from_array(image) for image in (photo, wide, np.zeros((50, 70), np.uint8), photo)]
    found = compare(eyes, stills)
    assert [(pair.before, pair.after) for pair in found] == [(1, 2), (1, 3), (1, 4)]
    assert [pair.same_scene for pair in found] == [True, False, True]
    assert found[2].differences == ()


def test_a_pair_that_fails_loses_no_other() -> None:
    """Eyes that refuse a green picture: the other pairs are compared, and alone it is an error."""

    def say(prompt: Sequence[object]) -> tuple[str, float]:
        stills = [part for part in prompt if isinstance(part, Still)]
        if any(tuple(still.pixels[0, 0]) == (0, 200, 0) for still in stills):
            raise ContextOverflowError("too green")
        return "a red cup", 0.9

    looking = ScriptedEyes(say, lambda prompt, options: [1] * len(options))
    paper = np.full((100, 200, 3), 230, np.uint8)
    stained = paper.copy()
    stained[30:60, 40:80] = (200, 30, 30)
    green = np.full((100, 200, 3), (0, 200, 0), np.uint8)
    first, good, bad = (Still.from_array(image) for image in (paper, stained, green))
    failed, kept = compare(looking, [first, bad, good])
    assert "too green" in failed.words
    assert "too green" in failed.notes[0]
    assert [difference.kind for difference in kept.differences] == ["added"]
    with pytest.raises(ContextOverflowError):
        compare(looking, [first, bad])
