"""Worlds of several stills: pairs and sets of sheets, frames of a video, views of a table, and crops.

Each function draws one world from a random generator: what every still shows, how the stills are called in
the prompt ("image 1 :"), and a pool of questions that only looking at them can answer.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from .blocks import SOLIDS, Table, random_table, ray_cast
from .questions import Question, absent, plural
from .things import (
    COLORS,
    SIZES,
    UNITS,
    Sheet,
    Thing,
    coverage,
    draw,
    place,
    random_background,
    random_color,
    random_sheet,
)
from .wording import an, ask

STATIC = "it does not move"
NOTHING = "nothing changed"
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@dataclass(slots=True)
class World:
    """Stills with everything known about them.

    ``sheets`` holds the truth of each still (of a view: its solids as seen, without a drawing); ``names`` the
    words before each still in the prompt, empty for a single one; ``questions`` the pool asked of it;
    ``pixels`` is how many the longer side of a view has at most: a larger picture of it is enlarged.
    """

    kind: str
    sheets: list[Sheet]
    names: list[str]
    questions: list[Question] = field(default_factory=list)
    table: Table | None = None
    pixels: int | None = None
    fps: float = 2.0

    def render(self, scale: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Draw every still.

        Returns
        -------
        images : (H, W, 3) uint8 each, ``scale`` pixels per unit
        covers : (height, width) uint8 in units each: the thing seen there, 0 for none, else its index + 1
        """
        if self.table is None:
            return [draw(s, scale) for s in self.sheets], [coverage(s) for s in self.sheets]
        width, height = self.sheets[0].width, self.sheets[0].height
        less = min(1.0, (self.pixels or math.inf) / (scale * max(width, height)))
        images, covers = [], []
        for view in self.table.views:
            rgb, _, seen = ray_cast(
                self.table, view, round(width * scale * less), round(height * scale * less)
            )
            covers.append(cv2.resize(seen, (round(width), round(height)), interpolation=cv2.INTER_NEAREST))
            if less < 1:
                size = (round(width * scale), round(height * scale))
                rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC)
            images.append(rgb)
        return images, covers


def _names(word: str, count: int) -> list[str]:
    return [f"{word} {i + 1} :" for i in range(count)]


def _which(sheets: list[Sheet], rng: random.Random, held: bool) -> Question | None:
    """Ask for a thing that one still shows; of two stills, both or neither may show it."""
    shown = [{t.name for t in s.things} for s in sheets]
    pools: dict[str, set[str]] = {}
    for i, names in enumerate(shown):
        pools[f"image {i + 1}"] = names - set().union(*(o for j, o in enumerate(shown) if j != i))
    if len(sheets) == 2:
        pools["both"] = shown[0] & shown[1]
    if rng.random() < 0.08:
        pools = {"none": {absent(tuple(t for s in sheets for t in s.things), rng)}}
    options = [k for k, v in pools.items() if v]
    if not options:
        return None
    answer = rng.choice(options)
    name = rng.choice(sorted(pools[answer]))
    meant = [(t, i) for i, s in enumerate(sheets) for t in s.things if t.name == name][:2]
    things, stills = tuple(t for t, _ in meant), tuple(i for _, i in meant)
    return Question("which", ask("which", rng, held, x=name), answer, things, stills)


def _most(sheets: list[Sheet], rng: random.Random, held: bool) -> Question | None:
    color = rng.choice(sorted({t.color for s in sheets for t in s.things})) if rng.random() < 0.5 else None
    counts = [sum(color in (None, t.color) for t in s.things) for s in sheets]
    if counts.count(max(counts)) > 1:
        return None
    answer = f"image {counts.index(max(counts)) + 1}"
    return Question("most", ask("most_by", rng, held, x=color) if color else ask("most", rng, held), answer)


def _count_in(sheets: list[Sheet], rng: random.Random, held: bool) -> Question:
    k = rng.randrange(len(sheets))
    return Question("count_in", ask("count_in", rng, held, k=str(k + 1)), str(len(sheets[k].things)))


def several_sheets(rng: random.Random, count: int, held: bool, size: tuple[int, int]) -> World:
    """Unrelated sheets; some share a thing, so that "both" and hard choices occur."""
    background = random_background(rng)
    width, height = size
    sheets = [
        random_sheet(
            rng, count=rng.randint(1, 4), width=width, height=height, repeats=0.1, background=background
        )
        for _ in range(count)
    ]
    if rng.random() < 0.6:
        i, j = rng.sample(range(count), 2)
        given = rng.choice(sheets[i].things)
        extra = place(
            rng,
            list(sheets[j].things),
            (0, 0, width, height),
            shape=given.shape,
            color=given.color,
            size=given.size,
        )
        if extra:
            sheets[j] = replace(sheets[j], things=(*sheets[j].things, extra))
    world = World("pairs" if count == 2 else "sets", sheets, _names("image", count))
    makers = [_which, _which, _which, _most, _most, _count_in, _count_in]
    world.questions = [q for q in (make(sheets, rng, held) for make in makers) if q]
    return world


