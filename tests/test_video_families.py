"""Videos with weights of all four families and a SigLIP embedder: the path of real ones, on tiny random ones.

What they answer means nothing. That every step is taken, what a model is shown and told, and what the answer
rests on, is as it is with real weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightloop import LlavaNext, VisualAgent
from sightloop.agent import Result
from sightloop.agent.steps import ObservationStep
from sightloop.agent.video_tools import FOCUS, FRAMES
from sightloop.errors import ContextOverflowError, MemoryModelError
from sightloop.memory import Frame, Span, Still
from sightloop.memory.sources.videos import Video
from sightloop.memory.store import VisualMemory
from sightloop.tests.tiny import Kind, build
from sightloop.tools.embedders import ClipEmbedder
from sightloop.tools.find import FIRST, MORE
from sightloop.tools.look import interleave
from sightloop.tools.moments import LOOKS

from .clips import clip, moving, real_clips
from .command import Sightloop, in_process
from .test_embedders import build as build_embedder

FAMILIES: tuple[Kind, ...] = ("vicuna", "video", "interleave", "onevision")
"""LlavaNext, LlavaNextVideo, Llava with SigLIP, LlavaOnevision."""
AS_VIDEO = ("video", "onevision")
"""Those that were trained on videos of pooled frames."""
MOST_STILLS = (FIRST + MORE) + max(LOOKS, FOCUS) + 2 * FOCUS
"""Found, looked at, and looked at again in two other framings."""
QUESTIONS = {
    "When does the red van appear?": ["find", "pin"],
    "When does the bicycle leave?": ["find", "pin"],
    "Which way does the bicycle move?": ["find", "frames", "look"],
    "What color is the bicycle in the video?": ["find", "look"],
    "Is it raining?": ["find", "look"],
    "Is there a bicycle?": ["find"],
    "Which video shows a bicycle?": ["find"],
    "When does the van arrive, and where does it go?": ["find", "pin", "find", "frames", "look"],
}


class Willing(LlavaNext):
    """Says yes where its weights, which are random, are for no, and little; keeps what it is shown."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.shown: list[Any] = []

    def answers(self, prompts: Sequence[Any], **more: Any) -> Any:
        self.shown += prompts
        return super().answers(prompts, **{**more, "max_new_tokens": 8})

    def choose_many(self, prompts: Sequence[Any], options: Sequence[str], **more: Any) -> Any:
        self.shown += prompts
        turned = {"Yes": "No", "No": "Yes"}
        said = super().choose_many(prompts, [turned.get(option, option) for option in options], **more)
        return [one.model_copy(update={"option": options[one.index]}) for one in said]

    def choose(self, prompt: Any, options: Sequence[str]) -> Any:
        return self.choose_many([prompt], options)[0]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: build(kind, tmp_path_factory.mktemp(kind)) for kind in FAMILIES}


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_embedder("siglip", tmp_path_factory.mktemp("siglip"))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("rendered") / "rendered.mkv", 80, paint=moving(), fps=10)


@pytest.fixture(scope="module")
def videos(rendered: Path) -> list[Path]:
    real = real_clips()
    return [real["bikes.mp4"], real["cityCC0.mpg"], rendered]


@pytest.fixture(scope="module")
def memory(
    siglip: Path, videos: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VisualMemory]:
    with VisualMemory(tmp_path_factory.mktemp("memory"), embedder=ClipEmbedder(siglip)) as memory:
        for video in videos:
            assert memory.add(video).skipped == ()
        yield memory


