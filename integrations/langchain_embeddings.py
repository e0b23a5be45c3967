"""LangChain embeddings: texts and pictures in the space of the eyes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from langchain_core.embeddings import Embeddings

from ..agent.inputs import Input, gather
from ..errors import InputError
from ..memory.embed import embedded

if TYPE_CHECKING:
    from ..memory import Still
    from ..memory.embed import Embedder


class SightloopEmbeddings(Embeddings):
    """Puts texts and pictures into one space, so that words find pictures.

    The embedded model's space is of pictures: it tells apart what it can see, and places a text by what it
    describes of that. For texts about anything else take an embedding model of texts.

    Parameters
    ----------
    embedder : Embedder, optional
        A :class:`~sightloop.LlavaNext`, or another model with ``embed``; the embedded model by default.

    Raises
    ------
    InputError
        If the model embeds nothing.
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        if embedder is None:
            from ..tools.llava_next import LlavaNext  # loads torch

            embedder = LlavaNext()
        if not hasattr(embedder, "embed"):
            raise InputError(f"{embedder.name} embeds nothing: pass a model that does.", input=embedder.name)
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts.

        Returns
        -------
        list of list of float
            One vector for each text, of length 1.
        """
        return self._embed(texts)

    def embed_query(self, text: str) -> list[float]:
        """Embed one text."""
        return self._embed([text])[0]

    def embed_images(self, images: Input | Iterable[Input]) -> list[list[float]]:
        """Embed pictures.

        Parameters
        ----------
        images : path, PIL image, array or Still, or several of them

        Returns
        -------
        list of list of float
            One vector for each picture, of length 1; the dot product with that of a text says how well they
            go together.

        Raises
        ------
        InputError
            If one cannot be read, or is a video, a document or a scene.
        """
        stills, skipped, videos, documents, scene = gather(images)
        others = [*videos, *documents, *([scene.source] if scene is not None else [])]
        if skipped:
            raise skipped[0]  # each vector must be that of its picture
        if others:
            raise InputError(f"{others[0]} is no picture: index it in a memory.", input=others[0])
        return self._embed(stills)

    def _embed(self, items: Sequence[Still | str]) -> list[list[float]]:
        if not items:
            return []
        vectors: list[list[float]] = embedded(self._embedder, items, None).tolist()
        return vectors
