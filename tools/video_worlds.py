"""Rendered long videos in which two seconds answer a question, and nothing else does.

``python -m sightloop.tools.video_worlds --seed 1 --count 2 --out DIR`` writes videos (MP4) and
``questions.jsonl`` with one object a line: ``{"inputs": [...], "question": ..., "answer": ..., "kind": ...,
"start": ..., "end": ...}``; start and end, in seconds, are null where the answer is that there is nothing.

A film is ten minutes of takes of four to ten seconds, each a sheet of coloured shapes as the embedded model
knows them. Inside some takes an event lasts two seconds: a thing or a sign comes and goes. Its colour and its
shape occur elsewhere too, apart from each other; together only in the event. Everything here is synthetic.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..errors import InputError
from ..memory import Box
from .changed_pairs import bounds
from .llava_next.pocket.questions import plural
from .llava_next.pocket.several import DIRECTIONS
from .llava_next.pocket.things import (
    COLORS,
    SHAPES,
    SIZES,
    UNITS,
    Sheet,
    Thing,
    Writing,
    draw,
    draw_thing,
    draw_writing,
    place,
    random_sheet,
)
from .llava_next.pocket.wording import fill

FPS = 10
SECONDS = 600
LEAST_SECONDS = 60
"""Below it there is no room for an event of every kind."""
SCALE = 2.0
"""Pixels per unit: 256 x 256."""
TAKE = (4.0, 10.0)
EVENT = 2.0
"""Seconds that an event lasts; it begins and ends at least :data:`APART` from the borders of its take."""
APART = 1.5
MOVING = 0.3
"""Share of the other takes in which a thing moves."""
WORDINGS: dict[str, tuple[str, ...]] = {
    "when": ("when does the {x} appear ?", "tell me when the {x} appears .", "when do you see the {x} ?"),
    "shape": ("which shape is the {x} THING ?", "tell me what shape the {x} THING is ."),
    "color": ("which [color|colour] is the {x} ?", "what [color|colour] is the {x} in the video ?"),
    "read": ("what does the sign say ?", "what does the sign in the video say ?"),
    "exists": ("is there a {x} in the video ?", "does the video show a {x} ?", "are there any {xs} ?"),
    "direction": ("in what direction does the {x} go ?", "tell me which way the {x} moves ."),
}
"""Mostly patterns that the embedded model was not trained on, and none that speaks of frames."""
EVENTS = ("when", "shape", "color", "read", "exists", "direction")


@dataclass(frozen=True, slots=True)
class Event:
    """What comes and goes within a take.

    Parameters
    ----------
    start, end : float
        Seconds of the film: the first frame that shows it, and the first that does not any more.
    box : Box
        Pixels that it covers, of a moving thing at any time.
    thing, writing : Thing or None, Writing or None
        What it is, where it is first.
    speed : (float, float)
        Units a second to the right and down.
    """

    start: float
    end: float
    box: Box
    thing: Thing | None = None
    writing: Writing | None = None
    speed: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a film, its one right answer, and the event that gives it (None if nothing does)."""

    kind: str
    question: str
    answer: str
    event: Event | None


@dataclass(frozen=True, slots=True)
class Take:
    """One take: ``frames`` frames of a sheet, from the film's frame ``first`` on.

    The sheet's first thing moves by ``speed``, units a second; ``event`` is put on top while it lasts.
    """

    first: int
    frames: int
    sheet: Sheet
    speed: tuple[float, float] = (0.0, 0.0)
    event: Event | None = None

    def at(self, frame: int) -> Sheet:
        """Return what the film's frame of this number shows."""
        things, event = self.sheet.things, self.event
        if any(self.speed):
            things = (_moved(things[0], self.speed, (frame - self.first) / FPS), *things[1:])
        if event is None or not event.start <= frame / FPS < event.end:
            return replace(self.sheet, things=things)
        if event.thing is not None:
            things = (*things, _moved(event.thing, event.speed, frame / FPS - event.start))
        return replace(self.sheet, things=things, writing=event.writing)


@dataclass(frozen=True, slots=True)
class Film:
    """Takes without a gap, and what is asked about them."""

    takes: tuple[Take, ...]
    asked: tuple[Asked, ...]

    def at(self, t: float) -> Sheet:
        """Return what is shown at ``t`` seconds."""
        frame = round(t * FPS)
        take = next(take for take in reversed(self.takes) if take.first <= frame)
        return take.at(frame)

    def images(self) -> Iterator[np.ndarray]:
        """Draw every frame: (H, W, 3) uint8 RGB; the same array again where nothing changes."""
        shown: Sheet | None = None
        for take in self.takes:
            for frame in range(take.first, take.first + take.frames):
                sheet = take.at(frame)
                if sheet != shown:
                    image, shown = draw(sheet, SCALE), sheet
                yield image