@pytest.fixture(scope="module", params=FAMILIES)
def eyes(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Willing:
    return Willing(folders[request.param])


@pytest.fixture
def sightloop(capsys: pytest.CaptureFixture[str]) -> Sightloop:
    return in_process(capsys)


def tools(result: Result) -> list[str]:
    assert not any(step.failed for step in result.steps if isinstance(step, ObservationStep))
    return [step.tool for step in result.steps if isinstance(step, ObservationStep)]


def stills(prompt: Any) -> list[Still]:
    return [part for part in prompt if isinstance(part, Still)]


def words(prompt: Any) -> str:
    return " ".join(part for part in prompt if isinstance(part, str))


def at(still: Still) -> tuple[str, float]:
    assert isinstance(still.origin, Frame)
    return still.origin.source, still.origin.t


def holds(result: Result, videos: Sequence[Path]) -> None:
    """The laws of every answer about videos."""
    assert result.stopped_because == "answered"
    assert (result.steps[0].kind, result.steps[-1].kind) == ("plan", "answer")
    assert all(one.started <= other.started for one, other in pairwise(result.steps))
    assert result.usage.stills <= MOST_STILLS * (1 + result.answer.count("; "))
    assert result.evidence
    for item in result.evidence:
        origin = item.still.origin
        assert isinstance(origin, Frame)
        assert origin.source in map(str, videos)
        assert item.reopen().sha256 == item.still.sha256
        if item.region is not None:
            assert isinstance(item.region, Span)
            with Video(origin.source) as video:
                assert video.duration is not None
                assert 0 <= item.region.start <= item.region.end <= video.duration + 0.1
            assert item.region.start <= origin.t <= item.region.end
    assert Result.model_validate_json(result.model_dump_json()) == result


# ---------------------------------------------------------------- the whole path


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_with_frames(
    eyes: Willing, memory: VisualMemory, videos: list[Path], question: str
) -> None:
    eyes.shown.clear()
    result = VisualAgent(eyes, memory=memory).run(question, videos[:2])
    holds(result, videos[:2])
    assert tools(result) == QUESTIONS[question]
    for prompt in eyes.shown:
        frames = stills(prompt)
        assert [at(still) for still in frames] == sorted(map(at, frames))
        assert len(frames) <= FOCUS
    found = next(step for step in result.steps if isinstance(step, ObservationStep))
    assert {line.source for line in found.timeline} <= set(map(str, videos[:2]))
    assert all(line.shots and line.keyframes and line.hits for line in found.timeline)


def test_what_is_nowhere_is_said_to_be_nowhere(
    folders: dict[str, Path], memory: VisualMemory, videos: list[Path]
) -> None:
    for folder in folders.values():
        agent = VisualAgent(LlavaNext(folder), memory=memory)
        result = agent.run("Is there a red van?", videos)
        holds(result, videos)
        assert (result.answer, tools(result), result.usage.stills) == ("no", ["find"], FIRST + MORE + 2)


def test_a_rendered_film_alone(eyes: Willing, memory: VisualMemory, rendered: Path) -> None:
    result = VisualAgent(eyes, memory=memory).run("Where does the square go?", rendered)
    holds(result, [rendered])
    assert tools(result) == ["find", "frames", "look"]
    assert {item.still.origin.source for item in result.evidence} == {str(rendered)}


# ---------------------------------------------------------------- what the model is shown


@pytest.mark.parametrize("kind", FAMILIES)
def test_frames_are_shown_with_their_times(
    kind: Kind, folders: dict[str, Path], memory: VisualMemory, rendered: Path
) -> None:
    eyes = Willing(folders[kind])
    question = "Which way does the square move?"
    VisualAgent(eyes, memory=memory).run(question, rendered)
    if kind == "vicuna":  # it was trained on one picture at a time
        described = [prompt for prompt in eyes.shown if "Say in one sentence" in words(prompt)]
        assert [len(stills(prompt)) for prompt in described] == [1] * FRAMES
        assert all(words(prompt).startswith(f"t={at(stills(prompt)[0])[1]:.1f}s :") for prompt in described)
        assert all(len(stills(prompt)) <= 1 for prompt in eyes.shown)
        return
    prompt = next(prompt for prompt in eyes.shown if len(stills(prompt)) > 1)
    times = [still.origin.t for still in stills(prompt) if isinstance(still.origin, Frame)]
    assert len(times) == FRAMES
    plan = eyes.plan(prompt)
    if kind in AS_VIDEO:
        listed = ",".join(f"{t:.2f}s" for t in times)
        assert words(prompt).startswith(f"{FRAMES} frames of a video are located at {listed}.")
        assert words(prompt).endswith(question)
        assert [(still.mode, still.video) for still in plan.stills] == [("frame", 0)] * FRAMES
    else:
        labels = [f"frame {number} (t={t:.1f}s) :" for number, t in enumerate(times, start=1)]
        assert words(prompt) == " ".join([*labels, question])
        assert [still.mode for still in plan.stills] == ["tile"] * FRAMES


@pytest.mark.parametrize("kind", FAMILIES)
def test_frames_of_two_videos_are_no_video(kind: Kind, folders: dict[str, Path]) -> None:
    eyes = LlavaNext(folders[kind])
    pixels = np.random.default_rng(0).integers(0, 255, (4, 30, 40, 3), dtype=np.uint8)
    frames = [
        Still.from_array(array, Frame(source=f"{number // 2}.mp4", t=number / 4, index=number))
        for number, array in enumerate(pixels)
    ]
    assert words(interleave("Same?", frames, eyes.checkpoint)) == (
        "frame 1 (t=0.0s) : frame 2 (t=0.2s) : frame 3 (t=0.5s) : frame 4 (t=0.8s) : Same?"
    )
    assert words(interleave("Red?", frames[3:], eyes.checkpoint)) == "t=0.8s : Red?"


@pytest.mark.parametrize("kind", AS_VIDEO)
def test_a_stretched_window_holds_more_frames(kind: Kind, tmp_path: Path) -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    frames = [Still.from_array(pixels, Frame(source="a.mp4", t=i / 5, index=i)) for i in range(300)]
    folder = build(kind, tmp_path / kind, tile=64)
    usual = LlavaNext(folder)
    with pytest.raises(ContextOverflowError):
        usual.plan([*frames, "What happens?"])
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["rope_parameters"] = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    (folder / "config.json").write_text(json.dumps(config))
    stretched = LlavaNext(folder)
    plan = stretched.plan([*frames, "What happens?"])
    assert (plan.window, plan.rope_factor) == (2 * plan.context, 2.0)
    assert plan.context < plan.total_tokens <= plan.window
    assert {(still.mode, still.video) for still in plan.stills} == {("frame", 0)}
    answer = stretched.answer([*frames, "What happens?"], max_new_tokens=2)
    assert answer.usage.visual_tokens == plan.visual_tokens


# ---------------------------------------------------------------- whose vectors


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_eyes_embed_where_there_is_no_embedder(
    kind: Kind, folders: dict[str, Path], rendered: Path
) -> None:
    eyes = Willing(folders[kind])
    with VisualMemory(embedder=eyes) as memory:
        memory.add(rendered)
        result = VisualAgent(eyes, memory=memory).run("Is there a square?", rendered)
        holds(result, [rendered])
        assert (result.answer, tools(result)) == ("yes", ["find"])


def test_without_a_memory_one_is_made_for_the_run(folders: dict[str, Path], rendered: Path) -> None:
    result = VisualAgent(Willing(folders["interleave"])).run("When does the square appear?", rendered)
    holds(result, [rendered])
    assert tools(result) == ["find", "pin"]


def test_another_embedder_is_refused_by_both_names(
    folders: dict[str, Path], siglip: Path, rendered: Path, tmp_path: Path
) -> None:
    eyes = LlavaNext(folders["interleave"])
    with VisualMemory(tmp_path, embedder=ClipEmbedder(siglip)) as memory:
        memory.add(rendered)
    with pytest.raises(MemoryModelError) as refused, VisualMemory(tmp_path, embedder=eyes):
        pass
    assert str(siglip) in refused.value.message
    assert eyes.name in refused.value.message
    with VisualMemory(tmp_path, embedder=ClipEmbedder(siglip)) as memory:
        assert memory.search("a square")


# ---------------------------------------------------------------- the command line


@pytest.mark.parametrize("kind", FAMILIES)
def test_index_find_and_ask(
    kind: Kind,
    sightloop: Sightloop,
    folders: dict[str, Path],
    siglip: Path,
    rendered: Path,
    tmp_path: Path,
) -> None:
    bikes, page = real_clips()["bikes.mp4"], tmp_path / "page.html"
    weights = ["--memory", tmp_path / "mem", "--model", folders[kind], "--embedder", siglip, "--json"]
    indexed = sightloop("index", bikes, rendered, *weights).json
    assert indexed["sources"] == [str(bikes), str(rendered)]
    assert sightloop("index", bikes, *weights).json["unchanged"] == [str(bikes)]
    found = sightloop("find", "a bicycle", "--top", 3, *weights).json
    assert 1 <= len(found["moments"]) <= 3
    assert all(0 <= one["there"] <= 1 and Path(one["thumbnail"]).is_file() for one in found["moments"])
    unseen = sightloop("find", "a bicycle", "--no-look", "--source", rendered, *weights).json["moments"]
    assert {(one["there"], one["source"]) for one in unseen} == {(None, str(rendered))}
    for about in ([bikes], []):
        told = sightloop("ask", "Is there a bicycle?", *about, "--report", page, *weights)
        assert told.code == 0
        result = Result.model_validate(told.json)
        holds(result, [bikes, rendered])
        assert tools(result) == ["find"]
        assert page.stat().st_size > 0
    refused = sightloop("find", "a bicycle", *weights[:4], "--json")
    assert refused.error["type"] == "MemoryModelError"
    assert str(siglip) in refused.error["message"]
    assert str(folders[kind]) in refused.error["message"]


def test_eyes_alone_on_the_command_line(
    sightloop: Sightloop, folders: dict[str, Path], rendered: Path, tmp_path: Path
) -> None:
    weights = ["--memory", tmp_path / "mem", "--model", folders["onevision"], "--json"]
    assert sightloop("index", rendered, *weights).json["sources"] == [str(rendered)]
    assert sightloop("find", "a square", *weights).json["moments"]
    assert sightloop("ask", "Is there a square?", *weights).json["answer"] in ("yes", "no")
