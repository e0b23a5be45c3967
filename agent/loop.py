"""The agent: one object that answers questions about pictures, holds conversations, and can be composed.

What happens in a run is the graph's (:mod:`.graph`); here are the ways to start one, to watch it, to stop it,
to approve what it does and to go on with it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from ..errors import ApprovalNeeded, InputError
from ..tools.look import Eyes
from .brains import Brain, Playbook
from .inputs import Gathered, Input, asked
from .library import Library
from .limits import Limits
from .result import Result
from .steps import Step
from .toolbox import TOOLS, tool

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import StreamMode

    from ..memory.store import VisualMemory
    from .approval import Pending
    from .run import Live, Turn

DEEP = 100_000
"""Nodes that LangGraph lets a run pass: the run's own limits end it long before."""

Inputs = Input | Iterable[Input] | Gathered


class VisualAgent:
    """Answers questions about pictures, within limits, and shows what the answer rests on.

    Parameters
    ----------
    eyes : Eyes, optional
        The model that looks; the embedded pocket model by default.
    brain : Brain, optional
        What decides the next step; :class:`Playbook` by default.
    memory : VisualMemory, optional
        Where videos are kept and searched; questions without inputs are about all of it. Without one,
        videos are kept in a temporary memory for as long as the agent lives.
    limits : Limits, optional
        What each run may spend.
    approve : bool or collection of str
        Tools that a person must approve before they run: their names, or True for all.
    urls : bool
        Whether inputs may be web addresses, which are fetched; they are refused otherwise.
    checkpointer : BaseCheckpointSaver, optional
        Of LangGraph: where conversations are kept. In this process's memory by default; with one that writes
        to a disk or a database they survive a restart.

    Examples
    --------
    >>> from sightloop import VisualAgent
    >>> result = VisualAgent().run("How many red shapes are there?", "photo.png")  # doctest: +SKIP
    >>> result.answer, result.evidence[0].verdict  # doctest: +SKIP
    ('3', 'confirmed')
    """

    def __init__(
        self,
        eyes: Eyes | None = None,
        *,
        brain: Brain | None = None,
        memory: VisualMemory | None = None,
        limits: Limits | None = None,
        approve: bool | Collection[str] = (),
        urls: bool = False,
        checkpointer: BaseCheckpointSaver[Any] | None = None,
    ) -> None:
        if eyes is None:
            from ..tools.llava_next import LlavaNext  # loads torch

            eyes = LlavaNext()
        from langgraph.checkpoint.memory import InMemorySaver

        from .graph import Loop

        self.eyes: Eyes = eyes
        self.brain: Brain = brain if brain is not None else Playbook()
        self.limits = limits if limits is not None else Limits()
        names = list(TOOLS) if approve is True else list(approve or ())
        self.approve = frozenset(tool(name).name for name in names)
        self.urls = urls
        self.memory = memory
        self._library = Library(self.eyes, memory)
        loop = Loop(self.eyes, self.brain, self.limits, self._library, self.approve).graph()
        self.graph: CompiledStateGraph[Turn, Live, Turn, Turn] = loop.compile(
            checkpointer=checkpointer or InMemorySaver()
        )
        """The loop as a LangGraph, with its conversations: question and inputs in, result out."""
        self._once = loop.compile()

    def run(
        self,
        question: str,
        inputs: Inputs = (),
        *,
        thread: str | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        """Answer ``question`` about ``inputs``.

        Parameters
        ----------
        question : str
            In a conversation it may be a follow-up: "and the left one?".
        inputs : path, PIL image, array or Still, several of them, or what ``gather`` made of them
            A folder stands for the photos and videos in it. Inputs that cannot be read are left out and
            reported in ``Result.skipped``. In a conversation, none stands for those of the turn before.
        thread : str, optional
            Name of a conversation, which is begun or gone on with.
        cancel : threading.Event, optional
            When it is set, the model stops between two tokens, and the run ends with the best answer so far.

        Returns
        -------
        Result

        Raises
        ------
        InputError
            If the question is empty, no input can be read, or the limits allow not even one look.
        ContextOverflowError
            If the stills do not fit the model's window.
        ApprovalNeeded
            If a tool is to be called that a person must approve; :meth:`resume` goes on.
        """
        return _last(self.stream(question, inputs, thread=thread, cancel=cancel))

    def stream(
        self,
        question: str,
        inputs: Inputs = (),
        *,
        thread: str | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[Step | Result | Pending]:
        """Do as :meth:`run`, and yield each step when it is done.

        The last item is the Result, or a Pending where a person must approve a call first.
        """
        start, live = self._start(question, inputs, thread, cancel)
        yield from self._events(start, live, self._thread(thread))

    async def arun(
        self,
        question: str,
        inputs: Inputs = (),
        *,
        thread: str | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        """Do as :meth:`run`, without blocking the event loop; cancelling the task cancels the run."""
        return await _alast(self.astream(question, inputs, thread=thread, cancel=cancel))

    async def astream(
        self,
        question: str,
        inputs: Inputs = (),
        *,
        thread: str | None = None,
        cancel: threading.Event | None = None,
    ) -> AsyncIterator[Step | Result | Pending]:
        """Do as :meth:`stream`, without blocking the event loop; cancelling the task cancels the run."""
        start, live = await asyncio.to_thread(self._start, question, inputs, thread, cancel)
        async for event in self._aevents(start, live, self._thread(thread)):
            yield event

    def resume(
        self, thread: str, decision: Any = "approve", *, cancel: threading.Event | None = None
    ) -> Result:
        """Go on with a run that waits for a person, or that was cut off by the end of its process.

        Parameters
        ----------
        thread : str
            Of the :class:`Pending`, or of the conversation.
        decision : str, dict or Decision
            "approve", "reject", or ``{"type": "edit", "edited_action": {"name": ..., "args": {...}}}``, as in
            LangChain's human-in-the-loop middleware.
        cancel : threading.Event, optional

        Raises
        ------
        InputError
            If nothing waits in this conversation, or the decision is none.
        ApprovalNeeded
            If the next call must be approved too.
        """
        return _last(self.stream_resumed(thread, decision, cancel=cancel))

    def stream_resumed(
        self, thread: str, decision: Any = "approve", *, cancel: threading.Event | None = None
    ) -> Iterator[Step | Result | Pending]:
        """Do as :meth:`resume`, and yield each step from here on; the last item is as of :meth:`stream`."""
        from langgraph.types import Command

        from .approval import decided
        from .run import Live

        config = self._config(thread)
        snapshot = self.graph.get_state(config)
        if not snapshot.tasks:
            raise InputError(f"nothing waits in the conversation {thread!r}.", input=thread)
        waits = any(task.interrupts for task in snapshot.tasks)
        going_on: Any = None
        if waits:
            going_on = Command(resume=decided(decision).model_dump(mode="json", exclude_none=True))
        live = Live(cancel=cancel or threading.Event())
        yield from self._events(going_on, live, thread)

    def _start(
        self, question: str, inputs: Inputs, thread: str | None, cancel: threading.Event | None
    ) -> tuple[Turn, Live]:
        from .run import Live

        question = asked(question)
        live = Live(cancel=cancel or threading.Event(), keep=self._thread(thread) is not None)
        given = inputs if isinstance(inputs, Gathered) or not _nothing(inputs) else None
        if given is None and not self._knows(thread):
            given = ()
        if given is not None:
            live.gathered = self._library.gathered(given, urls=self.urls)
        return {"question": question, "inputs": []}, live

    def _knows(self, thread: str | None) -> bool:
        """Whether there is such a conversation, with pictures to go on with."""
        return thread is not None and "run" in self.graph.get_state(self._config(thread)).values

    def _thread(self, thread: str | None) -> str | None:
        """Name a conversation for runs that may wait for a person, who must find them again."""
        return thread or (f"run-{uuid4().hex[:12]}" if self.approve else None)

    @staticmethod
    def _config(thread: str | None) -> RunnableConfig:
        config: RunnableConfig = {"recursion_limit": DEEP}
        if thread is not None:
            config["configurable"] = {"thread_id": thread}
        return config

    def _events(self, start: Any, live: Live, thread: str | None) -> Iterator[Step | Result | Pending]:
        graph = self._once if thread is None else self.graph
        modes: list[StreamMode] = ["custom", "updates"]
        for mode, event in graph.stream(start, self._config(thread), context=live, stream_mode=modes):
            if mode == "custom":
                yield cast("Step", event)
            elif "__interrupt__" in event:
                yield _pending(event, thread)
                return
        assert live.result is not None  # every way through the graph ends with one
        yield live.result

    async def _aevents(
        self, start: Any, live: Live, thread: str | None
    ) -> AsyncIterator[Step | Result | Pending]:
        graph = self._once if thread is None else self.graph
        modes: list[StreamMode] = ["custom", "updates"]
        waiting: Pending | None = None
        try:
            async for mode, event in graph.astream(
                start, self._config(thread), context=live, stream_mode=modes
            ):
                if mode == "custom":
                    yield cast("Step", event)
                elif "__interrupt__" in event:
                    waiting = _pending(event, thread)
        except (asyncio.CancelledError, GeneratorExit):
            # The task is gone, but its thread still works: it stops before the next token.
            live.cancel.set()
            raise
        if waiting is not None:
            yield waiting
            return
        assert live.result is not None  # every way through the graph ends with one
        yield live.result


def _pending(event: Any, thread: str | None) -> Pending:
    from .approval import Pending

    assert thread is not None  # runs that may wait have one
    (waiting,) = event["__interrupt__"]
    return Pending.model_validate({"thread": thread, "call": waiting.value["call"]})


def _nothing(inputs: Any) -> bool:
    return isinstance(inputs, (tuple, list)) and not inputs


def _last(events: Iterator[Step | Result | Pending]) -> Result:
    for event in events:
        if isinstance(event, Result):
            return event
        _needs_approval(event)
    raise AssertionError("stream ends with a Result or a Pending")


async def _alast(events: AsyncIterator[Step | Result | Pending]) -> Result:
    async for event in events:
        if isinstance(event, Result):
            return event
        _needs_approval(event)
    raise AssertionError("stream ends with a Result or a Pending")


def _needs_approval(event: Any) -> None:
    from .approval import Pending

    if isinstance(event, Pending):
        raise ApprovalNeeded(event.thread, event.call.tool)
