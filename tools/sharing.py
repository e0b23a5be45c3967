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
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import SightloopError

if TYPE_CHECKING:
    from ..memory import Still
    from .llava_next import LlavaNext
    from .llava_next.answers import Answer, Choice
    from .llava_next.checkpoints import Checkpoint
    from .llava_next.generate import Cancel
    from .llava_next.plan import Plan
    from .llava_next.prompts import Prompt
    from .llava_next.together import Request

MOST_TOGETHER = 32
"""Prompts that run as one batch; more wait, so that nobody waits for all of somebody's many."""


@dataclass(eq=False, slots=True)
class _Asked:
    """A prompt that a caller listens to the answer of; tells the model when nobody does any more."""

    prompt: Prompt
    max_new_tokens: int | None
    cancel: Cancel | None
    schema: Mapping[str, Any] | None
    memory_bytes: int | None
    heard: SimpleQueue[str | Answer | Exception] = field(default_factory=SimpleQueue)
    left: bool = False

    def is_set(self) -> bool:
        return self.left or (self.cancel is not None and self.cancel.is_set())

    @property
    def request(self) -> Request:
        from .llava_next.together import Request  # loads torch

        return Request(self.prompt, self.max_new_tokens, self, self.schema, self.memory_bytes)

    def listened(self) -> Iterator[str | Answer]:
        """Yield the pieces of the answer, and then the answer."""
        try:
            while True:
                event = self.heard.get()
                if isinstance(event, Exception):
                    raise event
                yield event
                if not isinstance(event, str):
                    return
        finally:
            self.left = True


@dataclass(eq=False, slots=True)
class _Work:
    """What a caller waits for as a whole: ``work`` on ``items``, with others' that say the same ``kind``."""

    kind: Hashable
    items: Sequence[Any]
    work: Callable[[Sequence[Any]], Sequence[Any]]
    done: Future[Sequence[Any]] = field(default_factory=Future)


class SharedEyes:
    """The eyes of many callers at once (:class:`~.look.Eyes`); each gets what it would get alone.

    Parameters
    ----------
    eyes : LlavaNext
        Used by nobody else from now on.
    """

    def __init__(self, eyes: LlavaNext) -> None:
        self._eyes = eyes
        self._waiting: deque[_Asked | _Work] = deque()
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
        return self._eyes.device

    @property
    def writes_json(self) -> bool:
        """Whether the model can be held to a JSON schema."""
        return self._eyes.writes_json

    @property
    def alive(self) -> bool:
        """Whether callers still get answers."""
        return self._thread.is_alive() and not self._closed

    @property
    def waiting(self) -> int:
        """How many prompts and other calls wait for the model."""
        return len(self._waiting)

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
        """Answer several prompts in their order; see :meth:`~.llava_next.LlavaNext.answers`."""
        asked = [_Asked(prompt, max_new_tokens, cancel, schema, memory_bytes) for prompt in prompts]
        self._put(asked)
        try:
            return [cast("Answer", list(one.listened())[-1]) for one in asked]
        finally:
            for one in asked:
                one.left = True  # where one failed, nobody waits for the others

    def stream(
        self,
        prompt: Prompt,
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Iterator[str | Answer]:
        """Answer one prompt piece by piece, the answer last; who stops listening stops the model."""
        asked = _Asked(prompt, max_new_tokens, cancel, schema, None)
        self._put([asked])
        yield from asked.listened()

    def choose(self, prompt: Prompt, options: Sequence[str]) -> Choice:
        """Give the probability of each option as the answer."""
        return self.choose_many([prompt], options)[0]

    def choose_many(
        self, prompts: Sequence[Prompt], options: Sequence[str], *, memory_bytes: int | None = None
    ) -> list[Choice]:
        """Give the probabilities of the same options for several prompts, in their order."""

        def work(items: Sequence[Any]) -> Sequence[Any]:
            return self._eyes.choose_many(items, options, memory_bytes=memory_bytes)

        return list(self._done(("choose", tuple(options), memory_bytes), prompts, work))

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        """Embed stills and texts into one space."""
        vectors = self._done("embed", items, lambda every: list(self._eyes.embed(every)))
        return np.stack(vectors) if len(vectors) else self._eyes.embed([])

    def close(self) -> None:
        """Let the model do what was asked of it, and take no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _put(self, jobs: Sequence[_Asked | _Work]) -> None:
        with self._changed:
            if self._closed:
                raise SightloopError(f"{self.name} takes no more questions: whoever shared it has closed it.")
            self._waiting.extend(jobs)
            self._changed.notify_all()

    def _done(
        self, kind: Hashable, items: Sequence[Any], work: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> Sequence[Any]:
        if not items:
            return []
        job = _Work(kind, items, work)
        self._put([job])
        return job.done.result()

    def _run(self) -> None:
        while jobs := self._next():
            if isinstance(jobs[0], _Asked):
                self._say(cast("list[_Asked]", jobs))
            else:
                _do(cast("list[_Work]", jobs))

    def _next(self) -> list[_Asked | _Work]:
        """Return what runs next together: what waits longest, and what goes with it; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            jobs: list[_Asked | _Work] = []
            size, kept = 0, deque[_Asked | _Work]()
            for job in self._waiting:
                many = len(job.items) if isinstance(job, _Work) else 1
                if jobs and (_kind(job) != _kind(jobs[0]) or size + many > MOST_TOGETHER):
                    kept.append(job)
                else:
                    jobs.append(job)
                    size += many
            self._waiting = kept
            return jobs

    def _say(self, jobs: Sequence[_Asked]) -> None:
        """Answer prompts together; where that fails, those that have heard nothing yet alone."""
        left, begun = dict(enumerate(jobs)), set()
        try:
            for place, event in self._eyes.streams([job.request for job in jobs]):
                begun.add(place)
                jobs[place].heard.put(event)
                if not isinstance(event, str):
                    del left[place]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
            for place, job in left.items():
                if len(jobs) > 1 and place not in begun:
                    self._say([job])
                else:
                    job.heard.put(error)


def _kind(job: _Asked | _Work) -> Hashable:
    return job.kind if isinstance(job, _Work) else "say"


def _do(jobs: Sequence[_Work]) -> None:
    """Do work as one, or one by one where that fails: an error is its own caller's."""
    try:
        found = jobs[0].work([item for job in jobs for item in job.items])
    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
        if len(jobs) == 1:
            jobs[0].done.set_exception(error)
            return
        for job in jobs:
            _do([job])
        return
    at = 0
    for job in jobs:
        job.done.set_result(found[at : at + len(job.items)])
        at += len(job.items)
