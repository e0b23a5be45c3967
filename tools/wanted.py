"""Wanted: what kind of answer a question asks for, as far as its wording tells.

It only weighs what may be the answer; where nothing is known, nothing is weighed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Sort = Literal["number", "date", "name", "yes or no", "list", "what"]

_AUXILIARY = frozenset(
    re.findall(
        r"\w+", "is are was were am do does did can could has have had will would should shall may might must"
    )
)
_NUMBER = re.compile(
    r"\bhow (?:many|much|long|often|old|large|big|high|wide|far|fast|few|tall|deep)\b"
    r"|\bwhat (?:number|percentage|percent|share|proportion|fraction|factor|age|size|amount|rate|value)\b"
    r"|\b(?:by|at) (?:what|which) (?:factor|level|rate|age)\b|\bwhat is the (?:number|total|sum|value)\b",
    re.I,
)
_OF_SOMETHING = re.compile(
    r"\bwh(?:at|ich) (?:is|was|are|were) the (?:\S+ ){1,4}?"
    r"(?:of|for|in|at|when|with|after|on|between|from|by|to)\b",
    re.I,
)
_COUNTED = re.compile(r"\bhow (?:many|much|long|often|old)\b|\bwhat number\b", re.I)
_DATE = re.compile(r"^\s*when\b|\b(?:what|which) (?:year|date|day|month|decade|century)\b|\bdated\b", re.I)
_NAME = re.compile(r"\bwho(?:m|se)?\b|\bauthors?\b", re.I)
_LIST = re.compile(
    r"^\s*(?:list|name|enumerate)\b|\bwhat are\b|\b(?:what|which|the) (?:two|three|four|five|six|seven)\b",
    re.I,
)
_LABEL = re.compile(r"\b(figure|fig\.?|table|tab\.?|chart|plot)\s+([A-Z]?\d+(?:[.-]\d+)*[a-z]?)\b", re.I)
_CAPTION = re.compile(r"^\s*(fig|tab|char|plot)\w*\.?\s+([A-Z]?\d+(?:[.-]\d+)*[a-z]?)\b", re.I)
_DRAWN = re.compile(
    r"\b(?:figure|fig\.|plot|plotted|graph|chart|diagram|drawing|drawn|axis|axes|legend|panel|curves?|picture)\b",
    re.I,
)
_IN_DRAWING = re.compile(
    r"\b(?:in|of|on|from) the (?:[\w-]+ ){0,2}(?:figure|plot|graph|chart|diagram|panel|drawing|picture)\b",
    re.I,
)
_AXIS = re.compile(r"\b([xy])[- ]axis\b|\b(horizontal|vertical) axis\b", re.I)
_FIGURES = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])", re.I)  # noqa: RUF001
_REFERENCE = re.compile(
    r"\b(?:fig(?:ure)?|tab(?:le)?|sec(?:tion)?|chapter|equation|eq|page|appendix)s?\.? *\(?\d[\d.]*\)?"
    r"|\[\d+(?:, *\d+)*\]|\((?:1[5-9]|20)\d\d[a-z]?\)|^\s*\d{1,2}\. ",
    re.I,
)
"""Numbers that say where something is told, and nothing of it."""
_SPELLED = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twice|hundred|thousand|million)\b",
    re.I,
)
_ANY_DATE = re.compile(
    r"\b(?:1[5-9]|20)\d\d\b|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,4}\b", re.I
)
_ANY_NAME = re.compile(r"\b[A-Z][a-zé'’]+(?: (?:[A-Z]\.? ?)*[A-Z][a-zé'’]+)+|(?<=[a-z,] )[A-Z][a-zé'’]+")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a question asks for.

    Parameters
    ----------
    sort : "number", "date", "name", "yes or no", "list" or "what"
    label : tuple of str, or None
        The figure or the table that it names, as ("fig", "1.1").
    drawn : bool
        Whether it asks about something drawn.
    axis : "x", "y" or None
        The axis of a plot that it asks about.
    of_something : bool
        Whether it asks what something has: "What is the median of ...".
    in_drawing : bool
        Whether it says that a drawing tells the answer: "In the plot of ...".
    counted : bool
        Whether it asks how many there are of something, which words may say.
    numbers : frozenset of str
        Those that the question holds itself.
    """

    sort: Sort
    label: tuple[str, str] | None
    drawn: bool
    axis: Literal["x", "y"] | None
    of_something: bool
    in_drawing: bool
    counted: bool
    numbers: frozenset[str]

    def fits(self, text: str) -> bool:
        """Tell whether words hold what is asked for."""
        if self.sort == "number":
            return self.tells_number(text) or bool(self.counted and _SPELLED.search(text))
        if self.sort == "date":
            return bool(_ANY_DATE.search(text))
        if self.sort == "name":
            return bool(_ANY_NAME.search(text))
        return False

    def tells_number(self, text: str) -> bool:
        """Tell whether words hold a number, in figures, that the question does not."""
        told = _FIGURES.findall(_REFERENCE.sub(" ", text))
        return any(number not in self.numbers for number in told)


def wanted(question: str) -> Wanted:
    """Say what a question asks for."""
    named = _LABEL.search(question)
    label = (named.group(1).casefold()[:3], named.group(2).casefold()) if named else None
    axis = _AXIS.search(question)
    side: Literal["x", "y"] | None = None
    if axis:
        side = "x" if (axis.group(1) or axis.group(2))[0].casefold() in "xh" else "y"
    return Wanted(
        _sort(question),
        label,
        bool(_DRAWN.search(question)),
        side,
        bool(_OF_SOMETHING.search(question)),
        bool(_IN_DRAWING.search(question)),
        bool(_COUNTED.search(question)),
        frozenset(_FIGURES.findall(question)),
    )


def _sort(question: str) -> Sort:
    first = question.split(maxsplit=1)[0].casefold().strip(",") if question.split() else ""
    if first in _AUXILIARY:
        return "yes or no"
    patterns: tuple[tuple[re.Pattern[str], Sort], ...] = (
        (_DATE, "date"), (_NUMBER, "number"), (_NAME, "name"), (_LIST, "list"),
    )  # fmt: skip
    return next((sort for pattern, sort in patterns if pattern.search(question)), "what")


def caption_label(text: str) -> tuple[str, str] | None:
    """Return which figure or table a caption belongs to, as :attr:`Wanted.label`."""
    found = _CAPTION.match(text)
    return (found.group(1).casefold()[:3], found.group(2).casefold()) if found else None
