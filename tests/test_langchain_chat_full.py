"""The chat model on checkpoints that write JSON: tiny ones of random weights, held to what is asked for."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel, Field

from sightloop import LlavaNext
from sightloop.errors import ContextOverflowError, InputError
from sightloop.integrations.langchain import ChatLlavaNext

from .clips import clip
from .pictures import encoded, noise
from .tiny import IN_ORDER, build

PICTURE = {"type": "image", "base64": base64.b64encode(encoded(noise(), "PNG")).decode()}


@pytest.fixture(scope="module", params=["interleave", "vicuna"])
def chat(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ChatLlavaNext:
    """One that was trained on many pictures, and one on single ones."""
    eyes = LlavaNext(build(request.param, tmp_path_factory.mktemp(request.param)))
    return ChatLlavaNext(eyes=eyes, max_tokens=120)


def asked(*pictures: dict[str, Any]) -> HumanMessage:
    return HumanMessage([{"type": "text", "text": "What is it?"}, *pictures])


class Step(BaseModel):
    """A step, and what follows it."""

    name: Literal["look", "think"]
    then: list[Step] = Field(default=[], max_length=2)


def act(steps: list[Step], note: str | None = None) -> None:
    """Act."""


def order(count: int, size: float = 1.0) -> None:
    """Order."""


TOOLS = [act, order]


def test_a_conversation_is_told_in_turns(chat: ChatLlavaNext) -> None:
    talk = [
        SystemMessage("Be kind."),
        asked(PICTURE),
        AIMessage("a"),
        HumanMessage("and now?"),
        HumanMessage("now?"),
    ]
    message = chat.invoke(talk)
    longer = chat.invoke([*talk, AIMessage("b"), AIMessage("c"), HumanMessage("go on")])
    assert message.usage_metadata is not None
    assert longer.usage_metadata is not None
    assert longer.usage_metadata["input_tokens"] > message.usage_metadata["input_tokens"]
    assert message.response_metadata["visual_tokens"] > 0


def test_a_template_of_one_turn_is_told_what_was_said(tmp_path: Path) -> None:
    once = IN_ORDER.replace(
        "{% if message['role'] == 'assistant' %}{{ '<|assistant|>' }}{% else %}", "{% if true %}"
    )
    once = once.replace("{{ '<|user|>' }}{% endif %}", "{{ '<|user|>' }}{% endif %}")
    template = "{% if messages|length > 1 %}{{ raise_exception('one turn') }}{% endif %}" + once
    chat = ChatLlavaNext(eyes=LlavaNext(build("interleave", tmp_path, template=template)), max_tokens=8)
    talk = [asked(PICTURE), AIMessage("a horse"), HumanMessage("and now?")]
    more = [asked(PICTURE), AIMessage("a horse, as far as I can see"), HumanMessage("and now?")]
    read = [chat.invoke(one).usage_metadata["input_tokens"] for one in (talk, more)]  # type: ignore[index]
    assert read[1] - read[0] == len(", as far as I can see")
    assert any("one turn only" in note for note in chat.invoke(talk).response_metadata["notes"])


def test_calls_are_of_the_tools_and_their_arguments_valid(chat: ChatLlavaNext) -> None:
    for choice in ("any", "act", "order"):
        message = chat.bind_tools(TOOLS, tool_choice=choice).invoke([asked(PICTURE)])
        (call,) = message.tool_calls
        assert call["name"] in (["act", "order"] if choice == "any" else [choice])
        form = next(
            t for t in chat.bind_tools(TOOLS).kwargs["tools"] if t["function"]["name"] == call["name"]
        )  # type: ignore[attr-defined]
        Draft202012Validator(form["function"]["parameters"]).validate(call["args"])
        assert message.response_metadata["finish_reason"] == "tool_calls"
        assert message.text == ""


def test_where_none_must_be_called_there_is_a_call_or_an_answer(chat: ChatLlavaNext) -> None:
    bound = chat.bind_tools(TOOLS)
    message = bound.invoke([asked(PICTURE)])
    assert bool(message.tool_calls) != bool(message.text)
    streamed = AIMessageChunk("")
    for chunk in bound.stream([asked(PICTURE)]):
        streamed += chunk  # type: ignore[assignment, operator]
    assert streamed.text == message.text
    assert [(c["name"], c["args"]) for c in streamed.tool_calls] == [
        (c["name"], c["args"]) for c in message.tool_calls
    ]
    assert streamed.usage_metadata == message.usage_metadata


def test_results_of_tools_are_told_with_their_pictures(chat: ChatLlavaNext) -> None:
    call = {"name": "order", "args": {"count": 2}, "id": "1", "type": "tool_call"}
    talk = [
        HumanMessage("Go."),
        AIMessage("", tool_calls=[call]),
        ToolMessage([PICTURE, "done"], tool_call_id="1"),
    ]
    assert chat.bind_tools(TOOLS).invoke(talk).response_metadata["visual_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_structured_output_always_validates(chat: ChatLlavaNext, stream: bool) -> None:
    structured = chat.with_structured_output(Step)
    found = list(structured.stream([asked(PICTURE)]))[-1] if stream else structured.invoke([asked(PICTURE)])
    assert isinstance(found, Step)
    assert isinstance(chat.with_structured_output(Step, method="function_calling").invoke([asked()]), Step)


def test_an_answer_beside_tools_is_of_the_schema(chat: ChatLlavaNext) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": Step.model_json_schema()}}
    bound = chat.bind_tools(TOOLS, response_format=form)
    message = bound.invoke([asked(PICTURE)])
    assert message.tool_calls or Step.model_validate_json(message.text)
    assert "".join(chunk.text for chunk in bound.stream([asked(PICTURE)])) == message.text
    assert isinstance(json.loads(chat.invoke([asked()], response_format={"type": "json_object"}).text), dict)


def test_several_pictures_are_described_one_by_one_where_they_must_be(chat: ChatLlavaNext) -> None:
    message = chat.invoke([asked(PICTURE, PICTURE)])
    alone = any("trained on one image at a time" in note for note in message.response_metadata["notes"])
    assert alone == (chat.eyes.checkpoint.stills_trained == 1)
    assert message.response_metadata["visual_tokens"] > 0


def test_a_video_is_shown_to_those_that_know_frames(chat: ChatLlavaNext, tmp_path: Path) -> None:
    data = base64.b64encode(clip(tmp_path / "a.mp4", 50).read_bytes()).decode()
    block = {"type": "video", "base64": data, "mime_type": "video/mp4"}
    if not chat.eyes.checkpoint.video:
        with pytest.raises(InputError, match=r"message 1: .* not trained on frames"):
            chat.invoke([asked(block)])
        return
    message = chat.invoke([asked(block)])
    assert any("frames of the video in the message" in note for note in message.response_metadata["notes"])


def test_what_does_not_fit_is_refused(chat: ChatLlavaNext) -> None:
    with pytest.raises(ContextOverflowError):
        chat.invoke("x" * 2**20)
    with pytest.raises(InputError, match="too short for this schema"):
        chat.bind_tools(TOOLS, tool_choice="act").invoke("hello", max_tokens=2)
