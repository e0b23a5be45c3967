"""Batch: stills on their way into the memory, seen and read together, then committed together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .embed import Captioner, Embedder, LateEmbedder, PageReader, TextReader, embedded
from .late import packed
from .media import decoded, encoded
from .page_text import PageText
from .passages import in_context, means, texts_of
from .records import Text
from .still import Frame, Page, Still
from .storage import Entry, Ready, Storage, Told, still_id

BATCH = 16
"""Stills that are embedded together."""
BATCH_PIXELS = 32_000_000
"""Or fewer, where they are large: 96 MB of RGB. Sixteen pages of paper fit."""
READ = 4
"""Or fewer, where so many of them are to be read by OCR, which takes seconds for each."""
SECONDS = 5.0
"""Longest that work is done without acknowledging it; also where nothing new is seen for hours."""


@dataclass(frozen=True, slots=True)
class Models:
    """What looks at what comes in; all but the embedder may be missing.

    Parameters
    ----------
    embedder : Embedder
    captioner : Captioner, optional
    reader : TextReader, optional
        These two look at photos and frames, and not at pages.
    ocr : PageReader, optional
        Reads pages without a text layer.
    sentences : Embedder, optional
        Of the words of blocks.
    late : LateEmbedder, optional
        Of the parts of pages.
    photos : bool
        Whether ``ocr`` reads photos too.
    """

    embedder: Embedder
    captioner: Captioner | None = None
    reader: TextReader | None = None
    ocr: PageReader | None = None
    sentences: Embedder | None = None
    late: LateEmbedder | None = None
    photos: bool = False


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    name: str
    shot: int | None
    still: Still
    media: str
    words: PageText | None


class Batch:
    """Stills that wait to be embedded together, then to be committed.

    Parameters
    ----------
    storage : Storage
    models : Models
    """

    def __init__(self, storage: Storage, models: Models) -> None:
        self.models = models
        self._storage = storage
        self._waiting: list[_Waiting] = []
        self._entries: dict[str, Entry] = {}
        self._flushed = time.monotonic()
        self.stills = 0
        """Stills that were committed."""

    def entry(self, path: str, kind: str) -> Entry:
        """Return what this batch will bring in of a source."""
        return self._entries.setdefault(path, Entry(path, kind))

    @property
    def due(self) -> bool:
        """Whether there is enough to commit."""
        ready = sum(len(entry.stills) for entry in self._entries.values()) + len(self._waiting)
        return ready >= BATCH or (bool(self._entries) and time.monotonic() - self._flushed > SECONDS)

    def put(self, entry: Entry, still: Still, shot: int | None = None, words: PageText | None = None) -> None:
        """Take a still, and keep its picture; of a stream, all of its pixels, which are nowhere else."""
        live = entry.kind == "stream"
        jpeg = encoded(still, None) if live else encoded(still)
        if live:
            still = Still(decoded(jpeg), still.origin)  # what evidence will be compared with
        name = still_id(entry.path, still.origin)
        media = self._storage.media.put(jpeg)
        self._waiting.append(_Waiting(entry, name, shot, still, media, words))
        pixels = sum(one.still.size.width * one.still.size.height for one in self._waiting)
        unread = sum(self._wants(one) for one in self._waiting)
        if len(self._waiting) >= BATCH or pixels >= BATCH_PIXELS or unread >= READ:
            self._see()

    def _see(self) -> None:
        """Embed, caption and read the stills that wait, and let go of their pixels."""
        waiting = self._waiting
        if not waiting:
            return
        stills = [one.still for one in waiting]
        vectors = embedded(self.models.embedder, stills, self._storage.pictures.expected)
        captions = self._captions([one for one in waiting if one.entry.kind != "document"])
        parts = self._parts([one for one in waiting if one.entry.kind == "document"])
        words = self._words(waiting)
        split = [texts_of(page) if page else ([], []) for page in words]
        told = iter(self._told([blocks for _, blocks in split]))
        for one, vector, page, (whole, blocks) in zip(waiting, vectors, words, split, strict=True):
            origin = one.still.origin
            one.entry.stills.append(
                Ready(
                    id=one.name,
                    t=origin.t if isinstance(origin, Frame) else None,
                    frame=origin.index if isinstance(origin, Frame) else None,
                    shot=one.shot,
                    sha256=one.still.sha256,
                    width=one.still.size.width,
                    height=one.still.size.height,
                    media=one.media,
                    page=origin.number if isinstance(origin, Page) else None,
                    vector=vector,
                    texts=(*captions.get(one.name, ()), *whole),
                    words=page,
                    blocks=tuple(next(told) for _ in blocks),
                    parts=parts.get(one.name),
                )
            )
        self._waiting = []

    def _captions(self, waiting: Sequence[_Waiting]) -> dict[str, list[Text]]:
        """Return what the eyes say of stills and read in them, by id."""
        stills = [one.still for one in waiting]
        if not stills:
            return {}
        found: dict[str, list[Text]] = {}
        channels = {
            "caption": self.models.captioner.captions(stills) if self.models.captioner else [],
            "ocr": self.models.reader.texts(stills) if self.models.reader else [],
        }
        for channel, texts in channels.items():
            for one, text in zip(waiting, texts, strict=bool(texts)):
                if text.strip():
                    found.setdefault(one.name, []).append(Text(channel, text.strip()))
        return found

    def _parts(self, waiting: Sequence[_Waiting]) -> dict[str, bytes]:
        """Return the vectors of the parts of pages, by id."""
        if self.models.late is None or not waiting:
            return {}
        found = self.models.late.pages([one.still for one in waiting])
        return {one.name: packed(vectors) for one, vectors in zip(waiting, found, strict=True)}

    def _words(self, waiting: Sequence[_Waiting]) -> list[PageText | None]:
        """Return the words of stills: of the text layer, or read in the pixels, where that is wanted."""
        words = [one.words for one in waiting]
        unread = [place for place, one in enumerate(waiting) if self._wants(one)]
        if self.models.ocr is None or not unread:
            return words
        found = self.models.ocr.read([waiting[place].still for place in unread])
        for place, page in zip(unread, found, strict=True):
            layer = words[place]
            words[place] = replace(page, notes=(*layer.notes, *page.notes)) if layer else page
        return words

    def _wants(self, one: _Waiting) -> bool:
        """Whether a still is to be read by OCR."""
        if self.models.ocr is None:
            return False
        if one.words is not None:
            return one.words.read == "none"
        return self.models.photos and one.entry.kind == "photo"

    def _told(self, pages: Sequence[Sequence[Text]]) -> list[Told]:
        """Embed the words of those blocks that have a meaning."""
        blocks = [block for page in pages for block in page]
        if self.models.sentences is None:
            return [Told(block, None) for block in blocks]
        texts = [text for page in pages for text in in_context([block.text for block in page])]
        telling = [text for text, block in zip(texts, blocks, strict=True) if means(block.text)]
        vectors = iter(self.meanings(telling) if telling else ())
        return [Told(block, next(vectors) if means(block.text) else None) for block in blocks]

    def meanings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts by the sentence model, which there must be."""
        assert self.models.sentences is not None
        return embedded(self.models.sentences, texts, self._storage.passages.expected)

    def holds(self, path: str) -> bool:
        """Whether something of a source waits to be committed."""
        return path in self._entries or any(one.entry.path == path for one in self._waiting)

    def drop(self, path: str) -> None:
        """Leave out what has come of a source since the last commit."""
        self._entries.pop(path, None)
        self._waiting = [one for one in self._waiting if one.entry.path != path]

    def commit(self) -> None:
        """Bring in what came, all or none."""
        self._see()
        entries = list(self._entries.values())
        self._storage.commit(entries)
        self.stills += sum(len(entry.stills) for entry in entries)
        self._entries = {}
        self._flushed = time.monotonic()
