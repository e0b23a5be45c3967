"""The tools find, pin and frames, as brains that are chat models call them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import BaseMessage, ToolMessage
from PIL import Image

from sightloop.agent import Limits, Result, VisualAgent
from sightloop.agent.chat_brain import ChatBrain
from sightloop.agent.page_tools import PAGE_TOOLS
from sightloop.agent.scene_tools import SCENE_TOOLS
from sightloop.agent.steps import ObservationStep, VerifyStep
from sightloop.agent.toolbox import TOOLS
from sightloop.agent.video_tools import FOCUS, FRAMES, VIDEO_TOOLS
from sightloop.errors import InputError
from sightloop.memory import Frame, Span, Still
from sightloop.memory.sources.videos import Video
from sightloop.memory.store import VisualMemory
from sightloop.tools.llava_next.prompts import Prompt
from sightloop.tools.moments import RESOLUTION

from .clips import clip, number_of, numbered
from .scripted import ScriptedEyes
from .scripted_chat import ScriptedChat, calling, scripted_chat

FPS, FRAMES_OF_CLIP = 10, 200
COMES, GOES = 83, 131
"""The frames of the long clip from and up to which there is a red ring; the last of them is without."""
QUESTION = "When does the red ring appear?"


class Numbers:
    """An embedder that puts the frames with the red ring, and words that name it, to one side."""

    name = "numbers"

    def embed(self, items: Sequence[Still | str]) -> np.ndarray:
        there = [ringed(item) if isinstance(item, Still) else "ring" in item.split() for item in items]
        rows = [(1.0, 0.1) if one else (0.1, 1.0) for one in there]
        return (np.array(rows) / np.hypot(1.0, 0.1)).astype(np.float32)


def ringed(still: Still) -> bool:
    return COMES <= number_of(still.pixels) < GOES


def watching(sure: Callable[[Still], float] | None = None) -> ScriptedEyes:
    """Eyes that see the red ring where it is, and say of several frames how many they are."""

    def weigh(prompt: Prompt, options: Sequence[str]) -> Sequence[float]:
        stills = [part for part in prompt if isinstance(part, Still)]
        yes = 0.95 if all(map(ringed, stills)) else 0.05
        if sure is not None:
            yes = min(map(sure, stills))
        return [yes, *(1 - yes for _ in options[1:])]

    def say(prompt: Prompt) -> tuple[str, float]:
        return f"{sum(isinstance(part, Still) for part in prompt)} pictures", 0.8

    return ScriptedEyes(say, weigh)


def rendered(path: Path) -> Path:
    """The long clip: still for a while, then with the red ring for a while."""

    def paint(number: int) -> np.ndarray:
        return numbered()(number // 4 * 4 if number < COMES or number >= GOES else number)

    return clip(path, FRAMES_OF_CLIP, paint=paint, fps=FPS)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {"long": rendered(folder / "garden.mp4"), "other": clip(folder / "street.mp4", 30, fps=FPS)}


@pytest.fixture(scope="module")
def memory(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisualMemory]:
    with VisualMemory(tmp_path_factory.mktemp("memory"), embedder=Numbers()) as memory:
        for file in files.values():
            memory.add(file)
        yield memory


Ask = Callable[..., Result]


@pytest.fixture
def ask(memory: VisualMemory, files: dict[str, Path]) -> Ask:
    def run(model: ScriptedChat, question: str = QUESTION, **more: Any) -> Result:
        inputs = more.pop("inputs", list(files.values()))
        eyes = more.pop("eyes", None) or watching()
        limits = more.pop("limits", Limits(steps=20))
        agent = VisualAgent(eyes, memory=memory, brain=ChatBrain(model, **more), limits=limits)
        return agent.run(question, inputs)

    return run


def observations(result: Result) -> list[ObservationStep]:
    return [step for step in result.steps if isinstance(step, ObservationStep)]


def shown(messages: Sequence[BaseMessage]) -> list[str]:
    blocks = [block for message in messages for block in message.content_blocks]
    return [str(block["id"]) for block in blocks if block["type"] == "image"]


def times(step: ObservationStep) -> list[float]:
    found = []
    for picture in step.pictures:
        assert isinstance(picture.still.origin, Frame)
        found.append(picture.still.origin.t)
    return found


# ---------------------------------------------------------------- what is offered


def test_what_is_searched_is_told_and_the_tools_are_offered(ask: Ask, files: dict[str, Path]) -> None:
    model = scripted_chat("no idea")
    ask(model)
    assert {tool["function"]["name"] for tool in model.tools} == set(TOOLS) - {
        tool.name for tool in (*SCENE_TOOLS, *PAGE_TOOLS)
    }
    assert {tool.name for tool in VIDEO_TOOLS} == {"find", "pin", "frames"}
    first = model.told[0][1].text
    assert all(f"Video, to be searched: {file}" in first for file in files.values())
    assert first.endswith(QUESTION)


def test_without_a_memory_they_are_not_offered(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (90, 60)).save(photo)
    model = scripted_chat(calling(("find", {})), calling(("pin", {})), calling(("frames", {})), "image 1")
    result = VisualAgent(watching(), brain=ChatBrain(model)).run("Is it dark?", photo)
    assert {tool["function"]["name"] for tool in model.tools}.isdisjoint({"find", "pin", "frames"})
    assert [step.failed for step in observations(result)] == [True] * 3
    assert "no videos and no memory" in observations(result)[0].text


def test_a_memory_with_a_photo_to_ask_about_offers_them_only_for_videos(
    memory: VisualMemory, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (90, 60)).save(photo)
    model = scripted_chat("image 1")
    VisualAgent(watching(), memory=memory, brain=ChatBrain(model)).run("Is it dark?", photo)
    assert {tool["function"]["name"] for tool in model.tools}.isdisjoint({"find", "pin", "frames"})


# ---------------------------------------------------------------- find


def test_what_is_found_is_shown_and_told(ask: Ask, files: dict[str, Path]) -> None:
    model = scripted_chat(calling(("find", {})), "frame 1")
    result = ask(model)
    (found,) = observations(result)
    assert (found.tool, found.failed) == ("find", False)
    assert 1 <= len(found.pictures) <= FOCUS
    assert all(COMES / FPS - 1e-6 <= t < GOES / FPS for t in times(found))
    *_, told = (message for message in model.told[1] if isinstance(message, ToolMessage))
    assert "a red ring" in told.text
    assert "garden.mp4 at 0:00:" in told.text
    assert shown(model.told[1]) == [picture.name for picture in found.pictures]
    (line,) = found.timeline
    assert (line.source, len(line.hits)) == (str(files["long"]), len(found.pictures))
    image = next(b for m in model.told[1] for b in m.content_blocks if b["type"] == "image")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(str(image["base64"])))).convert("RGB"))
    assert COMES <= number_of(pixels) < GOES
    (cited,) = result.evidence
    assert cited.still == found.pictures[0].still
    assert isinstance(cited.region, Span)


def test_a_brain_has_words_and_places_of_its_own(ask: Ask, files: dict[str, Path]) -> None:
    model = scripted_chat(
        calling(("find", {"question": "a green cup", "video": "street.mp4"})),
        calling(("find", {"question": "a red ring", "video": str(files["long"]), "start": 9, "end": 11.5})),
        "in garden.mp4",
    )
    street, garden = observations(ask(model))
    assert not street.failed
    assert "a green cup" in street.text
    assert {picture.still.origin.source for picture in street.pictures} == {str(files["other"])}
    assert {picture.still.origin.source for picture in garden.pictures} == {str(files["long"])}
    assert all(9 <= t <= 11.5 for t in times(garden))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"video": "gardn.mp4"}, ["gardn.mp4", "garden.mp4"]),
        ({"video": "/nowhere/street.mp4"}, ["/nowhere/street.mp4", "street.mp4"]),
        ({"start": 100.0}, ["holds nothing"]),
        ({"start": 9.0, "end": 3.0}, ["start", "end"]),
        ({"start": -1.0}, ["start", "greater than or equal to 0"]),
        ({"start": "soon"}, ["start"]),
        ({"words": "a ring"}, ["words"]),
        ({"question": "ring " * 100}, ["question", "400"]),
    ],
)
def test_a_search_that_cannot_be_is_told_why(ask: Ask, arguments: dict[str, Any], words: list[str]) -> None:
    model = scripted_chat(calling(("find", arguments)), calling(("find", {})), "frame 1")
    refused, found = observations(ask(model))
    assert (refused.failed, found.failed) == (True, False)
    assert all(word in refused.text for word in words)
    told = [message for message in model.told[-1] if isinstance(message, ToolMessage)]
    assert [message.status for message in told] == ["error", "success"]


def test_only_the_videos_that_are_asked_about_are_searched(ask: Ask, files: dict[str, Path]) -> None:
    model = scripted_chat(calling(("find", {})), calling(("find", {"video": "garden.mp4"})), "nowhere")
    found, refused = observations(ask(model, inputs=[files["other"]]))
    assert {picture.still.origin.source for picture in found.pictures} == {str(files["other"])}
    assert found.answer == "there is none"
    assert refused.failed
    assert "garden.mp4" in refused.text


def test_a_memory_alone_is_searched_whole(ask: Ask) -> None:
    model = scripted_chat(calling(("find", {"question": "Which video shows a red ring?"})), "garden.mp4")
    (found,) = observations(ask(model, inputs=()))
    assert found.answer is not None
    assert found.answer.startswith("garden.mp4 at 0:00:")


# ---------------------------------------------------------------- pin


@pytest.mark.parametrize(
    ("question", "truth"), [(QUESTION, COMES), ("When does the red ring disappear?", GOES)]
)
def test_a_moment_is_pinned(ask: Ask, question: str, truth: int) -> None:
    model = scripted_chat(calling(("find", {})), calling(("pin", {"question": question})), "frame 1")
    result = ask(model)
    found, pinned = observations(result)
    assert not pinned.failed
    assert pinned.answer is not None
    _, minutes, rest = pinned.answer.split(" ")[0].split(":")
    assert 60 * int(minutes) + float(rest) == pytest.approx(truth / FPS, abs=RESOLUTION + 0.05)
    assert "garden.mp4" in pinned.answer
    assert len(pinned.pictures) == 2
    assert pinned.parts
    assert set(shown(model.told[-1])) == {p.name for p in (*found.pictures, *pinned.pictures)}


def test_nothing_is_pinned_before_it_is_found(ask: Ask) -> None:
    model = scripted_chat(
        calling(("pin", {})), calling(("find", {})), calling(("pin", {"question": "When is it?"})), "frame 1"
    )
    before, _, nameless = observations(ask(model))
    assert before.failed
    assert nameless.failed
    assert "find" in before.text


def test_what_is_there_from_the_first_frame_on_did_not_come(ask: Ask) -> None:
    eyes = watching(lambda still: 0.9)
    model = scripted_chat(calling(("find", {"start": 0, "end": 1})), calling(("pin", {})), "frame 1")
    pinned = observations(ask(model, eyes=eyes, inputs=()))[1]
    assert pinned.answer is not None
    assert pinned.answer.startswith("0:00:00.0")
    assert "before" not in pinned.answer


# ---------------------------------------------------------------- frames


def test_frames_of_ranges_are_shown_in_order(ask: Ask, files: dict[str, Path]) -> None:
    ranges = [[12, 13], [2, 4]]
    model = scripted_chat(
        calling(("frames", {"video": "garden.mp4", "ranges": ranges, "count": 6})), "frame 2"
    )
    result = ask(model)
    (seen,) = observations(result)
    assert times(seen) == pytest.approx([2.2, 2.7, 3.2, 3.7, 12.2, 12.7], abs=0.051)
    assert [picture.name for picture in seen.pictures] == [f"frame {n}" for n in range(1, 7)]
    assert shown(model.told[1]) == [picture.name for picture in seen.pictures]
    assert "frame 1 at 0:00:02.2" in seen.text
    (cited,) = result.evidence
    assert cited.still == seen.pictures[1].still
    assert cited.reopen().sha256 == cited.still.sha256


def test_frames_around_what_was_found(ask: Ask, files: dict[str, Path]) -> None:
    model = scripted_chat(calling(("find", {})), calling(("frames", {})), "they move")
    found, seen = observations(ask(model))
    assert len(seen.pictures) == FRAMES
    assert times(seen) == sorted(times(seen))
    middle = times(found)[0]
    assert all(abs(t - middle) <= 1.1 for t in times(seen))


def test_frames_past_the_end_are_the_last(ask: Ask, files: dict[str, Path]) -> None:
    with Video(files["other"]) as video:
        *_, last = video.frames()
    model = scripted_chat(
        calling(("frames", {"video": "street.mp4", "ranges": [[500, 600]], "count": 3})), "it ends"
    )
    (seen,) = observations(ask(model))
    assert not seen.failed
    assert times(seen) == [last.t]  # once


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"video": "garden.mp4", "ranges": [[5, 3]]}, ["start <= end"]),
        ({"video": "garden.mp4", "ranges": [[1, 2], [5, 3]]}, ["start <= end"]),
        ({"video": "garden.mp4", "ranges": [[5]]}, ["ranges"]),
        ({"video": "garden.mp4", "ranges": [[5, 6, 7]]}, ["ranges"]),
        ({"video": "garden.mp4", "ranges": [[5, float("inf")]]}, ["unreadable"]),
        ({"video": "garden.mp4", "ranges": [[float("nan"), 6]]}, ["unreadable"]),
        ({"video": "garden.mp4", "ranges": [[-3, 6]]}, ["greater than or equal to 0"]),
        ({"video": "garden.mp4", "ranges": [[0, 1]] * 17}, ["ranges", "16"]),
        ({"video": "garden.mp4", "ranges": [[0, 1]], "count": 0}, ["count"]),
        ({"video": "garden.mp4", "ranges": [[0, 1]], "count": 33}, ["count"]),
        ({"video": "streets.mp4", "ranges": [[0, 1]]}, ["streets.mp4", "street.mp4"]),
        ({"ranges": [[0, 1]]}, ["video"]),
        ({}, ["video"]),
    ],
)
def test_frames_that_cannot_be_shown_are_told_why(
    ask: Ask, arguments: dict[str, Any], words: list[str]
) -> None:
    model = scripted_chat(calling(("frames", arguments)), calling(("find", {})), "frame 1")
    refused = observations(ask(model))[0]
    assert refused.failed
    assert refused.pictures == ()
    assert all(word in refused.text for word in words)


# ---------------------------------------------------------------- the answer


def test_an_answer_rests_on_the_frames_that_it_names(ask: Ask) -> None:
    model = scripted_chat(
        calling(("frames", {"video": "garden.mp4", "ranges": [[8, 13]], "count": 5})),
        "It appears in frame 3, and Frame 5 shows it still.",
    )
    result = ask(model)
    (seen,) = observations(result)
    assert [item.still for item in result.evidence] == [seen.pictures[2].still, seen.pictures[4].still]
    assert all(item.verdict in ("confirmed", "unverified", "rejected") for item in result.evidence)
    assert any(isinstance(step, VerifyStep) for step in result.steps)
    for item in result.evidence:
        assert item.reopen().sha256 == item.still.sha256


def test_found_frames_are_looked_at_and_cropped_like_any_picture(ask: Ask) -> None:
    model = scripted_chat(
        calling(("find", {}), ("frames", {})),
        calling(("look", {"question": "What is it?", "images": ["frame 1", "frame 2"]})),
        calling(("crop", {"image": "frame 1", "box": [0, 0, 40, 30]})),
        "view 7",
    )
    found, frames, looked, cropped = observations(ask(model))
    assert not any(step.failed for step in (found, frames, looked, cropped))
    assert looked.answer == "2 pictures"
    assert cropped.pictures[0].still.origin.source == found.pictures[0].still.origin.source


def test_where_all_is_refused_nothing_is_made_up(ask: Ask) -> None:
    model = scripted_chat(calling(("frames", {"video": "nowhere.mp4", "ranges": [[0, 1]]})))
    with pytest.raises(InputError, match="with find"):
        ask(model, limits=Limits(steps=4))
    assert len(model.told) == 5


def test_an_answer_without_a_picture_is_not_confirmed(ask: Ask) -> None:
    result = ask(scripted_chat("I suppose at noon."))
    assert (result.answer, result.evidence) == ("I suppose at noon.", ())
    (checked,) = (step for step in result.steps if isinstance(step, VerifyStep))
    assert checked.verdict == "unverified"
    assert any("no picture" in note for note in checked.notes)
