"""The bench of documents: what it calls right and what overlapping, and that it measures an agent whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop import VisualAgent
from sightloop.errors import InputError
from sightloop.memory import Box
from sightloop.memory.page_text import shared
from sightloop.tools.document_asked import Asked, Cited, Place, load, says
from sightloop.tools.document_bench import Reply, answer_rows, calibration, run
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
    assert len(practice) == 165
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


# ---------------------------------------------------------------- the whole


def reply(text: str, confidence: float, *cited: Cited) -> Reply:
    return Reply(text, confidence, cited)


def test_rows_tell_values_boxes_and_pages_apart() -> None:
    box, aside = Box(x0=0, y0=0, x1=10, y1=10), Box(x0=6, y0=0, x1=16, y1=10)
    asked = [
        Asked("?", "table", (Place("a.pdf", 1, box),), ("4",)),
        Asked("?", "prose", (Place("a.pdf", 2, box),), ("five",)),
    ]
    there, near = Cited("a.pdf", 1, box), Cited("a.pdf", 2, aside)
    good, half = reply("It is 4.", 0.9, near, there), reply("6", 0.2, near)
    said = [{"agent": good, "read, first five pages": good, "read, right page given": good}]
    said += [dict.fromkeys(said[0], half)]
    rows = {row["row"]: row for row in answer_rows(asked, said)}
    assert list(rows)[3:] == ["agent: prose", "agent: table"]
    agent = rows["agent"]
    assert (agent["right value"], agent["right page"], agent["box"]) == (0.5, 1.0, 0.5)
    assert (agent["first box"], agent["box touches"], agent["n"]) == (0.0, 1.0, 2)
    assert (agent["target"], agent["met"]) == (0.9, False)
    assert (rows["agent: table"]["box"], rows["agent: prose"]["box"]) == (1.0, 0.0)
    assert rows["read, right page given"]["target"] is None


def test_calibration_counts_what_is_asserted_of_what_nothing_answers() -> None:
    asked = [Asked("?", answers=("4",)), Asked("?", answers=("5",))]
    told = calibration(asked, [reply("4", 1.0), reply("6", 0.0)], [reply("7", 1.0), reply("none", 0.0)])
    assert told["ece"] == 0
    assert told["ece, unanswerable too"] == pytest.approx(0.25)
    assert (told["asserted"], told["right where asserted"]) == (0.5, 1.0)
    assert (told["unanswerable"], told["false answers"]) == (2, 1)


def page(canvas: Any, *lines: str) -> None:
    """Write lines on a page, the first one 72 points from its top, and turn it."""
    for number, line in enumerate(lines):
        canvas.drawString(72, 720 - 20 * number, line)
    canvas.showPage()


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    canvases = pytest.importorskip("reportlab.pdfgen.canvas")
    folder = tmp_path_factory.mktemp("papers")
    paths = {name: folder / name for name in ("bees.pdf", "tides.pdf")}
    bees = canvases.Canvas(str(paths["bees.pdf"]), pagesize=(612, 792))
    page(bees, "Bees and their hives", "We kept bees in twelve hives for a year.")
    page(bees, "The queen of the largest hive laid 1834 eggs in a day.")
    bees.save()
    tides = canvases.Canvas(str(paths["tides.pdf"]), pagesize=(612, 792))
    page(tides, "Tides at the harbour", "The highest tide reached 6.4 metres in March.")
    page(tides, "Ferries do not run while a storm lasts.")
    tides.save()
    return paths


def line_box(number: int) -> Box:
    """Where a line of :func:`page` is, at 144 dots to the inch."""
    return Box(x0=144, y0=124 + 40 * number, x1=800, y1=152 + 40 * number)


def test_an_agent_is_measured_whole(papers: dict[str, Path]) -> None:
    asked = [
        Asked(
            "How many eggs did the queen lay in a day?",
            "prose",
            (Place("bees.pdf", 2, line_box(0)),),
            ("1834",),
        ),
        Asked(
            "How high was the highest tide in metres?",
            "prose",
            (Place("tides.pdf", 1, line_box(1)),),
            ("6.4",),
        ),
    ]
    results = run(
        agent=lambda eyes, memory: VisualAgent(eyes, memory=memory),
        files=papers,
        asked=asked,
        unanswerable=[Asked("Who painted the ceiling of the chapel?")],
        each=True,
    )
    assert results["documents"] == 2
    assert results["scans"] == []  # no OCR was given
    found = {row["row"]: row for row in results["retrieval"]}
    assert found["fused search"]["recall@5"] == found["BM25 alone, pages"]["recall@5"] == 1
    assert found["fused search: prose"]["n"] == 2
    answers = {row["row"]: row for row in results["answers"]}
    for who in ("agent", "read, first five pages", "read, right page given"):
        assert (answers[who]["right value"], answers[who]["box"]) == (1.0, 1.0)
    assert results["checks"]["confirmed"] == 1.0
    assert results["calibration"]["unanswerable"] == 1
    assert [row["pages"] for row in results["speed"]] == [4]
    assert [one["agent"]["right"] for one in results["each"]] == [True, True]
    json.dumps(results)
