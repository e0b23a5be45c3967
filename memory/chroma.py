"""Chroma: the vectors of a memory and what they belong to, embedded in its folder or on a server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray

from ..errors import StorageError

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.collection_configuration import CreateHNSWConfiguration

SPACE: CreateHNSWConfiguration = {
    "space": "cosine",
    "max_neighbors": 64,
    "ef_construction": 400,
    "ef_search": 400,
}
"""Of the graph. Keyframes of a video lie in chains of near neighbours, in which Chroma's own settings (16,
100 and 100) lose one neighbour in ten; these lose two in a thousand (``benchmarks/scale.py``)."""

CHUNK = 2000
"""Vectors that are sent or fetched at once; Chroma takes at most 5461."""

Metadata = Mapping[str, str | int | float]


class Chroma:
    """The collection of one memory.

    Parameters
    ----------
    place : str
        A folder, or the ``http(s)://host:port`` of a server.
    name : str
        Of the collection: each memory has its own, also on a shared server.
    model : str
        The embedder's name, which is noted on the collection.

    Raises
    ------
    StorageError
        By every method, if the folder or the server cannot be read or written.
    """

    def __init__(self, place: str, name: str, model: str) -> None:
        self.place = place
        self._served = "://" in place
        with self._storing():
            self._client = _client(place)
        try:
            with self._storing():
                # An embedding function that is not named is taken from the network when it is first used.
                self._collection = self._client.get_or_create_collection(
                    name, configuration={"hnsw": SPACE}, metadata={"embedder": model}, embedding_function=None
                )
        except StorageError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the folder or the server."""
        self._client.close()

    @contextmanager
    def _storing(self) -> Iterator[None]:
        from chromadb.errors import ChromaError

        try:
            yield
        except (ChromaError, httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
            raise StorageError(
                f"Chroma cannot read or write {self.place}: {error}", input=self.place
            ) from error

    def crowded(self) -> bool:
        """Whether the folder holds what other ledgers wrote, which are gone; a server may hold anything."""
        with self._storing():
            return not self._served and self._client.count_collections() > 1

    def erase(self) -> None:
        """Remove the collection with all the room that it took, and close."""
        with self._storing():
            if self._served:
                self._client.delete_collection(self._collection.name)
            self.close()
            if not self._served:  # Chroma itself gives no room back to the disk
                shutil.rmtree(self.place)

    def upsert(self, ids: Sequence[str], vectors: NDArray[np.float32], about: Sequence[Metadata]) -> None:
        """Write vectors, over those of the same ids."""
        for start in range(0, len(ids), CHUNK):
            part = slice(start, start + CHUNK)
            with self._storing():
                self._collection.upsert(
                    ids=list(ids[part]),
                    embeddings=vectors[part],
                    metadatas=[dict(one) for one in about[part]],
                )

    def remove(self, ids: Sequence[str]) -> None:
        """Remove vectors, where they are there."""
        for start in range(0, len(ids), CHUNK):
            with self._storing():
                self._collection.delete(ids=list(ids[start : start + CHUNK]))

    def count(self) -> int:
        """Return how many vectors there are."""
        with self._storing():
            return self._collection.count()

    def ids(self) -> set[str]:
        """Return the ids of all vectors."""
        with self._storing():
            return set(self._collection.get(include=[])["ids"])

    def fetch(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of those ids that are there."""
        found: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(ids), CHUNK):
            with self._storing():
                got = self._collection.get(ids=list(ids[start : start + CHUNK]), include=["embeddings"])
            found.update(zip(got["ids"], np.asarray(got["embeddings"], np.float32), strict=True))
        return found

    def nearest(self, query: NDArray[np.float32], most: int) -> list[tuple[str, float]]:
        """Return ids and cosine similarities, the nearest first."""
        with self._storing():
            found: Any = self._collection.query(
                query_embeddings=query[None], n_results=most, include=["distances"]
            )
        return [(id, 1 - float(far)) for id, far in zip(found["ids"][0], found["distances"][0], strict=True)]


def _client(place: str) -> Client:
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    if "://" not in place:
        return cast("Client", chromadb.PersistentClient(place, settings=settings))
    url = urlsplit(place)
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 8000)
    client = chromadb.HttpClient(host=url.hostname or "", port=port, ssl=secure, settings=settings)
    return cast("Client", client)
