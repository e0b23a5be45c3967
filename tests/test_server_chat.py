"""Chats through OpenAI's own client: what a checkpoint and the agent answer, in one piece and in many."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import openai
import pytest
from asking import CIRCLE, TOOL, asks, bytes_of, scene, shown
from keeping import added, memory
from openai import OpenAI
from serving import Serving

from sightloop.tools.llava_next import LlavaNext
from sightloop.tools.video_worlds import films, write

STEPS = ["plan", "call", "observation", "verify", "answer"]


@pytest.fixture(scope="module")
def client(served: Serving) -> OpenAI:
    return served.openai()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write(next(films(1, 1, 60.0)), path)
    return path


def kept(served: Serving, name: str, content: bytes) -> tuple[str, str]:
    """Put a file into a memory of its own, and return the ids of both."""
    with served.client() as plain:
        place = memory(plain)
        return place.rpartition("/")[2], added(plain, place, name, content)["id"]


# Models


def test_the_models_are_the_checkpoints_and_the_agent(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["sightloop-agent", "pocket"]
    assert client.models.retrieve("pocket").id == "pocket"
    with pytest.raises(openai.NotFoundError, match="pocket"):
        client.models.retrieve("pockte")


# A checkpoint


def test_a_checkpoint_answers_what_it_answers_in_process(client: OpenAI) -> None:
    told = client.chat.completions.create(model="pocket", messages=[CIRCLE])
    from sightloop.memory.still import Still

    answer = LlavaNext().answer([Still.from_array(np.asarray(scene())), "What color is the circle?"])
    assert told.choices[0].message.content == answer.text == "red"
    assert told.choices[0].finish_reason == "stop"
    assert told.usage is not None
    assert told.usage.completion_tokens == answer.usage.new_tokens
    assert told.usage.prompt_tokens == answer.usage.visual_tokens + answer.usage.text_tokens
    assert told.sightloop["confidence"] == pytest.approx(answer.confidence, abs=1e-3)  # type: ignore[attr-defined]


def test_a_stream_is_the_answer_in_pieces(client: OpenAI) -> None:
    question = asks("Describe the picture.", shown(scene()))
    whole = client.chat.completions.create(model="pocket", messages=[question])
    chunks = list(
        client.chat.completions.create(
            model="pocket", messages=[question], stream=True, stream_options={"include_usage": True}
        )
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert sum(bool(piece) for piece in pieces) > 3
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == [
        "stop"
    ]
    assert chunks[-1].usage == whole.usage
    assert {chunk.id for chunk in chunks} == {chunks[0].id}


def test_the_length_of_an_answer_is_the_callers(client: OpenAI) -> None:
    question = asks("Describe the picture.", shown(scene()))
    told = client.chat.completions.create(model="pocket", messages=[question], max_completion_tokens=2)
    assert told.choices[0].finish_reason == "length"
    assert told.usage is not None
    assert told.usage.completion_tokens == 2


def test_a_conversation_goes_on(client: OpenAI) -> None:
    said = [CIRCLE, {"role": "assistant", "content": "red"}, asks("and the square?")]
    for model in ("pocket", "sightloop-agent"):
        told = client.chat.completions.create(model=model, messages=said)
        assert told.choices[0].message.content == "blue"


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_as_openai_writes_calls(client: OpenAI, stream: bool) -> None:
    asked: dict[str, Any] = {
        "model": "pocket",
        "messages": [asks("Paint the circle: what color is it?", shown(scene()))],
        "tools": [TOOL],
        "tool_choice": "required",
    }
    if stream:
        chunks = list(client.chat.completions.create(**asked, stream=True))
        [call] = [call for c in chunks for call in c.choices[0].delta.tool_calls or ()]
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
    else:
        [choice] = client.chat.completions.create(**asked).choices
        assert choice.finish_reason == "tool_calls"
        assert choice.message.content is None
        [call] = choice.message.tool_calls or ()
    assert call.id
    assert call.function.name == "paint"
    assert json.loads(call.function.arguments)["color"] in ("red", "green", "blue")
    if stream:
        return
    result = {"role": "tool", "tool_call_id": call.id, "content": "It is painted."}
    said = [asked["messages"][0], choice.message.model_dump(exclude_none=True), result]
    told = client.chat.completions.create(model="pocket", messages=said, tools=[TOOL])
    assert told.choices[0].message.content


def test_a_response_format_is_held_to(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"color": {"enum": ["red", "green", "blue"]}, "round": {"type": "boolean"}},
        "required": ["color", "round"],
        "additionalProperties": False,
    }
    told = client.chat.completions.create(
        model="pocket",
        messages=[CIRCLE],
        response_format={"type": "json_schema", "json_schema": {"name": "seen", "schema": schema}},
    )
    value = json.loads(told.choices[0].message.content or "")
    jsonschema.validate(value, schema)
    assert value["color"] == "red"


# Embeddings


def test_embeddings_of_texts_and_pictures_are_in_one_space(client: OpenAI) -> None:
    texts = ["a red circle", "a green star"]
    told = client.embeddings.create(model="pocket", input=texts)
    assert np.allclose([one.embedding for one in told.data], LlavaNext().embed(texts), atol=1e-3)
    assert told.usage.total_tokens > 0
    pictures: Any = [shown(scene("red")), shown(scene("green"))]
    plain = client.embeddings.create(model="pocket", input=pictures, encoding_format="float")
    assert np.allclose([np.linalg.norm(one.embedding) for one in plain.data], 1, atol=1e-3)
    alone = client.embeddings.create(model="sightloop-agent", input="a red circle")
    assert np.allclose(alone.data[0].embedding, told.data[0].embedding, atol=1e-3)


# The agent


def test_the_agent_tells_its_steps_and_evidence(client: OpenAI, served: Serving) -> None:
    told = client.chat.completions.create(model="sightloop-agent", messages=[CIRCLE])
    assert told.choices[0].message.content == "red"
    extension: dict[str, Any] = told.sightloop  # type: ignore[attr-defined]
    assert [step["kind"] for step in extension["steps"]] == [
        "plan",
        "call",
        "observation",
        "verify",
        "answer",
    ]
    assert extension["evidence"][0]["claim"].endswith("red")
    assert extension["confidence"] > 0.5
    assert extension["stopped_because"] == "answered"
    with served.client() as plain:
        report = plain.get(extension["report"])
        assert report.status_code == 200
        assert "What color is the circle?" in report.text


def test_steps_arrive_before_the_answer(client: OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="sightloop-agent", messages=[CIRCLE], stream=True))
    told: list[Any] = [getattr(chunk, "sightloop", None) or {} for chunk in chunks]
    steps = [one["step"]["kind"] for one in told if "step" in one]
    assert steps == STEPS
    words = [place for place, chunk in enumerate(chunks) if chunk.choices[0].delta.content]
    assert words[0] > max(place for place, one in enumerate(told) if "step" in one)
    assert told[-1]["result_id"]
    assert [step["kind"] for step in told[-1]["steps"]] == steps


def test_what_is_not_to_be_stored_is_not(client: OpenAI) -> None:
    told = client.chat.completions.create(model="sightloop-agent", messages=[CIRCLE], store=False)
    assert told.sightloop["result_id"] is None  # type: ignore[attr-defined]
    assert told.sightloop["report"] is None  # type: ignore[attr-defined]


def test_a_thread_is_gone_on_with(client: OpenAI, served: Serving) -> None:
    more = {"sightloop": {"thread": "table"}}
    first = client.chat.completions.create(model="sightloop-agent", messages=[CIRCLE], extra_body=more)
    assert first.choices[0].message.content == "red"
    second = client.chat.completions.create(
        model="sightloop-agent", messages=[asks("and the square?")], extra_body=more
    )
    assert second.choices[0].message.content == "blue"
    with served.client() as plain:
        listed = plain.get("/v1/conversations/table").raise_for_status().json()
    assert "What color is the circle?" in json.dumps(listed)


def test_limits_of_a_run_are_the_callers(client: OpenAI) -> None:
    told = client.chat.completions.create(
        model="sightloop-agent", messages=[CIRCLE], extra_body={"sightloop": {"limits": {"steps": 1}}}
    )
    assert told.sightloop["stopped_because"] == "limit:steps"  # type: ignore[attr-defined]
    assert told.choices[0].message.content == "red"


def test_files_are_asked_about_by_their_ids(client: OpenAI, served: Serving, film: Path) -> None:
    _, photo = kept(served, "photo.png", bytes_of(scene()))
    told = client.chat.completions.create(
        model="sightloop-agent",
        messages=[asks("What color is the circle?", {"type": "file", "file": {"file_id": photo}})],
    )
    extension: dict[str, Any] = told.sightloop  # type: ignore[attr-defined]
    assert told.choices[0].message.content == "red"
    assert extension["evidence"][0]["verdict"] == "confirmed"
    assert str(served.data) not in told.model_dump_json(), "where files lie is nobody's business"

    place, video = kept(served, "film.mp4", film.read_bytes())
    for more in ({}, {"sightloop": {"memory": place}}):
        told = client.chat.completions.create(
            model="sightloop-agent",
            messages=[asks("What happens?", {"type": "file", "file": {"file_id": video}})],
            extra_body=more,
        )
        assert told.choices[0].message.content
        assert str(served.data) not in told.model_dump_json()
        assert told.sightloop["evidence"][0]["still"]["kind"] == "frame"  # type: ignore[attr-defined]


def test_a_thread_about_a_film_is_gone_on_with_in_its_memory(
    client: OpenAI, served: Serving, film: Path
) -> None:
    place, video = kept(served, "film.mp4", film.read_bytes())
    more = {"sightloop": {"thread": "film"}}
    for question in (
        asks("What happens?", {"type": "file", "file": {"file_id": video}}),
        asks("When does a shape appear?"),
    ):
        told = client.chat.completions.create(model="sightloop-agent", messages=[question], extra_body=more)
        assert told.sightloop["memory"] == place  # type: ignore[attr-defined]
        assert told.sightloop["steps"][0]["videos"]  # type: ignore[attr-defined]


def test_a_memory_is_asked_about_all_that_it_holds(client: OpenAI, served: Serving, film: Path) -> None:
    place, _ = kept(served, "film.mp4", film.read_bytes())
    told = client.chat.completions.create(
        model="sightloop-agent",
        messages=[{"role": "user", "content": "When does a shape appear?"}],
        extra_body={"sightloop": {"memory": place}},
    )
    assert told.choices[0].message.content
    assert told.sightloop["memory"] == place  # type: ignore[attr-defined]


def test_a_video_in_the_message_is_looked_through(client: OpenAI, film: Path) -> None:
    url = "data:video/mp4;base64," + base64.b64encode(film.read_bytes()).decode()
    part: Any = {"type": "video_url", "video_url": {"url": url}}
    told = client.chat.completions.create(model="sightloop-agent", messages=[asks("What happens?", part)])
    assert told.choices[0].message.content
    assert "/tmp" not in told.model_dump_json()


def test_callers_at_the_same_time_get_what_each_asked_for(client: OpenAI) -> None:
    colours = ["red", "green", "yellow", "purple"] * 3

    def ask(at: tuple[int, str]) -> str | None:
        place, colour = at
        model = "sightloop-agent" if place % 2 else "pocket"
        question = asks("What color is the circle?", shown(scene(colour)))
        return client.chat.completions.create(model=model, messages=[question]).choices[0].message.content

    with ThreadPoolExecutor(len(colours)) as threads:
        assert list(threads.map(ask, enumerate(colours))) == colours
