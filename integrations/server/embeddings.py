"""Embeddings: ``POST /v1/embeddings``, of texts, and as an extension of pictures, in one space."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field, field_validator

from ...errors import InputError
from ...memory import Still
from ...tools.sharing import SharedEyes
from ..media import Media
from .chat_request import fits
from .depends import Caller, Server, TheCaller, TheServer
from .failures import Json, Refused
from .registry import AGENT
from .working import streamed, while_waited_for

router = APIRouter(prefix="/v1", tags=["embeddings"])

MOST_ITEMS = 256
"""Texts and pictures of one request."""

Item = Annotated[str, Field(min_length=1)] | dict[str, Any]
"""A text, or a picture as a part of a message: ``{"type": "image_url", "image_url": {"url": ...}}``."""


class EmbeddingRequest(BaseModel):
    """The body of ``POST /v1/embeddings``."""

    model: str
    input: Item | Annotated[list[Item], Field(min_length=1, max_length=MOST_ITEMS)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _no_tokens(cls, given: Any) -> Any:
        """Refuse token ids, which some clients send unasked: they are those of another model."""
        first = given[0] if isinstance(given, list) and given else None
        if isinstance(first, int) or (isinstance(first, list) and first and isinstance(first[0], int)):
            raise ValueError("send texts, not token ids (in LangChain: check_embedding_ctx_length=False)")
        return given


@router.post("/embeddings", response_model=None)
async def embeddings(
    request: Request, asked: EmbeddingRequest, server: TheServer, caller: TheCaller
) -> Response:
    """Put texts and pictures into the space of a checkpoint, where those that go together are near."""
    if asked.dimensions is not None:
        raise Refused(400, "the vectors cannot be shortened; leave 'dimensions' out.", param="dimensions")
    name = server.models.first.name if asked.model == AGENT else asked.model
    eyes, items = server.models.of(name), asked.input if isinstance(asked.input, list) else [asked.input]

    def work(_: threading.Event) -> Iterator[tuple[NDArray[np.float32], int]]:
        stills = _read(items, server, caller)
        yield eyes.embed(stills), sum(_tokens(eyes, item) for item in stills)

    async with while_waited_for(request):
        [(vectors, tokens)] = [found async for found in streamed(server, work)]
    request.app.state.metrics.tokens(name, tokens, 0)
    data = [
        {"object": "embedding", "index": index, "embedding": _written(vector, asked.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Json({"object": "list", "model": asked.model, "data": data, "usage": usage})


def _read(items: list[str | dict[str, Any]], server: Server, caller: Caller) -> list[Still | str]:
    """Return texts as they are, and the pixels of pictures."""
    fits("input", *(item for item in items if isinstance(item, str)))
    media = Media(urls=server.settings.url_hosts or False, opened=caller.tenant.path)
    found: list[Still | str] = []
    with TemporaryDirectory(prefix="sightloop-") as folder:
        for item in items:
            if isinstance(item, str):
                found.append(item)
                continue
            shown = media.read(item, Path(folder))
            if shown.kind != "picture":
                raise InputError(f"{shown.name} is a {shown.kind}; only texts and pictures are embedded.")
            found.append(shown.still())
    return found


def _tokens(eyes: SharedEyes, item: Still | str) -> int:
    plan = eyes.plan([item])
    return plan.visual_tokens + plan.text_tokens


def _written(vector: NDArray[np.float32], encoding: str) -> list[float] | str:
    if encoding == "float":
        return [float(value) for value in vector]
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()
