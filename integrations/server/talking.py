"""Talking: in each conversation there is one answer at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .failures import Refused


class Talking:
    """The conversations that somebody waits for an answer in."""

    def __init__(self) -> None:
        self._now: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def alone(self, key_id: str, thread: str | None) -> Iterator[None]:
        """Hold a conversation of a caller's for a block; None is none.

        Raises
        ------
        Refused
            With 409, if an answer is on its way in it.
        """
        if thread is None:
            yield
            return
        with self._lock:
            if (key_id, thread) in self._now:
                message = f"an answer is on its way in the conversation {thread!r}: wait for it."
                raise Refused(409, message, code="conversation_busy", param="sightloop.thread")
            self._now.add((key_id, thread))
        try:
            yield
        finally:
            with self._lock:
                self._now.discard((key_id, thread))
