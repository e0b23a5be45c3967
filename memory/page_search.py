"""Page search: pages whose words answer a question, and where on them.

A page is as good as its words (BM25), as how much of the question stands together on it, and as how near the
best of its passages is in meaning. What answers is often not where the words are: output and drawings follow
the text that speaks of them, over the page's end. So a page shares in the score of the page before it, a
little in that of the one after it; and a page that has what is asked for, a figure or a table, goes first
among pages that are about as good. Scores are fused here and not ranks, which let go of by how much a page
is the best. Of the best pages the blocks then compete, see :mod:`.block_ranking`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .asked import asked_for, looked_for
from .block_ranking import Blocks, Told, features, weighed
from .embed import LateEmbedder
from .late import interaction, unpacked
from .page_text import Kind
from .records import Text
from .storage import Storage
from .terms import telling, terms_of
from .texts import Where

WEIGHTS: Mapping[str, float] = {"page": 1.0, "near": 0.5, "passage": 1.25}
"""Of BM25 as a share of the best page's, of what stands together as a share of the question, of the cosine.

These and those below are about what a linear ranking learns from 174 practice questions about 332 pages, each
document's from the others. With half to one and a half of any of them, the right page comes first for 72 to
75 % of the questions, and is among five for 95 to 97 %.
"""

PAIRS = 0.4
"""What it is worth to a page that words follow each other on it as they do in the question."""

BEFORE, AFTER = 0.2, 0.1
"""Shares of the scores of the page before and the page after that count."""

HOLDS: Mapping[Kind, float] = {"figure": 0.4, "table": 0.5}
"""What it is worth to a page that it has a block of the kind that is asked for."""

COMPETE = 20
"""Pages, the best ones, whose blocks compete. With half as many fewer right pages come first."""

MOST = 3
"""Blocks that are told of a page, at most."""

FEW = 3
"""Pages, the best ones, that tell how good what was found is."""

EACH = 4
"""Passages that are looked for, for each page that they are to find: several may be of one page."""


class Found(NamedTuple):
    """Pages, the best first; and how good the best are, 0..1, by what they have of the question or mean."""

    slots: list[int]
    good: float


class Question:
    """A question to pages.

    Parameters
    ----------
    storage : Storage
    text : str
    meaning : (d,) float32, optional
        Its vector by the sentence model, where there is one and the memory has passages.
    """

    def __init__(self, storage: Storage, text: str, meaning: NDArray[np.float32] | None) -> None:
        self._storage = storage
        self._meaning = meaning
        self._kind = asked_for(text)
        (terms,) = terms_of([" ".join(looked_for(text, telling(text)))])
        self._terms = list(dict.fromkeys(terms))
        # Of stills that were compared, the best blocks first; and how good pages are, but for their blocks.
        self._blocks: dict[int, list[tuple[float, Text]]] = {}
        self._pages: dict[int, float] = {}

    def pages(self, where: Where, channels: Collection[str], most: int) -> Found:
        """Find pages by these of the channels "page", "near" and "passage"."""
        pages = self._storage.words.pages
        passing = pages.passing(where)
        scores = self._storage.words.scores(self._terms) * passing
        near = self._near(where, most) if "passage" in channels else {}
        chosen = {pages.by_slot[slot] for slot in near if slot in pages.by_slot}
        if {"page", "near"} & set(channels):
            best = np.argpartition(-scores, most)[:most] if most < len(scores) else np.arange(len(scores))
            chosen |= set(best[scores[best] > 0].tolist())
        beside = np.unique(pages.neighbours[sorted(chosen)])  # which may have the answer to these
        chosen |= {place for place in beside.tolist() if place >= 0 and passing[place]}
        at = np.array(sorted(chosen), np.int64)
        if not len(at):
            return Found([], 0.0)
        parts = {
            "page": scores[at] / max(1e-9, float(scores.max())),
            "near": self._storage.words.together(self._terms, at),
            "passage": self._likeness(pages.slots[at], near) if near else np.zeros(len(at)),
        }
        order = self._ordered(at, parts, channels)
        first = order[:FEW]  # the best may have little itself, beside a page that has more
        good = max(float(parts[channel][first].max()) for channel in ("near", "passage"))
        return Found(pages.slots[at[order]].tolist(), max(0.0, good))

    def _ordered(
        self, at: NDArray[np.int64], parts: Mapping[str, NDArray[np.float64]], channels: Collection[str]
    ) -> NDArray[np.int64]:
        """Return where pages are in ``at``, the best first; by all channels, their blocks compete."""
        pages = self._storage.words.pages
        fused = np.sum(
            [WEIGHTS[channel] * parts[channel] for channel in parts if channel in channels], axis=0
        )
        before, after = _beside(at, fused, pages.neighbours)
        pairs = self._storage.words.pairs(self._terms, at)
        held = self._held(pages.slots[at])
        if len(channels) > 1:
            fused = fused + BEFORE * before + AFTER * after
            fused = fused + (HOLDS[self._kind] * held if self._kind is not None else 0.0)
        if "near" in channels:
            fused = fused + PAIRS * pairs
        order = np.lexsort((at, -fused))
        if set(channels) < set(WEIGHTS):
            return order
        told = {
            "page words": parts["page"],
            "page near": parts["near"],
            "page like": parts["passage"],
            "page pairs": pairs,
            "page before": before,
            "page table": held * (self._kind == "table"),
            "page figure": held * (self._kind == "figure"),
        }
        best = order[:COMPETE]
        slots = pages.slots[at[best]].tolist()
        alone = weighed(told)[best]
        self._pages = dict(zip(slots, alone.tolist(), strict=True))
        found = self._compared(slots)
        lowest = min(found.values(), default=0.0)  # for a page none of whose words are in a block
        scores = alone + np.array([found.get(slot, lowest) for slot in slots])
        return np.concatenate([best[np.lexsort((at[best], -scores))], order[COMPETE:]])

    def _near(self, where: Where, most: int) -> dict[int, float]:
        """Return the pages whose passages are nearest in meaning, with the similarity of the best."""
        if self._meaning is None:
            return {}
        nearest = self._storage.passages.vectors.nearest(self._meaning, where, EACH * most)
        stills = self._storage.ledger.stills_of([slot for slot, _ in nearest])
        found: dict[int, float] = {}
        for slot, similarity in nearest:
            if slot in stills:
                found.setdefault(stills[slot], similarity)
        return dict(list(found.items())[:most])

    def _likeness(self, slots: NDArray[np.int64], near: Mapping[int, float]) -> NDArray[np.float64]:
        """Return the similarity of the best passage of each page; 0 where it has none."""
        assert self._meaning is not None
        best = dict(near)
        stills = self._storage.ledger.passages_at([slot for slot in slots.tolist() if slot not in near])
        similarities = self._storage.passages.vectors.similarities(self._meaning, [*stills])
        for passage, still in stills.items():
            best[still] = max(best.get(still, 0.0), similarities[passage])
        return np.array([best.get(slot, 0.0) for slot in slots.tolist()])

    def _held(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return of each of these pages whether it has a block of the kind that is asked for: 1, else 0."""
        if self._kind is None:
            return np.zeros(len(slots))
        holding = self._storage.ledger.holding(slots.tolist(), self._kind)
        return np.isin(slots, np.array(sorted(holding), np.int64)).astype(np.float64)

    def _compared(self, slots: Sequence[int]) -> dict[int, float]:
        """Compare the blocks of these stills; return how good the best is of each that has any."""
        number = {slot: self._storage.words.pages.number(slot) for slot in slots}
        rows = sorted(self._storage.ledger.blocks_at(slots) if slots else [], key=lambda row: number[row[0]])
        if not rows:
            return {}
        likeness: dict[int, float] = {}
        if self._meaning is not None:
            passages = sorted({passage for _, passage, _ in rows if passage is not None})
            likeness = self._storage.passages.vectors.similarities(self._meaning, passages)
        told = features(
            Told(
                self._terms, np.array([self._storage.words.rarity(term) for term in self._terms]), self._kind
            ),
            Blocks(
                [text.text for _, _, text in rows],
                [text.kind for _, _, text in rows],
                np.array([number[slot] for slot, _, _ in rows]),
                np.array([likeness.get(-1 if passage is None else passage, 0.0) for _, passage, _ in rows]),
            ),
        )
        says = (told["own"] > 0) | (told["like"] > 0)
        scores = weighed(told)
        best: dict[int, float] = {}
        for place in np.argsort(-scores, kind="stable").tolist():
            slot, _, text = rows[place]
            best.setdefault(slot, float(scores[place]))
            known = self._blocks.setdefault(slot, [])
            if says[place] and len(known) < MOST:
                known.append((float(scores[place]), text))
        return best

    def blocks(self, slots: Sequence[int]) -> dict[int, list[Text]]:
        """Return of each of these stills the blocks that go best with the question.

        They are the best one that says anything of it, and those that are better than the best of the next
        still, where both were found by the question.
        """
        self._compared([slot for slot in slots if slot not in self._blocks])
        found: dict[int, list[Text]] = {}
        for slot, after in zip(slots, [*slots[1:], -1], strict=False):
            blocks = self._blocks.get(slot, [])
            least = np.inf
            if slot in self._pages and self._blocks.get(after) and after in self._pages:
                least = self._pages[after] + self._blocks[after][0][0] - self._pages[slot]
            found[slot] = [text for place, (score, text) in enumerate(blocks) if place == 0 or score > least]
        return found


def ranked_late(storage: Storage, late: LateEmbedder, text: str, slots: Iterable[int]) -> Found:
    """Rank those of these pages that have vectors of their parts by late interaction."""
    kept = storage.ledger.parts(sorted(slots))
    if not kept:
        return Found([], 0.0)
    query = late.query(text)
    scores = {slot: interaction(query, unpacked(parts)) for slot, parts in kept.items()}
    order = sorted(scores, key=lambda slot: (-scores[slot], slot))
    return Found(order, max(0.0, scores[order[0]]))


def _beside(
    at: NDArray[np.int64], scores: NDArray[np.float64], neighbours: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the scores of the pages before and after each, (2, pages); 0 where they were not found."""
    every = np.zeros(len(neighbours) + 1)  # the last is for no neighbour, which is -1
    every[at] = scores
    beside: NDArray[np.float64] = every[neighbours[at]].T
    return beside
