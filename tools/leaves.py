"""Leaves: pages in hand, what is quoted from them, and what a reading of them says."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..memory import Box, Still
from ..memory.page_text import PageText
from .small_looks import Part


@dataclass(frozen=True)
class Leaf:
    """A page in hand, found by a search or given.

    Parameters
    ----------
    still : Still
        The whole page, or whatever else has words: a photo, a screen.
    text : PageText
        Its words, in pixels of ``still``.
    score : float
        How well a search found that it fits the question, higher is better; equal where nobody searched.
    passages : tuple of Box
        What of it the search found, the best first, in pixels of ``still``.
    """

    still: Still
    text: PageText
    score: float = 0.0
    passages: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Quote:
    """Words of a page, word for word.

    Parameters
    ----------
    still : Still
        The whole page.
    box : Box, pixels of ``still``
        The smallest one around the words. Where they take several lines, it holds also what stands on these
        lines before the first word and behind the last.
    text : str
        The words, a line of the page in a line; empty for a figure without any.
    """

    still: Still
    box: Box
    text: str


@dataclass(frozen=True)
class Reading:
    """What pages say to a question.

    Parameters
    ----------
    text : str
        The answer.
    confidence : float, 0..1
        How likely it is right.
    quotes : tuple of Quote
        What the answer rests on; the first one is, or holds, the answer.
    computed : tuple of str
        Numbers of the answer that stand in none of the quotes.
    parts : tuple of Part
        The small looks that were taken at the pages.
    notes : tuple of str
        What a reader of the answer should know.
    tokens : int
        Length of the answer, in the model's tokens where a model wrote it, else in words.
    """

    text: str
    confidence: float
    quotes: tuple[Quote, ...] = ()
    computed: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    tokens: int = field(default=0)
