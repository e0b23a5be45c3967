"""Rendered videos in which something appears for two seconds: flat things on a sheet, and hard cuts.

All scenes of a video share their background, so a cut changes only a few small shapes. In each shot things
are at rest, one of them moves, or the camera moves; in most, a thing or a sign appears for ``SHOWN`` seconds,
whole and at once. Synthetic, and exact.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import numpy as np

from sightloop.tools.llava_next.pocket.things import (
    COLORS,
    GLYPH,
    SHAPES,
    UNITS,
    Sheet,
    Thing,
    Writing,
    draw,
    place,
    random_background,
    random_sheet,
    random_text,
)

FPS = 10
SHOWN = 2.0
"""Seconds that an event lasts."""
SCALE = 3.0
"""Pixels per unit: 384 x 384."""


@dataclass(frozen=True)
class Event:
    """Something shown from frame ``first`` to frame ``last``; ``kind`` of the shot that it is in."""

    kind: str
    what: str
    first: int
    last: int


@dataclass
class Film:
    """What a video shows: its frames, where its shots begin, and its events."""

    sheets: list[Sheet] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def film(seed: int, seconds: float = 120.0) -> Film:
    """Draw what a video shows."""
    rng, made = random.Random(f"events/{seed}"), Film()
    background = random_background(rng)
    while len(made.sheets) < seconds * FPS:
        if made.sheets:
            made.cuts.append(len(made.sheets))
        _shot(rng, made, background)
    return made


def _shot(rng: random.Random, made: Film, background: tuple[int, int, int]) -> None:
    length, kind = round(rng.uniform(4, 10) * FPS), rng.choice(("still", "mover", "pan"))
    base = random_sheet(rng, count=rng.randint(1, 4), background=background, repeats=0.0)
    base = replace(base, noise=base.noise * (rng.random() < 0.5))
    pace, angle = rng.uniform(3, 12) / FPS, rng.uniform(0, 2 * math.pi)
    step = (pace * math.cos(angle), pace * math.sin(angle))
    first = rng.randint(3, length - round(SHOWN * FPS))
    last = first + round(SHOWN * FPS) - 1
    extra = _extra(rng, base) if rng.random() < 0.8 else None
    begin = len(made.sheets)
    if extra is not None:
        what = "sign" if extra.writing else "thing"
        made.events.append(Event(kind, what, begin + first, begin + last))
    for k in range(length):
        shown, over = replace(base, seed=rng.getrandbits(31)), extra
        if kind == "mover":
            shown = replace(shown, things=(_bounced(base.things[0], k, step), *base.things[1:]))
        elif kind == "pan":
            shown = _moved(shown, step, k - length // 2)
            over = extra and _moved(extra, step, k - (first + last) // 2)
        if over is not None and first <= k <= last:
            things = (*shown.things, *over.things)
            shown = replace(shown, things=things, writing=over.writing or shown.writing)
        made.sheets.append(shown)


def _extra(rng: random.Random, base: Sheet) -> Sheet | None:
    """Return a thing or a sign, in the middle of the sheet so that no camera loses it; None without room."""
    low, high = 13.0, UNITS - 13.0
    if rng.random() < 0.4 and all(thing.color != "black" for thing in base.things):  # it is written in black
        word, pitch = random_text(rng), rng.uniform(15.8, 18.5)
        x, y = rng.uniform(low, high - pitch * len(word)), rng.uniform(low, high - GLYPH)
        return Sheet((), Writing(word, x, y, pitch))
    shape, color = rng.choice(SHAPES), rng.choice(list(COLORS))
    size = rng.choice(("small", "large"))
    thing = place(rng, list(base.things), (low, low, high, high), shape=shape, color=color, size=size)
    return thing and Sheet((thing,))


def _bounced(thing: Thing, k: int, step: tuple[float, float]) -> Thing:
    """Return a thing after ``k`` steps, reflected by the edges."""
    low, high = thing.r + 1, UNITS - thing.r - 1
    span = high - low

    def at(start: float, pace: float) -> float:
        way = (start - low + pace * k) % (2 * span)
        return low + min(way, 2 * span - way)

    return thing.at(at(thing.x, step[0]), at(thing.y, step[1]))


def _moved(sheet: Sheet, step: tuple[float, float], k: int) -> Sheet:
    """Return the sheet as a camera sees it after ``k`` steps."""
    dx, dy = step[0] * k, step[1] * k
    writing = sheet.writing and replace(sheet.writing, x=sheet.writing.x + dx, y=sheet.writing.y + dy)
    return replace(sheet, things=tuple(t.at(t.x + dx, t.y + dy) for t in sheet.things), writing=writing)


def render(made: Film) -> Iterator[np.ndarray]:
    """Draw every frame, (384, 384, 3) uint8 RGB."""
    for sheet in made.sheets:
        yield draw(sheet, SCALE)


def write(made: Film, path: Path, crf: int = 23) -> None:
    """Encode a film as H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": str(crf), "preset": "veryfast"})
        stream.width = stream.height = round(UNITS * SCALE)
        stream.pix_fmt = "yuv420p"
        for pixels in render(made):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
