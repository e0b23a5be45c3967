"""Photos: picture files become stills, or an error that says what to do."""

from __future__ import annotations

import os
import re
import struct
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ...errors import InputError
from ..pixels import rgb_from_image
from ..still import Photo, Size, Still
from .files import checked_path, files_in, regular_file

MAX_PIXELS = 200_000_000
"""Largest photo that is decoded, by its header: 200 megapixels are 600 MB of RGB, and 2 GB while decoding."""

MAX_BATCH_PIXELS = 1_000_000_000
"""Most pixels that one call of :func:`photos` decodes: they are all in memory at once, 3 bytes each."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF")
"""Pillow's readers that are used. Others, like EPS, run foreign programs or guess from weak signatures."""

SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".gif", ".tif", ".tiff"}
    | {".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"}
    | {".heic", ".heif"}  # not read, but who asks about a folder must hear that these were left out
)
"""What counts as a picture when a folder is expanded."""


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:,.0f} megapixels"


_ADVICE = f"more than the limit of {_megapixels(MAX_PIXELS)}: make it smaller first"
_HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1")
# What Pillow's readers were seen to raise, or could, on files with flipped and missing bytes.
_DECODER_ERRORS = (
    *(OSError, SyntaxError, RuntimeError, ValueError, TypeError, LookupError, EOFError),
    *(ArithmeticError, struct.error),
)
_opening = threading.Lock()


def read_photo(path: str | os.PathLike[str]) -> Still:
    """Read one picture file.

    Parameters
    ----------
    path : str or path
        A regular file in one of ``FORMATS``.

    Returns
    -------
    Still
        Upright by the EXIF orientation, RGB whatever the mode (see :mod:`sightloop.memory.pixels`); of
        several frames the first, with a note. Its origin holds the absolute path.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated, not a picture, not a regular file, not readable, or larger
        than ``MAX_PIXELS`` by its header, which is checked before anything is decoded.
    """
    return _read(path, MAX_PIXELS, _ADVICE)


def read_stored(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read the pixels of a picture as they are stored, whatever its EXIF orientation; errors as above.

    That is what cameras are calibrated for. Returns (H, W, 3) uint8 RGB.
    """
    with opened_picture(path) as image:
        return np.ascontiguousarray(rgb_from_image(image, upright=False)[0])


def stored_size(path: str | os.PathLike[str]) -> Size:
    """Read a picture's width and height as they are stored, from its header alone; errors as above."""
    with opened_picture(path) as image:
        return Size(*image.size)


@contextmanager
def opened_picture(
    path: str | os.PathLike[str], limit: int = MAX_PIXELS, advice: str = _ADVICE
) -> Iterator[Image.Image]:
    """Open a picture file; until it is closed, what Pillow raises becomes an error as above.

    Parameters
    ----------
    path : str or path
    limit : int
        Pixels, by its header, above which it is refused.
    advice : str
        What the refusal says.
    """
    with regular_file(path, "picture") as file, _decoding(path, file, advice), _opened(file, limit) as image:
        yield image


def photos(paths: Iterable[str | os.PathLike[str]]) -> tuple[list[Still], list[InputError]]:
    """Read many picture files; folders stand for the pictures directly in them, sorted by name.

    Parameters
    ----------
    paths : iterable of str or path

    Returns
    -------
    stills : list of Still
        In the order given.
    errors : list of InputError
        One for each file that could not be read, each folder without pictures, and each file left out
        because the batch already holds ``MAX_BATCH_PIXELS``.
    """
    stills: list[Still] = []
    errors: list[InputError] = []
    room = MAX_BATCH_PIXELS
    full = f"and with it the pictures would pass {_megapixels(MAX_BATCH_PIXELS)} together: pass fewer at once"
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        try:
            files = _expand(path)
        except InputError as error:
            errors.append(error)
            continue
        for file in files:
            try:
                still = read_photo(file) if room >= MAX_PIXELS else _read(file, room, full)
            except InputError as error:
                errors.append(error)
            else:
                stills.append(still)
                room -= still.size.width * still.size.height
    return stills, errors


def _expand(path: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
    """Return the pictures of a folder, or the path itself where it is no folder."""
    folder = checked_path(path, "picture")
    try:
        if not folder.is_dir():
            return [path]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", input=str(path)) from error
    found = files_in(folder, SUFFIXES)
    if not found:
        raise InputError(
            f"the folder {path} has no pictures in it (subfolders are not searched; "
            f"pictures end in {' '.join(sorted(SUFFIXES))}).",
            input=str(path),
        )
    return list(found)


def _read(path: str | os.PathLike[str], limit: int, advice: str) -> Still:
    with opened_picture(path, limit, advice) as image:
        pixels, notes = rgb_from_image(image)
        # A phone's MPO holds a preview or a gain map beside the photo, which nobody would ask about.
        if getattr(image, "is_animated", False) and image.format != "MPO":
            notes = (*notes, "it holds several frames; only the first was read")
    pixels.flags.writeable = False
    return Still(pixels, Photo(source=str(Path(path).absolute())), notes=notes)


@contextmanager
def _opened(file: BinaryIO, limit: int) -> Iterator[Image.Image]:
    """Open an image by its header, with our limit in place of Pillow's.

    Pillow's is global, and some of its readers apply it before they say how large the picture is: it raises
    from twice ``MAX_IMAGE_PIXELS``. It is put back at once; the lock keeps our own threads from mixing it up.
    """
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it also warns from once MAX_IMAGE_PIXELS, which is fine here
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = limit // 2
        try:
            image = Image.open(file, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = before
    with image:
        yield image


@contextmanager
def _decoding(path: str | os.PathLike[str], file: BinaryIO, advice: str) -> Iterator[None]:
    """Turn what Pillow raises into an error that says what is wrong with the file."""
    try:
        yield
    except Image.DecompressionBombError as error:
        found = re.search(r"\d+", str(error))  # the number of pixels; Pillow gives it nowhere else
        size = f" of {_megapixels(int(found[0]))}" if found else ""
        raise InputError(f"{path} is a picture{size}, {advice}.", input=str(path)) from error
    except MemoryError as error:
        raise InputError(
            f"{path} does not fit in memory, or is damaged and only claims to be that large.", input=str(path)
        ) from error
    except UnidentifiedImageError as error:
        raise _unidentified(path, file) from error
    except _DECODER_ERRORS as error:
        raise InputError(
            f"{path} is truncated or damaged ({error}); copy or download it again.", input=str(path)
        ) from error


def _unidentified(path: str | os.PathLike[str], file: BinaryIO) -> InputError:
    file.seek(0)
    head = file.read(16)
    if head[4:12] in _HEIC_BRANDS:
        return InputError(
            f"{path} is a HEIC picture, which is not read; convert it to JPEG.", input=str(path)
        )
    for name in FORMATS:
        accepts = Image.OPEN[name][1]
        if accepts is not None and accepts(head) is True:
            return InputError(
                f"{path} starts like {name}, but is truncated, damaged or of a kind that is not read; "
                "copy or download it again, or convert it to PNG.",
                input=str(path),
            )
    return InputError(
        f"{path} is not a picture in a format that is read ({', '.join(FORMATS)}).", input=str(path)
    )
