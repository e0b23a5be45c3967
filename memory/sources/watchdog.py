"""Watchdog: work that may stop for ever is done in a thread of its own, and waited for with a limit."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

from ...errors import SourceStalledError

STALL_SECONDS = 20.0
"""A reader that shows no sign of life for this long has stopped."""

AHEAD = 4
"""How many items are read before they are asked for: of 4K video each is 12 MB."""

_LOOK = 0.25  # seconds between two looks at whether the other side is still there

T = TypeVar("T")


class Pulse:
    """A sign of life: the reader gives one whenever it has got something, wanted or not."""

    def __init__(self) -> None:
        self.beat()

    def beat(self) -> None:
        """Note that the reader is alive."""
        self._last = time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - self._last


class _End(Generic[T]):
    """What the reader puts last: the error it ended with, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def watched(
    read: Callable[[Pulse], Iterator[T]], name: str, *, seconds: float = STALL_SECONDS
) -> Generator[T, None, None]:
    """Iterate in a thread of its own, a few items ahead.

    Parameters
    ----------
    read : callable
        Starts the iteration, in the thread; it is given a pulse to beat while it yields nothing.
    name : str
        Of the source, for the error.
    seconds : float
        How long it may show no sign of life.

    Yields
    ------
    T
        What ``read`` yields; what it raises is raised here.

    Raises
    ------
    SourceStalledError
        ``seconds`` after the last sign of life. The thread is left behind, and ends when it wakes up.
    """
    items: queue.Queue[T | _End[T]] = queue.Queue(AHEAD)
    stopped = threading.Event()
    pulse = Pulse()

    def offer(item: T | _End[T]) -> bool:
        while not stopped.is_set():
            try:
                items.put(item, timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        error: BaseException | None = None
        iterator = read(pulse)
        try:
            for item in iterator:
                pulse.beat()
                if not offer(item):
                    break
                pulse.beat()
        except BaseException as caught:  # noqa: BLE001  # it is raised where the items are taken
            error = caught
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            offer(_End(error))

    thread = threading.Thread(target=work, name=f"reader of {name}", daemon=True)
    thread.start()
    try:
        while True:
            item = _taken(items, pulse, name, seconds)
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        if pulse.silence < seconds:
            thread.join(2 * _LOOK)


def _taken(items: queue.Queue[T], pulse: Pulse, name: str, seconds: float) -> T:
    while True:
        try:
            return items.get(timeout=min(_LOOK, seconds))
        except queue.Empty:
            if pulse.silence >= seconds:
                raise SourceStalledError(
                    f"{name} gave nothing for {seconds:g} s: the disk, the network or the decoder has "
                    "stopped. Try again, or copy the file to a local disk first.",
                    input=name,
                ) from None
