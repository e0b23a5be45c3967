"""What the pocket worlds are made of: flat things on a light sheet, and the pixels they become.

Lengths are *units*: the longer side of every sheet is 128 units, whatever its size in pixels, so that one
scene can be drawn at any resolution. Axes are image axes (x right, y down); angles are not used.
All pictures are synthetic.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

UNITS = 128
"""Length of the longer side of a sheet, in units."""

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 225), "yellow": (240, 215, 40),
    "purple": (150, 50, 190), "orange": (245, 140, 30), "cyan": (50, 205, 220), "black": (25, 25, 25),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
SIZES = {"small": (10.5, 13.5), "large": (18.5, 23.0)}
"""Radius range in units; the gap between the two keeps the words unambiguous."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
CHARACTERS = LETTERS + DIGITS
GLYPH = 26
"""Height of a written character, in units."""
SHORT_WORDS = (
    "STOP", "EXIT", "OPEN", "PUSH", "PULL", "CAFE", "TAXI", "BUS", "HELP", "WAIT", "SALE", "FREE", "PARK",
    "ROAD", "FIRE", "GATE", "BANK", "SHOP", "FOOD", "TEA", "ICE", "BAR", "GYM", "INN", "ZOO", "LAB", "HUT",
    "BOX", "KEY", "MAP", "SUN", "SEA", "DOG", "CAT", "FISH", "BIRD", "TREE", "LAKE", "HILL", "MOON", "RAIN",
    "SNOW", "WIND", "MILK", "CAKE", "JAM", "PIE", "NUT", "OIL", "GAS", "WAX", "JAZZ", "QUIZ", "VAN", "HUB",
    "DOCK", "PORT", "PIER", "FARM", "BARN", "ROOF", "DOOR", "HALL", "ROOM", "DESK", "BOOK", "NOTE", "NEWS",
    "MAIL", "CODE", "TEXT",
)  # fmt: skip

Bounds = tuple[float, float, float, float]
"""x0, y0, x1, y1 in units."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One flat coloured shape; ``x, y`` is its centre and ``r`` its radius, in units."""

    shape: str
    color: str
    size: str
    x: float
    y: float
    r: float
    rgb: tuple[int, int, int]

    @property
    def name(self) -> str:
        """Colour and shape, as questions call it."""
        return f"{self.color} {self.shape}"

    def at(self, x: float, y: float) -> Thing:
        """Return the same thing elsewhere."""
        return replace(self, x=x, y=y)


