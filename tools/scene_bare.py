"""Bare scenes: what a model says that is shown all views in one prompt, and is told what it may say.

It is asked in the same words as the agent, about "view 1 :", a picture, "view 2 :", ..., as it was trained. A
model that cannot measure gets lengths to choose from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..memory import Still
from .look import Eyes
from .scene_asked import Asked
from .video_bare import Bare, bare_answer

_LENGTH = re.compile(
    r"(\d+(?:\.\d+)?) ?(m|met(?:er|re)s?|cm|centimet(?:er|re)s?|mm|millimet(?:er|re)s?|scene units?)\b"
)
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}


def alone(eyes: Eyes, asked: Asked, stills: Sequence[Still]) -> Bare:
    """Ask a model by itself.

    Parameters
    ----------
    eyes : Eyes
    asked : Asked
    stills : sequence of Still
        The views, in order.

    Returns
    -------
    Bare
        One of the question's options; where not all views fit one prompt, the surest of several.

    Raises
    ------
    ContextOverflowError
        If not even one view fits.
    """
    return bare_answer(eyes, asked.question, stills, asked.options)


def length_told(text: str) -> float | None:
    """Read the first length that an answer tells, in metres; None where there is none.

    Examples
    --------
    >>> length_told("They are 85 cm apart."), length_told("1.2 m ± 0.1 m"), length_told("far")
    (0.85, 1.2, None)
    """
    found = _LENGTH.search(text.casefold())
    if found is None:
        return None
    unit = {"c": "cm", "mi": "mm", "mm": "mm"}.get(found[2][:2]) or ("cm" if found[2][0] == "c" else "m")
    return float(found[1]) * _METRES[unit]


def number_told(text: str) -> int | None:
    """Read the first whole number that an answer tells, "no" and "none" for 0; None where there is none."""
    found = re.search(r"(?<![\w.])(\d+|no|none|nothing)(?![\w.]*\d)\b", text.casefold())
    if found is None:
        return None
    return int(found[1]) if found[1].isdigit() else 0


def first_told(text: str, options: Sequence[str]) -> str | None:
    """Return which of some answers a text names first, in any case and spacing; None if it names none.

    What is only said not to be there ("no red ball") is not named.

    Examples
    --------
    >>> first_told("The blue ball, not the red one.", ["red ball", "blue ball"])
    'blue ball'
    """
    found = []
    for option in options:
        words = r"\s*".join(map(re.escape, re.findall(r"\d+|[^\W\d]+", option.casefold())))
        if place := re.search(rf"(?<!\bno )(?<!\bnot )(?<![^\W\d]){words}(?!\d)(?![^\W\d])", text.casefold()):
            found.append((place.start(), -len(option), option))
    return min(found)[2] if found else None
