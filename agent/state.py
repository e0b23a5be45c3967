"""State: what a run knows so far. Brains read it, the loop writes it, a checkpointer keeps it as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, PrivateAttr

from ..memory import Box, Evidence, Span, Still
from ..tools.differences import Comparison
from ..tools.llava_next.answers import Usage
from ..tools.look import whole, windows
from .gallery import Gallery
from .steps import Call, Confidence, ObservationStep, Record, Step, StoppedBecause

if TYPE_CHECKING:
    from ..memory.scene import Scene
    from ..memory.store import VisualMemory

SHORT_ANSWER = 24
"""Tokens up to which an answer is short."""


class Citation(Record):
    """Evidence of a scene or a page.

    Of a scene, ``thing`` is there, in the region, or nowhere in the still. Of a page, ``quote`` are the words
    that stand in the region.
    """

    thing: str = ""
    there: bool = True
    quote: str | None = None
    evidence: Evidence


class Draft(Record):
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
    divided : bool
        It was drawn from small looks, which a check takes again.
    comparisons : tuple of Comparison
        What it tells, where it is what pictures differ in.
    said : bool
        A brain's own words, not the model's answer to the question.
    frames : tuple of str
        Names of the frames of a video that it is drawn from together, the one to show first: those between
        which something comes or goes, or over which it moves.
    cited : tuple of Citation
        What it rests on, where it was measured in a scene or read from pages.
    """

    text: str
    confidence: Confidence
    tokens: int
    region: Box | None = None
    per_still: tuple[str, ...] = ()
    divided: bool = False
    comparisons: tuple[Comparison, ...] = ()
    said: bool = False
    frames: tuple[str, ...] = ()
    cited: tuple[Citation, ...] = ()

    @property
    def short(self) -> bool:
        """Whether it is a word or a few, which can be compared with other answers as it is."""
        return self.tokens <= SHORT_ANSWER


class Sighting(Record):
    """A still that a search found: its name, its stretch of video, and how likely it shows what was sought.

    ``there`` is None where the question names nothing that a look could confirm.
    """

    name: str
    span: Span | None = None
    there: Confidence | None = None


class Answered(Record):
    """A part of the question that is answered, with what its answer rests on."""

    question: str
    draft: Draft
    evidence: tuple[Evidence, ...]


class Exchange(Record):
    """An earlier turn of the conversation."""

    question: str
    answer: str


