"""Block ranking: which block of the pages that were found answers a question, and so which page does.

A page can have all words of a question without its answer, and the answer often stands on the page after
those words. So the blocks of the best pages compete: a block is as good as its page, as what it says of the
question itself, what stands around it, above it as a heading and in its section, which go on over the end of
a page, as near as it is in meaning, and as much as it is of the kind that is asked for. A page is as good as
its best block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .forms import forms_of
from .page_text import Kind
from .terms import stems

Array = NDArray[np.float64]

WEIGHTS: Mapping[str, float] = {
    "page words": 1.2, "page near": 0.6, "page like": 3.8, "page pairs": 1.7, "page before": 0.8,
    "page table": 0.9, "page figure": 0.9, "own": 4.0, "around": 1.2, "head": 2.7, "section": 2.4,
    "page": 2.4, "two lines": 2.1, "like": 3.8, "like beside": 1.2, "table": 1.7, "table asked": 1.4,
    "figure asked": 3.3, "typed": -1.4,
}  # fmt: skip
"""What speaks for a block, by how much: what its page has (see :mod:`.page_search`), and :func:`features`.

They are those of a logistic choice among all blocks of the pages, fitted to 162 practice questions about 332
pages, none of which lies where a held-out one does. Fitted without the document that is asked about, the
right page comes first for 78 of 100 of them; for 70 by the scores of pages alone. With half to one and a half
of any weight it is 76 to 80.
"""

ABOVE, BELOW = 3, 1
"""Blocks before and behind one whose words are about it, too."""

_WORDS = re.compile(r"[^\W_]+|[\n\0]")
_TYPED = re.compile(r"\s*[>+]")


class Told(NamedTuple):
    """What blocks are compared with.

    Parameters
    ----------
    terms : sequence of str
        Of the question, in its order, each once.
    rarity : (terms,) float64
        How much each says.
    kind : Kind or None
        Of the block that is asked for.
    """

    terms: Sequence[str]
    rarity: Array
    kind: Kind | None


class Blocks(NamedTuple):
    """Blocks of pages, at least one.

    Parameters
    ----------
    texts, kinds : per block
    pages : (blocks,) int64
        A number for the page of each, rising; those of pages that follow each other in a document do, too.
    likeness : (blocks,) float64
        Similarity in meaning to the question, 0 where it is unknown.
    """

    texts: Sequence[str]
    kinds: Sequence[str | None]
    pages: NDArray[np.int64]
    likeness: Array


def weighed(told: Mapping[str, Array]) -> Array:
    """Return how good blocks are by what speaks for them, or how good pages are by what does for those."""
    scores: Array = np.sum([WEIGHTS[name] * far for name, far in told.items()], axis=0)
    return scores


def features(told: Told, blocks: Blocks) -> dict[str, Array]:
    """Say of each block what speaks for it, by name, words as shares of the question: (blocks,) each."""
    share = told.rarity / max(float(told.rarity.sum()), 1e-9)
    words, lines, of_lines = _found(told.terms, blocks.texts)
    kinds = np.array([kind or "" for kind in blocks.kinds])
    apart = np.abs(np.diff(blocks.pages, prepend=blocks.pages[0])) > 1
    runs: NDArray[np.int64] = np.cumsum(apart)  # of pages that follow each other
    headings = kinds == "heading"
    begins = headings & ~np.concatenate([[False], headings[:-1]])
    sections: NDArray[np.int64] = np.cumsum(begins | apart)
    around = _around(words, runs)
    head = _greatest(words * headings[:, None], sections)
    table, figure = kinds == "table", kinds == "figure"
    return {
        "own": words @ share,
        "around": (around - words) @ share,
        "head": (head - around).clip(0) @ share,
        "section": _greatest(words, sections) @ share,
        "page": _greatest(words, blocks.pages) @ share,
        "two lines": _two_lines(lines, of_lines, share),
        "like": blocks.likeness,
        "like beside": _beside(blocks.likeness, runs),
        "table": 1.0 * table,
        "table asked": 1.0 * table * (told.kind == "table"),
        "figure asked": 1.0 * figure * (told.kind == "figure"),
        "typed": np.array([1.0 * bool(_TYPED.match(text)) for text in blocks.texts]),
    }


def _found(terms: Sequence[str], texts: Sequence[str]) -> tuple[Array, Array, NDArray[np.int64]]:
    """Say how far terms are in texts, (texts, terms), in each line of them, and of which text a line is."""
    tokens = _WORDS.findall("\0".join(texts).casefold())
    forms = forms_of(terms)
    known = stems(set(tokens) - {"\n", "\0"})
    wanted = {word: forms[stem] for word, stem in known.items() if stem in forms}
    of_lines = [0]
    found: list[tuple[int, int, float]] = []
    for token in tokens:
        if token in wanted:
            found += [(len(of_lines) - 1, term, far) for term, far in wanted[token]]
        elif token in "\n\0":
            of_lines.append(of_lines[-1] + (token == "\0"))
    lines = np.zeros((len(of_lines), len(terms)))
    if found:
        at, term, far = (np.array(column) for column in zip(*found, strict=True))
        np.maximum.at(lines, (at, term), far)
    numbers = np.array(of_lines, np.int64)
    return _first(lines, numbers), lines, numbers


def _first(rows: Array, groups: NDArray[np.int64]) -> Array:
    """Return the greatest of the rows of each group, whose numbers rise."""
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    greatest: Array = np.maximum.reduceat(rows, starts)
    return greatest


def _greatest(rows: Array, groups: NDArray[np.int64]) -> Array:
    """Return for each row the greatest of all rows of its group, whose numbers rise."""
    changes = np.diff(groups, prepend=groups[0]) != 0
    numbers: NDArray[np.int64] = np.cumsum(changes)
    return _first(rows, numbers)[numbers]


def _around(words: Array, runs: NDArray[np.int64]) -> Array:
    """Return how far terms are in each block or those around it, as far as their pages follow."""
    around = words.copy()
    for step in range(1, ABOVE + 1):
        same = (runs[step:] == runs[:-step])[:, None]
        np.maximum(around[step:], words[:-step] * same, out=around[step:])
        if step <= BELOW:
            np.maximum(around[:-step], words[step:] * same, out=around[:-step])
    return around


def _beside(likeness: Array, runs: NDArray[np.int64]) -> Array:
    """Return the greater likeness of the blocks before and behind each."""
    same = runs[1:] == runs[:-1]
    beside = np.zeros(len(likeness))
    beside[1:] = likeness[:-1] * same
    beside[:-1] = np.maximum(beside[:-1], likeness[1:] * same)
    return beside


def _two_lines(lines: Array, of_lines: NDArray[np.int64], share: Array) -> Array:
    """Return what the best line of each text, or the best two that follow, have of the question."""
    same = (of_lines[1:] == of_lines[:-1])[:, None]
    both = lines.copy()
    np.maximum(both[1:], lines[:-1] * same, out=both[1:])
    return _first((both @ share)[:, None], of_lines)[:, 0]
