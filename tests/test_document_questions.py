"""The questions about real documents are complete and consistent, and say where the documents say it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sightloop.errors import InputError
from sightloop.tools.document_files import VIGNETTES, found

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks" / "documents"
HELD_OUT = json.loads((FOLDER / "questions.json").read_text(encoding="utf-8"))
UNANSWERABLE = json.loads((FOLDER / "unanswerable.json").read_text(encoding="utf-8"))
QUESTIONS: list[dict[str, Any]] = HELD_OUT["questions"]
KINDS = {"table": 18, "figure": 12, "prose": 20, "code": 6, "yesno": 4}
POINTS = 72 / 144  # of a PDF in a pixel of a page


def places(question: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every place that answers a question: document, page and box."""
    return [{key: question[key] for key in ("document", "page", "box")}, *question["also"]]


def bare(text: str) -> str:
    """Return the letters and digits of a text: how lines are broken and words divided does not matter."""
    return re.sub(r"[\W_]+", "", text)


@pytest.fixture(scope="module")
def paths() -> dict[str, Path]:
    try:
        return found(needed=VIGNETTES)
    except InputError as error:
        pytest.skip(error.message)


def test_there_are_sixty_of_the_kinds_that_are_promised() -> None:
    assert Counter(question["kind"] for question in QUESTIONS) == KINDS
    assert len({question["id"] for question in QUESTIONS}) == 60
    assert len({question["question"] for question in QUESTIONS}) == 60


def test_they_are_spread_over_the_documents() -> None:
    asked = Counter(question["document"] for question in QUESTIONS)
    assert len(asked) >= 10
    assert asked["survival.pdf"] <= 24


def test_the_documents_are_those_that_are_fetched() -> None:
    for questions in (HELD_OUT, UNANSWERABLE):
        assert {name: about["sha256"] for name, about in questions["documents"].items()} == dict(VIGNETTES)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_every_question_has_its_answer_in_boxes_on_pages(question: dict[str, Any]) -> None:
    assert question["question"].strip()
    assert question["answer"]
    assert all(answer.strip() for answer in question["answer"])
    assert question["quote"] or question["kind"] == "figure"
    for place in places(question):
        about = HELD_OUT["documents"][place["document"]]
        assert 1 <= place["page"] <= about["pages"]
        (left, top, right, bottom), (width, height) = place["box"], about["size"]
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_the_words_of_the_quote_lie_in_the_box(question: dict[str, Any], paths: dict[str, Path]) -> None:
    pdfium = pytest.importorskip("pypdfium2")
    with pdfium.PdfDocument(paths[question["document"]]) as pdf:
        assert len(pdf) == HELD_OUT["documents"][question["document"]]["pages"]
        page = pdf[question["page"] - 1]
        left, top, right, bottom = (edge * POINTS for edge in question["box"])
        height = page.get_height()
        words = page.get_textpage().get_text_bounded(left, height - bottom, right, height - top)
    assert bare(question["quote"]) in bare(words)


def test_what_no_document_answers_is_another_question() -> None:
    questions = UNANSWERABLE["questions"]
    assert len({question["question"] for question in questions}) == 15
    assert not {question["question"] for question in questions} & {one["question"] for one in QUESTIONS}
    for question in questions:
        assert question["document"] in UNANSWERABLE["documents"]
        assert question["why"].strip()
