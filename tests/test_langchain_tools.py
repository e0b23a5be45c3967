"""LangChain's tests of tools, and what else tools owe an agent: errors in words, an end when cancelled."""

from __future__ import annotations

import asyncio
import base64
import io
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from langgraph.checkpoint.memory import InMemorySaver
from PIL import Image
from scripted_chat import calling, scripted_chat
from shelf import FILM, REPORT, eyes, folder, memory, scan

from sightloop.agent import Result
from sightloop.errors import InputError
from sightloop.integrations.langchain import sightloop_tools
from sightloop.integrations.toolkit import Toolkit
from sightloop.tools.remember import memory_of

PHOTO = str(folder() / "before.png")
COLOR = {"question": "What color is the circle?", "images": [PHOTO]}


def tools(**options: Any) -> dict[str, BaseTool]:
    return {tool.name: tool for tool in sightloop_tools(memory(), eyes(), **options)}


def message(tool: BaseTool, **arguments: Any) -> ToolMessage:
    found = tool.invoke({"type": "tool_call", "id": "1", "name": tool.name, "args": arguments})
    assert isinstance(found, ToolMessage)
    return found


class Example:
    """What LangChain's tests are told of a tool."""

    called: str
    given: Callable[[], dict[str, Any]]

    @property
    def tool_constructor(self) -> BaseTool:
        return tools()[self.called]

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return type(self).given()


class Look(Example):
    called, given = "look", lambda: COLOR


class Compare(Example):
    called, given = "compare", lambda: {"images": [PHOTO, str(folder() / "after.png")]}


class Find(Example):
    called, given = "find", lambda: {"query": "a red circle"}


class Read(Example):
    called, given = "read", lambda: {"question": REPORT.asked[0].question}


class Measure(Example):
    called, given = "measure", lambda: {"question": "How many objects are there?", "scene": str(scan())}


class TestLookUnit(Look, ToolsUnitTests): ...


class TestLook(Look, ToolsIntegrationTests): ...


class TestCompareUnit(Compare, ToolsUnitTests): ...


class TestCompare(Compare, ToolsIntegrationTests): ...


class TestFindUnit(Find, ToolsUnitTests): ...


class TestFind(Find, ToolsIntegrationTests): ...


class TestReadUnit(Read, ToolsUnitTests): ...


class TestRead(Read, ToolsIntegrationTests): ...


class TestMeasureUnit(Measure, ToolsUnitTests): ...


class TestMeasure(Measure, ToolsIntegrationTests): ...


def test_an_artifact_is_the_result_with_evidence_that_reopens() -> None:
    found = message(tools()["look"], **COLOR)
    assert str(found.content).startswith("red (")
    result = Result.model_validate(found.artifact)
    assert result.answer == "red"
    assert result.evidence[0].verdict == "confirmed"
    assert result.evidence[0].reopen().size == (128, 96)


def test_what_is_found_can_be_opened_by_its_handle() -> None:
    found = message(tools()["find"], query="a red circle", top=3).artifact
    assert found["moments"][0]["there"] > 0.9
    for one in found["moments"]:
        assert memory().still(memory().held(one["handle"])).sha256 == one["sha256"]
    for one in found["pages"]:
        assert memory().held(one["handle"]).page == one["page"]


@pytest.mark.parametrize("asked", REPORT.asked, ids=lambda asked: asked.answer)
def test_documents_are_read_and_quoted(asked: Any) -> None:
    found = message(tools()["read"], question=asked.question, documents=[str(folder() / "report.pdf")])
    assert asked.answer in str(found.content).splitlines()[0]
    assert f"page {asked.page}" in str(found.content)


def test_a_question_without_files_is_about_the_memory() -> None:
    (asked,) = [one for one in FILM.asked if one.kind == "color"]
    assert asked.answer in str(message(tools()["look"], question=asked.question).content).splitlines()[0]


def test_a_page_is_found_and_shown_though_its_file_is_gone(tmp_path: Path) -> None:
    shutil.copy(folder() / "report.pdf", tmp_path)
    with memory_of(eyes()) as kept:
        kept.add(tmp_path / "report.pdf")
        (tmp_path / "report.pdf").unlink()
        found = Toolkit(eyes(), kept).find("survival")
    assert "report.pdf, page 3" in found.text
    assert all(max(shown.still.size) < 1000 for shown in found.pictures)  # as the memory kept them
    assert len(found.pictures) == 3
    assert found.evidence == ()


def test_only_what_shows_it_is_shown_as_found() -> None:
    found = Toolkit(eyes(), memory()).find("a red circle", kind="photo")
    assert [shown.name for shown in found.pictures] == [
        Path(one.still.origin.source).name for one in found.evidence
    ]
    assert len(found.data["moments"]) == 2
    nothing = Toolkit(eyes(), memory()).find("a purple star", kind="photo")
    assert (nothing.evidence, nothing.pictures, len(nothing.data["moments"])) == ((), (), 2)


