"""Words of text layers: every one that is drawn, spelled as it reads; and layers that are no text."""

from __future__ import annotations

import codecs
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import papers
import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from sightloop.memory.garbled import garbled
from sightloop.memory.raw_page import RawPage
from sightloop.memory.sources.documents import read_page_text
from sightloop.memory.still import Size
from sightloop.memory.text_layer import page_text

few = settings(max_examples=15, deadline=None)

ENGLISH = """
    The survival package is concerned with time-to-event analysis. Such outcomes arise very often in the
    analysis of medical data: time from chemotherapy to tumor recurrence, or the durability of a joint.
"""
# ruff: noqa: RUF001
TEXTS = {
    "English": ENGLISH,
    "German": "Die Überlebenszeit der Patienten wurde über fünf Jahre gemessen; größere Abstände gab es nie.",
    "French": "L'été dernier, les élèves ont été reçus à l'École; où sont-ils passés? Ils étaient contents.",
    "Polish": "Zażółć gęślą jaźń, wszyscy ludzie rodzą się wolni i równi pod względem swej godności.",
    "Finnish": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan, järki.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Arabic": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا.",
    "Chinese": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。" * 2,
    "code": "> fit <- coxph(Surv(time, status) ~ age + strata(sex), data=lung)\n> plot(fit[1:2], lty=1:2)",
    "numbers": "12.5 3.07e-05 -0.12 NA 44 (0.95) 1,200 12% 7 8 9 10 11 100 0.001 *** 55.1 60.2 1/3 <2e-16",
    "contents": "1.1 History . . . . . . . . . . . . . . . 3\n1.2 Data . . . . . . . . . . . . . . . . 4\n"
    * 3,
    "nothing": "",
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_of_any_language_is_text(name: str) -> None:
    assert not garbled(TEXTS[name])


@pytest.mark.parametrize("text", [ENGLISH, TEXTS["French"] * 2, TEXTS["Polish"] * 2])
def test_utf8_read_as_something_else_is_garbled(text: str) -> None:
    accented = text.replace("e", "é")
    assert garbled(accented.encode().decode("latin-1"))
    assert garbled(accented.encode().decode("cp1252", errors="replace"))


@few
@given(st.integers(1, 29))
def test_glyphs_numbered_from_somewhere_are_garbled(start: int) -> None:
    letters = sorted(set(ENGLISH))
    numbered = {ord(letter): chr(start + number) for number, letter in enumerate(letters) if letter > " "}
    assert garbled(ENGLISH.translate(numbered))


@pytest.mark.parametrize("shift", [29, 31, -3])
def test_an_alphabet_that_is_shifted_is_garbled(shift: int) -> None:
    assert garbled("".join(chr(max(ord(c) - shift, 33)) if c > " " else c for c in ENGLISH))


def test_letters_of_private_use_and_none_at_all_are_garbled() -> None:
    assert garbled("".join(chr(0xE000 + ord(c)) if c > " " else c for c in ENGLISH))
    assert garbled("\ufffd\ufffd\ufffd \ufffd\ufffd")
    assert garbled(codecs.encode(ENGLISH, "rot13"))


words = st.lists(st.text("abcdefghijklmnoprstuvwxyzABC0123456789.,()-", min_size=1, max_size=9), max_size=24)


@few
@given(words, st.sampled_from(["Helvetica", "Times-Italic", "Courier"]), st.sampled_from([7, 11, 24]))
def test_every_word_is_told_once_where_it_stands(texts: list[str], font: str, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "words.pdf"
        canvas = Canvas(str(path), pagesize=(612, 792))
        canvas.setFont(font, size)
        for number, text in enumerate(texts):
            canvas.drawString(50 + 180 * (number % 3), 700 - 60 * (number // 3), text)
        canvas.save()
        page = read_page_text(path, 1)
    assert sorted(word.text for word in page.words) == sorted(texts)
    for number, text in enumerate(texts):
        x, y = 2 * (50 + 180 * (number % 3)), 2 * (792 - 700 + 60 * (number // 3))
        found = [
            w
            for w in page.words
            if w.text == text and abs(w.x0 - x) < size and y - 2 * size < w.y0 < y + size
        ]
        assert len(found) == 1
        assert found[0].y1 <= y + size


def raw(*lines: str, step: float = 12.0) -> RawPage:
    """Return the page that a typewriter would draw."""
    places = [(ord(c), column, row) for row, line in enumerate(lines) for column, c in enumerate(line)]
    codes = np.array([code for code, _, _ in places], np.int32)
    x = np.array([100 + step * column for _, column, _ in places])
    y = np.array([100 + 30.0 * row for _, _, row in places])
    count = len(places)
    return RawPage(
        Size(1224, 1584),
        codes,
        np.stack([x, y, x + 10, y + 18], axis=1).astype(np.float32),
        np.full(count, 20, np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, bool),
        np.ones(count, bool),
        np.zeros(count, bool),
    )


def test_ligatures_are_spelled_and_hyphens_kept() -> None:
    page = page_text(
        raw("the e\ufb03cacy of \ufb01rst bene\ufb01t re\u00ad", "mained \ufffe sub\x02stan\u00a0tial")
    )
    assert page.text == "the efficacy of first benefit re-\nmained - sub-stan tial"


def test_glyphs_without_any_letter_are_told_as_unknown() -> None:
    page = page_text(raw("this is a line of text with one \x00\x07 unknown word in it, and another line"))
    assert "\ufffd\ufffd" in page.text.split()
    assert page.read == "layer"


def test_words_end_where_the_glyphs_stand_far_apart() -> None:
    page = page_text(raw("ab", step=30))
    assert page.text == "a b"


def test_what_is_beside_the_page_is_not_on_it() -> None:
    page = raw("inside outside")
    boxes = page.boxes.copy()
    boxes[7:, [0, 2]] += 2000
    assert page_text(replace(page, boxes=boxes)).text == "inside"


def test_a_page_without_a_layer_and_a_garbled_one_were_read_by_nobody() -> None:
    assert page_text(raw()).read == "none"
    page = page_text(raw(*("".join(chr(0xE000 + ord(c)) for c in "secretly") for _ in range(9))))
    assert (page.read, page.words, page.blocks) == ("none", (), ())
    assert "text layer" in page.notes[0]


def test_a_file_whose_font_has_no_names_for_its_glyphs_is_not_believed(tmp_path: Path) -> None:
    path = papers.pdf(
        tmp_path / "fonts.pdf", "\n".join(" ".join(ENGLISH.split()[at : at + 6]) for at in range(20))
    )
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        font = document.pages[0].Resources.Font["/F1"]
        names = [pikepdf.Name(f"/g{number}") for number in range(33, 127)]
        font.Encoding = pikepdf.Dictionary(Type=pikepdf.Name.Encoding, Differences=[33, *names])
        cmap = "".join(f"<{number:02x}> <{0xE000 + number:04x}>\n" for number in range(33, 127))
        font.ToUnicode = document.make_stream(
            b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
            b"1 begincodespacerange <00> <ff> endcodespacerange\n"
            b"94 beginbfchar\n" + cmap.encode() + b"endbfchar endcmap end end"
        )
        document.save(path)
    page = read_page_text(path, 1)
    assert page.read == "none"
    assert page.notes


def test_words_under_a_picture_of_the_page_may_be_of_an_ocr() -> None:
    page = raw("words that somebody read before")
    assert not page_text(page).notes
    scan = page_text(replace(page, pictures=np.array([[0, 0, 1224, 1584]], np.float32)))
    assert "OCR" in scan.notes[0]
    assert scan.read == "layer"
    assert scan.text == "words that somebody read before"
