"""XYZ: points as lines of text, ``x y z`` and, where there are three more, ``r g b``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError
from .files import regular_file


def read_xyz(path: Path) -> tuple[NDArray[np.float64], NDArray[np.uint8] | None]:
    """Read the points and colours of a text file.

    Columns are parted by blanks, commas or semicolons. Three numbers after the place are a colour if none is
    negative: of 0..1 if all are, otherwise of 0..255; with a negative one they are a normal.

    Returns
    -------
    points : (N, 3) float64
    colors : (N, 3) uint8, RGB; None where the file has none

    Raises
    ------
    SceneError
        If it is no table of numbers of at least three columns.
    InputError
        If it is no regular file.
    """
    with regular_file(path, "point cloud") as file:
        text = file.read().decode("utf-8", "replace")
    rows = [line.split("#")[0] for line in text.replace(",", " ").replace(";", " ").splitlines()]
    rows = [row for row in rows if row.strip()]
    if len(rows) > 1 and len(rows[0].split()) == 1:  # how many there are
        rows = rows[1:]
    try:
        table = np.loadtxt(rows, ndmin=2)
    except ValueError as error:
        raise SceneError(f"{path} is no table of points: {error}.", input=str(path)) from error
    if table.size == 0 or table.shape[1] < 3:
        raise SceneError(f"{path} has {table.shape[1]} columns; points have x, y and z.", input=str(path))
    return table[:, :3], _colors(table[:, 3:6])


def _colors(columns: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    if columns.shape[1] < 3 or not np.isfinite(columns).all() or columns.min() < 0 or columns.max() > 255:
        return None
    return np.rint(columns * (255 if columns.max() <= 1 else 1)).astype(np.uint8)
