"""Graph: the loop as a LangGraph. Plan, think, act, verify, answer; every way through it ends with an answer.

The nodes decide what comes next; what they read and write is a :class:`~sightloop.agent.run.Run`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from ..errors import SightloopError
from ..tools.look import Eyes, distinct, looking_prompts
from .approval import approved
from .brains import Brain
from .library import Library
from .limits import Cancelled, LimitReached, Limits
from .run import Live, Run, Turn, count, sure
from .state import State
from .steps import AnswerStep, Call, CallStep, ObservationStep, PlanStep, VerifyStep
from .tool import Found
from .toolbox import tool, usable
from .verify import verify

Node = Literal["plan", "think", "act", "verify", "answer", "__end__"]
"""Where the loop goes on; "__end__" is LangGraph's."""


class Loop:
    """The nodes of the graph.

    Parameters
    ----------
    eyes, brain, limits
        As of :class:`~sightloop.agent.VisualAgent`.
    library : Library
        Of the agent's memory.
    approve : collection of str
        Names of the tools that a person must approve before they run.
    """

    def __init__(
        self, eyes: Eyes, brain: Brain, limits: Limits, library: Library, approve: Collection[str] = ()
    ) -> None:
        self.eyes, self.brain, self.limits, self.library = eyes, brain, limits, library
        self.approve = frozenset(approve)

    def graph(self) -> StateGraph[Turn, Live, Turn, Turn]:
        """Return the graph, to be compiled."""
        graph = StateGraph(Turn, context_schema=Live)
        ways: dict[str, tuple[Node, ...]] = {
            "plan": ("think",),
            "think": ("act", "verify", "answer"),
            "act": ("act", "think", "answer"),
            "verify": ("think", "answer"),
            "answer": ("think", "__end__"),
        }
        for name, after in ways.items():
            act: Callable[[Run], Node] = getattr(self, f"_{name}")
            graph.add_node(name, self._node(act), destinations=after)
        graph.add_edge(START, "plan")
        return graph

    def _node(self, act: Callable[[Run], Node]) -> Any:
        """Make a node of a method: open the run, act, and keep what it changed."""

        def node(values: Turn, runtime: Runtime[Live]) -> Command[Node]:
            run = Run(self.eyes, self.brain, self.limits, self.library, values, runtime)
            try:
                after = act(run)
            except LimitReached as limit:
                after = run.stop(limit)
            except Cancelled:
                after = run.cancelled()
            return Command(goto=after, update=run.kept())

        return node

    def _plan(self, run: Run) -> Node:
        state = run.begin()
        stills = state.stills
        prompts = looking_prompts(self.eyes.checkpoint, state.question, stills) if stills else []
        plans = [run.meter.plan(prompt) for prompt in prompts]
        tokens = sum(plan.visual_tokens for plan in plans)
        restated = [f"understood as: {state.whole}"] if state.whole != state.asked else []
        own = [f"{still.origin.source}: {note}" for still in state.stills for note in still.notes]
        own += state.room.warnings if state.room is not None else ()
        run.emit(
            PlanStep(
                **run.meter.lap(),
                summary=_inputs(state, tokens, self.eyes.name),
                notes=distinct([*restated, *own, *(note for plan in plans for note in plan.notes)]),
                question=state.whole,
                parts=(state.question, *state.pending) if state.pending else (),
                stills=state.inputs,
                videos=state.videos,
                documents=state.documents,
                scene=state.scene,
                views=len(state.room) if state.room is not None else 0,
                visual_tokens=tokens,
                pictures=state.gallery.pictures[: state.inputs],
                skipped=run.skipped,
            )
        )
        return "think"

    def _think(self, run: Run) -> Node:
        state = run.state
        run.meter.admit()
        move = self.brain.next(state, {} if run.over else usable(state), run.meter)
        if move.calls:
            state.queue = list(move.calls)
            names = ", ".join(call.tool for call in move.calls)
            run.emit(
                CallStep(
                    **run.meter.lap(),
                    summary=names,
                    notes=move.notes,
                    calls=move.calls,
                    thought=move.text,
                    brain_tokens=move.tokens,
                )
            )
            return "act"
        run.finish(move)
        return "answer" if state.verified else "verify"

    def _act(self, run: Run) -> Node:
        call = run.state.queue[0]
        refused = None
        if call.tool in self.approve:
            call, refused = approved(call)
        if refused is not None:
            step = run.observation(call, Found(text=refused), failed=True)
        else:
            run.admit_step()
            step = self._ran(run, call)
        run.state.queue.pop(0)
        run.emit(step)
        if run.state.stopped_because != "answered":
            return "answer"
        return "act" if run.state.queue else "think"

    def _ran(self, run: Run, call: Call) -> ObservationStep:
        """Run a tool; what it cannot do is told to the brain, which may do something else."""
        try:
            found = tool(call.tool)(run.meter, run.state, dict(call.arguments))
        except SightloopError as error:
            if run.state.draft is None and _is_the_question(call, run.state):
                raise  # it cannot be looked at, searched for or measured: nothing else will answer it
            return run.observation(call, Found(text=error.message), failed=True)
        run.learn(call, found)
        return run.observation(call, found)

    def _verify(self, run: Run) -> Node:
        run.admit_step()
        state = run.state
        assert state.draft is not None  # think ends with one
        checked = verify(
            run.meter, state.question, state.draft, state.evidence, run.pictures, searched=state.searches
        )
        state.evidence, state.verified = checked.evidence, True
        if state.draft.cited and checked.confidence is not None:  # it is no surer than what it stands on
            sure = min(state.draft.confidence, checked.confidence)
            state.draft = state.draft.model_copy(update={"confidence": sure})
        back = checked.verdict == "rejected" and not state.sent_back
        state.sent_back |= back
        how_sure = "" if checked.confidence is None else f" ({checked.confidence:.0%})"
        run.emit(
            VerifyStep(
                **run.meter.lap(),
                summary=f"{checked.verdict}{how_sure}",
                notes=checked.notes,
                claim=state.draft.text,
                verdict=checked.verdict,
                confidence=checked.confidence,
                by_brain=state.draft.said,
                sent_back=back,
            )
        )
        return "think" if back else "answer"

    def _answer(self, run: Run) -> Node:
        state, draft = run.state, run.state.draft
        ended = state.stopped_because != "answered"
        assert draft is not None  # no way leads here without one
        run.emit(
            AnswerStep(
                **run.meter.lap(),
                summary=f"{sure(draft.text, draft.confidence)}, {state.stopped_because}",
                notes=state.last_notes,
                answer=draft.text,
                confidence=draft.confidence,
                by_brain=draft.said,
                stopped_because=state.stopped_because,
            )
        )
        if not ended and state.go_on():
            return "think"
        run.conclude()
        return "__end__"


def _is_the_question(call: Call, state: State) -> bool:
    """Tell whether a call looks at, or searches for, what the run is about, and nothing else."""
    if call.tool == "look":
        return not call.arguments.get("images")
    own = call.arguments.get("question") in (None, "", state.question)
    only = own and call.arguments.keys() <= {"question"} and not state.stills
    return call.tool in ("find", "measure", "read") and only


def _inputs(state: State, tokens: int, name: str) -> str:
    """Return what a run is about, in one line."""
    files = [
        count(known, kind)
        for kind, known in (("video", state.videos), ("document", state.documents))
        if known
    ]
    searched = " and ".join(files) or ("a memory" if state.searches else "")
    if state.room is not None:
        return f"a scene of {count(state.room, 'view')} for {name}"
    stills = f"{count(state.inputs, 'still')} of {tokens} visual tokens" if state.inputs else ""
    return f"{' and '.join(part for part in (stills, searched) if part)} for {name}"
