"""How well questions about scenes are answered, in metres and in words, and how much of that is the loop's.

Block worlds and rooms (:mod:`.scene_worlds`) are written to a folder; an agent is asked about the folder,
and the model that is shown all eight views in one prompt (:mod:`.scene_bare`). ``blind`` is the model with
views of another world, ``majority`` the answer that is right most often for a kind, or of lengths the one in
the middle.

A length is judged by its relative error, and by whether the truth is inside the stated interval of 90 %; any
other answer is right by what it says first. Noise of poses and depths is put into the files, the truth stays.
The choice of views is judged on rooms of 32 views, most of which look at a wall.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..memory.placed import Survey
from .scene_asked import GROUPS, YES_NO, Asked, Group
from .scene_bare import alone, first_told, length_told, number_told
from .scene_worlds import BOTH, DEPTHS, POSES, Noise, World, worlds, write

if TYPE_CHECKING:
    from .llava_next import LlavaNext

ERROR, INSIDE, COUNTING, RELATIONS = 0.05, 0.85, 0.9, 0.9
"""Targets: median relative error of distances, truths inside the interval, shares of right answers."""
NEAR = 0.1
"""Relative error up to which a length is right, where it is counted among other answers."""
LENGTHS: tuple[Group, ...] = ("distance", "size")
NOISES: dict[str, Noise] = {
    "poses: 1°, 2 cm": POSES,
    "depths: 1 %, 10 % holes": DEPTHS,
    "both": BOTH,
}
MANY, HALF = 16, 8
"""Views that are taken at even distances, and half of them, chosen."""


class Told(Protocol):
    """What the bench needs of an agent's result."""

    @property
    def answer(self) -> str:
        """The answer."""

    @property
    def steps(self) -> Sequence[Any]:
        """What was done; those that measured have a ``survey``."""


class Surveyor(Protocol):
    """What the bench needs of an agent."""

    def run(self, question: str, inputs: str, /) -> Told:
        """Answer a question about a scene."""


Agent = Callable[["LlavaNext"], Surveyor]
"""Makes the agent to be measured."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said: in words, and as a length with its interval where one was measured."""

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None

    def right(self, asked: Asked) -> bool:
        """Tell whether the answer is right by what it says first."""
        if asked.group in LENGTHS:
            return self.error(asked) <= NEAR
        if asked.group == "counting":
            return number_told(self.text) == asked.value
        if asked.options == YES_NO:
            return first_told(self.text.split(maxsplit=1)[0], YES_NO) == asked.answer if self.text else False
        return first_told(self.text, asked.options) == asked.answer

    def error(self, asked: Asked) -> float:
        """Return the relative error of a length, infinite where none was told."""
        told = self.value if self.value is not None else length_told(self.text)
        return math.inf if told is None or not asked.value else abs(told - asked.value) / asked.value

    def inside(self, asked: Asked) -> bool:
        """Tell whether the truth is inside the stated interval."""
        if self.low is None or self.high is None or asked.value is None:
            return False
        return self.low <= asked.value <= self.high


def reply(told: Told) -> Reply:
    """Return what a result says; lengths as its last survey has them."""
    for step in reversed(told.steps):
        survey: Survey | None = getattr(step, "survey", None)
        if survey is not None and survey.measures:
            first = survey.measures[0]
            return Reply(told.answer, first.value, first.low, first.high)
    return Reply(told.answer)


@dataclass(frozen=True, slots=True)
class Given:
    """A question about a world and what was said to it by each of those asked."""

    world: str
    asked: Asked
    replies: dict[str, Reply]
    seconds: float

    @property
    def kind(self) -> str:
        """What kind of world it is."""
        return self.world.split("-")[0]


def answered(
    eyes: LlavaNext, surveyor: Surveyor, world: World, folder: Path, other: Path | None = None
) -> list[Given]:
    """Put all questions about a world; to the model alone only if there is another world to be blind with."""
    from ..memory.sources.scenes import open_scene

    shown = {"bare": open_scene(folder).stills(), "blind": open_scene(other).stills()} if other else {}
    given = []
    for asked in world.asked:
        began = time.perf_counter()
        replies = {"agent": reply(surveyor.run(asked.question, str(folder)))}
        seconds = time.perf_counter() - began
        replies |= {row: Reply(alone(eyes, asked, stills).text) for row, stills in shown.items()}
        given.append(Given(world.name, asked, replies, seconds))
    return given


