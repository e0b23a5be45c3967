"""Sightloop: ask questions about pictures, and get answers that show what they rest on.

The names below load on first use, so ``import sightloop`` imports neither torch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent import VisualAgent
    from .errors import SightloopError
    from .memory import Box, Evidence, Frame, Origin, Page, Photo, Point, Region, Size, Span, Still, View
    from .memory.sources.photos import photos, read_photo
    from .memory.store import VisualMemory
    from .tools.llava_next import LlavaNext

__version__ = "0.1.0"

_HOMES = {
    "VisualAgent": ".agent",
    "VisualMemory": ".memory.store",
    "SightloopError": ".errors",
    "LlavaNext": ".tools.llava_next",
    "photos": ".memory.sources.photos",
    "read_photo": ".memory.sources.photos",
    "Box": ".memory",
    "Evidence": ".memory",
    "Frame": ".memory",
    "Origin": ".memory",
    "Page": ".memory",
    "Photo": ".memory",
    "Point": ".memory",
    "Region": ".memory",
    "Size": ".memory",
    "Span": ".memory",
    "Still": ".memory",
    "View": ".memory",
}

__all__ = [
    "Box",
    "Evidence",
    "Frame",
    "LlavaNext",
    "Origin",
    "Page",
    "Photo",
    "Point",
    "Region",
    "SightloopError",
    "Size",
    "Span",
    "Still",
    "View",
    "VisualAgent",
    "VisualMemory",
    "__version__",
    "photos",
    "read_photo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
