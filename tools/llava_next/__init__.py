"""The eyes: LLaVA-NeXT checkpoints, from the embedded pocket model to 110 billion parameters.

The names below load on first use, so that importing this package imports no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import Answer, Choice, Usage
    from .local import LlavaNext
    from .prompts import Prompt, Said

_HOMES = {
    "Answer": ".answers",
    "Choice": ".answers",
    "LlavaNext": ".local",
    "Prompt": ".prompts",
    "Said": ".prompts",
    "Usage": ".answers",
}

__all__ = ["Answer", "Choice", "LlavaNext", "Prompt", "Said", "Usage"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
