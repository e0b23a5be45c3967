"""Stills to the vision tower's input: what the transformers image processors do, on uint8 tensors.

Resizing is torch's antialiased bicubic on uint8: Pillow's filter with weights of 16 bits for its 22, and four
to ten times as fast. Of what one direction makes, one value in 200 is off by 1 of 255, and none by more. The
other direction spreads such a value along its column (or row), with weights that may exceed 1: measured over
both, 0.6 % of the values are off by 1, three in a million by 2, none by more. Everything stays uint8 until
:func:`normalise`, so that what travels to a GPU is a quarter of the size. Where pixels go is decided by
:meth:`Vision.layout`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ...memory.still import Still
from .anyres import Layout, Mode, Vision

LONGEST_CENTRE = 64
"""A frame's centre square is cut from at most its central 64:1 part: otherwise a 20000x4 frame would be
enlarged to 1,680,000 columns before nearly all of them are thrown away."""

PADDED_VALUES = 1 << 24
"""A tall still is padded to a square by bands of at most this many values: 16 MB, not the whole square."""


def crops(still: Still, vision: Vision, mode: Mode, layout: Layout | None = None) -> Tensor:
    """Cut a still into the squares that the vision tower sees.

    Parameters
    ----------
    still : Still
    vision : Vision
        Of the checkpoint.
    mode : "anyres", "tile" or "frame"
    layout : Layout, optional
        Of the still in this mode, if it has been computed already.

    Returns
    -------
    (crops, 3, tile, tile) uint8
        With a grid: the overview, then the tiles row by row.

    Raises
    ------
    ValueError
        If the checkpoint's family does not have the mode.
    """
    layout = layout or vision.layout(still.size, mode)
    # No copy: the array is read-only, and nothing below writes to the tensor.
    image = _tensor(still)
    tile = vision.tile
    if mode == "frame" or vision.family == "llava":
        square = _centre(image, tile) if vision.resize == "crop" else resize(image, tile, tile)
        return square[None]
    if mode == "tile" and vision.family == "llava_onevision":
        return _padded(image, tile, vision.mean)[None]
    if layout.fed != still.size:
        image = resize(image, layout.fed.width, layout.fed.height)
    return torch.cat([resize(image, tile, tile)[None], _tiles(image, layout, tile)])


def normalise(pixels: Tensor, vision: Vision, dtype: torch.dtype) -> Tensor:
    """Scale uint8 crops by the tower's mean and standard deviation, on the device they are on.

    Parameters
    ----------
    pixels : (..., 3, height, width) uint8
    vision : Vision
    dtype : of the result; the arithmetic is float32
    """
    mean = torch.tensor(vision.mean, device=pixels.device).view(3, 1, 1) * 255
    std = torch.tensor(vision.std, device=pixels.device).view(3, 1, 1) * 255
    return ((pixels - mean) / std).to(dtype)


def resize(image: Tensor, width: int, height: int) -> Tensor:
    """Resize (3, H, W) uint8 with an antialiased bicubic filter; the result is uint8, too.

    Each direction is a pass of its own, rounded to uint8, and which comes first changes a fifth of the values
    by 1 or more. Horizontal first, except where Pillow >= 13 begins vertically, too: the height shrinks by
    more than twice as many pixels as the width (python-pillow/Pillow#9549).
    """
    _, rows, columns = image.shape
    if rows > height and rows - height > 2 * (columns - width):
        image = _interpolated(image, columns, height)
    return _interpolated(image, width, height)


def _interpolated(image: Tensor, width: int, height: int) -> Tensor:
    if image.shape[1:] == (height, width):
        return image
    return functional.interpolate(image[None], (height, width), mode="bicubic", antialias=True)[0]


def _tensor(still: Still) -> Tensor:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(still.pixels).permute(2, 0, 1)


def _tiles(image: Tensor, layout: Layout, tile: int) -> Tensor:
    """Lay the still on the middle of its black canvas and cut that into tiles, row by row."""
    canvas = torch.zeros((3, layout.canvas.height, layout.canvas.width), dtype=torch.uint8)
    left = (layout.canvas.width - layout.inner.width) // 2
    top = (layout.canvas.height - layout.inner.height) // 2
    canvas[:, top : top + layout.inner.height, left : left + layout.inner.width] = resize(
        image, *layout.inner
    )
    rows, columns = layout.canvas.height // tile, layout.canvas.width // tile
    cut = canvas.view(3, rows, tile, columns, tile).permute(1, 3, 0, 2, 4)
    return cut.reshape(rows * columns, 3, tile, tile)


def _centre(image: Tensor, tile: int) -> Tensor:
    """Resize the shortest edge to the tile and cut out the middle, as the CLIP processor does."""
    _, height, width = image.shape
    longest = LONGEST_CENTRE * min(height, width)
    if width > longest:
        image = image[:, :, (width - longest) // 2 :][:, :, :longest]
    elif height > longest:
        image = image[:, (height - longest) // 2 :][:, :longest]
    _, height, width = image.shape
    if width <= height:
        width, height = tile, int(tile * height / width)
    else:
        width, height = int(tile * width / height), tile
    image = resize(image, width, height)
    top, left = (height - tile) // 2, (width - tile) // 2
    return image[:, top : top + tile, left : left + tile]


def _padded(image: Tensor, tile: int, mean: tuple[float, float, float]) -> Tensor:
    """Pad to a square of the mean colour and resize it to the tile, horizontally first.

    The square never exists at full size (of a 20000x4 still it would have 1.2 GB): a wide still is padded
    after the horizontal pass, a tall one by bands of rows before it.
    """
    _, height, width = image.shape
    side = max(height, width)
    background = torch.tensor([int(channel * 255) for channel in mean], dtype=torch.uint8).view(3, 1, 1)
    if width >= height:
        square = background.expand(3, side, tile).clone()
        start = (side - height) // 2
        square[:, start : start + height] = _interpolated(image, tile, height)
        return _interpolated(square, tile, tile)
    start = (side - width) // 2
    narrowed = []
    for band in image.split(max(1, PADDED_VALUES // (3 * side)), dim=1):
        padded = background.expand(3, band.shape[1], side).clone()
        padded[:, :, start : start + width] = band
        narrowed.append(_interpolated(padded, tile, band.shape[1]))
    return _interpolated(torch.cat(narrowed, dim=1), tile, tile)
