"""What all clients of one MCP server share: the eyes, the memory, and the threads in which tools run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..tools.remember import memory_of
from ..tools.sharing import SharedEyes
from .toolkit import Told, Toolkit

if TYPE_CHECKING:
    from ..agent import Limits
    from ..memory.store import VisualMemory
    from ..tools.llava_next import LlavaNext
    from .finding import Finding
    from .mcp_roots import Roots

AT_ONCE = 8
"""Calls that run at the same time; more wait for their turn."""
MOST_WAITING = 64
"""Calls that run or wait; more are refused, lest a client that floods the server fills its memory."""

PATIENCE = 5.0
"""Seconds that what runs has to end when the server does."""


@dataclass(frozen=True, slots=True)
class _Opened:
    eyes: SharedEyes
    memory: VisualMemory


class Service:
    """The eyes and the memory of a server, opened when they are first needed.

    So a client that only asks which tools there are, as many do of every server that they know when they
    start, is answered at once and loads no model.

    Parameters
    ----------
    eyes : callable
        Loads the model.
    memory : str, optional
        Folder of the memory, or the address of a Chroma server; by default one that lasts as long as the
        server.
    limits : Limits, optional
        Of each call.
    """

    def __init__(self, eyes: Callable[[], LlavaNext], memory: str | None, limits: Limits | None) -> None:
        self._load = eyes
        self._path = memory
        self._limits = limits
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mcp")
        self._running: dict[Future[Finding], threading.Event] = {}
        self._opening: Future[_Opened] | None = None

    @property
    def untouched(self) -> bool:
        """Whether the memory is a temporary one that nothing has come into yet."""
        return self._opening is None and self._path is None

    def _opened(self) -> Future[_Opened]:
        """Begin to open, unless that is done or under way; what failed is tried anew.

        Of the event loop only, where nothing comes between.
        """
        if self._opening is None or (self._opening.done() and self._opening.exception() is not None):
            self._opening = self._threads.submit(self._open)
        return self._opening

    def _open(self) -> _Opened:
        eyes = SharedEyes(self._load())
        try:
            return _Opened(eyes, memory_of(eyes, self._path))
        except BaseException:
            eyes.close()
            raise

    def close(self) -> None:
        """Stop what runs, between two tokens, and let go of the memory.

        A model that is being loaded, or looks at much at once, cannot be stopped: after ``PATIENCE`` it is
        left to end with the process, which the memory outlives.
        """
        running = dict(self._running)
        for cancel in running.values():
            cancel.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        opening = self._opening
        if opening is None:
            return
        left: list[Future[Any]] = [opening, *running]
        if wait(left, PATIENCE).not_done:
            return
        if not opening.cancelled() and opening.exception() is None:
            opening.result().memory.close()
            opening.result().eyes.close()

    async def in_memory(self, read: Callable[[VisualMemory], Any]) -> Any:
        """Return what a function reads from the memory, without blocking the event loop.

        Raises
        ------
        SightloopError
            If the model cannot be loaded, or the memory not be opened; and those of the function.
        """
        opened = await asyncio.wrap_future(self._opened())
        return await asyncio.to_thread(read, opened.memory)

    async def call(self, name: str, arguments: Mapping[str, Any], roots: Roots, told: Told) -> Finding:
        """Run a tool, without blocking the event loop; cancelling the task stops it between two tokens.

        Parameters
        ----------
        name : str
        arguments : mapping
            From outside: they are checked.
        roots : Roots
            The files that they may name.
        told : callable
            Is told of each step, in another thread.

        Raises
        ------
        SightloopError
            As of :meth:`.toolkit.Toolkit.call`; also if too many calls wait.
        """
        if len(self._running) >= MOST_WAITING:
            raise InputError(f"{MOST_WAITING} calls are waiting already; try again in a while.", input=name)
        cancel = threading.Event()
        opening = self._opened()

        def run() -> Finding:
            opened = opening.result()
            reads = partial(_file, opened.memory, roots)
            kit = Toolkit(opened.eyes, opened.memory, reads=reads, limits=self._limits)
            return kit.call(name, arguments, told=told, cancel=cancel)

        work = self._threads.submit(run)
        self._running[work] = cancel
        work.add_done_callback(self._running.pop)
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            cancel.set()
            raise


def _file(memory: VisualMemory, roots: Roots, name: str) -> str:
    """Return the path of a file that a client names: in its folders, or kept in the memory beside them.

    A path in the folders is checked though the memory holds it: a client may have put a link in its place.
    """
    held = not roots.covers(name) and any(name == source.path for source in memory.sources())
    return name if held else roots.path(name)
