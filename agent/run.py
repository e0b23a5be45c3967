"""Run: one run of the loop, as its nodes read and write it.

A run's state is JSON in the channel ``run``, so any checkpointer of LangGraph keeps it; pixels that no file
holds lie beside it in ``media``. Within one call the live state is used as it is (:class:`Live`).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sized
from dataclasses import dataclass, field
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from langgraph.runtime import Runtime

from ..errors import InputError
from ..tools.look import Eyes
from .brains import Brain, Move
from .gallery import Gallery
from .inputs import Gathered, asked
from .library import Library, searched_kinds
from .limits import Currency, LimitReached, Limits, Meter
from .result import Result, surveys
from .state import Answered, Draft, Exchange, State
from .steps import Call, ObservationStep, Picture, Step, StoppedBecause
from .tool import Found
from .toolbox import tool

if TYPE_CHECKING:
    from ..memory.scene import Scene

SUMMARY_WIDTH = 80
"""Characters of an answer in a step's summary."""

_REASONS: dict[Currency, StoppedBecause] = {
    "steps": "limit:steps",
    "visual_tokens": "limit:visual_tokens",
    "seconds": "limit:seconds",
    "gpu_bytes": "limit:gpu_bytes",
}


class Turn(TypedDict, total=False):
    """The graph's channels.

    ``question`` and ``inputs`` (paths; none goes on with the pictures of the turn before) start a turn;
    ``run`` and ``media`` are the loop's own; ``result`` is the JSON of a :class:`Result`.
    """

    question: str
    inputs: list[str]
    run: dict[str, Any]
    media: dict[str, bytes]
    result: dict[str, Any]


@dataclass(slots=True)
class Live:
    """What one call of the graph holds that is no data: pictures at hand, the meter, who may cancel.

    Parameters
    ----------
    gathered : Gathered, optional
        The inputs, where the caller has read them already.
    cancel : threading.Event
    keep : bool
        Write the state to its channels after every step, for a checkpointer.
    """

    gathered: Gathered | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    keep: bool = True
    state: State | None = None
    meter: Meter | None = None
    result: Result | None = None
    told: list[dict[str, Any]] = field(default_factory=list)


