"""Steps: what a run did, one typed record each, which is both JSON and messages of a chat.

Every record is a pydantic model with a ``kind``, so a run is JSON that reads back to the same objects. What a
brain that talks needs of a step is :meth:`messages`: the same run, told as a chat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ..memory import Box, StillRef
from ..memory.placed import Survey
from ..memory.timeline import Timeline
from ..tools.differences import Comparison
from ..tools.llava_next.answers import Usage
from ..tools.small_looks import Part

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

Confidence = Annotated[float, Field(ge=0, le=1)]
Verdict = Literal["confirmed", "rejected", "unverified"]
StoppedBecause = Literal[
    "answered", "limit:steps", "limit:visual_tokens", "limit:seconds", "limit:gpu_bytes", "cancelled"
]


class Record(BaseModel):
    """Immutable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Picture(Record):
    """A still by its name in a run ("image 2"), and the part of it that is meant."""

    name: str
    still: StillRef
    region: Box | None = None

    def __str__(self) -> str:
        size = f"{self.still.width}x{self.still.height}"
        part = f", the part {self.region}" if self.region else ""
        return f"{self.name} ({size} pixels, {self.still.origin.source}{part})"


class Call(Record):
    """A tool that a brain wants run, and with which arguments; ``id`` ties the observation to it."""

    id: str
    tool: str
    arguments: dict[str, JsonValue] = {}


class Show(Protocol):
    """How a brain is shown pictures: in a tool's message, in a turn of the user's, or in words."""

    @property
    def in_tool_message(self) -> bool:
        """Whether they stand in the message of the tool that shows them."""

    def blocks(self, pictures: tuple[Picture, ...]) -> list[str | dict[str, Any]]:
        """Return content blocks for pictures: images, or a line of text for each that is not shown."""


class _Step(Record):
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

    def messages(self, show: Show) -> list[BaseMessage]:
        """Return the step as messages of a chat between a user, a brain and its tools."""
        return []


class PlanStep(_Step):
    """What the question will cost; ``skipped`` says, input by input, what could not be read and why.

    ``parts`` are the questions that it is answered as, one by one, where these are several; ``videos`` and
    ``documents`` the files that are searched; ``scene`` the path of the scene that is asked about, of
    ``views`` views.
    """

    kind: Literal["plan"] = "plan"
    question: str
    parts: tuple[str, ...] = ()
    stills: int
    videos: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    scene: str | None = None
    views: int = 0
    visual_tokens: int
    pictures: tuple[Picture, ...] = ()
    skipped: tuple[str, ...] = ()

    def messages(self, show: Show) -> list[BaseMessage]:
        """Return the user's turn: the pictures, each behind its name, and the question."""
        from langchain_core.messages import HumanMessage

        lines = [text_block(f"Video, to be searched: {video}") for video in self.videos]
        lines += [text_block(f"Document, to be searched: {document}") for document in self.documents]
        if self.scene is not None:
            lines.append(text_block(f"A 3D scene of {self.views} posed views: {self.scene}"))
        lines += [text_block(f"Not readable: {line}") for line in self.skipped]
        return [HumanMessage([*show.blocks(self.pictures), *lines, text_block(self.question)])]


class CallStep(_Step):
    """The brain decided what to do: these calls, one after the other.

    ``thought`` is what it said beside them, ``brain_tokens`` what a language model read and wrote for it.
    """

    kind: Literal["call"] = "call"
    calls: tuple[Call, ...]
    thought: str = ""
    brain_tokens: int = 0

    def messages(self, show: Show) -> list[BaseMessage]:
        """Return the brain's turn."""
        from langchain_core.messages import AIMessage

        calls = [
            {"type": "tool_call", "id": call.id, "name": call.tool, "args": call.arguments}
            for call in self.calls
        ]
        return [AIMessage(content=self.thought, tool_calls=calls)]


class ObservationStep(_Step):
    """What a tool found.

    Parameters
    ----------
    call : str
        The ``id`` of its call.
    tool : str
    text : str
        The finding in words, for a brain.
    answer, confidence : str, float or None
        An answer to the question it was called with, where it gives one.
    region : Box or None
        The part of the still that the answer rests on.
    per_still : tuple of str
        What each still alone was found to show, where the model saw one at a time.
    parts : tuple of Part
        The small looks that it is drawn from.
    comparisons : tuple of Comparison
    pictures : tuple of Picture
        What it shows: pictures that it made, or was asked to show again.
    timeline : tuple of Timeline
        Of each video that it searched or looked through.
    survey : Survey or None
        What it found out about a scene: where things are, and how far apart.
    failed : bool
        The call could not be carried out; ``text`` says why, and what to do instead.
    """

    kind: Literal["observation"] = "observation"
    call: str
    tool: str
    text: str
    answer: str | None = None
    confidence: Confidence | None = None
    region: Box | None = None
    per_still: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    pictures: tuple[Picture, ...] = ()
    timeline: tuple[Timeline, ...] = ()
    survey: Survey | None = None
    failed: bool = False

    def messages(self, show: Show) -> list[BaseMessage]:
        """Return the tool's message, and a turn of the user's with its pictures where they go there."""
        from langchain_core.messages import HumanMessage, ToolMessage

        pictures = show.blocks(self.pictures) if self.pictures else []
        own = pictures if show.in_tool_message else []
        told = ToolMessage(
            [text_block(self.text), *own],
            tool_call_id=self.call,
            name=self.tool,
            status="error" if self.failed else "success",
            artifact=self,
        )
        if own or not pictures:
            return [told]
        return [told, HumanMessage([text_block(f"What {self.tool} shows:"), *pictures])]


class VerifyStep(_Step):
    """The evidence was reopened and asked again; ``confidence`` is that of the claim, None if unverified.

    ``claim`` is what was asked about, ``by_brain`` says that a brain put it in its own words, and
    ``sent_back`` that it was given another chance.
    """

    kind: Literal["verify"] = "verify"
    claim: str
    verdict: Verdict
    confidence: Confidence | None = None
    by_brain: bool = False
    sent_back: bool = False

    def messages(self, show: Show) -> list[BaseMessage]:
        """Return the answer and its rejection, where the brain is to think again."""
        from langchain_core.messages import AIMessage, HumanMessage

        if not self.sent_back:
            return []
        told = f"A check of the pictures rejected that ({self.summary}). Look again, then answer."
        return [AIMessage(content=self.claim), HumanMessage(content=told)]


class AnswerStep(_Step):
    """The end of every run; ``by_brain`` says that a brain put the answer in its own words."""

    kind: Literal["answer"] = "answer"
    answer: str
    confidence: Confidence
    by_brain: bool = False
    stopped_because: StoppedBecause

    def messages(self, show: Show) -> list[BaseMessage]:
        """Return the brain's last turn."""
        from langchain_core.messages import AIMessage

        return [AIMessage(content=self.answer)]


Step = Annotated[PlanStep | CallStep | ObservationStep | VerifyStep | AnswerStep, Field(discriminator="kind")]
"""One step of a run."""


def text_block(text: str) -> dict[str, Any]:
    """Return a content block of text."""
    return {"type": "text", "text": text}
