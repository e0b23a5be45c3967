"""The chat model on the embedded model: what it answers, calls, streams and refuses."""

from __future__ import annotations

import asyncio
import base64
import threading
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from PIL import Image, ImageDraw
from pydantic import BaseModel, Field

from sightloop import LlavaNext
from sightloop.errors import ContextOverflowError, InputError
from sightloop.integrations.langchain import ChatLlavaNext
from sightloop.integrations.langchain_replies import NOTHING_SHOWN

from .clips import clip
from .papers import pdf
from .pictures import encoded


@cache
def chat() -> ChatLlavaNext:
    return ChatLlavaNext(eyes=LlavaNext())


def picture(left: str = "red", right: str = "blue") -> dict[str, Any]:
    """A block with a circle left and a square right."""
    image = Image.new("RGB", (96, 64), "white")
    draw = ImageDraw.Draw(image)
    colors = {"red": (220, 30, 30), "blue": (30, 60, 220), "green": (30, 160, 60)}
    draw.ellipse((12, 16, 44, 48), fill=colors[left])
    draw.rectangle((56, 16, 88, 48), fill=colors[right])
    return {"type": "image", "base64": base64.b64encode(encoded(image, "PNG")).decode()}


def asked(question: str, *pictures: dict[str, Any]) -> HumanMessage:
    return HumanMessage([*pictures, {"type": "text", "text": question}])


COLOR = "What color is the circle?"


def get_weather(location: str) -> str:
    """Get the weather of a place."""
    return f"It is sunny in {location}."


def order(shape: Literal["circle", "square"], count: int) -> str:
    """Order some shapes."""
    return f"{count} of {shape}"


def test_it_says_what_it_sees_what_that_cost_and_how_sure_it_is() -> None:
    message = chat().invoke([asked(COLOR, picture())])
    assert message.text == "red"
    told = message.response_metadata
    assert told["model_name"] == "pocket"
    assert told["finish_reason"] == "stop"
    assert told["confidence"] > 0.9
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_tokens"] > told["visual_tokens"] > 0


def test_a_follow_up_is_about_the_pictures_before() -> None:
    talk = [asked(COLOR, picture()), AIMessage("red"), HumanMessage("and the square?")]
    assert chat().invoke(talk).text == "blue"
    assert chat().invoke([*talk, AIMessage("blue"), asked(COLOR, picture("green"))]).text == "green"


def test_several_pictures_are_seen_together() -> None:
    question = asked("Which picture has the green circle?", picture(), picture("green"))
    assert "2" in chat().invoke([question]).text


def test_of_videos_and_documents_it_says_what_it_looked_at(tmp_path: Path) -> None:
    film = base64.b64encode(clip(tmp_path / "a.mp4", 50).read_bytes()).decode()
    paper = base64.b64encode(pdf(tmp_path / "a.pdf", "One", "Two").read_bytes()).decode()
    video = {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{film}"}}
    document = {"type": "file", "file": {"file_data": paper, "filename": "a.pdf"}}
    for block, looked_at in ((video, "frames of the video in the message"), (document, "the 2 pages")):
        for model in (chat(), chat().bind(response_format=Seen)):
            notes = model.invoke([asked("What color is it?", block)]).response_metadata["notes"]
            assert any(looked_at in note for note in notes)


def test_without_a_picture_it_says_so_and_is_not_sure() -> None:
    message = chat().invoke("What is the capital of France?")
    assert message.text == NOTHING_SHOWN
    assert message.response_metadata["confidence"] == 0.0


def test_instructions_that_are_not_read_are_named() -> None:
    message = chat().invoke([SystemMessage("Answer in French."), asked(COLOR, picture())])
    assert message.text == "red"
    assert any("reads no instructions" in note for note in message.response_metadata["notes"])


def test_a_stream_says_what_an_answer_says() -> None:
    question = [asked("Describe the picture.", picture())]
    whole = chat().invoke(question)
    chunks = list(chat().stream(question))
    streamed = AIMessageChunk("")
    for chunk in chunks:
        streamed += chunk  # type: ignore[assignment]
    assert len(chunks) > 4
    assert streamed.text == whole.text
    assert streamed.usage_metadata == whole.usage_metadata
    assert streamed.response_metadata == whole.response_metadata


@pytest.mark.parametrize("stop", [["circle"], ["large"], ["nowhere", "blue square"], ["e"], ["square"]])
def test_an_answer_ends_before_a_stop_word(stop: list[str]) -> None:
    question = [asked("Describe the picture.", picture())]
    whole = chat().invoke(question).text
    end = min((whole.find(word) for word in stop if word in whole), default=len(whole))
    assert end < len(whole)
    assert chat().invoke(question, stop=stop).text == whole[:end]
    assert "".join(chunk.text for chunk in chat().stream(question, stop=stop)) == whole[:end]
    assert chat().bind_tools([get_weather]).invoke(question, stop=stop).text == whole[:end]


def test_the_longest_answer_is_kept_to() -> None:
    question = [asked("Describe the picture.", picture())]
    short = chat().invoke(question, max_tokens=3)
    assert short.response_metadata["finish_reason"] == "length"
    assert short.usage_metadata is not None
    assert short.usage_metadata["output_tokens"] == 3
    # chats ask for more than the window has without having seen it
    assert chat().invoke(question, max_tokens=100_000).text == chat().invoke(question).text


def test_a_tool_is_called_for_what_its_name_says_and_the_words_hold() -> None:
    bound = chat().bind_tools([get_weather, order])
    (call,) = bound.invoke("What is the weather in Kyoto?").tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"location": "Kyoto"})
    (call,) = bound.invoke("Please order 3 times the circle.").tool_calls
    assert (call["name"], call["args"]) == ("order", {"shape": "circle", "count": 3})
    for said in ("Hello", "What is the weather like?"):  # where the words do not hold the place
        assert not bound.invoke(said).tool_calls
    assert bound.invoke([asked(COLOR, picture())]).text == "red"


