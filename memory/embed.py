"""What memory needs of a model, as protocols: it is handed one, and imports none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import MemoryModelError
from .page_text import PageText
from .still import Still


class Embedder(Protocol):
    """Puts stills and texts into one space, where those that go together are near."""

    @property
    def name(self) -> str:
        """Which model it is: a memory written with one cannot be searched with another."""

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        """Return one vector of length 1 for each item: (items, dimension) float32."""


class Captioner(Protocol):
    """Says what stills show, in words that can be searched."""

    def captions(self, stills: Sequence[Still]) -> list[str]:
        """Return one caption for each still; ``""`` where there is nothing to say."""


class TextReader(Protocol):
    """Reads what is written in stills."""

    def texts(self, stills: Sequence[Still]) -> list[str]:
        """Return the text in each still; ``""`` where there is none."""


class PageReader(Protocol):
    """Reads pages and photos that have no text layer: their words, and where they are."""

    def read(self, stills: Sequence[Still]) -> list[PageText]:
        """Return the words of each still, in pixels of the still as it is given."""


class LateEmbedder(Protocol):
    """Puts each part of a page, and each word of a question, into one space; see :mod:`.late`."""

    @property
    def name(self) -> str:
        """Which model it is: a memory written with one cannot be searched with another."""

    def pages(self, stills: Sequence[Still]) -> list[NDArray[np.float16]]:
        """Return the vectors of each page's parts: (n, dimension) float16, of length 1."""

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vectors of a question's words: (m, dimension) float32, of length 1."""


def embedded(embedder: Embedder, items: Sequence[Still | str], dimension: int | None) -> NDArray[np.float32]:
    """Embed items, and check what came back: one bad vector would spoil an index silently.

    Parameters
    ----------
    embedder : Embedder
    items : of Still or str
    dimension : int or None
        Of the vectors that the memory holds; None while it holds none.

    Returns
    -------
    (items, dimension) float32
        Of length 1: what is not is put right here.

    Raises
    ------
    MemoryModelError
        If the vectors are of another number, dimension or shape, zero, or not finite.
    """
    vectors = np.ascontiguousarray(embedder.embed(items), dtype=np.float32)
    wanted = (len(items), dimension or (vectors.shape[1] if vectors.ndim == 2 else 0))
    if vectors.shape != wanted or not wanted[1]:
        raise MemoryModelError(
            f"{embedder.name} returned vectors of the shape {vectors.shape} where {wanted} is needed; "
            "a memory holds the vectors of one model.",
            input=embedder.name,
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise MemoryModelError(
            f"{embedder.name} returned a vector that is zero or not finite for one of {len(items)} items.",
            input=embedder.name,
        )
    vectors /= lengths
    return vectors
