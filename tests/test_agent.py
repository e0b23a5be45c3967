"""The loop: what it does in which order, what its limits hold, and what its results promise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sightloop.agent import Limits, Playbook, Result, State, VisualAgent
from sightloop.agent.state import SHORT_ANSWER, Draft
from sightloop.agent.steps import ObservationStep
from sightloop.agent.toolbox import TOOLS
from sightloop.agent.verify import SURE, frames, verify
from sightloop.errors import ContextOverflowError, InputError
from sightloop.memory import Box, Evidence, Still
from sightloop.memory.sources.photos import read_photo
from sightloop.tools.llava_next import LlavaNext, Prompt
from sightloop.tools.small_looks import YES_NO

from .scripted import ScriptedEyes
from .tiny import build

QUESTION = "what is it ?"


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> LlavaNext:
    return LlavaNext(build("interleave", tmp_path_factory.mktemp("many")))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> LlavaNext:
    return LlavaNext(build("vicuna", tmp_path_factory.mktemp("single")))


def photo(
    path: Path, size: tuple[int, int] = (160, 120), color: tuple[int, int, int] = (200, 30, 30)
) -> Path:
    Image.new("RGB", size, color).save(path)
    return path


SENTENCE = "it is a large red square " * 5


def scripted(
    confidence: float = 0.9, text: str = "red", then: str | None = None, yes: float = 0.9
) -> ScriptedEyes:
    """Eyes that say ``text`` of a whole still and ``then`` of a part, and believe claims with ``yes``."""
    return ScriptedEyes(
        lambda prompt: (then if then is not None and shown(prompt).region is not None else text, confidence),
        lambda prompt, options: [yes, 1 - yes] if tuple(options) == YES_NO else [1.0] * len(options),
    )


def shown(prompt: Prompt) -> Still:
    """The first still of a prompt."""
    return next(part for part in prompt if isinstance(part, Still))


# ---------------------------------------------------------------- results


@pytest.mark.parametrize("count", [1, 3])
def test_a_result_is_json_that_reads_back_and_adds_up(eyes: LlavaNext, tmp_path: Path, count: int) -> None:
    files = [photo(tmp_path / f"{i}.png", color=(60 * i, 20, 20)) for i in range(count)]
    result = VisualAgent(eyes).run(QUESTION, files)
    assert Result.model_validate_json(result.model_dump_json()) == result
    fields = {"question", "answer", "confidence", "evidence", "comparisons", "measures", "objects"}
    fields |= {"steps", "usage", "model"}
    assert set(json.loads(result.model_dump_json())) == {*fields, "stopped_because"}
    assert [step.kind for step in result.steps][:3] == ["plan", "call", "observation"]
    assert result.steps[-1].kind == "answer"
    for name in ("visual_tokens", "text_tokens", "new_tokens", "stills"):
        assert getattr(result.usage, name) == sum(getattr(step.usage, name) for step in result.steps)
    ends = [step.started + step.seconds for step in result.steps]
    assert [step.started for step in result.steps] == pytest.approx([0.0, *ends[:-1]])
    assert result.model == eyes.name


def test_evidence_names_every_still_and_reopens_to_it(eyes: LlavaNext, tmp_path: Path) -> None:
    files = [
        photo(tmp_path / f"{name}.png", color=color) for name, color in [("a", (9, 9, 9)), ("b", (250, 9, 9))]
    ]
    result = VisualAgent(eyes).run(QUESTION, files)
    assert [item.still.origin.source for item in result.evidence] == [str(file) for file in files]
    for item, file in zip(result.evidence, files, strict=True):
        assert item.reopen() == read_photo(file)
        assert QUESTION in item.claim
        assert result.answer in item.claim


def test_a_stream_ends_with_the_result_that_run_returns(eyes: LlavaNext, tmp_path: Path) -> None:
    file = photo(tmp_path / "a.png")
    *steps, result = VisualAgent(eyes).stream(QUESTION, file)
    assert isinstance(result, Result)
    assert tuple(steps) == result.steps
    again = VisualAgent(eyes).run(QUESTION, file)
    assert (again.answer, again.confidence) == (result.answer, pytest.approx(result.confidence))


def test_paths_images_arrays_and_stills_are_the_same_input(tmp_path: Path) -> None:
    file = photo(tmp_path / "a.png")
    eyes = scripted()
    for form in (str(file), file, Image.open(file), np.asarray(Image.open(file)), read_photo(file)):
        VisualAgent(eyes, limits=Limits(steps=1)).run(QUESTION, form)
        VisualAgent(eyes, limits=Limits(steps=1)).run(QUESTION, [form, form])
    stills = [part for prompt in eyes.asked for part in prompt if isinstance(part, Still)]
    assert len(stills) == 3 * 5
    assert {still.sha256 for still in stills} == {read_photo(file).sha256}


# ---------------------------------------------------------------- inputs


def test_a_bad_file_is_reported_and_the_rest_goes_on(eyes: LlavaNext, tmp_path: Path) -> None:
    good, bad = photo(tmp_path / "good.png"), tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    result = VisualAgent(eyes).run(QUESTION, [bad, good, tmp_path / "missing.png"])
    assert len(result.evidence) == 1
    assert len(result.skipped) == 2
    assert "bad.png" in result.skipped[0]
    assert "missing.png" in result.skipped[1]


def test_only_bad_files_are_an_error_that_names_them_all(eyes: LlavaNext, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)one\.png.*two\.png"):
        VisualAgent(eyes).run(QUESTION, [tmp_path / "one.png", tmp_path / "two.png"])


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_an_error(eyes: LlavaNext, tmp_path: Path, question: str) -> None:
    with pytest.raises(InputError, match="question is empty"):
        VisualAgent(eyes).run(question, photo(tmp_path / "a.png"))


def test_no_inputs_are_an_error(eyes: LlavaNext) -> None:
    with pytest.raises(InputError, match="no picture"):
        VisualAgent(eyes).run(QUESTION, [])


def test_more_stills_than_fit_are_refused_before_anything_runs() -> None:
    eyes = scripted()
    still = Still.from_array(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ContextOverflowError):
        VisualAgent(eyes).run(QUESTION, [still] * 200)
    assert eyes.asked == []


# ---------------------------------------------------------------- order of steps


def done(result: Result) -> list[str]:
    """What a run did: its tools by name, and the other steps but those that only decide."""
    return [
        step.tool if isinstance(step, ObservationStep) else step.kind
        for step in result.steps
        if step.kind != "call"
    ]


def test_a_sure_and_confirmed_answer_needs_no_closer_look(tmp_path: Path) -> None:
    result = VisualAgent(scripted()).run(QUESTION, photo(tmp_path / "a.png"))
    assert done(result) == ["plan", "look", "verify", "answer"]
    assert result.evidence[0].verdict == "confirmed"
    assert result.evidence[0].region is None


def test_an_unsure_answer_is_looked_at_closer_and_the_crop_becomes_evidence(tmp_path: Path) -> None:
    file = photo(tmp_path / "a.png")
    eyes = ScriptedEyes(
        lambda prompt: ("red", 0.4 if shown(prompt).region is None else 0.9), lambda prompt, options: [1.0]
    )
    result = VisualAgent(eyes, brain=Playbook(sure=0.6)).run(QUESTION, file)
    assert done(result) == ["plan", "look", "look_closer", "verify", "answer"]
    region = result.evidence[0].region
    assert isinstance(region, Box)
    assert result.confidence == pytest.approx(0.65)
    inside = shown(eyes.asked[-1]).region  # what was asked again is the crop, in another framing
    assert inside is not None
    assert region.x0 <= inside.x0 < inside.x1 <= region.x1
    assert region.y0 <= inside.y0 < inside.y1 <= region.y1


def test_closer_looks_end_where_nothing_supports_the_answer(tmp_path: Path) -> None:
    eyes = scripted(confidence=0.2)
    result = VisualAgent(eyes).run(QUESTION, photo(tmp_path / "a.png"))
    assert done(result).count("look_closer") <= Playbook().closer_looks
    assert result.stopped_because == "answered"


def test_a_rejected_answer_is_looked_at_closer(tmp_path: Path) -> None:
    result = VisualAgent(scripted(then="blue")).run(QUESTION, photo(tmp_path / "a.png"))
    assert done(result)[:4] == ["plan", "look", "verify", "look_closer"]
    assert [step.sent_back for step in result.steps if step.kind == "verify"] == [True, False]


def test_long_answers_and_small_stills_are_not_looked_at_closer() -> None:
    still = Still.from_array(np.zeros((200, 200, 3), np.uint8))
    brain = Playbook()

    def calls(still: Still, tokens: int) -> list[str]:
        state = State.begin(QUESTION, [still])
        state.adopt(Draft(text="red", confidence=0.1, tokens=tokens))
        return [call.tool for call in brain.next(state, TOOLS, scripted()).calls]

    assert calls(still, tokens=2) == ["look_closer"]
    assert calls(still, tokens=SHORT_ANSWER + 1) == []
    assert calls(Still.from_array(np.zeros((30, 200, 3), np.uint8)), tokens=2) == []


def test_a_single_image_checkpoint_is_asked_still_by_still(single: LlavaNext, tmp_path: Path) -> None:
    files = [photo(tmp_path / f"{i}.png", color=(90 * i, 0, 0)) for i in range(3)]
    result = VisualAgent(single).run(QUESTION, files)
    (look,) = [step for step in result.steps if isinstance(step, ObservationStep)]
    assert len(look.per_still) == 3
    assert [item.claim for item in result.evidence] == [f"{QUESTION} {text}" for text in look.per_still]
    assert any("one image at a time" in note for note in result.notes)


# ---------------------------------------------------------------- verification


def expected(right: float, wrong: float) -> str:
    return "confirmed" if right >= SURE else "rejected" if wrong >= SURE else "unverified"


@given(yes=st.integers(1, 99))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_a_long_answer_is_as_right_as_the_model_believes_its_claim(tmp_path: Path, yes: int) -> None:
    file = photo(tmp_path / "a.png")
    result = VisualAgent(scripted(text=SENTENCE, yes=yes / 100)).run(QUESTION, file)
    (item,) = result.evidence
    assert item.confidence == pytest.approx(yes / 100)
    assert item.verdict == expected(yes / 100, 1 - yes / 100)


answers = st.tuples(st.sampled_from(["red", "Red .", "blue"]), st.floats(0.01, 1.0))


@given(again=st.tuples(answers, answers))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_a_short_answer_is_as_right_as_asking_again_repeats_it(tmp_path: Path, again: tuple) -> None:
    evidence = [Evidence.of(read_photo(photo(tmp_path / "a.png")), "it is red", 0.8)]
    said = iter(again)
    eyes = ScriptedEyes(lambda prompt: next(said), lambda prompt, options: [1.0] * len(options))
    checked = verify(eyes, QUESTION, Draft(text="red", confidence=0.8, tokens=2), evidence)
    right = sum(confidence for text, confidence in again if text != "blue") / 2
    wrong = sum(confidence for text, confidence in again if text == "blue") / 2
    assert checked.confidence == pytest.approx(right)
    assert checked.evidence[0].confidence == pytest.approx(right)
    assert checked.verdict == checked.evidence[0].verdict == expected(right, wrong)


@given(st.integers(1, 400), st.integers(1, 400))
def test_framings_leave_out_little(width: int, height: int) -> None:
    still = Still.from_array(np.zeros((height, width, 3), np.uint8))
    for box in frames(still):
        part = still.crop(box).size
        assert width >= part.width >= 0.97 * width - 1
        assert height >= part.height >= 0.97 * height - 1


def test_pixels_in_memory_cannot_be_verified_and_the_result_says_so(eyes: LlavaNext) -> None:
    result = VisualAgent(eyes).run(QUESTION, np.zeros((40, 40, 3), np.uint8))
    assert result.evidence[0].verdict == "unverified"
    assert any("not verified" in note and "memory" in note for note in result.notes)


def test_evidence_on_a_file_that_changed_is_not_verified(tmp_path: Path) -> None:
    file = photo(tmp_path / "a.png")
    evidence, draft = (
        [Evidence.of(read_photo(file), "it is red", 0.8)],
        Draft(text="red", confidence=0.8, tokens=2),
    )
    assert verify(scripted(), QUESTION, draft, evidence).verdict == "confirmed"
    photo(file, color=(0, 0, 200))
    eyes = scripted()
    checked = verify(eyes, QUESTION, draft, evidence)
    assert (checked.verdict, checked.confidence, list(checked.evidence)) == ("unverified", None, evidence)
    assert checked.notes
    assert eyes.asked == []


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_limit_of_steps_ends_with_the_best_answer_so_far(tmp_path: Path, steps: int) -> None:
    unsure = scripted(confidence=0.3, then="blue")
    result = VisualAgent(unsure, limits=Limits(steps=steps)).run(QUESTION, photo(tmp_path / "a.png"))
    *before, last = result.steps
    assert len([step for step in before if step.kind in ("observation", "verify")]) <= steps
    found = [step.answer for step in before if isinstance(step, ObservationStep) and step.answer]
    assert result.answer == last.answer == found[-1]
    if steps == 1:
        assert done(result) == ["plan", "look", "answer"]
        assert result.stopped_because == "limit:steps"
        assert result.evidence[0].verdict == "unverified"


@given(limit=st.integers(1, 2500))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_run_spends_more_visual_tokens_than_its_limit(tmp_path: Path, limit: int) -> None:
    eyes = scripted(confidence=0.3, then="blue")
    agent = VisualAgent(eyes, limits=Limits(visual_tokens=limit))
    file = photo(tmp_path / "a.png")
    first = eyes.plan([read_photo(file), QUESTION]).visual_tokens
    if limit < first:
        with pytest.raises(InputError, match=rf"{first} visual tokens.*{limit}"):
            agent.run(QUESTION, file)
        assert eyes.asked == []
        return
    result = agent.run(QUESTION, file)
    assert first <= result.usage.visual_tokens <= limit
    spent = VisualAgent(scripted(confidence=0.3, then="blue")).run(QUESTION, file).usage.visual_tokens
    assert result.stopped_because == ("answered" if spent <= limit else "limit:visual_tokens")


def test_a_limit_of_seconds_still_answers(eyes: LlavaNext, tmp_path: Path) -> None:
    agent = VisualAgent(eyes, limits=Limits(seconds=1e-6))
    result = agent.run(QUESTION, photo(tmp_path / "a.png"))
    assert result.stopped_because == "limit:seconds"
    assert done(result) == ["plan", "look", "answer"]
    unlimited = VisualAgent(eyes).run(QUESTION, photo(tmp_path / "a.png"))
    assert unlimited.answer.startswith(result.answer)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"visual_tokens": -1}, {"seconds": 0}, {"gpu_bytes": 0}, {"minutes": 3}]
)
def test_limits_that_allow_nothing_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Limits.model_validate(wrong)
