"""Terms: what words become in the indices of the ledger, and which of a question's say what it is about."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing

from .schema import TOKENIZER

# Words that are in every text or in every question: they would make each text a match.
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a about again against all also am an and any are as at be been being between both but by can "
        "could did do does doing done down during each every for from get gets give given gives had "
        "has have having he her here him his how i if in into is it its just many may me might more "
        "most much must my no nor not of off on one only or other our out over own said same say says "
        "shall she should show shown shows so some such than that the their them then there these "
        "they this those through to too under until up us very was we were what when where whether "
        "which while who whom whose why will with would you your",
    )
)


def telling(text: str) -> list[str]:
    """Return the words of a question, each once; those that say nothing only where there are no others."""
    words = list(dict.fromkeys(re.findall(r"\w+", text.casefold())))
    return [word for word in words if word not in _EMPTY] or words


def quoted(words: Iterable[str]) -> str:
    """Return words as a query of FTS5: any of them; ``""`` where there are none."""
    return " OR ".join(f'"{word}"' for word in words)  # in quotes no word is an operator


def terms_of(texts: Sequence[str]) -> list[list[str]]:
    """Return the terms of texts, in their order, as the ledger's indices have them: without endings."""
    # SQLite itself says so; nothing else does to the letter.
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute(f"CREATE VIRTUAL TABLE texts USING fts5(text, content='', tokenize='{TOKENIZER}')")
        base.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(texts, instance)")
        base.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", enumerate(texts))
        found: list[list[tuple[int, str]]] = [[] for _ in texts]
        for term, number, place in base.execute("SELECT term, doc, offset FROM terms"):
            found[number].append((place, term))
    return [[term for _, term in sorted(terms)] for terms in found]


KEPT = 200_000
"""Words whose terms are kept: 30 MB."""

_stems: dict[str, str] = {}


def stems(words: Collection[str]) -> dict[str, str]:
    """Return the term of each word; a word that is none is left out.

    They are kept, since the words of pages are the same ones again and again.
    """
    if len(_stems) > KEPT:
        _stems.clear()
    if unknown := [word for word in words if word not in _stems]:
        _stems.update(
            (word, terms[0]) for word, terms in zip(unknown, terms_of(unknown), strict=True) if terms
        )
    return {word: _stems[word] for word in words if word in _stems}
