"""Worlds of one view of a table or a room, whole or cut out of it: what is asked when things are located.

A crop may show no solid, one or several, off its centre, hidden by others or cut by its border. "Yes" is the
answer only where enough of a solid is seen to tell what it is, "no" only where nothing seen could be it; what
lies between is not asked about.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np

from .blocks import SOLIDS, Solid, Table, View, random_room, random_table, ray_cast
from .questions import NONE, Question, cell, either, plural
from .several import World
from .things import COLORS, UNITS, Sheet, Thing
from .wording import ask

WHOLE, ROOMS = 0.3, 0.55
"""Shares of whole views, and of views of rooms."""
PIXELS = (256, 384, 640)
"""How many pixels the longer side of the view had that a crop is cut from: small crops are soft."""
AREA, TRACE = 0.014, 0.001
"""Shares of the picture from which on a solid is told for what it is, and below which it is not noticed."""
ENOUGH = {"block": 0.65, "pillar": 0.65, "ball": 0.5}
"""Share of a solid's outline that must be seen to tell it: half a block may be a pillar."""
SOME = 0.25
"""Share of a solid's outline below which it might be anything of its colour."""
FLAT = ("triangle", "star", "cross", "ring")
"""Shapes of sheets that no solid looks like."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A solid as a picture shows it.

    Parameters
    ----------
    solid : which
    area : share of the picture that shows it
    share : share of its whole outline, whatever hides or cuts it, that is seen
    thing : its name and where its centre is, for the labels
    """

    solid: Solid
    area: float
    share: float
    thing: Thing

    @property
    def clear(self) -> bool:
        """Whether it can be told for what it is."""
        return self.area >= AREA and self.share >= ENOUGH[self.solid.shape]

    def may_be(self, shape: str) -> bool:
        """Whether what is seen of it could belong to such a solid."""
        if self.area < AREA or self.share < SOME:
            return True
        angular = ("block", "pillar")
        return shape == self.solid.shape or (
            not self.clear and shape in angular and self.solid.shape != "ball"
        )


def outline(solid: Solid, view: View) -> np.ndarray | None:
    """Return the convex outline of a solid in a view.

    Returns
    -------
    (N, 2) float32 or None
        As shares of the picture's sides, reaching beyond it where the solid does; None where part of it is
        behind the camera.
    """
    rotation, translation = view.world_to_camera[:3, :3], view.world_to_camera[:3, 3]
    centre = rotation @ solid.centre + translation
    if solid.shape == "ball":
        radius, far = solid.half[0], float(np.linalg.norm(centre))
        if far <= radius:
            return None
        along = centre / far
        across = np.cross(along, [0.0, 1.0, 0.0] if abs(along[1]) < 0.9 else [1.0, 0.0, 0.0])
        across /= np.linalg.norm(across)
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
        rim = np.cos(turn) * across + np.sin(turn) * np.cross(along, across)
        points = centre - along * radius**2 / far + rim * radius * np.sqrt(1 - (radius / far) ** 2)
    else:
        corners = np.stack(np.meshgrid(*[[-1, 1]] * 3), -1).reshape(-1, 3) * np.array(solid.half)
        points = (corners + solid.centre) @ rotation.T + translation
    if points[:, 2].min() < 0.1:
        return None
    flat = points @ view.intrinsics.T
    return np.asarray(cv2.convexHull((flat[:, :2] / flat[:, 2:]).astype(np.float32))[:, 0])


def one_view(rng: random.Random, held: bool, size: tuple[int, int]) -> World:
    """Draw a whole view or a crop of one, of ``size`` in units, and ask what it shows."""
    if rng.random() < ROOMS:
        table = random_room(rng, 1)
    else:
        table = random_table(rng, 1, duplicates=rng.random() < 0.5)
    whole, pixels = rng.random() < WHOLE, rng.choice(PIXELS)
    wide, high = size[0] / UNITS, size[1] / UNITS
    x0, y0, side = ((1 - wide) / 2, (1 - high) / 2, 1.0) if whole else _window(rng, table, wide, high)
    view = table.views[0].cropped(x0, y0, side * wide, side * high)
    table = Table(table.solids, (view,), table.background, table.room)
    seen = _seen(table, view, size)
    sheet = Sheet(tuple(s.thing for s in seen), width=size[0], height=size[1])
    world = World("views", [sheet], [""], table=table, pixels=round(pixels * side))
    makers = [_there] * 6 + ([_point] * 3 if whole else [_named, _named, _color, _shape, _shape])
    asked = [make(seen, sheet, rng, held, "view" if whole else "crop") for make in makers]
    world.questions = [question for question in asked if question]
    return world


