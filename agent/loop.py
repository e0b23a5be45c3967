"""The loop: the brain decides, tools act, limits hold, and every run ends with an answer and why it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from textwrap import shorten

from ..errors import InputError
from ..tools.divide import divide, division, settled
from ..tools.look import Eyes, distinct, look, look_closer, looking_prompts
from .brains import Action, Brain, Playbook
from .inputs import Gathered, Input, asked, gather
from .limits import Currency, LimitReached, Limits, Meter
from .state import Draft, State
from .steps import (
    AnswerStep,
    CloserStep,
    DivideStep,
    LookStep,
    PlanStep,
    Result,
    Step,
    StoppedBecause,
    VerifyStep,
)
from .verify import verify

SUMMARY_WIDTH = 80
"""Characters of an answer in a step's summary."""

_REASONS: dict[Currency, StoppedBecause] = {
    "steps": "limit:steps",
    "visual_tokens": "limit:visual_tokens",
    "seconds": "limit:seconds",
}


class VisualAgent:
    """Answers questions about pictures, within limits, and shows what the answer rests on.

    Parameters
    ----------
    eyes : Eyes, optional
        The model that looks; the embedded pocket model by default.
    brain : Brain, optional
        What decides the next step; :class:`Playbook` by default.
    limits : Limits, optional
        What each run may spend.

    Examples
    --------
    >>> from sightloop import VisualAgent
    >>> result = VisualAgent().run("How many red shapes are there?", "photo.png")  # doctest: +SKIP
    >>> result.answer, result.evidence[0].verdict  # doctest: +SKIP
    ('3', 'confirmed')
    """

    def __init__(
        self, eyes: Eyes | None = None, *, brain: Brain | None = None, limits: Limits | None = None
    ) -> None:
        if eyes is None:
            from ..tools.llava_next import LlavaNext  # loads torch

            eyes = LlavaNext()
        self.eyes: Eyes = eyes
        self.brain: Brain = brain if brain is not None else Playbook()
        self.limits = limits if limits is not None else Limits()

    def run(self, question: str, inputs: Input | Iterable[Input] | Gathered) -> Result:
        """Answer ``question`` about ``inputs``.

        Parameters
        ----------
        question : str
        inputs : path, PIL image, array or Still, several of them, or what ``gather`` made of them
            A folder stands for the photos in it. Inputs that cannot be read are left out and reported in
            ``Result.skipped``.

        Returns
        -------
        Result

        Raises
        ------
        InputError
            If the question is empty, no input can be read, or the limits allow not even one look.
        ContextOverflowError
            If the stills do not fit the model's window.
        """
        for event in self.stream(question, inputs):
            if isinstance(event, Result):
                return event
        raise AssertionError("stream ends with a Result")

    def stream(self, question: str, inputs: Input | Iterable[Input] | Gathered) -> Iterator[Step | Result]:
        """Do as :meth:`run`, and yield each step when it is done; the last item is the Result."""
        question = asked(question)
        with Meter(self.eyes, self.limits) as meter:
            stills, skipped = inputs if isinstance(inputs, Gathered) else gather(inputs)
            run = _Run(State(question, stills), meter, skipped)
            yield from run.steps(self.brain)
            yield run.result()


