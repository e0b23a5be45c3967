"""Numbers: which of an answer's are quoted, and which are not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|(?<![\w.])\.\d+", re.I)
_INSIDE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|\.\d+", re.I)


def unquoted(text: str, quotes: Iterable[str]) -> tuple[str, ...]:
    """Return the numbers of a text, as written there, whose values occur in no quote, each once.

    Signs and units do not count; 1,384 is 1384, and 0.50 is 0.5. Digits within a name (``fit5``) are none.
    """
    there = {_value(found) for quote in quotes for found in _INSIDE.findall(_plain(quote))}
    return tuple(
        dict.fromkeys(found for found in _NUMBER.findall(_plain(text)) if _value(found) not in there)
    )


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _value(number: str) -> float:
    return float(number.replace(",", ""))
