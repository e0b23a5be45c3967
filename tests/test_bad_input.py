"""Bad input, line by line of what a user can get wrong: exit code 2, no answer, one error with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from .command import Ran, Sightloop, in_a_process, in_process
from .tiny import build


@pytest.fixture
def sightloop(capsys: pytest.CaptureFixture[str]) -> Sightloop:
    return in_process(capsys)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("interleave", tmp_path_factory.mktemp("model"))


def missing(folder: Path) -> Path:
    return folder / "missing.png"


def empty(folder: Path) -> Path:
    path = folder / "empty.png"
    path.touch()
    return path


def truncated(folder: Path) -> Path:
    path = folder / "truncated.jpg"
    Image.effect_noise((200, 200), 90).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def not_an_image(folder: Path) -> Path:
    path = folder / "letter.png"
    path.write_text("Dear Sir or Madam,\n" * 50)
    return path


def huge(folder: Path) -> Path:
    path = folder / "huge.png"
    Image.new("1", (25_000, 20_000)).save(path)  # 500 megapixels in 60 kB
    return path


def folder_without_images(folder: Path) -> Path:
    path = folder / "papers"
    path.mkdir()
    (path / "notes.txt").write_text("no pictures here")
    return path


BAD = {
    missing: "does not exist",
    empty: "empty",
    truncated: "truncated",
    not_an_image: "not a picture",
    huge: "500 megapixels",
    folder_without_images: "no pictures",
}


def assert_refused(ran: Ran, kind: str, *words: str) -> None:
    assert ran.code == 2
    assert ran.error["type"] == kind
    for word in words:
        assert word.casefold() in ran.error["message"].casefold()


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", ["ask", "plan"])
def test_a_file_that_cannot_be_used(
    sightloop: Sightloop, model: Path, tmp_path: Path, make, command: str
) -> None:
    path = make(tmp_path)
    question = ["what is it ?"] if command == "ask" else []
    arguments = [command, *question, path, "--model", model]
    ran = sightloop(*arguments, "--json")
    assert_refused(ran, "InputError", BAD[make], path.name)
    assert ran.error["input"] == str(path)
    shown = sightloop(*arguments)
    assert (shown.code, shown.out) == (2, "")
    assert path.name in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("size", [(1, 1), (20_000, 4), (4, 20_000)])
def test_extreme_but_valid_pictures_are_answered(
    sightloop: Sightloop, model: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "odd.png"
    Image.new("RGB", size, "red").save(path)
    ran = sightloop("ask", "what is it ?", path, "--model", model, "--json")
    assert ran.code == 0
    assert (ran.json["evidence"][0]["still"]["width"], ran.json["evidence"][0]["still"]["height"]) == size


def test_an_unknown_model_name_suggests_the_nearest(sightloop: Sightloop, picture: Path) -> None:
    for command in (["ask", "what is it ?"], ["plan"]):
        ran = sightloop(*command, picture, "--model", "llava-interleave-qwen-7b-hff", "--json")
        assert_refused(ran, "UnknownCheckpointError", "llava-interleave-qwen-7b-hf", "sightloop models")


def test_a_hub_that_cannot_be_reached_is_named_with_the_way_out(picture: Path, tmp_path: Path) -> None:
    name = "llava-hf/llava-interleave-qwen-0.5b-hf"
    ran = in_a_process(
        "ask", "what is it ?", picture, "--model", name, "--json",
        HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path / "hub"), HF_HUB_OFFLINE="0",
    )  # fmt: skip
    assert_refused(ran, "CheckpointUnavailableError", name, "hub", "hf download", "folder")


def test_200_pictures_at_once(sightloop: Sightloop, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for index in range(200):
        Image.new("RGB", (32, 32), (index, 0, 0)).save(folder / f"{index:03}.png")
    ran = sightloop("ask", "which ?", folder, "--model", model, "--json")
    assert_refused(ran, "ContextOverflowError", "200 stills", "at most")
    assert_refused(sightloop("plan", folder, "--json"), "ContextOverflowError", "200 stills", "at most")
    planned = sightloop("plan", folder, "--model", "llava-hf/llava-v1.6-vicuna-7b-hf", "--json")
    assert planned.code == 0  # trained on one at a time, so asked about one at a time
    assert planned.json["prompts"] == len(planned.json["stills"]) == 200


def test_too_little_memory_is_known_before_loading(
    sightloop: Sightloop, model: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightloop.tools.llava_next.loading.available_bytes", lambda device=None: 1000)
    (model / "model.safetensors").rename(model / "hidden")
    try:
        ran = sightloop("ask", "what is it ?", picture, "--model", model, "--json")
    finally:
        (model / "hidden").rename(model / "model.safetensors")
    assert_refused(ran, "InsufficientMemoryError", "free")
