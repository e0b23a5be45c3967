"""Brains: what to do next, given what a run knows so far.

A brain only decides; the loop acts and limits hold it. The protocol is one method, so a playbook, a language
model with tool calls and one that only writes text take the same seat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..memory import Page
from ..memory.scene import Scene
from ..tools.divide import division, settled
from ..tools.followup import complete
from ..tools.intents import Change, about_the_whole
from ..tools.llava_next.pocket.familiar import UNFAMILIAR
from ..tools.llava_next.pocket.untaught import UNTAUGHT
from ..tools.scene_questions import parse
from ..tools.video_questions import kind, split
from .state import Exchange, State
from .steps import AnswerStep, Call, CallStep, ObservationStep, Record, Step, VerifyStep
from .tool import LONGEST, Tool

STRANGE = (UNFAMILIAR, UNTAUGHT.split("{", maxsplit=1)[0])
"""How notes begin by which the embedded model says that it guesses."""


class Move(Record):
    """What a brain decided: to have tools run, or, without any, to finish.

    Parameters
    ----------
    calls : tuple of Call
        Run one after the other; none to finish.
    text : str
        Words beside the calls, or the answer; "" to finish with the draft.
    tokens : int
        What a language model read and wrote for it.
    notes : tuple of str
        What a reader of the answer must know about how it was decided.
    """

    calls: tuple[Call, ...] = ()
    text: str = ""
    tokens: int = 0
    notes: tuple[str, ...] = ()


class Brain(Protocol):
    """Decides what a run does next."""

    def next(self, state: State, tools: Mapping[str, Tool], eyes: Any) -> Move:
        """Decide.

        Parameters
        ----------
        state : State
            Which it must not change.
        tools : mapping of name to Tool
            What can be called; empty where the run must end now, with the best answer there is.
        eyes : Eyes
            The model that looks; for a brain that thinks with the same one.
        """

    def restate(self, question: str, history: tuple[Exchange, ...]) -> str:
        """Return a follow-up question ("and the left one?") complete in itself, as far as that is needed."""

    def parts(self, question: str) -> tuple[str, ...]:
        """Return what a question about videos asks, one by one where it is several at once."""


@dataclass(frozen=True, slots=True)
class Playbook:
    """Plans by the state of the evidence, without a language model: the embedded default.

    Look, look in parts where several small looks answer better, look closer where unsure, answer. What pixels
    tell better than any look at both pictures, what changed, is compared at once. A rejected answer is looked
    at closer too.
    Where the embedded model says that it was never shown such a picture, its words are read, if it has any.
    Long answers are not looked at closer: crops never repeat a sentence word for word, so nothing could be
    compared. Nor are counts and places: a crop shows less of what is counted, and has its own left and right
    (closer looks took counting by colour from 85 to 78 % right).

    Parameters
    ----------
    sure : float, 0..1
        Confidence from which an answer needs no closer look.
    closer_looks : int
        How many times at most to look closer, each time into the region that the last one found.
    """

    sure: float = 0.7
    closer_looks: int = 2

    def next(self, state: State, tools: Mapping[str, Tool], eyes: Any) -> Move:
        """Return the next move for ``state``."""
        if not tools:
            return Move()
        if state.room is not None:
            return self._in_scene(state, state.room)
        if state.only_pages:
            return self._on_pages(state)
        if state.searches and not state.found_by("find"):
            return self._call(state, "find", question=state.question)
        if state.searches:
            return self._watched(state, eyes)
        looks = state.found_by("look")
        goal = None
        if not state.found_by("look_in_parts"):
            goal = division(eyes.checkpoint, state.question, state.stills)
        looked = looks and not settled(goal, looks[0].answer or "")
        if goal is not None and (looked or isinstance(goal, Change)):
            return self._call(state, "look_in_parts", question=state.question)
        if state.draft is None:
            return self._call(state, "look", question=state.question)
        if "read" in tools and not state.found_by("read") and _strange(looks):
            return self._call(state, "read", question=state.question)
        unsure = state.draft.confidence < self.sure or state.rejected
        worth_it = state.draft.short and not about_the_whole(state.question)
        left = len(state.found_by("look_closer")) < self.closer_looks
        if unsure and worth_it and left and state.can_look_closer:
            return self._call(state, "look_closer", image=next(iter(state.gallery)))
        return Move()

    def _watched(self, state: State, eyes: Any) -> Move:
        """Plan what follows a search: pin a moment, look at frames around it, or look at what was found."""
        if any(isinstance(picture.still.origin, Page) for picture in state.found_by("find")[-1].pictures):
            return self._on_pages(state)
        wanted = kind(state.question)
        if state.draft is not None or not state.sightings:
            return Move()  # the search has answered, by what it found or by finding nothing
        if wanted == "when" and not state.found_by("pin"):
            return self._call(state, "pin", question=state.question)
        if wanted == "motion" and not state.found_by("frames"):
            return self._call(state, "frames", question=state.question)
        parts = state.found_by("look_in_parts")
        if not parts and division(eyes.checkpoint, state.question, state.stills) is not None:
            return self._call(state, "look_in_parts", question=state.question)
        return self._call(state, "look", question=state.question)

    def _on_pages(self, state: State) -> Move:
        """Plan where words answer: read the best pages, once."""
        if state.found_by("read"):
            return Move()
        return self._call(state, "read", question=state.question)

    def _in_scene(self, state: State, room: Scene) -> Move:
        """Plan in a scene: measure what can be measured; for anything else choose views, and look."""
        if state.draft is not None:
            return Move()
        measured = parse(state.question, room.names).kind != "open"
        if measured and not state.found_by("measure"):
            return self._call(state, "measure", question=state.question)
        if not state.found_by("views"):
            return self._call(state, "views", question=state.question)
        return self._call(state, "look", question=state.question)

    def restate(self, question: str, history: tuple[Exchange, ...]) -> str:
        """Return a follow-up with what it leaves out, taken from the question before."""
        return complete(question, history[-1].question) if history else question

    def parts(self, question: str) -> tuple[str, ...]:
        """Return the question's parts: "when does it come, and where does it go?" has two."""
        return split(question)

    @staticmethod
    def _call(state: State, tool: str, **arguments: str) -> Move:
        number = len(state.steps) + 1
        # Without a question, where it is too long to be repeated, a tool answers the user's own.
        repeated = {name: text for name, text in arguments.items() if len(text) <= LONGEST}
        return Move(calls=(Call(id=f"call-{number}", tool=tool, arguments={**repeated}),))


@dataclass(frozen=True, slots=True)
class Recorded:
    """Decides as a recorded run did: with it, a run is replayed.

    Parameters
    ----------
    moves : tuple of Move
    asked : tuple of str
        The questions that the run was answered as, where these were several.
    """

    moves: tuple[Move, ...]
    asked: tuple[str, ...] = ()

    def next(self, state: State, tools: Mapping[str, Tool], eyes: Any) -> Move:
        """Return the recorded move that is due."""
        done = sum(isinstance(step, CallStep | AnswerStep) or _sent_back(step) for step in state.steps)
        move = self.moves[done] if done < len(self.moves) else Move()
        return move if tools else Move(text="" if move.calls else move.text)

    def restate(self, question: str, history: tuple[Exchange, ...]) -> str:
        """Return the question: it was recorded complete."""
        return question

    def parts(self, question: str) -> tuple[str, ...]:
        """Return the parts that were recorded."""
        return self.asked or (question,)


def _strange(looks: Sequence[ObservationStep]) -> bool:
    """Tell whether the embedded model said that it was not trained on such a picture, or such words."""
    return any(note.startswith(STRANGE) for step in looks for note in step.notes)


def _sent_back(step: Step) -> bool:
    return isinstance(step, VerifyStep) and step.sent_back
