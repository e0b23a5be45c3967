"""Memories: files that are kept for a caller, searched and forgotten, and their pictures by handle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response

from ...errors import InputError
from ...memory.kept import on_picture
from ...memory.media import encoded
from ...memory.records import Stored
from ...memory.still import Box
from ...memory.store import VisualMemory
from .catalogue import NotKeptError, SourceRow
from .depends import TheCaller
from .failures import Refused
from .intake import forget, forget_memory
from .shapes import Deleted, Found, Listed, Memory, NewMemory, Search, Source
from .tenants import Tenant

router = APIRouter(prefix="/v1/memories", tags=["memories"])

MOST_MEMORIES = 1000
"""Memories of one caller."""
SIDE = 1600
"""Pixels of a picture's longer side, unless the caller asks for another."""
MOST_SIDE = 8192
PICTURE_HEADERS = {
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": "default-src 'none'",
}
"""Of every picture: it never changes, and is nothing but a picture."""


@router.post("", status_code=201)
def create(caller: TheCaller, new: NewMemory) -> Memory:
    """Begin a memory."""
    tenant = caller.tenant
    if len(tenant.catalogue.memories()) >= MOST_MEMORIES:
        raise Refused(409, f"there are {MOST_MEMORIES} memories already: delete one first.", code="too_many")
    return Memory.of(tenant, tenant.begin(new.name))


@router.get("")
def every(caller: TheCaller) -> Listed[Memory]:
    """List the memories, the oldest first."""
    rows = caller.tenant.catalogue.memories()
    return Listed(data=[Memory.of(caller.tenant, row) for row in rows])


@router.get("/{memory}")
def one(caller: TheCaller, memory: str) -> Memory:
    """Tell of a memory."""
    return Memory.of(caller.tenant, caller.tenant.known(memory))


@router.delete("/{memory}")
def remove(caller: TheCaller, memory: str) -> Deleted:
    """Remove a memory with all of its files."""
    forget_memory(caller.tenant, caller.tenant.known(memory).id)
    return Deleted(id=memory, object="memory.deleted")


@router.get("/{memory}/sources")
def sources(caller: TheCaller, memory: str) -> Listed[Source]:
    """List the files of a memory, in the order of coming in."""
    rows = caller.tenant.catalogue.sources(caller.tenant.known(memory).id)
    return Listed(data=[Source.of(caller.tenant, row) for row in rows])


@router.get("/{memory}/sources/{source}")
def source(caller: TheCaller, memory: str, source: str) -> Source:
    """Tell of a file, and how far its indexing is."""
    return Source.of(caller.tenant, _source(caller.tenant, memory, source))


@router.delete("/{memory}/sources/{source}")
def remove_source(caller: TheCaller, memory: str, source: str) -> Deleted:
    """Forget a file, with all that the memory knows of it."""
    forget(caller.tenant, _source(caller.tenant, memory, source))
    return Deleted(id=source, object="memory.source.deleted")


@router.post("/{memory}/search")
def search(caller: TheCaller, memory: str, asked: Search) -> Listed[Found]:
    """Find pictures, moments and pages by what they show and by what is written in them."""
    tenant = caller.tenant
    known = {
        str(tenant.source_path(row)): row
        for row in tenant.catalogue.sources(tenant.known(memory).id)
        if row.kind != "scene"
    }
    wanted: list[str] | None = None
    if asked.sources is not None:
        wanted = [str(tenant.path(_source(tenant, memory, id).id)) for id in asked.sources]
    with tenant.memory(memory) as held:
        hits = held.search(
            asked.query, top=asked.top, sources=wanted, kinds=asked.kinds, start=asked.start, end=asked.end
        )
    # what has just been forgotten may still be there for a moment
    return Listed(
        data=[Found.of(known[hit.origin.source], hit) for hit in hits if hit.origin.source in known]
    )


@router.get(
    "/{memory}/media/{handle}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}, "description": "The picture."}},
)
def media(
    caller: TheCaller,
    memory: str,
    handle: str,
    box: Annotated[str | None, Query(description="A part: x0,y0,x1,y1 in pixels of the whole.")] = None,
    side: Annotated[int, Query(ge=16, le=MOST_SIDE, description="Most pixels of the longer side.")] = SIDE,
) -> Response:
    """Return a picture of a memory: a photo, a frame or a page that a search or an answer named."""
    part = _box(box) if box is not None else None
    tenant = caller.tenant
    with tenant.memory(memory) as held:
        found = _held(tenant, held, handle)
        still = held.still(found)
        if part is not None:
            still = still.crop(on_picture(part, found.ref, still))
    return Response(encoded(still, side), media_type="image/jpeg", headers=PICTURE_HEADERS)


def _source(tenant: Tenant, memory: str, id: str) -> SourceRow:
    row = tenant.catalogue.source(id)
    if row is None or row.memory != memory:
        raise NotKeptError(f"there is no file {id!r} in the memory {memory!r}.", input=id)
    return row


def _held(tenant: Tenant, memory: VisualMemory, handle: str) -> Stored:
    try:
        found = memory.held(handle)
        known = tenant.catalogue.source(Path(found.origin.source).parent.name)
    except InputError:
        known = None
    if known is None:  # or it has just been forgotten
        raise NotKeptError(f"there is no picture {handle!r} in this memory.", input=handle)
    return found


def _box(text: str) -> Box:
    try:
        x0, y0, x1, y1 = (float(number) for number in text.split(","))
        return Box(x0=x0, y0=y0, x1=x1, y1=y1)
    except ValueError as error:
        raise Refused(
            400, f"box is x0,y0,x1,y1 in pixels with x0 < x1 and y0 < y1, not {text!r}.", param="box"
        ) from error