def test_find_looks_within_one_source_or_kind() -> None:
    find = tools()["find"]
    within = message(find, query="a red circle", within="before.png").artifact
    assert [one["source"] for one in within["moments"]] == [PHOTO]
    assert within["pages"] == []
    pages = message(find, query="survival", kind="document", top=2).artifact
    assert (len(pages["pages"]), pages["moments"]) == (2, [])
    streams = message(find, query="a red circle", kind="stream")
    assert streams.content == "nothing was found"


def test_pictures_are_shown_where_they_are_wanted_with_their_boxes_drawn() -> None:
    photos = {"images": [PHOTO, str(folder() / "after.png")]}
    assert isinstance(message(tools()["compare"], **photos).content, str)
    content = message(tools(show=True)["compare"], **photos).content
    (image,) = [block for block in content if isinstance(block, dict) and block["type"] == "image"]
    shown = Image.open(io.BytesIO(base64.b64decode(image["base64"]))).convert("RGB")
    plain = Image.open(folder() / "after.png").convert("RGB").resize(shown.size)
    assert shown.tobytes() != plain.tobytes()


def test_without_a_memory_there_is_nothing_to_find() -> None:
    assert [tool.name for tool in sightloop_tools(eyes=eyes())] == ["look", "compare", "read", "measure"]


def test_only_files_that_may_be_read_are_read() -> None:
    def reads(name: str) -> Path:
        if name != "mine":
            raise InputError(f"{name} is not yours.", input=name)
        return folder() / "before.png"

    look = tools(reads=reads)["look"]
    assert str(message(look, question=COLOR["question"], images=["mine"]).content).startswith("red")
    refused = message(look, **COLOR)
    assert (refused.status, refused.content) == ("error", f"{PHOTO} is not yours.")


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("look", {"question": "What?", "images": ["none.png"]}, "none.png does not exist"),
    ("look", {"question": "What?", "images": ["a\0b"]}, "null character"),
    ("look", {"question": "What?", "images": ["http://localhost/a.png"]}, "web address"),
    ("look", {"question": "x" * 1_000_000, "images": [PHOTO]}, "at most 4000 characters"),
    ("look", {"question": " ", "images": [PHOTO]}, "the question is empty"),
    ("look", {"images": [PHOTO]}, "question"),
    ("look", {"question": "What?", "images": [PHOTO], "zoom": 2}, "zoom"),
    ("compare", {"images": [PHOTO]}, "at least 2 items"),
    ("compare", {"images": [PHOTO, str(folder() / "report.pdf")]}, "is a document"),
    ("find", {"query": "a", "top": 0}, "greater than or equal to 1"),
    ("find", {"query": "a", "within": "befor.png"}, "Did you mean before.png"),
    ("read", {"question": "Who?", "documents": ["none.pdf"]}, "none.pdf does not exist"),
    ("measure", {"question": "How far?", "scene": PHOTO}, "before.png"),
    ("nothing", {}, "not a valid tool"),
]


def test_an_agent_is_told_what_was_wrong_and_goes_on() -> None:
    chat = scripted_chat(*(calling((name, given)) for name, given, _ in WRONG), "done")
    agent = create_agent(chat, list(tools().values()), checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "wrong"}, "recursion_limit": 100}
    messages = agent.invoke({"messages": [HumanMessage("go")]}, config)["messages"]
    said = [one for one in messages if isinstance(one, ToolMessage)]
    assert [one.status for one in said] == ["error"] * len(WRONG)
    for one, (_, _, words) in zip(said, WRONG, strict=True):
        assert words in one.text
    assert messages[-1].text == "done"


def test_a_long_question_is_answered_or_refused() -> None:
    look = tools()["look"]
    asked = message(look, question=COLOR["question"] + " Look closely." * 30, images=[PHOTO])
    assert asked.status == "success"
    assert asked.artifact["answer"]
    refused = message(look, question="What color is the circle? " * 150, images=[PHOTO])
    assert refused.status == "error"
    assert "does not fit" in refused.text


def test_tools_may_be_called_at_once() -> None:
    chat = scripted_chat(calling(*[("look", COLOR)] * 4), "done")
    agent = create_agent(chat, list(tools().values()))
    messages = agent.invoke({"messages": [HumanMessage("go")]})["messages"]
    assert len({one.content for one in messages if isinstance(one, ToolMessage)}) == 1


async def test_cancelling_stops_the_model() -> None:
    class Slow:
        """Eyes that look until nobody waits any more."""

        def __init__(self) -> None:
            self.began, self.stopped = threading.Event(), threading.Event()

        def __getattr__(self, name: str) -> Any:
            return getattr(eyes(), name)

        def answers(self, prompts: Any, *, cancel: Any, **options: Any) -> Any:
            self.began.set()
            end = time.monotonic() + 30
            while not cancel.is_set() and time.monotonic() < end:
                time.sleep(0.01)
            if cancel.is_set():
                self.stopped.set()
            return eyes().answers(prompts, cancel=cancel, **options)

    slow = Slow()
    look = sightloop_tools(eyes=slow)[0]  # type: ignore[arg-type]
    task = asyncio.create_task(look.ainvoke(COLOR))
    assert await asyncio.to_thread(slow.began.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(slow.stopped.wait, 30)
