"""Marks of a report: boxes over a picture in percent of it, their plates placed so that all can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..memory import Box, Size

WIDTH = 320
"""Pixels of a picture on a page that plates are placed for: about a phone's."""
LINE, LETTER, PADDING = 20, 7, 12
"""Height of a plate, width of a letter, and a plate's width beside its letters, as report.css draws them."""
MARGIN, LEAST = 0.6, 24
"""What a zoom shows around a box, as a share of its longer side, and how many pixels it shows at least."""
ZOOM = Size(4, 3)
"""Width and height of a zoom, in proportion."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A box on a picture, with a plate that says its number and what it is.

    Parameters
    ----------
    number : int
    kind : str
        By which it is coloured: a kind of difference, or a verdict.
    box : Box
        In pixels of the picture.
    left, top, width, height : float
        Of what of it lies on the picture, in percent of the picture.
    place : str
        Where the plate stands, as report.css names it: "above left", ..., "before", "after".
    """

    number: int
    kind: str
    box: Box
    left: float
    top: float
    width: float
    height: float
    place: str

    @property
    def style(self) -> str:
        """The box's place, for CSS."""
        sides = {"left": self.left, "top": self.top, "width": self.width, "height": self.height}
        return "; ".join(f"{name}: {share:.4f}%" for name, share in sides.items())


@dataclass(frozen=True, slots=True)
class Zoom:
    """A box and what is around it, in pixels of the picture: ``view`` is what the zoom shows."""

    box: Box
    view: Box


Rectangle = tuple[float, float, float, float]


def marks_on(
    size: Size, boxes: Sequence[tuple[int, str, Box | None]], *, beside: bool = False
) -> tuple[Mark, ...]:
    """Place boxes on a picture.

    Parameters
    ----------
    size : Size
        Of the picture, in the boxes' pixels.
    boxes : sequence of (int, str, Box or None)
        Number, kind and place; those of None, or beside the picture, get no mark.
    beside : bool
        Plates have only their numbers, and stand where they do not cover the lines above and below a box.

    Returns
    -------
    tuple of Mark
        With plates that cover neither each other nor, where there is room, another box.
    """
    cut = [(number, kind, box, _inside(box, size)) for number, kind, box in boxes if box is not None]
    there = [(number, kind, box, inside) for number, kind, box, inside in cut if inside is not None]
    scale = WIDTH / size.width
    drawn = [_scaled(inside, scale) for _, _, _, inside in there]
    plates: list[Rectangle] = []
    marks = []
    for index, (number, kind, box, (x0, y0, x1, y1)) in enumerate(there):
        candidates = _places(drawn[index], f"{number}" if beside else f"{number} {kind}", beside)
        others = drawn[:index] + drawn[index + 1 :]
        place = min(
            candidates, key=lambda name: _crowding(candidates[name], size.height * scale, plates, others)
        )
        plates.append(candidates[place])
        percent = (100 * x0 / size.width, 100 * y0 / size.height)
        extent = (100 * (x1 - x0) / size.width, 100 * (y1 - y0) / size.height)
        marks.append(Mark(number, kind, box, *percent, *extent, place))
    return tuple(marks)


def zoomed(box: Box, size: Size) -> Zoom:
    """Return a zoom on a box: all of it with what is around, on the picture as far as the picture goes."""
    around = 1 + 2 * MARGIN
    height = max(LEAST, around * (box.y1 - box.y0), around * (box.x1 - box.x0) * ZOOM.height / ZOOM.width)
    width = height * ZOOM.width / ZOOM.height
    x = _within((box.x0 + box.x1 - width) / 2, width, size.width)
    y = _within((box.y0 + box.y1 - height) / 2, height, size.height)
    return Zoom(box, Box(x0=x, y0=y, x1=x + width, y1=y + height))


def _places(box: Rectangle, label: str, beside: bool) -> dict[str, Rectangle]:
    """Return where a plate may stand, the best place first."""
    (x, y, right, bottom), wide = box, PADDING + LETTER * len(label)
    top = (y + bottom - LINE) / 2
    level = {"before": (x - wide, top, x, top + LINE), "after": (right, top, right + wide, top + LINE)}
    around = {
        "above left": (x, y - LINE, x + wide, y),
        "below left": (x, bottom, x + wide, bottom + LINE),
        "above right": (right - wide, y - LINE, right, y),
        "below right": (right - wide, bottom, right, bottom + LINE),
        "inside left": (x, y, x + wide, y + LINE),
        "inside right": (right - wide, bottom - LINE, right, bottom),
    }
    return {**level, **around} if beside else around


def _within(start: float, length: float, limit: int) -> float:
    """Move an interval onto 0..limit; in the middle of it if it is longer."""
    return (limit - length) / 2 if length >= limit else min(max(0.0, start), limit - length)


def _inside(box: Box, size: Size) -> Rectangle | None:
    x0, y0 = max(0.0, box.x0), max(0.0, box.y0)
    x1, y1 = min(float(size.width), box.x1), min(float(size.height), box.y1)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _crowding(
    plate: Rectangle, height: float, plates: Sequence[Rectangle], boxes: Sequence[Rectangle]
) -> float:
    """Return how badly a plate stands: what of it is cut off, then plates, then boxes that it covers."""
    area = (plate[2] - plate[0]) * (plate[3] - plate[1])
    outside = area - _overlap(plate, (0, 0, WIDTH, height))
    return (
        100 * outside
        + 10 * sum(_overlap(plate, other) for other in plates)
        + sum(_overlap(plate, other) for other in boxes)
    )


def _scaled(one: Rectangle, scale: float) -> Rectangle:
    x0, y0, x1, y1 = one
    return scale * x0, scale * y0, scale * x1, scale * y1


def _overlap(one: Rectangle, other: Rectangle) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)
