"""What kind of block a question asks for, and the words that its page is found by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.memory.asked import asked_for, looked_for


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("What does the y axis of the sales plot show?", "figure"),
        ("Which curves are dashed?", "figure"),
        ("How many visitors came in May?", "table"),
        ("What is the median of the second group?", "table"),
        ("What p-values were found?", "table"),
        ("Who wrote the report?", None),
        ("Why was the bridge closed?", None),
    ],
)
def test_questions_say_what_they_ask_for(question: str, kind: str | None) -> None:
    assert asked_for(question) == kind


def test_words_of_drawings_are_not_what_a_page_is_found_by() -> None:
    assert looked_for("the axis of the sales plot", ["axis", "sales", "plot"]) == ["sales"]
    assert looked_for("the figure", ["figure"]) == ["figure"]
    assert looked_for("which color has the bridge", ["color", "bridge"]) == ["color", "bridge"]


@given(text=st.text(), words=st.lists(st.sampled_from(["axis", "plot", "x", "gull", "steel"]), min_size=1))
def test_some_words_are_always_left(text: str, words: list[str]) -> None:
    left = looked_for(text, words)
    assert left
    assert set(left) <= set(words)