# --- rows ---------------------------------------------------------------------------------------------


def majority(given: Sequence[Given]) -> float:
    """Return the share that the likeliest answer to each kind gets right, or its median error for lengths."""
    if given[0].asked.group in LENGTHS:
        values = [one.asked.value or 0.0 for one in given]
        middle = Reply("", statistics.median(values))
        return statistics.median(middle.error(one.asked) for one in given)
    hits = 0
    for kind in {one.asked.kind for one in given}:
        some = [one.asked for one in given if one.asked.kind == kind]
        hits += max(sum(Reply(said.answer).right(one) for one in some) for said in some)
    return hits / len(given)


def _row(name: str, given: Sequence[Given], target: float | None = None) -> dict[str, Any]:
    """Return shares of right answers, or median errors where lengths were asked for."""
    lengths = given[0].asked.group in LENGTHS
    row: dict[str, Any] = {"row": name, "of": "median relative error" if lengths else "right"}
    for who in given[0].replies:
        if lengths:
            value = statistics.median(one.replies[who].error(one.asked) for one in given)
        else:
            value = statistics.mean(one.replies[who].right(one.asked) for one in given)
        row[who] = round(value, 4) if math.isfinite(value) else None
    row["majority"], row["n"] = round(majority(given), 4), len(given)
    return {**row, "target": target, "met": _met(row["agent"], target, lengths)}


def _met(value: float | None, target: float | None, least: bool) -> bool | None:
    if target is None:
        return None
    return value is not None and (value <= target if least else value >= target)


def _inside_row(name: str, given: Sequence[Given], target: float | None = None) -> dict[str, Any]:
    share = statistics.mean(one.replies["agent"].inside(one.asked) for one in given)
    row = {"row": name, "of": "truth inside the 90 % interval", "agent": round(share, 4), "n": len(given)}
    return {**row, "target": target, "met": _met(share, target, least=False)}


def rows(given: Sequence[Given]) -> list[dict[str, Any]]:
    """Return the rows of all questions: by what they test, by kind of world, and by kind of question."""
    found = []
    targets: dict[Group, float | None] = {
        "distance": ERROR, "size": None, "counting": COUNTING, "relations": RELATIONS, "last seen": None
    }  # fmt: skip
    for group, target in targets.items():
        some = [one for one in given if one.asked.group == group]
        if not some:
            continue
        found.append(_row(group, some, target))
        if group in LENGTHS:
            found.append(_inside_row(group, some, INSIDE if target else None))
        for kind in sorted({one.kind for one in some}):
            found.append(_row(f"{group}: {kind}", [one for one in some if one.kind == kind]))
        kinds = [kind for kind, of in GROUPS.items() if of == group and kind != group]
        for kind in kinds if len(kinds) > 1 else ():
            if these := [one for one in some if one.asked.kind == kind]:
                found.append(_row(f"{group}: {kind}", these))
    return found


def noise_row(name: str, given: Sequence[Given], clean: float | None = None) -> dict[str, Any]:
    """Return how distances fare under noise; ``clean`` is the mean width of intervals without any."""
    lengths = [one for one in given if one.asked.group == "distance"]
    replies = [one.replies["agent"] for one in lengths]
    error = statistics.median(said.error(one.asked) for said, one in zip(replies, lengths, strict=True))
    inside = statistics.mean(said.inside(one.asked) for said, one in zip(replies, lengths, strict=True))
    widths = [said.high - said.low for said in replies if said.high is not None and said.low is not None]
    width = round(statistics.mean(widths), 4) if widths else math.nan
    return {
        "noise": name,
        "median relative error": round(error, 4) if math.isfinite(error) else None,
        "inside": round(inside, 4),
        "mean width": width if widths else None,
        "n": len(lengths),
        "target": INSIDE,
        "met": inside >= INSIDE and (clean is None or width > clean),
    }


# --- choice of views ----------------------------------------------------------------------------------