class State(BaseModel):
    """A run in progress.

    Parameters
    ----------
    question : str
        Complete in itself, and the part that is being answered.
    whole, asked : str
        All of it, complete in itself, and as the user wrote it.
    history : tuple of Exchange
        Earlier turns of the conversation, oldest first.
    inputs : int
        How many of the gallery's stills, the first ones, the question is about.
    videos, documents : tuple of str
        Files that a search is to look in.
    searches : bool
        Whether there is something to search: videos or documents, or a memory and no inputs.
    kinds : tuple of str
        Of the sources that are searched: "document", "photo", "stream", "video".
    scene : str or None
        Path of the scene that the question is about.
    sightings : tuple of Sighting
        What searches found, the best first.
    focus : tuple of str
        Names of the stills that the question is looked at with beside the inputs, where a search chose some.
    pending : tuple of str
        Parts of the question that are still to be answered, after this one.
    answered : tuple of Answered
        Parts that are.
    since : int
        How many steps earlier parts took.
    queue : list of Call
        What the brain has decided and the loop has not done yet.
    draft : Draft or None
        The best answer so far.
    last_notes : tuple of str
        What the brain's last move leaves to be said with the answer.
    evidence : tuple of Evidence
        What the draft rests on.
    verified : bool
        Whether the evidence of this draft was asked again, whatever came of it.
    sent_back : bool
        Whether a rejected draft has given the brain its second chance.
    steps : list of Step
    usage, seconds : Usage, float
        What the run has spent.
    stopped_because : str
    """

    model_config = ConfigDict(extra="forbid")

    question: str
    whole: str
    asked: str
    history: tuple[Exchange, ...] = ()
    inputs: int
    videos: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    searches: bool = False
    kinds: tuple[str, ...] = ()
    scene: str | None = None
    sightings: tuple[Sighting, ...] = ()
    focus: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    answered: tuple[Answered, ...] = ()
    since: int = 0
    queue: list[Call] = []
    draft: Draft | None = None
    last_notes: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    verified: bool = False
    sent_back: bool = False
    steps: list[Step] = []
    usage: Usage = Usage()
    seconds: float = 0.0
    stopped_because: StoppedBecause = "answered"

    _gallery: Gallery = PrivateAttr(default_factory=Gallery)
    _memory: VisualMemory | None = PrivateAttr(default=None)
    _room: Scene | None = PrivateAttr(default=None)

    @classmethod
    def begin(cls, question: str, stills: Sequence[Still], **more: Any) -> State:
        """Start a run about ``stills``."""
        more.setdefault("whole", question)
        more.setdefault("asked", more["whole"])
        state = cls(question=question, inputs=len(stills), **more)
        state._gallery = Gallery(stills)
        return state

    def remembering(self, memory: VisualMemory | None) -> State:
        """Give a state the memory that its searches look in, and return it."""
        self._memory = memory
        return self

    @property
    def memory(self) -> VisualMemory | None:
        """What searches look in, if there is anything to search."""
        return self._memory

    def standing_in(self, scene: Scene | None) -> State:
        """Give a state the scene that it is about, and return it."""
        self._room = scene
        return self

    @property
    def room(self) -> Scene | None:
        """The scene that the question is about, if it is about one."""
        return self._room

    def placed(self, gallery: Gallery) -> State:
        """Give a state that was read from JSON its pictures, and return it."""
        self._gallery = gallery
        return self

    @property
    def gallery(self) -> Gallery:
        """All pictures by name: the inputs, and what tools made of them."""
        return self._gallery

    @property
    def stills(self) -> list[Still]:
        """What the question is looked at with: the inputs, and what a search chose."""
        return [*self._gallery.stills[: self.inputs], *(self._gallery[name] for name in self.focus)]

    @property
    def observations(self) -> list[ObservationStep]:
        """What tools found so far, for this part of the question."""
        return [step for step in self.steps[self.since :] if isinstance(step, ObservationStep)]

    def found_by(self, tool: str) -> list[ObservationStep]:
        """Return what one tool found so far."""
        return [step for step in self.observations if step.tool == tool]

    @property
    def only_pages(self) -> bool:
        """Whether all that is searched are documents."""
        return self.kinds == ("document",)

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
        if len(self.stills) != 1 or self.draft is None or not self.draft.text.strip() or self.draft.divided:
            return False
        before = self.found_by("look_closer")
        # Where the last closer look found nothing, another would look at the same crops.
        exhausted = bool(before) and before[-1].region is None
        return not exhausted and bool(windows(self.area))

    def adopt(self, draft: Draft) -> None:
        """Make ``draft`` the best answer so far, and gather what it rests on, unverified."""
        self.draft, self.verified = draft, False
        if draft.cited:
            self.evidence = tuple(citation.evidence for citation in draft.cited)
            return
        if any(comparison.differences for comparison in draft.comparisons):
            self.evidence = self._of_differences(draft)
            return
        stills = self._named_in(draft.text) if draft.said else self.stills
        if draft.frames:
            stills = [self._gallery[draft.frames[0]]]
        said = draft.per_still or (draft.text,) * len(stills)
        self.evidence = tuple(
            Evidence.of(still, f"{self.question} {text}", draft.confidence, draft.region or self._span(still))
            for still, text in zip(stills, said, strict=True)
        )

    def _span(self, still: Still) -> Span | None:
        """Return the stretch of video that a still was found to stand for."""
        return next((s.span for s in self.sightings if self._gallery[s.name] is still), None)

    @property
    def words(self) -> str:
        """The answers to all parts so far, in order."""
        said = [part.draft.text for part in self.answered]
        return "; ".join([*said, self.draft.text] if self.draft is not None else said)

    def go_on(self) -> bool:
        """Keep the answer to this part of the question, and turn to the next, if there is one."""
        if not self.pending or self.draft is None:
            return False
        done = Answered(question=self.question, draft=self.draft, evidence=self.evidence)
        self.answered = (*self.answered, done)
        self.question, self.pending = self.pending[0], self.pending[1:]
        self.draft, self.evidence, self.verified, self.sent_back = None, (), False, False
        self.sightings, self.focus, self.since, self.last_notes = (), (), len(self.steps), ()
        return True

    def _named_in(self, text: str) -> list[Still]:
        """Return the stills that a brain's answer names; all inputs if it names none."""
        words = f" {' '.join(re.sub(r'[^a-z0-9 ]', ' ', text.casefold()).split())} "
        return [self._gallery[name] for name in self._gallery if f" {name} " in words] or self.stills

    def _of_differences(self, draft: Draft) -> tuple[Evidence, ...]:
        """Return one piece of evidence for each side of each difference, and for each pair without any."""
        stills, found = self._gallery.stills, []
        for pair in draft.comparisons:
            if not pair.differences:
                found.append(Evidence.of(stills[pair.after - 1], pair.words, draft.confidence))
            for one in pair.differences:
                sides = ((pair.before, one.before), (pair.after, one.after))
                found += [
                    Evidence.of(stills[number - 1], one.words, one.probability, box)
                    for number, box in sides
                    if box is not None
                ]
        return tuple(found)
