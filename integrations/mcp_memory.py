"""The memory as resources of MCP: what it holds, the stills of each source, and each still as a picture."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mcp.types import (
    BlobResourceContents,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from ..agent.files import called
from ..agent.messages import encoded
from ..errors import InputError
from ..memory.storage import key_of

if TYPE_CHECKING:
    from ..memory.records import Source, Stored, Text
    from ..memory.store import VisualMemory

ROOT = "sightloop://memory"
SOURCES = f"{ROOT}/sources/"
STILLS = f"{ROOT}/stills/"
JSON = "application/json"

MEMORY = Resource(
    name="memory",
    uri=ROOT,
    description="Which videos, photos and documents the memory holds, and how far each is indexed.",
    mime_type=JSON,
)
TEMPLATES = [
    ResourceTemplate(
        name="source",
        uri_template=f"{SOURCES}{{source}}",
        description="The stills of a source, in order, with the texts that belong to each.",
        mime_type=JSON,
    ),
    ResourceTemplate(
        name="still",
        uri_template=f"{STILLS}{{handle}}",
        description="A still as a picture, by the handle that `find` and the source tell.",
    ),
]


def resources(memory: VisualMemory) -> list[Resource]:
    """Return each source of the memory."""
    return [
        Resource(
            name=called(source.path),
            uri=_uri(source),
            description=f"{source.kind} of {source.stills} stills: {source.path}",
            mime_type=JSON,
        )
        for source in memory.sources()
    ]


def contents(memory: VisualMemory, uri: str) -> ReadResourceResult:
    """Return what a resource holds.

    Parameters
    ----------
    memory : VisualMemory
    uri : str
        Of ``MEMORY``, one of :func:`resources`, or made from one of ``TEMPLATES``; some clients write
        ``%3A`` for a colon.

    Raises
    ------
    InputError
        If the memory holds nothing of this name.
    StorageError
        If a still's pixels are gone.
    """
    name = unquote(uri)
    if name == ROOT:
        sources = [{"uri": _uri(source), **asdict(source)} for source in memory.sources()]
        return _json(uri, {"sources": sources, "size": memory.size()})
    if name.startswith(SOURCES):
        source = _source(memory, name.removeprefix(SOURCES), uri)
        return _json(
            uri, {"source": source.path, "stills": [_still(one) for one in memory.stored(source.path)]}
        )
    if name.startswith(STILLS):
        data, kind = encoded(memory.still(memory.held(name.removeprefix(STILLS))))
        return ReadResourceResult(contents=[BlobResourceContents(uri=uri, blob=data, mime_type=kind)])
    raise _unknown(uri)


def _json(uri: str, value: Any) -> ReadResourceResult:
    text = json.dumps(value, ensure_ascii=False)
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, text=text, mime_type=JSON)])


def _uri(source: Source) -> str:
    return SOURCES + key_of(source.path)


def _still(stored: Stored) -> dict[str, Any]:
    return {
        "handle": stored.id,
        "uri": STILLS + stored.id,
        "t": stored.t,
        "page": stored.page,
        "size": [stored.ref.width, stored.ref.height],
        "texts": [_text(text) for text in stored.texts],
    }


def _text(text: Text) -> dict[str, Any]:
    box = text.box.model_dump(exclude={"kind"}) if text.box is not None else None
    return {**asdict(text), "box": box}


def _source(memory: VisualMemory, key: str, uri: str) -> Source:
    for source in memory.sources():
        if key_of(source.path) == key:
            return source
    raise _unknown(uri)


def _unknown(uri: str) -> InputError:
    return InputError(f"the memory holds no {uri}; {ROOT} lists what it holds.", input=uri)