def view_choice(eyes: LlavaNext, seed: int, count: int, folder: Path) -> list[dict[str, Any]]:
    """Compare views that are chosen for a question with twice as many, and as many, at even distances."""
    from ..memory.sources.scenes import open_scene
    from .measure import measure
    from .scene_questions import parse
    from .views import choose, relevance, uniform

    hits: dict[str, list[bool]] = {}
    for world in worlds("walk", seed, count):
        write(world, folder / world.name)
        scene = open_scene(folder / world.name)
        for asked in (one for one in world.asked if one.group != "last seen"):
            meant = parse(asked.question, scene.names)
            sought = relevance(eyes, scene, ", ".join(meant.named))
            arms = {
                f"{MANY} at even distances": uniform(scene, MANY),
                f"{HALF} chosen": choose(scene, sought, HALF),
                f"{HALF} at even distances": uniform(scene, HALF),
            }
            for arm, names in arms.items():
                found = measure(eyes, scene, meant, names)
                first = found.survey.measures[0] if found.survey.measures else None
                said = Reply(found.text, *((first.value, first.low, first.high) if first else ()))
                hits.setdefault(arm, []).append(said.right(asked))
    every, chosen, fewer = (round(statistics.mean(right), 4) for right in hits.values())
    shares = dict(zip(hits, (every, chosen, fewer), strict=True))
    questions = len(next(iter(hits.values())))
    return [
        {"views": arm, "right": share, "n": questions,
         "target": every if share is chosen else None, "met": chosen >= every if share is chosen else None}
        for arm, share in shares.items()
    ]  # fmt: skip


# --- all ----------------------------------------------------------------------------------------------


def run(
    seed: int = 1,
    count: int = 6,
    *,
    agent: Agent,
    eyes: LlavaNext | None = None,
    noisy: int = 5,
    walks: int = 2,
) -> dict[str, Any]:
    """Measure what an agent knows of scenes.

    Parameters
    ----------
    seed : int
        Of the worlds; development used seeds from 100 on.
    count : int
        Block worlds, and as many rooms, of eight views each.
    agent : callable
        Makes the agent, of the model.
    eyes : LlavaNext
        The model to measure; the embedded one if None.
    noisy : int
        How many worlds of each kind are measured under noise as well.
    walks : int
        Rooms of 32 views for the choice of views.

    Returns
    -------
    dict
        ``rows`` (``agent``, ``bare``, ``blind`` and ``majority``: shares of right answers or median relative
        errors, with ``n``, ``target`` and ``met``), ``noise``, ``views``, ``seconds`` of a question (median)
        and of all, ``model``, ``seed`` and ``worlds``.
    """
    from .llava_next import LlavaNext

    start = time.perf_counter()
    eyes = eyes or LlavaNext()
    surveyor = agent(eyes)
    drawn = [world for kind in ("blocks", "room") for world in worlds(kind, seed, count)]
    some = [world for index, world in enumerate(drawn) if index % count < noisy]
    with tempfile.TemporaryDirectory(prefix="sightloop-scenes-") as name:
        folder = Path(name)
        for world in drawn:
            write(world, folder / world.name)
        given: list[Given] = []
        for world, other in zip(drawn, [*drawn[1:], drawn[0]], strict=True):
            given += answered(eyes, surveyor, world, folder / world.name, folder / other.name)
        clean = [one for one in given if one.world in {world.name for world in some}]
        noise = [noise_row("none", clean)]
        for label, worse in NOISES.items():
            spoilt = _spoilt(eyes, surveyor, some, folder / label.replace(" ", ""), worse)
            noise.append(noise_row(label, spoilt, noise[0]["mean width"]))
        views = view_choice(eyes, seed, walks, folder) if walks else []
    return {
        "model": eyes.name,
        "seed": seed,
        "worlds": len(drawn),
        "rows": rows(given),
        "noise": noise,
        "views": views,
        "seconds": {
            "a question": round(statistics.median(one.seconds for one in given), 2),
            "in all": round(time.perf_counter() - start, 1),
        },
    }


def _spoilt(
    eyes: LlavaNext, surveyor: Surveyor, drawn: Sequence[World], folder: Path, noise: Noise
) -> list[Given]:
    """Ask for the distances in worlds whose files have noise."""
    given: list[Given] = []
    for world in drawn:
        write(world, folder / world.name, noise)
        lengths = tuple(one for one in world.asked if one.group == "distance")
        given += answered(eyes, surveyor, replace(world, asked=lengths), folder / world.name)
    return given