def films(seed: int, count: int, seconds: float = SECONDS) -> Iterator[Film]:
    """Draw films, the same for the same seed on every machine.

    Parameters
    ----------
    seed, count : int
        Which films; those of a smaller count are the first of a larger one.
    seconds : float
        Length of each, at least a minute.

    Raises
    ------
    InputError
        If it is less.
    """
    for index in range(count):
        yield draw_film(random.Random(f"film/{seed}/{index}"), seconds)


def draw_film(rng: random.Random, seconds: float = SECONDS) -> Film:
    """Draw one film with an event of every kind, and a question about each and about what never comes."""
    if seconds < LEAST_SECONDS:
        raise InputError(f"a film is at least {LEAST_SECONDS} seconds long, not {seconds:g}.")
    colors, shapes = rng.sample(list(COLORS), len(COLORS)), rng.sample(SHAPES, len(SHAPES))
    names = [(color, shape) for color in colors[1:] for shape in shapes[1:]]
    rng.shuffle(names)
    coming, there, going, never = names[:4]
    known = {f"{color} {shape}" for color, shape in names[4:]}
    shown = {
        "when": coming, "exists": there, "direction": going,
        "shape": (colors[0], rng.choice(shapes[1:])), "color": (rng.choice(colors[1:]), shapes[0]),
    }  # fmt: skip
    chosen: dict[int, str] = {}
    while len(chosen) < len(EVENTS):
        lengths = _lengths(rng, round(seconds * FPS))
        chosen = _chosen(rng, lengths)
    takes: list[Take] = []
    asked: list[Asked] = []
    first = 0
    for number, frames in enumerate(lengths):
        kind = chosen.get(number)
        if kind is None:
            takes.append(_plain(rng, first, frames, known))
        else:
            takes.append(_eventful(rng, first, frames, known, kind, shown.get(kind)))
        first += frames
        if kind is not None and (event := takes[-1].event) is not None:
            asked.append(_asked(rng, kind, event))
    absent = _worded(rng, "exists", " ".join(never))
    return Film(tuple(takes), (*asked, Asked("exists", absent, "no", None)))


