"""Several checkpoints behind one server: what each can do it does through it, too."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
from asking import CIRCLE, TOOL, asks, scene, shown
from clips import clip, moving
from openai import OpenAI
from serving import serving_here
from tiny import Kind, build

from sightloop.errors import InputError
from sightloop.integrations.server.registry import Registry
from sightloop.tools.llava_next import LlavaNext

SHORT: dict[str, Any] = {"max_completion_tokens": 24}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    folder = tmp_path_factory.mktemp("models")
    kinds: dict[str, Kind] = {"writer": "interleave", "video": "video", "still": "vicuna"}
    eyes = [LlavaNext(), *(LlavaNext(build(kind, folder / name)) for name, kind in kinds.items())]
    with serving_here(folder / "data", eyes) as server:
        yield server.openai()


def test_each_is_called_by_its_name_and_not_by_its_folder(client: OpenAI) -> None:
    named = ["sightloop-agent", "pocket", "writer", "video", "still"]
    assert [model.id for model in client.models.list()] == named
    assert (
        client.chat.completions.create(model="pocket", messages=[CIRCLE]).choices[0].message.content == "red"
    )
    told = client.chat.completions.create(model="writer", messages=[CIRCLE], **SHORT)
    assert told.usage is not None
    assert 0 < told.usage.completion_tokens <= 24
    assert told.model == "writer"


def test_two_of_the_same_name_are_refused(tmp_path: Path) -> None:
    folders = [build("interleave", tmp_path / where / "weights") for where in ("one", "other")]
    with pytest.raises(InputError, match="weights"):
        Registry(LlavaNext(folder) for folder in folders)


def test_turns_and_instructions_are_told(client: OpenAI) -> None:
    said: list[Any] = [
        {"role": "system", "content": "Answer in one word."},
        CIRCLE,
        {"role": "assistant", "content": "red"},
        asks("and the square?"),
    ]
    whole = client.chat.completions.create(model="writer", messages=said, **SHORT)
    alone = client.chat.completions.create(model="writer", messages=[CIRCLE], **SHORT)
    assert whole.usage is not None
    assert alone.usage is not None
    assert whole.usage.prompt_tokens > alone.usage.prompt_tokens + len("Answer in one word.red")


@pytest.mark.parametrize("stream", [False, True])
def test_json_of_random_weights_is_valid(client: OpenAI, stream: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"color": {"enum": ["red", "green"]}, "count": {"type": "integer", "minimum": 0}},
        "required": ["color", "count"],
        "additionalProperties": False,
    }
    asked: dict[str, Any] = {
        "model": "writer",
        "messages": [CIRCLE],
        "response_format": {"type": "json_schema", "json_schema": {"name": "seen", "schema": schema}},
        "max_completion_tokens": 60,
    }
    if stream:
        chunks = client.chat.completions.create(**asked, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    else:
        text = client.chat.completions.create(**asked).choices[0].message.content or ""
    jsonschema.validate(json.loads(text), schema)


def test_a_call_of_random_weights_fits_its_tool(client: OpenAI) -> None:
    told = client.chat.completions.create(
        model="writer", messages=[CIRCLE], tools=[TOOL], tool_choice="required", max_completion_tokens=80
    )
    [call] = told.choices[0].message.tool_calls or ()
    jsonschema.validate(json.loads(call.function.arguments), TOOL["function"]["parameters"])


def test_frames_of_a_video_are_shown_to_those_that_know_videos(client: OpenAI, tmp_path: Path) -> None:
    clip(tmp_path / "clip.mp4", 50, paint=moving())
    url = "data:video/mp4;base64," + base64.b64encode((tmp_path / "clip.mp4").read_bytes()).decode()
    film: Any = {"type": "video_url", "video_url": {"url": url}}
    told = client.chat.completions.create(model="video", messages=[asks("What happens?", film)], **SHORT)
    assert any("frames" in note for note in told.sightloop["notes"])  # type: ignore[attr-defined]
    with pytest.raises(openai.BadRequestError, match="not trained on frames of videos"):
        client.chat.completions.create(model="still", messages=[asks("What happens?", film)])


def test_a_picture_too_many_is_said_of_the_model_that_it_is_too_many_for(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="pocket", messages=[asks("?", *[shown(scene())] * 40)])
    assert refused.value.code == "context_length_exceeded"
