"""Chat: ``POST /v1/chat/completions``, by a checkpoint or by the agent."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from . import agent_chat, model_chat
from .chat_request import ChatRequest
from .depends import Caller, Server, TheCaller, TheServer
from .failures import Json, refused
from .registry import AGENT
from .replies import End, Event, Reply, event_line
from .working import streamed, while_waited_for

router = APIRouter(prefix="/v1/chat", tags=["chat"])

UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Has proxies pass a stream on as it comes."""


@router.post("/completions", response_model=None)
async def completions(request: Request, asked: ChatRequest, server: TheServer, caller: TheCaller) -> Response:
    """Answer the last message, in one piece or as a stream of events."""
    reply = Reply(asked.model)
    events = _counted(_events(asked, server, caller), asked.model, request)
    if not asked.stream:
        async with while_waited_for(request):
            return Json(reply.whole([event async for event in events]))
    # An error before the first word has a status of its own; later ones are told in the stream.
    async with while_waited_for(request):
        first = await anext(events)
    lines = _lines(reply, first, events, asked.counted)
    return StreamingResponse(lines, media_type="text/event-stream", headers=UNBUFFERED)


def _events(asked: ChatRequest, server: Server, caller: Caller) -> AsyncIterator[Event]:
    answering = agent_chat.events if asked.model == AGENT else model_chat.events

    def work(cancel: threading.Event) -> Iterator[Event]:
        return answering(asked, server, caller, cancel)

    return streamed(server, work)


async def _counted(events: AsyncIterator[Event], model: str, request: Request) -> AsyncIterator[Event]:
    async for event in events:
        if isinstance(event, End):
            request.app.state.metrics.tokens(model, event.prompt_tokens, event.completion_tokens)
        yield event


async def _lines(
    reply: Reply, first: Event, events: AsyncIterator[Event], counted: bool
) -> AsyncIterator[bytes]:
    yield event_line(reply.first())
    try:
        for chunk in reply.chunks(first, counted=counted):
            yield event_line(chunk)
        async for event in events:
            for chunk in reply.chunks(event, counted=counted):
                yield event_line(chunk)
    except Exception as error:  # noqa: BLE001 - the status is sent, so that the stream has to tell it
        yield event_line(refused(error).to_json())
    yield event_line("[DONE]")
