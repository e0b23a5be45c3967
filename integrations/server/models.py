"""Models: what a client may name as one, listed."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from .depends import TheServer
from .registry import AGENT

router = APIRouter(prefix="/v1/models", tags=["models"])


class Model(BaseModel):
    """A model as OpenAI's clients read it."""

    id: str
    object: str = "model"
    created: int
    owned_by: str = "sightloop"


class ModelList(BaseModel):
    """All models."""

    object: str = "list"
    data: list[Model]


@router.get("")
def every(server: TheServer) -> ModelList:
    """List the models."""
    since = server.models.since
    return ModelList(data=[Model(id=name, created=since) for name in server.models.names])


@router.get("/{name:path}")
def one(name: str, server: TheServer) -> Model:
    """Return one model."""
    if name != AGENT:
        server.models.of(name)
    return Model(id=name, created=server.models.since)
