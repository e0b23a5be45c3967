"""Word index: which pages hold a question's words, how often, and how near to each other.

Pages are scored by BM25 [1]_ of all their words, and by how much of the question stands together on them:
the words of an answer are near to each other, those of a long page that has them all by chance are not [2]_.
Words that follow each other in the question and on the page are a name, such as "free light chain" [3]_.
FTS5 keeps where each word is. What it was asked for stays in arrays, since its own ranking takes a hundredth
of a millisecond for each page that matches, and common words match them all.

.. [1] S. Robertson, H. Zaragoza, "The probabilistic relevance framework: BM25 and beyond", Foundations and
   Trends in Information Retrieval 3 (4), 2009.
.. [2] T. Tao, C. Zhai, "An exploration of proximity measures in information retrieval", SIGIR 2007.
.. [3] D. Metzler, W. B. Croft, "A Markov random field model for term dependencies", SIGIR 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ledger import Ledger
from .texts import Where

K1, B = 1.2, 0.75
"""Constants of BM25, as usual: how soon more of a word says no more, and how long pages are held back."""

TOGETHER = 40
"""Terms within which words stand near to each other: two or three lines."""

FOLLOWING = 2
"""Terms within which the second of a pair follows the first: there may be one between them, such as "of"."""

KEPT = 4_000_000
"""Occurrences of terms that are kept in arrays: 32 MB, all words of 10,000 pages."""

_FAR = 1 << 32  # more than any page has terms


class Occurrences(NamedTuple):
    """Where a term is: its pages, how often on each, and all places as page * ``_FAR`` + place; rising."""

    pages: NDArray[np.int64]
    counts: NDArray[np.int64]
    places: NDArray[np.int64]


class Pages:
    """All pages that have words, in arrays.

    Parameters
    ----------
    rows : sequence of (number, slot, source, page, length)
        As :meth:`.Texts.word_places` returns them.
    """

    def __init__(self, rows: Sequence[tuple[int, int, int, int | None, bytes]]) -> None:
        self.numbers = np.array([row[0] for row in rows], np.int64)
        self.slots = np.array([row[1] for row in rows], np.int64)
        self.sources = np.array([row[2] for row in rows], np.int64)
        self.pages = np.array([row[3] or 0 for row in rows], np.int64)
        lengths = np.array([varint(row[4]) for row in rows], np.float64)
        self.held_back = 1 - B + B * lengths / max(1.0, float(lengths.mean()) if len(rows) else 1.0)

    @cached_property
    def by_slot(self) -> dict[int, int]:
        """Where each slot is in the arrays."""
        return {slot: place for place, slot in enumerate(self.slots.tolist())}

    @cached_property
    def neighbours(self) -> NDArray[np.int64]:
        """(pages, 2): where the pages before and after each are in its document; -1 where there is none."""
        at = {key: n for n, key in enumerate(zip(self.sources.tolist(), self.pages.tolist(), strict=True))}
        beside = [
            [at.get((source, page + step), -1) if page else -1 for step in (-1, 1)]
            for source, page in zip(self.sources.tolist(), self.pages.tolist(), strict=True)
        ]
        return np.array(beside, np.int64).reshape(-1, 2)

    def number(self, slot: int) -> int:
        """Return a number for a still; those of pages that follow each other in a document do, too."""
        place = self.by_slot.get(slot)
        if place is None:
            return -2 * slot - 2  # it has no words: nothing follows it
        return int(self.sources[place]) * _FAR + int(self.pages[place])

    def passing(self, where: Where) -> NDArray[np.bool_]:
        """Return which pass a filter; pages are shown at no time."""
        if where.start is not None or where.end is not None:
            return np.zeros(len(self.slots), bool)
        if where.sources is None:
            return np.ones(len(self.slots), bool)
        return np.isin(self.sources, np.array(sorted(where.sources), np.int64))


class WordIndex:
    """What pages hold of words; read from a ledger when it is asked for, and anew when that has changed.

    Parameters
    ----------
    ledger : Ledger
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._changes = -1
        self._pages = Pages([])
        self._terms: dict[str, Occurrences] = {}

    @property
    def pages(self) -> Pages:
        """All pages that have words."""
        if self._changes != self._ledger.changes:
            self._pages = Pages(self._ledger.word_places())
            self._terms = {}
            self._changes = self._ledger.changes
        return self._pages

    def occurrences(self, term: str) -> Occurrences:
        """Return where a term is."""
        pages = self.pages
        if term not in self._terms:
            found = self._ledger.occurrences(term)
            at = np.searchsorted(pages.numbers, found // _FAR)
            own, counts = np.unique(at, return_counts=True)
            self._terms[term] = Occurrences(own, counts, at * _FAR + found % _FAR)
            while len(self._terms) > 1 and sum(len(one.places) for one in self._terms.values()) > KEPT:
                del self._terms[next(iter(self._terms))]
        return self._terms[term]

    def rarity(self, term: str) -> float:
        """Return how much a term says: its inverse document frequency, 0 for a term that is nowhere."""
        found = len(self.occurrences(term).pages)
        return _rarity(found, len(self.pages.slots)) if found else 0.0

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return the BM25 score of every page for these terms."""
        pages = self.pages
        scores = np.zeros(len(pages.slots))
        for term in terms:
            own, counts, _ = self.occurrences(term)
            scores[own] += self.rarity(term) * counts * (K1 + 1) / (counts + K1 * pages.held_back[own])
        return scores

    def together(self, terms: Sequence[str], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much of the terms' rarity stands within ``TOGETHER`` of each of these pages, 0..1.

        Parameters
        ----------
        terms : sequence of str
            Each once.
        chosen : (n,) int64
            Where the pages are in :attr:`pages`.
        """
        wanted = np.zeros(len(self.pages.slots), bool)
        wanted[chosen] = True
        found = {term: self.occurrences(term).places for term in terms}
        found = {term: places[wanted[places // _FAR]] for term, places in found.items()}
        rarities = {term: self.rarity(term) for term in terms}
        starts = np.concatenate(
            [np.zeros(0, np.int64), *found.values()]
        )  # each may begin what stands together
        sums = np.zeros(len(starts))
        for term, places in found.items():
            after = np.append(places, np.iinfo(np.int64).max)[np.searchsorted(places, starts)]
            sums += rarities[term] * (after < starts + TOGETHER)
        best = np.zeros(len(wanted))
        np.maximum.at(best, starts // _FAR, sums)
        return best[chosen] / max(sum(rarities.values()), 1e-9)

    def pairs(self, terms: Sequence[str], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much of terms that follow each other does so on each of these pages too.

        Parameters
        ----------
        terms : sequence of str
            In the question's order.
        chosen : (n,) int64
            Where the pages are in :attr:`pages`.

        Returns
        -------
        (n,) float64
            The rarity of the pairs that are there, as a share of that of the terms: 0 and more.
        """
        pages = self.pages
        found = np.zeros(len(pages.slots))
        for first, second in pairwise(terms):
            places, after = self.occurrences(first).places, self.occurrences(second).places
            at = np.append(after, np.iinfo(np.int64).max)[np.searchsorted(after, places, "right")]
            own = np.unique(places[at <= places + FOLLOWING] // _FAR)
            if len(own):
                found[own] += _rarity(len(own), len(found))
        rarities = sum(self.rarity(term) for term in terms)
        return found[chosen] / max(rarities, 1e-9)


def _rarity(found: int, of: int) -> float:
    """Return the inverse document frequency of what is found on so many of the pages."""
    return float(np.log1p((of - found + 0.5) / (found + 0.5)))


def varint(noted: bytes) -> int:
    """Return the first number of FTS5's notation: seven bits a byte, its highest bit where more follow."""
    number = 0
    for byte in noted:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return number
