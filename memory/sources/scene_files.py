"""Files of scenes: colour pictures, depths and matrices, as every reader reads them."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, SceneError
from ..geometry import Camera
from ..still import Size
from .photos import read_stored, stored_size

DEEP = 655.0
"""A 16-bit depth whose unit would make it reach further than this, in metres, has another unit."""
SHAPE = 0.01
"""How far the shape of a depth may be from its picture's, relative: more, and they show different things."""

Depth = NDArray[np.float32]


def inside(folder: Path, name: object, field: str) -> Path:
    """Return the path of a file that a scene names, which must lie in the scene's folder.

    Links in the folder are followed: who owns the folder made them.

    Raises
    ------
    SceneError
        If the name is no text, or leads out of the folder: a scene is data, not a list of your files.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise SceneError(f"{field} is not the name of a file: {name!r}.", input=str(folder))
    path = folder / name
    if Path(os.path.relpath(path, folder)).parts[:1] in ((), (os.pardir,)):  # by the names alone
        raise SceneError(f"{field} {name!r} leads out of {folder}; move what it names into it.", input=name)
    return path


def in_order(name: str) -> list[tuple[int, str]]:
    """Return what sorts names as people number files: 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def read_color(path: Path) -> NDArray[np.uint8]:
    """Read a picture as it is stored: (H, W, 3) uint8 RGB; errors as of ``read_photo``."""
    return read_stored(path)


def size_of(path: Path) -> Size:
    """Read a picture's size from its header.

    Raises
    ------
    SceneError
        If it is missing, or no picture.
    """
    if not path.is_file():
        raise SceneError(f"its picture {path} is missing.", input=str(path))
    try:
        return stored_size(path)
    except InputError as error:
        raise SceneError(f"its picture cannot be read: {error.message}", input=str(path)) from error


def usable(depth: Path, size: Size | None, view: str, warnings: list[str]) -> Path | None:
    """Return a depth's file if it can go with a picture, by its header; else None, and why in ``warnings``.

    Parameters
    ----------
    depth : path
    size : Size or None
        Of the picture it is registered to; None where it has a camera of its own.
    view : str
        What the view is called in the warning.
    warnings : list of str
    """
    try:
        if not depth.is_file():
            raise SceneError(f"its depth {depth} is missing")
        found = _npy_size(depth) if depth.suffix == ".npy" else stored_size(depth)
        if size is not None:
            _check_shape(found, size, depth)
    except InputError as error:
        warnings.append(f"{view} goes without depth: {error.message}")
        return None
    return depth


def _npy_size(path: Path) -> Size:
    shape = [side for side in _load(path).shape if side != 1]
    if len(shape) != 2:
        raise SceneError(f"{path} has the shape {tuple(shape)}; a depth is one channel of numbers.")
    return Size(shape[1], shape[0])


def _load(path: Path) -> NDArray[Any]:
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SceneError(f"{path} cannot be read as a depth: {error}.", input=str(path)) from error
    if not isinstance(loaded, np.ndarray):
        raise SceneError(f"{path} is an archive, not one array.", input=str(path))
    return loaded


def _check_shape(depth: Size, picture: Size, path: Path) -> None:
    if abs(depth.width * picture.height / (depth.height * picture.width) - 1) > SHAPE:
        raise SceneError(
            f"the depth {path} has {depth.width}x{depth.height} pixels, which is another shape than the "
            f"picture's {picture.width}x{picture.height}: it is not registered to it.",
            input=str(path),
        )


def fitted(depth: Depth, size: Size, path: Path) -> Depth:
    """Return a depth in its picture's pixels, by nearest neighbours; SceneError if its shape is another."""
    import cv2

    _check_shape(Size(depth.shape[1], depth.shape[0]), size, path)
    if depth.shape != (size.height, size.width):
        depth = np.asarray(cv2.resize(depth, tuple(size), interpolation=cv2.INTER_NEAREST), dtype=np.float32)
    return np.ascontiguousarray(depth, dtype=np.float32)


def read_depth(path: Path, scale: float, size: Size, invalid: float = 0) -> Depth:
    """Read a depth registered to a colour picture.

    Parameters
    ----------
    path : path
        A 16-bit PNG, or a ``.npy`` of floats.
    scale : float
        Units of the PNG per metre; a ``.npy`` holds metres.
    size : Size
        Of the colour picture; a depth of the same shape in other pixels is resized by nearest neighbours.
    invalid : float
        What the file writes where it knows nothing, beside 0.

    Returns
    -------
    (H, W) float32, metres; 0 where unknown

    Raises
    ------
    SceneError
        If the file is missing, no depth, or of another shape.
    """
    return fitted(raw_depth(path, scale, invalid), size, path)


