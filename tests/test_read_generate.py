"""Reading by a model: what it cites is quoted, what it counts is said so, and pages are made to fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.errors import ContextOverflowError
from sightloop.memory import Still
from sightloop.memory.page_text import PageText
from sightloop.memory.sources.documents import Document
from sightloop.memory.still import Size
from sightloop.tools.extract import NOTHING
from sightloop.tools.llava_next import LlavaNext
from sightloop.tools.llava_next.checkpoints import find
from sightloop.tools.numbers import unquoted
from sightloop.tools.page_prompts import said, schema
from sightloop.tools.quotes import check
from sightloop.tools.read import Leaf, Reading, read

from .papers import pdf
from .scripted import ScriptedEyes
from .tiny import Kind, build

PAGE = """The harbour of Brenna has 12 ships.
The pier of Osk has 40 ships.
No dogs are allowed on either pier.
The lighthouse was built in 1887."""


@pytest.fixture(scope="module")
def leaves(tmp_path_factory: pytest.TempPathFactory) -> list[Leaf]:
    path = pdf(tmp_path_factory.mktemp("paper") / "harbour.pdf", PAGE, "Bread is baked from flour and water.")
    with Document(path) as document:
        return [Leaf(*document.page(number)) for number in (1, 2)]


def reader(say: Any) -> ScriptedEyes:
    return ScriptedEyes(say, lambda *_: [1.0], find("llava-hf/llava-v1.6-mistral-7b-hf"))


def told(answer: str, leaves: list[Leaf], question: str = "How many ships are there?") -> Reading:
    return read(reader(lambda _: (answer, 0.8)), question, leaves)


def test_cited_lines_are_quoted(leaves: list[Leaf]) -> None:
    reading = told("12 ships in Brenna [1]", leaves[:1])
    assert reading.text == "12 ships in Brenna"
    (quote,) = reading.quotes
    assert quote.text == PAGE.splitlines()[0]
    assert check(quote.still.crop(quote.box), quote.text) == (1.0, 0.0)
    assert (reading.confidence, reading.computed) == (0.8, ())
    assert [part.answer for part in reading.parts] == [reading.text]


def test_lines_that_follow_each_other_are_one_quote(leaves: list[Leaf]) -> None:
    reading = told("12 and 40 [1, 2] and none of them barks [4]", leaves[:1])
    assert [quote.text.count("\n") for quote in reading.quotes] == [1, 0]


def test_what_is_counted_is_said_to_be_computed(leaves: list[Leaf]) -> None:
    reading = told("52 ships [1-2]", leaves[:1])
    assert reading.computed == ("52",)
    assert "computed, not quoted: 52" in reading.notes
    assert reading.confidence < 0.8


def test_an_answer_without_citations_is_looked_for(leaves: list[Leaf]) -> None:
    reading = told("the lighthouse was built in 1887", leaves[:1], "When was it built?")
    assert [quote.text for quote in reading.quotes] == [PAGE.splitlines()[3]]
    lost = told("a green bicycle", leaves[:1], "When was it built?")
    assert lost.quotes == ()
    assert lost.confidence < reading.confidence
    assert any("no words of the page" in note for note in lost.notes)


@pytest.mark.parametrize("number", ["[0]", "[99]", "[1887]"])
def test_lines_that_are_not_there_are_not_quoted(number: str, leaves: list[Leaf]) -> None:
    reading = told(f"a green bicycle {number}", leaves[:1])
    assert reading.quotes == ()


def test_what_the_page_does_not_say_is_not_answered(leaves: list[Leaf]) -> None:
    reading = told("Not on this page.", leaves)
    assert (reading.text, reading.quotes) == (NOTHING, ())
    assert reading.confidence <= 0.1
    assert any("no answer" in note for note in reading.notes)


def test_the_page_that_answers_is_believed(leaves: list[Leaf]) -> None:
    def say(prompt: Any) -> tuple[str, float]:
        return ("flour and water [1]", 0.7) if "Bread" in prompt[-1] else ("not on this page", 0.99)

    reading = read(reader(say), "What is bread made of?", leaves)
    assert reading.text == "flour and water"
    assert reading.quotes[0].still == leaves[1].still
    assert len(reading.parts) == 2


@given(st.text(max_size=60), st.integers(0, 9))
def test_whatever_is_said_only_lines_that_are_there_are_cited(text: str, lines: int) -> None:
    for as_json in (False, True):
        assert set(said(text, lines, as_json=as_json).lines) <= set(range(1, lines + 1))


@given(st.lists(st.integers(1, 9), max_size=4, unique=True))
def test_answers_in_json_are_taken_apart(numbers: list[int]) -> None:
    text = json.dumps({"answer": "yes", "lines": numbers})
    assert said(text, 9, as_json=True).lines == tuple(numbers)


@given(st.lists(st.floats(0, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=5))
def test_numbers_that_are_quoted_are_not_computed(numbers: list[float]) -> None:
    text = " and ".join(f"{number:,.3f}" for number in numbers)
    assert unquoted(text, [" ".join(f"{number:.3f}" for number in numbers)]) == ()
    assert len(unquoted(text, [])) == len({f"{number:,.3f}" for number in numbers})


@pytest.fixture(scope="module", params=["vicuna", "onevision"])
def eyes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LlavaNext:
    kind: Kind = request.param
    return LlavaNext(build(kind, tmp_path_factory.mktemp(kind)), device="cpu")


def test_a_real_model_can_only_cite_lines_that_are_there(eyes: LlavaNext, leaves: list[Leaf]) -> None:
    reading = read(eyes, "How many ships are there?", leaves)
    on_page = {line for leaf in leaves for line in leaf.text.text.splitlines()}
    assert all(line in on_page for quote in reading.quotes for line in quote.text.splitlines())
    assert 0 <= reading.confidence <= 1
    answer = eyes.answer(["Say something."], schema=schema(4), max_new_tokens=512)
    assert set(json.loads(answer.text)["lines"]) <= {1, 2, 3, 4}


def test_lines_that_do_not_fit_are_left_out_and_said(eyes: LlavaNext, tmp_path: Path) -> None:
    many = "\n".join(f"Line {number} of a page that says quite a lot about ships." for number in range(90))
    path = pdf(tmp_path / "long.pdf", f"{many}\nThe ferry Lindqvist carries 93 goats.", size=(612, 2000))
    with Document(path) as document:
        leaf = Leaf(*document.page(1))
    reading = read(eyes, "How many goats does the ferry Lindqvist carry?", [leaf])
    assert any("did not fit" in note for note in reading.notes)


def test_a_question_that_cannot_fit_is_an_error(eyes: LlavaNext, leaves: list[Leaf]) -> None:
    with pytest.raises(ContextOverflowError):
        read(eyes, "why? " * 2000, leaves[:1])


def test_a_picture_without_words_is_looked_at() -> None:
    blank = Leaf(Still.from_array(np.full((40, 40, 3), 255, np.uint8)), PageText(Size(40, 40)))
    reading = told("a white square", [blank], "What is this?")
    assert (reading.text, reading.quotes) == ("a white square", ())
