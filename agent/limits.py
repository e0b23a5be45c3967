"""Limits of a run, and the meter that holds every call of the model to them.

The meter stands between the agent and its eyes, so that nested tools are counted too: what a run has
spent and what it may still spend is known in one place.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from ..tools.llava_next.answers import Usage
from ..tools.look import Eyes

if TYPE_CHECKING:
    from ..tools.llava_next.answers import Answer, Choice
    from ..tools.llava_next.checkpoints import Checkpoint
    from ..tools.llava_next.plan import Plan
    from ..tools.llava_next.prompts import Prompt

Currency = Literal["steps", "visual_tokens", "seconds"]


LAST_WORDS = 8
"""Tokens that an answer may still have when the seconds were over before its first one."""


class Limits(BaseModel):
    """What one run may spend; None means no limit.

    Parameters
    ----------
    steps : int, optional
        Steps that ask the model (look, divide, closer, verify). Planning and answering are free.
    visual_tokens : int, optional
        Visual tokens over all prompts of the run.
    seconds : float, optional
        Wall-clock seconds from the run's start; loading the model is not part of it. Generation stops at the
        next token; a prompt that is being read is not interrupted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int | None = Field(default=8, ge=1)
    visual_tokens: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)


class LimitReached(Exception):
    """Ends a run with the best answer so far: the next call would take it to ``needed``, past a limit."""

    def __init__(self, currency: Currency, needed: float) -> None:
        super().__init__(f"limit of {currency} reached")
        self.currency = currency
        self.needed = needed


class Lap(TypedDict):
    """When a step began (seconds from the run's start), how long it took, and what its calls cost."""

    started: float
    seconds: float
    usage: Usage


class Meter:
    """The eyes of one run (:class:`~sightloop.tools.look.Eyes`), counted and held to limits.

    A call that would go past the visual tokens left, or starts after the last second, raises
    :class:`LimitReached` before it runs. Seconds hold from the moment there is an answer
    (:attr:`has_answer`): until then they cut generation short, but every call is begun, because a run must
    have an answer to end with. Use it as a context manager, which starts and ends its clock.

    Parameters
    ----------
    eyes : Eyes
    limits : Limits
    """

    def __init__(self, eyes: Eyes, limits: Limits) -> None:
        self.eyes = eyes
        self.limits = limits
        self.usage = Usage()
        self.has_answer = False
        self._lap_began = 0.0
        self._lap_usage = Usage()
        self._over = threading.Event()
        self._started = time.monotonic()
        self._alarm: threading.Timer | None = None

    def __enter__(self) -> Meter:
        self._started = time.monotonic()
        if self.limits.seconds is not None:
            self._alarm = threading.Timer(self.limits.seconds, self._over.set)
            self._alarm.daemon = True
            self._alarm.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    def lap(self) -> Lap:
        """Return time and usage since the last lap, and begin the next."""
        now = time.monotonic() - self._started
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

    def plan(self, prompt: Prompt) -> Plan:
        """Say what a prompt costs; free."""
        return self.eyes.plan(prompt)

    def answers(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int | None = None,
        cancel: threading.Event | None = None,
    ) -> list[Answer]:
        """Answer several prompts, within the limits; ``cancel`` is the meter's own where none is given."""
        self._admit(prompts)
        answers = self.eyes.answers(prompts, max_new_tokens=max_new_tokens, cancel=cancel or self._over)
        self._count(answer.usage for answer in answers)
        wordless = not self.has_answer and not any(answer.text for answer in answers)
        if wordless and self._over.is_set() and self._visual_tokens_left(prompts) >= 0:
            # Time was over before the first word, but a run must end with an answer.
            answers = self.eyes.answers(prompts, max_new_tokens=LAST_WORDS)
            self._count(answer.usage for answer in answers)
        return answers

    def choose(self, prompt: Prompt, options: Sequence[str]) -> Choice:
        """Choose among options, within the limits."""
        return self.choose_many([prompt], options)[0]

    def choose_many(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Choice]:
        """Choose among options for several prompts, within the limits."""
        self._admit(prompts)
        choices = self.eyes.choose_many(prompts, options)
        self._count(choice.usage for choice in choices)
        return choices

    def _admit(self, prompts: Sequence[Prompt]) -> None:
        if self.has_answer and self._over.is_set():
            raise LimitReached("seconds", needed=time.monotonic() - self._started)
        left = self._visual_tokens_left(prompts)
        if self.limits.visual_tokens is not None and left < 0:
            raise LimitReached("visual_tokens", needed=self.limits.visual_tokens - left)

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
