"""Looking: what is asked of the model, and how crops are weighed against the whole still."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.memory import Box, Frame, Photo, Still, View
from sightloop.tools.look import (
    MIN_WINDOW,
    PLAUSIBLE,
    interleave,
    look,
    look_closer,
    looking_prompts,
    same_answer,
    whole,
    windows,
)

from .scripted import ScriptedEyes
from .tiny import build

areas = st.builds(
    lambda x, y, w, h: Box(x0=x, y0=y, x1=x + w, y1=y + h),
    st.integers(0, 500), st.integers(0, 500), st.integers(1, 3000), st.integers(1, 3000),
)  # fmt: skip


def plain(width: int = 120, height: int = 90, shade: int = 200) -> Still:
    return Still.from_array(np.full((height, width, 3), shade, np.uint8))


@given(areas)
def test_windows_cover_what_they_look_into_and_stay_inside(area: Box) -> None:
    cut = windows(area)
    sides = [min(box.x1 - box.x0, box.y1 - box.y0) for box in cut]
    if not cut:
        assert min(area.x1 - area.x0, area.y1 - area.y0) < MIN_WINDOW * 2
        return
    assert min(sides) >= MIN_WINDOW
    for box in cut:
        assert area.x0 <= box.x0 < box.x1 <= area.x1
        assert area.y0 <= box.y0 < box.y1 <= area.y1
    for x in np.linspace(area.x0, area.x1, 7):
        for y in np.linspace(area.y0, area.y1, 7):
            assert any(b.x0 <= x <= b.x1 and b.y0 <= y <= b.y1 for b in cut)


@given(areas.filter(lambda area: bool(windows(area))))
def test_windows_keep_the_aspect(area: Box) -> None:
    wanted = (area.x1 - area.x0) / (area.y1 - area.y0)
    for box in windows(area):
        assert (box.x1 - box.x0) / (box.y1 - box.y0) == pytest.approx(wanted, rel=1 / MIN_WINDOW)


def test_one_still_comes_before_the_question_and_several_are_named_in_order() -> None:
    a, b = plain(shade=10), plain(shade=20)
    assert interleave("what is it ?", [a]) == [a, "what is it ?"]
    assert interleave("which ?", [a, b]) == ["image 1 :", a, "image 2 :", b, "which ?"]


@pytest.mark.parametrize(
    ("origin", "label"),
    [
        (Photo(source="a.png"), "image 2 :"),
        (Frame(source="a.mp4", t=0.5, index=1), "frame 2 :"),
        (View(source="room", camera="b"), "view 2 :"),
    ],
)
def test_stills_are_named_by_where_they_come_from(origin: Photo | Frame | View, label: str) -> None:
    still = Still(np.zeros((8, 8, 3), np.uint8), origin)
    assert interleave("?", [still, still])[2] == label


@given(st.text(), st.text())
def test_sameness_of_answers_is_an_equivalence(one: str, other: str) -> None:
    assert same_answer(one, one)
    assert same_answer(one, other) == same_answer(other, one)
    assert same_answer(f"  {one} .", one)


words = st.sampled_from(["red", "Red.", "blue", "2", ""])
confidences = st.floats(0.01, 1.0)


@given(
    before=st.tuples(st.sampled_from(["red", "blue", "2"]), confidences),
    crops=st.lists(st.tuples(words, confidences), min_size=5, max_size=5),
    weights=st.lists(st.floats(0.001, 1.0), min_size=4, max_size=4),
)
def test_a_closer_look_only_raises_confidence_and_only_in_plausible_answers(
    before: tuple[str, float], crops: list[tuple[str, float]], weights: list[float]
) -> None:
    still = plain()
    said = iter(crops)
    eyes = ScriptedEyes(lambda prompt: next(said), lambda prompt, options: weights[: len(options)])
    seen = look_closer(eyes, "what ?", still, whole(still), *before)
    assert before[1] <= seen.confidence <= 1
    if seen.region is None:
        assert (seen.text, seen.confidence) == before
        return
    assert seen.region in windows(whole(still))
    supporters = [confidence for text, confidence in crops if same_answer(text, seen.text)]
    assert supporters
    assert seen.confidence <= (max(supporters) + before[1]) / 2 + 1e-9
    if not same_answer(seen.text, before[0]):
        # Not overruled: the whole still held the new answer at least this likely.
        assert 2 * seen.confidence - max(supporters) >= PLAUSIBLE * before[1] - 1e-6


def test_a_crop_that_sees_less_of_the_scene_does_not_overrule_the_whole() -> None:
    still = plain()
    eyes = ScriptedEyes(
        lambda prompt: ("1", 0.99),
        lambda prompt, options: [{"3": 0.9, "1": 0.1}[option] for option in options],
    )
    assert look_closer(eyes, "how many ?", still, whole(still), "3", 0.5).text == "3"


def test_a_crop_decides_where_the_whole_still_is_torn() -> None:
    still = plain()
    last = windows(whole(still))[-1]
    eyes = ScriptedEyes(
        lambda prompt: ("red", 0.9) if prompt[0].region == last else ("orange", 0.3),
        lambda prompt, options: [{"orange": 0.5, "red": 0.45}[option] for option in options],
    )
    seen = look_closer(eyes, "what colour ?", still, whole(still), "orange", 0.5)
    assert (seen.text, seen.region) == ("red", last)
    assert seen.confidence == pytest.approx((0.45 + 0.9) / 2)


def test_a_single_image_checkpoint_describes_each_still_and_draws_the_answer_from_words(
    tmp_path: Path,
) -> None:
    from sightloop.tools.llava_next import LlavaNext

    eyes = LlavaNext(build("vicuna", tmp_path / "single"))
    stills = [plain(shade=0), plain(shade=128), plain(shade=250)]
    assert [len(prompt) for prompt in looking_prompts(eyes.checkpoint, "which ?", stills)] == [2, 2, 2]
    seen = look(eyes, "which ?", stills)
    assert len(seen.per_still) == 3
    assert any("one image at a time" in note for note in seen.notes)


def test_a_multi_image_checkpoint_sees_all_stills_in_one_prompt(tmp_path: Path) -> None:
    from sightloop.tools.llava_next import LlavaNext

    eyes = LlavaNext(build("interleave", tmp_path / "many"))
    stills = [plain(shade=0), plain(shade=250)]
    assert looking_prompts(eyes.checkpoint, "which ?", stills) == [interleave("which ?", stills)]
    seen = look(eyes, "which ?", stills)
    assert seen.per_still == ()
    assert seen.text == eyes.answer(interleave("which ?", stills)).text
