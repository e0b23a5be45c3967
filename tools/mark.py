"""Mark: numbered boxes drawn on a still, so that a model can speak of "2" instead of coordinates.

Set-of-mark prompting (Yang et al., 2023, arXiv 2310.11441).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw, ImageFont

from ..errors import InputError
from ..memory import Box, Still

COLORS = ((230, 25, 75), (0, 130, 200), (245, 130, 48), (60, 180, 75), (145, 30, 180), (0, 128, 128))
"""Told apart on most pictures, and by most people who are colour-blind; used in turn."""
LINE, FONT, SMALLEST_FONT = 0.005, 0.04, 11
"""Width of a line and height of a number over the still's longer side, and the least height in pixels."""


def mark(still: Still, boxes: Sequence[Box], labels: Sequence[int] | None = None) -> Still:
    """Draw numbered boxes on a still.

    Parameters
    ----------
    still : Still
    boxes : sequence of Box
        In pixels of ``still``. What lies outside of it is not drawn.
    labels : sequence of int from 1 on, optional
        The number of each box, which also decides its colour; by default they are counted from 1.

    Returns
    -------
    Still
        Of pixels in memory: what is drawn on a picture cannot be reopened from its file.

    Raises
    ------
    InputError
        If there is no box, one lies outside the still, or there are not as many labels as boxes.
    """
    if not boxes:
        raise InputError("there is nothing to mark: give at least one box.")
    numbers = range(1, len(boxes) + 1) if labels is None else labels
    if len(numbers) != len(boxes):
        raise InputError(f"{len(boxes)} boxes need as many labels, not {len(numbers)}.")
    width, height = still.size
    image = still.to_pil()
    draw = ImageDraw.Draw(image)
    line = max(2, round(LINE * max(width, height)))
    font = ImageFont.load_default(size=max(SMALLEST_FONT, round(FONT * max(width, height))))
    for number, box in zip(numbers, boxes, strict=True):
        if box.x1 <= 0 or box.y1 <= 0 or box.x0 >= width or box.y0 >= height:
            raise InputError(f"the box {box} lies outside the still of {width}x{height} pixels.")
        color = color_of(number)
        draw.rectangle(_inside(box, width, height), outline=color, width=line)
        _number(draw, str(number), box, color, font)
    return Still.from_array(np.asarray(image))


def color_of(number: int) -> tuple[int, int, int]:
    """Return the colour of a label, RGB: the same wherever it is drawn."""
    return COLORS[(number - 1) % len(COLORS)]


def _inside(box: Box, width: int, height: int) -> tuple[float, float, float, float]:
    """Clip to the last pixels, which a line still shows."""
    return max(0, box.x0), max(0, box.y0), min(width - 1, box.x1 - 1), min(height - 1, box.y1 - 1)


def _number(
    draw: ImageDraw.ImageDraw,
    text: str,
    box: Box,
    color: tuple[int, int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Write a number on a plate, above the box where there is room, else in its corner."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    wide, high = right - left + 6, bottom - top + 6
    x = max(0, box.x0)
    y = box.y0 - high if box.y0 >= high else max(0, box.y0)
    draw.rectangle((x, y, x + wide, y + high), fill=color)
    draw.text((x + 3 - left, y + 3 - top), text, fill="white", font=font)
