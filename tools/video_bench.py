"""How well questions about long videos are answered, and how much of that is the loop's.

The same questions about films (:mod:`.video_worlds`) are put to an agent with a memory, and to the model
that is shown 16 or 32 evenly spaced frames in one prompt (:mod:`.video_bare`). ``blind`` is the model with 16
frames of another film, ``majority`` the answer that is right most often for a kind.

An answer is right if it is the truth word for word, case and spaces aside; a time if it is the only one that
is told and lies within half a second of the truth.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .captions import Captions, Readings
from .llava_next.pocket.several import DIRECTIONS
from .llava_next.pocket.things import COLORS, SHAPES
from .video_bare import bare_answer, time_told, uniform
from .video_retrieval import Retrieval
from .video_worlds import EVENTS, SECONDS, Asked, Film, films, write

if TYPE_CHECKING:
    from ..memory import Still
    from ..memory.store import VisualMemory
    from .llava_next import LlavaNext
    from .llava_next.answers import Usage

NEAR = 0.5
"""Seconds that a time may be off."""
ACCURACY, MOST_FRAMES = 0.85, 16
"""Targets: share of right answers, and frames shown to the model for a question at most."""
BARE = (16, 32)
"""Frames that the model alone is shown."""
OPTIONS: dict[str, tuple[str, ...]] = {
    "shape": SHAPES, "color": tuple(COLORS), "exists": ("yes", "no"), "direction": tuple(DIRECTIONS),
}  # fmt: skip
"""The answers that there are, by kind; the model alone is told them."""


class Told(Protocol):
    """What the bench needs of an agent's result."""

    @property
    def answer(self) -> str:
        """The answer."""

    @property
    def usage(self) -> Usage:
        """What it cost; ``stills`` counts every showing of a still to the model."""


class Watcher(Protocol):
    """What the bench needs of an agent."""

    def run(self, question: str, inputs: str, /) -> Told:
        """Answer a question about a video."""


Agent = Callable[["LlavaNext", "VisualMemory"], Watcher]
"""Makes the agent to be measured, of a model and a memory that the films are in."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was said to a question by each of those asked, whether it is right, and what the agent took."""

    asked: Asked
    right: dict[str, bool]
    frames: int
    prompts: dict[str, int]
    seconds: float


def right(asked: Asked, said: str, stills: Sequence[Still] = ()) -> bool:
    """Tell whether an answer is right; ``stills`` are the frames that an answer may count by."""
    if asked.kind != "when":
        return _fold(said) == _fold(asked.answer)
    told = time_told(said, stills)
    # A hair more: times are sums of tenths.
    return told is not None and abs(told - float(asked.answer)) <= NEAR + 1e-6


def _fold(text: str) -> str:
    return text.replace(" ", "").rstrip(".").casefold()


def answered(
    eyes: LlavaNext, watcher: Watcher, film: Film, path: Path, shown: dict[str, list[Still]]
) -> list[Given]:
    """Put all questions about a film; ``shown`` are the frames that the model alone sees, by row."""
    given = []
    for asked in film.asked:
        began = time.perf_counter()
        told = watcher.run(asked.question, str(path))
        seconds = time.perf_counter() - began
        options = OPTIONS.get(asked.kind, ())
        alone = {row: bare_answer(eyes, asked.question, stills, options) for row, stills in shown.items()}
        hits = {row: right(asked, said.text, said.stills) for row, said in alone.items()}
        prompts = {row: said.prompts for row, said in alone.items()}
        hits["agent"] = right(asked, told.answer)
        given.append(Given(asked, hits, told.usage.stills, prompts, seconds))
    return given


# --- rows ---------------------------------------------------------------------------------------------


def majority(asked: Sequence[Asked]) -> float:
    """Return the largest share of questions that one and the same answer is right for."""
    return max(statistics.mean(right(one, said.answer) for one in asked) for said in asked)


