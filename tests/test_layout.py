"""Reading order, lines and blocks: of pages that reportlab writes, and of words in any order, as of OCR."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Spacer

from sightloop.memory.layout import laid_out
from sightloop.memory.loose_words import turned
from sightloop.memory.page_text import PageText, Word
from sightloop.memory.sources.documents import read_page_text
from sightloop.memory.still import Size

few = settings(max_examples=25, deadline=None)
STYLES = getSampleStyleSheet()
SIZE = Size(1224, 1584)
VOCABULARY = (
    "the",
    "survival",
    "of",
    "patients",
    "was",
    "measured",
    "until",
    "they",
    "left",
    "a",
    "study",
    "early",
)


def prose(seed: int, words: int) -> str:
    """Return a sentence like no other: every fifth word is numbered."""
    rng = random.Random(seed)
    return " ".join(rng.choice(VOCABULARY) if at % 5 else f"{seed}x{at}" for at in range(words)) + "."


def written(path: Path, columns: int, *story: Flowable) -> PageText:
    """Write a page of columns, and read it."""
    document = BaseDocTemplate(str(path), pagesize=(612, 792))
    wide = (612 - 144 - 24 * (columns - 1)) / columns
    frames = [Frame(72 + number * (wide + 24), 72, wide, 648, 0, 0, 0, 0) for number in range(columns)]
    document.addPageTemplates(PageTemplate(frames=frames))
    document.build(list(story))
    return read_page_text(path, 1)


def paragraphs(count: int, words: int) -> list[str]:
    return [prose(number, words) for number in range(count)]


def spaced(texts: Sequence[str]) -> list[Flowable]:
    return [piece for text in texts for piece in (Paragraph(text, STYLES["Normal"]), Spacer(1, 10))]


def kinds(page: PageText) -> list[str]:
    return [block.kind for block in page.blocks]


def block_texts(page: PageText) -> list[str]:
    return [page.text_of(block.first, block.last).replace("\n", " ") for block in page.blocks]


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_columns_are_read_one_after_the_other(tmp_path: Path, columns: int) -> None:
    texts = paragraphs(12, 45)
    page = written(tmp_path / "paper.pdf", columns, *spaced(texts))
    assert page.read == "layer"
    assert page.text.split() == " ".join(texts).split()[: len(page.words)]
    assert len(page.words) > 250


@pytest.mark.parametrize("columns", [1, 2])
def test_a_paragraph_is_a_block(tmp_path: Path, columns: int) -> None:
    texts = paragraphs(5, 40)
    page = written(tmp_path / "paper.pdf", columns, *spaced(texts))
    assert block_texts(page) == texts
    assert set(kinds(page)) == {"text"}


def test_a_heading_across_two_columns_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    canvas = Canvas(str(path), pagesize=(612, 792))
    canvas.setFont("Helvetica-Bold", 20)
    canvas.drawString(72, 700, "Survival of patients in the study of many arms")
    for column, x in enumerate((72, 318)):
        canvas.setFont("Helvetica", 10)
        for line in range(30):
            canvas.drawString(x, 660 - 14 * line, f"c{column}l{line} of the words that fill a column here")
    canvas.save()
    page = read_page_text(path, 1)
    assert kinds(page)[0] == "heading"
    starts = [word.text for word in page.words if word.text.startswith(("c0l", "c1l"))]
    assert starts == [f"c{column}l{line}" for column in range(2) for line in range(30)]


def test_headings_captions_and_figures_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    canvas = Canvas(str(path), pagesize=(612, 792))
    canvas.setFont("Helvetica-Bold", 16)
    canvas.drawString(72, 700, "2.1 Kaplan-Meier curves")
    canvas.setFont("Helvetica", 10)
    for line in range(3):
        canvas.drawString(
            72, 670 - 13 * line, "The curves below show the survival of the patients by their sex and"
        )
    plot(canvas, 120, 400, 300, 200)
    canvas.setFont("Helvetica", 10)
    canvas.drawString(150, 340, "Figure 3: Survival by sex.")
    canvas.save()
    page = read_page_text(path, 1)
    assert kinds(page) == ["heading", "text", "figure", "caption"]
    figure = page.blocks[2]
    held = page.text_of(figure.first, figure.last).split()
    assert {"Months", "Survival", "0.25", "1.00", "100"} <= set(held)
    assert figure.box.x0 <= 2 * 120
    assert figure.box.x1 >= 2 * 420
    assert block_texts(page)[3] == "Figure 3: Survival by sex."


def test_prose_in_the_column_beside_a_figure_is_none_of_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    canvas = Canvas(str(path), pagesize=(612, 792))
    plot(canvas, 110, 420, 180, 200)
    canvas.setFont("Helvetica", 10)
    for line in range(42):
        text = "early on." if line % 4 == 3 else f"l{line} of the words that fill this column"
        canvas.drawString(312, 700 - 13 * line, text)
        if line > 24:
            canvas.drawString(72, 700 - 13 * line, f"m{line} of the words that fill this column")
    canvas.save()
    page = read_page_text(path, 1)
    (figure,) = [block for block in page.blocks if block.kind == "figure"]
    assert "early" not in page.text_of(figure.first, figure.last)
    assert figure.box.x1 < 2 * 312
    starts = [word.text for word in page.words if word.text[0] in "lm" and word.text[1:].isdigit()]
    assert starts == [f"m{n}" for n in range(25, 42)] + [f"l{n}" for n in range(42) if n % 4 != 3]


def plot(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    """Draw a plot as statistics programs do: a frame, a curve, ticks with numbers, names of the axes."""
    canvas.rect(x, y, width, height)
    curve = canvas.beginPath()
    curve.moveTo(x, y + height)
    for step in range(12):
        curve.lineTo(x + step * width / 12, y + height * (1 - step / 14))
        curve.lineTo(x + (step + 1) * width / 12, y + height * (1 - step / 14))
    canvas.drawPath(curve)
    canvas.setFont("Helvetica", 9)
    for tick in range(5):
        canvas.line(x + tick * width / 4, y, x + tick * width / 4, y - 5)
        canvas.drawCentredString(x + tick * width / 4, y - 16, f"{25 * tick}")
        canvas.drawRightString(x - 6, y + tick * height / 4 - 3, f"{tick / 4:.2f}")
    canvas.drawCentredString(x + width / 2, y - 34, "Months")
    canvas.saveState()
    canvas.translate(x - 34, y + height / 2)
    canvas.rotate(90)
    canvas.drawCentredString(0, 0, "Survival")
    canvas.restoreState()


def test_a_page_written_sideways_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "sideways.pdf"
    canvas = Canvas(str(path), pagesize=(612, 792))
    canvas.rotate(90)
    for line in range(10):
        canvas.drawString(72, -100 - 14 * line, f"line{line} of a page that runs upwards")
    canvas.save()
    page = read_page_text(path, 1)
    assert page.text.splitlines() == [f"line{line} of a page that runs upwards" for line in range(10)]
    assert len(page.blocks) == 1
    box = page.blocks[0].box
    assert box.y1 - box.y0 > 2 * (box.x1 - box.x0) / 3
    assert all(box.x0 <= word.x0 <= word.x1 <= box.x1 for word in page.words)


def test_an_empty_page_has_nothing_and_a_page_of_a_picture_a_figure() -> None:
    assert laid_out(SIZE, []) == PageText(SIZE, read="ocr")
    page = laid_out(SIZE, [], pictures=np.array([[100, 100, 900, 700]], np.float32))
    assert kinds(page) == ["figure"]
    assert (page.blocks[0].first, page.blocks[0].last) == (0, 0)


@st.composite
def scattered(draw: st.DrawFn) -> list[Word]:
    """Words anywhere, of any size, over each other and beside the page."""
    side = st.floats(-50, 1700, width=32)
    extent = st.floats(0, 400, width=32)
    words = []
    for number in range(draw(st.integers(0, 40))):
        x, y = draw(side), draw(side)
        words.append(Word(f"w{number}", x, y, x + draw(extent), y + draw(extent), 0, draw(st.floats(0, 1))))
    return words


boxes = st.lists(st.tuples(*[st.floats(-20, 1700, width=32)] * 4), max_size=30).map(
    lambda found: np.array(found, np.float32).reshape(-1, 4)
)


@few
@given(scattered(), boxes, boxes, boxes, st.integers(0, 3))
def test_no_word_is_lost_or_told_twice(
    words: list[Word],
    rulings: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    pictures: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    drawings: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    turns: int,
) -> None:
    page = laid_out(SIZE, words, rulings=rulings, pictures=pictures, drawings=drawings, turns=turns)
    told = {word.text: word for word in page.words}
    assert len(told) == len(page.words) == len(words)
    for word in words:
        assert told[word.text][1:5] == pytest.approx(word[1:5], abs=1e-3)
        assert told[word.text].sure == pytest.approx(word.sure, abs=1e-6)
    held = [number for block in page.blocks for number in range(block.first, block.last)]
    assert held == list(range(len(page.words)))
    lines = [word.line for word in page.words]
    assert lines == sorted(lines)
    assert page.text == page.text_of(0, len(page.words))
    assert PageText.from_json(page.to_json()).text == page.text


def typeset(seed: int, columns: int) -> list[Word]:
    """Set words in columns as a printer does: lines of even height, spaces of a third of it."""
    rng = random.Random(seed)
    wide = (1000 - 40 * (columns - 1)) / columns
    words = []
    for column in range(columns):
        for line in range(14):
            x, left = 100 + column * (wide + 40), 100 + column * (wide + 40)
            number = 0
            while True:
                text = rng.choice(VOCABULARY)
                width = 11 * len(text)
                if x + width > left + wide:
                    break
                words.append(Word(text, x, 100 + 30 * line, x + width, 120 + 30 * line, 0))
                x, number = x + width + 8, number + 1
    return words


@few
@given(st.integers(0, 10**6), st.integers(1, 2), st.randoms(use_true_random=False))
def test_the_order_in_which_words_are_given_does_not_matter(
    seed: int, columns: int, rng: random.Random
) -> None:
    words = typeset(seed, columns)
    shuffled = list(words)
    rng.shuffle(shuffled)
    page = laid_out(SIZE, shuffled)
    assert page.text.split() == [word.text for word in words]
    assert page == laid_out(SIZE, words)


@few
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_a_page_put_down_sideways_reads_the_same(seed: int, turns: int) -> None:
    words = typeset(seed, 2)
    upright = np.array([word[1:5] for word in words], np.float32)
    size = Size(SIZE.height, SIZE.width) if turns % 2 else SIZE
    aside = turned(upright, -turns, SIZE)
    given_words = [Word(word.text, *box, 0) for word, box in zip(words, aside.tolist(), strict=True)]
    page = laid_out(size, given_words, turns=turns)
    assert page.text == laid_out(SIZE, words).text
    assert page.size == size


@pytest.mark.parametrize("leaning", [-0.006, 0.006])
def test_lines_of_a_page_that_leans_a_little_hold_together(leaning: float) -> None:
    words = typeset(5, 1)
    tilted = [Word(w.text, w.x0, w.y0 + leaning * w.x0, w.x1, w.y1 + leaning * w.x0, 0) for w in words]
    assert laid_out(SIZE, tilted).text == laid_out(SIZE, words).text


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (lambda words: words, "text"),
        (lambda words: ["Table", "2:", *words], "caption"),
        (lambda words: ["Abbildung", "1.2.", *words], "caption"),
        (lambda words: ["Table", "2", *words], "text"),
    ],
)
def test_captions_are_told_by_how_they_start(first: Callable[[list[str]], list[str]], kind: str) -> None:
    texts = first(["median", "survival", "by", "sex"])
    words = [
        Word(text, 100 + 120 * number, 100, 210 + 120 * number, 120, 0) for number, text in enumerate(texts)
    ]
    assert kinds(laid_out(SIZE, words)) == [kind]


def test_a_map_of_thousands_of_shapes_is_one_figure() -> None:
    rng = np.random.default_rng(3)
    corners = rng.uniform(300, 900, (6000, 2))
    shapes = np.hstack([corners, corners + rng.uniform(0, 30, (6000, 2))]).astype(np.float32)
    page = laid_out(
        SIZE, [Word("Figure", 300, 1100, 380, 1120, 0), Word("1:", 390, 1100, 410, 1120, 0)], drawings=shapes
    )
    assert kinds(page) == ["figure", "caption"]
    assert page.blocks[0].box.x1 == pytest.approx(float(shapes[:, 2].max()))
