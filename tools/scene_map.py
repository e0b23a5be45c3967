"""Scene maps: a scene from above, and its views, with one label for each physical object.

The labels are those of :class:`~sightloop.memory.placed.Placed`, so that a model, a reader and a measurement
speak of the same thing. The map's axes are right, forward and up: forward is where the first view looks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from ..memory import Still
from ..memory.placed import Measure, Placed, Shot, Survey
from ..memory.scene import Scene
from .mark import color_of, mark

Array = NDArray[np.float64]
Rectangle = tuple[float, float, float, float]
Color = tuple[int, int, int]

SIDE, MARGIN = 768, 56
"""Pixels of the map's longer side, and of what is around that which it shows."""
TINY = 1e-6
"""Extent below which what is shown counts as one place."""
SLIMMEST = 0.6
"""Shorter side of a map over its longer one, at least."""
LETTERS, SMALL = 18, 15
"""Height of letters in pixels: of labels and of the rest."""
WEDGE = 30
"""How far a camera's wedge reaches in pixels; of one that was not looked through, half as far."""
WHITE, PAPER, INK = (255, 255, 255), (250, 250, 248), (28, 30, 33)
FAINT, RAY = (110, 116, 124), (176, 182, 190)
PALE = 0.45
"""Share of paper in the colour of what is seen from above, so that labels stand out."""
CEILING = -0.5
"""Cosine to the map's up below which a surface looks down: a ceiling would hide the room."""
CELL = 1.5
"""Side of a cell of the painted cloud over a voxel's: of cells no larger than voxels, many stay empty."""
EDGE = 2.0
"""Percent of the points that may lie beside the map, on each side: strays do not decide what it shows."""
NICE = (1.0, 2.0, 5.0, 10.0)
"""What lengths of scale bars and grids begin with."""


class Points(Protocol):
    """Coloured points of a scene, as fused from its depths."""

    @property
    def points(self) -> NDArray[np.float32]:
        """(N, 3), world."""

    @property
    def colors(self) -> NDArray[np.uint8]:
        """(N, 3), RGB."""

    @property
    def normals(self) -> NDArray[np.float32]:
        """(N, 3), length 1, facing a camera that saw the point."""

    @property
    def voxel(self) -> float:
        """How far apart neighbours are."""


def map_axes(up: ArrayLike, world_to_camera: ArrayLike) -> Array:
    """Return the axes of a map.

    Parameters
    ----------
    up : (3,)
        Away from the ground, in the world's axes.
    world_to_camera : (4, 4)
        Of the first view.

    Returns
    -------
    (3, 3) float64
        Rows are right, forward and up in the world's axes: ``axes @ point`` is a point of the map. Forward is
        where the view looks along the ground; of one that looks straight down, the top of its picture.
    """
    above = np.asarray(up, dtype=np.float64)
    above = above / np.linalg.norm(above)
    rotation = np.asarray(world_to_camera, dtype=np.float64)[:3, :3]
    flat = [axis - above * (above @ axis) for axis in (rotation[2], -rotation[1])]
    forward = flat[0] if np.linalg.norm(flat[0]) > 0.1 else flat[1]
    forward = forward / np.linalg.norm(forward)
    return np.stack([np.cross(forward, above), forward, above])


def axes_of(survey: Survey) -> Array:
    """Return :func:`map_axes` of a survey; without a view, forward is near to the world's y."""
    pose = survey.shots[0].world_to_camera if survey.shots else np.eye(4)[[0, 2, 1, 3]]
    return map_axes(survey.up, pose)