class Run:
    """One run, opened by a node: its state and its meter, from the live ones or from the channels.

    Parameters
    ----------
    eyes, brain, limits
        As of :class:`~sightloop.agent.VisualAgent`.
    values : Turn
    runtime : Runtime
    """

    def __init__(
        self,
        eyes: Eyes,
        brain: Brain,
        limits: Limits,
        library: Library,
        values: Turn,
        runtime: Runtime[Live],
    ) -> None:
        self._eyes, self._brain, self._limits, self._library = eyes, brain, limits, library
        self._values = values
        self._write = runtime.stream_writer
        # Composed into somebody's graph there is no context: every node opens the run from its channels.
        given: Live | None = runtime.context
        self.live = Live() if given is None else given
        # What the channels hold is only read where this call of the graph has no state yet.
        held = values.get("run") if self.live.state is None else None
        self._kept = None if held is None else State.model_validate(held["state"])
        if self.live.meter is None:
            spent = self.live.state or self._kept
            usage, seconds = (spent.usage, spent.seconds) if spent else (None, 0.0)
            self.live.meter = Meter(eyes, limits, self.live.cancel, usage, seconds)
            self.live.meter.has_answer = spent is not None and spent.draft is not None
        self.meter = self.live.meter
        self.skipped: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """What the run knows; read from the channels, with its pictures, when it is first asked for."""
        if self.live.state is None:
            self.live.state = self._restored()
        return self.live.state

    def begin(self) -> State:
        """Start a turn: with new pictures, or with those of the turn before."""
        question, before = asked(self._values.get("question", "")), self.live.state or self._kept
        history: tuple[Exchange, ...] = ()
        if before is not None and before.draft is not None:
            history = (*before.history, Exchange(question=before.whole, answer=before.words))
        inputs = self._values.get("inputs") or []
        if self.live.gathered is None and before is not None and not inputs:
            stills = self._pictures(before.inputs).stills
            gathered = Gathered(stills, [], before.videos, before.documents, _room(before))
        else:
            gathered = self.live.gathered or self._library.gathered(inputs)
        if before is not None:  # what the turn before has spent is its own
            self.live.meter = self.meter = Meter(self._eyes, self._limits, self.live.cancel)
        memory = self._library.holding(gathered, self.meter.admit)
        self.skipped = tuple(error.message for error in gathered.skipped)
        kinds = searched_kinds(memory, gathered)
        restated = self._brain.restate(question, history)
        first, *rest = self._brain.parts(restated) if {*kinds} - {"document"} else (restated,)
        state = State.begin(
            first,
            gathered.stills,
            whole=restated,
            asked=question,
            history=history,
            videos=gathered.videos,
            documents=gathered.documents,
            searches=memory is not None,
            kinds=kinds,
            scene=gathered.scene.source if gathered.scene is not None else None,
            pending=tuple(rest),
        )
        self.live.state = state.remembering(memory).standing_in(gathered.scene)
        return self.live.state

    @property
    def over(self) -> bool:
        """Whether steps or seconds are spent, and the brain must come to an end."""
        return self._steps_left == 0 or (self.meter.over.late and bool(self.state.observations))

    @property
    def _steps_left(self) -> int | None:
        limit = self.meter.limits.steps
        done = sum(step.kind in ("observation", "verify") for step in self.state.steps)
        return None if limit is None else max(0, limit - done)

    def admit_step(self) -> None:
        """Raise where another step would go past a limit, or nobody waits any more."""
        self.meter.admit()
        if self._steps_left == 0:
            raise LimitReached("steps", needed=(self.meter.limits.steps or 0) + 1)

    def emit(self, step: Step) -> None:
        """Keep a step, and show it to whoever streams the run."""
        self.state.steps.append(step)
        self._write(step)

    def observation(self, call: Call, found: Found, *, failed: bool = False) -> ObservationStep:
        """Tell what a tool found as a step."""
        summary = found.text.split("\n")[0]
        if found.answer is not None and found.confidence is not None:
            parts = f", from {count(found.parts, 'small look')}" if found.parts else ""
            where = f", in {found.region}" if found.region else ""
            summary = f"{sure(found.answer, found.confidence)}{parts}{where}"
        return ObservationStep(
            **self.meter.lap(),
            summary=f"{call.tool}: {shorten(summary, 2 * SUMMARY_WIDTH, placeholder=' ...')}",
            notes=found.notes,
            call=call.id,
            tool=call.tool,
            text=found.text,
            answer=found.answer,
            confidence=found.confidence,
            region=found.region,
            per_still=found.per_still,
            parts=found.parts,
            comparisons=found.comparisons,
            pictures=found.pictures,
            timeline=found.timeline,
            survey=found.survey,
            failed=failed,
        )

    def learn(self, call: Call, found: Found) -> None:
        """Take a tool's answer as the draft, if it answers the run's own question or is the first."""
        state = self.state
        asked_same = call.arguments.get("question") in (None, "", state.question)
        own = asked_same and not call.arguments.get("images")
        if found.sightings is not None:
            state.sightings = found.sightings
        if found.focus is not None:
            state.focus = found.focus
        if found.answer is None or found.confidence is None:
            return
        if state.draft is not None and not own:
            return
        state.adopt(
            Draft(
                text=found.answer,
                confidence=found.confidence,
                tokens=found.tokens,
                region=found.region,
                per_still=found.per_still,
                divided=bool(found.parts or found.comparisons),
                comparisons=found.comparisons,
                frames=found.frames,
                cited=found.cited,
            )
        )
        self.meter.has_answer = True
        if found.cut_short:
            state.stopped_because = "cancelled" if self.live.cancel.is_set() else "limit:seconds"

    def finish(self, move: Move) -> None:
        """Take the brain's answer as the draft; where there is neither, look once."""
        state = self.state
        state.last_notes = move.notes
        if move.text:
            seen = [step.confidence for step in state.observations if step.confidence is not None]
            tokens = len(move.text.split())
            confidence = min(seen, default=0.5)
            state.adopt(Draft(text=move.text, confidence=confidence, tokens=tokens, said=True))
            self.meter.has_answer = True
        elif state.draft is None:
            call = Call(id="last", tool="look")
            found = tool(call.tool)(self.meter, state, {})
            self.learn(call, found)
            self.emit(self.observation(call, found))

    def stop(self, limit: LimitReached) -> Literal["answer"]:
        """End the run at a limit, with the best answer so far."""
        if self.state.draft is None:
            raise InputError(
                f"the first look takes {limit.needed:g} visual tokens, more than the limit of "
                f"{self.meter.limits.visual_tokens}; raise it, or ask about fewer or smaller pictures."
            ) from None
        self.state.stopped_because = _REASONS[limit.currency]
        return "answer"

    def cancelled(self) -> Literal["answer"]:
        """End the run because nobody waits for it, with the best answer so far, which may be none."""
        if self.state.draft is None:
            self.state.adopt(Draft(text="", confidence=0, tokens=0))
        self.state.stopped_because = "cancelled"
        return "answer"

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures of the run, in order."""
        return self.state.gallery.pictures

    def conclude(self) -> None:
        """Gather what the run found."""
        state = self.state
        assert state.draft is not None  # only a run with one ends
        last = Answered(question=state.question, draft=state.draft, evidence=state.evidence)
        parts = (*state.answered, last)
        surveyed = surveys(state.steps)
        self.live.result = Result(
            question=state.whole,
            answer=state.words,
            confidence=math.prod(part.draft.confidence for part in parts),
            evidence=tuple(item for part in parts for item in part.evidence),
            comparisons=tuple(pair for part in parts for pair in part.draft.comparisons),
            measures=tuple(measure for survey in surveyed for measure in survey.measures),
            objects=tuple(one for survey in surveyed[-1:] for one in survey.placed),
            steps=tuple(state.steps),
            usage=self.meter.usage,
            model=self.meter.name,
            stopped_because=state.stopped_because,
        ).with_stills(state.gallery.stills)

    def kept(self) -> Turn:
        """Return what the channels are to hold of the run now."""
        if not self.live.keep:
            return {}
        state, known = self.state, self._values.get("media", {})
        state.usage, state.seconds = self.meter.usage, self.meter.seconds
        pictures = [picture.model_dump(mode="json") for picture in self.pictures]
        # Steps never change: each is turned into JSON once.
        told = self.live.told
        told += [step.model_dump(mode="json") for step in state.steps[len(told) :]]
        kept: Turn = {
            "run": {
                "state": {**state.model_dump(mode="json", exclude={"steps"}), "steps": list(told)},
                "pictures": pictures,
            },
            "media": state.gallery.media(known),
        }
        if self.live.result is not None:
            kept["result"] = self.live.result.model_dump(mode="json")
        return kept

    def _restored(self) -> State:
        """Read the run that the channels hold, with its pictures."""
        assert self._kept is not None  # the first node makes one
        state = self._kept.placed(self._pictures()).standing_in(_room(self._kept))
        if not state.searches:
            return state
        searched = Gathered([], [], state.videos, state.documents)
        return state.remembering(self._library.holding(searched, lambda: None))

    def _pictures(self, count: int | None = None) -> Gallery:
        """Return the first pictures of the turn before, or all: those of a file are read from it again."""
        if self.live.state is not None:
            return Gallery(self.live.state.gallery.stills[:count])
        kept = self._values["run"]["pictures"][:count]
        return Gallery.restored(kept, self._values.get("media", {}))


def _room(state: State) -> Scene | None:
    """Return the scene that a state is about, opened again where that is needed."""
    if state.room is not None or state.scene is None:
        return state.room
    from ..memory.sources.scenes import open_scene

    return open_scene(state.scene)


def sure(text: str, confidence: float) -> str:
    """Return an answer and its confidence, in one line."""
    return f"{shorten(text, SUMMARY_WIDTH, placeholder=' ...')} ({confidence:.0%})"


def count(things: Sized | int, name: str) -> str:
    """Return how many there are, in words: "1 still", "2 stills"."""
    number = things if isinstance(things, int) else len(things)
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
