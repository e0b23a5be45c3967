"""The command line: what it prints where, with which exit code, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sightloop.agent import Result, VisualAgent
from sightloop.integrations.report import read_report
from sightloop.tools.llava_next.checkpoints import CHECKPOINTS

from .command import Sightloop, in_a_process, in_process
from .tiny import build


@pytest.fixture
def sightloop(capsys: pytest.CaptureFixture[str]) -> Sightloop:
    return in_process(capsys)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("interleave", tmp_path_factory.mktemp("model"))


# ---------------------------------------------------------------- ask


def test_ask_json_is_the_result_and_nothing_else(sightloop: Sightloop, model: Path, picture: Path) -> None:
    ran = sightloop("ask", "what is it ?", picture, "--model", model, "--json")
    assert ran.code == 0
    result = Result.model_validate(ran.json)
    assert result.evidence[0].still.origin.source == str(picture)
    assert result.model == str(model)
    assert result.stopped_because == "answered"


def test_ask_shows_answer_evidence_and_cost_to_people(
    sightloop: Sightloop, model: Path, picture: Path
) -> None:
    ran = sightloop("ask", "what is it ?", picture, "--model", model)
    assert ran.code == 0
    for part in ("% sure", "rests on", picture.name, "visual", "text tokens", " s of "):
        assert part in ran.out


def test_ask_takes_folders_and_several_files(
    sightloop: Sightloop, model: Path, picture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for index in range(2):
        Image.new("RGB", (40, 30), (index * 200, 0, 0)).save(folder / f"{index}.png")
    ran = sightloop("ask", "which ?", picture, folder, "--model", model, "--json")
    assert [Path(item["still"]["source"]).name for item in ran.json["evidence"]] == [
        picture.name,
        "0.png",
        "1.png",
    ]


def test_ask_reports_a_skipped_file_on_stderr_and_goes_on(
    sightloop: Sightloop, model: Path, picture: Path, tmp_path: Path
) -> None:
    ran = sightloop("ask", "what is it ?", picture, tmp_path / "gone.png", "--model", model, "--json")
    assert ran.code == 0
    assert "gone.png" in ran.err
    assert "gone.png" in ran.json["steps"][0]["skipped"][0]


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [("--max-steps", 1, "limit:steps"), ("--max-seconds", 1e-6, "limit:seconds")],
)
def test_ask_holds_limits(
    sightloop: Sightloop, model: Path, picture: Path, option: str, value: float, reason: str
) -> None:
    ran = sightloop("ask", "what is it ?", picture, "--model", model, "--json", option, value)
    assert (ran.code, ran.json["stopped_because"]) == (0, reason)
    shown = sightloop("ask", "what is it ?", picture, "--model", model, option, value)
    assert reason in shown.out


def test_ask_refuses_a_limit_below_one_look_and_says_what_it_takes(
    sightloop: Sightloop, model: Path, picture: Path
) -> None:
    ran = sightloop("ask", "what is it ?", picture, "--model", model, "--json", "--max-visual-tokens", 1)
    assert (ran.code, ran.error["type"]) == (2, "InputError")
    assert "visual tokens" in ran.error["message"]


# ---------------------------------------------------------------- plan, models, doctor


def test_plan_counts_each_still_without_weights(sightloop: Sightloop, picture: Path) -> None:
    ran = sightloop("plan", picture, picture, "--model", "llava-hf/llava-interleave-qwen-7b-hf", "--json")
    assert ran.code == 0
    assert len(ran.json["stills"]) == 2
    assert ran.json["visual_tokens"] == sum(still["tokens"] for still in ran.json["stills"])
    shown = sightloop("plan", picture, "--model", "llava-hf/llava-interleave-qwen-7b-hf")
    assert shown.code == 0
    assert str(picture) in shown.out.replace("\n", "")


def test_plan_counts_what_ask_then_uses(sightloop: Sightloop, model: Path, picture: Path) -> None:
    planned = sightloop("plan", picture, "--model", model, "--json").json
    asked = sightloop("ask", "?", picture, "--model", model, "--json", "--max-steps", 1).json
    assert planned["visual_tokens"] == asked["usage"]["visual_tokens"]


def test_models_lists_every_checkpoint(sightloop: Sightloop) -> None:
    listed = sightloop("models", "--json").json
    assert [row["name"] for row in listed] == [checkpoint.name for checkpoint in CHECKPOINTS]
    lines = [line.strip() for line in sightloop("models").out.splitlines()]
    for row in listed:
        assert row["name"] in lines  # whole, on a line of its own
        assert row["tier"] in lines


def test_doctor_names_this_python_and_every_checkpoint_that_fits(sightloop: Sightloop) -> None:
    assert sightloop("doctor", "--json").code == 0
    shown = sightloop("doctor")
    assert shown.code == 0
    assert sys.version.split()[0] in shown.out


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "line",
    [
        "ask",
        "ask q",
        "ask q a.png --max-steps 0",
        "ask q a.png --max-steps x",
        "ask q a.png --max-seconds 0",
        "ask q a.png --max-seconds nan",
        "ask q a.png --max-visual-tokens -3",
        "ask q a.png --quantization 3bit",
        "ask q a.png --no-such-option",
        "plan",
        "paint",
        "models extra",
        "bench nothing",
    ],
)
def test_wrong_usage_exits_with_2_and_one_message(sightloop: Sightloop, line: str) -> None:
    arguments = line.split()
    shown = sightloop(*arguments)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("sightloop: ")
    ran = sightloop(*arguments, "--json")
    assert (ran.code, ran.error["type"]) == (2, "UsageError")


def test_what_was_not_foreseen_exits_with_1_and_a_traceback_only_on_request(
    sightloop: Sightloop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("the disk caught fire")

    monkeypatch.setattr("sightloop.tools.llava_next.machine.inspect", broken)
    ran = sightloop("doctor", "--json")
    assert (ran.code, ran.error) == (
        1,
        {"type": "RuntimeError", "message": "the disk caught fire", "input": None},
    )
    shown = sightloop("doctor")
    assert shown.code == 1
    assert "the disk caught fire" in shown.err
    assert "Traceback" not in shown.err
    asked_for = sightloop("doctor", "--debug")
    assert asked_for.code == 1
    assert "Traceback" in asked_for.err
    assert "in broken" in asked_for.err


def test_ctrl_c_exits_with_130_and_no_traceback(
    sightloop: Sightloop, monkeypatch: pytest.MonkeyPatch, model: Path, picture: Path
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(VisualAgent, "stream", interrupted)
    ran = sightloop("ask", "what is it ?", picture, "--model", model)
    assert ran.code == 130
    assert ran.out == ""
    assert "Traceback" not in ran.err


# ---------------------------------------------------------------- what is not loaded


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["ask", "--help"],
        ["models"],
        ["plan", "PICTURE", "--model", "llava-hf/llava-v1.6-vicuna-7b-hf"],
        ["ask", "what is it ?", "missing.png"],
    ],
)
def test_help_models_plan_and_bad_files_do_not_load_torch(argv: list[str], picture: Path) -> None:
    argv = [str(picture) if argument == "PICTURE" else argument for argument in argv]
    script = (
        "import sys\n"
        "from sightloop.integrations.cli import main\n"
        f"try: main({argv!r})\n"
        "except SystemExit as done: code = done.code\n"
        "print('LOADED', sorted({'torch', 'transformers', 'cv2', 'av'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_python_m_sightloop_is_the_command_line() -> None:
    ran = in_a_process("--version")
    assert ran.code == 0
    assert ran.out.strip()


# ---------------------------------------------------------------- compare


@pytest.fixture
def changed(picture: Path, tmp_path: Path) -> Path:
    """The sample picture without its square."""
    image = Image.open(picture).copy()
    image.paste((255, 255, 255), (50, 10, 96, 60))
    image.save(tmp_path / "after.png")
    return tmp_path / "after.png"


def test_compare_says_what_differs_and_where(sightloop: Sightloop, picture: Path, changed: Path) -> None:
    ran = sightloop("compare", picture, changed, "--json")
    assert ran.code == 0
    (pair,) = Result.model_validate(ran.json).comparisons
    (difference,) = pair.differences
    assert (difference.kind, difference.after) == ("removed", None)
    assert difference.before is not None
    assert 50 <= difference.before.x0 <= 60
    assert 84 <= difference.before.x1 <= 96
    assert "square" in difference.words
    shown = sightloop("compare", picture, changed)
    assert "image 1 -> image 2: removed" in shown.out


def test_compare_writes_a_report_and_a_trace(
    sightloop: Sightloop, picture: Path, changed: Path, tmp_path: Path
) -> None:
    page, trace = tmp_path / "out.html", tmp_path / "trace"
    ran = sightloop("compare", picture, changed, "--report", page, "--trace", trace, "--json")
    assert ran.code == 0
    assert read_report(page) == Result.open(trace) == Result.model_validate(ran.json)


def test_compare_goes_on_without_a_picture_that_cannot_be_read(
    sightloop: Sightloop, picture: Path, changed: Path, tmp_path: Path
) -> None:
    ran = sightloop("compare", picture, tmp_path / "gone.png", changed, "--json")
    assert ran.code == 0
    assert "gone.png" in ran.err
    assert len(ran.json["comparisons"]) == 1


@pytest.mark.parametrize("count", [1, 17])
def test_compare_needs_two_to_sixteen_pictures(sightloop: Sightloop, picture: Path, count: int) -> None:
    ran = sightloop("compare", *[picture] * count, "--json")
    assert ran.code == 2
    assert "2 to 16" in ran.error["message"]


def test_compare_names_what_could_not_be_read_where_too_little_is_left(
    sightloop: Sightloop, picture: Path, tmp_path: Path
) -> None:
    ran = sightloop("compare", picture, tmp_path / "gone.png", "--json")
    assert ran.code == 2
    assert "gone.png" in ran.error["message"]


@pytest.mark.parametrize("where", ["", "missing/page.html"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(
    sightloop: Sightloop, picture: Path, tmp_path: Path, where: str
) -> None:
    ran = sightloop("ask", "what is it ?", picture, "--report", tmp_path / where, "--json")
    assert ran.code == 2
    assert "--report" in ran.error["message"]
