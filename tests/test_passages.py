"""Passages: every word of a page is in one of them, and they are what a database and a model take."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sightloop.memory.page_text import Block, PageText, Word, around
from sightloop.memory.passages import LONGEST, means, texts_of
from sightloop.memory.records import Text
from sightloop.memory.still import Size

WORDS = st.text(st.characters(exclude_categories=("Zs", "Zl", "Zp", "Cc")), min_size=1, max_size=8)


def page_of(blocks: list[list[list[str]]]) -> PageText:
    """A page of blocks of lines of words, each word in a box of its own."""
    words: list[Word] = []
    made: list[Block] = []
    line = 0
    for block in blocks:
        first = len(words)
        for texts in block:
            words += [
                Word(text, 10 * at, 12 * line, 10 * at + 8.04, 12 * line + 10, line)
                for at, text in enumerate(texts)
            ]
            line += 1
        box = around([word.box for word in words[first:]])
        made.append(Block("text", box, first, len(words)))
    return PageText(Size(1000, 1000), tuple(words), tuple(made), "layer")


PAGES = st.lists(
    st.lists(st.lists(WORDS, min_size=1, max_size=60), min_size=1, max_size=12), min_size=1, max_size=4
).map(page_of)


def letters(texts: list[Text]) -> str:
    """All but spaces and the hyphens at which lines may end."""
    return re.sub("[\\s\u00ad\u2010-]", "", "".join(text.text for text in texts))


@given(PAGES)
def test_passages_hold_all_words_in_order(page: PageText) -> None:
    whole, blocks = texts_of(page)
    assert letters(blocks) == letters(whole)
    for text in (*whole, *blocks):
        assert text.text.encode()
        assert "\0" not in text.text
    for text in blocks:
        assert len(text.text.split()) <= LONGEST
        assert text.box is not None
        assert any(
            block.box.x0 - 0.1 <= text.box.x0 and text.box.y1 <= block.box.y1 + 0.1 for block in page.blocks
        )


def test_words_that_a_line_cut_in_two_are_one_again() -> None:
    page = page_of([[["the", "regres-"], ["sion", "of", "Kaplan-"], ["Meier", "10-"], ["20"]]])
    (whole,), (block,) = texts_of(page)
    assert (
        whole.text.split()
        == block.text.split()
        == ["the", "regression", "of", "Kaplan-", "Meier", "10-", "20"]
    )


def test_long_blocks_are_cut_where_lines_end() -> None:
    lines = [[f"w{line}x{at}" for at in range(30)] for line in range(20)]
    page = page_of([lines])
    _, blocks = texts_of(page)
    assert [len(block.text.split()) for block in blocks] == [150, 150, 150, 150]
    assert [block.text.split()[0] for block in blocks] == ["w0x0", "w5x0", "w10x0", "w15x0"]
    tops = [block.box.y0 for block in blocks if block.box is not None]
    assert tops == [0, 60, 120, 180]


def test_what_means_something() -> None:
    assert means("the median survival is 310 days")
    assert not means("12 34 56 78")
    assert not means("Chapter 7")
    assert not means("x y z")
