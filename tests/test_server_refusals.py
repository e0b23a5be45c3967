"""What the server refuses, and how it says so: in OpenAI's shape, and without anybody else noticing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from asking import CHAT, CIRCLE, TOOL, asks, chat, scene, shown
from keeping import error
from serving import Serving


@pytest.fixture(scope="module")
def plain(served: Serving) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client
        # Whatever was sent: the server still answers.
        assert client.post(CHAT, json={"model": "pocket", "messages": [CIRCLE]}).status_code == 200


BROKEN: dict[str, Any] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
NO_BASE64: dict[str, Any] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,!!!"}}
PATH: dict[str, Any] = {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}
WEB: dict[str, Any] = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/a.png"}}
VIDEO: dict[str, Any] = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}
UNKNOWN: dict[str, Any] = {"type": "file", "file": {"file_id": "file-of-somebody-else"}}
RECURSIVE: dict[str, Any] = {
    "type": "function",
    "function": {"name": "grow", "parameters": {"type": "object", "properties": {"x": {"not": {}}}}},
}

SURROGATE = b'{"model": "\\ud800", "name": "\\ud800", "input": "\\ud800", "messages": [{"role": "user"}]}'
"""Half a character, which JSON can spell and nothing else can hold."""

MODELS = pytest.mark.parametrize("model", ["pocket", "sightloop-agent"])


@MODELS
@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"role": "user", "content": ""}, "question"),
        ({"role": "user", "content": []}, "question"),
        ({"role": "user", "content": [{"type": "text", "text": "   "}]}, "question"),
        (asks("What is it?", BROKEN), "picture"),
        (asks("What is it?", NO_BASE64), "base64"),
        (asks("What is it?", PATH), "path"),
        (asks("What is it?", WEB), "addresses"),
        (asks("What is it?", VIDEO), "video"),
        (asks("What is it?", UNKNOWN), "file-of-somebody-else"),
        (asks("What is it?", {"type": "input_audio", "input_audio": {}}), "input_audio|sound"),
        (asks("What is it?", {"type": "input_audio", "input_audio": {"data": ""}}), "input_audio|sound"),
        (asks("What is it?", {"type": "image_url"}), "image_url"),
        (asks("What is it?", {"type": "image_url", "image_url": 7}), "image_url"),
        (asks("word " * 200_000, shown(scene())), "does not fit"),
        (asks("word " * 1_000_000, shown(scene())), "characters"),
        ({"role": "assistant", "content": "I have the last word."}, "question"),
        ({"role": "tool", "content": "of no call"}, "tool_call_id"),
    ],
)
def test_messages_that_cannot_be_answered(
    plain: httpx.Client, model: str, message: dict[str, Any], says: str
) -> None:
    told = plain.post(CHAT, json=chat(message, model=model))
    assert told.status_code in (400, 404)
    words = error(told, told.status_code)["message"]
    assert any(word in words for word in says.split("|"))
    assert "/tmp" not in words, "where files lie is nobody's business"


@MODELS
def test_forty_pictures_are_more_than_the_embedded_model_sees(plain: httpx.Client, model: str) -> None:
    told = plain.post(CHAT, json=chat(asks("What is in image 3?", *[shown(scene())] * 40), model=model))
    assert error(told, 400)["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "model"),
        ({"model": "pocket"}, 400, "messages"),
        ({"model": "pocket", "messages": []}, 400, "messages"),
        ({"model": "pocket", "messages": ["hello"]}, 400, "messages.0"),
        ({"model": "pocket", "messages": [{"role": "king", "content": "?"}]}, 400, "messages.0.role"),
        ({"model": "pockte", "messages": [CIRCLE]}, 404, None),
        ({"model": "pocket", "messages": [CIRCLE], "n": 2}, 400, "n"),
        ({"model": "pocket", "messages": [CIRCLE], "max_tokens": 0}, 400, "max_tokens"),
        ({"model": "pocket", "messages": [CIRCLE], "tools": [RECURSIVE]}, 400, None),
        ({"model": "pocket", "messages": [CIRCLE], "tools": [{"type": "function"}]}, 400, "tools"),
        (
            {"model": "pocket", "messages": [CIRCLE], "tools": [TOOL], "tool_choice": "sing"},
            400,
            "tool_choice",
        ),
        ({"model": "pocket", "messages": [CIRCLE], "response_format": {"type": "xml"}}, 400, None),
        ({"model": "pocket", "messages": [CIRCLE], "sightloop": {}}, 400, "sightloop"),
        ({"model": "sightloop-agent", "messages": [CIRCLE], "tools": [TOOL]}, 400, "tools"),
        (
            {"model": "sightloop-agent", "messages": [CIRCLE], "response_format": {"type": "json_object"}},
            400,
            "response_format",
        ),
        (
            {"model": "sightloop-agent", "messages": [CIRCLE], "sightloop": {"limits": {"steps": 0}}},
            400,
            "sightloop.limits.steps",
        ),
        ({"model": "sightloop-agent", "messages": [CIRCLE], "sightloop": {"memory": "mem-none"}}, 404, None),
        (
            {"model": "sightloop-agent", "messages": [CIRCLE], "sightloop": {"thread": "../up"}},
            400,
            "sightloop.thread",
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_requests_that_ask_for_what_there_is_not(
    plain: httpx.Client, body: dict[str, Any], status: int, param: str | None, stream: bool
) -> None:
    told = error(plain.post(CHAT, json={**body, "stream": stream}), status)
    assert param is None or told["param"] == param


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"{" * 100_000, b"[" * 100_000, SURROGATE],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings", "/v1/memories"])
def test_bodies_that_are_no_requests(plain: httpx.Client, path: str, body: bytes) -> None:
    told = plain.post(path, content=body, headers={"Content-Type": "application/json"})
    assert told.status_code in (400, 404)
    error(told, told.status_code)


@pytest.mark.parametrize(
    "more",
    [
        {"input": []},
        {"input": ""},
        {"input": ["fine", ""]},
        {"input": [shown(scene())] * 257},
        {"input": [BROKEN]},
        {"input": "word " * 100_000},
        {"input": "word " * 1_000_000},
        {"input": "fine", "dimensions": 3},
        {"input": "fine", "encoding_format": "hex"},
        {"input": [1, 2, 3]},
        {"input": [[1, 2], [3]]},
    ],
)
def test_embeddings_of_what_cannot_be_embedded(plain: httpx.Client, more: dict[str, Any]) -> None:
    error(plain.post("/v1/embeddings", json={"model": "pocket", **more}), 400)


def test_paths_and_methods_that_there_are_not(plain: httpx.Client) -> None:
    assert error(plain.get("/v1/nothing"), 404)["type"] == "not_found_error"
    error(plain.get(CHAT), 405)
    error(plain.get("/docs"), 404)


def test_a_client_that_sends_too_much_is_told_before_it_has(served: Serving, plain: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 2**20

    with suppress(httpx.WriteError):  # it may be cut off while it is still sending
        error(plain.post(CHAT, content=endless(), headers={"Content-Type": "application/json"}), 413)
    url = httpx.URL(served.url)
    with socket.create_connection((url.host, url.port)) as raw:
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {2**40}\r\n\r\n"
        raw.sendall(head.encode())
        answer = raw.recv(2**16)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in answer.lower()


def test_what_is_no_json_or_no_route_is_said_in_words(plain: httpx.Client) -> None:
    broken = plain.post(CHAT, content=b'{"model": ', headers={"Content-Type": "application/json"})
    assert "not JSON" in error(broken, 400)["message"]
    assert "openapi.json" in error(plain.post("/v1/responses", json={}), 404)["message"]
    assert "method" in error(plain.get(CHAT), 405)["message"]
