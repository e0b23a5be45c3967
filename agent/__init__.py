"""The agent: plans looks within limits, answers, and shows what the answer rests on."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .approval import Decision, Pending
    from .brains import Brain, Move, Playbook
    from .chat_brain import ChatBrain
    from .limits import Limits
    from .loop import VisualAgent
    from .result import Result
    from .state import State
    from .steps import Call, Step
    from .text_brain import TextBrain

_HOMES = {
    "Brain": ".brains",
    "Call": ".steps",
    "ChatBrain": ".chat_brain",
    "Decision": ".approval",
    "Limits": ".limits",
    "Move": ".brains",
    "Pending": ".approval",
    "Playbook": ".brains",
    "Result": ".result",
    "State": ".state",
    "Step": ".steps",
    "TextBrain": ".text_brain",
    "VisualAgent": ".loop",
}

__all__ = [
    "Brain",
    "Call",
    "ChatBrain",
    "Decision",
    "Limits",
    "Move",
    "Pending",
    "Playbook",
    "Result",
    "State",
    "Step",
    "TextBrain",
    "VisualAgent",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value
