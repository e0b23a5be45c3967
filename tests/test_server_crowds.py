"""Many clients, clients that leave, and a server that is told to end."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import torch
from asking import CHAT, CIRCLE, asks, chat, scene, shown
from keeping import error
from serving import Serving, serving, serving_here
from test_sharing import Gate
from torch.nn.modules.module import register_module_forward_hook

from sightloop.integrations.server import body as bodies
from sightloop.tools.llava_next import LlavaNext


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


# Crowds, and clients that leave


def raw(server: Serving, body: bytes, sent: int) -> socket.socket:
    """Begin a request of which only so many bytes of the body are sent."""
    url = httpx.URL(server.url)
    connection = socket.create_connection((url.host, url.port), timeout=60)
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:sent])
    return connection


def counted(client: httpx.Client, name: str) -> float:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def wait_for(condition: Any) -> None:
    for _ in range(6000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come to pass within a minute")


def test_one_more_than_there_is_room_for_is_told_when_to_come_again(tmp_path: Path, eyes: LlavaNext) -> None:
    body = json.dumps(chat(CIRCLE)).encode()
    with serving_here(tmp_path / "data", eyes, concurrent=1, queue=1) as server, server.client() as client:
        inside = [raw(server, body, 10) for _ in range(2)]
        wait_for(lambda: counted(client, "sightloop_requests_admitted") == 2)
        told = client.post(CHAT, json=chat(CIRCLE))
        assert error(told, 429)["type"] == "rate_limit_error"
        assert 1 <= int(told.headers["retry-after"]) <= 60
        with pytest.raises(openai.RateLimitError):
            server.openai().chat.completions.create(model="pocket", messages=[CIRCLE])
        assert client.get("/v1/models").status_code == 200, "what needs no model has no queue"
        for connection in inside:
            connection.sendall(body[10:])
        for connection in inside:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            connection.close()
        assert client.post(CHAT, json=chat(CIRCLE)).status_code == 200


@pytest.mark.parametrize("model", ["pocket", "sightloop-agent"])
@pytest.mark.parametrize("stream", [True, False])
def test_the_model_stops_for_a_client_that_leaves(
    tmp_path: Path, eyes: LlavaNext, model: str, stream: bool
) -> None:
    with (
        serving_here(tmp_path / "data", eyes, concurrent=1) as server,
        server.client() as client,
        Gate() as gate,
    ):
        body = json.dumps(chat(asks("Describe the picture.", shown(scene())), model=model, stream=stream))
        connection = raw(server, body.encode(), len(body))
        assert gate.reached.wait(60)
        connection.close()
        wait_for(lambda: counted(client, "sightloop_requests_running") == 1)  # this one, that asks
        gate.open.set()
        # Its turn is free again, and the model too.
        assert client.post(CHAT, json=chat(CIRCLE)).status_code == 200


def test_a_client_that_hangs_up_in_mid_stream_leaves_nothing_behind(tmp_path: Path, eyes: LlavaNext) -> None:
    question = asks("Describe the picture.", shown(scene()))
    with (
        serving_here(tmp_path / "data", eyes, concurrent=1, queue=0) as server,
        server.client() as client,
        Gate(after=4) as gate,
    ):
        stream = server.openai().chat.completions.create(model="pocket", messages=[question], stream=True)
        words = [next(stream).choices[0].delta.content for _ in range(3)]
        assert words[1:] == ["a", " large"]
        assert gate.reached.wait(60)
        stream.close()
        wait_for(lambda: counted(client, "sightloop_requests_running") == 1)  # this one, that asks
        gate.open.set()
        assert client.post(CHAT, json=chat(CIRCLE)).status_code == 200


def test_a_failure_in_mid_stream_is_told_in_the_stream(tmp_path: Path, eyes: LlavaNext) -> None:
    passes = itertools.count()

    def broken(module: torch.nn.Module, _inputs: Any, _output: Any) -> None:
        if type(module).__name__ == "LlamaModel" and next(passes) >= 4:
            raise ValueError("a secret of the model")

    question = asks("Describe the picture.", shown(scene()))
    with serving_here(tmp_path / "data", eyes) as server, server.client() as client:
        handle = register_module_forward_hook(broken)
        stream = server.openai().chat.completions.create(model="pocket", messages=[question], stream=True)
        with pytest.raises(openai.APIError, match="the server failed") as told:
            list(stream)
        handle.remove()
        assert "secret" not in str(told.value.body)
        assert client.post(CHAT, json=chat(CIRCLE)).status_code == 200


def test_a_body_that_never_ends_is_given_up(
    tmp_path: Path, eyes: LlavaNext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.2)
    with serving_here(tmp_path / "data", eyes, concurrent=1, queue=0) as server:
        connection = raw(server, b"{" * 1000, 10)
        assert connection.recv(100).startswith(b"HTTP/1.1 408")
        connection.close()
        with server.client() as client:
            assert client.post(CHAT, json=chat(CIRCLE)).status_code == 200


def test_what_was_begun_is_answered_after_sigterm(tmp_path: Path) -> None:
    body = json.dumps(chat(CIRCLE)).encode()
    with serving(tmp_path / "data") as server:
        assert server.process is not None
        begun = raw(server, body, len(body) - 10)
        with server.client() as client:
            wait_for(lambda: counted(client, "sightloop_requests_running") >= 2)
        server.process.terminate()
        url = httpx.URL(server.url)

        def closed() -> bool:
            try:
                socket.create_connection((url.host, url.port)).close()
            except OSError:
                return True
            return False

        wait_for(closed)
        begun.sendall(body[-10:])
        answer = b"".join(iter(lambda: begun.recv(2**16), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"content":"red"' in answer
        begun.close()
        assert server.process.wait(60) == 0


def test_what_is_counted_is_what_happened(tmp_path: Path, eyes: LlavaNext) -> None:
    with serving_here(tmp_path / "data", eyes) as server, server.client() as client:
        told = client.post(CHAT, json=chat(CIRCLE)).json()
        client.post(CHAT, json={})
        text = client.get("/metrics").text
        for line in (
            f'sightloop_requests_total{{method="POST",route="{CHAT}",status="200"}} 1.0',
            f'sightloop_requests_total{{method="POST",route="{CHAT}",status="400"}} 1.0',
            f'sightloop_tokens_total{{kind="read",model="pocket"}} {told["usage"]["prompt_tokens"]:.1f}',
        ):
            assert line in text


def test_unready_when_nothing_can_be_kept(tmp_path: Path, eyes: LlavaNext) -> None:
    with serving_here(tmp_path / "data", eyes) as server, server.client() as client:
        assert client.get("/health/ready").status_code == 200
        (tmp_path / "data").rename(tmp_path / "gone")
        error(client.get("/health/ready"), 503)
        assert client.get("/health/live").status_code == 200
        (tmp_path / "gone").rename(tmp_path / "data")


def test_a_failure_of_ours_is_told_without_its_insides(tmp_path: Path, eyes: LlavaNext) -> None:
    def broken(module: torch.nn.Module, _inputs: Any, _output: Any) -> None:
        raise ValueError("a secret of the model")

    with serving_here(tmp_path / "data", eyes) as server, server.client() as client:
        handle = register_module_forward_hook(broken)
        for model in ("pocket", "sightloop-agent"):
            told = client.post(CHAT, json=chat(CIRCLE, model=model))
            assert error(told, 500)["type"] == "server_error"
            assert "secret" not in told.text
        handle.remove()
        assert client.post(CHAT, json=chat(CIRCLE)).status_code == 200