class _Run:
    """One run: carries out what the brain decides."""

    def __init__(self, state: State, meter: Meter, skipped: list[InputError]) -> None:
        self.state = state
        self.meter = meter
        self.skipped = skipped
        self.stopped_because: StoppedBecause = "answered"
        self._acts: dict[Action, Callable[[], Step]] = {
            "plan": self._plan,
            "look": self._look,
            "divide": self._divide,
            "closer": self._closer,
            "verify": self._verify,
        }

    def steps(self, brain: Brain) -> Iterator[Step]:
        """Act until the brain answers or a limit is reached; the last step is an AnswerStep."""
        while self.stopped_because == "answered" and (action := brain.next(self.state)) != "answer":
            try:
                if action != "plan":
                    self._count_step()
                step = self._acts[action]()
            except LimitReached as limit:
                self._stop(limit)
            else:
                self.state.steps.append(step)
                yield step
        self.state.steps.append(self._answer())
        yield self.state.steps[-1]

    def result(self) -> Result:
        """Gather what the run found."""
        draft = self.state.draft
        assert draft is not None  # a run without one has raised
        return Result(
            answer=draft.text,
            confidence=draft.confidence,
            evidence=self.state.evidence,
            steps=tuple(self.state.steps),
            usage=self.meter.usage,
            model=self.meter.name,
            stopped_because=self.stopped_because,
        )

    def _count_step(self) -> None:
        limit, done = self.meter.limits.steps, sum(step.kind != "plan" for step in self.state.steps)
        if limit is not None and done >= limit:
            raise LimitReached("steps", needed=done + 1)

    def _stop(self, limit: LimitReached) -> None:
        if self.state.draft is None:
            raise InputError(
                f"the first look takes {limit.needed:g} visual tokens, more than the limit of "
                f"{self.meter.limits.visual_tokens}; raise it, or ask about fewer or smaller pictures."
            ) from None
        self.stopped_because = _REASONS[limit.currency]

    def _plan(self) -> PlanStep:
        state = self.state
        prompts = looking_prompts(self.meter.checkpoint, state.question, state.stills)
        plans = [self.meter.plan(prompt) for prompt in prompts]
        state.planned = True
        state.goal = division(self.meter.checkpoint, state.question, state.stills)
        tokens = sum(plan.visual_tokens for plan in plans)
        return PlanStep(
            **self.meter.lap(),
            summary=f"{_count(state.stills, 'still')} of {tokens} visual tokens for {self.meter.name}",
            notes=distinct(
                [
                    *(f"{still.origin.source}: {note}" for still in state.stills for note in still.notes),
                    *(note for plan in plans for note in plan.notes),
                ]
            ),
            stills=len(state.stills),
            visual_tokens=tokens,
            skipped=tuple(error.message for error in self.skipped),
        )

    def _look(self) -> LookStep:
        seen = look(self.meter, self.state.question, self.state.stills)
        self.state.adopt(Draft(seen.text, seen.confidence, seen.tokens, per_still=seen.per_still))
        if settled(self.state.goal, seen.text):
            self.state.goal = None
        self.meter.has_answer = True
        if seen.cut_short:
            self.stopped_because = "limit:seconds"
        return LookStep(
            **self.meter.lap(),
            summary=_sure(seen.text, seen.confidence),
            notes=seen.notes,
            answer=seen.text,
            confidence=seen.confidence,
            per_still=seen.per_still,
        )

    def _divide(self) -> DivideStep:
        state, draft = self.state, self.state.draft
        assert draft is not None  # brains look before they divide
        goal, state.goal = state.goal, None
        assert goal is not None  # and only where there is something to divide
        found = divide(self.meter, goal, state.stills)
        if found is None:
            return DivideStep(
                **self.meter.lap(), summary="small looks do not decide it", answer=None, confidence=None
            )
        state.adopt(Draft(found.text, found.confidence, draft.tokens, found.region, goal=goal))
        return DivideStep(
            **self.meter.lap(),
            summary=f"{_sure(found.text, found.confidence)}, from {_count(found.parts, 'small look')}",
            notes=found.notes,
            answer=found.text,
            confidence=found.confidence,
            parts=found.parts,
            region=found.region,
        )

    def _closer(self) -> CloserStep:
        state, draft = self.state, self.state.draft
        assert draft is not None  # brains look before they look closer
        seen = look_closer(
            self.meter, state.question, state.stills[0], state.area, draft.text, draft.confidence
        )
        state.closer_looks += 1
        if seen.region is None:
            state.exhausted = True
        else:
            state.adopt(Draft(seen.text, seen.confidence, draft.tokens, seen.region))
        where = f"in {seen.region}" if seen.region else "no crop supports another answer"
        return CloserStep(
            **self.meter.lap(),
            summary=f"{_sure(seen.text, seen.confidence)}, {where}, of {_count(range(seen.crops), 'crop')}",
            notes=seen.notes,
            answer=seen.text,
            confidence=seen.confidence,
            region=seen.region,
        )

    def _verify(self) -> VerifyStep:
        state, draft = self.state, self.state.draft
        assert draft is not None  # brains look before they verify
        checked = verify(self.meter, state.question, draft, state.evidence)
        state.evidence = checked.evidence
        state.verified = True
        sure = "" if checked.confidence is None else f" ({checked.confidence:.0%})"
        return VerifyStep(
            **self.meter.lap(),
            summary=f"{checked.verdict}{sure}",
            notes=checked.notes,
            verdict=checked.verdict,
            confidence=checked.confidence,
        )

    def _answer(self) -> AnswerStep:
        draft = self.state.draft
        assert draft is not None  # a run without one has raised
        return AnswerStep(
            **self.meter.lap(),
            summary=f"{_sure(draft.text, draft.confidence)}, {self.stopped_because}",
            answer=draft.text,
            confidence=draft.confidence,
            stopped_because=self.stopped_because,
        )


def _sure(text: str, confidence: float) -> str:
    return f"{shorten(text, SUMMARY_WIDTH, placeholder=' ...')} ({confidence:.0%})"


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}" if len(things) == 1 else f"{len(things)} {name}s"
