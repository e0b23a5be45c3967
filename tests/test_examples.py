"""The examples, run as a reader would run them, on the embedded model."""

from __future__ import annotations

import io
import re
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shelf import REPORT, folder

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

Run = Callable[..., str]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run an example in a folder with files, with what a person writes; return what it prints.

    In this process, which has loaded torch: the examples are many.
    """
    for name in ("before.png", "after.png", "report.pdf"):
        shutil.copy(folder() / name, tmp_path)
    monkeypatch.chdir(tmp_path)

    def run(name: str, *arguments: str, written: str = "") -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(written))
        capsys.readouterr()
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_an_assistant_looks_only_when_a_person_lets_it(example: Run) -> None:
    said = example(
        "assistant.py",
        written="What color is the circle in before.png?\ny\n"
        f"{REPORT.asked[1].question[:-1]}, according to report.pdf?\ny\n"
        "What color is the square in after.png?\nn\n",
    )
    looked, read, refused = said.split("May I ")[1:]
    assert looked.startswith('look? {"question": "What color is the circle in before.png?"')
    assert "> red (" in looked
    assert read.startswith("read?")
    assert f"> {REPORT.asked[1].answer} (" in read
    assert "blue" not in refused
    assert "did not allow this" in refused


def test_a_call_waits_for_a_person_until_the_next_start(example: Run) -> None:
    with pytest.raises(SystemExit, match="the call waits"):
        example("assistant.py", written="What changed between before.png and after.png?\n")
    said = example("assistant.py", written='what?\n{"images": ["after.png", "before.png"]}\n')
    assert said.startswith('May I compare? {"images": ["before.png", "after.png"]}')
    assert "the blue square disappeared" in said  # the person had turned the pictures around


def test_questions_are_answered_from_a_report_and_a_film(example: Run) -> None:
    said = example("visual_rag.py")
    asked = said.strip().split("\n\n")
    assert len(asked) == 11
    wrong = [one for one in asked if not _right(one)]
    assert len(wrong) <= 1, "\n".join(wrong)  # the embedded model is sometimes wrong
    assert "report.pdf, page 2" in said
    assert "film.mp4, 0:00:" in said


def test_a_robot_says_where_it_last_saw_something(example: Run, tmp_path: Path) -> None:
    said = example("robot_memory.py", "--picture", "seen.png")
    found = re.search(r"I last saw the red ball (\d+) s ago, at 0:00:(\d+\.\d), in the study", said)
    assert found is not None, said
    assert int(found[1]) == pytest.approx(8, abs=1)  # it was there until twelve seconds of twenty
    assert float(found[2]) == pytest.approx(12, abs=1)
    red, green, blue = np.asarray(Image.open(tmp_path / "seen.png").convert("RGB")).transpose(2, 0, 1)
    assert ((red > 150) & (green < 90) & (blue < 90)).any()


def _right(asked: str) -> bool:
    """Tell whether an answer has what is right in it: the same words, or a time less than a second off."""
    _, answer, *_, truth = (line.strip() for line in asked.splitlines())
    right = truth.removeprefix("right is: ")
    if clock := re.match(r"(\d+):(\d\d):(\d\d\.\d)", answer):
        return abs(int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]) - float(right)) < 1
    return right in answer
