"""Health: whether the process lives, and whether it can take work."""

from __future__ import annotations

import os

from fastapi import APIRouter

from .depends import TheServer
from .failures import Refused

router = APIRouter(prefix="/health", tags=["operation"])


@router.get("/live")
def live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "live"}


@router.get("/ready")
def ready(server: TheServer) -> dict[str, str]:
    """Say that requests can be worked on: the models are loaded, and what is kept can be written."""
    if not os.access(server.settings.data, os.W_OK):
        raise Refused(503, "the folder of what is kept cannot be written.", code="not_ready")
    dead = [name for name, eyes in server.models.eyes.items() if not eyes.alive]
    if dead:
        raise Refused(503, f"no longer running: {', '.join(dead)}.", code="not_ready")
    return {"status": "ready"}
