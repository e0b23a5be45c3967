"""Find: from a question to the moments of videos, and the stills of a memory, that can answer it.

A search in the memory ranks keyframes by what they look like and by the words that go with them; the eyes
then look at the first of them and say whether what was asked for is there. Where none shows it, more are
looked at, up to a bound: looks at single frames are what a question costs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ..memory import Span, Still
from .captions import blank, read
from .look import Eyes, distinct
from .moments import SHOWN
from .small_looks import Part, SmallLooks
from .video_questions import plain, query, singular, things, written

if TYPE_CHECKING:
    from ..memory.search import Hit
    from ..memory.store import VisualMemory

FIRST, MORE = 5, 3
"""Keyframes that are looked at, and how many more where none of them shows what was asked for."""
SEARCHED = 100
"""Keyframes that a search ranks."""
SEEN = ("photo", "video", "stream")
"""Kinds of sources that are looked at; pages of documents are read."""
ANY_TEXT = "the text"
"""Words that go with whatever was read in a still."""
IS_WRITTEN = "What is written here?"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A still that a search found.

    Parameters
    ----------
    still : Still
    span : Span or None
        The stretch of its video that it stands for; None for what is no frame.
    there : float or None, 0..1
        Probability that it shows what was asked for; None where the eyes were not asked.
    text : str
        Words that go with it: its caption, a subtitle.
    similarity : float
        Cosine similarity of its picture with what was searched for.
    thumbnail : str
        Its picture in the memory, a JPEG.
    """

    still: Still
    span: Span | None
    there: float | None
    text: str = ""
    similarity: float = 0.0
    thumbnail: str = ""

    @property
    def source(self) -> str:
        """File that it comes from."""
        return self.still.origin.source

    def to_json(self) -> dict[str, Any]:
        """Return what ``sightloop find --json`` lists."""
        span = (
            self.span.model_dump(exclude={"kind"}) if self.span is not None else {"start": None, "end": None}
        )
        return {
            **self.still.ref.model_dump(),
            **span,
            "there": self.there,
            "similarity": self.similarity,
            "text": self.text,
            "thumbnail": self.thumbnail,
        }

    @property
    def shown(self) -> bool:
        """Whether it shows what was asked for, as far as anybody looked."""
        return self.there is None or self.there >= SHOWN


@dataclass(frozen=True, slots=True)
class Findings:
    """What a search found, best first.

    Parameters
    ----------
    query : str
        What was searched for.
    candidates : tuple of Candidate
        Those looked at, or the first of the search where nothing could be asked.
    parts : tuple of Part
        The looks; ``still`` counts the candidates in the order of the search.
    notes : tuple of str
    """

    query: str
    candidates: tuple[Candidate, ...]
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[Candidate, ...]:
        """Those that show what was asked for, best first."""
        return tuple(one for one in self.candidates if one.shown)

    @property
    def surest(self) -> float:
        """The highest probability that anything looked at shows what was asked for; 0 where nothing was."""
        return max((one.there for one in self.candidates if one.there is not None), default=0.0)


def find(
    eyes: Eyes,
    memory: VisualMemory,
    question: str,
    *,
    sources: Collection[str] | None = None,
    start: float | None = None,
    end: float | None = None,
    most: int = FIRST + MORE,
) -> Findings:
    """Search, and look at what was found.

    Parameters
    ----------
    eyes : Eyes
    memory : VisualMemory
    question : str
        A question, or words for what to find.
    sources : collection of str, optional
        Files to search; all of the memory by default.
    start, end : float, optional, seconds
        Of the videos.
    most : int
        Stills that are looked at in all.

    Returns
    -------
    Findings
    """
    search = _Search(eyes, memory, question, sources, start, end, most)
    search.look(min(FIRST, most))
    if not search.sure:
        search.look(most - len(search.seen))
    return search.findings(search.ranked)


def moments(
    eyes: Eyes,
    memory: VisualMemory,
    question: str,
    *,
    top: int,
    sources: Collection[str] | None = None,
    start: float | None = None,
    end: float | None = None,
    look: bool = True,
) -> Findings:
    """Find the ``top`` moments for words to look for: neighbouring keyframes of a video are one moment.

    Parameters
    ----------
    eyes, memory, question, sources, start, end
        As of :func:`find`.
    top : int
        Moments to return, at most.
    look : bool
        Whether the eyes look at twice as many keyframes and order them by what they say; else by the search.
    """
    search = _Search(eyes, memory, question, sources, start, end, 2 * top)
    search.look(2 * top, ask=look)
    apart: list[Candidate] = []
    for found in search.ranked:
        if not any(_same_moment(found, kept) for kept in apart):
            apart.append(found)
    return search.findings(apart[:top])


