"""MCP by the SDK's own client, from a real server over HTTP: tools, pictures, resources, bad input."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CallToolResult, ImageContent
from PIL import Image, ImageDraw

from sightloop.tools import report_worlds

from .clips import clip, moving
from .mcp_served import GENERATIONS, connected, served, words
from .on_a_table import write_table

QUESTION = "How many red shapes are there?"
MEMORY = "sightloop://memory"


@dataclass(frozen=True)
class Place:
    """A server's address, the folder that it may read, one beside it, and what it says."""

    url: str
    folder: Path
    outside: Path
    log: Path


def draw(path: Path, circles: int) -> Path:
    """A picture of red circles in a row."""
    image = Image.new("RGB", (240, 120), "white")
    for number in range(circles):
        ImageDraw.Draw(image).ellipse((10 + 55 * number, 35, 50 + 55 * number, 75), fill=(220, 30, 30))
    image.save(path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server of a folder with pictures, a video, a report and a scene."""
    around = tmp_path_factory.mktemp("mcp")
    folder, outside = around / "folder", around / "outside"
    for made in (folder, folder / "album", outside):
        made.mkdir()
    for number in (1, 2, 3):
        draw(folder / f"{number}.png", number)
        draw(folder / "album" / f"{number}.png", number)
    draw(outside / "secret.png", 1)
    (folder / "notes.png").write_text("this is no picture")
    clip(folder / "clip.mp4", 50, paint=moving())
    report_worlds.write(report_worlds.draw(0), folder / "report.pdf")
    write_table(folder / "scan")
    with served(around, "--root", str(folder), "--memory", str(around / "memory")) as url:
        yield Place(url, folder, outside, around / "log")


async def called(
    place: Place, tool: str, arguments: dict[str, object], mode: str = GENERATIONS[0]
) -> CallToolResult:
    async with connected(place.url, mode) as client:
        return await client.call_tool(tool, arguments)


def pictures(result: CallToolResult) -> list[Image.Image]:
    shown = [one for one in result.content if isinstance(one, ImageContent)]
    opened = [Image.open(io.BytesIO(base64.b64decode(one.data))) for one in shown]
    assert [image.get_format_mimetype() for image in opened] == [one.mime_type for one in shown]
    return opened


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_there_are_five_tools(place: Place, mode: str) -> None:
    async with connected(place.url, mode) as client:
        tools = (await client.list_tools()).tools
        assert client.instructions
        assert client.server_info.name == "sightloop"
    assert [tool.name for tool in tools] == ["look", "compare", "find", "read", "measure"]
    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)
        assert tool.description
        assert tool.annotations.read_only_hint is True


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_a_look_tells_its_steps_and_shows_what_it_rests_on(place: Place, mode: str) -> None:
    told: list[tuple[float, str | None]] = []

    async def progress(done: float, of: float | None, message: str | None) -> None:
        told.append((done, message))

    async with connected(place.url, mode) as client:
        question = {"question": QUESTION, "images": ["2.png"]}
        result = await client.call_tool("look", question, progress_callback=progress)
    assert not result.is_error
    assert words(result).startswith("2 (")
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert any("look" in message for _, message in told)
    assert told[-1][1].endswith("answered")
    data = result.structured_content
    assert data["answer"] == "2"
    assert data["evidence"][0]["still"]["source"] == str(place.folder / "2.png")
    assert data["notes"] == data["skipped"] == []
    (shown,) = pictures(result)
    assert shown.width / shown.height == 2


async def test_all_tools_answer(place: Place) -> None:
    async with connected(place.url) as client:
        compared = await client.call_tool("compare", {"images": ["1.png", "2.png"]})
        assert words(compared).startswith("a red circle appeared")
        assert pictures(compared)

        question = {"question": "How many patients were in the low dose group?"}
        read = await client.call_tool("read", {**question, "documents": ["report.pdf"]})
        assert read.structured_content["answer"] == "253"
        assert read.structured_content["evidence"][0]["still"]["kind"] == "page"
        assert pictures(read)

        seen = await client.call_tool("look", {"question": "What is there?", "images": ["clip.mp4"]})
        assert not seen.is_error, words(seen)

        counting = {"question": "How many blocks are there?", "scene": "scan"}
        measured = await client.call_tool("measure", counting)
        assert measured.structured_content["answer"] == "There are 2 blocks in all."
        assert len(pictures(measured)) == 4

        found = await client.call_tool("find", {"query": "a square", "top": 3})
        assert not found.is_error, words(found)
        handle = found.structured_content["moments"][0]["handle"]
        still = (await client.read_resource(f"{MEMORY}/stills/{handle}")).contents[0]
        assert Image.open(io.BytesIO(base64.b64decode(still.blob))).size

        # No file is named: all documents that the memory holds by now.
        again = await client.call_tool("read", question)
        assert again.structured_content["answer"] == read.structured_content["answer"]


@pytest.mark.parametrize("mode", GENERATIONS)
async def test_the_memory_is_a_resource(place: Place, mode: str) -> None:
    async with connected(place.url, mode) as client:
        await client.call_tool("look", {"question": "What is there?", "images": ["clip.mp4"]})
        listed = {one.name: one.uri for one in (await client.list_resources()).resources}
        assert listed["memory"] == MEMORY
        templates = [one.uri_template for one in (await client.list_resource_templates()).resource_templates]
        assert templates == [f"{MEMORY}/sources/{{source}}", f"{MEMORY}/stills/{{handle}}"]

        held = json.loads((await client.read_resource(MEMORY)).contents[0].text)
        source = next(one for one in held["sources"] if one["path"] == str(place.folder / "clip.mp4"))
        assert source["kind"] == "video"
        assert source["complete"]
        assert source["uri"] == listed["clip.mp4"]

        stills = json.loads((await client.read_resource(source["uri"])).contents[0].text)["stills"]
        assert len(stills) == source["stills"]
        for uri in (stills[0]["uri"], stills[0]["uri"].replace(":", "%3A").replace("%3A", ":", 1)):
            (still,) = (await client.read_resource(uri)).contents
            opened = Image.open(io.BytesIO(base64.b64decode(still.blob)))
            assert opened.get_format_mimetype() == still.mime_type
            wide, high = stills[0]["size"]
            assert opened.width / opened.height == pytest.approx(wide / high, rel=0.02)


async def test_the_words_of_a_document_are_read_with_where_they_stand(place: Place) -> None:
    async with connected(place.url) as client:
        await client.call_tool("read", {"question": "Who wrote it?", "documents": ["report.pdf"]})
        listed = {one.name: one.uri for one in (await client.list_resources()).resources}
        pages = json.loads((await client.read_resource(listed["report.pdf"])).contents[0].text)["stills"]
    assert [page["page"] for page in pages] == list(range(1, len(pages) + 1))
    boxes = [text["box"] for page in pages for text in page["texts"] if text["channel"] == "block"]
    assert boxes
    assert all(box["x0"] < box["x1"] and box["y0"] < box["y1"] for box in boxes)


@pytest.mark.parametrize(
    "uri", [f"{MEMORY}/stills/none", f"{MEMORY}/sources/none", "file:///etc/passwd", "x"]
)
async def test_what_the_memory_does_not_hold_is_an_error(place: Place, uri: str) -> None:
    async with connected(place.url) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
    assert refused.value.code == INVALID_PARAMS


@pytest.mark.parametrize("mode", GENERATIONS)
@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("look", {}, "question: Field required"),
        ("look", {"question": "", "images": ["1.png"]}, "question: String should have at least 1"),
        ("look", {"question": " ", "images": ["1.png"]}, "question is empty"),
        ("look", {"question": "x" * 2**20, "images": ["1.png"]}, "at most 4000 characters"),
        ("look", {"question": QUESTION, "images": "1.png"}, "images: Input should be a valid list"),
        ("look", {"question": QUESTION, "picture": "1.png"}, "picture: Extra inputs are not permitted"),
        ("look", {"question": QUESTION, "images": ["1.png"] * 65}, "at most 64 items"),
        ("look", {"question": QUESTION, "images": ["4.png"]}, "does not exist"),
        ("look", {"question": QUESTION, "images": ["notes.png"]}, "notes.png"),
        ("look", {"question": QUESTION, "images": [""]}, "names no file"),
        ("look", {"question": QUESTION, "images": ["a\0b"]}, "null character"),
        ("look", {"question": QUESTION, "images": ["x" * 2**20]}, "no file's name"),
        ("look", {"question": QUESTION, "images": ["https://example.org/a.png"]}, "names no file"),
        ("compare", {"images": ["1.png"]}, "at least 2 items"),
        ("find", {"query": "a", "within": "none.mp4"}, "none.mp4"),
        ("read", {"question": "Who?", "documents": ["1.pdf"]}, "does not exist"),
        ("measure", {"question": "How far?", "scene": "album"}, "album"),
        ("nothing", {}, "there is no tool 'nothing'"),
    ],
)
async def test_bad_arguments_are_told_to_who_called(
    place: Place, tool: str, arguments: dict[str, object], says: str, mode: str
) -> None:
    result = await called(place, tool, arguments, mode)
    assert result.is_error
    assert says in words(result)
    assert len(words(result)) < 1000
    assert "unforeseen" not in place.log.read_text()
    assert "Traceback" not in place.log.read_text()


async def test_one_bad_picture_spoils_no_others(place: Place) -> None:
    result = await called(place, "look", {"question": QUESTION, "images": ["2.png", "notes.png"]})
    assert not result.is_error
    assert words(result).startswith("2 (")
    assert "notes.png" in result.structured_content["skipped"][0]
    assert "could not be read" in words(result)


async def test_of_many_pictures_a_few_are_shown(place: Place) -> None:
    images = [f"{1 + number % 3}.png" for number in range(24)]
    result = await called(place, "look", {"question": QUESTION, "images": images})
    assert len(result.structured_content["evidence"]) == 24
    assert len(pictures(result)) == 3


async def test_forty_pictures_are_more_than_the_embedded_model_takes(place: Place) -> None:
    images = [f"{1 + number % 3}.png" for number in range(40)]
    result = await called(place, "look", {"question": QUESTION, "images": images})
    assert result.is_error
    assert "Give at most" in words(result)


async def test_many_clients_are_answered_each_with_their_own(place: Place) -> None:
    async def ask(number: int) -> str:
        arguments = {"question": QUESTION, "images": [f"{1 + number % 3}.png"]}
        return words(await called(place, "look", arguments, GENERATIONS[number % 2]))

    answers = await asyncio.gather(*map(ask, range(8)))
    assert [answer.split(" ")[0] for answer in answers] == [str(1 + number % 3) for number in range(8)]
