"""Reading pages: what is said stands there, quotes are word for word, and nothing is made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from reportlab.pdfgen.canvas import Canvas

from sightloop.errors import InputError
from sightloop.memory import Box, Still
from sightloop.memory.page_text import PageText
from sightloop.memory.sources.documents import Document
from sightloop.memory.still import Size
from sightloop.tools.extract import NOTHING
from sightloop.tools.llava_next.checkpoints import find
from sightloop.tools.nearest import UNSURE
from sightloop.tools.quotes import check
from sightloop.tools.read import Leaf, Reading, read

from .scripted import ScriptedEyes

PROSE = (
    "The harbour of Brenna was opened in 1887.",
    "Its lighthouse was designed by Marta Lindqvist and is 41 metres high.",
    "The ferry to Osk leaves every morning at seven. It takes two hours.",
    "No dogs are allowed on the pier.",
)
TABLE = (
    "            ships  crew  median",
    "north pier     12   340    27.5",
    "south pier      9   211    31.0",
)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages: prose, a table as a console prints it, values behind their names; and something else."""
    path = tmp_path_factory.mktemp("paper") / "harbour.pdf"
    canvas = Canvas(str(path), pagesize=(612, 792))
    canvas.setFont("Helvetica-Bold", 18)
    canvas.drawString(72, 720, "The harbour")
    canvas.setFont("Helvetica", 11)
    for number, line in enumerate(PROSE):
        canvas.drawString(72, 680 - 15 * number, line)
    canvas.setFont("Courier", 11)
    for number, line in enumerate(TABLE):
        canvas.drawString(72, 580 - 14 * number, line)
    canvas.drawString(72, 500, "Tonnage= 5120, berths= 33")
    canvas.showPage()
    canvas.setFont("Helvetica", 11)
    canvas.drawString(72, 700, "Bread is baked from flour, water and salt.")
    canvas.save()
    return path


@pytest.fixture(scope="module")
def leaves(paper: Path) -> list[Leaf]:
    with Document(paper) as document:
        return [Leaf(*document.page(number)) for number in (1, 2)]


def pocket() -> ScriptedEyes:
    """Eyes of the embedded model's shape; reading by extraction never asks them."""

    def never(*_: object) -> tuple[str, float]:
        raise AssertionError("the embedded model was asked to read")

    return ScriptedEyes(never, lambda *_: [1.0])


def asked(question: str, leaves: list[Leaf]) -> Reading:
    return read(pocket(), question, leaves)


@pytest.mark.parametrize(
    ("question", "answer", "box_of"),
    [
        ("When was the harbour of Brenna opened?", "1887", PROSE[0]),
        ("Who designed the lighthouse?", "Marta Lindqvist", PROSE[1]),
        ("How high is the lighthouse?", "41 metres", PROSE[1]),
        ("How long does the ferry take?", "two hours", "It takes two hours."),
        ("What is the median of the south pier?", "31.0", "31.0"),
        ("How many ships are at the north pier?", "12", "12"),
        ("What is the tonnage?", "5120", "5120,"),
        ("Are dogs allowed on the pier?", "no", PROSE[3]),
        ("What is bread baked from?", "flour, water and salt", "Bread is baked from flour, water and salt."),
    ],
)
def test_answers_stand_on_the_page(question: str, answer: str, box_of: str, leaves: list[Leaf]) -> None:
    reading = asked(question, leaves)
    assert answer in reading.text
    assert reading.quotes[0].text.split() == box_of.split()
    assert reading.computed == ()
    assert any("by extraction" in note for note in reading.notes)


def test_a_cell_is_cited_with_what_names_it(leaves: list[Leaf]) -> None:
    reading = asked("What is the median of the south pier?", leaves)
    assert {" ".join(quote.text.split()) for quote in reading.quotes} == {"31.0", "median", "south pier"}


def test_a_question_that_names_no_row_is_told_all_of_them(leaves: list[Leaf]) -> None:
    reading = asked("What is the median in the table?", leaves)
    assert reading.text == "north pier: 27.5; south pier: 31.0"
    cited = {" ".join(quote.text.split()) for quote in reading.quotes}
    assert cited == {"27.5", "31.0", "median", "north pier", "south pier"}
    assert any("names no row" in note for note in reading.notes)


