"""Doubts: letters that a recogniser of many languages mistakes for another's, told by its own doubt.

On a page in English it now and then reads LOCATE as LOCÃTE, and in a
typewriter's font, where they differ by a serif, the letter l as the digit 1.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from .ocr_lines import Spoken

DOUBT = 0.9
"""An accent read less surely than this is doubted."""
FEW = 0.005
"""Share of letters with an accent, surely read, up to which a text is in a language without accents."""
DOUBT_ONE = 0.96
"""A digit 1 at the head of a word of letters is doubted below this; in "1st" it is read more surely."""

_HEAD = re.compile(r"(?<![^\W_])1(?=[a-z][a-z(])")


def settled(lines: Sequence[Spoken]) -> list[Spoken]:
    """Return the lines of a text with its doubted letters replaced by the likelier ones."""
    letters = accents = 0
    for line in lines:
        for letter, sure in zip(line.text, line.sure, strict=True):
            letters += letter.isalpha()
            accents += sure >= DOUBT and plain(letter) != letter
    return [_settled(line, accents <= FEW * letters) for line in lines]


def plain(letter: str) -> str:
    """Return a Latin letter without its accents, any other as it is."""
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() else letter


def _settled(line: Spoken, unaccented: bool) -> Spoken:
    text = "".join(
        plain(letter) if unaccented and letter.isalpha() and sure < DOUBT else letter
        for letter, sure in zip(line.text, line.sure, strict=True)
    )
    return line._replace(
        text=_HEAD.sub(lambda found: "l" if line.sure[found.start()] < DOUBT_ONE else "1", text)
    )
