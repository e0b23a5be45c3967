"""Asked: whether a question is about something drawn, or asks for a value such as tables hold.

It only lets pages go first that have a figure, or a table. That a page answers is said by its words.
"""

from __future__ import annotations

import re

from .page_text import Kind

DRAWN = frozenset(
    re.findall(
        r"\w+",
        "figure figures fig plot plots plotted curve curves graph graphs histogram histograms diagram "
        "diagrams panel panels axis axes legend drawn drawing drawings picture pictures chart charts",
    )
)
"""Words of drawings. Few of them are on the page with the drawing: texts speak of figures elsewhere."""

_SHOWN = DRAWN | frozenset(re.findall(r"\w+", "x y label labels labelled labeled color colour display"))
"""Words that ask for a part of a drawing."""

_VALUE = re.compile(
    r"\bhow (?:many|much|long|large|high|low|big|old|often|few|far)\b"
    r"|\bwh(?:at|ich) (?:share|percentage|percent|proportion|fraction|number|value|day|is the|are the)\b"
    r"|\b(?:coefficient|median|mean|average|variance|estimate|p-?value|chi-?sq\w*|log-?lik\w*|aic|"
    r"odds|ratio|factor|limit|count|number|total|value|table|row|column|percent\w*|standard error|"
    r"standard deviation)s?\b",
    re.IGNORECASE,
)


def asked_for(question: str) -> Kind | None:
    """Return the kind of block that a question asks for: "figure", "table", or None where it does not say."""
    if DRAWN & set(re.findall(r"\w+", question.casefold())):
        return "figure"
    return "table" if _VALUE.search(question) else None


def looked_for(question: str, words: list[str]) -> list[str]:
    """Return those of a question's words that its page is found by: all, where all speak of drawings."""
    if asked_for(question) != "figure":
        return words
    return [word for word in words if word not in _SHOWN] or words
