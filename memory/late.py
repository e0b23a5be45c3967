"""Late interaction: a page as many vectors, one for each part of it, and how well a question's find theirs.

Each vector of the question looks for the one on the page that is nearest to it, and the page scores their
sum [1]_, as ColPali does it with pictures of pages [2]_. That is too much to do for every page: it ranks anew
those which other channels found.

.. [1] O. Khattab, M. Zaharia, "ColBERT: efficient and effective passage search via contextualized late
   interaction over BERT", SIGIR 2020.
.. [2] M. Faysse, H. Sibille, T. Wu, B. Omrani, G. Viaud, C. Hudelot, P. Colombo, "ColPali: efficient document
   retrieval with vision language models", ICLR 2025.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MemoryModelError, StorageError

_HEAD = struct.Struct("<I")  # the dimension; how many vectors there are follows from the length


def packed(vectors: NDArray[Any]) -> bytes:
    """Return the vectors of one page as the ledger keeps them: float16, two bytes a number.

    Parameters
    ----------
    vectors : (n, d) of any float type
        Of length 1; at least one.

    Raises
    ------
    MemoryModelError
        If they have another shape, or are not finite.
    """
    if vectors.ndim != 2 or not vectors.size or not np.isfinite(vectors).all():
        raise MemoryModelError(
            f"the vectors of a page are finite and of the shape (n, d), not {vectors.shape} {vectors.dtype}."
        )
    return _HEAD.pack(vectors.shape[1]) + np.ascontiguousarray(vectors, "<f2").tobytes()


def unpacked(kept: bytes) -> NDArray[np.float32]:
    """Return the vectors of a page that :func:`packed` wrote, (n, d) float32.

    Raises
    ------
    StorageError
        If it is not what that writes.
    """
    dimension = _HEAD.unpack_from(kept)[0] if len(kept) > _HEAD.size else 0
    if not dimension or (len(kept) - _HEAD.size) % (2 * dimension):
        raise StorageError(
            "the vectors of a page in the memory are damaged: forget its source and add it again."
        )
    return np.frombuffer(kept, "<f2", offset=_HEAD.size).reshape(-1, dimension).astype(np.float32)


def interaction(query: NDArray[np.float32], page: NDArray[np.float32]) -> float:
    """Return how well a page answers a query: the mean of what the query's vectors are most similar to.

    Parameters
    ----------
    query : (m, d) float32
    page : (n, d) float32
        Of length 1, as the query's; what fills a query up may be zero, and counts nothing.

    Returns
    -------
    float
        -1..1; the mean and not the sum, which would compare only for one query.

    Raises
    ------
    MemoryModelError
        If their dimensions differ.
    """
    if query.shape[1] != page.shape[1]:
        raise MemoryModelError(
            f"the query's vectors have {query.shape[1]} dimensions, and the page's {page.shape[1]}: open the "
            "memory with the model that it was written with."
        )
    return float((query @ page.T).max(1).mean())
