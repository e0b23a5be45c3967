"""Files of scenes: colour pictures and depths, as every reader reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError
from ..still import Size
from .photos import read_photo


def read_color(path: Path) -> NDArray[np.uint8]:
    """Read a picture: (H, W, 3) uint8 RGB; errors as of ``read_photo``."""
    return read_photo(path).pixels


def read_depth(path: Path, scale: float, size: Size) -> NDArray[np.float32]:
    """Read a depth registered to a colour picture.

    Parameters
    ----------
    path : path
        A 16-bit PNG, or a ``.npy`` of floats.
    scale : float
        Units of the PNG per metre; a ``.npy`` holds metres.
    size : Size
        Of the colour picture; a depth of the same shape in other pixels is resized by nearest neighbours.

    Returns
    -------
    (H, W) float32, metres; 0 where unknown

    Raises
    ------
    SceneError
        If the file is missing, no depth, or of another shape.
    """
    import cv2

    if path.suffix == ".npy":
        depth = np.load(path, allow_pickle=False).astype(np.float32)
    else:
        raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if raw is None:
            raise SceneError(f"{path} cannot be read as a depth.", input=str(path))
        depth = raw.astype(np.float32) / np.float32(scale)
    if depth.shape != (size.height, size.width):
        depth = cv2.resize(depth, tuple(size), interpolation=cv2.INTER_NEAREST)
    depth[~np.isfinite(depth) | (depth < 0)] = 0
    return np.ascontiguousarray(depth, dtype=np.float32)
