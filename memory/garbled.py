"""Garbled text: what a text layer says when its fonts do not tell which letters their glyphs are.

Nothing here knows a language: only that text is mostly letters and digits, that Latin letters are vowels
every few letters, and what UTF-8 looks like when it is read as Latin-1.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

JUDGED = 40
"""Characters (letters, digits, signs) below which too little is said to call it garbled by its statistics."""

LEAST_READABLE = 0.6
"""Share of letters and digits among characters, leaders and rules left out; code has 0.78 and more."""

LEAST_VOWELS = 0.25
"""Share of vowels among Latin letters: 0.3 to 0.5 in Europe's languages and in code, 0.08 to 0.25 in most
alphabets that are shifted."""

MOST_UNKNOWN = 0.1
"""Share of characters without meaning: replacement characters, private use, controls."""

MOST_MOJIBAKE = 0.02
"""Share of characters that look like UTF-8 read as Latin-1."""

_VOWELS = frozenset("aeiouy")
_LEADERS = frozenset(".-_=~*·•…\u2013\u2014|/\\\u00a0")
_MOJIBAKE = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2[\u0080\u20ac][\u0080-\u00bf\u2018-\u2122]")


def garbled(text: str) -> bool:
    """Tell whether text is no text: symbols for letters, an alphabet shifted, UTF-8 read as Latin-1."""
    counts = Counter(text)
    for blank in [character for character in counts if character.isspace()]:
        del counts[blank]
    total = sum(counts.values())
    if not total:
        return False
    unknown = sum(count for character, count in counts.items() if _means_nothing(character))
    if unknown > MOST_UNKNOWN * total:
        return True
    if total < JUDGED:
        return False
    if 2 * len(_MOJIBAKE.findall(text)) > MOST_MOJIBAKE * total:
        return True
    return _unreadable(counts) or _without_vowels(counts)


def _means_nothing(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in ("Co", "Cn", "Cc", "Cs")


def _unreadable(counts: Counter[str]) -> bool:
    shown = {character: count for character, count in counts.items() if character not in _LEADERS}
    total = sum(shown.values())
    readable = sum(count for character, count in shown.items() if unicodedata.category(character)[0] in "LNM")
    return total >= JUDGED and readable < LEAST_READABLE * total


def _without_vowels(counts: Counter[str]) -> bool:
    vowels = latin = 0
    for character, count in counts.items():
        if character.isalpha() and ord(character) < 0x250:
            latin += count
            base = unicodedata.normalize("NFD", character.casefold())[0]
            vowels += count if base in _VOWELS else 0
    return latin >= 3 * JUDGED and vowels < LEAST_VOWELS * latin
