"""Chats with the agent: a question, what it is about, and the steps, evidence and cost of its answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from ...agent import VisualAgent
from ...agent.approval import Pending
from ...agent.inputs import Input
from ...agent.result import Result
from ...errors import InputError
from ...memory.store import VisualMemory
from ...tools.followup import complete
from ...tools.remember import memory_of
from ..media import KINDS, Media, Shown
from .chat_request import Asked, ChatRequest, parts_of, text_of
from .depends import Caller, Server
from .failures import Refused
from .replies import Delta, End, Event, Told

UNREAD = "the agent reads no instructions: the system's messages were left out"
"""Note on a conversation that has some."""


def events(asked: ChatRequest, server: Server, caller: Caller, cancel: threading.Event) -> Iterator[Event]:
    """Answer a request: each step when it is done, then the answer.

    Parameters
    ----------
    asked : ChatRequest
    server : Server
    caller : Caller
        Whose memories, files and conversations it is about.
    cancel : threading.Event
        Set when nobody waits any more.

    Raises
    ------
    SightloopError
        As of :class:`~sightloop.agent.VisualAgent`.
    Refused
        If the request asks for what the agent does not do.
    """
    _no_more_than_it_does(asked)
    wanted, tenant = asked.sightloop or Asked(), caller.tenant
    messages = asked.conversation()
    with ExitStack() as stack:
        stack.enter_context(server.talking.alone(caller.key_id, wanted.thread))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="sightloop-")))
        media = Media(urls=server.settings.url_hosts or False, opened=tenant.path)
        question, shown = _question(messages, media, folder, follow=wanted.thread is None)
        memory = _memory(wanted, caller, server, shown, stack)
        agent = VisualAgent(
            server.models.first,
            memory=memory,
            limits=wanted.limits,
            checkpointer=tenant.checkpointer if wanted.thread is not None else None,
        )
        inputs: list[Input] = [one.still() if one.kind == "picture" else one.path for one in shown]
        for event in agent.stream(question, inputs, thread=wanted.thread, cancel=cancel):
            if isinstance(event, Result):
                yield from _told(event, question, asked, caller, _instructed(messages))
            elif not isinstance(event, Pending):  # there are none: nothing here is to be approved
                yield Told({"step": _public(caller, event.model_dump(mode="json"))})


def _no_more_than_it_does(asked: ChatRequest) -> None:
    if asked.tools:
        raise Refused(
            400, "sightloop-agent has tools of its own: ask a checkpoint to call yours.", param="tools"
        )
    if asked.response_format is not None and asked.response_format.get("type") != "text":
        raise Refused(
            400,
            "sightloop-agent answers in text: ask a checkpoint for a response_format.",
            param="response_format",
        )


def _question(
    messages: list[BaseMessage], media: Media, folder: Path, *, follow: bool
) -> tuple[str, list[Shown]]:
    """Return what is asked, and what about: in a conversation that is not kept, what was shown last."""
    said = [message for message in messages if isinstance(message, HumanMessage)]
    if not said or messages[-1] is not said[-1]:
        raise InputError("the last message is not the user's: end with a question.", input="messages")
    question, parts = text_of(said[-1]), parts_of(said[-1])
    for before in reversed(said[:-1] if follow else []):
        parts = parts or parts_of(before)
    if follow and question.strip():
        whole = ""
        for message in said:
            whole = complete(text_of(message), whole)
        question = whole
    return question, [_shown(part, media, folder) for part in parts]


def _shown(part: dict[str, Any], media: Media, folder: Path) -> Shown:
    if part.get("type") not in KINDS:
        raise InputError(
            f"a part of type {part.get('type')!r} is not read; send text, {', '.join(sorted(KINDS))}.",
            input=str(part.get("type")),
        )
    return media.read(part, folder)


def _memory(
    wanted: Asked, caller: Caller, server: Server, shown: list[Shown], stack: ExitStack
) -> VisualMemory | None:
    """Open the memory that is searched: the named one, that of the named files, or one for this run only."""
    searched = [one for one in shown if one.kind in ("video", "document")]
    passing = next((one for one in shown if one.passing and one.kind != "picture"), None)
    if passing is not None and (wanted.memory or wanted.thread):
        raise InputError(
            f"{passing.name} came with the message, which is not kept: upload it to a memory, and name it by "
            "its file_id.",
            input=passing.name,
        )
    kept = [caller.tenant.catalogue.source(one.name) for one in searched if not one.passing]
    owners = {source.memory for source in kept if source is not None}
    if wanted.memory is not None:
        owners.add(wanted.memory)
    if len(owners) > 1 or (owners and passing is not None):
        raise InputError("a question is about files of one memory at a time.", input="messages")
    if owners:
        return stack.enter_context(caller.tenant.memory(owners.pop()))
    if searched:
        return stack.enter_context(memory_of(server.models.first))
    return None


def _instructed(messages: list[BaseMessage]) -> bool:
    return any(message.type == "system" for message in messages)


def _told(
    result: Result, question: str, asked: ChatRequest, caller: Caller, instructed: bool
) -> Iterator[Event]:
    wanted, usage = asked.sightloop or Asked(), result.usage
    extension: dict[str, Any] = {
        "result_id": None,
        "report": None,
        "thread": wanted.thread,
        "memory": wanted.memory,
        "confidence": result.confidence,
        "evidence": [one.model_dump(mode="json") for one in result.evidence],
        "steps": [step.model_dump(mode="json") for step in result.steps],
        "usage": usage.model_dump(mode="json"),
        "notes": [*result.notes, *result.skipped, *([UNREAD] if instructed else [])],
        "stopped_because": result.stopped_because,
    }
    if asked.store is not False:
        kept = caller.tenant.keep(question, result, wanted.thread, wanted.memory)
        extension |= {"result_id": kept, "report": f"/v1/results/{kept}/report"}
    yield Delta(result.answer)
    read = usage.visual_tokens + usage.text_tokens
    yield End("stop", read, usage.new_tokens, _public(caller, extension))


def _public(caller: Caller, told: dict[str, Any]) -> dict[str, Any]:
    """Return a record with files named by their ids, not by where they lie on this machine."""
    public: dict[str, Any] = json.loads(caller.tenant.told(json.dumps(told, ensure_ascii=False)))
    return public