def test_a_tool_is_called_where_one_must_be_and_none_where_none_may() -> None:
    forced = chat().bind_tools([get_weather, order], tool_choice="order").invoke("Hello")
    assert forced.tool_calls[0]["name"] == "order"
    assert forced.response_metadata["confidence"] == 0.0
    assert any("nothing that was said" in note for note in forced.response_metadata["notes"])
    weather = "What is the weather in Kyoto?"
    assert not chat().bind_tools([get_weather], tool_choice="none").invoke(weather).tool_calls
    with pytest.raises(InputError, match="none of the tools"):
        chat().bind_tools([get_weather], tool_choice="fly").invoke(weather)


def test_the_eyes_fill_in_what_the_words_do_not_say() -> None:
    def paint(color: str) -> None:
        """Paint something in a color."""

    (call,) = (
        chat()
        .bind_tools([paint])
        .invoke([asked("paint it in the color of the circle", picture())])
        .tool_calls
    )
    assert call["args"] == {"color": "red"}


def test_what_a_tool_said_is_the_answer() -> None:
    call = {"name": "get_weather", "args": {"location": "Kyoto"}, "id": "1", "type": "tool_call"}
    talk = [
        HumanMessage("What is the weather in Kyoto?"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("It is sunny.", tool_call_id="1"),
    ]
    message = chat().bind_tools([get_weather]).invoke(talk)
    assert message.text == "It is sunny."
    assert any("results of tools" in note for note in message.response_metadata["notes"])
    talk[-1] = ToolMessage([picture()], tool_call_id="1")
    assert chat().invoke([HumanMessage(COLOR), *talk[1:]]).text == "red"


class Seen(BaseModel):
    """What is seen."""

    color: Literal["red", "green", "blue"]
    shapes: int = Field(description="number of shapes", ge=0, le=9)
    circle: bool = Field(description="Is there a circle?")


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_structured_output_is_what_is_seen(method: str) -> None:
    structured = chat().with_structured_output(Seen, method=method)
    assert structured.invoke([asked(COLOR, picture())]) == Seen(color="red", shapes=2, circle=True)


def test_structured_output_comes_with_its_message() -> None:
    found = chat().with_structured_output(Seen, include_raw=True).invoke([asked(COLOR, picture())])
    assert isinstance(found, dict)
    assert found["parsed"] == Seen(color="red", shapes=2, circle=True)
    assert found["parsing_error"] is None
    assert found["raw"].response_metadata["confidence"] > 0.5


NESTED = {"type": "object", "properties": {}}
for _ in range(3000):
    NESTED = {"type": "object", "properties": {"a": NESTED}}


def tool(parameters: Any, name: Any = "act") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


@pytest.mark.parametrize(
    "options",
    [
        {"tools": [tool({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}})]},
        {"tools": [tool({"not": {}})]},
        {"tools": [tool(NESTED)]},
        {"tools": [tool({}), tool({})]},
        {"tools": [tool({}, name=None)]},
        {"tools": [{"type": "custom"}]},
        {"tools": ["act"]},
        {"tools": [tool({"type": "object"})], "tool_choice": {"type": "function", "function": {"name": "x"}}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "nothing"}}}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "yaml"}},
        {"response_format": 7},
        {"max_tokens": 0},
        {"max_tokens": "many"},
        {"stop": [""]},
        {"wings": 2},
        {"model": "gpt-5"},
    ],
)
def test_an_option_that_cannot_be_kept_to_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        chat().invoke([asked(COLOR, picture())], **options)


