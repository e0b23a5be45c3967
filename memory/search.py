"""Search: stills that go with a query, by their pictures and by the texts that belong to them.

Each channel ranks stills in its own way: the picture by the cosine similarity of its vector with the query's;
the captions, the text read in pictures and the subtitles by BM25 of the query's words. The ranks are fused by
reciprocal rank [1]_: a still scores the sum of ``weight / (60 + rank)`` over the channels that rank it.

.. [1] G. V. Cormack, C. L. A. Clarke, S. Buettcher, "Reciprocal rank fusion outperforms Condorcet and
   individual rank learning methods", SIGIR 2009.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .embed import Embedder, embedded
from .ledger import StillRow
from .records import Text
from .still import Frame, Origin, Page, Photo, Span, Still, StillRef
from .storage import Storage
from .texts import Where

WEIGHTS: Mapping[str, float] = {"picture": 1.0, "caption": 1.0, "ocr": 1.0, "subtitle": 1.0}
"""Of the channels. None is known to be the better one, so that a still which two of them rank comes first."""

RANK = 60
"""The constant of the fusion, as its authors have it."""

DEPTH = 50
"""Stills that each channel ranks, at least."""

SLACK = 0.4
"""Least share of the best text's BM25 score that counts: a rank makes much of words that are everywhere."""

GAP = 2.0
"""Seconds between hits that still belong to one span."""

# Words that are in every text, and would only make each of them a match. Rarer ones weigh more by themselves.
_EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can did do does for from has have how in is it its of on or that the their "
        "there they this to was were what when where which who why will with you your",
    )
)


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
        Those that matched, by channel at most one.
    span : Span or None
        The time for which a keyframe stands: from the keyframe before it to the one after it, within its
        shot. None for a photo.
    shot : int or None
        Number of its shot.
    thumbnail : Path
        Its picture, a JPEG.
    """

    id: str
    ref: StillRef
    score: float
    similarity: float
    texts: tuple[Text, ...]
    span: Span | None
    shot: int | None
    thumbnail: Path

    @property
    def origin(self) -> Origin:
        """Where the still came from."""
        return self.ref.origin

    @property
    def t(self) -> float | None:
        """When it is shown, in seconds; None for a photo."""
        return getattr(self.origin, "t", None)


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


def search(storage: Storage, embedder: Embedder, query: str | Still, top: int, where: Where) -> list[Hit]:
    """Find the stills that go best with a query; see :meth:`.store.VisualMemory.search`."""
    (vector,) = embedded(embedder, [query], storage.dimension)
    depth = max(DEPTH, 4 * top)
    with storage.lock:
        near = storage.vectors.nearest(vector, where, depth)
        ranked = {"picture": [slot for slot, _ in near]}
        texts: dict[int, list[Text]] = {}
        if isinstance(query, str) and (words := fts_query(query)):
            for channel in [*WEIGHTS][1:]:
                found: dict[int, Text] = {}
                matches = storage.ledger.search(words, channel, where, depth)
                for hit in matches:
                    if hit.cost <= SLACK * matches[0].cost:  # costs are negative
                        found.setdefault(hit.slot, hit.text)
                ranked[channel] = [*found]
                for slot, text in found.items():
                    texts.setdefault(slot, []).append(text)
        scores = fused(ranked)
        similarities = storage.vectors.similarities(vector, sorted(scores))
        best = sorted(scores, key=lambda slot: (-scores[slot], -similarities[slot], slot))[:top]
        rows = {row.slot: row for row in storage.ledger.stills(slots=best)}
        sources = {source.number: source for source in storage.ledger.sources()}
        return [
            Hit(
                rows[slot].id,
                ref_of(rows[slot], sources[rows[slot].source].path),
                scores[slot],
                similarities[slot],
                tuple(texts.get(slot, ())),
                _span(storage.ledger.around(rows[slot])),
                rows[slot].shot,
                storage.media.path(rows[slot].media),
            )
            for slot in best
        ]


def fused(ranked: Mapping[str, Sequence[int]]) -> dict[int, float]:
    """Fuse ranks into scores.

    Parameters
    ----------
    ranked : dict of channel to slots, the best first

    Returns
    -------
    dict of slot to score
    """
    scores: dict[int, float] = {}
    for channel, slots in ranked.items():
        for rank, slot in enumerate(slots, 1):
            scores[slot] = scores.get(slot, 0.0) + WEIGHTS[channel] / (RANK + rank)
    return scores


def fts_query(text: str) -> str:
    """Return the words of a text as a query of FTS5: any of them; ``""`` where there are none."""
    words = list(dict.fromkeys(re.findall(r"\w+", text.casefold())))
    telling = [word for word in words if word not in _EMPTY_WORDS] or words
    return " OR ".join(f'"{word}"' for word in telling)  # in quotes no word is an operator


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