def raw_depth(path: Path, scale: float, invalid: float = 0) -> Depth:
    """Read a depth in its own pixels; parameters and errors as of :func:`read_depth`."""
    import cv2

    depth: Any
    if not path.is_file():
        raise SceneError(f"its depth {path} is missing.", input=str(path))
    if path.suffix == ".npy":
        depth, scale = np.squeeze(_load(path)), 1.0
    else:
        depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if depth is None or depth.ndim != 2 or not np.issubdtype(depth.dtype, np.number) or not depth.size:
        found = "cannot be read" if depth is None else f"has the shape {depth.shape} of {depth.dtype}"
        raise SceneError(f"{path} {found}; a depth is one channel of numbers.", input=str(path))
    known = np.isfinite(depth) & (depth > 0) & (depth != invalid)
    return np.where(known, depth, 0).astype(np.float32) / np.float32(scale)


def registered(depth: Depth, of: Camera, into: Camera) -> Depth:
    """Re-project a depth of its own camera into the picture of another.

    Parameters
    ----------
    depth : (h, w) float32, metres, 0 where unknown
    of : Camera
        Of the depth, of its size.
    into : Camera
        Of the colour picture.

    Returns
    -------
    (H, W) float32
        Of the picture's size, in no finer pixels than the depth's; the nearest surface where several fall
        together, 0 where none does.
    """
    import cv2

    rows, columns = np.nonzero(depth)
    points = of.unproject(np.stack([columns, rows], axis=1) + 0.5, depth[rows, columns])
    wide = min(into.size.width, of.size.width)
    coarse = into.scaled(Size(wide, max(1, round(wide * into.size.height / into.size.width))))
    pixels, far = coarse.project(points)
    with np.errstate(invalid="ignore"):
        x, y = np.floor(pixels).T
        shown = (far > 0) & (x >= 0) & (y >= 0) & (x < coarse.size.width) & (y < coarse.size.height)
    x, y, far = x[shown].astype(np.int64), y[shown].astype(np.int64), far[shown]
    order = np.argsort(-far, kind="stable")  # the nearest is written last
    out = np.zeros((coarse.size.height, coarse.size.width), np.float32)
    out[y[order], x[order]] = far[order]
    if coarse.size == into.size:
        return out
    return np.asarray(cv2.resize(out, tuple(into.size), interpolation=cv2.INTER_NEAREST), dtype=np.float32)


def read_matrix(path: Path, name: str) -> NDArray[np.float64]:
    """Read a 4x4 or 3x3 or 3x4 matrix of a text file, as rows of numbers.

    Raises
    ------
    SceneError
        If it is missing or holds something else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file, which is an error below
            matrix = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise SceneError(f"{name} {path} cannot be read: {error}.", input=str(path)) from error
    if matrix.shape not in ((4, 4), (3, 3), (3, 4)):
        raise SceneError(f"{name} {path} is no 4x4, 3x4 or 3x3 matrix: {matrix.shape}.", input=str(path))
    return matrix


def read_lens(file: Path, least: int, most: int) -> NDArray[np.float64]:
    """Read fx fy cx cy and what follows of a text file, (N,) with ``least`` <= N <= ``most``.

    Raises
    ------
    SceneError
        If it holds something else, or another number of numbers.
    """
    try:
        numbers = np.array(file.read_text(encoding="utf-8").split(), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise SceneError(f"{file} does not hold fx fy cx cy: {error}.", input=str(file)) from error
    if not least <= len(numbers) <= most:
        message = f"{file} holds {len(numbers)} numbers, not {least} to {most}: fx fy cx cy [k1 k2 p1 p2 k3]."
        raise SceneError(message, input=str(file))
    return numbers


def inverted(camera_to_world: NDArray[np.float64], name: str, file: Path) -> NDArray[np.float64]:
    """Return the world-to-camera pose of a camera-to-world one.

    Raises
    ------
    SceneError
        If it holds a number that is not finite, or cannot be inverted.
    """
    if not np.isfinite(camera_to_world).all():
        message = f"{name} of {file} holds a number that is not finite (NaN or infinite)."
        raise SceneError(message, input=str(file))
    try:
        return np.asarray(np.linalg.inv(camera_to_world), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise SceneError(f"{name} of {file} cannot be inverted.", input=str(file)) from None
