"""Chats with the agent: the steps of its answer as they are done, what the answer rests on, and its cost."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...agent import VisualAgent
from ...agent.approval import Pending
from ...agent.result import Result
from ...errors import SightloopError
from ...memory.still import MEMORY
from ...memory.store import VisualMemory
from ...tools.remember import memory_of
from ..media import Media
from .agent_question import Question
from .chat_request import ChatRequest, ForAgent
from .depends import Caller, Server
from .failures import Refused, refused
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
    Refused
        If the request asks for what the agent does not do, or cannot be answered.
    """
    if asked.tools:
        message = "sightloop-agent has tools of its own: ask a checkpoint to call yours."
        raise Refused(400, message, param="tools")
    if asked.response_format is not None and asked.response_format.get("type") != "text":
        message = "sightloop-agent answers in text: ask a checkpoint for a response_format."
        raise Refused(400, message, param="response_format")
    wanted = asked.sightloop or ForAgent()
    with (
        TemporaryDirectory(prefix="sightloop-") as folder,
        server.talking.alone(caller.key_id, wanted.thread),
    ):
        run = _Run(asked, wanted, server, caller, Path(folder))
        try:
            yield from run.events(cancel)
        except SightloopError as error:
            told = refused(error)
            told.detail = run.public(told.detail)
            raise told from error


@dataclass(frozen=True)
class _Run:
    """One answer of the agent; ``folder`` is for what came with the messages, and is gone after it."""

    asked: ChatRequest
    wanted: ForAgent
    server: Server
    caller: Caller
    folder: Path

    def events(self, cancel: threading.Event) -> Iterator[Event]:
        tenant, wanted = self.caller.tenant, self.wanted
        messages = self.asked.conversation()
        media = Media(urls=self.server.settings.url_hosts or False, opened=tenant.path)
        question = Question.of(messages, media, self.folder, kept=wanted.thread is not None)
        memory = question.memory(wanted, tenant)
        with ExitStack() as stack:
            agent = VisualAgent(
                self.server.models.first,
                memory=self._opened(memory, question, stack),
                limits=wanted.limits,
                checkpointer=tenant.checkpointer if wanted.thread is not None else None,
            )
            done = agent.stream(question.text, question.inputs(), thread=wanted.thread, cancel=cancel)
            for event in done:
                if cancel.is_set():
                    return
                if isinstance(event, Result):
                    unread = any(message.type == "system" for message in messages)
                    yield from self._answer(event, question.text, memory, [UNREAD] if unread else [])
                elif not isinstance(event, Pending):  # there are none: nothing here is to be approved
                    yield Told({"step": self._told(event.model_dump(mode="json"))})

    def _opened(self, memory: str | None, question: Question, stack: ExitStack) -> VisualMemory | None:
        """Open the memory; for files that came with the message, one for this answer only."""
        if memory is not None:
            return stack.enter_context(self.caller.tenant.memory(memory))
        return stack.enter_context(memory_of(self.server.models.first)) if question.searched else None

    def _answer(self, found: Result, question: str, memory: str | None, notes: list[str]) -> Iterator[Event]:
        result = self._without_files(found)
        extension: dict[str, Any] = {
            "result_id": None,
            "report": None,
            "thread": self.wanted.thread,
            "memory": memory,
            "confidence": result.confidence,
            "evidence": [one.model_dump(mode="json") for one in result.evidence],
            "steps": [step.model_dump(mode="json") for step in result.steps],
            "usage": result.usage.model_dump(mode="json"),
            "notes": [*result.notes, *result.skipped, *notes],
            "stopped_because": result.stopped_because,
        }
        if self.asked.store is not False:
            kept = self.caller.tenant.keep(question, result, self.wanted.thread, memory)
            extension |= {"result_id": kept, "report": f"/v1/results/{kept}/report"}
        yield Delta(self.public(result.answer))
        read = result.usage.visual_tokens + result.usage.text_tokens
        yield End("stop", read, result.usage.new_tokens, self._told(extension))

    def _without_files(self, result: Result) -> Result:
        """Return a result that names no file of this run's folder, but has the pixels that it speaks of."""
        refs = [*(picture.still for picture in result.pictures), *(one.still for one in result.evidence)]
        if not any(ref.origin.source.startswith(str(self.folder)) for ref in refs):
            return result
        stills = [result.still(ref) for ref in refs]
        text = result.model_dump_json().replace(f"{self.folder}/", MEMORY)
        return Result.model_validate_json(text).with_stills(stills)

    def _told(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record as a client may read it."""
        told: dict[str, Any] = json.loads(self.public(json.dumps(record, ensure_ascii=False)))
        return told

    def public(self, text: str) -> str:
        """Return a text with files named by their ids, not by where they lie on this machine."""
        return self.caller.tenant.told(text.replace(f"{self.folder}/", MEMORY))
