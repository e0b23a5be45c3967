"""Steps: what a run did, one typed record each, and the result they add up to.

Every record is a pydantic model with a ``kind``, so a run is JSON that reads back to the same objects.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..memory import Box, Evidence
from ..tools.llava_next.answers import Usage
from ..tools.look import distinct
from ..tools.small_looks import Part

Confidence = Annotated[float, Field(ge=0, le=1)]
Verdict = Literal["confirmed", "rejected", "unverified"]
StoppedBecause = Literal["answered", "limit:steps", "limit:visual_tokens", "limit:seconds"]


class _Record(BaseModel):
    """Immutable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Step(_Record):
    """What all steps tell.

    Parameters
    ----------
    kind : str
        Which step it is.
    started : float
        Seconds from the run's start.
    seconds : float
        Wall-clock seconds that the step took.
    usage : Usage
        What the model's calls in this step cost.
    summary : str
        The step in one line, for people.
    notes : tuple of str
        What a reader of the answer must know: reroutes, degradations, what could not be checked.
    """

    kind: str
    started: Annotated[float, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0)]
    usage: Usage
    summary: str
    notes: tuple[str, ...] = ()


class PlanStep(_Step):
    """What the question will cost; ``skipped`` says, input by input, what could not be read and why."""

    kind: Literal["plan"] = "plan"
    stills: int
    visual_tokens: int
    skipped: tuple[str, ...] = ()


class LookStep(_Step):
    """All stills were looked at; ``per_still`` is what each showed where the model saw one at a time."""

    kind: Literal["look"] = "look"
    answer: str
    confidence: Confidence
    per_still: tuple[str, ...] = ()


class DivideStep(_Step):
    """Small looks were taken; ``answer`` is drawn from ``parts``, None where they did not decide it."""

    kind: Literal["divide"] = "divide"
    answer: str | None
    confidence: Confidence | None
    parts: tuple[Part, ...] = ()
    region: Box | None = None


class CloserStep(_Step):
    """Crops of the still were looked at; ``region`` is the one that supports the answer, if any does."""

    kind: Literal["closer"] = "closer"
    answer: str
    confidence: Confidence
    region: Box | None = None


class VerifyStep(_Step):
    """The evidence was reopened and asked again; ``confidence`` is that of the claim, None if unverified."""

    kind: Literal["verify"] = "verify"
    verdict: Verdict
    confidence: Confidence | None = None


class AnswerStep(_Step):
    """The end of every run."""

    kind: Literal["answer"] = "answer"
    answer: str
    confidence: Confidence
    stopped_because: StoppedBecause


Step = Annotated[
    PlanStep | LookStep | DivideStep | CloserStep | VerifyStep | AnswerStep, Field(discriminator="kind")
]
"""One step of a run."""


class Result(_Record):
    """What a run found, what that rests on, and what it cost: the object of ``sightloop ask --json``.

    Parameters
    ----------
    answer : str
    confidence : float, 0..1
        From the model's own probabilities.
    evidence : tuple of Evidence
        Every still that the answer rests on, with the region where one is known.
    steps : tuple of Step
        What was done, in order; an AnswerStep is the last.
    usage : Usage
        The sum over all steps; ``seconds`` are the model's.
    model : str
    stopped_because : str
        "answered", or the limit that ended the run with the best answer so far: "limit:steps",
        "limit:visual_tokens", "limit:seconds".
    """

    answer: str
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    steps: tuple[Step, ...]
    usage: Usage
    model: str
    stopped_because: StoppedBecause

    @property
    def skipped(self) -> tuple[str, ...]:
        """What could not be read, and why."""
        return tuple(line for step in self.steps if isinstance(step, PlanStep) for line in step.skipped)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all steps, each once."""
        return distinct(note for step in self.steps for note in step.notes)
