"""Chats with a checkpoint: OpenAI's request to LangChain's chat model, and its answer back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk

from ..langchain import ChatLlavaNext
from ..media import Media
from .chat_request import ChatRequest
from .depends import Caller, Server
from .failures import Refused
from .replies import Delta, End, Event, Finish


def events(asked: ChatRequest, server: Server, caller: Caller, cancel: threading.Event) -> Iterator[Event]:
    """Answer a request.

    Parameters
    ----------
    asked : ChatRequest
    server : Server
    caller : Caller
        Whose files messages may name.
    cancel : threading.Event
        Set when nobody waits any more.

    Raises
    ------
    SightloopError
        As of :class:`~sightloop.integrations.langchain.ChatLlavaNext`.
    Refused
        If the request asks for what there is not.
    """
    if asked.sightloop is not None:
        raise Refused(400, "only sightloop-agent reads the field 'sightloop'.", param="sightloop")
    media = Media(urls=server.settings.url_hosts or False, opened=caller.tenant.path)
    model = ChatLlavaNext(eyes=server.models.of(asked.model), media=media, max_tokens=asked.longest)
    options = {**_options(asked), "cancel": cancel}
    messages = asked.conversation()
    if asked.stream:
        said = model.stream(messages, **options)
    else:
        said = iter([cast("AIMessageChunk", model.invoke(messages, **options))])
    last: AIMessage | None = None
    for message in said:
        yield from _deltas(message)
        last = message if message.usage_metadata else last
    assert last is not None  # its usage ends every answer
    yield _end(last)


def _options(asked: ChatRequest) -> dict[str, Any]:
    """Return what of a request changes how the model answers."""
    options: dict[str, Any] = {}
    if asked.stop:
        options["stop"] = [asked.stop] if isinstance(asked.stop, str) else asked.stop
    if asked.tools:
        options["tools"] = asked.tools
        options["tool_choice"] = asked.tool_choice
    if asked.response_format is not None:
        options["response_format"] = asked.response_format
    return options


def _deltas(message: AIMessage) -> Iterator[Delta]:
    if isinstance(message, AIMessageChunk) and message.tool_call_chunks:
        calls = [
            _call(index, part["id"], part["name"], part["args"] or "")
            for index, part in enumerate(message.tool_call_chunks)
        ]
    else:
        calls = [
            _call(index, call["id"], call["name"], json.dumps(call["args"], ensure_ascii=False))
            for index, call in enumerate(message.tool_calls)
        ]
    if message.text or calls:
        yield Delta(message.text, tuple(calls))


def _call(index: int, id_: str | None, name: str | None, arguments: str) -> dict[str, Any]:
    return {
        "index": index,
        "id": id_,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _end(message: AIMessage) -> End:
    usage, told = message.usage_metadata, message.response_metadata
    assert usage is not None
    finish: Finish = "length" if told.get("finish_reason") == "length" else "stop"
    if message.tool_calls or told.get("finish_reason") == "tool_calls":
        finish = "tool_calls"
    extension = {"confidence": told.get("confidence"), "notes": told.get("notes", [])}
    return End(finish, usage["input_tokens"], usage["output_tokens"], extension)
