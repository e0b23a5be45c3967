"""Changed pairs: two pictures with everything known that differs between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..memory import Box
from .differences import Kind
from .perturb import PERTURBATIONS, Matrix, Pixels, matrix_of


@dataclass(frozen=True, slots=True)
class Truth:
    """What differs.

    Parameters
    ----------
    kind : str
    before, after : Box or None
        The thing on each side, in pixels; None where it is not.
    places : (Box, Box)
        The same place in both pictures, whether the thing is there or not.
    words : str
        As the worlds put it; empty where nobody knows what it is.
    """

    kind: Kind
    before: Box | None
    after: Box | None
    places: tuple[Box, Box]
    words: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures, (H, W, 3) uint8 RGB; what differs; and what the second went through, if anything."""

    before: Pixels
    after: Pixels
    truth: Truth | None
    perturbed: str = ""
    source: str = ""


def perturbed(pair: Pair, name: str) -> Pair:
    """Return the pair with its second picture perturbed, and the truth's boxes with it.

    Parameters
    ----------
    pair : Pair
    name : str
        A key of :data:`~.perturb.PERTURBATIONS`.
    """
    matrix, truth = matrix_of(name, pair.after), pair.truth
    if truth is not None:
        after = None if truth.after is None else moved(truth.after, matrix)
        truth = replace(truth, after=after, places=(truth.places[0], moved(truth.places[1], matrix)))
    return replace(pair, after=PERTURBATIONS[name](pair.after), truth=truth, perturbed=name)


def moved(box: Box, matrix: Matrix) -> Box:
    """Return the upright box around where a homography brings a box."""
    corners = np.array([[[box.x0, box.y0], [box.x1, box.y0], [box.x1, box.y1], [box.x0, box.y1]]])
    ends = cv2.perspectiveTransform(corners, matrix)[0]
    (x0, y0), (x1, y1) = ends.min(0), ends.max(0)
    return Box(x0=float(x0), y0=float(y0), x1=float(x1), y1=float(y1))


def bounds(mask: NDArray[Any]) -> Box:
    """Return the box around all that is not zero in a (H, W) mask, which must have something."""
    ys, xs = np.nonzero(mask)
    return Box(x0=float(xs.min()), y0=float(ys.min()), x1=float(xs.max() + 1), y1=float(ys.max() + 1))