def nice(length: float) -> float:
    """Return the longest of 1, 2, 5, 10, 20, ... that is not longer than ``length``, which is positive."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step * power for step in NICE if step * power <= length * (1 + 1e-9))


def stands(shot: Shot) -> Array:
    """Return where a camera stands, (3,) in the world."""
    pose = np.asarray(shot.world_to_camera)
    return np.asarray(-pose[:3, :3].T @ pose[:3, 3], dtype=np.float64)


def marked(scene: Scene, survey: Survey, camera: str) -> Still:
    """Return a view's picture with the boxes of what was found in it, each with its object's label.

    Parameters
    ----------
    scene : Scene
    survey : Survey
        Of that scene.
    camera : str
        A view's name; where nothing was found in it, its picture comes back as it is.

    Raises
    ------
    SceneError, InputError
        If there is no such view, or its picture cannot be read.
    """
    still = scene.still(camera)
    found = [(seen.box, one.label) for one in survey.placed for seen in one.seen if seen.camera == camera]
    return mark(still, [box for box, _ in found], [label for _, label in found]) if found else still


def draw(survey: Survey, cloud: Points | None = None) -> Still:
    """Draw a scene from above.

    Parameters
    ----------
    survey : Survey
    cloud : Points, optional
        What is there, drawn pale; without it, there are objects and cameras on paper.

    Returns
    -------
    Still
        Of pixels in memory, at most ``SIDE`` wide and high: the first view looks up, lengths are to scale,
        every object has its label and name, every camera that was looked through its number.
    """
    axes = axes_of(survey)
    sheet = _Sheet.around(_shown(survey, cloud, axes), axes)
    if cloud is not None and len(cloud.points):
        sheet.paint(cloud)
    wedges = [sheet.camera(shot) for shot in survey.shots]
    outlines = [sheet.outline(one) for one in survey.placed]
    sheet.taken += [*wedges, *outlines]
    for measure in measured(survey):
        sheet.segment(measure)
    for one, outline in zip(survey.placed, outlines, strict=True):
        sheet.text(f"{one.label} {one.name}", outline, LETTERS, WHITE, color_of(one.label))
    for number, (shot, wedge) in enumerate(zip(survey.shots, wedges, strict=True), start=1):
        if shot.looked:
            sheet.text(f"view {number}", wedge, SMALL, INK, PAPER)
    sheet.bar(survey.metric)
    return Still.from_array(np.asarray(sheet.image))


def _shown(survey: Survey, cloud: Points | None, axes: Array) -> Array:
    """Return what must be on the map, (N, 2): objects, cameras that looked, and most of the points."""
    rows = [np.zeros((0, 3))]
    for one in survey.placed:
        half = np.asarray(one.size or (0, 0, 0)) / 2
        rows.append(axes @ np.asarray(one.centre) + np.array([-half, half]))
    looked = [shot for shot in survey.shots if shot.looked] or survey.shots
    rows += [(axes @ stands(shot))[None] for shot in looked]
    if cloud is not None and len(cloud.points):
        rows.append(np.percentile(cloud.points @ axes.T, (EDGE, 100 - EDGE), axis=0))
    return np.concatenate(rows)[:, :2]


@dataclass(slots=True)
class _Sheet:
    """A map in the making: ``scale`` is pixels per unit, ``low`` the map's point at the lower left corner."""

    image: Image.Image
    axes: Array
    low: Array
    scale: float
    taken: list[Rectangle]

    @classmethod
    def around(cls, places: Array, axes: Array) -> _Sheet:
        low, high = (places.min(0), places.max(0)) if len(places) else (np.zeros(2), np.ones(2))
        extent = high - low
        longest = float(extent.max())
        scale = (SIDE - 2 * MARGIN) / (longest if longest > TINY else 1.0)
        size = np.maximum(extent * scale + 2 * MARGIN, SIDE * SLIMMEST)
        centre = (low + high) / 2
        width, height = (round(float(side)) for side in size)
        image = Image.new("RGB", (width, height), PAPER)
        return cls(image, axes, centre - np.array([width, height]) / (2 * scale), scale, [])

    def at(self, points: ArrayLike) -> Array:
        """Return world points in pixels, (N, 2)."""
        flat = (np.asarray(points, dtype=np.float64).reshape(-1, 3) @ self.axes.T)[:, :2]
        pixels = (flat - self.low) * self.scale
        return np.stack([pixels[:, 0], self.image.height - pixels[:, 1]], axis=1)

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    def paint(self, cloud: Points) -> None:
        """Paint what is seen from above, cell by cell: of each the highest point that does not look down."""
        below = cloud.normals @ self.axes[2].astype(np.float32) > CEILING
        points, colors = cloud.points[below], cloud.colors[below]
        cell = max(1.0, CELL * cloud.voxel * self.scale)
        width, height = math.ceil(self.image.width / cell), math.ceil(self.image.height / cell)
        column, row = np.floor(self.at(points) / cell).astype(np.int64).T
        inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
        order = np.flatnonzero(inside)
        order = order[np.argsort(points[order] @ self.axes[2], kind="stable")]
        raster = np.full((height, width, 3), PAPER, dtype=np.float64)
        # Of points in one cell, the last assigned stays: the highest.
        raster[row[order], column[order]] = (1 - PALE) * colors[order] + PALE * np.array(PAPER)
        small = Image.fromarray(raster.round().astype(np.uint8))
        size = (round(width * cell), round(height * cell))
        self.image.paste(small.resize(size, Image.Resampling.NEAREST), (0, 0))

    def camera(self, shot: Shot) -> Rectangle:
        """Draw a camera as the wedge that it looks into, and return where that is."""
        pose, intrinsics = np.asarray(shot.world_to_camera), np.asarray(shot.intrinsics)
        edges = np.array([[0, shot.height / 2, 1], [shot.width, shot.height / 2, 1]])
        rays = np.linalg.solve(intrinsics, edges.T).T @ pose[:3, :3]
        start, *ends = self.at(stands(shot) + np.concatenate([np.zeros((1, 3)), rays]))
        sides = np.array(ends) - start
        reach = WEDGE if shot.looked else WEDGE / 2
        corners = start + sides * (reach / max(1e-9, float(np.linalg.norm(sides, axis=1).max())))
        color = INK if shot.looked else RAY
        self.pen.polygon([tuple(start), *map(tuple, corners)], outline=color, width=2)
        self.pen.ellipse((*(start - 3), *(start + 3)), fill=color)
        return _bounds(np.array([start, *corners]))

    def outline(self, one: Placed) -> Rectangle:
        """Draw where an object is, and return that: its extent, or the 90 % ellipse of its centre."""
        if one.size is not None:
            signs = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
            corners = np.asarray(one.centre) + (signs * np.asarray(one.size) / 2) @ self.axes
        else:
            corners = ellipse(one, self.axes)
        places = self.at(corners)
        self.pen.polygon([tuple(place) for place in places], outline=color_of(one.label), width=4)
        return _bounds(places)

    def segment(self, measure: Measure) -> None:
        """Draw a measured distance, with its value."""
        places = self.at(np.asarray(measure.ends))
        self.pen.line([tuple(place) for place in places], fill=INK, width=3)
        for place in places:
            self.pen.ellipse((*(place - 4), *(place + 4)), fill=INK)
        if measure.value is not None:
            words = f"{measure.value:.2f} {measure.unit}"
            self.text(words, _bounds(places.mean(0)[None]), LETTERS, PAPER, INK)

    def text(self, words: str, place: Rectangle, height: int, ink: Color, ground: Color) -> None:
        """Write words on a plate beside a place, where they cover the least of what is there already."""
        font = ImageFont.load_default(size=height)
        left, top, right, bottom = self.pen.textbbox((0, 0), words, font=font)
        wide, high = right - left + 10, bottom - top + 8
        options = [self._inside(corner, wide, high) for corner in _beside(place, wide, high)]
        plate = min(options, key=lambda option: sum(_overlap(option, other) for other in self.taken))
        self.taken.append(plate)
        self.pen.rounded_rectangle(plate, 3, fill=ground)
        self.pen.text((plate[0] + 5 - left, plate[1] + 4 - top), words, fill=ink, font=font)

    def _inside(self, corner: tuple[float, float], wide: float, high: float) -> Rectangle:
        x = min(max(0.0, float(corner[0])), max(0.0, self.image.width - wide))
        y = min(max(0.0, float(corner[1])), max(0.0, self.image.height - high))
        return x, y, x + wide, y + high

    def bar_length(self) -> float:
        """Return the length of the scale bar: a round number of about a quarter of the map's width."""
        return nice(self.image.width / 4 / self.scale)

    def bar(self, metric: bool) -> None:
        """Draw the scale bar, and where the first view looks."""
        length = self.bar_length()
        wide, y = length * self.scale, self.image.height - 14
        self.pen.line([(14, y), (14 + wide, y)], fill=INK, width=3)
        for x in (14, 14 + wide):
            self.pen.line([(x, y - 6), (x, y + 6)], fill=INK, width=3)
        words = f"{length:g} {'m' if metric else 'scene units (scale not known)'}"
        font = ImageFont.load_default(size=SMALL)
        self.pen.text((22 + wide, y - 9), words, fill=INK, font=font)
        self.pen.polygon([(20, 10), (13, 26), (27, 26)], fill=FAINT)
        self.pen.text((34, 9), "where view 1 looks", fill=FAINT, font=font)


