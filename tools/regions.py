"""Regions: where two aligned pictures differ by more than noise, edges and light explain.

The noise of a pair is fitted to the pair: a floor, from its smooth parts, and a share of the local contrast,
from its edges, where a shift of half a pixel or a compression artefact differs most and means least.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .align import Aligned
from .light import contrast as contrast_of

SCALES = (1, 2, 4)
"""How far both pictures are shrunk: weak but wide changes rise from the noise when they are."""
SURE = 6.0
"""Deviations of the fitted noise from which a pixel has changed."""
FLOOR, EDGE = 1.5, 0.12
"""Least noise, in grey levels, and least share of the local contrast, that is believed."""
LINKS = 3.0
"""Deviations of pixels that link surer ones to one region, as in hysteresis (Canny 1986)."""
LEAST_CHANGE = 12.0
"""Grey levels by which a region must differ at its middle half."""
LEAST_AREA = 2.5e-4
"""Share of the picture below which a region is a speck."""
NEAR = 0.012
"""Share of the diagonal that joins neighbouring specks to one region."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A changed region, in pixels of :class:`Aligned`.

    Parameters
    ----------
    x0, y0, x1, y1 : int
        Its box.
    mask : (y1 - y0, x1 - x0) bool
        Its changed pixels.
    deviations : float
        By how much it differs, in deviations of the pair's noise: the median over the mask.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    mask: NDArray[np.bool_]
    deviations: float


def changed_regions(aligned: Aligned) -> list[Changed]:
    """Find the changed regions of a pair, the strongest first.

    Parameters
    ----------
    aligned : Aligned

    Returns
    -------
    list of Changed
        Empty where nothing differs beyond noise.
    """
    height, width = aligned.valid.shape
    strength = np.zeros((height, width), np.float32)
    for scale in SCALES:
        if min(height, width) // scale < 24:
            break
        z = _deviations(aligned, scale)
        strength = np.maximum(strength, cv2.resize(z, (width, height), interpolation=cv2.INTER_LINEAR))
    strength[~aligned.valid] = 0
    sure = (strength > SURE).astype(np.uint8)
    mask = cv2.morphologyEx(sure, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    labels, boxes = _linked(mask, strength)
    difference = np.abs(aligned.before - aligned.after).max(2)
    found = []
    for index, (x, y, w, h) in boxes.items():
        inside = labels[y : y + h, x : x + w] == index
        if inside.sum() < max(12, LEAST_AREA * height * width):
            continue
        if np.median(difference[y : y + h, x : x + w][inside]) < LEAST_CHANGE:
            continue
        deviations = float(np.median(strength[y : y + h, x : x + w][inside]))
        found.append(Changed(int(x), int(y), int(x + w), int(y + h), inside, deviations))
    return sorted(found, key=lambda region: -region.deviations * region.mask.sum())


def _linked(
    mask: NDArray[Any], strength: NDArray[np.float32]
) -> tuple[NDArray[np.int32], dict[int, tuple[int, int, int, int]]]:
    """Label the pixels of ``mask``, neighbours and what weaker pixels link alike; give each label's box."""
    height, width = mask.shape
    reach = max(3, round(NEAR * float(np.hypot(height, width)))) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    weak = cv2.morphologyEx((strength > LINKS).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    linked = cv2.bitwise_or(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc), weak)
    _, joined = cv2.connectedComponents(linked, connectivity=8)
    labels = np.where(mask > 0, joined, 0).astype(np.int32)
    boxes = {}
    for index in np.unique(labels[labels > 0]):
        x, y, w, h = cv2.boundingRect((labels == index).astype(np.uint8))
        boxes[int(index)] = (x, y, w, h)
    return labels, boxes


def _deviations(aligned: Aligned, scale: int) -> NDArray[np.float32]:
    """Return by how many deviations of the fitted noise each pixel differs, at one scale."""
    one, two = (_smooth(image, scale) for image in (aligned.before, aligned.after))
    difference = np.abs(one - two).max(2)
    contrast = np.maximum(contrast_of(one), contrast_of(two))
    valid = (
        cv2.resize(aligned.valid.astype(np.uint8), difference.shape[::-1], interpolation=cv2.INTER_NEAREST)
        > 0
    )
    if valid.sum() < 100:
        return np.zeros_like(difference)
    d, c = difference[valid], contrast[valid]
    smooth = c <= np.quantile(c, 0.5)
    floor = max(FLOOR / scale, 1.48 * float(np.median(d[smooth])))
    edges = c >= np.quantile(c, 0.9)
    share = max(EDGE, 1.48 * float(np.median(np.maximum(0, d[edges] - floor) / np.maximum(c[edges], 1e-3))))
    return np.asarray(difference / np.sqrt(floor**2 + (share * contrast) ** 2), np.float32)


def _smooth(image: NDArray[Any], scale: int) -> NDArray[np.float32]:
    if scale > 1:
        size = (image.shape[1] // scale, image.shape[0] // scale)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0), np.float32)


def no_noise(deviations: float) -> float:
    """Return the probability that what differs by so many deviations of the noise is none."""
    return 1 - 0.5 * math.exp(1 - deviations / SURE)
