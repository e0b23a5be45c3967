"""Jobs: work that goes on after its request was answered, shared fairly among the callers."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

logger = logging.getLogger("sightloop.server")

WORKERS = 4
"""Jobs that run at the same time: mostly they wait for the model, which works for all of them together."""

PATIENCE = 10.0
"""Seconds that a job may take to stop; it is cut off then, and the next server goes on with it."""


class Job(NamedTuple):
    """Something to do for a caller; jobs about one thing are done one after the other."""

    caller: str
    about: str
    do: Callable[[], None]


class Jobs:
    """Runs jobs in the background: next is the oldest of the caller for whom the fewest are running."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        """Set when the server ends: whoever works then leaves off at the next acknowledged step."""
        self._waiting: list[Job] = []
        self._running: list[Job] = []
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

    def submit(self, job: Job) -> None:
        """Have a job done after those before it that are about the same."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def _work(self) -> None:
        while (job := self._taken()) is not None:
            try:
                job.do()
            except Exception:
                logger.exception("a job about %s of %s failed", job.about, job.caller)
            finally:
                with self._changed:
                    self._running.remove(job)
                    self._changed.notify_all()

    def _taken(self) -> Job | None:
        """Wait for a job; None when the server ends."""
        with self._changed:
            while not self.stopping.is_set():
                if (job := self._next()) is not None:
                    self._waiting.remove(job)
                    self._running.append(job)
                    return job
                self._changed.wait()
        return None

    def _next(self) -> Job | None:
        busy = {job.about for job in self._running}
        load = Counter(job.caller for job in self._running)
        free = (job for job in self._waiting if job.about not in busy)
        return min(free, key=lambda job: load[job.caller], default=None)
