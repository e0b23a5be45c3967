"""Findings: what was measured, in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..memory.placed import Measure
from .localise import Thing
from .small_looks import Part


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer, and what it rests on; fields as of :class:`~sightloop.tools.measure.Measured`."""

    text: str
    short: str
    confidence: float
    measures: tuple[Measure, ...]
    notes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


def length(value: float, unit: str) -> str:
    """Return a length as answers write it: "0.52 m".

    Examples
    --------
    >>> length(0.5234, "m"), length(12.3, "m")
    ('0.52 m', '12.3 m')
    """
    return f"{value:.2f} {unit}" if value < 10 else f"{value:.1f} {unit}"


def between(low: float, high: float, unit: str) -> str:
    """Return an interval as answers write it."""
    digits = 2 if high - low >= 0.02 else 3
    return f"90 %: {low:.{digits}f} to {high:.{digits}f} {unit}"


def give_or_take(measure: Measure) -> str:
    """Return a measured length with half of its interval: "0.52 m ± 0.02 m"."""
    low, high = measure.low or 0.0, measure.high or 0.0
    return f"{length(measure.value or 0.0, measure.unit)} ± {length((high - low) / 2, measure.unit)}"


def the(thing: Thing, things: Sequence[Thing]) -> str:
    """Return what a thing is called in a sentence: with its label, where others have the same name."""
    name = thing.placed.name
    several = sum(other.placed.name == name for other in things) > 1
    return f"{name} {thing.label}" if several else f"the {name}"


def plural(name: str, number: int) -> str:
    """Return a name in the form that a number asks for."""
    if number == 1:
        return name
    ending = "es" if name.endswith(("s", "x", "ch", "sh")) else "s"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return name + ending
