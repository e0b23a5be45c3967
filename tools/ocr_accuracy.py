"""Word accuracy: how many of a page's words a reading of it has, against a text that is known to be right."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_WORD = re.compile(r"[^\W_]+")
_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'"),  # quotation marks
        **dict.fromkeys("\u201c\u201d\u201e\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),  # dashes, and the minus
    }
)
"""Signs that typesetters tell apart and quotations do not."""


class WordAccuracy(NamedTuple):
    """How right a reading of a text is, 0..1 each.

    Parameters
    ----------
    ordered : float
        1 - edits / n, at least 0: edits are the least number of words to insert, delete or replace to make
        the reading the truth (Levenshtein's distance on words). Columns read in another order cost here.
    found : float
        The share of the truth's words that the reading has, each as often as the truth has it, in any order.
    wrong : float
        The share of the reading's words that the truth does not have, counted in the same way.
    exact : float
        As ``found``, of what stands between spaces, with capitals and punctuation: what a quotation needs.
    words : int
        n, the words of the truth.
    """

    ordered: float
    found: float
    wrong: float
    exact: float
    words: int


def word_accuracy(read: str, truth: str) -> WordAccuracy:
    """Compare a reading with the truth.

    A word is a run of letters and digits, without regard to capitals, in Unicode's compatible form (NFKC: a
    ligature is its letters): the ISRI tools' word (Rice, Jenkins and Nartker, "The Fifth Annual Test of OCR
    Accuracy", 1996) with digits. A lost or a made-up space is an error, a comma is not. Of a truth without
    words all shares are 1, and ``wrong`` tells whether words were made up.
    """
    said, right = words_of(read), words_of(truth)
    common = _common(said, right)
    return WordAccuracy(
        ordered=max(0.0, 1 - edits(said, right) / len(right)) if right else 1.0,
        found=common / len(right) if right else 1.0,
        wrong=1 - common / len(said) if said else 0.0,
        exact=_exact(read, truth),
        words=len(right),
    )


def words_of(text: str) -> list[str]:
    """Return the words of a text as :func:`word_accuracy` compares them."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def edits(read: Sequence[str], truth: Sequence[str]) -> int:
    """Return the least number of words to insert, delete or replace to make ``read`` into ``truth``."""
    numbers = {word: number for number, word in enumerate(sorted({*read, *truth}))}
    wanted = np.array([numbers[word] for word in truth], np.int64)
    along = np.arange(len(truth) + 1)
    row = along
    for count, word in enumerate(read, 1):
        replaced = row[:-1] + (wanted != numbers[word])
        reached = np.concatenate(([count], np.minimum(row[1:] + 1, replaced)))
        # a word inserted costs one more than the cell to its left, however many follow each other
        row = np.minimum.accumulate(reached - along) + along
    return int(row[-1])


def _exact(read: str, truth: str) -> float:
    said, right = (unicodedata.normalize("NFKC", text).translate(_SAME).split() for text in (read, truth))
    return _common(said, right) / len(right) if right else 1.0


def _common(read: Sequence[str], truth: Sequence[str]) -> int:
    """Count the words that both have, each as often as both have it."""
    return (Counter(read) & Counter(truth)).total()
