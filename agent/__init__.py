"""The agent: plans looks within limits, answers, and shows what the answer rests on."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .brains import Brain, Playbook
    from .limits import Limits
    from .loop import VisualAgent
    from .steps import Result, Step

_HOMES = {
    "Brain": ".brains",
    "Limits": ".limits",
    "Playbook": ".brains",
    "Result": ".steps",
    "Step": ".steps",
    "VisualAgent": ".loop",
}

__all__ = ["Brain", "Limits", "Playbook", "Result", "Step", "VisualAgent"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value
