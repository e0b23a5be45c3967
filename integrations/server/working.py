"""Working: what takes a model's time runs in a thread, and stops when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

from fastapi import Request

from .depends import Server
from .failures import Refused

T = TypeVar("T")

CLIENT_LEFT = 499
"""Status of a request whose answer nobody reads, for the metrics."""


class _End:
    """Marks that there is no more."""


async def streamed(server: Server, work: Callable[[threading.Event], Iterator[T]]) -> AsyncIterator[T]:
    """Yield what work yields, in its turn; closing the iterator tells the work to stop.

    Parameters
    ----------
    server : Server
    work : callable
        Is called in a thread, with what is set when nobody waits any more.

    Raises
    ------
    Exception
        Whatever the work raises.
    """
    cancel = threading.Event()
    loop = asyncio.get_running_loop()
    made: asyncio.Queue[T | _End | Exception] = asyncio.Queue()

    def put(item: T | _End | Exception) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(made.put_nowait, item)

    def run() -> None:
        try:
            for item in work(cancel):
                put(item)
                if cancel.is_set():
                    break
            put(_End())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            put(error)

    async with server.admission.turn():
        server.threads.submit(run)
        try:
            while not isinstance(item := await made.get(), _End):
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            cancel.set()


@asynccontextmanager
async def while_waited_for(request: Request) -> AsyncIterator[None]:
    """End the block when the client leaves: nobody reads what it would answer.

    Raises
    ------
    Refused
        If the client has left.
    """
    task, left = asyncio.current_task(), False
    assert task is not None  # a request is worked on in one

    async def watch() -> None:
        nonlocal left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left = True
        task.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not left:
            raise
        task.uncancel()
        raise Refused(CLIENT_LEFT, "the client has left.", code="client_left") from None
    finally:
        watching.cancel()
