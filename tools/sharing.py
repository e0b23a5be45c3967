"""Sharing: one model for many callers, each of whom takes it for their own.

A thread of its own runs the model. What callers ask while it is at work waits, and what goes together then
runs as one batch.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import SightloopError
from .look import Eyes

if TYPE_CHECKING:
    from ..memory import Still
    from .llava_next.answers import Answer, Choice
    from .llava_next.checkpoints import Checkpoint
    from .llava_next.generate import Cancel
    from .llava_next.plan import Plan
    from .llava_next.prompts import Prompt

MOST_TOGETHER = 64
"""Prompts that are batched over callers; those of one caller are the model's own matter."""


@dataclass(eq=False, slots=True)
class _Job:
    """What one caller waits for: ``work`` on ``items``, together with others' of the same ``kind``."""

    kind: Hashable
    items: Sequence[Any]
    work: Callable[[Sequence[Any]], Sequence[Any]]
    done: Future[Sequence[Any]] = field(default_factory=Future)


class SharedEyes:
    """The eyes of many callers at once (:class:`~.look.Eyes`).

    Parameters
    ----------
    eyes : Eyes
        Used by nobody else from now on.
    """

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"eyes {eyes.name}", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._eyes.name

    @property
    def checkpoint(self) -> Checkpoint:
        """What the model was trained for."""
        return self._eyes.checkpoint

    @property
    def device(self) -> str:
        """Where the model is."""
        return str(getattr(self._eyes, "device", "elsewhere"))

    @property
    def writes_json(self) -> bool:
        """Whether the model can be held to a JSON schema."""
        return bool(getattr(self._eyes, "writes_json", False))

    @property
    def alive(self) -> bool:
        """Whether callers still get answers."""
        return self._thread.is_alive() and not self._closed

    def plan(self, prompt: Prompt) -> Plan:
        """Say what a prompt costs; waits for nobody."""
        return self._eyes.plan(prompt)

    def answers(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
        memory_bytes: int | None = None,
    ) -> list[Answer]:
        """Answer several prompts in their order."""

        def work(items: Sequence[Any]) -> Sequence[Any]:
            return self._eyes.answers(
                items, max_new_tokens=max_new_tokens, cancel=cancel, schema=schema, memory_bytes=memory_bytes
            )

        alone = object() if cancel is not None or schema is not None else None
        return list(self._wait(("answers", max_new_tokens, memory_bytes, alone), prompts, work))

    def choose(self, prompt: Prompt, options: Sequence[str]) -> Choice:
        """Give the probability of each option as the answer."""
        return self.choose_many([prompt], options)[0]

    def choose_many(
        self, prompts: Sequence[Prompt], options: Sequence[str], *, memory_bytes: int | None = None
    ) -> list[Choice]:
        """Give the probabilities of the same options for several prompts, in their order."""

        def work(items: Sequence[Any]) -> Sequence[Any]:
            return self._eyes.choose_many(items, options, memory_bytes=memory_bytes)

        return list(self._wait(("choose", tuple(options), memory_bytes), prompts, work))

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        """Embed stills and texts into one space."""
        embed = cast("Any", self._eyes).embed
        vectors = self._wait("embed", items, embed)
        return np.stack(vectors) if len(vectors) else cast("NDArray[np.float32]", embed([]))

    def stream(
        self,
        prompt: Prompt,
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Iterator[str | Answer]:
        """Answer one prompt piece by piece; the last item is the Answer."""
        (answer,) = self.answers([prompt], max_new_tokens=max_new_tokens, cancel=cancel, schema=schema)
        yield answer.text
        yield answer

    def close(self) -> None:
        """Let the model finish what it is at, and take no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _wait(
        self, kind: Hashable, items: Sequence[Any], work: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> Sequence[Any]:
        if not items:
            return []
        job = _Job(kind, items, work)
        with self._changed:
            if self._closed:
                raise SightloopError(f"{self.name} is closed.")
            self._waiting.append(job)
            self._changed.notify_all()
        return job.done.result()

    def _run(self) -> None:
        while (jobs := self._next()) is not None:
            _done(jobs)

    def _next(self) -> list[_Job] | None:
        """Return the jobs that run next together: the first, and those like it, in order."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            jobs: list[_Job] = []
            size = 0
            for job in list(self._waiting):
                if jobs and (job.kind != jobs[0].kind or size + len(job.items) > MOST_TOGETHER):
                    continue
                jobs.append(job)
                size += len(job.items)
                self._waiting.remove(job)
            return jobs


def _done(jobs: Sequence[_Job]) -> None:
    """Do jobs as one, or one by one where that fails: an error is its own caller's."""
    try:
        found = jobs[0].work([item for job in jobs for item in job.items])
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's who waits
        if len(jobs) == 1:
            jobs[0].done.set_exception(error)
            return
        for job in jobs:
            _done([job])
        return
    at = 0
    for job in jobs:
        job.done.set_result(found[at : at + len(job.items)])
        at += len(job.items)
