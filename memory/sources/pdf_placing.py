"""Placing: how the coordinates of a PDF's page become pixels of the upright page as it is rendered."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..still import Size

PAGE_DPI = 144
"""A page is rendered at two pixels a point, at which eight-point type is read well by people and by OCR."""

LONGEST = 2200
"""Pixels: the longer side of a rendered page is at most this, however large its paper."""


def page_size(width: float, height: float) -> Size:
    """Return the pixels of an upright page of that many points; at least one each way."""
    scale = min(PAGE_DPI / 72, LONGEST / max(width, height))
    return Size(*(min(LONGEST, max(1, round(side * scale))) for side in (width, height)))


class Placing(NamedTuple):
    """An affine map: ``x' = a x + c y + e`` and ``y' = b x + d y + f``, as PDF writes its matrices."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    e: float = 0.0
    f: float = 0.0

    @classmethod
    def of_page(cls, bounds: tuple[float, float, float, float], turned: int, size: Size) -> Self:
        """Make the map from a page's coordinates to pixels.

        Parameters
        ----------
        bounds : left, bottom, right, top
            Of what is shown of the page, in its own coordinates (y up).
        turned : 0, 1, 2 or 3
            Quarter turns clockwise by which it is shown.
        size : Size
            Pixels of the page as it is shown.
        """
        left, bottom, right, top = bounds
        wide, high = right - left, top - bottom
        if turned % 2:
            x, y = size.width / high, size.height / wide
        else:
            x, y = size.width / wide, size.height / high
        if turned == 0:
            return cls(x, 0, 0, -y, -x * left, y * top)
        if turned == 1:
            return cls(0, y, x, 0, -x * bottom, -y * left)
        if turned == 2:
            return cls(-x, 0, 0, y, x * right, -y * bottom)
        return cls(0, -y, -x, 0, x * top, y * right)

    def after(self, first: Placing) -> Placing:
        """Return the map that applies ``first``, then this one."""
        a, b = self._direction(first.a, first.b)
        c, d = self._direction(first.c, first.d)
        e, f = self._direction(first.e, first.f)
        return Placing(a, b, c, d, e + self.e, f + self.f)

    def points(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Map (..., 2) points."""
        x, y = points[..., 0], points[..., 1]
        return np.stack(
            [self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f], axis=-1, dtype=np.float64
        )

    def boxes(self, boxes: NDArray[Any]) -> NDArray[np.float32]:
        """Map (n, 4) boxes, of which any two opposite corners are given, to the boxes around them."""
        corners = self.points(boxes[:, [[0, 1], [0, 3], [2, 1], [2, 3]]])
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)

    def directions(self, vectors: NDArray[Any]) -> NDArray[np.float64]:
        """Map (n, 2) vectors, which have no place."""
        x, y = vectors[:, 0], vectors[:, 1]
        return np.stack([self.a * x + self.c * y, self.b * x + self.d * y], axis=1, dtype=np.float64)

    def _direction(self, x: float, y: float) -> tuple[float, float]:
        return self.a * x + self.c * y, self.b * x + self.d * y
