"""A chat model that says what a test tells it to, and keeps what it was told: for the laws of the brains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

Reply = AIMessage | str | Callable[[Sequence[BaseMessage]], AIMessage]


class ScriptedChat(BaseChatModel):
    """Replies one after the other, the last one for ever; ``told`` holds the messages of every call."""

    replies: list[Any]
    told: list[list[BaseMessage]] = Field(default_factory=list)
    tools: list[Any] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **more: Any) -> Any:
        self.tools[:] = tools
        return self.bind(**more)

    def _generate(self, messages: list[BaseMessage], *args: Any, **more: Any) -> ChatResult:
        reply: Reply = self.replies[min(len(self.told), len(self.replies) - 1)]
        self.told.append(messages)
        if callable(reply) and not isinstance(reply, AIMessage):
            reply = reply(messages)
        message = AIMessage(reply) if isinstance(reply, str) else reply
        return ChatResult(generations=[ChatGeneration(message=message)])


def scripted_chat(*replies: Reply, profile: dict[str, Any] | None = None) -> ScriptedChat:
    """Make one with lists of its own."""
    return ScriptedChat(replies=list(replies), profile=profile)


def calling(*calls: tuple[str, dict[str, Any]], text: str = "") -> AIMessage:
    """A reply that calls tools."""
    return AIMessage(
        text,
        tool_calls=[
            {"type": "tool_call", "id": f"id-{name}-{number}", "name": name, "args": arguments}
            for number, (name, arguments) in enumerate(calls)
        ],
        usage_metadata={"input_tokens": 90, "output_tokens": 10, "total_tokens": 100},
    )
