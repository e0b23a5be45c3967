"""Drawing: the rulings, pictures and other paths of a PDF's page."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from ..still import Size
from .pdf_placing import Placing

MAX_OBJECTS = 10_000
"""Objects of a page that are looked at; a plot of many points has more, and is as well found by these."""

MAX_DEPTH = 8
"""Forms within forms that are entered."""

THIN = 3.0
"""Pixels: a filled rectangle thinner than this is a ruling, as word processors draw them."""

_FEW = 64  # segments: a path of more is no set of rulings
_STRAIGHT = 0.5  # pixels by which a side of a rectangle may lean
_WHITE = 250  # of 255


class Drawing(NamedTuple):
    """What is drawn on a page besides its characters, as :class:`RawPage` has it."""

    rulings: NDArray[np.float32]
    pictures: NDArray[np.float32]
    drawings: NDArray[np.float32]


def drawing(page: Any, placing: Placing, size: Size) -> Drawing:
    """Look at what is drawn on a page.

    Parameters
    ----------
    page : FPDF_PAGE
    placing : Placing
        To pixels.
    size : Size
        Of the page; what lies outside is left out, and boxes are cut at its edges.
    """
    rulings: list[NDArray[np.float64]] = []
    pictures: list[NDArray[np.float32]] = []
    drawings: list[NDArray[np.float32]] = []
    for piece, kind, there in _objects(page, placing):
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            continue
        box = _box(piece, there)
        if box is None:
            continue
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            pictures.append(box)
        elif kind == pdfium.FPDF_PAGEOBJ_PATH:
            seen = _seen(piece)
            if not seen:
                continue
            lines = _rulings(piece, there, box, stroked=seen == "stroked")
            if lines is None:
                drawings.append(box)
            else:
                rulings.append(lines)
        else:
            drawings.append(box)
    straight = np.concatenate([np.zeros((0, 4)), *rulings]).astype(np.float32)
    return Drawing(
        _inside(straight, size), _inside(_stacked(pictures), size), _inside(_stacked(drawings), size)
    )


def _objects(page: Any, placing: Placing) -> Iterator[tuple[Any, int, Placing]]:
    """Yield the objects of a page and of the forms on it, with their kinds and placings to pixels."""
    left = MAX_OBJECTS
    stack = [(pdfium.FPDFPage_GetObject, page, iter(range(pdfium.FPDFPage_CountObjects(page))), placing)]
    while stack and left:
        get, parent, numbers, there = stack[-1]
        number = next(numbers, None)
        if number is None:
            stack.pop()
            continue
        left -= 1
        piece = get(parent, number)
        kind = pdfium.FPDFPageObj_GetType(piece) if piece else pdfium.FPDF_PAGEOBJ_UNKNOWN
        if kind == pdfium.FPDF_PAGEOBJ_FORM:
            if len(stack) <= MAX_DEPTH:
                count = max(0, pdfium.FPDFFormObj_CountObjects(piece))
                stack.append(
                    (pdfium.FPDFFormObj_GetObject, piece, iter(range(count)), there.after(_matrix(piece)))
                )
        elif kind != pdfium.FPDF_PAGEOBJ_UNKNOWN:
            yield piece, kind, there


def _matrix(piece: Any) -> Placing:
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(piece, matrix):
        return Placing()
    return Placing(matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)


def _box(piece: Any, there: Placing) -> NDArray[np.float32] | None:
    sides = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(piece, *sides):
        return None
    box = there.boxes(np.array([[side.value for side in sides]]))[0]
    return box if np.isfinite(box).all() else None


def _seen(path: Any) -> str:
    """Return "stroked", "filled", or nothing for a path that leaves no mark on white paper."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    if not pdfium.FPDFPath_GetDrawMode(path, fill, stroke):
        return ""
    if stroke.value and not _blank(path, pdfium.FPDFPageObj_GetStrokeColor):
        return "stroked"
    return "filled" if fill.value and not _blank(path, pdfium.FPDFPageObj_GetFillColor) else ""


def _blank(path: Any, colour_of: Any) -> bool:
    red, green, blue, opacity = (ctypes.c_uint() for _ in range(4))
    if not colour_of(path, red, green, blue, opacity):
        return False
    return opacity.value == 0 or min(red.value, green.value, blue.value) >= _WHITE


def _rulings(
    path: Any, there: Placing, box: NDArray[np.float32], *, stroked: bool
) -> NDArray[np.float64] | None:
    """Return the straight lines that a path is made of, or None where it is something else."""
    if not stroked:
        thin = min(box[2] - box[0], box[3] - box[1]) < THIN
        return box[None].astype(np.float64) if thin else None
    count = pdfium.FPDFPath_CountSegments(path)
    if not 2 <= count <= _FEW:
        return None
    subpaths = _subpaths(path, count)
    if subpaths is None:
        return None
    place = there.after(_matrix(path))
    lines: list[NDArray[np.float64]] = []
    for subpath in subpaths:
        points = place.points(np.array(subpath))
        sides = np.concatenate([points[:-1], points[1:]], axis=1)
        if len(sides) > 1 and not _rectangle(points):
            return None
        lines.append(sides)
    found = np.concatenate(lines)
    backward = found[:, 0] + found[:, 1] > found[:, 2] + found[:, 3]
    found[backward] = found[backward][:, [2, 3, 0, 1]]
    return found if np.isfinite(found).all() else None


def _subpaths(path: Any, count: int) -> list[list[tuple[float, float]]] | None:
    """Return the corners of each stretch of straight lines; None where there is a curve."""
    x, y = ctypes.c_float(), ctypes.c_float()
    subpaths: list[list[tuple[float, float]]] = []
    for number in range(count):
        segment = pdfium.FPDFPath_GetPathSegment(path, number)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_BEZIERTO or not pdfium.FPDFPathSegment_GetPoint(segment, x, y):
            return None
        if kind == pdfium.FPDF_SEGMENT_MOVETO or not subpaths:
            subpaths.append([])
        subpaths[-1].append((x.value, y.value))
        if pdfium.FPDFPathSegment_GetClose(segment) and subpaths[-1][0] != subpaths[-1][-1]:
            subpaths[-1].append(subpaths[-1][0])
    return [subpath for subpath in subpaths if len(subpath) > 1] or None


def _rectangle(points: NDArray[np.float64]) -> bool:
    """Whether corners are those of an upright closed rectangle."""
    if len(points) != 5 or np.abs(points[0] - points[4]).max() > _STRAIGHT:
        return False
    steps = np.abs(np.diff(points, axis=0))
    return bool((steps.min(axis=1) <= _STRAIGHT).all())


def _stacked(boxes: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.stack(boxes) if boxes else np.zeros((0, 4), np.float32)


def _inside(boxes: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Leave out what lies outside the page, and cut the rest at its edges."""
    limits = np.array([*size, *size], np.float32)
    touching = (boxes[:, :2].clip(max=boxes[:, 2:]) < limits[:2]).all(1)
    touching &= (boxes[:, 2:].clip(min=boxes[:, :2]) > 0).all(1)
    return boxes[touching].clip(0, limits)
