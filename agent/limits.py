"""Limits of a run, and the meter that holds every call of the model to them.

The meter stands between the agent and its eyes, so that nested tools are counted too: what a run has
spent and what it may still spend is known in one place.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ..errors import InsufficientMemoryError
from ..memory import Still
from ..tools.llava_next.answers import Usage
from ..tools.look import Eyes

if TYPE_CHECKING:
    from ..tools.llava_next.answers import Answer, Choice
    from ..tools.llava_next.checkpoints import Checkpoint
    from ..tools.llava_next.generate import Cancel
    from ..tools.llava_next.plan import Plan
    from ..tools.llava_next.prompts import Prompt

Currency = Literal["steps", "visual_tokens", "seconds", "gpu_bytes"]

T = TypeVar("T")


LAST_WORDS = 8
"""Tokens that an answer may still have when the seconds were over before its first one."""


class Limits(BaseModel):
    """What one run may spend; None means no limit.

    Parameters
    ----------
    steps : int, optional
        Tools run and answers verified. Planning, thinking and answering are free.
    visual_tokens : int, optional
        Visual tokens over all prompts of the run.
    seconds : float, optional
        Wall-clock seconds of the run; loading the model and waiting for a person are not part of it.
        Generation stops at the next token; a prompt that is being read is not interrupted.
    gpu_bytes : int, optional
        The most memory that a call of the model may take beside its weights, on whatever device it is.
        Prompts are batched and planned to stay under it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int | None = Field(default=8, ge=1)
    visual_tokens: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    gpu_bytes: int | None = Field(default=None, ge=1)


class LimitReached(Exception):
    """Ends a run with the best answer so far: the next call would take it to ``needed``, past a limit."""

    def __init__(self, currency: Currency, needed: float) -> None:
        super().__init__(f"limit of {currency} reached")
        self.currency = currency
        self.needed = needed


class Cancelled(Exception):
    """Ends a run because nobody waits for it any more."""


class Lap(TypedDict):
    """When a step began (seconds from the run's start), how long it took, and what its calls cost."""

    started: float
    seconds: float
    usage: Usage


