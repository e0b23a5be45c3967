"""Quotes: they hold however they are set, and not where another word or number stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sightloop.errors import EvidenceError
from sightloop.memory import Box, Still
from sightloop.memory.page_text import PageText, Word
from sightloop.memory.sources.documents import Document
from sightloop.memory.still import Size
from sightloop.tools.quotes import check, holds

from .papers import pdf

words = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=12)


@given(words, words, words)
def test_a_quote_holds_among_other_words(before: list[str], quote: list[str], after: list[str]) -> None:
    text = " ".join([*before, *quote, *after])
    assert holds(" ".join(quote), text, exact=True) == 1
    assert holds(" ".join(quote).upper(), text.replace(" ", "\n"), exact=True) == 1


@given(words, st.integers(0, 10**6))
def test_a_number_that_is_not_there_does_not_hold(quote: list[str], number: int) -> None:
    text = " ".join(quote)
    assert holds(f"{text} {number}", text, exact=True) == 0
    assert holds(f"{text} {number}", text, exact=False) == 0


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_part_of_a_number_is_another_number(one: int, other: int) -> None:
    assume(one != other)
    assert holds(str(one), str(other), exact=True) == 0
    assert holds(str(one), str(other), exact=False) == 0


@pytest.mark.parametrize(
    ("quote", "there"),
    [
        ("the efficient first flow", "the e\ufb03cient \ufb01rst \ufb02ow"),
        ("a hyphenated word", "a hyphen-\nated word"),
        ("a hyphen-\nated word", "a hyphenated word"),
        ('"so" it\'s said', "\u201cso\u201d it\u2019s said"),
        ("1-2", "1\u20132"),
        ("time=2.5", "time= 2.5"),
    ],
)
def test_setting_does_not_matter(quote: str, there: str) -> None:
    assert holds(quote, there, exact=True) == 1


def test_wrong_letters_of_ocr_are_forgiven_and_other_words_are_not() -> None:
    assert holds("the lighthouse is tall", "the Iighthouse is ta11", exact=False) > 0.6
    assert holds("the lighthouse is tall", "the Iighthouse is ta11", exact=True) == 0
    assert holds("the lighthouse is tall", "no dogs on any pier", exact=False) < 0.6


class Reader:
    """Reads every still as one word in its middle."""

    def __init__(self, word: str) -> None:
        self._word = word

    def read(self, stills: list[Still]) -> list[PageText]:
        return [
            PageText(Size(*s.size), (Word(self._word, 10, 10, 30, 20, 0, 0.9),), (), "ocr") for s in stills
        ]


def test_pictures_are_read_again_by_ocr() -> None:
    from PIL import Image

    still = Still.from_array(Image.new("RGB", (60, 40), "white"))
    part = still.crop(Box(x0=9, y0=9, x1=31, y1=21))
    assert check(part, "harbour", Reader("harbour"))[0] == 1
    assert check(part, "harbour", Reader("dog"))[0] < 0.5
    assert check(still.crop(Box(x0=40, y0=0, x1=60, y1=40)), "harbour", Reader("harbour"))[0] == 0


def test_a_page_that_is_gone_is_an_error(tmp_path: Path) -> None:
    path = pdf(tmp_path / "gone.pdf", "one line")
    with Document(path) as document:
        still = document.page(1).still
    assert check(still, "one line") == (1.0, 0.0)
    path.unlink()
    with pytest.raises(EvidenceError):
        check(still, "one line")
