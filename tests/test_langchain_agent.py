"""The chat model in ``create_agent``: tools, middleware, a person's approval, structured answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    ModelCallLimitMiddleware,
    ToolCallLimitMiddleware,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel, Field

from sightloop import LlavaNext
from sightloop.integrations.langchain import ChatLlavaNext, sightloop_tools

from .tiny import build


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


def asked(picture: Path, question: str = "What color is the circle in {}?") -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question.format(picture)}]}


class Told(BaseModel):
    """What is told in the end."""

    color: str = Field(description="color of the circle")


def test_it_looks_and_answers(eyes: LlavaNext, picture: Path) -> None:
    agent = create_agent(ChatLlavaNext(eyes=eyes), sightloop_tools(eyes=eyes))
    *_, call, result, answer = agent.invoke(asked(picture))["messages"]
    assert call.tool_calls[0]["name"] == "look"
    assert call.tool_calls[0]["args"]["images"] == [str(picture)]
    assert result.artifact["answer"] == "red"
    assert answer.text == result.text


def test_a_person_approves_edits_and_rejects(eyes: LlavaNext, picture: Path) -> None:
    agent = create_agent(
        ChatLlavaNext(eyes=eyes),
        sightloop_tools(eyes=eyes),
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"look": True})],
        checkpointer=InMemorySaver(),
    )
    config: dict[str, Any] = {"configurable": {"thread_id": "talk"}}
    (waiting,) = agent.invoke(asked(picture), config)["__interrupt__"]
    (wanted,) = waiting.value["action_requests"]
    assert wanted["name"] == "look"
    answered = agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), config)
    assert answered["messages"][-1].text.startswith("red")
    (waiting,) = agent.invoke({"messages": [("user", "and the square?")]}, config)["__interrupt__"]
    arguments = waiting.value["action_requests"][0]["args"]
    assert arguments == {"question": f"What color is the square in {picture}?", "images": [str(picture)]}
    edited = {"name": "look", "args": {**arguments, "question": "How many shapes are there?"}}
    decisions = [{"type": "edit", "edited_action": edited}]
    answered = agent.invoke(Command(resume={"decisions": decisions}), config)
    assert "2 (" in answered["messages"][-1].text  # behind LangChain's note that it was edited
    (waiting,) = agent.invoke({"messages": [("user", "and the circle?")]}, config)["__interrupt__"]
    assert (
        waiting.value["action_requests"][0]["args"]["question"] == f"What color is the circle in {picture}?"
    )
    refused = {"decisions": [{"type": "reject", "message": "not now"}]}
    assert "not now" in agent.invoke(Command(resume=refused), config)["messages"][-1].text


@pytest.mark.parametrize("strategy", [Told, ToolStrategy(Told), ProviderStrategy(Told)])
def test_its_last_answer_has_the_wanted_form(eyes: LlavaNext, picture: Path, strategy: Any) -> None:
    agent = create_agent(ChatLlavaNext(eyes=eyes), sightloop_tools(eyes=eyes), response_format=strategy)
    answered = agent.invoke(asked(picture), {"recursion_limit": 10})
    assert answered["structured_response"] == Told(color="red")
    assert any(
        isinstance(message, ToolMessage) and message.name == "look" for message in answered["messages"]
    )


def test_it_is_streamed_and_awaited(eyes: LlavaNext, picture: Path) -> None:
    agent = create_agent(ChatLlavaNext(eyes=eyes), sightloop_tools(eyes=eyes))
    chunks = [chunk for chunk, _ in agent.stream(asked(picture), stream_mode="messages")]
    assert any(isinstance(chunk, AIMessageChunk) and chunk.tool_call_chunks for chunk in chunks)
    assert any(isinstance(chunk, AIMessageChunk) and chunk.text.startswith("red") for chunk in chunks)


async def test_it_is_awaited(eyes: LlavaNext, picture: Path) -> None:
    agent = create_agent(ChatLlavaNext(eyes=eyes), sightloop_tools(eyes=eyes))
    assert (await agent.ainvoke(asked(picture)))["messages"][-1].text.startswith("red")


def test_what_random_weights_call_is_limited(picture: Path, tmp_path: Path, eyes: LlavaNext) -> None:
    tiny = ChatLlavaNext(eyes=LlavaNext(build("onevision", tmp_path / "tiny")), max_tokens=200)
    agent = create_agent(
        tiny,
        sightloop_tools(eyes=eyes),
        response_format=ToolStrategy(Told),  # so that each turn has to call
        middleware=[
            ModelCallLimitMiddleware(run_limit=3, exit_behavior="end"),
            ToolCallLimitMiddleware(run_limit=2, exit_behavior="continue"),
        ],
    )
    messages = agent.invoke(asked(picture), {"recursion_limit": 40})["messages"]
    calls = [message for message in messages if isinstance(message, AIMessage) and message.tool_calls]
    assert 1 <= len(calls) <= 3
    assert all(not message.invalid_tool_calls for message in calls)
