"""Brains: what to do next, given what a run knows so far.

A brain only decides; the loop acts and limits hold it. The protocol is one method, so that a language model
can take the same seat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ..tools.intents import about_the_whole
from .state import State

Action = Literal["plan", "look", "divide", "closer", "verify", "answer"]
"""What a brain can ask for; "answer" ends the run."""


class Brain(Protocol):
    """Decides what a run does next."""

    def next(self, state: State) -> Action:
        """Return the next action for ``state``, which it must not change."""


@dataclass(frozen=True, slots=True)
class Playbook:
    """Plans by the state of the evidence, without a language model: the embedded default.

    Plan, look, divide where several small looks answer better, look closer where unsure, verify, answer. A
    rejected answer is looked at closer too.
    Long answers are not: crops never repeat a sentence word for word, so nothing could be compared. Nor are
    counts and places: a crop shows less of what is counted, and has its own left and right (closer looks took
    counting by colour from 85 to 78 % right).

    Parameters
    ----------
    sure : float, 0..1
        Confidence from which an answer needs no closer look.
    closer_looks : int
        How many times at most to look closer, each time into the region that the last one found.
    """

    sure: float = 0.7
    closer_looks: int = 2

    def next(self, state: State) -> Action:
        """Return the next action for ``state``."""
        if not state.planned:
            return "plan"
        if state.draft is None:
            return "look"
        if state.goal is not None:
            return "divide"
        unsure = state.draft.confidence < self.sure or state.rejected
        worth_it = state.draft.short and not about_the_whole(state.question)
        if unsure and worth_it and state.closer_looks < self.closer_looks and state.can_look_closer:
            return "closer"
        return "answer" if state.verified else "verify"
