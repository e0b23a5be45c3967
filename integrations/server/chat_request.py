"""What a request for a chat completion holds: OpenAI's fields that have a meaning here, and our extension.

Fields that are not named are ignored, as ``temperature`` is: answers are the likeliest ones.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from langchain_core.messages import BaseMessage, convert_to_messages
from pydantic import BaseModel, ConfigDict, Field

from ...agent import Limits
from .failures import Refused

MOST_TEXT = 2**22
"""Characters of text in a request: several times what the largest window holds."""

Id = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.:-]+$")]


class Message(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(BaseModel):
    """How a stream ends."""

    include_usage: bool = False


class ForAgent(BaseModel):
    """The extension field ``sightloop`` of a request to the agent.

    Parameters
    ----------
    memory : str, optional
        Id of one of the caller's memories, which is searched.
    thread : str, optional
        Name of a conversation, which is begun or gone on with: only the last message is read then.
    limits : Limits
        What the run may spend.
    """

    model_config = ConfigDict(extra="forbid")

    memory: Id | None = None
    thread: Id | None = None
    limits: Limits = Limits()


class ChatRequest(BaseModel):
    """The body of ``POST /v1/chat/completions``."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    stop: str | list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    store: bool | None = None
    sightloop: ForAgent | None = None

    @property
    def counted(self) -> bool:
        """Whether a stream ends with a chunk of usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def longest(self) -> int | None:
        """Tokens of the answer at most."""
        return self.max_completion_tokens or self.max_tokens

    def conversation(self) -> list[BaseMessage]:
        """Return the messages as LangChain's, content parts as they are.

        Raises
        ------
        Refused
            If one is malformed, or there is more text than any model reads.
        """
        try:
            messages = convert_to_messages([message.model_dump() for message in self.messages])
        except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
            raise Refused(400, f"the messages cannot be read: {error}", param="messages") from error
        fits("messages", *map(text_of, messages))
        return messages


def fits(param: str, *texts: str) -> None:
    """Refuse texts that no model can read, before one counts their tokens.

    Raises
    ------
    Refused
        With 400.
    """
    length = sum(map(len, texts))
    if length > MOST_TEXT:
        message = f"there are {length} characters of text, and no model here reads more than {MOST_TEXT}."
        raise Refused(400, message, code="context_length_exceeded", param=param)


def text_of(message: BaseMessage) -> str:
    """Return the text parts of a message, one a line."""
    if isinstance(message.content, str):
        return message.content
    parts = [part if isinstance(part, str) else part.get("text", "") for part in message.content]
    return "\n".join(part for part in parts if isinstance(part, str) and part)


def parts_of(message: BaseMessage) -> list[dict[str, Any]]:
    """Return the parts of a message that are no text."""
    if isinstance(message.content, str):
        return []
    return [part for part in message.content if isinstance(part, dict) and part.get("type") != "text"]
