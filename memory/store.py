"""Visual memory: add videos, photos, documents and streams; find the moment or the page later."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, get_args

from ..errors import ForgottenError, InputError, MemoryModelError, nearest
from .batch import Batch, Models
from .embed import Captioner, Embedder, LateEmbedder, PageReader, TextReader
from .indexing import Indexer
from .kept import held, size_of, sources_of, still_of, stored_of, words_of
from .ledger import SourceRow
from .live import index_stream
from .records import Added, Kind, Progress, Source, Stored
from .search import Hit, Seekers, checked, search
from .still import Still, StillRef
from .storage import Storage, placed
from .texts import Where

if TYPE_CHECKING:
    from .keyframes import Shot
    from .page_text import PageText
    from .sources.decoding import Decoded

KINDS = get_args(Kind)
"""Of sources."""


class VisualMemory:
    """What was seen in videos, photos, documents and streams, on the disk and searchable; a context manager.

    One memory has one owner at a time. Its methods may be called from several threads: what is searched is
    what was acknowledged.

    Parameters
    ----------
    path : str or path, optional
        A folder, made if it is missing; or the ``http(s)://host:port`` of a Chroma server, where the vectors
        then are. None is a memory that lasts until it is closed.
    embedder : Embedder, optional
        The model that puts pictures and questions into one space, such as :class:`~sightloop.LlavaNext`.
        Without one, a memory can be looked through, compacted and exported, but nothing added or searched.
    captioner : Captioner, optional
        Says what new photos and frames show: one more channel of the search.
    reader : TextReader, optional
        Reads what is written in new photos and frames: one more channel.
    ocr : PageReader, optional
        Reads pages that have no text layer.
    sentences : Embedder, optional
        Embeds texts only: what pages say is found by meaning too. Documents that came in without it are
        filled when they are added again.
    late : LateEmbedder, optional
        Embeds the parts of pages, by which what the other channels found is ranked anew.
    folder : str or path, optional
        With a server: where the ledger and the pictures are. By default a folder of this user, named by the
        address.

    Raises
    ------
    MemoryLockedError
        At once, if the memory is open elsewhere; the message names the process.
    MemoryModelError
        If it was written with another embedder, sentence model or late embedder; the message names both.
    StorageError
        By every method, if the folder is full, read-only or damaged, or the server does not answer.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        embedder: Embedder | None,
        captioner: Captioner | None = None,
        reader: TextReader | None = None,
        ocr: PageReader | None = None,
        sentences: Embedder | None = None,
        late: LateEmbedder | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="sightloop-") if path is None else None
        place, server = placed(self._temporary.name if self._temporary else path or "", folder)
        self._embedder = embedder
        self._captioner = captioner
        self._reader = reader
        self._ocr = ocr
        self._late = late
        self.sentences = sentences
        """The model of the meanings of texts, where there is one."""
        self._storage = Storage(
            place,
            server,
            embedder.name if embedder else None,
            sentences.name if sentences else None,
            late.name if late else None,
        )

    @property
    def folder(self) -> Path:
        """Where the ledger and the pictures are."""
        return self._storage.folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder; a temporary memory is removed."""
        self._storage.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def add(
        self,
        source: str | os.PathLike[str],
        *,
        progress: Callable[[Progress], None] | None = None,
        password: str | None = None,
        ocr_photos: bool = False,
    ) -> Added:
        """Index a video, a photo or a document, or all of these directly in a folder.

        What is there already and has not changed is left as it is, what was indexed in part is gone on with,
        and a file that changed is indexed anew; one that is gone stays until it is forgotten. What is
        acknowledged, which ``progress`` is told of, outlives the process however it ends.

        Parameters
        ----------
        source : str or path
            Subtitles beside a video (``.srt``, ``.vtt``) are taken in with it.
        progress : callable, optional
            Is given a :class:`Progress` after each batch.
        password : str, optional
            Of documents that ask for one; remembered by this process, and written nowhere.
        ocr_photos : bool
            Whether the words in photos are read too, as those on pages are.

        Returns
        -------
        Added
            In a folder, files that cannot be read are reported in ``skipped``, and the rest goes on.

        Raises
        ------
        InputError
            If ``source`` is one file and cannot be read, or a folder with nothing to index.
        MemoryModelError
            If the memory was opened without an embedder, or it returns vectors that do not fit.
        """
        batch = Batch(self._storage, self._models(photos=ocr_photos))
        return Indexer(self._storage, batch, progress or _untold, password).add(source)

    def add_stream(
        self,
        frames: Iterable[Decoded],
        source: str,
        *,
        keep: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Added:
        """Index a live stream until its frames end, keeping the pixels of its keyframes.

        Parameters
        ----------
        frames : iterable of Decoded
            Such as :meth:`sightloop.memory.sources.streams.Stream.frames`. Their ``t`` counts from when
            watching began; in the memory it counts from when this source was first watched, so that a second
            time of watching comes after the first, with the gap between them.
        source : str
            The stream's name, without credentials: what its hits will name.
        keep : int, optional
            Most keyframes that are kept of this source; the oldest go first. By default all are.
        progress : callable, optional
            As for :meth:`add`.

        Raises
        ------
        InputError, MemoryModelError
            As :meth:`add`; what came before is kept.
        """
        batch = Batch(self._storage, self._models())
        return index_stream(self._storage, batch, frames, source, keep, progress or _untold)

    def forget(self, source: str | os.PathLike[str]) -> int:
        """Remove a source with its vectors, texts, shots, and pictures that no other source has.

        Returns
        -------
        int
            How many stills it had.

        Raises
        ------
        InputError
            If the memory holds no such source; the nearest are suggested.
        """
        with self._storage.lock:
            return self._storage.forget(self._source(source).number)

    def sources(self) -> list[Source]:
        """Return what the memory holds, in the order of coming in."""
        return sources_of(self._storage)

    def shots(self, source: str | os.PathLike[str]) -> list[Shot]:
        """Return the shots of a video or stream, in order.

        Raises
        ------
        InputError
            If the memory holds no such source.
        """
        from .keyframes import Shot

        with self._storage.lock:
            return [Shot(*row) for row in self._storage.ledger.shots(self._source(source).number)]

    def stored(self, source: str | os.PathLike[str], *, pages: Collection[int] | None = None) -> list[Stored]:
        """Return the stills of a source, in order; of a document those of some pages, if they are given.

        Raises
        ------
        InputError
            If the memory holds no such source.
        """
        with self._storage.lock:
            return stored_of(self._storage, self._source(source), pages)

    def held(self, handle: str) -> Stored:
        """Return the still of this ``id``, which hits and other stored stills have.

        Raises
        ------
        InputError
            If the memory holds none.
        """
        return held(self._storage, handle)

    def search(
        self,
        query: str | Still,
        *,
        top: int = 5,
        sources: Collection[str | os.PathLike[str]] | None = None,
        kinds: Collection[str] | None = None,
        start: float | None = None,
        end: float | None = None,
        channels: Collection[str] | None = None,
    ) -> list[Hit]:
        """Find the stills that go best with a question, or look most like a still.

        Parameters
        ----------
        query : str or Still
            Words are compared with pictures and with all texts; a still only with pictures.
        top : int
            Most hits.
        sources : collection of str or path, optional
            Only of these.
        kinds : collection of str, optional
            Only of sources of these ``KINDS``.
        start, end : float, optional, seconds
            Only what is shown (or said) in this time; photos and pages have none.
        channels : collection of str, optional
            Only by these of ``CHANNELS`` of :mod:`.search`.

        Returns
        -------
        list of Hit
            The best first; :func:`sightloop.memory.search.spans` groups them in time.

        Raises
        ------
        InputError
            If the query is empty, ``top`` is not positive, or there is no such source, kind or channel.
        MemoryModelError
            If the memory was opened without an embedder.
        """
        wanted = checked(query, top, channels)
        with self._storage.lock:
            where = self._where(sources, kinds, start, end)
            if self._storage.ledger.empty() or where.sources == frozenset():
                return []
        models = Seekers(self._eyes(), self.sentences, self._late)
        return search(self._storage, models, query, top, where, wanted)

    def still(self, found: Hit | Stored) -> Still:
        """Return the pixels of a hit: from its file, or where that is gone or changed, what the memory kept.

        Raises
        ------
        ForgottenError
            If the memory does not hold it any more, and its file is gone.
        StorageError
            If neither is there.
        """
        return still_of(self._storage, found)

    def stills(self, hits: Iterable[Hit]) -> Iterator[tuple[Hit, Still]]:
        """Yield hits with their pixels, but for those that others have forgotten since; see :meth:`still`."""
        for hit in hits:
            try:
                still = self.still(hit)
            except ForgottenError:
                continue
            yield hit, still

    def page_text(self, found: Hit | Stored | StillRef) -> PageText | None:
        """Return the words on a page and where they are, as they were when it was indexed.

        None is what has none: frames, photos that were not read, and stills that the memory does not hold.
        """
        return words_of(self._storage, found)

    def size(self) -> dict[str, Any]:
        """Return how much the memory holds: ``sources``, ``stills``, ``passages``, and ``bytes`` here."""
        return size_of(self._storage)

    def compact(self) -> int:
        """Give back the room of what was forgotten and of what killed runs left; return how many bytes.

        Where something was forgotten, the graph is made anew: a minute for 100,000 stills.
        """
        before = self.size()["bytes"]["total"]
        self._storage.compact()
        return int(before - self.size()["bytes"]["total"])

    def export(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``stills.parquet`` and thumbnails into a folder, and return the table; see :mod:`.export`.

        Raises
        ------
        MissingExtraError
            If pyarrow is not installed.
        """
        from .export import export

        with self._storage.lock:
            return export(self._storage, self.sources(), self.stored, Path(folder))

    def _models(self, photos: bool = False) -> Models:
        own = (self._captioner, self._reader, self._ocr, self.sentences, self._late)
        return Models(self._eyes(), *own, photos)

    def _eyes(self) -> Embedder:
        if self._embedder is None:
            written = self._storage.ledger.get("embedder")
            raise MemoryModelError(
                f"the memory {self.folder} was opened without an embedder; open it with "
                f"{written or 'the one that it is to be written with'} to add or search.",
                input=str(self.folder),
            )
        return self._embedder

    def _source(self, source: str | os.PathLike[str]) -> SourceRow:
        name = os.fspath(source)
        ledger = self._storage.ledger
        row = ledger.source(name) or ledger.source(str(Path(name).absolute()))
        if row is None:
            near = nearest(name, (known.path for known in ledger.sources()))
            raise InputError(f"the memory {self.folder} holds no {name}.{near}", input=name)
        return row

    def _where(
        self,
        sources: Collection[str | os.PathLike[str]] | None,
        kinds: Collection[str] | None,
        start: float | None,
        end: float | None,
    ) -> Where:
        numbers: frozenset[int] | None = None
        if sources is not None:
            numbers = frozenset(self._source(source).number for source in sources)
        if kinds is not None:
            if unknown := set(kinds) - set(KINDS):
                raise InputError(
                    f"{sorted(unknown)[0]!r} is no kind of source: they are {', '.join(KINDS)}.",
                    input=sorted(unknown)[0],
                )
            of_kind = frozenset(row.number for row in self._storage.ledger.sources() if row.kind in kinds)
            numbers = of_kind if numbers is None else numbers & of_kind
        return Where(numbers, start, end)


def _untold(progress: Progress) -> None:
    """Tell nobody."""
