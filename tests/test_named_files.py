"""Questions that name the files they are about, as models that plan like to write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.tools.named_files import without_files


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("What color is the circle in /data/photo.png?", "What color is the circle?"),
        ("In photo.png, what is red?", "what is red?"),
        ("Is there a star in 'photo.png' or in the picture b.png?", "Is there a star?"),
        ("How many patients were there, according to the report b.png?", "How many patients were there?"),
        ("What changed between photo.png and b.png?", "What changed?"),
        # what is asked about the files themselves stays
        ("Is photo.png darker than b.png?", "Is photo.png darker than b.png?"),
        ("What is in photo.png?", "What is in photo.png?"),
        ("in photo.png", "in photo.png"),
        ("What is red in photo.png.bak?", "What is red in photo.png.bak?"),
        ("What is red in my photo?", "What is red in my photo?"),
    ],
)
def test_where_files_are_named_is_left_out(question: str, left: str) -> None:
    assert without_files(question, ["/data/photo.png", "b.png"]) == left


@given(st.text(), st.lists(st.text(), max_size=3))
def test_a_question_stays_one(question: str, files: list[str]) -> None:
    left = without_files(question, files)
    assert left == question or left.strip()
    assert without_files(question, []) == question
