"""Claims: places in single views that something is said to be at.

What does not stand out from floor and walls (a door, a picture, a rug) is no piece of :mod:`.proposals`;
windows (:mod:`.windows`) and detectors (:mod:`.detectors`) tell boxes in pictures. A box is narrowed to what
stands out in it by colour; what several views claim is put together in space (:mod:`.agreement`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_fill_holes
from scipy.ndimage import label as connected

from ..memory import Box
from ..memory.scene import Scene
from .proposals import Patch
from .silhouettes import colors

TOUCHES = 0.02
"""Share of a crop's inner border from which a colour belongs to what is around."""
FILLS = 0.15
"""Share of a box that what stands out in it by colour fills, at least, to stand for it."""
CORE = 0.5
"""Part of a box's sides that is lifted where no colour tells what of it is the thing."""
SMALLEST = 3
"""Pixels of a side of what is believed to be anywhere."""


@dataclass(frozen=True, eq=False)
class Claim:
    """A place in one view that a name is claimed to be at.

    Parameters
    ----------
    view : str
    patch : Patch
    loose : float, pixels
        By how much its border may be off, one standard deviation.
    """

    view: str
    patch: Patch
    loose: float


def claim(scene: Scene, view: str, box: Box, margin: int, hidden: NDArray[np.bool_]) -> Claim | None:
    """Narrow a box to what stands out in it.

    Parameters
    ----------
    scene : Scene
    view : str
    box : Box, pixels
    margin : int, pixels
        How far beyond the box the thing may reach.
    hidden : (H, W) bool
        Pixels that show something else.

    Returns
    -------
    Claim or None
        Regions of colours that lie wholly inside of the box and its margin; its middle where there are none;
        None where it is hidden.
    """
    height, width = hidden.shape
    inner = (int(box.x0), int(box.y0), int(np.ceil(box.x1)), int(np.ceil(box.y1)))
    x0, y0 = max(0, inner[0] - margin), max(0, inner[1] - margin)
    x1, y1 = min(width, inner[2] + margin), min(height, inner[3] + margin)
    crop = scene.still(view).pixels[y0:y1, x0:x1]
    core = np.zeros((y1 - y0, x1 - x0), dtype=bool)
    core[inner[1] - y0 : inner[3] - y0, inner[0] - x0 : inner[2] - x0] = True
    free = ~hidden[y0:y1, x0:x1]
    inside = (x0 > 0, y0 > 0, x1 < width, y1 < height)
    mask = _standing_out(crop, core, free, inside) if any(inside) else None
    loose = 1.0
    if mask is None:
        mask = np.zeros_like(core)
        wide, high = (inner[2] - inner[0]) * CORE / 2, (inner[3] - inner[1]) * CORE / 2
        x, y = (inner[0] + inner[2]) / 2 - x0, (inner[1] + inner[3]) / 2 - y0
        mask[int(y - high) : int(y + high) + 1, int(x - wide) : int(x + wide) + 1] = True
        mask &= free
        loose = max(wide, high, margin / 2)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) < SMALLEST or len(columns) < SMALLEST:
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    place = (int(x0 + left), int(y0 + top), int(x0 + right), int(y0 + bottom))
    cut = place[0] == 0 or place[1] == 0 or place[2] == width or place[3] == height
    return Claim(view, Patch(place, mask[top:bottom, left:right], cut), float(loose))


def _standing_out(
    crop: NDArray[np.uint8],
    core: NDArray[np.bool_],
    free: NDArray[np.bool_],
    inside: tuple[bool, bool, bool, bool],
) -> NDArray[np.bool_] | None:
    """Return the pixels of a crop whose colours do not go on around it, as far as they hang together.

    ``inside``: which of the crop's borders (left, top, right, bottom) lie inside of the picture.
    """
    label, leaders = colors(crop)
    edges = (label[:, 0], label[0], label[:, -1], label[-1])
    border = np.concatenate([edge for edge, counts in zip(edges, inside, strict=True) if counts])
    mask = np.zeros_like(core)
    for number in range(len(leaders)):
        if (border == number).mean() > TOUCHES:
            continue
        own = (label == number) & free
        if (own & core).sum() * 2 >= own.sum() or (own & core).sum() * 4 >= core.sum():
            mask |= own
    mask = binary_fill_holes(binary_closing(mask, np.ones((3, 3)), iterations=2)) & free
    parts, count = connected(mask, np.ones((3, 3)))
    if not count:
        return None
    shares = np.bincount(parts[core], minlength=count + 1)[1:]
    best = int(shares.argmax())
    return parts == best + 1 if shares[best] >= FILLS * core.sum() else None
