"""Calls of MCP when a model is slow, broken or missing: each ends, says why, and leaves the others alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from mcp.types import ErrorData

from sightloop.errors import CheckpointUnavailableError, SightloopError
from sightloop.integrations.mcp import create_server
from sightloop.integrations.mcp_service import MOST_WAITING
from sightloop.tools import report_worlds
from sightloop.tools.llava_next import LlavaNext
from sightloop.tools.llava_next.answers import Answer
from sightloop.tools.llava_next.together import Request

from .mcp_served import GENERATIONS, SECONDS, connected, words

LOOK = {"question": "How many?", "images": ["picture.png"]}


Heard = Iterator[tuple[int, str | Answer | SightloopError]]


class Instead:
    """A real model that answers in another way."""

    def __init__(self, eyes: LlavaNext) -> None:
        self.eyes = eyes
        self.began = threading.Event()
        self.stopped = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.eyes, name)

    def streams(self, requests: Sequence[Request]) -> Heard:
        raise NotImplementedError


class Slow(Instead):
    """Writes until it is told to stop."""

    def streams(self, requests: Sequence[Request]) -> Heard:
        self.began.set()
        ends = time.monotonic() + SECONDS
        while not all(one.cancel.is_set() for one in requests) and time.monotonic() < ends:
            time.sleep(0.01)
        if time.monotonic() < ends:
            self.stopped.set()
        yield from self.eyes.streams(requests)


class Broken(Instead):
    """Fails as no model should."""

    def streams(self, requests: Sequence[Request]) -> Heard:
        raise RuntimeError("secret")


@pytest.fixture(scope="module")
def pocket() -> LlavaNext:
    return LlavaNext()


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, SECONDS)


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_a_cancelled_call_stops_the_model(pocket: LlavaNext, picture: Path, mode: str) -> None:
    eyes = Slow(pocket)
    async with connected(create_server(lambda: eyes, roots=[picture.parent]), mode) as client:
        call = asyncio.create_task(client.call_tool("look", LOOK))
        await until(eyes.began)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(eyes.stopped)
        assert (await client.list_tools()).tools


async def test_a_server_that_ends_stops_the_model(pocket: LlavaNext, picture: Path) -> None:
    eyes = Slow(pocket)
    async with connected(create_server(lambda: eyes, roots=[picture.parent]), "legacy") as client:
        call = asyncio.create_task(client.call_tool("look", LOOK))
        await until(eyes.began)
    assert eyes.stopped.is_set()
    with pytest.raises(Exception, match=r"[Cc]losed"):
        await call


async def test_of_too_many_calls_the_last_are_refused(pocket: LlavaNext, picture: Path) -> None:
    eyes = Slow(pocket)
    async with connected(create_server(lambda: eyes, roots=[picture.parent])) as client:
        calls = [asyncio.create_task(client.call_tool("look", LOOK)) for _ in range(MOST_WAITING)]
        await until(eyes.began)
        refused = await client.call_tool("look", LOOK)
        assert refused.is_error
        assert "waiting already" in words(refused)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_nothing_is_loaded_before_it_is_needed(pocket: LlavaNext) -> None:
    loaded: list[int] = []

    def load() -> LlavaNext:
        loaded.append(1)
        return pocket

    async with connected(create_server(load)) as client:
        await client.list_tools()
        await client.list_resources()
        await client.list_resource_templates()
        assert loaded == []
        await client.read_resource("sightloop://memory")
        assert loaded == [1]


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_a_model_that_cannot_be_loaded_is_told_and_tried_anew(
    pocket: LlavaNext, picture: Path, mode: str
) -> None:
    tries: list[int] = []

    def load() -> LlavaNext:
        tries.append(1)
        if len(tries) == 1:
            raise CheckpointUnavailableError("the weights are not here.")
        return pocket

    async with connected(create_server(load, roots=[picture.parent]), mode) as client:
        first = await client.call_tool("look", LOOK)
        assert first.is_error
        assert words(first) == "the weights are not here."
        assert not (await client.call_tool("look", LOOK)).is_error
    assert len(tries) == 2


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_what_was_not_foreseen_is_told_without_its_words(
    pocket: LlavaNext, picture: Path, mode: str
) -> None:
    async with connected(create_server(lambda: Broken(pocket), roots=[picture.parent]), mode) as client:
        result = await client.call_tool("look", LOOK)
        assert result.is_error
        assert "RuntimeError" in words(result)
        assert "secret" not in words(result)
        assert (await client.list_tools()).tools


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_a_clients_folders_are_asked_for(pocket: LlavaNext, picture: Path, mode: str) -> None:
    server = create_server(lambda: pocket)
    async with connected(server, mode, roots=[picture.parent]) as client:
        assert not (await client.call_tool("look", LOOK)).is_error
    async with connected(server, mode, roots=[picture.parent / "elsewhere"]) as client:
        refused = await client.call_tool("look", {**LOOK, "images": [str(picture)]})
        assert "outside the folders" in words(refused)
    async with connected(server, mode, roots=[]) as client:
        assert "no folder may be" in words(await client.call_tool("look", LOOK))
    async with connected(server, mode) as client:
        assert "no folder may be" in words(await client.call_tool("look", LOOK))


async def test_a_client_that_does_not_say_its_folders_is_refused(pocket: LlavaNext, picture: Path) -> None:
    client = connected(create_server(lambda: pocket, roots=[picture.parent]), "legacy", roots=[])

    async def unwilling(context: object) -> ErrorData:
        return ErrorData(code=-32000, message="not now")

    client.list_roots_callback = unwilling
    async with client:
        result = await client.call_tool("look", LOOK)
    assert result.is_error
    assert "did not say" in words(result)


async def test_a_link_in_the_place_of_a_file_that_the_memory_holds_is_not_followed(
    pocket: LlavaNext, tmp_path: Path
) -> None:
    """The memory knows the path, but what lies there by now is not the client's."""
    for seed, folder in enumerate(("work", "other")):
        (tmp_path / folder).mkdir()
        report_worlds.write(report_worlds.draw(seed), tmp_path / folder / "report.pdf")
    report = tmp_path / "work" / "report.pdf"
    question = {"question": "How many patients were in the low dose group?"}
    async with connected(create_server(lambda: pocket, roots=[report.parent])) as client:
        before = await client.call_tool("read", {**question, "documents": [str(report)]})
        assert words(before).startswith("253 ")
        report.unlink()
        report.symlink_to(tmp_path / "other" / "report.pdf")
        after = await client.call_tool("read", {**question, "documents": [str(report)]})
        assert after.is_error
        assert "outside the folders" in words(after)
        remembered = await client.call_tool("read", question)
        assert words(remembered).startswith("253 ")
