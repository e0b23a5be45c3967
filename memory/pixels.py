"""Pixels: any image mode or array becomes upright 8-bit RGB, by one set of rules."""

from __future__ import annotations

import struct
import threading
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from ..errors import InputError

WHITE = (255, 255, 255)
"""What transparent pictures are put on, as a page or a browser would."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WITH_ALPHA = {"RGBA", "LA", "PA", "RGBa", "La"}
_WITH_KEY = {"1", "L", "P", "RGB"}  # where info["transparency"] names a colour or palette entries
_reading_exif = threading.Lock()  # catch_warnings changes the process, so one thread at a time


def rgb_from_image(image: Image.Image, *, upright: bool = True) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Turn a PIL image upright and to RGB.

    16-bit grey is scaled by 1/257. Modes without a stated range follow :func:`_eight_bit`. Colour profiles
    are not applied, except for LAB, which has no meaning without one.

    Parameters
    ----------
    image : PIL image of any mode
        Its first frame is read.
    upright : bool
        Turn it by its EXIF orientation.

    Returns
    -------
    pixels : (H, W, 3) uint8, RGB; possibly read-only
    notes : tuple of str
        What was decided that the picture does not say itself.
    """
    notes: list[str] = []
    image = _upright(image, notes) if upright else image
    if image.mode.startswith("I") or image.mode == "F":
        return rgb_from_array(_eight_bit(image, notes)), tuple(notes)
    if image.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, *profiles, outputMode="RGB") or image
    elif image.mode in _WITH_ALPHA or (image.mode in _WITH_KEY and "transparency" in image.info):
        image = _on_white(image)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB")), tuple(notes)


def rgb_from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Turn an array to RGB.

    Parameters
    ----------
    array : (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        bool, uint8, uint16 (scaled from 0..65535) or float in 0..1; four channels are RGBA, put on white.

    Returns
    -------
    (H, W, 3) uint8, RGB; never memory of the one given.

    Raises
    ------
    InputError
        If shape, dtype or range is another.
    """
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        raise InputError(
            f"an array of shape {array.shape} is no picture; pass (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)."
        )
    array = _array_to_uint8(array)
    if array.shape[2] == 4:
        return np.asarray(_on_white(Image.fromarray(array)))
    return np.array(np.broadcast_to(array, (*array.shape[:2], 3)), order="C")


def _array_to_uint8(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return _from_sixteen_bit(array)
    if np.issubdtype(array.dtype, np.floating):
        if array.min() >= 0 and array.max() <= 1:  # false for NaN too
            return np.round(array * 255).astype(np.uint8)
        raise InputError(f"a float picture must lie in 0..1, not {array.min():g}..{array.max():g}.")
    raise InputError(f"an array of {array.dtype} is no picture; pass bool, uint8, uint16 or float in 0..1.")


def _upright(image: Image.Image, notes: list[str]) -> Image.Image:
    """Apply the EXIF orientation.

    ``ImageOps.exif_transpose`` would also write the EXIF data anew, which fails where a tag that does not
    matter here is malformed; and it copies pictures that are upright already, which is dear for large ones.
    """
    image.load()
    orientation: Any = None
    with _reading_exif, warnings.catch_warnings(record=True) as garbled:
        warnings.simplefilter("always")
        try:
            orientation = image.getexif().get(ExifTags.Base.Orientation)
            malformed = orientation is None and bool(garbled)
        except (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error):
            malformed = True
    if malformed:
        notes.append("its EXIF data is malformed, so it is taken to be upright")
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _on_white(image: Image.Image) -> Image.Image:
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    background = Image.new("RGB", image.size, WHITE)
    background.paste(image, mask=image.getchannel("A"))
    return background


def _from_sixteen_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _eight_bit(image: Image.Image, notes: list[str]) -> NDArray[np.uint8]:
    """Scale a picture of integers or floats to 8 bit.

    ``I;16`` is 16-bit by its name. ``I`` and ``F`` say nothing about their range, so it is read off the
    values: 0..1 (``F``), 0..255 or 0..65535 (``I``), else stretched from smallest to largest, with a note.
    """
    values = np.asarray(image)
    scaled_by_pillow = image.mode == "I" and image.format == "PPM"  # a PGM of more than 8 bit
    if image.mode.startswith("I;16") or scaled_by_pillow:
        return _from_sixteen_bit(values)
    finite = np.isfinite(values)
    if not finite.all():
        notes.append("pixels that are not a number were made black")
    values = np.where(finite, values, 0).astype(np.float64)
    low, high = values.min(), values.max()
    if image.mode == "F" and low >= 0 and high <= 1:
        values = values * 255
    elif low < 0 or high > (65535 if image.mode == "I" else 255):
        notes.append(f"its values {low:g}..{high:g} were stretched to 0..255")
        values = (values - low) * (255 / (high - low) if high > low else 0)
    elif high > 255:
        return _from_sixteen_bit(values)
    return np.round(values).astype(np.uint8)
