"""What to learn when: kinds of worlds enter one after another, and what is known already gets less room."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .packing import Batch, Packer, layout_of, mode_for
from .questions import PHOTO_KINDS, Question, about
from .several import World
from .things import UNITS, random_sheet
from .worlds import ASPECTS, Kind, draw_world

FIRST = ("shape", "color", "size", "count", "where", "point", "extreme", "exists", "read")
"""Questions that take one look-up; the others are asked once these begin to be answered."""
OTHERS_FROM = 0.08
STAGES: tuple[tuple[float, dict[Kind, float]], ...] = (
    (0.0, {"photos": 1.0}),
    (OTHERS_FROM, {"photos": 0.92, "crops": 0.08}),
    (0.2, {"photos": 0.4, "crops": 0.02, "views": 0.1, "pairs": 0.2, "sets": 0.05, "videos": 0.1,
           "scenes": 0.13}),
    (0.42, {"photos": 0.24, "crops": 0.01, "views": 0.1, "pairs": 0.23, "sets": 0.1, "videos": 0.15,
            "scenes": 0.17}),
)  # fmt: skip
"""From which share of the time on worlds of each kind are drawn, and how often."""
TUNED: dict[Kind, float] = {
    "photos": 0.2, "crops": 0.02, "views": 0.46, "pairs": 0.12, "sets": 0.05, "videos": 0.07, "scenes": 0.08,
}  # fmt: skip
"""How often they are drawn to tune weights that know all of them but views."""
KNOWN = 0.9
"""What such weights are taken to know of every kind of question, until their answers tell."""
STILLS = {"sets": (3, 4), "videos": (4, 5), "scenes": (3, 4)}
SCALES = {
    "photos": ((1.0, 2.0, 0.5), (0.72, 0.22, 0.06)),
    "crops": ((0.35, 0.5, 1.0), (0.4, 0.3, 0.3)),
    "views": ((0.3, 0.5, 1.0), (0.15, 0.25, 0.6)),
    "scenes": ((0.75,), (1.0,)),
}
"""Pixels per unit, with weights: pictures are met shrunk, as drawn, and small."""
WRITING = 0.65
"""Chance of a text on a photo to train on, above that of the worlds to test with: reading is learned last."""
EXTRA = {
    "caption": 1.0,
    "nearest": 1.5,
    "relation": 1.5,
    "count_of": 1.3,
    "read": 1.5,
    "count": 1.5,
    "order": 3.0,
    "same": 1.5,
}


@dataclass(slots=True)
class Curriculum:
    """Draws batches.

    Parameters
    ----------
    tuning : go on from weights that know most of it: all kinds of worlds and questions from the start
    known : moving average of the share of right answers by kind of question
    """

    tuning: bool = False
    known: dict[str, float] = field(default_factory=dict)

    def learned(self, right: dict[str, list[bool]]) -> None:
        """Take note of which answers of a batch were right."""
        for kind, hits in right.items():
            for hit in hits:
                self.known[kind] = 0.995 * self._known(kind) + 0.005 * hit

    def _known(self, kind: str) -> float:
        return self.known.get(kind, KNOWN if self.tuning else 0.0)

    def need(self, kind: str) -> float:
        """How much room a kind of question gets: less as it becomes known, never none."""
        return EXTRA.get(kind, 1.0) * max(0.12, 1.05 - self._known(kind))

    def draw(
        self,
        progress: float,
        shared: random.Random,
        own: random.Random,
        pack: Packer,
        count: int,
        *,
        crowded: bool,
    ) -> Batch:
        """Draw ``count`` worlds of one kind and size; ``shared`` decides what all ranks must have alike."""
        odds = TUNED if self.tuning else next(t for start, t in reversed(STAGES) if progress >= start)
        kind = shared.choices(list(odds), list(odds.values()))[0]
        size = (
            (UNITS, UNITS)
            if kind in ("scenes", "crops")
            else shared.choices(ASPECTS, (0.6, 0.14, 0.14, 0.06, 0.06))[0]
        )
        stills = shared.choice(STILLS[kind]) if kind in STILLS else None
        scale = shared.choices(*SCALES.get(kind, ((1.0,), (1.0,))))[0]
        if crowded:
            return pack([_crowded(own) for _ in range(count)], [[] for _ in range(count)], 1.0, own)
        worlds = [draw_world(kind, own, stills=stills, size=size, writing=WRITING) for _ in range(count)]
        layout = layout_of(round(size[0] * scale), round(size[1] * scale), mode_for(len(worlds[0].names)))
        room = pack.room(worlds[0].names, layout) - (24 if kind == "photos" else 0)
        return pack(worlds, [self._questions(w, room, progress, pack, own) for w in worlds], scale, own)

    def _questions(
        self, world: World, room: int, progress: float, pack: Packer, rng: random.Random
    ) -> list[Question]:
        """As many questions as there is room for, the least known kinds first in chance."""
        asked: list[Question] = []
        for _ in range(40):
            question = self._one(world, progress, rng, asked)
            if question is None:
                continue
            room -= pack.length(question)
            if room < 0:
                break
            asked.append(question)
        return asked

    def _one(
        self, world: World, progress: float, rng: random.Random, asked: list[Question]
    ) -> Question | None:
        if world.kind == "photos":
            kinds = FIRST if progress < OTHERS_FROM and not self.tuning else tuple(PHOTO_KINDS)
            return about(world.sheets[0], rng.choices(kinds, [self.need(k) for k in kinds])[0], rng)
        left = [q for q in world.questions if q not in asked]
        return rng.choices(left, [self.need(q.kind) for q in left])[0] if left else None


def _crowded(rng: random.Random) -> World:
    """Draw a sheet full of things and text, for the warm-up: every patch should show something."""
    return World("crowded", [random_sheet(rng, count=rng.randint(5, 9), writing=0.75, repeats=1.0)], [""])