def _row(
    name: str, given: Sequence[Given], by_kind: Sequence[Sequence[Given]], target: float | None = None
) -> dict[str, Any]:
    shares = {
        key: round(statistics.mean(one.right[key] for one in given), 3)
        for key in ("agent", *map(_alone, BARE), "blind")
    }
    often = sum(majority([one.asked for one in kind]) * len(kind) for kind in by_kind) / len(given)
    met = None if target is None else shares["agent"] >= target
    return {"row": name, **shares, "majority": round(often, 3), "n": len(given), "target": target, "met": met}


def _alone(count: int) -> str:
    return f"bare {count}"


def _rows(given: Sequence[Given]) -> list[dict[str, Any]]:
    kinds = {kind: [one for one in given if one.asked.kind == kind] for kind in EVENTS}
    return [
        _row("all", given, list(kinds.values()), ACCURACY),
        *(_row(kind, some, [some]) for kind, some in kinds.items()),
    ]


def _frames(given: Sequence[Given]) -> dict[str, Any]:
    most = max(one.frames for one in given)
    return {
        "mean": round(statistics.mean(one.frames for one in given), 1),
        "most": most,
        "target": MOST_FRAMES,
        "met": most <= MOST_FRAMES,
        "prompts of the model alone": {
            _alone(count): max(one.prompts[_alone(count)] for one in given) for count in BARE
        },
    }


def run(
    seed: int = 1,
    count: int = 8,
    *,
    agent: Agent,
    eyes: LlavaNext | None = None,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Measure what an agent knows of long videos, and how well their moments are found.

    Parameters
    ----------
    seed : int
        Of the films; development used seeds from 100 on.
    count : int
        Films; each has seven questions and is indexed once.
    agent : callable
        Makes the agent, of the model and a memory that the films are in.
    eyes : LlavaNext
        The model to measure; the embedded one if None.
    seconds : float
        Length of each film.

    Returns
    -------
    dict
        ``rows`` (``agent``, ``bare 16``, ``bare 32``, ``blind`` and ``majority``, each a share of right
        answers, for all and by kind, with ``n``, ``target`` and ``met``); ``frames`` shown to the model for a
        question, and the prompts that the model alone needed; ``retrieval`` (rows); ``keyframes`` of a film,
        mean; ``seconds`` of indexing a film, of a question (medians) and of all; ``model``, ``seed`` and
        ``films``.
    """
    from ..memory.store import VisualMemory  # loads Chroma
    from .llava_next import LlavaNext

    start = time.perf_counter()
    eyes = eyes or LlavaNext()
    given: list[Given] = []
    drawn = list(films(seed, count + 1, seconds))  # the last is only seen where another film is due
    with (
        tempfile.TemporaryDirectory(prefix="sightloop-films-") as folder,
        VisualMemory(embedder=eyes, captioner=Captions(eyes), reader=Readings(eyes)) as memory,
    ):
        paths = [Path(folder) / f"film-{number}.mp4" for number in range(count + 1)]
        for film, path in zip(drawn, paths, strict=True):
            write(film, path)
        watcher, retrieval = agent(eyes, memory), Retrieval(eyes, memory, seconds)
        indexing = []
        for film, path, other in zip(drawn[:-1], paths[:-1], paths[1:], strict=True):
            began = time.perf_counter()
            memory.add(path)
            indexing.append(time.perf_counter() - began)
            shown = {_alone(many): uniform(path, seconds, many) for many in BARE}
            shown["blind"] = uniform(other, seconds, BARE[0])
            given += answered(eyes, watcher, film, path, shown)
            retrieval.add(film, path)
        rows = retrieval.rows()
    return {
        "model": eyes.name,
        "seed": seed,
        "films": count,
        "rows": _rows(given),
        "frames": _frames(given),
        "retrieval": rows,
        "keyframes": round(retrieval.kept, 1),
        "seconds": {
            "indexing a film": round(statistics.median(indexing), 1),
            "a question": round(statistics.median(one.seconds for one in given), 2),
            "in all": round(time.perf_counter() - start, 1),
        },
    }
