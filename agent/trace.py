"""Trace: do again what a saved run did, and say what came out differently."""

from __future__ import annotations

from itertools import zip_longest

from .brains import Move, Recorded
from .limits import Limits
from .loop import VisualAgent
from .result import Result
from .steps import AnswerStep, CallStep, ObservationStep, PlanStep, Step, VerifyStep


def moves(result: Result) -> tuple[Move, ...]:
    """Return what the brain of a run decided, in order."""
    found = []
    for step in result.steps:
        if isinstance(step, CallStep):
            found.append(Move(calls=step.calls, text=step.thought))
        elif isinstance(step, VerifyStep) and step.sent_back:
            found.append(Move(text=step.claim if step.by_brain else ""))
        elif isinstance(step, AnswerStep):
            found.append(Move(text=step.answer if step.by_brain else ""))
    return tuple(found)


def replay(agent: VisualAgent, result: Result) -> Result:
    """Make the same calls about the same pictures, with the eyes of ``agent``.

    Parameters
    ----------
    agent : VisualAgent
        Whose eyes look now; its brain is not asked.
    result : Result
        As it was returned, or opened from where it was saved.

    Returns
    -------
    Result

    Raises
    ------
    EvidenceError
        If a picture's pixels are no longer to be had.
    """
    (planned,) = [step for step in result.steps if isinstance(step, PlanStep)]
    wholes = [(result.still(picture.still), picture.region) for picture in planned.pictures]
    stills = [whole.crop(region) if region is not None else whole for whole, region in wholes]
    # The record says when to end, not today's limits.
    brain = Recorded(moves(result), planned.parts)
    again = VisualAgent(agent.eyes, brain=brain, memory=agent.memory, limits=Limits(steps=None))
    scene = [planned.scene] if planned.scene is not None else []
    return again.run(result.question, [*stills, *planned.videos, *scene])


def diff(one: Result, other: Result) -> tuple[str, ...]:
    """Say what differs between two runs, step by step; times and costs are not compared.

    Returns
    -------
    tuple of str
        One line for each step that differs, and for the answers; none if the runs are the same.
    """
    lines = []
    for number, pair in enumerate(zip_longest(one.steps, other.steps), start=1):
        first, second = ("nothing" if step is None else _told(step) for step in pair)
        if first != second:
            lines.append(f"step {number}: {first} -> {second}")
    if one.model != other.model:
        lines.append(f"model: {one.model} -> {other.model}")
    return tuple(lines)


def _told(step: Step) -> str:
    """Return what a step says, without what it took."""
    if isinstance(step, CallStep):
        return ", ".join(f"{call.tool}({call.arguments})" for call in step.calls)
    if isinstance(step, ObservationStep):
        return f"{step.tool}: {step.text}"
    if isinstance(step, PlanStep):
        return f"{step.question!r} about {', '.join(map(str, step.pictures))}"
    return f"{step.kind}: {step.summary}"
