"""``sightloop mcp --http``: who may reach it, and what happens to those who leave."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from .mcp_served import COMMAND, GENERATIONS, SECONDS, connected, served, words

QUESTION = "How many red shapes are there?"
HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with served(folder, "--root", str(folder)) as url:
        yield url


def port(url: str) -> int:
    found = urlsplit(url).port
    assert found is not None
    return found


def test_it_listens_on_loopback_only(url: str) -> None:
    assert urlsplit(url).hostname == "127.0.0.1"
    own = {address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None)}
    for address in own - {"127.0.0.1", "::1"}:
        if not address.startswith("127."):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address, port(url)), 5).close()


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:{port}"}, 421),
        ({"host": "127.0.0.1.evil.example:{port}"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://evil.example:{port}"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_a_web_page_of_another_host_cannot_reach_it(
    url: str, headers: dict[str, str], status: int, modern: bool
) -> None:
    named = {name: value.format(port=port(url)) for name, value in headers.items()}
    version = {"mcp-protocol-version": "2026-07-28"} if modern else {}
    assert httpx.post(url, json=HELLO, headers=HEADERS | named | version).status_code == status


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_this_machine_can(url: str, name: str) -> None:
    host = f"{name}:{port(url)}"
    headers = HEADERS | {"host": host, "origin": f"http://{host}"}
    assert httpx.post(url, json=HELLO, headers=headers).status_code == 200


def test_what_is_no_request_is_refused(url: str) -> None:
    def status(**given: object) -> int:
        return httpx.post(url, **{"headers": HEADERS, **given}).status_code

    assert status(content=b"x" * 5 * 2**20) == 413
    assert status(content=b"{") == 400
    assert status(content=b"[]") == 400
    assert status(json=HELLO, headers={**HEADERS, "content-type": "text/plain"}) == 400
    assert httpx.get(url.replace("/mcp", "/"), headers=HEADERS).status_code == 404


def test_a_port_that_is_taken_is_said(url: str, folder: Path) -> None:
    command = [COMMAND, "mcp", "--http", "--root", str(folder), "--port", str(port(url))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"port {port(url)} cannot be had" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_a_clients_folders_narrow_those_of_the_operator(
    url: str, folder: Path, picture: Path, mode: str
) -> None:
    (folder / "inner").mkdir(exist_ok=True)
    for place in (folder, folder / "inner"):
        (place / "picture.png").write_bytes(picture.read_bytes())
    for roots, name, allowed in (
        (None, "picture.png", True),
        ([folder], "picture.png", True),
        ([picture.parent], str(picture), False),
        ([folder / "inner"], "picture.png", True),
        ([folder / "inner"], str(folder / "picture.png"), False),
        ([Path("/")], str(picture), False),
    ):
        async with connected(url, mode, roots) as client:
            result = await client.call_tool("look", {"question": QUESTION, "images": [name]})
        assert result.is_error is not allowed, words(result)


async def test_a_client_that_hangs_up_leaves_the_others_alone(url: str, folder: Path, picture: Path) -> None:
    (folder / "picture.png").write_bytes(picture.read_bytes())
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "look", "arguments": {"question": QUESTION, "images": ["picture.png"] * 20}},
    }
    async with httpx.AsyncClient(timeout=SECONDS) as client:
        greeted = await client.post(url, json=HELLO, headers=HEADERS)
        session = HEADERS | {"mcp-session-id": greeted.headers["mcp-session-id"]}
        for number in range(4):
            async with client.stream("POST", url, json=call | {"id": number}, headers=session) as reply:
                assert reply.status_code == 200  # and leave, without reading on
    async with connected(url) as client:
        after = await client.call_tool("look", {"question": QUESTION, "images": ["picture.png"]})
    assert words(after).startswith("1 ")
    assert "Traceback" not in (folder / "log").read_text()