@dataclass(frozen=True, slots=True)
class Writing:
    """A short word or number, or a page of characters.

    ``x, y`` is the top left corner of its first character cell and ``pitch`` the cells' width, in units;
    ``columns`` is how many characters a line has, 0 for a single line.
    """

    text: str
    x: float
    y: float
    pitch: float = 16.5
    columns: int = 0

    def centres(self) -> list[tuple[float, float]]:
        """Return the centre of every character's cell, in units."""
        places = (divmod(i, self.columns or len(self.text)) for i in range(len(self.text)))
        return [(self.x + self.pitch * (c + 0.5), self.y + GLYPH * (r + 0.5)) for r, c in places]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything one picture shows: the ground truth of a still.

    Parameters
    ----------
    things, writing : what is on it
    width, height : units
    background : RGB
    slope : how much brighter the right edge and the lower edge are than the middle, in grey levels
    noise : standard deviation of the grain, in grey levels; ``seed`` makes it
    """

    things: tuple[Thing, ...]
    writing: Writing | None = None
    width: float = UNITS
    height: float = UNITS
    background: tuple[int, int, int] = (235, 235, 235)
    slope: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    seed: int = field(default=0, compare=False)


def outline(shape: str, x: float, y: float, r: float) -> list[tuple[float, float]]:
    """Return the corners of a polygonal shape, in the units of its arguments.

    Raises
    ------
    ValueError
        For circles and rings, which have none.
    """
    if shape == "square":
        a = r * 0.85
        return [(x - a, y - a), (x + a, y - a), (x + a, y + a), (x - a, y + a)]
    if shape == "triangle":
        return [(x, y - r), (x + r * 0.95, y + r * 0.8), (x - r * 0.95, y + r * 0.8)]
    if shape == "star":
        radii = [r * 1.1 if i % 2 == 0 else r * 0.45 for i in range(10)]
        turns = [i * math.pi / 5 for i in range(10)]
        return [(x + d * math.sin(a), y - d * math.cos(a)) for d, a in zip(radii, turns, strict=True)]
    if shape == "cross":
        a = r * 0.36
        top, right = ((-a, -r), (a, -r), (a, -a)), ((r, -a), (r, a), (a, a))
        bottom, left = ((a, r), (-a, r), (-a, a)), ((-r, a), (-r, -a), (-a, -a))
        return [(x + dx, y + dy) for dx, dy in (*top, *right, *bottom, *left)]
    raise ValueError(f"{shape!r} has no corners")


def draw_thing(
    image: np.ndarray, thing: Thing, color: tuple[int, ...] | int, scale: float, smooth: bool
) -> None:
    """Draw one thing in place.

    Parameters
    ----------
    image : (H, W, 3) or (H, W) uint8, changed
    thing : what to draw, in units
    color : RGB, or the one value of an image without channels
    scale : pixels per unit; the pixel grid is the unit grid times scale
    smooth : soften edges
    """
    line = cv2.LINE_AA if smooth else cv2.LINE_8
    x, y, r = thing.x * scale - 0.5, thing.y * scale - 0.5, thing.r * scale
    fill = color if isinstance(color, tuple) else (color,)
    if thing.shape == "circle":
        cv2.circle(image, (round(x * 16), round(y * 16)), round(r * 16), fill, -1, line, 4)
    elif thing.shape == "ring":
        cv2.circle(
            image, (round(x * 16), round(y * 16)), round(r * 12.5), fill, max(2, round(r * 0.42)), line, 4
        )
    else:
        corners = np.round(np.array(outline(thing.shape, x, y, r)) * 16).astype(np.int32)
        cv2.fillPoly(image, [corners], fill, line, 4)


@lru_cache(maxsize=4096)
def _glyph(character: str, height: int) -> np.ndarray:
    """Draw a character's coverage of its cell, uint8, in Pillow's own font: the same on every system."""
    font = ImageFont.load_default(size=height)
    cell = Image.new("L", (round(height * 0.72), height + 4), 0)
    middle, stroke = (cell.width / 2, cell.height / 2), max(1, height // 26)
    ImageDraw.Draw(cell).text(middle, character, fill=255, font=font, anchor="mm", stroke_width=stroke)
    return np.asarray(cell)


def draw_writing(image: np.ndarray, writing: Writing, scale: float) -> None:
    """Write characters in near-black, each centred in its own cell.

    Parameters
    ----------
    image : (H, W, 3) uint8, changed
    writing : what to write and where, in units; what lies outside the image is cut off
    scale : pixels per unit
    """
    height = round(GLYPH * scale)
    for character, (cx, cy) in zip(writing.text, writing.centres(), strict=True):
        cover = _glyph(character, height)
        left, top = round(cx * scale - cover.shape[1] / 2), round(cy * scale - cover.shape[0] / 2)
        y0, x0 = max(0, top), max(0, left)
        y1, x1 = min(image.shape[0], top + cover.shape[0]), min(image.shape[1], left + cover.shape[1])
        if y1 <= y0 or x1 <= x0:
            continue
        alpha = cover[y0 - top : y1 - top, x0 - left : x1 - left, None].astype(np.float32) / 255
        patch = image[y0:y1, x0:x1]
        patch[:] = (patch * (1 - alpha) + 22 * alpha).astype(np.uint8)


def draw(sheet: Sheet, scale: float = 1.0) -> np.ndarray:
    """Draw a sheet.

    Parameters
    ----------
    sheet : what it shows
    scale : pixels per unit

    Returns
    -------
    (H, W, 3) uint8 RGB, ``H, W`` = height, width times ``scale``, rounded
    """
    height, width = round(sheet.height * scale), round(sheet.width * scale)
    image = np.empty((height, width, 3), np.uint8)
    image[:] = sheet.background
    if any(sheet.slope):
        across = np.linspace(-1, 1, width, dtype=np.float32)[None] * sheet.slope[0]
        ramp = across + np.linspace(-1, 1, height, dtype=np.float32)[:, None] * sheet.slope[1]
        image = np.clip(image + ramp[..., None], 0, 255).astype(np.uint8)
    for thing in sheet.things:
        draw_thing(image, thing, thing.rgb, scale, smooth=True)
    if sheet.writing:
        draw_writing(image, sheet.writing, scale)
    if sheet.noise:
        grain = np.random.default_rng(sheet.seed).normal(0, sheet.noise, (height, width, 1))
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    return image


def coverage(sheet: Sheet) -> np.ndarray:
    """Tell which thing each square unit shows.

    Returns
    -------
    (height, width) uint8 in units, 0 for none, else the thing's index + 1
    """
    cover = np.zeros((round(sheet.height), round(sheet.width)), np.uint8)
    for index, thing in enumerate(sheet.things):
        draw_thing(cover, thing, index + 1, 1.0, smooth=False)
    return cover


# --- sampling -------------------------------------------------------------------------------------


def random_background(rng: random.Random) -> tuple[int, int, int]:
    """Draw a light RGB, nearly grey."""
    base = rng.randint(208, 255)
    return (base - rng.randint(0, 14), base - rng.randint(0, 14), base - rng.randint(0, 14))


def random_color(rng: random.Random, color: str) -> tuple[int, int, int]:
    """Draw an RGB that a name of COLORS stands for."""
    r, g, b = (min(255, max(0, v + rng.randint(-15, 15))) for v in COLORS[color])
    return (r, g, b)


def place(
    rng: random.Random, placed: list[Thing], box: Bounds, *, shape: str, color: str, size: str
) -> Thing | None:
    """Find a place for one more thing, so that its circle touches none of those ``placed``.

    Corners reach up to a fifth beyond the circle of radius ``r``, so that neighbours may touch at a corner.

    Parameters
    ----------
    rng : the only source of chance
    placed : what is there already
    box : where it must lie, wholly
    shape, color, size : what it is

    Returns
    -------
    Thing or None
        None where the box is too small, or 40 tries found no room.
    """
    low, high = SIZES[size]
    for _ in range(40):
        r = rng.uniform(low, high)
        if box[2] - box[0] < 2 * r + 3 or box[3] - box[1] < 2 * r + 3:
            return None
        x, y = rng.uniform(box[0] + r + 1, box[2] - r - 1), rng.uniform(box[1] + r + 1, box[3] - r - 1)
        if all(math.hypot(x - o.x, y - o.y) > r + o.r + 2 for o in placed):
            return Thing(shape, color, size, x, y, r, random_color(rng, color))
    return None


def scatter(rng: random.Random, count: int, box: Bounds, *, repeats: float = 0.2) -> list[Thing]:
    """Draw things from a small palette, so that neither colour nor shape alone tells them apart.

    The share of one-colour and of one-shape palettes matters: it makes the other attribute the only key
    (without it a model learns to look things up by colour alone: measured in the first trials).

    Parameters
    ----------
    rng : the only source of chance
    count : how many; fewer where there is no room, but never none
    box : where they must lie
    repeats : chance that two things may have the same colour and shape
    """
    palette = rng.sample(list(COLORS), rng.choices((1, 2, 3, 8), (0.22, 0.28, 0.2, 0.3))[0])
    shapes = rng.sample(SHAPES, rng.choices((1, 2, 3, 6), (0.12, 0.3, 0.23, 0.35))[0])
    may_repeat = rng.random() < repeats or len(palette) * len(shapes) < count
    things: list[Thing] = []
    for _ in range(count * 3):
        if len(things) == count:
            break
        shape, color = rng.choice(shapes), rng.choice(palette)
        if not may_repeat and any(o.shape == shape and o.color == color for o in things):
            continue
        thing = place(rng, things, box, shape=shape, color=color, size=rng.choice(("small", "large")))
        if thing:
            things.append(thing)
    return things or scatter(rng, 1, box, repeats=repeats)


def random_text(rng: random.Random) -> str:
    """Draw a word, random letters or a number, one to four characters: letters and digits never mix."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(SHORT_WORDS)
    alphabet = LETTERS if kind < 0.65 else DIGITS
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 4)))