def _lengths(rng: random.Random, frames: int) -> list[int]:
    """Draw the lengths of takes that fill so many frames."""
    low, high = (round(bound * FPS) for bound in TAKE)
    lengths: list[int] = []
    while (left := frames - sum(lengths)) > high + low:
        lengths.append(rng.randint(low, high))
    return [*lengths, left] if left <= high else [*lengths, left // 2, left - left // 2]


def _chosen(rng: random.Random, lengths: list[int]) -> dict[int, str]:
    """Choose a take for each event, spread over the film, that is long enough; fewer if there are none."""
    kinds = rng.sample(EVENTS, len(EVENTS))
    least = (EVENT + 2 * APART) * FPS
    stretch = len(lengths) / len(kinds)
    found: dict[int, str] = {}
    for turn, kind in enumerate(kinds):
        numbers = range(round(turn * stretch), round((turn + 1) * stretch))
        if enough := [number for number in numbers if lengths[number] >= least]:
            found[rng.choice(enough)] = kind
    return found


def _plain(rng: random.Random, first: int, frames: int, known: set[str]) -> Take:
    """Draw a take without an event; at times one of its things moves."""
    sheet = _sheet(rng, known)
    speed = _speed(rng, sheet.things, frames / FPS) if rng.random() < MOVING else (0.0, 0.0)
    return Take(first, frames, sheet, speed)


def _eventful(
    rng: random.Random, first: int, frames: int, known: set[str], kind: str, shown: tuple[str, str] | None
) -> Take:
    """Draw a take with an event, again until there is room for it; ``shown`` is None for a sign."""
    margin = round(APART * FPS)
    start = (first + rng.randint(margin, frames - margin - round(EVENT * FPS))) / FPS
    event = None
    while event is None:
        sheet = _sheet(rng, known, writing=float(shown is None))
        if shown is not None:
            event = _coming(rng, start, sheet, shown, moving=kind == "direction")
        elif sheet.writing is not None and len(sheet.writing.text) > 1:
            event = _event(start, writing=sheet.writing)
    return Take(first, frames, replace(sheet, writing=None), event=event)


def _sheet(rng: random.Random, known: set[str], writing: float = 0.0) -> Sheet:
    """Draw a sheet of known things only."""
    while True:
        sheet = random_sheet(rng, count=rng.randint(1, 4), writing=writing)
        if all(thing.name in known for thing in sheet.things):
            return sheet


def _coming(
    rng: random.Random, start: float, sheet: Sheet, shown: tuple[str, str], moving: bool
) -> Event | None:
    """Put a thing on a sheet, where there is room for it and for its way."""
    color, shape = shown
    size = rng.choice(list(SIZES))
    thing = place(rng, list(sheet.things), (0, 0, UNITS, UNITS), shape=shape, color=color, size=size)
    if thing is None:
        return None
    if not moving:
        return _event(start, thing=thing)
    speed = _speed(rng, (thing, *sheet.things), EVENT)
    return _event(start, thing=thing, speed=speed) if any(speed) else None


def _speed(rng: random.Random, things: tuple[Thing, ...], seconds: float) -> tuple[float, float]:
    """Draw a way for the first thing that leads past the others; (0, 0) if there is none."""
    mover, *others = things
    way = rng.uniform(0.4, 0.55) * UNITS
    for dx, dy in rng.sample(list(DIRECTIONS.values()), len(DIRECTIONS)):
        path = [(mover.x + dx * way * i / 20, mover.y + dy * way * i / 20) for i in range(21)]
        inside = all(mover.r < v < UNITS - mover.r for place in path for v in place)
        if inside and all(math.hypot(x - o.x, y - o.y) > mover.r + o.r for x, y in path for o in others):
            return dx * way / seconds, dy * way / seconds
    return 0.0, 0.0


def _moved(thing: Thing, speed: tuple[float, float], seconds: float) -> Thing:
    return thing.at(thing.x + speed[0] * seconds, thing.y + speed[1] * seconds)


def _event(
    start: float,
    thing: Thing | None = None,
    writing: Writing | None = None,
    speed: tuple[float, float] = (0, 0),
) -> Event:
    paper = np.full((round(UNITS * SCALE), round(UNITS * SCALE), 3), 255, np.uint8)
    if thing is not None:
        for seconds in (0.0, EVENT - 1 / FPS):
            draw_thing(paper, _moved(thing, speed, seconds), (0, 0, 0), SCALE, smooth=False)
    if writing is not None:
        draw_writing(paper, writing, SCALE)
    return Event(start, round(start + EVENT, 3), bounds(paper[..., 0] < 128), thing, writing, speed)


def _asked(rng: random.Random, kind: str, event: Event) -> Asked:
    thing = event.thing
    if thing is None:
        assert event.writing is not None  # an event shows one of the two
        return Asked(kind, _worded(rng, kind), event.writing.text.lower(), event)
    named: dict[str, Callable[[], tuple[str, str]]] = {
        "when": lambda: (thing.name, f"{event.start:g}"),
        "exists": lambda: (thing.name, "yes"),
        "shape": lambda: (thing.color, thing.shape),
        "color": lambda: (thing.shape, thing.color),
        "direction": lambda: (thing.name, _direction(event.speed)),
    }
    words, answer = named[kind]()
    return Asked(kind, _worded(rng, kind, words), answer, event)


def _direction(speed: tuple[float, float]) -> str:
    """Name the direction of a speed along an axis."""
    unit = tuple(round(v / max(map(abs, speed))) for v in speed)
    return next(name for name, way in DIRECTIONS.items() if way == unit)


def _worded(rng: random.Random, kind: str, x: str = "") -> str:
    """Word a question as somebody would type it; one in five lacks its last mark."""
    text = fill(rng.choice(WORDINGS[kind]), rng, x=x, xs=plural(x))
    text = text[0].upper() + text[1:-2] + text[-1]
    return text if rng.random() < 0.8 else text[:-1]


# --- files --------------------------------------------------------------------------------------------


def write(film: Film, path: Path) -> None:
    """Write a film as H.264 in the container that the path's suffix names.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "16"})
        stream.width = stream.height = round(UNITS * SCALE)
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 5 * FPS
        drawn, frame = None, None
        for index, image in enumerate(film.images()):
            if frame is None or image is not drawn:
                frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
                drawn = image
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main(
    out: Annotated[Path, typer.Option(help="folder to write to")],
    seed: Annotated[int, typer.Option(help="the same seed gives the same films")] = 0,
    count: Annotated[int, typer.Option(min=1, help="how many films")] = 2,
) -> None:
    """Write rendered films of ten minutes and their questions to a folder."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "questions.jsonl").open("w") as lines:
        for index, film in enumerate(films(seed, count)):
            name = f"film-{seed}-{index:04d}.mp4"
            write(film, out / name)
            for asked in film.asked:
                start, end = (asked.event.start, asked.event.end) if asked.event else (None, None)
                record = {"inputs": [name], "question": asked.question, "answer": asked.answer,
                          "kind": asked.kind, "start": start, "end": end}  # fmt: skip
                lines.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    typer.run(main)
