"""Changed photographs: real ones, in which an object is put, taken away, or given another colour here.

They are those that scikit-image and scikit-learn ship in their wheels. What is put in is cut from another of
them; what is taken away was put in before, or is painted over by inpainting (Telea 2004).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MissingExtraError
from .changed_pairs import Pair, Truth, bounds
from .differences import Kind
from .perturb import Pixels

COLOURED = ("astronaut", "cat", "coffee", "hubble_deep_field", "immunohistochemistry", "retina", "rocket")
GREY = ("brick", "camera", "clock", "coins", "grass", "gravel", "moon")
"""Photographs of ``skimage.data`` that need no download."""
LONGEST = 640
"""Pixels of the longer side, to which larger photographs are shrunk."""
RADII = (0.07, 0.14)
"""Half axes of a changed part, as shares of the photograph's shorter side."""
BORDER = 0.08
"""Share of either side, along the border, in which nothing is changed: a shift would push it out."""
VISIBLE, OVER = 24.0, 0.7
"""Grey levels by which at least this share of a changed part must differ: less is no change to see."""
TINT = 60.0
"""Distance in CIELAB's a and b by which a part is recoloured."""
KINDS: tuple[Kind, ...] = ("added", "removed", "recoloured")
Mask = NDArray[np.bool_]


def photographs() -> dict[str, Pixels]:
    """Load the photographs, (H, W, 3) uint8 RGB each.

    Raises
    ------
    MissingExtraError
        If scikit-image or scikit-learn is not installed.
    """
    purpose = "the benchmark's photographs"
    try:
        from skimage import data
    except ImportError:
        raise MissingExtraError("scikit-image", "dev", purpose) from None
    try:
        from sklearn.datasets import load_sample_images
    except ImportError:
        raise MissingExtraError("scikit-learn", "dev", purpose) from None
    found = {name: getattr(data, name)() for name in (*COLOURED, *GREY)}
    found |= dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    return {name: _shrunk(np.asarray(image, np.uint8)) for name, image in found.items()}


def _shrunk(image: NDArray[np.uint8]) -> Pixels:
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
    scale = min(1.0, LONGEST / max(rgb.shape[:2]))
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb, np.uint8)


def photo_pairs(seed: int, photos: dict[str, Pixels]) -> Iterator[Pair]:
    """Change every photograph in each of :data:`KINDS`, the same way for the same seed."""
    for name in photos:
        for kind in KINDS:
            yield changed(random.Random(f"{name}/{kind}/{seed}"), kind, name, photos)


def changed(rng: random.Random, kind: Kind, name: str, photos: dict[str, Pixels]) -> Pair:
    """Change one photograph where it shows: where a change would hardly be seen another is drawn."""
    photo = photos[name]
    for _ in range(500):
        mask = _blob(rng, photo.shape)
        donor = photos[rng.choice([other for other in photos if other != name])]
        before, after = _changed(rng, kind, photo, mask, donor)
        difference = np.abs(before.astype(np.int16) - after).max(2)[mask]
        if (difference > VISIBLE).mean() > OVER:
            break
    box = bounds(mask)
    truth = Truth(kind, None if kind == "added" else box, None if kind == "removed" else box, (box, box))
    return Pair(before, after, truth, source=name)


def _changed(
    rng: random.Random, kind: Kind, photo: Pixels, mask: Mask, donor: Pixels
) -> tuple[Pixels, Pixels]:
    """Return the photograph before and after a change."""
    if kind == "recoloured":
        return photo, _recoloured(rng, photo, mask)
    if kind == "removed" and rng.random() < 0.5:
        return photo, np.asarray(cv2.inpaint(photo, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA), np.uint8)
    with_it = _pasted(rng, photo, mask, donor)
    return (photo, with_it) if kind == "added" else (with_it, photo)


def _blob(rng: random.Random, shape: tuple[int, ...]) -> Mask:
    """Draw where a change is: an ellipse, away from the border."""
    height, width = shape[:2]
    axes = [round(rng.uniform(*RADII) * min(height, width)) for _ in range(2)]
    clear = max(axes) + BORDER * max(height, width)
    centre = (round(rng.uniform(clear, width - clear)), round(rng.uniform(clear, height - clear)))
    mask = np.zeros((height, width), np.uint8)
    return np.asarray(cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 1, -1) > 0)


def _pasted(rng: random.Random, photo: Pixels, mask: Mask, donor: Pixels) -> Pixels:
    """Put a part of another photograph where the mask is; its rim blends in over a pixel or two."""
    box = bounds(mask)
    x, y, wide, high = int(box.x0), int(box.y0), int(box.x1 - box.x0), int(box.y1 - box.y0)
    if donor.shape[0] <= high or donor.shape[1] <= wide:
        return photo
    left, top = rng.randrange(donor.shape[1] - wide), rng.randrange(donor.shape[0] - high)
    with_it = photo.copy()
    with_it[y : y + high, x : x + wide] = donor[top : top + high, left : left + wide]
    return _blended(photo, with_it, mask)


def _recoloured(rng: random.Random, photo: Pixels, mask: Mask) -> Pixels:
    """Turn what the mask covers to another hue, as light or dark as it was."""
    lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    turn = rng.uniform(0, 2 * np.pi)
    lab[..., 1:] += (TINT * np.cos(turn), TINT * np.sin(turn))
    tinted = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255, 0, 255).astype(np.uint8)
    return _blended(photo, tinted, mask)


def _blended(photo: Pixels, other: Pixels, mask: Mask) -> Pixels:
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None] * mask[..., None]
    return (photo * (1 - alpha) + other * alpha).astype(np.uint8)