def random_page(rng: random.Random) -> Sheet:
    """Draw a sheet with nothing but characters, as many as it holds.

    The tower learns characters from pages: a sign shows it two or three at a time, and after an hour of signs
    alone it still took a third of them for others (measured).
    """
    pitch, lines = rng.uniform(15.8, 18.5), UNITS // GLYPH
    columns = int(UNITS // pitch)
    alphabet = rng.choice((LETTERS, LETTERS, DIGITS))  # O and 0 are told apart by their neighbours
    text = "".join(rng.choice(alphabet) for _ in range(lines * columns))
    x, y = rng.uniform(0, UNITS - pitch * columns), rng.uniform(0, UNITS - GLYPH * lines)
    noise = rng.uniform(1, 4) if rng.random() < 0.3 else 0.0
    writing = Writing(text, x, y, pitch, columns)
    return Sheet((), writing, background=random_background(rng), noise=noise, seed=rng.getrandbits(31))


def random_sheet(
    rng: random.Random,
    *,
    count: int | None = None,
    width: float = UNITS,
    height: float = UNITS,
    writing: float = 0.0,
    repeats: float = 0.2,
    background: tuple[int, int, int] | None = None,
) -> Sheet:
    """Draw a sheet of things and, at times, a short text above or below them.

    Parameters
    ----------
    rng : the only source of chance
    count : how many things; one to seven if not given
    width, height : of the sheet, in units
    writing : chance of a text
    repeats : chance that two things may have the same colour and shape
    background : RGB; drawn if not given
    """
    box: Bounds = (0.0, 0.0, float(width), float(height))
    text = None
    if rng.random() < writing:
        word = random_text(rng)
        pitch = rng.uniform(15.8, 18.5)
        top = rng.random() < 0.5
        x = rng.uniform(1, width - pitch * len(word) - 1)
        y = rng.uniform(0, 5) if top else rng.uniform(height - GLYPH - 5, height - GLYPH)
        text = Writing(word, x, y, pitch)
        box = (0, y + GLYPH + 1, width, height) if top else (0, 0, width, y - 1)
    if count is None:
        count = rng.choices((1, 2, 3, 4, 5, 6, 7), (0.08, 0.16, 0.22, 0.2, 0.16, 0.11, 0.07))[0]
    slope = (rng.uniform(-10, 10), rng.uniform(-10, 10)) if rng.random() < 0.3 else (0.0, 0.0)
    things = tuple(scatter(rng, count, box, repeats=repeats))
    background = background or random_background(rng)
    noise = rng.uniform(1, 4) if rng.random() < 0.3 else 0.0
    return Sheet(things, text, width, height, background, slope, noise, rng.getrandbits(31))
