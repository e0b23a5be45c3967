"""Eyes that say what a test tells them to: for the laws of the loop, which hold whatever a model answers.

What a real model does in the loop is tested with real ones (``tests/tiny.py``, the pocket weights).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sightloop.memory import Still
from sightloop.tools.llava_next.answers import Answer, Choice, Usage
from sightloop.tools.llava_next.checkpoints import Checkpoint, find
from sightloop.tools.llava_next.plan import Plan
from sightloop.tools.llava_next.plan import plan as make_plan
from sightloop.tools.llava_next.prompts import Prompt

Say = Callable[[Prompt], tuple[str, float]]
Weigh = Callable[[Prompt, Sequence[str]], Sequence[float]]


class ScriptedEyes:
    """Eyes of the pocket's shape whose answers (text, confidence) and choices are given functions.

    ``asked`` holds every prompt that was answered or chosen for, in order.
    """

    def __init__(self, say: Say, weigh: Weigh, checkpoint: Checkpoint | None = None) -> None:
        self._say, self._weigh = say, weigh
        self.checkpoint = checkpoint or find("pocket")
        self.name = "scripted"
        self.asked: list[Prompt] = []

    def answers(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int | None = None,
        cancel: threading.Event | None = None,
        schema: Mapping[str, Any] | None = None,
        memory_bytes: int | None = None,
    ) -> list[Answer]:
        self.asked += prompts
        cut = cancel is not None and cancel.is_set()
        return [
            Answer(
                text="" if cut else text,
                confidence=0 if cut else confidence,
                usage=self._usage(prompt, new_tokens=len(text.split()) + 1),
                model=self.name,
                stopped_because="cancelled" if cut else "stop",
            )
            for prompt in prompts
            for text, confidence in [self._say(prompt)]
        ]

    def choose(self, prompt: Prompt, options: Sequence[str]) -> Choice:
        return self.choose_many([prompt], options)[0]

    def choose_many(
        self, prompts: Sequence[Prompt], options: Sequence[str], *, memory_bytes: int | None = None
    ) -> list[Choice]:
        self.asked += prompts
        choices = []
        for prompt in prompts:
            weights = self._weigh(prompt, options)
            shares = tuple(weight / sum(weights) for weight in weights)
            index = max(range(len(shares)), key=shares.__getitem__)
            choices.append(Choice(option=options[index], index=index, probabilities=shares,
                                  usage=self._usage(prompt), model=self.name))  # fmt: skip
        return choices

    def plan(self, prompt: Prompt) -> Plan:
        return make_plan(self.checkpoint, prompt)

    def _usage(self, prompt: Prompt, new_tokens: int = 0) -> Usage:
        planned = self.plan(prompt)
        return Usage(
            visual_tokens=planned.visual_tokens,
            text_tokens=planned.text_tokens,
            new_tokens=new_tokens,
            stills=sum(isinstance(part, Still) for part in prompt),
            seconds=0.001,
        )
