"""State: what a run knows so far. The brain reads it, the loop writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..memory import Box, Evidence, Still
from ..tools.intents import Intent
from ..tools.look import whole, windows
from .steps import Step

SHORT_ANSWER = 24
"""Tokens up to which an answer is short."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer that later steps may better.

    Parameters
    ----------
    text : str
    confidence : float, 0..1
    tokens : int
        Length of the answer in the model's tokens.
    region : Box or None
        The part of the only still that the answer rests on; None for all of it, or of several stills.
    per_still : tuple of str
        What each still alone was found to show, where the model saw one at a time.
    goal : Intent or None
        What the small looks were after that it is drawn from, which a check takes again; None if it was not.
    """

    text: str
    confidence: float
    tokens: int
    region: Box | None = None
    per_still: tuple[str, ...] = ()
    goal: Intent | None = None

    @property
    def short(self) -> bool:
        """Whether it is a word or a few, which can be compared with other answers as it is."""
        return self.tokens <= SHORT_ANSWER


@dataclass(slots=True)
class State:
    """A run in progress.

    Parameters
    ----------
    question : str
    stills : sequence of Still
    planned : bool
    goal : Intent or None
        What the question is after, where several small looks answer it better than one; None once they were
        taken, whatever came of it.
    draft : Draft or None
        The best answer so far.
    evidence : tuple of Evidence
        What the draft rests on.
    verified : bool
        Whether the evidence of this draft was asked again, whatever came of it.
    closer_looks : int
        How often the run has looked closer.
    exhausted : bool
        A closer look found nothing that supports an answer; another would look at the same crops.
    steps : list of Step
    """

    question: str
    stills: Sequence[Still]
    planned: bool = False
    goal: Intent | None = None
    draft: Draft | None = None
    evidence: tuple[Evidence, ...] = ()
    verified: bool = False
    closer_looks: int = 0
    exhausted: bool = False
    steps: list[Step] = field(default_factory=list)

    @property
    def rejected(self) -> bool:
        """Whether a check rejected the draft."""
        return any(item.verdict == "rejected" for item in self.evidence)

    @property
    def area(self) -> Box:
        """What a closer look would look into: the draft's region, or all of the first still."""
        region = self.draft.region if self.draft is not None else None
        return region or whole(self.stills[0])

    @property
    def can_look_closer(self) -> bool:
        """Whether there is one still, enough of it left to cut windows from, and an answer to compare."""
        if len(self.stills) != 1 or self.exhausted or self.draft is None or not self.draft.text.strip():
            return False
        return self.draft.goal is None and bool(windows(self.area))

    def adopt(self, draft: Draft) -> None:
        """Make ``draft`` the best answer so far, and gather what it rests on, unverified."""
        self.draft = draft
        self.verified = False
        said = draft.per_still or (draft.text,) * len(self.stills)
        self.evidence = tuple(
            Evidence.of(still, f"{self.question} {text}", draft.confidence, draft.region)
            for still, text in zip(self.stills, said, strict=True)
        )
