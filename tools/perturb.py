"""Perturb: what a picture goes through without anything in it changing: seven ways, each with its geometry.

Comparing must find nothing between a picture and any of these, and all that has changed in spite of them.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""(H, W, 3) RGB."""
Matrix = NDArray[np.float64]
"""(3, 3): where a pixel of the picture is once perturbed."""
Perturb = Callable[[Pixels], Pixels]
QUALITY, GRAIN, GAIN, OFFSET, GAMMA = 40, 8.0, 1.15, 12.0, 0.8
"""Of JPEG (0..100); grey levels of noise (one deviation); factor, grey levels and exponent of light."""
SHIFT, DEGREES = 0.02, 2.0
"""Shift as a share of width and height; rotation about the middle."""
TILT = ((0.02, 0.01), (-0.015, 0.02), (0.01, -0.02), (-0.02, 0.0))
"""By which shares of width and height perspective moves the four corners, clockwise from the top left."""


def jpeg(image: Pixels) -> Pixels:
    """Compress and open again, at a quality where blocks show."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def noise(image: Pixels) -> Pixels:
    """Add grain, always the same."""
    grain = np.random.default_rng(0).normal(0, GRAIN, image.shape)
    return np.asarray(np.clip(image + grain, 0, 255), np.uint8)


def brighter(image: Pixels) -> Pixels:
    """Scale and lift all values; the brightest clip."""
    return np.asarray(np.clip(image * GAIN + OFFSET, 0, 255).astype(np.uint8))


def gamma(image: Pixels) -> Pixels:
    """Lighten the dark more than the bright."""
    return np.asarray(np.clip(255 * (image / 255) ** GAMMA, 0, 255).astype(np.uint8))


def shifted(image: Pixels) -> Pixels:
    """Move right and up, by a share of either side."""
    return _warped(image, matrix_of("shifted", image))


def turned(image: Pixels) -> Pixels:
    """Rotate about the middle."""
    return _warped(image, matrix_of("turned", image))


def tilted(image: Pixels) -> Pixels:
    """See it from a little aside: a perspective that moves every corner."""
    return _warped(image, matrix_of("tilted", image))


PERTURBATIONS: dict[str, Perturb] = {
    way.__name__: way for way in (jpeg, noise, brighter, gamma, shifted, turned, tilted)
}


def matrix_of(name: str, image: Pixels) -> Matrix:
    """Return where a perturbation brings the pixels of a picture.

    Parameters
    ----------
    name : str
        A key of :data:`PERTURBATIONS`; any other stands for leaving the picture as it is.
    image : (H, W, 3) uint8

    Returns
    -------
    (3, 3) float64
        The identity for what changes light, grain or compression alone.
    """
    height, width = image.shape[:2]
    if name == "shifted":
        return np.array([[1, 0, SHIFT * width], [0, 1, -SHIFT * height], [0, 0, 1]], np.float64)
    if name == "turned":
        return np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), DEGREES, 1), [0, 0, 1]])
    if name == "tilted":
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        ends = corners + np.array(TILT, np.float32) * np.array([width, height], np.float32)
        return np.asarray(cv2.getPerspectiveTransform(corners, ends), np.float64)
    return np.eye(3)


def _warped(image: Pixels, matrix: Matrix) -> Pixels:
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpPerspective(image, matrix, size, borderMode=cv2.BORDER_REFLECT), np.uint8)
