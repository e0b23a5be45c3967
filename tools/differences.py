"""Differences: what comparing pictures finds, as records that are JSON. Imports neither OpenCV nor torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..memory import Box
from .small_looks import Part, article

Kind = Literal["added", "removed", "moved", "recoloured", "resized", "text changed", "changed"]
"""``changed`` where pixels do not tell which."""
MOST_STILLS = 16
"""How many stills one call compares."""
SIDES: dict[str, tuple[bool, bool]] = {"added": (False, True), "removed": (True, False)}
"""On which side a thing is, for the kinds that do not show it on both."""


class _Value(BaseModel):
    """Immutable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Difference(_Value):
    """One thing that differs.

    Parameters
    ----------
    kind : str
        ``added``, ``removed``, ``moved``, ``recoloured``, ``resized``, ``text changed``; ``changed`` where
        pixels do not tell.
    before, after : Box or None
        Where, in pixels of each still; None on the side where the thing is not.
    words : str
    probability : float, 0..1
        That it is there and rightly named: of the region being no noise, times the eyes' confidence.

    Raises
    ------
    pydantic.ValidationError
        If a box is missing, or there is one too many, for the kind.
    """

    kind: Kind
    before: Box | None
    after: Box | None
    words: str
    probability: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if (self.before is not None, self.after is not None) != SIDES.get(self.kind, (True, True)):
            raise ValueError(f"a difference of kind {self.kind!r} has no such boxes: {self!r}")
        return self


class Comparison(_Value):
    """What differs between two stills.

    Parameters
    ----------
    before, after : int
        Which stills of the call, counting from 1.
    same_scene : bool
        Whether they could be laid over each other; where not, they are compared by what they show.
    differences : tuple of Difference
        The surest first; none where the scenes differ.
    correlation : float, -1..1
        Of both pictures' brightness, once aligned.
    shared, only_before, only_after : tuple of str
        Of different scenes: which objects both show, and which only one of them does.
    failed : str
        Why this pair could not be compared, where others of the call could; else empty.
    notes : tuple of str
    parts : tuple of Part
        What the eyes were asked, and said; ``Part.still`` counts the stills of the call from 0.
    """

    before: Annotated[int, Field(ge=1)]
    after: Annotated[int, Field(ge=1)]
    same_scene: bool
    differences: tuple[Difference, ...]
    correlation: Annotated[float, Field(ge=-1, le=1)]
    shared: tuple[str, ...] = ()
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    failed: str = ""
    notes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def words(self) -> str:
        """All differences in one sentence; of different scenes, what they share and what only one shows."""
        if self.failed:
            return f"these could not be compared: {self.failed}"
        if self.same_scene:
            return _in_a_row([one.words for one in self.differences]) or "nothing changed"
        said = [
            f"{where} {_listed(things)}"
            for where, things in (
                ("both show", self.shared),
                ("only the first shows", self.only_before),
                ("only the second shows", self.only_after),
            )
            if things
        ]
        return ": ".join(["these are pictures of different scenes", *(["; ".join(said)] if said else [])])


def _listed(things: tuple[str, ...]) -> str:
    return _in_a_row([article(thing) for thing in things])


def _in_a_row(said: Sequence[str]) -> str:
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def iou(one: Box, other: Box) -> float:
    """Return the area that two boxes share over the area that they cover."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    both = max(0.0, wide) * max(0.0, high)
    return both / (sum((box.x1 - box.x0) * (box.y1 - box.y0) for box in (one, other)) - both)