@pytest.mark.parametrize(
    "messages",
    [
        [HumanMessage("")],
        [HumanMessage([picture()])],
        [HumanMessage([])],
        [SystemMessage("Be kind.")],
        [asked(COLOR, picture()), AIMessage("red")],
        [asked(COLOR, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}})],
        [asked(COLOR, {"type": "hologram"})],
        [asked(COLOR, {"type": ["image"]})],
        [asked(COLOR, {"base64": "AAAA"})],
        [asked(COLOR, {"type": "text", "text": 3})],
        [asked(COLOR, {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})],
    ],
)
def test_messages_that_cannot_be_answered_are_refused(messages: list[Any]) -> None:
    with pytest.raises(InputError):
        chat().invoke(messages)


def test_what_is_wrong_is_named_with_its_message() -> None:
    with pytest.raises(InputError, match="message 2: the data of the picture is broken"):
        chat().invoke([SystemMessage("x"), asked(COLOR, {"type": "image", "base64": "???"})])


def test_forty_pictures_and_a_megabyte_of_text_do_not_fit() -> None:
    for message in (asked(COLOR, *[picture()] * 40), asked("x " * 2**19, picture())):
        with pytest.raises(ContextOverflowError):
            list(chat().stream([message]))
    with pytest.raises(ContextOverflowError):
        chat().invoke("What is it? " * 1000)


def test_a_cancelled_answer_ends() -> None:
    cancel = threading.Event()
    cancel.set()
    message = chat().invoke([asked(COLOR, picture())], cancel=cancel)
    assert (message.text, message.response_metadata["finish_reason"]) == ("", "cancelled")


async def test_who_hangs_up_leaves_nothing_behind() -> None:
    question = [asked("Describe the picture.", picture())]
    stream = chat().astream(question)
    first = await anext(stream)
    await stream.aclose()
    assert first.text
    task = asyncio.create_task(chat().ainvoke(question))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await chat().ainvoke([asked(COLOR, picture())])).text == "red"


def test_the_profile_says_what_it_takes() -> None:
    for model in (chat(), ChatLlavaNext()):
        assert model.profile is not None
        assert model.profile["max_input_tokens"] == 1024
        assert model.profile["image_inputs"]
    single = ChatLlavaNext(model="llava-hf/llava-v1.6-vicuna-7b-hf")
    assert single.profile is not None
    assert not single.profile["video_inputs"]
    assert single.model_name == "llava-hf/llava-v1.6-vicuna-7b-hf"


MEMBERS = """text image_url url base64 data source source_type mime_type file file_id file_data filename id
    input_audio video_url extras detail cache_control"""
TYPES = """text image image_url input_image video video_url file input_file audio input_audio source base64 id
    url text-plain tool_use thinking non_standard"""
keys, types = st.sampled_from(MEMBERS.split()), st.sampled_from(TYPES.split())
known = st.sampled_from([picture()["base64"], "data:,x", "/etc"])
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | types | known,
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(keys, inside, max_size=3),
    max_leaves=4,
)


@given(st.dictionaries(keys, values, max_size=4), types | values)
def test_any_block_is_answered_or_refused(block: dict[str, Any], kind: Any) -> None:
    for message in (asked(COLOR, {**block, "type": kind}), asked(COLOR, block)):
        try:
            assert chat().invoke([message]).text
        except InputError as refused:
            assert len(refused.message) < 500
