"""Approval: a person decides about a tool call before it runs, by LangGraph's interrupt.

What is asked and what is decided has the form of LangChain's human-in-the-loop middleware, so that faces made
for one serve the other.
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.types import interrupt
from pydantic import ValidationError

from ..errors import InputError
from .steps import Call, Record

DECISIONS = ("approve", "edit", "reject")


class Decision(Record):
    """What a person decided about a tool call.

    Parameters
    ----------
    type : "approve", "edit" or "reject"
    edited_action : dict, optional
        ``{"name": tool, "args": {...}}``, for "edit": what is run instead.
    message : str, optional
        Why, for "reject": told to the brain.
    """

    type: Literal["approve", "edit", "reject"]
    edited_action: dict[str, Any] | None = None
    message: str | None = None


class Pending(Record):
    """A run that waits for a person: ``thread`` to resume, and the call that is asked about."""

    thread: str
    call: Call


def approved(call: Call) -> tuple[Call, str | None]:
    """Wait for a person, and return the call to run, and why not to run it if it was refused.

    Raises
    ------
    InputError
        If what was decided is no decision.
    """
    answer = interrupt(
        {
            "action_requests": [
                {"name": call.tool, "args": call.arguments, "description": f"The agent wants to {call.tool}."}
            ],
            "review_configs": [{"action_name": call.tool, "allowed_decisions": list(DECISIONS)}],
            "call": call.model_dump(mode="json"),
        }
    )
    decision = decided(answer)
    if decision.type == "reject":
        why = f": {decision.message}" if decision.message else ""
        return call, f"a person refused this call{why}. Do without it."
    if decision.type == "edit":
        action = decision.edited_action or {}
        edited = {"tool": action.get("name", call.tool), "arguments": action.get("args", call.arguments)}
        return Call.model_validate({"id": call.id, **edited}), None
    return call, None


def decided(answer: Any) -> Decision:
    """Read a decision: a Decision, its type alone, its JSON, or LangChain's ``{"decisions": [...]}``.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if isinstance(answer, Decision):
        return answer
    if isinstance(answer, str):
        answer = {"type": answer}
    decisions = answer.get("decisions") if isinstance(answer, dict) else None
    if isinstance(decisions, list) and len(decisions) == 1:
        answer = decisions[0]
    try:
        return Decision.model_validate(answer)
    except ValidationError as error:
        raise InputError(
            f"{answer!r} decides nothing about a tool call: use 'approve', 'reject', or "
            "{'type': 'edit', 'edited_action': {'name': ..., 'args': {...}}}."
        ) from error
