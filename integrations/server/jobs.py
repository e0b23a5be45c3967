"""Jobs: work that goes on after its request was answered, one at a time for each caller."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

logger = logging.getLogger("sightloop.server")

WORKERS = 2
"""Callers whose files are indexed at the same time: what one brings in does not keep the others waiting."""

PATIENCE = 10.0
"""Seconds that a job may take to stop; it is cut off then, and the next server goes on with it."""


class Jobs:
    """Runs jobs in the background, those of one caller in their order."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        """Set when the server ends: whoever works then leaves off at the next acknowledged step."""
        self._waiting: deque[tuple[str, Callable[[], None]]] = deque()
        self._busy: set[str] = set()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work."""
        for number in range(WORKERS):
            thread = threading.Thread(target=self._work, name=f"jobs-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Have all workers leave off, and wait until they did."""
        self.stopping.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(PATIENCE)

    def submit(self, caller: str, job: Callable[[], None]) -> None:
        """Have a job done after the others of this caller."""
        with self._changed:
            self._waiting.append((caller, job))
            self._changed.notify()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            caller, job = taken
            try:
                job()
            except Exception:
                logger.exception("a job of %s failed", caller)
            finally:
                with self._changed:
                    self._busy.discard(caller)
                    self._changed.notify_all()

    def _take(self) -> tuple[str, Callable[[], None]] | None:
        """Wait for a job of a caller of whom no other is running; None when the server ends."""
        with self._changed:
            while not self.stopping.is_set():
                for place, (caller, job) in enumerate(self._waiting):
                    if caller not in self._busy:
                        del self._waiting[place]
                        self._busy.add(caller)
                        return caller, job
                self._changed.wait()
        return None
