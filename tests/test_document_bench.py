"""The bench of documents: what it calls right and what overlapping, and that it measures an agent whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.errors import InputError
from sightloop.memory import Box
from sightloop.tools.document_asked import Asked, Cited, Place, load, says, shared
from sightloop.tools.document_files import FILES, found

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks" / "documents"

boxes = st.builds(
    lambda x, y, width, height: Box(x0=x, y0=y, x1=x + width, y1=y + height),
    *(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 500), st.integers(1, 500)),
)

# ---------------------------------------------------------------- what is right


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("The mean age is 63 years.", "63", True),
        ("The mean age is 63.0 years.", "63", True),
        ("163", "63", False),
        ("63.5", "63", False),
        ("table 6.3", "3", False),
        ("-63", "63", False),
        ("tgroup=63", "63", True),
        ("(62%)", "62%", True),
        ("62 %", "62%", True),
        ("over 110,000 notes", "110000", True),
        ("over 110000 notes", "110,000", True),
        ("1,2 and 3", "12", False),
        ("Loglik(model)= \N{MINUS SIGN}1138.7", "-1138.7", True),
        ("1138.7", "-1138.7", False),
        ("p-value = < 2.22e\N{MINUS SIGN}16", "2.22e-16", True),
        ("There are now eight intervals", "8", True),
        ("8 intervals", "eight", True),
        ("twenty-one", "1", False),
        ("the normal range is 12-15.5 for women", "12-15.5", True),
        ("written in XLisp, C++", "xlisp", True),
        ("written in XLispStat", "XLisp", False),
        ("Escobar  and\nMeeker [1]", "Escobar and Meeker", True),
        ("an innitesimal jackknife", "infinitesimal jackknife", True),
        ("an infinitesimal jackknife", "infinitesimal jackknife", True),
        ("Yes: it is.", "yes", True),
        ("There is no doubt.", "no", False),
        ("not known", "no", False),
        ("anything", "", False),
        ("", "63", False),
    ],
)
def test_an_answer_is_right_if_it_holds_the_value(text: str, answer: str, right: bool) -> None:
    assert says(text, answer) is right
    assert Asked("?", answers=("never said", answer)).right(text) is right


@given(st.floats(-1e6, 1e6, allow_nan=False), st.text(alphabet="abc ,;:()", max_size=9))
def test_a_number_is_held_wherever_it_stands(number: float, around: str) -> None:
    wanted = f"{number:.3f}"
    assert says(f"{around} {wanted} {around}", wanted)
    assert not says(f"{around} {number + 1:.3f} {around}", wanted)


# ---------------------------------------------------------------- what overlaps


@given(boxes, boxes)
def test_sharing_is_a_share_and_the_same_from_both_sides(one: Box, other: Box) -> None:
    assert 0 <= shared(one, other) <= 1
    assert shared(one, other) == shared(other, one)
    assert shared(one, one) == 1


@given(boxes, st.integers(0, 300), st.integers(0, 300))
def test_a_box_in_another_overlaps_it_and_one_aside_does_not(box: Box, dx: int, dy: int) -> None:
    around = Box(x0=box.x0 - dx, y0=box.y0 - dy, x1=box.x1 + 7, y1=box.y1)
    asked = Asked("?", places=(Place("a.pdf", 3, box),))
    assert Cited("a.pdf", 3, around).overlaps(asked)
    assert not Cited("a.pdf", 4, around).overlaps(asked)
    assert not Cited("b.pdf", 3, around).overlaps(asked)
    aside = box.shifted(box.x1 - box.x0, dy)
    assert not Cited("a.pdf", 3, aside).overlaps(asked, least=0.0)


def test_less_than_half_touches_but_does_not_overlap() -> None:
    asked = Asked("?", places=(Place("a.pdf", 1, Box(x0=0, y0=0, x1=10, y1=10)),))
    cited = Cited("a.pdf", 1, Box(x0=6, y0=0, x1=16, y1=10))
    assert not cited.overlaps(asked)
    assert cited.overlaps(asked, least=0.0)
    elsewhere = Asked("?", places=(*asked.places, Place("a.pdf", 1, cited.box)))
    assert cited.overlaps(elsewhere)


# ---------------------------------------------------------------- questions and documents


def test_practice_questions_are_complete_and_no_held_out_ones() -> None:
    practice, held_out = load(FOLDER / "practice.json"), load(FOLDER / "questions.json")
    assert len(practice) == 40
    assert all(one.question and one.answers and one.places for one in practice)
    assert {place.document for one in practice for place in one.places} <= set(FILES)
    for one in practice:
        for place in one.places:
            assert not any(Cited(*place).overlaps(other, least=0.0) for other in held_out)


def test_questions_that_are_not_there_or_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="come with the repository"):
        load(tmp_path / "questions.json")
    for told in ("[", "[]", '{"questions": [{"kind": "table"}]}', '{"questions": [3]}'):
        (tmp_path / "questions.json").write_text(told, encoding="utf-8")
        with pytest.raises(InputError, match="holds no questions"):
            load(tmp_path / "questions.json")
    (tmp_path / "questions.json").write_text(json.dumps({"questions": [{"question": "?"}]}), encoding="utf-8")
    assert load(tmp_path / "questions.json") == [Asked("?")]


def test_documents_that_are_missing_or_others_are_told_with_what_gets_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"survival.pdf is not there. .*fetch\.py"):
        found(tmp_path, ["survival.pdf"])
    (tmp_path / "survival.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(InputError, match=r"another version of survival.pdf is there and 1 more"):
        found(tmp_path, ["survival.pdf", "linn.pdf"])