QUESTIONS = [
    "When was the harbour of Brenna opened?",
    "What is the median of the south pier?",
    "How many berths are there?",
    "What is bread baked from?",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_quotes_hold_when_their_boxes_are_read_again(question: str, leaves: list[Leaf]) -> None:
    for quote in asked(question, leaves).quotes:
        part = quote.still.crop(quote.box)
        assert check(part, quote.text) == (1.0, 0.0)
        assert check(part, quote.text + " 77") == (0.0, 1.0)


def test_a_quote_is_not_in_another_box(leaves: list[Leaf]) -> None:
    one, other = (asked(question, leaves).quotes[0] for question in QUESTIONS[:2])
    assert check(other.still.crop(other.box), one.text)[0] == 0


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Norway?",
        "How many bananas does the machine peel per hour?",
        "Who won in Monza?",
    ],
)
def test_what_nothing_answers_is_not_believed(question: str, leaves: list[Leaf]) -> None:
    surely = min(asked(known, leaves).confidence for known in QUESTIONS)
    reading = asked(question, leaves)
    assert reading.confidence < min(surely, 0.35)
    if reading.text == NOTHING:
        assert reading.quotes == ()


def test_pages_without_words_say_so() -> None:
    blank = Leaf(Still.from_array(np.full((40, 40, 3), 255, np.uint8)), PageText(Size(40, 40)))
    reading = asked("What is this?", [blank])
    assert (reading.text, reading.confidence, reading.quotes) == (NOTHING, 0.0, ())


@pytest.mark.parametrize("question", ["", "  \n"])
def test_no_question_is_an_error(question: str, leaves: list[Leaf]) -> None:
    with pytest.raises(InputError, match="no question"):
        asked(question, leaves)


def test_no_pages_are_an_error() -> None:
    with pytest.raises(InputError, match="no pages"):
        asked("What is it?", [])


@given(st.text(max_size=80).filter(str.strip))
def test_whatever_is_asked_the_answer_is_quoted(question: str) -> None:
    reading = asked(question, [LEAF])
    assert 0 <= reading.confidence <= 1
    words = {word.text for word in LEAF.text.words}
    assert all(word in words for quote in reading.quotes for word in quote.text.split())


def _leaf() -> Leaf:
    from sightloop.memory.page_text import Block, Word

    said = "the pier has 12 ships and a lamp. nobody counts the gulls: 3 or 4."
    words = tuple(Word(word, 10.0 + 40 * i, 10, 45.0 + 40 * i, 22, 0) for i, word in enumerate(said.split()))
    block = Block("text", Box(x0=10, y0=10, x1=800, y1=22), 0, len(words))
    return Leaf(
        Still.from_array(np.zeros((40, 800, 3), np.uint8)), PageText(Size(800, 40), words, (block,), "layer")
    )


LEAF = _leaf()


class Thesaurus:
    """Embeds texts by what their words mean: a direction for each of three things."""

    name = "thesaurus"
    MEANS = (("lofty", "high", "metres"), ("bread", "loaf", "flour"), ("animals", "dogs"))

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        rows = [
            [1e-3 + sum(word in str(item).casefold() for word in words) for words in self.MEANS]
            for item in items
        ]
        vectors = np.array(rows, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("question", "answer"), [("Which animals?", "No dogs"), ("Is it lofty?", "41 metres")]
)
def test_meaning_helps_where_words_differ(question: str, answer: str, leaves: list[Leaf]) -> None:
    assert answer in read(pocket(), question, leaves, Thesaurus()).text or (
        answer in " ".join(read(pocket(), question, leaves, Thesaurus()).notes)
    )


def test_the_pocket_reads_by_extraction() -> None:
    assert find("pocket").cells is not None


def test_an_unsure_answer_cites_what_the_search_found_too(leaves: list[Leaf]) -> None:
    block = leaves[0].text.blocks[1]
    found = [Leaf(leaves[0].still, leaves[0].text, 1.0, (block.box,)), *leaves[1:]]
    unsure = asked("Who painted the ceiling of the opera?", found)
    assert unsure.confidence < UNSURE
    words = leaves[0].text.text_of(block.first, block.last)
    assert unsure.quotes[-1].text == words
    assert check(unsure.quotes[-1].still.crop(unsure.quotes[-1].box), words)[0] > 0.9
    assert any("unsure" in note for note in unsure.notes)
    sure = asked("How high is the lighthouse?", found)
    assert sure.confidence >= UNSURE
    assert not any("unsure" in note for note in sure.notes)
    again = asked("Who painted the ceiling of the opera?", [found[0], found[0]])
    assert [quote.text for quote in again.quotes].count(words) == 1
