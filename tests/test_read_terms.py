"""Words of questions and of pages: which go together, and what a question asks for."""

from __future__ import annotations

import pytest

from sightloop.tools.terms import asked_terms, contradicts, focus, likeness, term
from sightloop.tools.wanted import wanted


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("females", "sex=F"),
        ("women", "Female"),
        ("coefficient", "coef"),
        ("chisquare", "chisq"),
        ("first", "1st"),
        ("risk", "n.risk"),
        ("one", "1.0"),
    ],
)
def test_a_table_writes_words_shorter(asked: str, there: str) -> None:
    assert likeness(term(asked), term(there)) > 0.2


@pytest.mark.parametrize(
    ("asked", "there"), [("median", "sex=M"), ("females", "sex=M"), ("processor", "press"), ("two", "3")]
)
def test_other_words_are_other_words(asked: str, there: str) -> None:
    assert likeness(term(asked), term(there)) == 0


def test_kinds_that_exclude_each_other() -> None:
    assert contradicts(term("men"), term("gender=Female"))
    assert contradicts(term("dose=2"), term("dose=1"))
    assert not contradicts(term("men"), term("median"))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("In which street is the office?", ["street"]),
        ("What is the median weight of the boxes?", ["median", "weight"]),
        ("When boxes are moved, what weight do the small ones get?", ["weight"]),
        ("How many ships are at the pier?", ["ships"]),
    ],
)
def test_what_is_asked_for_is_told_from_what_it_is_of(question: str, words: list[str]) -> None:
    asked = asked_terms(question)
    assert [asked[place].word for place in focus(question)] == words


def test_a_number_of_the_question_is_no_answer() -> None:
    asks = wanted("How many of the 12 ships left at 7?")
    assert asks.fits("5 of them left")
    assert asks.fits("three of them left")
    assert not asks.fits("the 12 ships are in the harbour at 7")
