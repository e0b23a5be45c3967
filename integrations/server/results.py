"""Results: what was answered, with its report, and the conversations that these make up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from ...memory.media import encoded
from ..report import report
from .catalogue import NotKeptError, ResultRow
from .depends import TheCaller
from .memories import MOST_SIDE, PICTURE_HEADERS, SIDE
from .shapes import Conversation, Deleted, Listed, Turn, WholeConversation

router = APIRouter(prefix="/v1", tags=["results"])

_HEADERS = {
    # the page's own policy forbids it the network; this one sets it apart from the server's pages, too
    "Content-Security-Policy": "sandbox allow-scripts; frame-ancestors 'self'",
    "Cache-Control": "private, no-store",
}


@router.get(
    "/results/{result}",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}, "description": "The object of `ask --json`."}},
)
def one(caller: TheCaller, result: str) -> Response:
    """Return a result: answer, evidence, steps and cost."""
    told = caller.tenant.told(caller.tenant.result(result).model_dump_json())
    return Response(told, media_type="application/json")


@router.get("/results/{result}/report", response_class=HTMLResponse)
def page(caller: TheCaller, result: str) -> HTMLResponse:
    """Return a result as a page that stands alone, with its evidence marked on the pictures."""
    return HTMLResponse(caller.tenant.told(report(caller.tenant.result(result))), headers=_HEADERS)


@router.get(
    "/results/{result}/pictures/{sha256}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}, "description": "The picture."}},
)
def picture(
    caller: TheCaller,
    result: str,
    sha256: str,
    side: Annotated[int, Query(ge=16, le=MOST_SIDE, description="Most pixels of the longer side.")] = SIDE,
) -> Response:
    """Return a picture that a result's evidence or its steps name by its hash, whole."""
    kept = caller.tenant.result(result)
    refs = [*(one.still for one in kept.evidence), *(one.still for one in kept.pictures)]
    ref = next((ref for ref in refs if ref.sha256 == sha256), None)
    if ref is None:
        raise NotKeptError(f"the result {result!r} has no picture {sha256!r}.", input=sha256)
    return Response(encoded(kept.still(ref), side), media_type="image/jpeg", headers=PICTURE_HEADERS)


@router.delete("/results/{result}")
def remove(caller: TheCaller, result: str) -> Deleted:
    """Remove a result and its pictures."""
    row = caller.tenant.catalogue.result(result)
    if row is None:
        raise NotKeptError(f"there is no result {result!r}.", input=result)
    caller.tenant.drop_result(row)
    return Deleted(id=result, object="result.deleted")


@router.get("/conversations")
def conversations(caller: TheCaller) -> Listed[Conversation]:
    """List the conversations, the latest first."""
    threads: dict[str, list[ResultRow]] = {}
    for row in caller.tenant.catalogue.results():
        if row.thread is not None:
            threads.setdefault(row.thread, []).append(row)
    told = [Conversation.model_validate(_about(rows)) for rows in threads.values()]
    return Listed(data=sorted(told, key=lambda one: one.updated_at, reverse=True))


@router.get("/conversations/{thread}")
def conversation(caller: TheCaller, thread: str) -> WholeConversation:
    """Return a conversation with its turns."""
    rows = _rows(caller, thread)
    return WholeConversation.model_validate({**_about(rows), "data": [Turn.of(row) for row in rows]})


@router.delete("/conversations/{thread}")
def remove_conversation(caller: TheCaller, thread: str) -> Deleted:
    """Remove a conversation with its results and their pictures."""
    for row in _rows(caller, thread):
        caller.tenant.drop_result(row)
    return Deleted(id=thread, object="conversation.deleted")


def _rows(caller: TheCaller, thread: str) -> Sequence[ResultRow]:
    rows = caller.tenant.catalogue.results(thread)
    if not rows:
        raise NotKeptError(f"there is no conversation {thread!r}.", input=thread)
    return rows


def _about(rows: Sequence[ResultRow]) -> dict[str, object]:
    """Tell of the conversation that these results make up."""
    first, last = rows[0], rows[-1]
    return {
        "id": first.thread,
        "title": first.question,
        "created_at": int(first.created),
        "updated_at": int(last.created),
        "turns": len(rows),
        "memory": last.memory,
    }