def _same_moment(one: Candidate, other: Candidate) -> bool:
    if one.span is None or other.span is None or one.source != other.source:
        return False
    return one.span.start <= other.span.end and other.span.start <= one.span.end


@dataclass(slots=True)
class _Search:
    """A search under way: what was looked at, and what is still to be looked at."""

    eyes: Eyes
    memory: VisualMemory
    question: str
    sources: Collection[str] | None
    start: float | None
    end: float | None
    most: int
    seen: list[Candidate] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _hits: list[Hit] | None = None

    @property
    def query(self) -> str:
        return query(self.question)

    @property
    def sure(self) -> bool:
        return any(found.shown for found in self.seen)

    @property
    def ranked(self) -> list[Candidate]:
        """What was looked at, by how likely it shows what was asked for."""
        return sorted(self.seen, key=lambda found: -(found.there or 0.0))

    def findings(self, candidates: Sequence[Candidate]) -> Findings:
        """Return candidates, with what was looked at to find them."""
        return Findings(self.query, tuple(candidates), tuple(self.parts), distinct(self.notes))

    @property
    def _by_reading(self) -> bool:
        """Whether a still is asked what is written in it, because the model knows no other way to tell."""
        reads = self.eyes.checkpoint.cells is not None
        return reads and any(written(name) for name in things(self.question))

    def look(self, count: int, *, ask: bool = True) -> None:
        """Look at the next ``count`` hits, or take them as they are."""
        if self._hits is None:
            self._hits = self._searched()
        hits, self._hits = self._hits[:count], self._hits[count:]
        found = list(self.memory.stills(hits))
        stills = [still for _, still in found]
        there = self._there(stills) if ask else [None] * len(stills)
        for (hit, still), sure in zip(found, there, strict=True):
            words = " ".join(text.text for text in hit.texts)
            self.seen.append(Candidate(still, hit.span, sure, words, hit.similarity, str(hit.thumbnail)))

    def _searched(self) -> list[Hit]:
        """Search for the things, and for all words of the question where these are others.

        What words name whole comes first; then what looks most like it and what a search by all channels
        ranks first take turns, two to one: captions that name half of it would push the picture that shows it
        whole out of the few that are looked at.
        """
        if self._by_reading:
            return self._hits_for(ANY_TEXT)
        ranked = [self._hits_for(words) for words in dict.fromkeys([self.query, plain(self.question)])]
        alike = sorted(ranked[0], key=lambda hit: -hit.similarity)
        turns = zip_longest(alike[::2], alike[1::2], *ranked)
        every = {hit.id: hit for hits in ranked for hit in hits}
        whole = [hit for hit in alike if self._named(hit)]
        order = [*whole, *(hit for turn in turns for hit in turn if hit is not None)]
        return [every[id] for id in dict.fromkeys(hit.id for hit in order)]

    def _named(self, hit: Hit) -> bool:
        """Tell whether the words that go with a still name all the things, each in one piece."""
        said = " ".join(text.text.casefold() for text in hit.texts)
        names = [singular(name) for name in things(self.question)]
        return bool(names) and all(re.search(rf"\b{re.escape(name)}\b", said) for name in names)

    def _hits_for(self, words: str) -> list[Hit]:
        return self.memory.search(
            words, top=SEARCHED, sources=self.sources, kinds=SEEN, start=self.start, end=self.end
        )

    def _there(self, stills: Sequence[Still]) -> list[float | None]:
        """Return how likely each still shows all the things; None where the question names none."""
        names = things(self.question)
        if not names or not stills:
            return [None] * len(stills)
        if self._by_reading:
            return self._written(stills)
        looks = SmallLooks(self.eyes, stills)
        rows = looks.there([singular(name) for name in names])
        self.notes += looks.notes
        by_still = sorted(looks.parts, key=lambda part: part.still)
        self.parts += [replace(part, still=part.still + len(self.seen)) for part in by_still]
        return [min(row[i] for row in rows) for i in range(len(stills))]

    def _written(self, stills: Sequence[Still]) -> list[float | None]:
        """Return how likely something is written in each still."""
        answers = read(self.eyes, stills)
        self.notes += [note for answer in answers for note in answer.notes]
        self.parts += [
            Part(i, IS_WRITTEN, answer.text, answer.confidence)
            for i, answer in enumerate(answers, start=len(self.seen))
        ]
        return [1 - a.confidence if blank(a.text) else a.confidence for a in answers]
