"""How well moments of films are found, by which keyframes: ours, evenly spaced ones, and PySceneDetect's.

A moment is found where a still of its event is among the first five. Stills are ranked by the model's own
means: the similarity of its embeddings, then its own yes or no about the first eight.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..memory import Frame, Still
from .find import find
from .small_looks import THERE, YES_NO, article
from .video_bare import uniform_times
from .video_worlds import FPS, Asked, Film

if TYPE_CHECKING:
    from ..memory.store import VisualMemory
    from .llava_next import LlavaNext

TOP, LOOKED_AT, MORE = 5, 8, 16
"""A moment is found among the first ``TOP``; ``LOOKED_AT`` of the most similar are looked at, or ``MORE``."""
RECALL = 0.9
"""Target."""
DETECTORS = ("AdaptiveDetector", "ContentDetector")
"""PySceneDetect's: what its command line takes by default, and what its guide begins with."""
BATCH = 64


@dataclass(slots=True)
class Pool:
    """Stills that are searched: the film each is of, its embedding, and the words that go with it."""

    films: list[int] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    _looks: dict[tuple[int, str], float] = field(default_factory=dict)

    def add(self, eyes: LlavaNext, film: int, stills: Sequence[Still], words: Sequence[str] = ()) -> None:
        """Take in stills of a film."""
        self.films += [film] * len(stills)
        self.stills += stills
        self.words += words or [""] * len(stills)
        for first in range(0, len(stills), BATCH):
            self.vectors += list(eyes.embed(stills[first : first + BATCH]))

    def there(self, eyes: LlavaNext, which: Sequence[int], name: str) -> list[float]:
        """Return how likely each of some stills shows what is named; each is looked at once."""
        new = [i for i in which if (i, name) not in self._looks]
        prompts: list[list[str | Still]] = [[self.stills[i], THERE.format(thing=article(name))] for i in new]
        for i, choice in zip(new, eyes.choose_many(prompts, YES_NO), strict=True):
            self._looks[i, name] = choice.probabilities[0]
        return [self._looks[i, name] for i in which]


@dataclass(frozen=True, slots=True)
class Sought:
    """A thing that is looked for: its film, its question, and in words "red ring", "red thing" or "star"."""

    film: int
    asked: Asked
    name: str

    @property
    def phrase(self) -> str:
        """What a caption of it says."""
        return self.name.removesuffix(" thing")

    def inside(self, still: Still) -> bool:
        """Tell whether a frame of its film shows the event."""
        event, origin = self.asked.event, still.origin
        assert isinstance(origin, Frame)  # all are of videos
        return event is not None and event.start - 0.5 / FPS <= origin.t < event.end - 0.5 / FPS


def sought(number: int, film: Film) -> list[Sought]:
    """Return the things that the questions about a film are about, and come in it."""
    found = []
    for asked in film.asked:
        if asked.event is None or asked.event.thing is None:
            continue
        thing = asked.event.thing
        name = {"shape": f"{thing.color} thing", "color": thing.shape}.get(asked.kind, thing.name)
        found.append(Sought(number, asked, name))
    return found


def first(
    eyes: LlavaNext,
    pool: Pool,
    wanted: Sought,
    among: Sequence[int],
    looks: int = LOOKED_AT,
    words: bool = False,
) -> list[int]:
    """Return the first stills for what is wanted, best first: at most ``TOP`` of ``among``.

    ``looks`` of the most similar are looked at; with ``words`` those whose words name it come before them.
    """
    (vector,) = eyes.embed([article(wanted.name)])
    named = {i: words and wanted.phrase in pool.words[i] for i in among}
    ranked = sorted(among, key=lambda i: (not named[i], -float(vector @ pool.vectors[i])))[:looks]
    sure = dict(zip(ranked, pool.there(eyes, ranked, wanted.name), strict=True))
    return sorted(ranked, key=lambda i: -sure[i])[:TOP]


# --- keyframes of others ------------------------------------------------------------------------------


def scenes(video: Path, detector: str) -> list[tuple[float, float]]:
    """Return start and end of every scene, in seconds, as PySceneDetect's detector finds them."""
    peer: Any = importlib.import_module("scenedetect")
    found = peer.detect(str(video), getattr(peer, detector)(), start_in_scene=True)
    return [(start.seconds, end.seconds) for start, end in found]


