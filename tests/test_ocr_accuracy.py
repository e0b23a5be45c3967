"""Word accuracy: what it counts, by laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.tools.ocr_accuracy import edits, word_accuracy, words_of

PARTS = st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "12", "3.5", "\u00dcnder", "it's", "x_1"])
TEXTS = st.lists(PARTS, max_size=30).map(" ".join)
SOME = TEXTS.filter(words_of)


@given(TEXTS)
def test_a_text_read_as_it_is_is_right(text: str) -> None:
    assert word_accuracy(text, text) == (1, 1, 0, 1, len(words_of(text)))


@given(TEXTS, TEXTS)
def test_all_shares_are_shares(read: str, truth: str) -> None:
    accuracy = word_accuracy(read, truth)
    assert all(0 <= share <= 1 for share in accuracy[:4])
    assert accuracy.ordered <= accuracy.found + 1e-9


@given(SOME, st.randoms())
def test_the_order_counts_only_in_ordered(text: str, random: object) -> None:
    shuffled = text.split()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    accuracy = word_accuracy(" ".join(shuffled), text)
    assert (accuracy.found, accuracy.wrong, accuracy.exact) == (1, 0, 1)


@given(SOME)
def test_a_word_made_up_is_wrong_and_costs_one_edit(text: str) -> None:
    accuracy = word_accuracy(text + " zebra", text)
    assert accuracy.found == 1
    assert accuracy.wrong == pytest.approx(1 / (accuracy.words + 1))
    assert accuracy.ordered == pytest.approx(1 - 1 / accuracy.words)


WORDS = st.lists(st.sampled_from("abc"), max_size=12)


@given(WORDS, WORDS, WORDS)
def test_edits_are_a_distance(one: list[str], two: list[str], three: list[str]) -> None:
    assert edits(one, two) == edits(two, one)
    assert (edits(one, two) == 0) == (one == two)
    assert edits(one, three) <= edits(one, two) + edits(two, three)
    assert abs(len(one) - len(two)) <= edits(one, two) <= max(len(one), len(two))


def test_a_lost_space_a_made_up_space_and_a_wrong_letter_are_errors() -> None:
    assert word_accuracy("beused", "be used").found == 0
    assert word_accuracy("mo del", "model").found == 0
    assert word_accuracy("mode1", "model").found == 0


def test_what_typesetters_tell_apart_is_the_same() -> None:
    typeset = "The \ufb01rst \u2018chain\u2019 \u2014 of 3\u201312"
    assert word_accuracy("the first 'chain' - of 3-12", typeset).found == 1
    assert word_accuracy("The first 'chain' - of 3-12", typeset).exact == 1
    assert word_accuracy("the first, chain - of 3-12", typeset).exact < 1


def test_without_truth_only_what_was_made_up_is_wrong() -> None:
    assert word_accuracy("", "") == (1, 1, 0, 1, 0)
    assert word_accuracy("a b", "") == (1, 1, 1, 1, 0)
    assert word_accuracy("", "a b") == (0, 0, 0, 0, 2)
