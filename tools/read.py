"""Read: answer a question from pages, and quote the words that the answer rests on."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError
from ..memory.embed import Embedder
from .extract import extract
from .generate_reading import generate
from .leaves import Leaf, Quote, Reading
from .look import Eyes
from .nearest import with_nearest

__all__ = ["Leaf", "Quote", "Reading", "read"]


def read(eyes: Eyes, question: str, leaves: Sequence[Leaf], sentences: Embedder | None = None) -> Reading:
    """Answer a question from pages.

    The embedded model does not read: the answer is then chosen among what stands on the pages, and quoted.
    Others answer in their own words, and cite the lines that they rest on. Either is given what a search
    found best, to cite it too, where the answer is unsure.

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
    ContextOverflowError
        If a page does not fit the model's window, not even without words beside it.
    """
    if not question.strip():
        raise InputError("there is no question to answer from the pages.")
    if not leaves:
        raise InputError("there are no pages to read the answer from.")
    if eyes.checkpoint.cells is not None:
        return with_nearest(extract(question, leaves, sentences), leaves)
    return with_nearest(generate(eyes, question, leaves, sentences), leaves)
