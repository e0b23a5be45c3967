"""Forms: what a page may write for the words of a question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.memory.forms import forms_of


@pytest.mark.parametrize(
    ("terms", "form", "places"),
    [
        (["coeffici", "sex"], "coef", {0}),
        (["chi", "squar"], "chisq", {0, 1}),
        (["standard", "error"], "se", {0, 1}),
        (["free", "light", "chain"], "flc", {0, 1, 2}),
        (["women"], "f", {0}),
        (["eight", "gull"], "8", {0}),
    ],
)
def test_a_form_stands_for_words(terms: list[str], form: str, places: set[int]) -> None:
    assert {place for place, _ in forms_of(terms)[form]} == places


@given(terms=st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=8))
def test_a_word_is_itself_and_forms_count_less(terms: list[str]) -> None:
    forms = forms_of(terms)
    for place, term in enumerate(terms):
        assert forms[term] == [(place, 1.0)]
    for form in forms.keys() - set(terms):
        assert all(0 < far < 1 and 0 <= place < len(terms) for place, far in forms[form])
