"""Follow-ups are completed from the question before; whole questions are left as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.tools.followup import complete


@pytest.mark.parametrize(
    ("question", "before", "complete_"),
    [
        ("and the left one?", "What color is the right circle?", "What color is the left circle?"),
        ("and the left one?", "What is the rightmost thing?", "What is the leftmost thing?"),
        ("What about blue ones?", "How many red shapes are there?", "How many blue shapes are there?"),
        ("and the ring?", "Is the star left of the circle?", "Is the ring left of the circle?"),
        ("And in image 2?", "How many shapes are in image 1?", "How many shapes are in image 2?"),
        ("and image 3?", "How many shapes are in image 1?", "How many shapes are in image 3?"),
        ("and the red circle?", "Which picture has the blue square?", "Which picture has the red circle?"),
        ("And circles?", "How many stars are there?", "How many circles are there?"),
        ("the blue one?", "What shape is the red thing?", "What shape is the blue thing?"),
        ("and yellow?", "Which of these has more red shapes?", "Which of these has more yellow shapes?"),
        ("what about the second photo?", "What is in the first photo?", "What is in the second photo?"),
        ("and on the right?", "What is on the left?", "What is on the right?"),
        ("and the square?", "Is there a red ball?", "Is there a square?"),
        ("and a green?", "Is there a red ball?", "Is there a green ball?"),
        ("and the middle?", "What color is the left circle?", "What color is the middle circle?"),
        ("and an orange star?", "Is there a red circle?", "Is there an orange star?"),
    ],
)
def test_what_a_follow_up_leaves_out_comes_from_the_question_before(
    question: str, before: str, complete_: str
) -> None:
    assert complete(question, before) == complete_


@pytest.mark.parametrize(
    "question",
    ["Where is the star?", "and where is the star?", "How many are there?", "What changed?", "and now?", "?"],
)
def test_what_is_whole_or_cannot_be_completed_stays(question: str) -> None:
    assert complete(question, "What changed?") == question


@given(question=st.text(max_size=60), before=st.text(max_size=60))
def test_any_text_is_completed_to_some_text(question: str, before: str) -> None:
    assert isinstance(complete(question, before), str)


@given(before=st.text(alphabet="abc the?", max_size=60))
def test_a_whole_question_is_never_changed(before: str) -> None:
    assert complete("What color is the star?", before) == "What color is the star?"
