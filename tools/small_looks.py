"""Small looks: one thing asked of one still, and every answer kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..memory import Still
from .look import Eyes

POINT, THERE, LIST = "Point to the {thing}.", "Is there {thing}?", "List the objects."
YES_NO = ("Yes", "No")
NONE = "there is none"


@dataclass(frozen=True, slots=True)
class Part:
    """One small look: ``still`` counts from 0."""

    still: int
    question: str
    answer: str
    confidence: float


@dataclass(slots=True)
class SmallLooks:
    """Asks about single stills, and keeps what was said.

    Parameters
    ----------
    eyes : Eyes
    stills : sequence of Still
    parts : list of Part
        Every look that was taken.
    notes : list of str
    """

    eyes: Eyes
    stills: Sequence[Still]
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def ask(self, asked: Sequence[tuple[int, str]]) -> list[Part]:
        """Put each question to its still, all at once."""
        answers = self.eyes.answers([[self.stills[i], question] for i, question in asked])
        self.notes += [note for answer in answers for note in answer.notes]
        said = zip(asked, answers, strict=True)
        return self._keep([Part(i, q, answer.text, answer.confidence) for (i, q), answer in said])

    def choose(self, asked: Sequence[tuple[int, str]], options: Sequence[str]) -> list[float]:
        """Return the probability of the first option for each still and question."""
        choices = self.eyes.choose_many([[self.stills[i], question] for i, question in asked], options)
        self.notes += [note for choice in choices for note in choice.notes]
        for (i, question), choice in zip(asked, choices, strict=True):
            self._keep([Part(i, question, choice.option, choice.confidence)])
        return [choice.probabilities[0] for choice in choices]

    def points(self, asked: Sequence[tuple[int, str]]) -> list[NDArray[np.float64] | None]:
        """Return where each thing is on its still: (columns, rows) probabilities, None if it is not there."""
        side = self.eyes.checkpoint.cells
        assert side is not None  # only those that point are asked to
        options = [f"{column} {row}" for column in range(side) for row in range(side)] + [NONE]
        prompts: list[list[str | Still]] = [[self.stills[i], POINT.format(thing=thing)] for i, thing in asked]
        choices = self.eyes.choose_many(prompts, options)
        self.notes += [note for choice in choices for note in choice.notes]
        grids: list[NDArray[np.float64] | None] = []
        for (i, thing), choice in zip(asked, choices, strict=True):
            self._keep([Part(i, POINT.format(thing=thing), choice.option, choice.confidence)])
            grid = np.asarray(choice.probabilities[:-1]).reshape(side, side)
            grids.append(grid / grid.sum() if choice.option != NONE else None)
        return grids

    def there(self, things: Sequence[str]) -> list[list[float]]:
        """Return the probability that each thing is on each still: one row for each thing."""
        asked = [(i, THERE.format(thing=article(thing))) for thing in things for i in range(len(self.stills))]
        found = self.choose(asked, YES_NO)
        return [found[k : k + len(self.stills)] for k in range(0, len(found), len(self.stills))]

    def _keep(self, parts: list[Part]) -> list[Part]:
        self.parts += parts
        return parts


def peak(grid: NDArray[np.float64]) -> tuple[int, int]:
    """Return the column and the row of the likeliest cell."""
    column, row = np.unravel_index(grid.argmax(), grid.shape)
    return int(column), int(row)


def names(text: str) -> list[str]:
    """Return what a list names, without articles and sizes; nothing of a sentence."""
    items = [item.strip(" .").casefold() for item in re.split(r",|\n|;|\band\b", text)]
    plain = [re.sub(r"^(?:(?:an?|the|small|large|big|-|\d+\.) ?\b)*", "", item).strip() for item in items]
    return [name for name in plain if 0 < len(name.split()) <= 4]


def article(thing: str) -> str:
    """Return a thing with its article."""
    return f"an {thing}" if thing[0] in "aeiou" else f"a {thing}"