def ellipse(one: Placed, axes: Array, count: int = 32) -> Array:
    """Return the 90 % ellipse of an object's centre on the ground: (count, 3) points of the world."""
    values, vectors = np.linalg.eigh(axes[:2] @ np.asarray(one.covariance) @ axes[:2].T)
    # Of two dimensions, the squared radius that holds 90 % is -2 ln(0.1).
    radii = np.sqrt(np.maximum(values, 0) * -2 * math.log(0.1))
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    flat = (np.stack([np.cos(turn), np.sin(turn)], axis=1) * radii) @ vectors.T
    return np.asarray(np.asarray(one.centre) + flat @ axes[:2], dtype=np.float64)


def measured(survey: Survey) -> list[Measure]:
    """Return the measures to draw as a line: those between two points, the first of each pair of objects."""
    drawn: dict[tuple[int, ...], Measure] = {}
    for measure in survey.measures:
        if measure.ends is not None:
            drawn.setdefault(measure.between or (-len(drawn),), measure)
    return list(drawn.values())


def _beside(place: Rectangle, wide: float, high: float) -> list[tuple[float, float]]:
    """Return the corners of plates around a place, the best first: above, below, beside, then farther off."""
    x0, y0, x1, y1 = place
    middle = (x0 + x1 - wide) / 2
    found = []
    for gap in (3, 3 + high, 3 + 2 * high):
        found += [(middle, y0 - high - gap), (middle, y1 + gap), (x1 + gap, (y0 + y1 - high) / 2)]
        found += [(x0 - wide - gap, (y0 + y1 - high) / 2), (x1 + gap, y0 - high), (x0 - wide - gap, y1)]
    return found


def _bounds(places: Array) -> Rectangle:
    (x0, y0), (x1, y1) = places.min(0).tolist(), places.max(0).tolist()
    return x0, y0, x1, y1


def _overlap(one: Rectangle, other: Rectangle) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)
