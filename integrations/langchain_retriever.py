"""LangChain retriever: what a memory holds as documents that say where they are from, and hold no pixels."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field, SkipValidation

from ..agent.files import called
from ..errors import InputError
from ..memory import Frame, Page
from ..memory.records import Kind
from ..memory.store import VisualMemory
from ..tools.moments import clock

if TYPE_CHECKING:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForRetrieverRun,
    )

    from ..memory import Still
    from ..memory.search import Hit


class VisualRetriever(BaseRetriever):
    """Finds the stills of a memory that go with a query: photos, frames of videos, pages of documents.

    Parameters
    ----------
    memory : VisualMemory
        Opened with the model that it was written with; it stays the caller's to close.
    k : int
        Documents to return at most; ``invoke(query, k=...)`` says otherwise for one query.
    kinds, sources : list of str, optional
        Only in sources of these kinds ("photo", "video", "stream", "document"), only in these.

    Notes
    -----
    A document's ``page_content`` is what was read, said or described there: the words of a page, captions,
    written words and subtitles of a photo or frame. Never pixels: :meth:`still` returns these. Its
    ``metadata``:

    ``handle`` (also the document's ``id``)
        By which the memory knows the still: ``memory.held(handle)``.
    ``source``, ``kind``
        The file, and what the still is of it: "photo", "frame" or "page".
    ``page``, ``t``, ``start``, ``end``
        Of a page, its number from 1; of a frame, when it is shown, and from when to when it stands for its
        video, in seconds.
    ``quote``, ``box``
        The words that go best with the query, and where they are: [x0, y0, x1, y1] in pixels of the still.
    ``score``, ``similarity``
        Of the search, which compares documents of one query; and the cosine similarity of picture and query.

    Examples
    --------
    >>> retriever = VisualRetriever(memory=memory)  # doctest: +SKIP
    >>> found = retriever.invoke("the median survival of the high dose group")  # doctest: +SKIP
    >>> found[0].metadata["page"], retriever.still(found[0]).size  # doctest: +SKIP
    (2, Size(width=1224, height=1584))
    """

    memory: SkipValidation[VisualMemory] = Field(exclude=True, repr=False)
    k: int = Field(default=4, ge=1)
    kinds: list[Kind] | None = None
    sources: list[str] | None = None

    def still(self, document: Document) -> Still:
        """Return the pixels of a document that this retriever found.

        Raises
        ------
        InputError
            If it is from elsewhere, or was forgotten since.
        StorageError
            If its pixels are gone.
        """
        handle = document.metadata.get("handle")
        if handle is None:
            raise InputError("this document has no handle: it is not from a memory.", input=document.id)
        return self.memory.still(self.memory.held(handle))

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        top = self.k if k is None else k
        hits = self.memory.search(query, top=top, kinds=self.kinds, sources=self.sources)
        return [_document(self.memory, hit) for hit in hits]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return await asyncio.to_thread(
            self._get_relevant_documents, query, run_manager=run_manager.get_sync(), k=k
        )


def _document(memory: VisualMemory, hit: Hit) -> Document:
    """Return a hit as a document."""
    origin = hit.origin
    metadata: dict[str, Any] = {"handle": hit.id, "source": origin.source, "kind": origin.kind}
    if isinstance(origin, Page):
        metadata["page"] = origin.number
    if isinstance(origin, Frame):
        metadata["t"] = origin.t
    if hit.span is not None:
        metadata |= {"start": hit.span.start, "end": hit.span.end}
    if hit.texts:
        metadata["quote"] = hit.texts[-1].text
    if hit.box is not None:
        metadata["box"] = [hit.box.x0, hit.box.y0, hit.box.x1, hit.box.y1]
    metadata |= {"score": hit.score, "similarity": hit.similarity}
    return Document(id=hit.id, page_content=_words(memory, hit), metadata=metadata)


def _words(memory: VisualMemory, hit: Hit) -> str:
    """Return what was read, said or described there; where it is from, if there are no words."""
    texts = memory.held(hit.id).texts
    whole = [text.text for text in texts if text.channel != "block"]  # blocks are parts of the page
    at = f" at {clock(hit.origin.t)}" if isinstance(hit.origin, Frame) else ""
    return "\n".join(whole) or f"{hit.origin.kind} of {called(hit.origin.source)}{at}, without words"
