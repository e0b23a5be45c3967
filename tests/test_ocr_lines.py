"""Lines of OCR: words part where the ink does, doubted letters give way, and frames turn back."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from sightloop.memory import Box, Size
from sightloop.memory.page_text import Block, PageText, Word
from sightloop.tools.ocr_doubts import plain, settled
from sightloop.tools.ocr_frame import Frame
from sightloop.tools.ocr_lines import Pixels, Spoken, cut, pieces, sides, turned
from sightloop.tools.ocr_strips import strips

FONT = ImageFont.load_default(24)
WORDS = st.lists(  # of letters with straight sides: all spaces are about as wide
    st.text("hmnu", min_size=2, max_size=8), min_size=6, max_size=10
)


def drawn(text: str) -> tuple[Pixels, Spoken]:
    """A line of text as pixels, and what a recogniser without faults says of it."""
    width = math.ceil(FONT.getlength(text)) + 20
    image = Image.new("RGB", (width, 40), "white")
    ImageDraw.Draw(image).text((10, 5), text, fill=(20, 20, 60), font=FONT)
    ends = [FONT.getlength(text[:number]) for number in range(len(text) + 1)]
    places = tuple((10 + (a + b) / 2) / width for a, b in pairwise(ends))
    return np.asarray(image), Spoken(text, places, (0.99,) * len(text))


def whole(line: Pixels) -> np.ndarray:
    height, width = line.shape[:2]
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def without(spoken: Spoken, number: int) -> Spoken:
    """What was said without one character."""
    return Spoken(*(part[:number] + part[number + 1 :] for part in spoken))  # type: ignore[arg-type]


@given(WORDS)
def test_words_part_at_spaces_and_end_at_their_ink(words: list[str]) -> None:
    line, spoken = drawn(" ".join(words))
    found = pieces(line, whole(line), spoken)
    assert [piece.text for piece in found] == words
    for number, (piece, word) in enumerate(zip(found, words, strict=True)):
        start = 10 + FONT.getlength("".join(before + " " for before in words[:number]))
        left, _, right, _ = FONT.getbbox(word)
        assert abs(piece.quad[0, 0] - start - left) < 3
        assert abs(piece.quad[1, 0] - start - right) < 3


@given(WORDS, st.data())
def test_a_space_that_was_lost_is_found_again(words: list[str], data: st.DataObject) -> None:
    line, spoken = drawn(" ".join(words))
    spaces = [number for number, letter in enumerate(spoken.text) if letter == " "]
    said = without(spoken, data.draw(st.sampled_from(spaces)))
    assert [piece.text for piece in pieces(line, whole(line), said)] == words


@given(WORDS, st.data())
def test_a_space_that_was_made_up_is_left_out(words: list[str], data: st.DataObject) -> None:
    line, spoken = drawn(" ".join(words))
    inner = [n for n in range(1, len(spoken.text)) if " " not in spoken.text[n - 1 : n + 1]]
    number = data.draw(st.sampled_from(inner))
    said = Spoken(
        spoken.text[:number] + " " + spoken.text[number:],
        (*spoken.places[:number], spoken.places[number - 1], *spoken.places[number:]),
        (*spoken.sure[:number], 0.9, *spoken.sure[number:]),
    )
    assert [piece.text for piece in pieces(line, whole(line), said)] == words


@given(WORDS, st.integers(0, 3))
def test_a_line_is_cut_out_upright_however_it_is_turned(words: list[str], quarters: int) -> None:
    line, _ = drawn(" ".join(words))
    still = np.rot90(line, -quarters)
    corners = whole(np.ascontiguousarray(still))
    again = cut(np.ascontiguousarray(still), turned(corners, quarters))
    assert again.shape == line.shape
    assert np.abs(again[2:-2, 2:-2].astype(int) - line[2:-2, 2:-2]).mean() < 12
    assert sides(turned(corners, quarters)) == (line.shape[1], line.shape[0])


@given(st.integers(1, 60), st.integers(1, 9000), st.booleans(), st.randoms())
def test_the_parts_of_a_strip_are_the_strip(short: int, long: int, tall: bool, random: Random) -> None:
    noise = np.random.default_rng(random.getrandbits(32))
    strip = noise.integers(0, 256, (long, short, 3) if tall else (short, long, 3), dtype=np.uint8)
    parts = list(strips(strip))
    assert all(max(part.shape[:2]) <= 2208 for _, _, part in parts)
    assert np.array_equal(np.concatenate([part for _, _, part in parts], axis=0 if tall else 1), strip)
    assert all(np.array_equal(strip[top, left], part[0, 0]) for left, top, part in parts)


def test_a_strip_is_cut_between_words_and_a_page_not_at_all() -> None:
    line, _ = drawn("a line of many words that goes on and on " * 20)
    parts = list(strips(line))
    assert len(parts) > 2
    assert all((part[:, [0, -1]] == 255).all() for _, _, part in parts)
    page = np.zeros((2200, 1700, 3), np.uint8)
    assert [part[:2] for part in strips(page)] == [(0, 0)]


def test_a_line_of_spaces_or_of_nothing_has_no_words() -> None:
    blank = np.full((30, 100, 3), 255, np.uint8)
    for text in ("", "  "):
        said = Spoken(text, (0.5,) * len(text), (1.0,) * len(text))
        assert pieces(blank, whole(blank), said) == []


def said(text: str, *doubts: tuple[int, float]) -> Spoken:
    sure = [0.999] * len(text)
    for number, value in doubts:
        sure[number] = value
    return Spoken(text, tuple(np.linspace(0, 1, len(text))), tuple(sure))


ENGLISH = said("the controls of the recorder may be used at any time to go to a place in your sequence " * 4)


def test_doubted_accents_give_way_where_there_are_none() -> None:
    doubted = said("REWIND and LOC\u00c3TE", (14, 0.4))
    assert settled([ENGLISH, doubted])[1].text == "REWIND and LOCATE"
    assert settled([ENGLISH, said("Garc\u00eda")])[1].text == "Garc\u00eda"
    french = said("o\u00f9 les b\u00fbches se consument dans l'\u00e2tre")
    assert settled([french, doubted])[1].text == doubted.text


def test_doubted_ones_are_the_letter() -> None:
    assert settled([said("1wd=2", (0, 0.8))])[0].text == "lwd=2"
    for text in ("1st", "21 days", "1e9", "x1ab"):
        assert settled([said(text)])[0].text == text
    assert settled([said("x1ab", (1, 0.5))])[0].text == "x1ab"


@given(st.characters(categories=["L"]))
def test_only_latin_letters_lose_accents(letter: str) -> None:
    assert len(plain(letter)) == 1
    assert plain(letter) == letter or plain(letter).isascii()


ANGLES = st.floats(-180, 180, allow_nan=False)
SIZES = st.builds(Size, st.integers(1, 2200), st.integers(1, 2200))


@given(SIZES, ANGLES, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_a_frame_turns_there_and_back_and_holds_the_still(
    size: Size, angle: float, shares: list[tuple[float, float]]
) -> None:
    frame = Frame(size, angle)
    points = np.array(shares, np.float32) * np.array(size, np.float32)
    inside = frame.inside(points)
    assert frame.outside(inside) == pytest.approx(points, abs=0.01)
    assert inside.min() > -0.51
    assert (inside < np.array(frame.size) + 0.51).all()


@given(SIZES, st.integers(-1, 2), st.tuples(*[st.floats(0, 1)] * 4))
def test_words_of_a_turned_page_have_their_boxes_in_the_still(
    size: Size, quarters: int, shares: tuple[float, float, float, float]
) -> None:
    frame = Frame(size, 90 * quarters)
    (x0, x1), (y0, y1) = sorted(shares[:2]), sorted(shares[2:])
    width, height = frame.size
    assume((x1 - x0) * width > 0.1 and (y1 - y0) * height > 0.1)
    box = Box(x0=x0 * width, y0=y0 * height, x1=x1 * width, y1=y1 * height)
    word = Word("x", box.x0, box.y0, box.x1, box.y1, 0)
    page = frame.given(PageText(frame.size, (word,), (Block("text", box, 0, 1),), "ocr"))
    found = page.words[0].box
    wide, high = (box.x1 - box.x0, box.y1 - box.y0)[:: -1 if quarters % 2 else 1]
    assert (found.x1 - found.x0, found.y1 - found.y0) == pytest.approx((wide, high), abs=0.05)
    assert page.blocks[0].box == found
    assert page.size == size
