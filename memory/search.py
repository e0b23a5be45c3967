"""Search: stills that go with a query, by their pictures and by the texts that belong to them.

Each channel ranks stills in its own way: photos and frames by the cosine similarity of their vectors with the
query's; captions, texts read in pictures and subtitles by BM25 of the query's words; pages by their words and
passages, see :mod:`.page_search`, by their pictures, and by late interaction of their parts. The ranks are
fused by reciprocal rank [1]_: a still scores the sum of ``weight / (60 + rank)`` over what ranks it.

.. [1] G. V. Cormack, C. L. A. Clarke, S. Buettcher, "Reciprocal rank fusion outperforms Condorcet and
   individual rank learning methods", SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, check_text
from .embed import Embedder, LateEmbedder, embedded
from .ledger import StillRow
from .page_search import WEIGHTS as PAGE_WEIGHTS
from .page_search import Question, ranked_late
from .records import Text
from .still import Box, Frame, Origin, Page, Photo, Span, Still, StillRef
from .storage import Storage
from .terms import quoted, telling
from .texts import Where

WEIGHTS: Mapping[str, float] = {
    "picture": 1.0,
    "caption": 1.0,
    "ocr": 1.0,
    "subtitle": 1.0,
    "words": 2.0,
    "look": 0.05,
    "late": 1.0,
}
"""Of the rankings. Of photos and frames none is known to be the better one, so that a still which two of them
rank comes first. "words" is what :mod:`.page_search` finds, two channels in one; it and "late" count by how
good the best pages are, lest pages that share a word with it go before the photo that is meant. "look" are
the pictures of pages: a model of scenes tells pages apart hardly better than by chance, so they count only
where no words are found.
"""

CHANNELS = ("picture", "caption", "ocr", "subtitle", "page", "near", "passage", "late")
"""What a search looks at."""

RANK = 60
"""The constant of the fusion, as its authors have it."""

DEPTH = 50
"""Stills that each channel ranks, at least."""

SLACK = 0.4
"""Least share of the best text's BM25 score that counts: a rank makes much of words that are everywhere."""

GAP = 2.0
"""Seconds between hits that still belong to one span."""


