"""The agent on documents: it finds the page, reads it, cites the box, and checks what it quoted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from sightloop.agent import Result, VisualAgent
from sightloop.agent.chat_brain import ChatBrain
from sightloop.agent.inputs import gather
from sightloop.agent.steps import CallStep, ObservationStep, PlanStep
from sightloop.errors import EvidenceError, InputError
from sightloop.memory import Box, Evidence, Page
from sightloop.memory.sources.documents import Document, unlock
from sightloop.tools.llava_next import LlavaNext
from sightloop.tools.ocr import available
from sightloop.tools.remember import memory_of
from sightloop.tools.report_worlds import Report, draw, write

from .scripted_chat import calling, scripted_chat


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Report]:
    folder = tmp_path_factory.mktemp("reports")
    made = {}
    for seed in (11, 12):
        made[folder / f"study{seed}.pdf"] = draw(seed)
    for path, report in made.items():
        write(report, path)
    return made


@pytest.fixture(scope="module")
def agent(eyes: LlavaNext) -> VisualAgent:
    return VisualAgent(eyes)


@pytest.fixture(scope="module")
def answered(agent: VisualAgent, reports: dict[Path, Report]) -> dict[str, tuple[Result, str, int, Path]]:
    path, report = next(iter(reports.items()))
    return {one.question: (agent.run(one.question, path), one.answer, one.page, path) for one in report.asked}


def read_steps(result: Result) -> list[ObservationStep]:
    return [step for step in result.steps if isinstance(step, ObservationStep) and step.tool == "read"]


def test_a_report_is_answered_from_its_words(answered: dict[str, tuple[Result, str, int, Path]]) -> None:
    for question, (result, answer, page, path) in answered.items():
        assert answer in result.answer, question
        cited = [item.still.origin for item in result.evidence]
        assert cited, question
        assert {(one.source, one.number) for one in cited if isinstance(one, Page)} == {(str(path), page)}
        assert {item.verdict for item in result.evidence} == {"confirmed"}
        assert any("extraction" in note for note in result.notes)


def test_what_is_cited_can_be_reopened(answered: dict[str, tuple[Result, str, int, Path]]) -> None:
    for result, _, _, _ in answered.values():
        for item in result.evidence:
            assert isinstance(item.region, Box)
            crop = item.reopen()
            assert crop.size.width < crop.whole.size.width / 1.1  # a place, not the page
            assert crop.pixels.std() > 1  # with ink in it
            assert Evidence.model_validate_json(item.model_dump_json()) == item


def test_a_result_tells_of_its_pages_and_survives_being_saved(
    answered: dict[str, tuple[Result, str, int, Path]], tmp_path: Path
) -> None:
    result, _, _, path = next(iter(answered.values()))
    (plan,) = [step for step in result.steps if isinstance(step, PlanStep)]
    assert plan.documents == (str(path),)
    assert plan.videos == ()
    (step,) = read_steps(result)
    assert {picture.name for picture in step.pictures} <= {f"page {n} of {path.name}" for n in (1, 2, 3)}
    opened = Result.open(result.save(tmp_path / "saved"))
    assert opened == result
    for item in opened.evidence:
        assert opened.still(item.still).ref == item.still


def test_of_two_reports_the_right_one_is_read(eyes: LlavaNext, tmp_path: Path) -> None:
    for name, colour, city in (("one", "ochre", "Kazan"), ("two", "teal", "Lima")):
        canvas = Canvas(str(tmp_path / f"{name}.pdf"))
        canvas.drawString(72, 700, f"The {colour} sensors were calibrated in {city}.")
        canvas.save()
    result = VisualAgent(eyes).run("Where were the teal sensors calibrated?", tmp_path)
    assert "Lima" in result.answer
    assert {Path(item.still.origin.source).name for item in result.evidence} == {"two.pdf"}


def test_files_of_one_name_keep_their_pages_apart(eyes: LlavaNext, tmp_path: Path) -> None:
    paths = []
    for folder, word in (("a", "granite"), ("b", "basalt")):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "stone.pdf")
        canvas = Canvas(str(paths[-1]))
        canvas.drawString(72, 700, f"The stone of this quarry is {word}.")
        canvas.save()
    result = VisualAgent(eyes).run("What is the stone of this quarry?", paths)
    names = [picture.name for picture in result.pictures]
    assert len(set(names)) == len(names) == 2
    assert {picture.still.origin.source for picture in result.pictures} == {str(path) for path in paths}


def test_a_file_that_changed_is_not_confirmed(
    agent: VisualAgent, reports: dict[Path, Report], tmp_path: Path
) -> None:
    path = tmp_path / "changing.pdf"
    first, second = reports
    shutil.copy(first, path)
    result = agent.run(reports[first].asked[0].question, path)
    shutil.copy(second, path)
    with pytest.raises(EvidenceError, match="other pixels"):
        result.evidence[0].reopen()
    again = agent.run(reports[second].asked[0].question, path)
    assert reports[second].asked[0].answer in again.answer


@pytest.fixture(scope="module")
def locked(reports: dict[Path, Report], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("locked") / "locked.pdf"
    with pikepdf.open(next(iter(reports))) as pdf:
        pdf.save(path, encryption=pikepdf.Encryption(user="open sesame", owner="boss"))
    return path


def test_a_locked_document_is_named_and_the_rest_is_read(
    agent: VisualAgent, reports: dict[Path, Report], locked: Path
) -> None:
    path, report = next(iter(reports.items()))
    with pytest.raises(InputError, match="password"):
        gather(locked)
    result = agent.run(report.asked[0].question, [locked, path])
    assert report.asked[0].answer in result.answer
    assert any("locked.pdf" in line and "password" in line for line in result.skipped)


def test_a_document_that_was_unlocked_is_read_and_reopened(
    eyes: LlavaNext, reports: dict[Path, Report], locked: Path
) -> None:
    copy = locked.with_name("unlocked.pdf")
    shutil.copy(locked, copy)
    unlock(copy, "open sesame")
    asked = next(iter(reports.values())).asked[0]
    result = VisualAgent(eyes).run(asked.question, copy)
    assert asked.answer in result.answer
    assert result.evidence[0].reopen().size.width > 0


def test_a_memory_of_films_and_papers_is_asked_about_both(
    eyes: LlavaNext, reports: dict[Path, Report], tmp_path: Path
) -> None:
    picture = tmp_path / "red.png"
    image = Image.new("RGB", (96, 96), "white")
    image.paste((220, 30, 30), (20, 20, 70, 70))
    image.save(picture)
    with memory_of(eyes) as memory:
        memory.add(picture)
        for path in reports:
            memory.add(path)
        agent = VisualAgent(eyes, memory=memory)
        papers = agent.run("How many events were there in the placebo group?")
        assert {item.still.origin.kind for item in papers.evidence} == {"page"}
        shapes = agent.run("Is there a red square?")
        assert {item.still.origin.kind for item in shapes.evidence} == {"photo"}


def test_a_conversation_stays_with_its_document(eyes: LlavaNext, reports: dict[Path, Report]) -> None:
    path, report = next(iter(reports.items()))
    agent = VisualAgent(eyes)
    agent.run("How many hospitals took part in the study?", path, thread="talk")
    result = agent.run("In which year did enrolment begin?", thread="talk")
    assert str(report.year) in result.answer


def test_a_chat_model_reads_the_page_that_it_names(eyes: LlavaNext, reports: dict[Path, Report]) -> None:
    path, report = next(iter(reports.items()))
    asked = {"question": report.asked[2].question, "document": path.name, "pages": [2]}
    model = scripted_chat(calling(("read", asked)), "It was as the table says.")
    result = VisualAgent(eyes, brain=ChatBrain(model)).run("Tell me about the placebo group.", path)
    (step,) = read_steps(result)
    assert str(report.table[0, 1]) in step.text
    assert [picture.name for picture in step.pictures] == [f"page 2 of {path.name}"]
    assert [call.tool for s in result.steps if isinstance(s, CallStep) for call in s.calls] == ["read"]


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({"document": "nothing.pdf"}, "there is no document 'nothing.pdf'"),
        ({"pages": [1]}, "name it"),
        ({"document": "study11.pdf", "pages": [9]}, "no page 9"),
    ],
)
def test_a_page_that_is_not_there_is_said_to_a_chat_model(
    eyes: LlavaNext, reports: dict[Path, Report], arguments: dict[str, object], wrong: str
) -> None:
    path = next(iter(reports))
    model = scripted_chat(calling(("read", {"question": "What?", **arguments})), "I do not know.")
    result = VisualAgent(eyes, brain=ChatBrain(model)).run("Tell me.", path)
    (step,) = read_steps(result)
    assert step.failed
    assert wrong in step.text


@pytest.mark.skipif(not available(), reason='needs the extra "ocr"')
def test_a_screen_that_the_model_does_not_know_is_read(eyes: LlavaNext, reports: dict[Path, Report]) -> None:
    path, report = next(iter(reports.items()))
    with Document(path) as document:
        pixels = document.page(1).still.to_pil()
    result = VisualAgent(eyes).run("How many hospitals took part in the study?", pixels)
    assert str(report.sites) in result.answer
    assert read_steps(result)


def test_half_a_file_is_no_document(reports: dict[Path, Report], tmp_path: Path) -> None:
    path = tmp_path / "half.pdf"
    path.write_bytes(next(iter(reports)).read_bytes()[:300])
    with pytest.raises(InputError, match=r"half\.pdf"):
        gather(path)


def test_a_page_that_nobody_has_read_is_named(
    eyes: LlavaNext, reports: dict[Path, Report], tmp_path: Path
) -> None:
    with Document(next(iter(reports))) as document:
        document.page(1).still.to_pil().save(tmp_path / "scan.pdf", resolution=144)
    with memory_of(eyes, ocr=False) as memory:
        result = VisualAgent(eyes, memory=memory).run("How many hospitals took part?", tmp_path / "scan.pdf")
    assert result.confidence < 0.1
    assert any("scan.pdf" in note and '"ocr"' in note for note in result.notes)
