"""Who may call the server, from which pages, and where it may be sent to fetch."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from asking import CHAT, CIRCLE, asks, bytes_of, chat, scene
from command import Sightloop, in_process
from keeping import added, error, memory
from serving import Serving, serving_here

from sightloop.tools.llava_next import LlavaNext


@pytest.fixture
def sightloop(capsys: pytest.CaptureFixture[str]) -> Sightloop:
    return in_process(capsys)


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


@pytest.fixture(scope="module")
def plain(served: Serving) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client
        # Whatever was sent: the server still answers.
        assert client.post(CHAT, json={"model": "pocket", "messages": [CIRCLE]}).status_code == 200


# Keys


def test_a_key_is_asked_for_and_shows_nothing_of_others(guarded: Serving) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": guarded.keys["ann"]}):
        for method, path in (("GET", "/v1/models"), ("POST", CHAT), ("GET", "/metrics"), ("GET", "/nothing")):
            told = httpx.request(method, guarded.url + path, headers=headers)
            assert error(told, 401)["code"] == "invalid_api_key"
            assert told.headers["www-authenticate"] == "Bearer"
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{guarded.url}/v1", api_key="sl-wrong", max_retries=0).models.list()
    assert guarded.openai("ann").models.list().data
    for path in ("/health/live", "/health/ready", "/openapi.json", "/"):
        assert httpx.get(guarded.url + path).status_code == 200


def test_a_file_of_one_key_is_unknown_to_the_others(guarded: Serving) -> None:
    with guarded.client("ann") as ann:
        place = memory(ann)
        photo = added(ann, place, "photo.png", bytes_of(scene()))["id"]
    part: Any = {"type": "file", "file": {"file_id": photo}}
    mine = guarded.openai("ann").chat.completions.create(
        model="sightloop-agent", messages=[asks("What color is the circle?", part)]
    )
    assert mine.choices[0].message.content == "red"
    theirs = guarded.openai("bob")
    for model in ("pocket", "sightloop-agent"):
        with pytest.raises(openai.APIStatusError, match="there is no file"):
            theirs.chat.completions.create(model=model, messages=[asks("What is it?", part)])
    with pytest.raises(openai.NotFoundError):
        theirs.chat.completions.create(
            model="sightloop-agent",
            messages=[asks("What is it?")],
            extra_body={"sightloop": {"memory": place.rpartition("/")[2]}},
        )
    with guarded.client("bob") as bob:
        error(bob.get(mine.sightloop["report"]), 404)  # type: ignore[attr-defined]


def test_keys_are_hashed_revoked_and_seen_at_once(
    tmp_path: Path, eyes: LlavaNext, sightloop: Sightloop
) -> None:
    data = tmp_path / "data"
    with serving_here(data, eyes, "ann") as server:
        whole = server.keys["ann"]
        kept = (data / "keys.json").read_text()
        assert whole not in kept
        assert whole.rsplit("-", 1)[1] not in kept
        assert (data / "keys.json").stat().st_mode & 0o077 == 0
        added = sightloop("serve", "keys", "add", "bob", "--data", data, "--json").json
        server.keys["bob"] = added["key"]
        with server.client("bob") as bob:
            assert bob.get("/v1/models").status_code == 200
        names = [key["name"] for key in sightloop("serve", "keys", "list", "--data", data, "--json").json]
        assert names == ["ann", "bob"]
        assert sightloop("serve", "keys", "revoke", "bob", "--data", data).code == 0
        with server.client("bob") as bob:
            error(bob.get("/v1/models"), 401)
        assert sightloop("serve", "keys", "revoke", "ann", "--data", data).code == 0
        error(httpx.get(server.url + "/v1/models"), 401)  # the last key gone is no open door
    assert sightloop("serve", "keys", "add", "ann", "--data", data).code == 0
    again = sightloop("serve", "keys", "add", "ann", "--data", data, "--json")
    assert (again.code, again.error["type"]) == (2, "InputError")


def test_other_machines_are_only_served_with_a_key(tmp_path: Path, sightloop: Sightloop) -> None:
    refused = sightloop("serve", "--host", "0.0.0.0", "--data", tmp_path / "data")
    assert refused.code == 2
    assert "serve keys add" in refused.err


# Browsers


def test_pages_of_others_cannot_call(plain: httpx.Client) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
        told = plain.post(CHAT, json=chat(CIRCLE), headers=headers)
        error(told, 403)
        assert "access-control-allow-origin" not in told.headers
    assert plain.get("/v1/models", headers={"Origin": str(plain.base_url).rstrip("/")}).status_code == 200


def test_pages_that_the_operator_allows_can(tmp_path: Path, eyes: LlavaNext) -> None:
    page = "https://app.example"
    with serving_here(tmp_path / "data", eyes, origins=(page,)) as server, server.client() as client:
        asked = {"Origin": page, "Access-Control-Request-Method": "POST"}
        assert client.options(CHAT, headers=asked).headers["access-control-allow-origin"] == page
        told = client.post(CHAT, json=chat(CIRCLE), headers={"Origin": page})
        assert told.status_code == 200
        assert told.headers["access-control-allow-origin"] == page
        error(client.post(CHAT, json=chat(CIRCLE), headers={"Origin": "https://evil.example"}), 403)


# Addresses


class Pictures(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/photo.png")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(bytes_of(scene()))

    def log_message(self, *_: object) -> None:
        pass


def test_addresses_of_allowed_hosts_only(tmp_path: Path, eyes: LlavaNext) -> None:
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    port = web.server_address[1]

    def at(url: str) -> dict[str, Any]:
        return chat(asks("What color is the circle?", {"type": "image_url", "image_url": {"url": url}}))

    allowed = {"url_hosts": frozenset({"127.0.0.1"})}
    with serving_here(tmp_path / "data", eyes, **allowed) as server, server.client() as client:
        told = client.post(CHAT, json=at(f"http://127.0.0.1:{port}/photo.png"))
        assert told.json()["choices"][0]["message"]["content"] == "red"
        for url in (f"http://localhost:{port}/photo.png", f"http://127.0.0.1:{port}/away"):
            assert "localhost" in error(client.post(CHAT, json=at(url)), 400)["message"]
    web.shutdown()
    web.server_close()


# Where it listens


def test_a_port_that_is_taken_is_said_before_a_model_is_loaded(
    served: Serving, tmp_path: Path, sightloop: Sightloop
) -> None:
    port = httpx.URL(served.url).port
    refused = sightloop("serve", "--port", port, "--data", tmp_path / "data")
    assert refused.code == 2
    assert f"127.0.0.1:{port}" in refused.err
    assert not (tmp_path / "data" / "tenants").exists()


def test_a_host_that_there_is_not(tmp_path: Path, sightloop: Sightloop) -> None:
    refused = sightloop("serve", "--host", "no.such.host.invalid", "--data", tmp_path / "data")
    assert refused.code == 2
    assert "no.such.host.invalid" in refused.err
