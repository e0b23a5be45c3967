"""Traces: a run saved with its pictures, opened elsewhere, replayed and compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightloop.agent import Result, VisualAgent
from sightloop.agent.chat_brain import ChatBrain
from sightloop.agent.trace import diff, replay
from sightloop.errors import EvidenceError, InputError

from .scripted import ScriptedEyes
from .scripted_chat import calling, scripted_chat


def scripted(text: str = "red") -> ScriptedEyes:
    return ScriptedEyes(
        lambda prompt: (text, 0.9), lambda prompt, options: [0.9, *(0.1 for _ in options[1:])]
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)).save(path)
    return path


def test_a_saved_run_opens_with_its_pictures_though_their_files_are_gone(file: Path, tmp_path: Path) -> None:
    result = VisualAgent(scripted()).run("What is it?", file)
    pixels = result.still(result.evidence[0].still).pixels
    folder = result.save(tmp_path / "run")
    file.unlink()
    opened = Result.open(folder)
    assert opened == result
    assert np.array_equal(opened.still(opened.evidence[0].still).pixels, pixels)


def test_what_tools_drew_is_saved_too(file: Path, tmp_path: Path) -> None:
    model = scripted_chat(calling(("mark", {"image": "image 1", "boxes": [[5, 5, 40, 40]]})), "image 2")
    result = VisualAgent(scripted(), brain=ChatBrain(model)).run("What is it?", file)
    opened = Result.open(result.save(tmp_path / "run"))
    assert [picture.name for picture in opened.pictures] == ["image 1", "image 2"]
    marked = opened.still(opened.pictures[1].still)
    assert np.array_equal(marked.pixels, result.still(result.pictures[1].still).pixels)


def test_a_replay_makes_the_same_calls_and_a_diff_says_what_came_out(file: Path, tmp_path: Path) -> None:
    model = scripted_chat(
        calling(("crop", {"image": "image 1", "box": [5, 5, 40, 40]})),
        calling(("look", {"question": "What is it?", "images": ["image 2"]})),
        "it is red",
    )
    result = VisualAgent(scripted(), brain=ChatBrain(model)).run("What is it?", file)
    opened = Result.open(result.save(tmp_path / "run"))
    again = replay(VisualAgent(scripted()), opened)
    assert diff(opened, again) == ()
    assert len(model.told) == 3  # the brain was not asked again
    (line,) = diff(opened, replay(VisualAgent(scripted("blue")), opened))
    assert "red" in line
    assert "blue" in line


def test_a_run_of_the_playbook_is_replayed(file: Path) -> None:
    result = VisualAgent(scripted()).run("What is it?", file)
    assert diff(result, replay(VisualAgent(scripted()), result)) == ()
    changed = diff(result, replay(VisualAgent(scripted("blue")), result))
    assert any("blue" in line for line in changed)


def test_a_picture_that_is_not_what_it_was_is_refused(file: Path, tmp_path: Path) -> None:
    folder = VisualAgent(scripted()).run("What is it?", file).save(tmp_path / "run")
    (media,) = (folder / "media").iterdir()
    Image.new("RGB", (80, 60)).save(media)
    opened = Result.open(folder)
    with pytest.raises(EvidenceError, match="does not hold"):
        opened.still(opened.evidence[0].still)
    media.write_bytes(b"no picture")
    with pytest.raises(EvidenceError, match="cannot be read"):
        opened.still(opened.evidence[0].still)


def test_what_is_no_saved_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no"):
        Result.open(tmp_path)
    (tmp_path / "result.json").write_text('{"answer": 3}')
    with pytest.raises(InputError, match="is no result"):
        Result.open(tmp_path)
