"""Shapes: what is kept, as clients read it."""

from __future__ import annotations

import json
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ...memory.records import Text
from ...memory.search import Hit
from ...memory.still import Box, Frame, Page, Photo, View
from .catalogue import MemoryRow, ResultRow, SourceRow, Status, UploadRow
from .tenants import Tenant

T = TypeVar("T")

Name = Annotated[str, Field(min_length=1, max_length=255)]


class Asked(BaseModel):
    """Of a request: fields that it does not know are errors, not silently ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Listed(BaseModel, Generic[T]):
    """A list, as OpenAI's lists are."""

    object: Literal["list"] = "list"
    data: list[T]


class Deleted(BaseModel):
    """Something is gone."""

    id: str
    object: str
    deleted: Literal[True] = True


class NewMemory(Asked):
    """A memory to begin."""

    name: Name = "memory"


class Memory(BaseModel):
    """A memory: files that can be searched and asked about together."""

    id: str
    object: Literal["memory"] = "memory"
    name: str
    created_at: int
    sources: int
    bytes: int

    @classmethod
    def of(cls, tenant: Tenant, row: MemoryRow) -> Memory:
        """Tell of a memory."""
        sources = tenant.catalogue.sources(row.id)
        return cls(
            id=row.id,
            name=row.name,
            created_at=int(row.created),
            sources=len(sources),
            bytes=sum(source.bytes for source in sources),
        )


class Progress(BaseModel):
    """How far indexing is: ``done`` of ``of`` seconds of a video or pages of a document, where known."""

    done: float | None
    of: float | None
    stills: int


class Source(BaseModel):
    """A file of a memory: it can be asked about when its status is ready."""

    id: str
    object: Literal["memory.source"] = "memory.source"
    memory: str
    name: str
    kind: str
    bytes: int
    created_at: int
    status: Status
    progress: Progress | None
    error: str | None
    stills: int | None
    pages: int | None
    duration: float | None
    warnings: list[str]

    @classmethod
    def of(cls, tenant: Tenant, row: SourceRow) -> Source:
        """Tell of a source."""
        at = tenant.progress.get(row.id)
        return cls(
            id=row.id,
            memory=row.memory,
            name=row.name,
            kind=row.kind,
            bytes=row.bytes,
            created_at=int(row.created),
            status=row.status,
            progress=Progress(done=at.done, of=at.of, stills=at.stills) if at else None,
            error=row.error,
            stills=row.stills,
            pages=row.pages,
            duration=row.duration,
            warnings=json.loads(row.warnings),
        )


class NewUpload(Asked):
    """A file to come in by pieces."""

    name: Name
    size: Annotated[int, Field(ge=1, lt=2**53)]


class Upload(BaseModel):
    """A file that is on its way: ``offset`` of its ``size`` bytes are kept; its source, once it is whole."""

    id: str
    object: Literal["upload"] = "upload"
    memory: str
    name: str
    size: int
    offset: int
    source: Source | None = None

    @classmethod
    def of(cls, row: UploadRow) -> Upload:
        """Tell of an upload."""
        return cls(id=row.id, memory=row.memory, name=row.name, size=row.size, offset=row.offset)

    @classmethod
    def whole(cls, tenant: Tenant, row: SourceRow) -> Upload:
        """Tell of the upload that a source came in by."""
        return cls(
            id=row.id,
            memory=row.memory,
            name=row.name,
            size=row.bytes,
            offset=row.bytes,
            source=Source.of(tenant, row),
        )


class Search(Asked):
    """What to look for in a memory."""

    query: Annotated[str, Field(min_length=1, max_length=2000)]
    top: Annotated[int, Field(ge=1, le=100)] = 5
    sources: Annotated[list[str], Field(max_length=1000)] | None = None
    kinds: list[Literal["photo", "video", "document"]] | None = None
    start: Annotated[float, Field(ge=0)] | None = None
    end: Annotated[float, Field(ge=0)] | None = None


class FoundText(BaseModel):
    """Words that were found: said, written on a picture or a page, or said about it."""

    channel: str
    text: str
    start: float | None
    end: float | None
    box: tuple[float, float, float, float] | None

    @classmethod
    def of(cls, text: Text) -> FoundText:
        """Tell of a text."""
        return cls(
            channel=text.channel, text=text.text, start=text.start, end=text.end, box=_corners(text.box)
        )


class Found(BaseModel):
    """A picture that was found; ``media`` is where it can be had, boxes are in its own pixels."""

    object: Literal["memory.hit"] = "memory.hit"
    handle: str
    source: str
    name: str
    kind: Literal["photo", "frame", "page", "view"]
    t: float | None
    page: int | None
    span: tuple[float, float] | None
    width: int
    height: int
    score: float
    similarity: float
    box: tuple[float, float, float, float] | None
    texts: list[FoundText]
    media: str

    @classmethod
    def of(cls, source: SourceRow, hit: Hit) -> Found:
        """Tell of a hit in a source."""
        origin: Photo | Frame | Page | View = hit.origin
        return cls(
            handle=hit.id,
            source=source.id,
            name=source.name,
            kind=origin.kind,
            t=hit.t,
            page=origin.number if isinstance(origin, Page) else None,
            span=(hit.span.start, hit.span.end) if hit.span else None,
            width=hit.ref.width,
            height=hit.ref.height,
            score=hit.score,
            similarity=hit.similarity,
            box=_corners(hit.box),
            texts=[FoundText.of(text) for text in hit.texts],
            media=f"/v1/memories/{source.memory}/media/{hit.id}",
        )


def _corners(box: Box | None) -> tuple[float, float, float, float] | None:
    return (box.x0, box.y0, box.x1, box.y1) if box else None


class Turn(BaseModel):
    """A question of a conversation, and what was answered."""

    result: str
    created_at: int
    question: str
    answer: str
    confidence: float
    memory: str | None
    report: str

    @classmethod
    def of(cls, row: ResultRow) -> Turn:
        """Tell of a result."""
        return cls(
            result=row.id,
            created_at=int(row.created),
            question=row.question,
            answer=row.answer,
            confidence=row.confidence,
            memory=row.memory,
            report=f"/v1/results/{row.id}/report",
        )


class Conversation(BaseModel):
    """A conversation, named by its first question."""

    id: str
    object: Literal["conversation"] = "conversation"
    title: str
    created_at: int
    updated_at: int
    turns: int
    memory: str | None


class WholeConversation(Conversation):
    """A conversation with its turns, the first one first."""

    data: list[Turn]