class Over:
    """Whether to stop writing: nobody waits any more, or the seconds are over.

    Parameters
    ----------
    cancel : threading.Event
        Set by whoever started the run.
    deadline : float, optional
        By ``time.monotonic``.
    """

    def __init__(self, cancel: threading.Event, deadline: float | None) -> None:
        self.cancel = cancel
        self.deadline = deadline

    @property
    def late(self) -> bool:
        """Whether the seconds are over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def is_set(self) -> bool:
        """Whether to stop."""
        return self.cancel.is_set() or self.late


class Meter:
    """The eyes of one run (:class:`~sightloop.tools.look.Eyes`), counted and held to limits.

    A call that would go past the visual tokens left, or starts after the last second, raises
    :class:`LimitReached` before it runs; one that nobody waits for any more raises :class:`Cancelled`.
    Seconds hold from the moment there is an answer (:attr:`has_answer`): until then they cut generation
    short, but every call is begun, because a run must have an answer to end with.

    Parameters
    ----------
    eyes : Eyes
    limits : Limits
    cancel : threading.Event, optional
    usage, seconds : Usage, float
        What a run that goes on has spent before.
    """

    def __init__(
        self,
        eyes: Eyes,
        limits: Limits,
        cancel: threading.Event | None = None,
        usage: Usage | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.eyes = eyes
        self.limits = limits
        self.usage = usage or Usage()
        self.has_answer = False
        self._lap_began = seconds
        self._lap_usage = Usage()
        self._started = time.monotonic() - seconds
        deadline = None if limits.seconds is None else self._started + limits.seconds
        self.over = Over(cancel or threading.Event(), deadline)

    @property
    def seconds(self) -> float:
        """What the run has taken so far."""
        return time.monotonic() - self._started

    def lap(self) -> Lap:
        """Return time and usage since the last lap, and begin the next."""
        now = self.seconds
        lap = Lap(started=self._lap_began, seconds=now - self._lap_began, usage=self._lap_usage)
        self._lap_began, self._lap_usage = now, Usage()
        return lap

    @property
    def name(self) -> str:
        """The model's name."""
        return self.eyes.name

    @property
    def checkpoint(self) -> Checkpoint:
        """What the model was trained for."""
        return self.eyes.checkpoint

    @property
    def writes_json(self) -> bool:
        """Whether the model can be held to a JSON schema."""
        return bool(getattr(self.eyes, "writes_json", False))

    def plan(self, prompt: Prompt) -> Plan:
        """Say what a prompt costs; free."""
        return self.eyes.plan(prompt)

    def answers(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
        memory_bytes: int | None = None,
    ) -> list[Answer]:
        """Answer several prompts, within the limits; ``cancel`` and ``memory_bytes`` are the meter's own."""
        self.admit(prompts)
        answers = self._held(
            lambda memory: self.eyes.answers(
                prompts,
                max_new_tokens=max_new_tokens,
                cancel=cancel or self.over,
                schema=schema,
                memory_bytes=memory,
            ),
            memory_bytes,
        )
        self._count(answer.usage for answer in answers)
        wordless = not self.has_answer and not any(answer.text for answer in answers)
        if wordless and self.over.late and self._visual_tokens_left(prompts) >= 0:
            # Time was over before the first word, but a run must end with an answer.
            answers = self.eyes.answers(prompts, max_new_tokens=LAST_WORDS)
            self._count(answer.usage for answer in answers)
        return answers

    def choose(self, prompt: Prompt, options: Sequence[str]) -> Choice:
        """Choose among options, within the limits."""
        return self.choose_many([prompt], options)[0]

    def choose_many(
        self, prompts: Sequence[Prompt], options: Sequence[str], *, memory_bytes: int | None = None
    ) -> list[Choice]:
        """Choose among options for several prompts, within the limits."""
        self.admit(prompts)
        choices = self._held(
            lambda memory: self.eyes.choose_many(prompts, options, memory_bytes=memory), memory_bytes
        )
        self._count(choice.usage for choice in choices)
        return choices

    @property
    def embeds(self) -> bool:
        """Whether the eyes put stills and texts into one space."""
        return hasattr(self.eyes, "embed")

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        """Embed stills and texts, as :class:`~sightloop.memory.embed.Embedder`, within the limits."""
        prompts: list[Prompt] = [[item] for item in items if isinstance(item, Still)]
        self.admit(prompts)
        began = time.monotonic()
        vectors: NDArray[np.float32] = self.eyes.embed(items)  # type: ignore[attr-defined]
        tokens = sum(self.plan(prompt).visual_tokens for prompt in prompts)
        seconds = time.monotonic() - began
        self._count([Usage(visual_tokens=tokens, stills=len(prompts), seconds=seconds)])
        return vectors

    def admit(self, prompts: Sequence[Prompt] = ()) -> None:
        """Raise :class:`LimitReached` or :class:`Cancelled` where these prompts may not run any more."""
        if self.over.cancel.is_set():
            raise Cancelled
        if self.has_answer and self.over.late:
            raise LimitReached("seconds", needed=self.seconds)
        left = self._visual_tokens_left(prompts)
        if self.limits.visual_tokens is not None and left < 0:
            raise LimitReached("visual_tokens", needed=self.limits.visual_tokens - left)

    def _held(self, call: Callable[[int | None], T], memory_bytes: int | None) -> T:
        """Run a call within the memory that it may take."""
        allowed = [limit for limit in (memory_bytes, self.limits.gpu_bytes) if limit is not None]
        try:
            return call(min(allowed, default=None))
        except InsufficientMemoryError:
            if self.limits.gpu_bytes is None or not self.has_answer:
                raise
            raise LimitReached("gpu_bytes", needed=self.limits.gpu_bytes) from None

    def _visual_tokens_left(self, prompts: Sequence[Prompt]) -> float:
        """Return how many visual tokens the limit would leave after ``prompts``."""
        if self.limits.visual_tokens is None:
            return math.inf
        needed = sum(self.plan(prompt).visual_tokens for prompt in prompts)
        return self.limits.visual_tokens - self.usage.visual_tokens - needed

    def _count(self, usages: Iterable[Usage]) -> None:
        for usage in usages:
            self.usage += usage
            self._lap_usage += usage