def spread(scenes: Sequence[tuple[float, float]], count: int) -> list[float]:
    """Return ``count`` times: the middle of every scene, or as many evenly spaced in each, the longest first.

    Of more scenes than times, evenly many are left out.
    """
    if count < len(scenes):
        chosen = [scenes[int((i + 0.5) * len(scenes) / count)] for i in range(count)]
        return [(start + end) / 2 for start, end in chosen]
    each, more = divmod(count, len(scenes))
    longest = sorted(range(len(scenes)), key=lambda i: scenes[i][0] - scenes[i][1])[:more]
    times = []
    for i, (start, end) in enumerate(scenes):
        times += [start + t for t in uniform_times(end - start, each + (i in longest))]
    return times


# --- rows ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Retrieval:
    """Gathers films one by one, then says how well their moments are found.

    Parameters
    ----------
    eyes : LlavaNext
    memory : VisualMemory
        Holds every film that is added.
    seconds : float
        Length of every film.
    """

    eyes: LlavaNext
    memory: VisualMemory
    seconds: float
    _pools: dict[str, Pool] = field(default_factory=dict)
    _sought: list[Sought] = field(default_factory=list)
    _films: list[Film] = field(default_factory=list)
    _found: list[bool] = field(default_factory=list)

    def add(self, film: Film, path: Path) -> None:
        """Keep frames of a film in every way, and search the memory for its moments."""
        from ..memory.sources.videos import read_frames  # loads PyAV

        number, source = len(self._films), str(path)
        self._films.append(film)
        self._sought += sought(number, film)
        kept = self.memory.stored(source)
        ways: dict[str, list[float]] = {"ours": [one.t for one in kept if one.t is not None]}
        ways["evenly spaced"] = uniform_times(self.seconds, len(kept))
        if importlib.util.find_spec("scenedetect") is not None:
            ways |= {f"PySceneDetect, {name}": spread(scenes(path, name), len(kept)) for name in DETECTORS}
        for way, times in ways.items():
            words = [" ".join(text.text for text in one.texts) for one in kept] if way == "ours" else []
            self._pools.setdefault(way, Pool()).add(self.eyes, number, read_frames(path, times), words)
        for asked in film.asked:
            if asked.event is not None:
                best = find(self.eyes, self.memory, asked.question, sources=[source]).candidates[:TOP]
                self._found.append(any(Sought(number, asked, "").inside(one.still) for one in best))

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for every way of searching: what share of moments it finds, of how many."""
        ours = self._pools["ours"]
        rows = [
            _row("find, signs too: in its film", self._found, RECALL),
            _row("captions, embedding, yes/no: in its film", self._recalled(ours, words=True), RECALL),
            _row(
                "captions, embedding, yes/no: all films",
                self._recalled(ours, words=True, together=True),
                RECALL,
            ),
            _row(f"embedding, yes/no about {MORE}: in its film", self._recalled(ours, looks=MORE), RECALL),
        ]
        for way, pool in self._pools.items():
            covered = [any(self._inside(pool, one)) for one in self._sought]
            target = RECALL if way == "ours" else None
            name = f"embedding, yes/no about {LOOKED_AT}; keyframes: {way}"
            rows.append(_row(name, self._recalled(pool), target, covered))
        return rows

    @property
    def kept(self) -> float:
        """Mean number of keyframes of a film."""
        return len(self._pools["ours"].stills) / len(self._films)

    def _inside(self, pool: Pool, one: Sought) -> list[bool]:
        return [
            film == one.film and one.inside(still)
            for film, still in zip(pool.films, pool.stills, strict=True)
        ]

    def _recalled(
        self, pool: Pool, looks: int = LOOKED_AT, words: bool = False, together: bool = False
    ) -> list[bool]:
        """Tell of everything sought whether a still of the moment is among the first.

        Among all films ``together``, stills that show what is asked for at another time are left out: they
        would be right as well (the "filtered" ranking of Bordes et al., NIPS 2013).
        """
        recalled = []
        for one in self._sought:
            right = self._inside(pool, one)
            among = [
                i
                for i, film in enumerate(pool.films)
                if right[i] or (not self._shows(film, pool.stills[i], one) if together else film == one.film)
            ]
            recalled.append(any(right[i] for i in first(self.eyes, pool, one, among, looks, words)))
        return recalled

    def _shows(self, film: int, still: Still, one: Sought) -> bool:
        origin = still.origin
        assert isinstance(origin, Frame)  # all are of videos
        words = one.phrase.split()
        return any(set(words) <= set(thing.name.split()) for thing in self._films[film].at(origin.t).things)


def _row(
    name: str, found: Sequence[bool], target: float | None, covered: Sequence[bool] | None = None
) -> dict[str, Any]:
    recall = round(float(np.mean(found)), 3)
    return {
        "row": name,
        "recall@5": recall,
        "has a frame of it": None if covered is None else round(float(np.mean(covered)), 3),
        "n": len(found),
        "target": target,
        "met": None if target is None else recall >= target,
    }
