"""Admission: so many requests are worked on, so many wait, and one more is told when to come again."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from .failures import Refused

REMEMBERED = 0.9
"""Share of the usual time that one more request leaves as it was."""
LONGEST_WAIT = 60
"""Seconds that a client is told to wait at most."""


class Admission:
    """Who may use the models.

    Parameters
    ----------
    concurrent : int
        Requests that are worked on at once.
    queue : int
        Requests that may wait.
    """

    def __init__(self, concurrent: int, queue: int) -> None:
        self.concurrent = concurrent
        self.queue = queue
        self.inside = 0
        self._usual = 1.0
        self._turns = asyncio.Semaphore(concurrent)

    @property
    def retry_after(self) -> int:
        """Seconds after which there will be room, as far as one can tell."""
        return min(LONGEST_WAIT, max(1, math.ceil(self._usual * self.inside / self.concurrent)))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place inside, before anything of the request is read.

        Raises
        ------
        Refused
            With 429 and ``Retry-After``, if all are taken.
        """
        if self.inside >= self.concurrent + self.queue:
            raise Refused(
                429,
                f"{self.concurrent} requests are worked on and {self.queue} wait: try again in "
                f"{self.retry_after} s.",
                code="rate_limit_exceeded",
                headers={"Retry-After": str(self.retry_after)},
            )
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until it is this request's turn to be worked on."""
        async with self._turns:
            began = time.monotonic()
            try:
                yield
            finally:
                took = time.monotonic() - began
                self._usual = REMEMBERED * self._usual + (1 - REMEMBERED) * took
