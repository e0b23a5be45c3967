"""Brains that are chat models with native tool calls: what they are told, shown and allowed."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from PIL import Image

from sightloop.agent import Limits, Result, VisualAgent
from sightloop.agent.chat_brain import ChatBrain
from sightloop.agent.messages import NOW
from sightloop.agent.steps import CallStep, ObservationStep
from sightloop.agent.toolbox import TOOLS
from sightloop.errors import BrainError

from .scripted import ScriptedEyes
from .scripted_chat import ScriptedChat, calling, scripted_chat

QUESTION = "Which is larger?"


def scripted(yes: float = 0.9) -> ScriptedEyes:
    return ScriptedEyes(
        lambda prompt: ("red", 0.9), lambda prompt, options: [yes, *(1 - yes for _ in options[1:])]
    )


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = []
    for name, color in (("a", (200, 30, 30)), ("b", (30, 30, 200))):
        found.append(tmp_path / f"{name}.png")
        Image.new("RGB", (160, 120), color).save(found[-1])
    return found


def ask(model: ScriptedChat, files: list[Path], eyes: ScriptedEyes | None = None, **more: Any) -> Result:
    limits = more.pop("limits", Limits())
    agent = VisualAgent(eyes or scripted(), brain=ChatBrain(model, **more), limits=limits)
    return agent.run(QUESTION, files)


def images(message: BaseMessage) -> list[dict[str, Any]]:
    return [block for block in message.content_blocks if block["type"] == "image"]  # type: ignore[misc]


def tools(result: Result) -> list[str]:
    return [step.tool for step in result.steps if isinstance(step, ObservationStep)]


def test_calls_are_made_and_what_they_find_is_told(files: list[Path]) -> None:
    model = scripted_chat(calling(("look", {"question": "What is it?", "images": ["image 2"]})), "image 2")
    result = ask(model, files)
    assert (result.answer, tools(result), len(model.told)) == ("image 2", ["look"], 2)
    *_, said, told = model.told[1]
    assert isinstance(said, AIMessage)
    assert said.tool_calls[0]["name"] == "look"
    assert isinstance(told, ToolMessage)
    assert told.tool_call_id == said.tool_calls[0]["id"]
    assert "red" in told.text
    assert told.artifact == next(step for step in result.steps if isinstance(step, ObservationStep))
    idle = {"find", "pin", "frames", "measure", "views"}  # there is nothing to search, nor to measure in
    assert {tool["function"]["name"] for tool in model.tools} == set(TOOLS) - idle
    assert next(step for step in result.steps if isinstance(step, CallStep)).brain_tokens == 100


def test_pictures_are_blocks_with_names_and_never_base64_in_text(files: list[Path]) -> None:
    model = scripted_chat(calling(("crop", {"image": "image 1", "box": [0, 0, 80, 60]})), "image 1")
    ask(model, files)
    first = model.told[0][1]
    assert [block["id"] for block in images(first)] == ["image 1", "image 2"]
    shown = Image.open(io.BytesIO(base64.b64decode(images(first)[0]["base64"])))
    assert shown.convert("RGB").resize((1, 1)).getpixel((0, 0)) == pytest.approx((200, 30, 30), abs=4)
    for messages in model.told:
        for message in messages:
            assert len(message.text) < 2000
            assert images(message) == [] or images(message)[0]["base64"] not in message.text


@pytest.mark.parametrize(
    ("profile", "where"),
    [
        ({"image_inputs": True, "image_tool_message": True}, "tool"),
        ({"image_inputs": True, "image_tool_message": False}, "user"),
        ({}, "user"),
        ({"image_inputs": False}, "words"),
    ],
)
def test_pictures_of_tools_stand_where_the_model_takes_them(
    files: list[Path], profile: dict[str, Any], where: str
) -> None:
    crop = calling(("crop", {"image": "image 1", "box": [0, 0, 80, 60]}))
    model = scripted_chat(crop, "image 3", profile=profile)
    ask(model, files)
    after = model.told[1][3:]
    in_tool = [block for m in after if isinstance(m, ToolMessage) for block in images(m)]
    in_turn = [block for m in after if isinstance(m, HumanMessage) for block in images(m)]
    assert (len(in_tool), len(in_turn)) == {"tool": (1, 0), "user": (0, 1), "words": (0, 0)}[where]
    told = next(m for m in after if isinstance(m, ToolMessage))
    assert "image 3" in told.text
    if where == "words":
        assert images(model.told[0][1]) == []
        assert "cannot see it" in model.told[0][1].text


def test_pictures_beyond_the_budget_become_a_line_that_can_be_reopened(files: list[Path]) -> None:
    crops = [calling(("crop", {"image": "image 1", "box": [0, 0, 40 + i, 60]})) for i in range(3)]
    model = scripted_chat(*crops, calling(("show", {"image": "image 1"})), "image 1")
    ask(model, files, budget=2)
    for messages in model.told:
        assert sum(len(images(message)) for message in messages) <= 2
    last = model.told[-1]
    assert "not shown again; the tool show reopens it" in last[1].text
    assert [block["id"] for message in last for block in images(message)][-1] == "image 1"


def test_a_wrong_call_is_told_and_mended(files: list[Path]) -> None:
    model = scripted_chat(
        calling(("crop", {"image": "image 9", "box": [0, 0, 9, 9]})),
        calling(("crop", {"image": "image 1", "box": [9, 9, 0, 0]})),
        calling(("enhance", {})),
        calling(("crop", {"picture": 1})),
        AIMessage("", invalid_tool_calls=[
            {"type": "invalid_tool_call", "id": "x", "name": "crop", "args": "{", "error": "not JSON"}
        ]),
        "image 1",
    )  # fmt: skip
    result = ask(model, files)
    failed = [step for step in result.steps if isinstance(step, ObservationStep) and step.failed]
    words = ["image 9", "x0 < x1", "enhance", "box", "unreadable"]
    assert len(failed) == len(words)
    for step, word in zip(failed, words, strict=True):
        assert word in step.text
    assert [m.status for m in model.told[-1] if isinstance(m, ToolMessage)] == ["error"] * 5
    assert result.answer == "image 1"


def test_several_calls_of_one_turn_are_made_in_order(files: list[Path]) -> None:
    both = calling(
        ("look", {"question": "What is it?", "images": ["image 1"]}),
        ("look", {"question": "What is it?", "images": ["image 2"]}),
        text="I compare them.",
    )
    model = scripted_chat(both, "image 2")
    result = ask(model, files)
    assert tools(result) == ["look", "look"]
    told = [m.tool_call_id for m in model.told[1] if isinstance(m, ToolMessage)]
    assert told == [call["id"] for call in both.tool_calls]


def test_at_the_limit_of_steps_the_brain_has_the_last_word(files: list[Path]) -> None:
    look = calling(("look", {"question": "What is it?"}))

    def reply(messages: Any) -> AIMessage:
        return AIMessage("image 2") if messages[-1].text == NOW else look

    model = scripted_chat(reply)
    result = ask(model, files, limits=Limits(steps=3))
    assert tools(result) == ["look"] * 3
    assert (result.answer, result.stopped_because) == ("image 2", "limit:steps")


def test_a_brain_that_never_answers_ends_with_what_was_seen(files: list[Path]) -> None:
    model = scripted_chat(calling(("look", {"question": QUESTION})))
    result = ask(model, files, limits=Limits(steps=2))
    assert (result.answer, result.stopped_because) == ("red", "limit:steps")


def test_a_rejected_answer_is_sent_back_once_and_then_reported(files: list[Path]) -> None:
    model = scripted_chat("image 1 is the larger one", "no , image 2 is the larger one")
    result = ask(model, files, scripted(yes=0.1))
    kinds = [step.kind for step in result.steps]
    assert kinds == ["plan", "verify", "verify", "answer"]
    assert "rejected" in model.told[1][-1].text
    assert model.told[1][-2].text == "image 1 is the larger one"
    assert result.answer == "no , image 2 is the larger one"
    assert {item.verdict for item in result.evidence} == {"rejected"}


def test_the_pictures_that_an_answer_names_are_its_evidence(files: list[Path]) -> None:
    model = scripted_chat(calling(("crop", {"image": "image 2", "box": [10, 20, 60, 90]})), "See image 3.")
    (item,) = ask(model, files).evidence
    assert item.still.origin.source == str(files[1])
    assert (item.region.x0, item.region.y0, item.region.x1, item.region.y1) == (10, 20, 60, 90)
    assert item.reopen().size == (50, 70)


def test_earlier_turns_are_told(files: list[Path]) -> None:
    model = scripted_chat("image 1", "image 2")
    agent = VisualAgent(scripted(), brain=ChatBrain(model))
    agent.run("Which is red?", files, thread="t")
    agent.run("and blue?", thread="t")
    told = [message.text for message in model.told[1]]
    assert told[1:3] == ["Which is red?", "image 1"]
    assert told[-1].endswith("and blue?")


def test_marks_are_drawn_on_a_picture_of_their_own(files: list[Path]) -> None:
    boxes = [[10, 10, 50, 50], [60, 40, 120, 100]]
    model = scripted_chat(calling(("mark", {"image": "image 1", "boxes": boxes})), "image 3")
    result = ask(model, files)
    marked = result.still(result.pictures[2].still)
    assert marked.size == (160, 120)
    for x0, y0, x1, _ in boxes:
        assert tuple(marked.pixels[y0 + 20, x0]) != (200, 30, 30)  # the left line
        assert tuple(marked.pixels[y0 + 20, (x0 + x1) // 2 + 5]) == (200, 30, 30)  # not the inside


def test_a_model_that_fails_is_named(files: list[Path]) -> None:
    def fail(messages: Any) -> AIMessage:
        raise ConnectionError("no route")

    with pytest.raises(BrainError, match="ConnectionError: no route"):
        ask(scripted_chat(fail), files)


def test_a_run_with_a_brain_is_json(files: list[Path]) -> None:
    model = scripted_chat(calling(("zoom", {"image": "image 1", "x": 80, "y": 60})), "image 3")
    result = ask(model, files)
    assert Result.model_validate(json.loads(result.model_dump_json())) == result
