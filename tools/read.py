"""Read: answer a question from pages, and quote the words that the answer rests on."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError
from ..memory.embed import Embedder
from .extract import extract
from .leaves import Leaf, Quote, Reading
from .look import Eyes

__all__ = ["Leaf", "Quote", "Reading", "read"]


def read(eyes: Eyes, question: str, leaves: Sequence[Leaf], sentences: Embedder | None = None) -> Reading:
    """Answer a question from pages.

    The embedded model does not read: the answer is then chosen among what stands on the pages, and quoted.

    Parameters
    ----------
    eyes : Eyes
    question : str
    leaves : sequence of Leaf
        The likeliest first; at least one.
    sentences : Embedder of texts, optional

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        If there is no question, or no page.
    """
    if not question.strip():
        raise InputError("there is no question to answer from the pages.")
    if not leaves:
        raise InputError("there are no pages to read the answer from.")
    return extract(question, leaves, sentences)