def _window(rng: random.Random, table: Table, wide: float, high: float) -> tuple[float, float, float]:
    """Draw where a crop lies, mostly about a solid; its left, top and side as shares of the view."""
    lines = [line for s in table.solids if (line := outline(s, table.views[0])) is not None]
    boxes = [np.concatenate([line.min(0), line.max(0)]).clip(0, 1) for line in lines]
    boxes = [box for box in boxes if min(box[2:] - box[:2]) > 0.03]
    side = 0.11 * (0.72 / 0.11) ** rng.random()
    x, y = rng.random(), rng.random()
    if boxes and rng.random() < 0.85:
        box = rng.choice(boxes)
        if rng.random() < 0.75:
            longest = max((box[2] - box[0]) / wide, (box[3] - box[1]) / high)
            side = min(0.85, max(0.1, float(longest) * rng.uniform(1.05, 2.6)))
        x = float(box[0] + box[2]) / 2 + rng.gauss(0, 0.16) * side
        y = float(box[1] + box[3]) / 2 + rng.gauss(0, 0.16) * side
    x0 = min(max(0.0, x - side * wide / 2), 1 - side * wide)
    y0 = min(max(0.0, y - side * high / 2), 1 - side * high)
    return x0, y0, side


def _seen(table: Table, view: View, size: tuple[int, int]) -> list[Seen]:
    """Tell how much of every solid a picture shows, the hidden ones included."""
    _, _, instance = ray_cast(table, view, size[0] // 2, size[1] // 2)
    areas = np.bincount(instance.ravel(), minlength=len(table.solids) + 1)[1:] / instance.size
    found = []
    for solid, area in zip(table.solids, areas, strict=True):
        x, y, _ = view.project(solid.centre)
        line = outline(solid, view)
        full = float(cv2.contourArea(line)) if line is not None else np.inf
        thing = Thing(solid.shape, solid.color, "", x * size[0], y * size[1], 1, solid.rgb)
        found.append(Seen(solid, float(area), float(area) / max(full, 1e-9), thing))
    return found


def _absent(seen: list[Seen], rng: random.Random) -> str | None:
    """Draw a name that nothing seen could have; mostly one that shares colour or shape with what is there."""
    noticed, clear = [s for s in seen if s.area >= TRACE], [s.solid for s in seen if s.clear]

    def free(color: str, shape: str) -> bool:
        return not any(s.solid.color == color and s.may_be(shape) for s in noticed)

    names = [(c, s) for c in COLORS for s in SOLIDS if free(c, s)]
    colors, shapes = {s.color for s in clear}, {s.shape for s in clear}
    pools = [
        ([n for n in names if n[0] in colors and n[1] in shapes], 0.15),
        ([n for n in names if n[0] in colors], 0.6),
        ([n for n in names if n[1] in shapes], 0.13),
        (names, 0.08),
        ([(c, s) for c in COLORS for s in FLAT], 0.04),
    ]
    filled = [(pool, odds) for pool, odds in pools if pool]
    if not filled:
        return None
    pool = rng.choices([pool for pool, _ in filled], [odds for _, odds in filled])[0]
    return " ".join(rng.choice(pool))


def _there(seen: list[Seen], sheet: Sheet, rng: random.Random, held: bool, part: str) -> Question | None:
    """Ask whether something is there: by its name, by its shape or by its colour alone."""
    noticed, clear = [s for s in seen if s.area >= TRACE], [s for s in seen if s.clear]
    yes, form = rng.random() < 0.5, rng.random()
    words: str | None
    if form < 0.74:
        words = rng.choice([s.solid.name for s in clear]) if yes and clear else _absent(seen, rng)
        yes = yes and bool(clear)
        fitting = [s for s in clear if s.solid.name == words]
    elif form < 0.9:
        pool = [k for k in SOLIDS if (any(s.solid.shape == k for s in clear) if yes
                else not any(s.may_be(k) for s in noticed))]  # fmt: skip
        words = rng.choice(pool) if pool else None
        fitting = [s for s in clear if s.solid.shape == words]
    else:
        large = {s.solid.color for s in noticed if s.area >= AREA}
        pool = [c for c in COLORS if (c in large if yes else all(s.solid.color != c for s in noticed))]
        words = f"{rng.choice(pool)} thing" if pool else None
        fitting = [s for s in clear if f"{s.solid.color} thing" == words]
    if words is None:
        return None
    meant = (fitting[0].thing,) if yes and len(fitting) == 1 else ()
    way = "match" if part == "crop" and rng.random() < 0.4 else "exists"
    text = ask(way, rng, held, x=words, xs=plural(words)) if way == "exists" else ask(way, rng, held, x=words)
    return Question(f"solid_in_{part}", text, "yes" if yes else "no", meant)


def _only(seen: list[Seen], rng: random.Random, forms: tuple[str, ...]) -> tuple[Seen, str] | None:
    """Draw a solid that is clearly seen and the only one that some words could mean."""
    noticed, found = [s for s in seen if s.area >= TRACE], []
    for one in (s for s in seen if s.clear):
        others = [s for s in noticed if s is not one]
        shape, color = one.solid.shape, one.solid.color
        fits = {
            "name": (one.solid.name, not any(s.solid.color == color and s.may_be(shape) for s in others)),
            "shape": (shape, not any(s.may_be(shape) for s in others)),
            "color": (f"{color} thing", all(s.solid.color != color for s in others)),
            "alone": ("", not others),
        }
        found += [(one, words) for form, (words, only) in fits.items() if only and form in forms]
    return rng.choice(found) if found else None


def _point(seen: list[Seen], sheet: Sheet, rng: random.Random, held: bool, part: str) -> Question | None:
    """Ask where something is; one in five is not there."""
    if rng.random() < 0.2:
        absent = _absent(seen, rng)
        return Question("point_in_view", ask("point", rng, held, x=absent), NONE) if absent else None
    known = _only(seen, rng, ("name",) if rng.random() < 0.75 else ("shape", "color"))
    if known is None:
        return None
    (one, words), inside = known, known[0].thing
    if not (0 <= inside.x < sheet.width and 0 <= inside.y < sheet.height):
        return None
    answer = cell(inside.x, inside.y, sheet.width, sheet.height)
    return Question("point_in_view", ask("point", rng, held, x=words), answer, (one.thing,))


def _named(seen: list[Seen], sheet: Sheet, rng: random.Random, held: bool, part: str) -> Question | None:
    """Ask for the colour or the shape of the only thing in a crop, without naming it."""
    known = _only(seen, rng, ("alone",))
    if known is None:
        return None
    one = known[0]
    kind, answer, others = rng.choice(
        (("color", one.solid.color, tuple(COLORS)), ("shape", one.solid.shape, (*SOLIDS, *FLAT)))
    )
    text = ask(f"its_{kind}", rng, held, **either(answer, others, rng))
    return Question(f"{kind}_in_crop", text, answer, (one.thing,))


def _color(seen: list[Seen], sheet: Sheet, rng: random.Random, held: bool, part: str) -> Question | None:
    known = _only(seen, rng, ("shape",))
    if known is None:
        return None
    (one, words), color = known, known[0].solid.color
    text = ask("color", rng, held, x=words, **either(color, tuple(COLORS), rng))
    return Question("color_in_crop", text, color, (one.thing,))


def _shape(seen: list[Seen], sheet: Sheet, rng: random.Random, held: bool, part: str) -> Question | None:
    known = _only(seen, rng, ("color",))
    if known is None:
        return None
    one, shape = known[0], known[0].solid.shape
    text = ask("shape", rng, held, x=one.solid.color, **either(shape, (*SOLIDS, *FLAT), rng))
    return Question("shape_in_crop", text, shape, (one.thing,))