def _differing(before: Sheet, after: Sheet) -> tuple[tuple[Thing, ...], tuple[int, ...]]:
    """Return what was there and is not now, then what is there now and was not, with the still of each."""
    gone = [t for t in before.things if t not in after.things]
    new = [t for t in after.things if t not in before.things]
    return (*gone, *new), (0,) * len(gone) + (1,) * len(new)


def changed_pair(rng: random.Random, held: bool, size: tuple[int, int]) -> World:
    """Draw the same sheet twice, with one change or none; grain and light differ a little in any case."""
    before = random_sheet(
        rng, count=rng.choice((1, 2, 3, 3, 4, 5)), width=size[0], height=size[1], repeats=0.0
    )
    things = list(before.things)
    kind = rng.choice(("color", "gone", "new", "moved", "size", "none", "none", "none", "none"))
    i = rng.randrange(len(things))
    old, answer = things[i], NOTHING
    names = {t.name for t in things}
    box = (0.0, 0.0, before.width, before.height)
    if kind == "color":
        color = rng.choice([c for c in COLORS if f"{c} {old.shape}" not in names])
        things[i] = replace(old, color=color, rgb=random_color(rng, color))
        answer = f"the {old.name} became {color}"
    elif kind == "gone" and len(things) > 1:
        del things[i]
        answer = f"the {old.name} disappeared"
    elif kind == "new":
        color, shape = absent(tuple(things), rng).split()
        extra = place(rng, things, box, shape=shape, color=color, size=rng.choice(list(SIZES)))
        if extra:
            things.append(extra)
            answer = an(f"a {extra.name} appeared")
    elif kind == "moved":
        others = things[:i] + things[i + 1 :]
        for _ in range(12):
            there = place(rng, others, box, shape=old.shape, color=old.color, size=old.size)
            if there and math.hypot(there.x - old.x, there.y - old.y) > 30:
                things[i] = replace(there, rgb=old.rgb)
                answer = f"the {old.name} moved"
                break
    elif kind == "size":
        others = things[:i] + things[i + 1 :]
        other = "small" if old.size == "large" else "large"
        r = rng.uniform(*SIZES[other])
        inside = r < old.x < before.width - r and r < old.y < before.height - r
        if inside and all(math.hypot(old.x - o.x, old.y - o.y) > r + o.r + 1 for o in others):
            things[i] = replace(old, size=other, r=r)
            answer = f"the {old.name} became {other}"
    light = rng.randint(-4, 4)
    r, g, b = (min(255, c + light) for c in before.background)
    after = replace(
        before, things=tuple(things), background=(r, g, b), noise=rng.uniform(0, 3), seed=rng.getrandbits(31)
    )
    world = World("pairs", [before, after], _names("image", 2))
    same, differing = "yes" if answer == NOTHING else "no", _differing(before, after)
    world.questions = [
        Question("change", ask("change", rng, held), answer, *differing),
        Question("same", ask("same", rng, held), same, *differing),
    ]
    if rng.random() < 0.3:
        world.questions.append(_count_in(world.sheets, rng, held))
    return world


