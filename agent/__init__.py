"""The agent: plans looks within limits, answers, and shows what the answer rests on."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .approval import Decision, Pending
    from .brains import Brain, Move, Playbook
    from .limits import Limits
    from .loop import VisualAgent
    from .result import Result
    from .state import State
    from .steps import Call, Step

_HOMES = {
    "Brain": ".brains",
    "Call": ".steps",
    "Decision": ".approval",
    "Limits": ".limits",
    "Move": ".brains",
    "Pending": ".approval",
    "Playbook": ".brains",
    "Result": ".result",
    "State": ".state",
    "Step": ".steps",
    "VisualAgent": ".loop",
}

__all__ = [
    "Brain",
    "Call",
    "Decision",
    "Limits",
    "Move",
    "Pending",
    "Playbook",
    "Result",
    "State",
    "Step",
    "VisualAgent",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value
