"""Replies: what was said, as chat completions and their chunks are written."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

Finish = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of an answer: text, or (part of) calls of tools as OpenAI writes them."""

    content: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Something that is no part of the answer: a step of the agent, as JSON."""

    extension: dict[str, Any]


@dataclass(frozen=True, slots=True)
class End:
    """How an answer ended, what it cost, and what else there is to say about it."""

    finish: Finish
    prompt_tokens: int
    completion_tokens: int
    extension: dict[str, Any] = field(default_factory=dict)

    @property
    def usage(self) -> dict[str, int]:
        """The cost as OpenAI's clients read it."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


Event = Delta | Told | End
"""What answering yields: an End is the last, and comes once."""


@dataclass(frozen=True)
class Reply:
    """One answer on its way to a client.

    Parameters
    ----------
    model : str
        Which was asked.
    """

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, events: Iterable[Event]) -> dict[str, Any]:
        """Return the completion that events make."""
        words, calls, end = [], [], None
        for event in events:
            if isinstance(event, Delta):
                words.append(event.content)
                calls += [
                    {key: part for key, part in call.items() if key != "index"} for call in event.tool_calls
                ]
            elif isinstance(event, End):
                end = event
        assert end is not None  # it is the last of all
        message: dict[str, Any] = {"role": "assistant", "content": "".join(words) or None, "refusal": None}
        if calls:
            message["tool_calls"] = calls
        elif message["content"] is None:
            message["content"] = ""
        choice = {"index": 0, "message": message, "finish_reason": end.finish, "logprobs": None}
        extension = {"sightloop": end.extension} if end.extension else {}
        return {**self._head("chat.completion"), "choices": [choice], "usage": end.usage, **extension}

    def first(self) -> dict[str, Any]:
        """Return the chunk that begins a stream."""
        return self._chunk({"role": "assistant", "content": ""})

    def chunks(self, event: Event, *, counted: bool) -> Iterator[dict[str, Any]]:
        """Yield the chunks of an event; after the End one of usage, where it is ``counted``."""
        if isinstance(event, Told):
            yield self._chunk({}, extension=event.extension)
        elif isinstance(event, Delta):
            calls = {"tool_calls": list(event.tool_calls)} if event.tool_calls else {}
            yield self._chunk({**({"content": event.content} if event.content else {}), **calls})
        else:
            yield self._chunk({}, finish=event.finish, extension=event.extension)
            if counted:
                yield {**self._head("chat.completion.chunk"), "choices": [], "usage": event.usage}

    def _chunk(
        self, delta: dict[str, Any], finish: Finish | None = None, extension: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        more = {"sightloop": extension} if extension else {}
        return {**self._head("chat.completion.chunk"), "choices": [choice], **more}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def event_line(data: object) -> bytes:
    """Return data as one event of a stream."""
    text = data if isinstance(data, str) else json.dumps(data, allow_nan=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode("ascii")