def video(rng: random.Random, frames: int, held: bool, size: tuple[int, int]) -> World:
    """Things on a sheet: one moves or not, others stay, appear or disappear; at times most appear."""
    arrivals = rng.random() < 0.35
    for _ in range(60):
        width, height = size
        count = rng.randint(3 if arrivals else 2, 4)
        base = random_sheet(rng, count=count, width=width, height=height, repeats=0.0)
        mover, others = base.things[0], base.things[1:]
        direction = rng.choice([*DIRECTIONS, None])
        dx, dy = DIRECTIONS[direction] if direction else (0, 0)
        way = rng.uniform(0.42, 0.55) * (width if dx else height)
        step = way / (frames - 1)
        x = (width - dx * way) / 2 + rng.uniform(-8, 8) if dx else mover.x
        y = (height - dy * way) / 2 + rng.uniform(-8, 8) if dy else mover.y
        path = [(x + dx * step * t, y + dy * step * t) for t in range(frames)]
        inside = all(mover.r < px < width - mover.r and mover.r < py < height - mover.r for px, py in path)
        clear = all(math.hypot(px - o.x, py - o.y) > mover.r + o.r for px, py in path for o in others)
        if inside and clear and len(base.things) > 1:
            break
    else:
        return video(rng, frames, held, size)
    events: list[tuple[Thing, str, int]] = []
    for thing in others:
        odds = (0.9, 0.05, 0.05) if arrivals else (0.5, 0.3, 0.2)
        event = rng.choices(("appear", "disappear", "stay"), odds)[0]
        events.append((thing, event, rng.randint(1, frames - 1)))
    sheets = []
    for t, (px, py) in enumerate(path):
        seen = [o for o, e, at in events if e == "stay" or (e == "appear") == (t >= at)]
        sheets.append(replace(base, things=(mover.at(px, py), *seen), seed=rng.getrandbits(31)))
    world = World("videos", sheets, _names("frame", frames))
    add = world.questions.append
    ends = (sheets[0].things[0], sheets[-1].things[0]), (0, frames - 1)
    add(Question("direction", ask("direction", rng, held, x=mover.name), direction or STATIC, *ends))
    if direction and rng.random() < 0.5:
        add(Question("direction", ask("direction", rng, held, x=mover.name), direction, *ends))
    if rng.random() < 0.2:
        still = [o for o, e, _ in events if e == "stay"]
        if still:
            add(
                Question(
                    "direction", ask("direction", rng, held, x=still[0].name), STATIC, (still[0], still[0])
                )
            )
    for thing, event, at in events:
        if event != "stay":
            words = ask("when", rng, held, x=thing.name, e=event)
            add(Question("when", words, f"frame {at + 1}", (thing,), (at,)))
            happens = Question("happens", ask("happens", rng, held, x=thing.name), f"{event}s", (thing,))
            if not arrivals or event == "disappear":  # else "appears" would be nearly always right
                add(happens)
    coming = sorted(
        ((at, o) for o, e, at in events if e == "appear"), key=lambda event: (event[0], event[1].name)
    )
    if len(coming) > 1 and coming[0][0] < coming[1][0]:
        pair, first = coming[:2], coming[0][1].name
        rng.shuffle(pair)
        (_, a), (_, b) = pair
        words = ask("order", rng, held, a=a.name, b=b.name)
        add(Question("order", words, first, (a, b), tuple(at for at, _ in pair)))
    for k in rng.sample(range(frames), 2):
        add(Question("count_frame", ask("count_frame", rng, held, k=str(k + 1)), str(len(sheets[k].things))))
    return world


def scene(rng: random.Random, views: int, held: bool) -> World:
    """Draw a table of solids seen from several posed cameras."""
    table = random_table(rng, views)
    sheets, seen = [], []
    for view in table.views:
        at = [view.project(s.centre) for s in table.solids]
        seen.append(at)
        sheets.append(
            Sheet(
                tuple(
                    Thing(s.shape, s.color, "", x * UNITS, y * UNITS, 1, s.rgb)
                    for s, (x, y, _) in zip(table.solids, at, strict=True)
                )
            )
        )
    world = World("scenes", sheets, _names("view", views), table=table)
    world.questions.append(Question("count_views", ask("count_views", rng, held), str(len(table.solids))))
    by = rng.choice(("color", "shape"))
    values = [getattr(s, by) for s in table.solids]
    value = rng.choice([*values, rng.choice(list(COLORS) if by == "color" else SOLIDS)])
    words = f"{value} things" if by == "color" else plural(value)
    world.questions.append(
        Question("count_views", ask("count_views_by", rng, held, x=words), str(values.count(value)))
    )
    for _ in range(5):
        if len(table.solids) < 2:
            break
        k, (i, j) = rng.randrange(views), rng.sample(range(len(table.solids)), 2)
        slots = {"k": str(k + 1), "a": table.solids[i].name, "b": table.solids[j].name}
        gap, far = seen[k][j][0] - seen[k][i][0], seen[k][j][2] - seen[k][i][2]
        pair = (sheets[k].things[i], sheets[k].things[j])
        if abs(gap) > 0.06:
            side = "left" if gap > 0 else "right"
            world.questions.append(Question("side", ask("side", rng, held, **slots), side, pair, (k, k)))
        if abs(far) > 0.45:
            answer, words = slots["a"] if far > 0 else slots["b"], ask("nearer", rng, held, **slots)
            world.questions.append(Question("nearer", words, answer, pair, (k, k)))
    return world


def crop(rng: random.Random, held: bool) -> World:
    """Cut a square out of a sheet around one thing, and ask of it "is this a ...?"."""
    sheet = random_sheet(rng, count=rng.randint(1, 5), repeats=0.1)
    thing = rng.choice(sheet.things)
    half = min(thing.r * rng.uniform(1.1, 1.7), UNITS / 2)
    x0 = min(max(0.0, thing.x - half + rng.uniform(-3, 3)), UNITS - 2 * half)
    y0 = min(max(0.0, thing.y - half + rng.uniform(-3, 3)), UNITS - 2 * half)
    zoom = UNITS / (2 * half)
    inside = tuple(replace(t, x=(t.x - x0) * zoom, y=(t.y - y0) * zoom, r=t.r * zoom) for t in sheet.things
                   if abs(t.x - x0 - half) < half + t.r and abs(t.y - y0 - half) < half + t.r)  # fmt: skip
    world = World("crops", [replace(sheet, things=inside, writing=None)], [""])
    for _ in range(5):
        yes = rng.random() < 0.5
        words = thing.name if yes else absent(inside, rng)
        world.questions.append(Question("match", ask("match", rng, held, x=words), "yes" if yes else "no"))
    return world
