"""Toolkit: the five tools that other programs call, said once for every way of calling them.

LangChain and MCP know a tool by its name, a description and the schema of its arguments, and want words,
data and pictures back. Here are all of these; each tool is a run of the agent, or a search of the memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from ..agent.tool import Arguments, parsed
from ..errors import InputError
from ..memory.records import Kind
from ..tools.named_files import without_files
from .finding import Finding, answered, found

if TYPE_CHECKING:
    from ..agent import Limits, Step
    from ..agent.loop import Inputs
    from ..memory.store import VisualMemory
    from ..tools.look import Eyes

MOST_FILES = 64
"""Files that a call may name."""
LONGEST = 4000
"""Characters of a question."""

Told = Callable[["Step"], None]
"""Is told of each step of a run when it is done."""


class Looking(Arguments):
    """A question about what can be seen."""

    question: str = Field(min_length=1, max_length=LONGEST, description="what to find out, in plain words")
    images: list[str] = Field(
        default=[],
        max_length=MOST_FILES,
        description="pictures, videos or folders of them; none for what the memory holds",
    )


class Comparing(Arguments):
    """Pictures whose differences are wanted."""

    images: list[str] = Field(min_length=2, max_length=16, description="each is compared with the first")


class Searching(Arguments):
    """Words to search a memory for."""

    query: str = Field(min_length=1, max_length=LONGEST, description="what to look for, in plain words")
    top: int = Field(default=5, ge=1, le=50, description="moments, and pages, to return at most")
    kind: Kind | None = Field(default=None, description="only in sources of this kind")
    within: str | None = Field(default=None, description="only in this file, by its path or its name")


class Reading(Arguments):
    """A question that words on pages answer."""

    question: str = Field(min_length=1, max_length=LONGEST, description="what to find out, in plain words")
    documents: list[str] = Field(
        default=[],
        max_length=MOST_FILES,
        description="PDF and office files, or scanned pages; none for those that the memory holds",
    )


class Measuring(Arguments):
    """A question about a place in three dimensions."""

    question: str = Field(
        min_length=1, max_length=LONGEST, description="how far, how large, how many, where; in plain words"
    )
    scene: str = Field(min_length=1, description="folder or file of a 3D scene of posed views")


@dataclass(frozen=True, slots=True)
class Described:
    """A tool as its callers are told of it; ``name`` is also that of its method of :class:`Toolkit`."""

    name: str
    description: str
    arguments: type[Arguments]


TOOLS: dict[str, Described] = {
    tool.name: tool
    for tool in (
        Described(
            "look",
            "Look at pictures or videos and answer a question about what they show: what is there, how many, "
            "which colour, where, when something appears. The answer comes with the evidence that it rests "
            "on, how sure it is, and whether a second look confirmed it.",
            Looking,
        ),
        Described(
            "compare",
            "Find what differs between pictures of one scene, each against the first: what came, went, moved "
            "or changed, and where in each picture.",
            Comparing,
        ),
        Described(
            "find",
            "Search the memory of videos, photos and documents for what goes with some words. Returns "
            "moments and pages with where they are from, the best first; it answers no question.",
            Searching,
        ),
        Described(
            "read",
            "Answer a question from what is written in documents, with quotes of the words that the answer "
            "rests on and the page where they stand.",
            Reading,
        ),
        Described(
            "measure",
            "Answer a question about a 3D scene: distances, sizes, counts, what is left of what, with "
            "intervals.",
            Measuring,
        ),
    )
}
"""All tools by name."""


class Toolkit:
    """The five tools.

    Parameters
    ----------
    eyes : Eyes
    memory : VisualMemory, optional
        What is searched, and where the videos and documents are kept that questions are about. Without one
        nothing can be searched, and they are kept as long as the toolkit lives.
    reads : callable, optional
        From a name that a caller gave to the file that is read; raises :class:`InputError` for what the
        caller may not read. By default names are paths.
    limits : Limits, optional
        Of each run.
    """

    def __init__(
        self,
        eyes: Eyes,
        memory: VisualMemory | None = None,
        *,
        reads: Callable[[str], str | PathLike[str]] | None = None,
        limits: Limits | None = None,
    ) -> None:
        from ..agent import VisualAgent

        self.eyes = eyes
        self.memory = memory
        self._reads = reads or str
        self._agent = VisualAgent(eyes, memory=memory, limits=limits)

    @property
    def tools(self) -> dict[str, Described]:
        """The tools that can be called, by name: without a memory there is nothing to find."""
        return {name: one for name, one in TOOLS.items() if name != "find" or self.memory is not None}

    def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        told: Told | None = None,
        cancel: threading.Event | None = None,
    ) -> Finding:
        """Call a tool by name with arguments from outside; parameters and errors are those of its method.

        Raises
        ------
        InputError
            If there is no such tool, or the arguments are not what it takes.
        """
        if name not in TOOLS:
            raise InputError(f"there is no tool {name!r}; there are: {', '.join(self.tools)}.", input=name)
        read = parsed(name, TOOLS[name].arguments, arguments)
        given = {argument: getattr(read, argument) for argument in type(read).model_fields}
        if name == "find":
            return self.find(**given)
        finding: Finding = getattr(self, name)(**given, told=told, cancel=cancel)
        return finding

    def look(
        self,
        question: str,
        images: Sequence[str] = (),
        *,
        told: Told | None = None,
        cancel: threading.Event | None = None,
    ) -> Finding:
        """Answer a question about pictures and videos.

        Parameters
        ----------
        question : str
        images : sequence of str
            None for all that the memory holds.
        told : callable, optional
            Is told of each step.
        cancel : threading.Event, optional
            When it is set, the run ends with the best answer so far.

        Raises
        ------
        SightloopError
            As of :meth:`~sightloop.VisualAgent.run`.
        """
        return self._asked(question, images, told, cancel)

    def compare(
        self,
        images: Sequence[str],
        *,
        told: Told | None = None,
        cancel: threading.Event | None = None,
    ) -> Finding:
        """Say what differs between the first of several pictures and the others; see :meth:`look`."""
        from ..agent.inputs import WHAT_CHANGED, gather, several

        given = several(gather([self._file(name) for name in images]))
        return self._run(WHAT_CHANGED, given, told, cancel)

    def read(
        self,
        question: str,
        documents: Sequence[str] = (),
        *,
        told: Told | None = None,
        cancel: threading.Event | None = None,
    ) -> Finding:
        """Answer a question from documents, by default from all of the memory; see :meth:`look`."""
        return self._asked(question, documents, told, cancel)

    def measure(
        self,
        question: str,
        scene: str,
        *,
        told: Told | None = None,
        cancel: threading.Event | None = None,
    ) -> Finding:
        """Answer a question about a 3D scene; see :meth:`look`."""
        from ..memory.sources.scenes import open_scene

        opened = open_scene(self._file(scene))
        return self._run(without_files(question, [scene]), opened, told, cancel)

    def find(self, query: str, top: int = 5, kind: Kind | None = None, within: str | None = None) -> Finding:
        """Search the memory, and have the eyes look at what was found, as ``sightloop find`` does.

        Parameters
        ----------
        query : str
        top : int
            Moments, and pages, at most.
        kind : "photo", "video", "stream" or "document", optional
            Only in sources of this kind.
        within : str, optional
            Only in this one, by its path or its name.

        Raises
        ------
        InputError
            If there is no memory, or it holds no such source.
        """
        from ..agent.files import named
        from ..tools.find import moments

        memory = self.memory
        if memory is None:
            raise InputError("there is no memory to search: look, read and measure take files.", input=query)
        sources = [source for source in memory.sources() if kind in (None, source.kind)]
        if within is not None:
            meant = named(within, [source.path for source in sources], kind or "source in the memory")
            sources = [source for source in sources if source.path == meant]
        seen = [source.path for source in sources if source.kind != "document"]
        pages = [source.path for source in sources if source.kind == "document"]
        looked = moments(self.eyes, memory, query, top=top, sources=seen)
        hits = memory.search(query, top=top, sources=pages) if pages else []
        return found(memory, looked, hits)

    def _asked(
        self, question: str, names: Sequence[str], told: Told | None, cancel: threading.Event | None
    ) -> Finding:
        """Ask about files by their names, which those who plan like to repeat in the question."""
        files = [self._file(name) for name in names]
        return self._run(without_files(question, names), files, told, cancel)

    def _run(
        self, question: str, inputs: Inputs, told: Told | None, cancel: threading.Event | None
    ) -> Finding:
        from ..agent import Result

        for event in self._agent.stream(question, inputs, cancel=cancel):
            if isinstance(event, Result):
                return answered(event)
            if told is not None:
                told(cast("Step", event))  # nothing is to be approved
        raise AssertionError("stream ends with a Result")

    def _file(self, name: str) -> str:
        """Return the path that a caller means, who may read it."""
        return str(self._reads(name))