@dataclass(frozen=True, slots=True)
class Seekers:
    """The models that a query is put to: all but the embedder may be missing."""

    embedder: Embedder
    sentences: Embedder | None = None
    late: LateEmbedder | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A still that a search found.

    Parameters
    ----------
    id : str
    ref : StillRef
        What evidence on it carries.
    score : float
        Of the fusion: more is better. It compares hits of one search, and says nothing by itself.
    similarity : float
        Cosine similarity of picture and query.
    texts : tuple of Text
        Those that matched, by channel at most one; of a page, the block that goes best with the query.
    span : Span or None
        The time for which a keyframe stands: from the keyframe before it to the one after it, within its
        shot. None for a photo.
    shot : int or None
        Number of its shot.
    thumbnail : Path
        Its picture, a JPEG.
    also : tuple of Text
        Other blocks of a page, that go better with the query than any of the next hit; the best first.
    """

    id: str
    ref: StillRef
    score: float
    similarity: float
    texts: tuple[Text, ...]
    span: Span | None
    shot: int | None
    thumbnail: Path
    also: tuple[Text, ...] = ()

    @property
    def origin(self) -> Origin:
        """Where the still came from."""
        return self.ref.origin

    @property
    def t(self) -> float | None:
        """When it is shown, in seconds; None for a photo."""
        return getattr(self.origin, "t", None)

    @property
    def box(self) -> Box | None:
        """Where on it the words are that go best with the query, in pixels of the still; None if unknown."""
        return next((text.box for text in self.texts if text.box is not None), None)


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """Neighbouring hits of one video.

    Parameters
    ----------
    source : str
    start, end : float, seconds
        From where the first hit's time begins to where the last one's ends, see :attr:`Hit.span`.
    hits : tuple of Hit
        By time.
    score : float
        Of the best hit.
    """

    source: str
    start: float
    end: float
    hits: tuple[Hit, ...]
    score: float


def checked(query: str | Still, top: int, channels: Collection[str] | None) -> Collection[str]:
    """Return the channels that a query is to be put to, all by default, if it can be.

    Raises
    ------
    InputError
        If the query is empty or no text, ``top`` is not positive, or there is no such channel.
    """
    if top < 1:
        raise InputError(f"top is at least 1, not {top}.", input=str(top))
    if isinstance(query, str) and not query.strip():
        raise InputError("the query is empty: say what to look for.", input=query)
    if isinstance(query, str):
        check_text(query, "query")
    if unknown := sorted(set(channels or ()) - set(CHANNELS)):
        raise InputError(
            f"{unknown[0]!r} is no channel of the search: they are {', '.join(CHANNELS)}.", input=unknown[0]
        )
    return CHANNELS if channels is None else channels


def search(
    storage: Storage,
    models: Seekers,
    query: str | Still,
    top: int,
    where: Where,
    channels: Collection[str] = CHANNELS,
) -> list[Hit]:
    """Find the stills that go best with a query; see :meth:`.store.VisualMemory.search`."""
    (vector,) = embedded(models.embedder, [query], storage.dimension)
    depth = max(DEPTH, 4 * top)
    with storage.lock:
        ranked = _pictures(storage, vector, query, where, depth) if "picture" in channels else {}
        weights = dict(WEIGHTS)
        texts: dict[int, list[Text]] = {}
        question: Question | None = None
        if isinstance(query, str):
            ranked |= _texts(storage, query, where, channels, depth, texts)
            question = Question(storage, query, _meaning(storage, models, query, channels))
            pages = question.pages(where, [name for name in channels if name in PAGE_WEIGHTS], depth)
            ranked["words"] = pages.slots
            if pages.slots:
                ranked.pop("look", None)
            weights["words"] *= pages.good
            if models.late is not None and "late" in channels:
                candidates = {slot for slots in ranked.values() for slot in slots}
                parts = ranked_late(storage, models.late, query, candidates)
                ranked["late"] = parts.slots
                weights["late"] *= pages.good if pages.slots else parts.good
        scores = fused(ranked, weights)
        similarities = storage.vectors.similarities(vector, sorted(scores))
        best = sorted(scores, key=lambda slot: (-scores[slot], -similarities[slot], slot))[:top]
        blocks = question.blocks(best) if question else {}
        rows = {row.slot: row for row in storage.ledger.stills(slots=best)}
        sources = {source.number: source for source in storage.ledger.sources()}
        return [
            Hit(
                rows[slot].id,
                ref_of(rows[slot], sources[rows[slot].source].path),
                scores[slot],
                similarities[slot],
                (*texts.get(slot, ()), *blocks.get(slot, ())[:1]),
                _span(storage.ledger.around(rows[slot])),
                rows[slot].shot,
                storage.media.path(rows[slot].media),
                tuple(blocks.get(slot, ())[1:]),
            )
            for slot in best
        ]


def _pictures(
    storage: Storage, vector: NDArray[np.float32], query: str | Still, where: Where, depth: int
) -> dict[str, list[int]]:
    """Rank by pictures: for words, pages apart from photos and frames, lest they crowd them out."""
    documents = {source.number for source in storage.ledger.sources() if source.kind == "document"}
    if not documents or isinstance(query, Still):
        return {"picture": [slot for slot, _ in storage.vectors.nearest(vector, where, depth)]}
    every = {source.number for source in storage.ledger.sources()} if where.sources is None else where.sources
    ranked = {}
    for name, numbers in (("picture", every - documents), ("look", every & documents)):
        if numbers:
            of = replace(where, sources=frozenset(numbers))
            ranked[name] = [slot for slot, _ in storage.vectors.nearest(vector, of, depth)]
    return ranked


def _texts(
    storage: Storage,
    query: str,
    where: Where,
    channels: Collection[str],
    depth: int,
    texts: dict[int, list[Text]],
) -> dict[str, list[int]]:
    """Rank by the texts of photos and frames, and put those that matched into ``texts``."""
    ranked: dict[str, list[int]] = {}
    for channel in ("caption", "ocr", "subtitle"):
        words = quoted(telling(query)) if channel in channels else ""
        matches = storage.ledger.search(words, channel, where, depth) if words else []
        found: dict[int, Text] = {}
        for hit in matches:
            if hit.cost <= SLACK * matches[0].cost:  # costs are negative
                found.setdefault(hit.slot, hit.text)
        ranked[channel] = [*found]
        for slot, text in found.items():
            texts.setdefault(slot, []).append(text)
    return ranked


def _meaning(
    storage: Storage, models: Seekers, query: str, channels: Collection[str]
) -> NDArray[np.float32] | None:
    """Return the vector of a question by the sentence model, if it may be compared with passages."""
    dimension = storage.passages.expected
    if models.sentences is None or dimension is None or "passage" not in channels:
        return None
    vector: NDArray[np.float32] = embedded(models.sentences, [query], dimension)[0]
    return vector


def fused(ranked: Mapping[str, Sequence[int]], weights: Mapping[str, float] = WEIGHTS) -> dict[int, float]:
    """Fuse ranks into scores.

    Parameters
    ----------
    ranked : dict of ranking to slots, the best first
    weights : dict of ranking to float

    Returns
    -------
    dict of slot to score
    """
    scores: dict[int, float] = {}
    for name, slots in ranked.items():
        for rank, slot in enumerate(slots, 1):
            scores[slot] = scores.get(slot, 0.0) + weights[name] / (RANK + rank)
    return scores


def spans(hits: Iterable[Hit], gap: float = GAP) -> list[FoundSpan]:
    """Group hits of one video that are near to each other in time.

    Parameters
    ----------
    hits : iterable of Hit
        Photos among them are left out.
    gap : float, seconds
        Hits belong together if the times for which they stand touch, or are no further apart than this.

    Returns
    -------
    list of FoundSpan
        The best first; each hit is in exactly one.
    """
    timed = sorted(
        ((hit.origin.source, _bounds(hit), hit) for hit in hits if hit.span is not None),
        key=lambda one: (one[0], one[1], one[2].id),
    )
    groups: list[tuple[str, float, float, list[Hit]]] = []
    for source, (start, end), hit in timed:
        if groups and groups[-1][0] == source and start - groups[-1][2] <= gap:
            _, first, last, together = groups.pop()
            groups.append((source, first, max(last, end), [*together, hit]))
        else:
            groups.append((source, start, end, [hit]))
    found = [
        FoundSpan(
            source,
            start,
            end,
            tuple(sorted(together, key=lambda hit: (hit.t or 0.0, hit.id))),
            max(hit.score for hit in together),
        )
        for source, start, end, together in groups
    ]
    return sorted(found, key=lambda span: (-span.score, span.source, span.start))


def ref_of(row: StillRow, path: str) -> StillRef:
    """Return the reference of a still that the ledger holds."""
    origin: Origin = Photo(source=path)
    if row.t is not None and row.frame is not None:
        origin = Frame(source=path, t=row.t, index=row.frame)
    elif row.page is not None:
        origin = Page(source=path, number=row.page)
    return StillRef(origin=origin, width=row.width, height=row.height, sha256=row.sha256)


def _bounds(hit: Hit) -> tuple[float, float]:
    """Return the time of a hit, with that of the lines that matched: they may reach beyond it."""
    assert hit.span is not None
    starts = [text.start for text in hit.texts if text.start is not None]
    ends = [text.end for text in hit.texts if text.end is not None]
    return min([hit.span.start, *starts]), max([hit.span.end, *ends])


def _span(bounds: tuple[float, float] | None) -> Span | None:
    return None if bounds is None else Span(start=bounds[0], end=bounds[1])
