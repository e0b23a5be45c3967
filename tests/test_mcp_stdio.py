"""``sightloop mcp`` over stdin and stdout: a real process, by the SDK's client and line by line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import ImageContent
from mcp.types.jsonrpc import jsonrpc_message_adapter

from .mcp_served import COMMAND, GENERATIONS, SECONDS, connected, environment, words

QUESTION = "How many red shapes are there?"


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where a server keeps what lasts as long as it: empty before and after."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_a_client_that_only_asks_what_there_is(temporary: Path, mode: str) -> None:
    command = StdioServerParameters(command=COMMAND, args=["mcp"], env=environment(temporary))
    async with connected(command, mode) as client:
        assert len((await client.list_tools()).tools) == 5
        assert [one.name for one in (await client.list_resources()).resources] == ["memory"]
        assert not list(temporary.iterdir())  # no model was loaded, no memory opened


async def test_a_client_that_starts_the_server(picture: Path, temporary: Path) -> None:
    outside = picture.parent.with_name("outside.png")
    outside.write_bytes(picture.read_bytes())
    (picture.parent / "link.png").symlink_to(outside)
    command = StdioServerParameters(command=COMMAND, args=["mcp"], env=environment(temporary))
    log = temporary.with_name("log")
    with log.open("w") as said:
        async with connected(stdio_client(command, said), "legacy", [picture.parent]) as client:
            assert len((await client.list_tools()).tools) == 5
            answer = await client.call_tool("look", {"question": QUESTION, "images": [picture.name]})
            assert words(answer).startswith("1 ")
            assert isinstance(answer.content[-1], ImageContent)
            for name in (str(outside), "../outside.png", "link.png", outside.as_uri()):
                refused = await client.call_tool("look", {"question": QUESTION, "images": [name]})
                assert refused.is_error
                assert "outside the folders" in words(refused)
            missing = await client.call_tool("look", {"question": QUESTION, "images": ["pictur.png"]})
            assert "Did you mean picture.png" in words(missing)
            held = await client.read_resource("sightloop://memory")
            assert json.loads(held.contents[0].text)["sources"] == []
    assert log.read_text() == ""
    assert not list(temporary.glob("sightloop-*"))


class Lines:
    """A server, spoken to line by line."""

    def __init__(self, temporary: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, "mcp", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary)},
        )

    def say(self, method: str, number: int | None = None, **params: Any) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        self.line(json.dumps(message if number is None else {**message, "id": number}))

    def line(self, text: str) -> None:
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next line of stdout, which must be of the protocol."""
        line = self.process.stdout.readline()
        jsonrpc_message_adapter.validate_json(line, by_name=False)
        return json.loads(line)

    def greet(self) -> None:
        client = {"name": "lines", "version": "1"}
        self.say("initialize", 0, protocolVersion="2025-11-25", capabilities={}, clientInfo=client)
        assert self.hear()["result"]["serverInfo"]["name"] == "sightloop"
        self.say("notifications/initialized")

    def look(self, number: int, *images: str) -> None:
        self.say("tools/call", number, name="look", arguments={"question": QUESTION, "images": images})


@pytest.fixture
def lines(picture: Path, temporary: Path) -> Iterator[Lines]:
    lines = Lines(temporary, "--root", str(picture.parent))
    with lines.process:
        try:
            yield lines
        finally:
            lines.process.kill()


def test_lines_that_are_no_requests_do_no_harm(lines: Lines) -> None:
    lines.greet()
    for text in ("", "{", "[]", "null", '"x"', '{"jsonrpc": "2.0"}', "x" * 2**20, "\0", "ü" * 1000):
        lines.line(text)
    lines.say("tools/none", 1)
    lines.say("tools/call", 2, name=["look"])
    lines.say("tools/list", 3)
    replies = {}
    while set(replies) < {1, 2, 3}:
        reply = lines.hear()
        replies[reply.get("id")] = reply
    assert replies[1]["error"]["code"] == -32601
    assert replies[2]["error"]["code"] == -32602
    assert len(replies[3]["result"]["tools"]) == 5


def test_a_client_that_leaves_in_the_middle_of_a_call_ends_the_server(
    lines: Lines, picture: Path, temporary: Path
) -> None:
    lines.greet()
    lines.look(1, picture.name)
    assert lines.hear()["id"] == 1
    lines.look(2, *[picture.name] * 8)
    lines.process.stdin.close()
    lines.process.stdout.close()
    lines.process.wait(SECONDS)
    assert "Traceback" not in lines.process.stderr.read()
    assert not list(temporary.glob("sightloop-*"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("told", "busy"), [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGTERM, True)]
)
def test_a_server_that_is_told_to_end_ends(
    lines: Lines, picture: Path, temporary: Path, told: signal.Signals, busy: bool
) -> None:
    lines.greet()
    if busy:
        lines.look(1, picture.name)
        assert lines.hear()["id"] == 1
        lines.look(2, *[picture.name] * 8)
    lines.process.send_signal(told)
    assert lines.process.wait(SECONDS) == 130
    assert lines.process.stderr.read() == ""
    assert not list(temporary.glob("sightloop-*"))


def test_without_the_extra_it_says_what_installs_it() -> None:
    program = (
        "import sys; sys.modules['mcp'] = None; from sightloop.integrations.cli import main; main(['mcp'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "sightloop[mcp]"' in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--http"], "--root"),
        (["--root", "not there"], "does not exist"),
        (["--max-seconds", "0"], "not more than 0"),
        (["--port", "70000"], "--port"),
    ],
)
def test_bad_usage_is_said_before_anything_is_served(arguments: list[str], says: str) -> None:
    done = subprocess.run([COMMAND, "mcp", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""
