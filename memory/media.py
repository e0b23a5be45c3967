"""Pixels of a memory: small JPEGs in a folder, named by the hash of their bytes, so none is kept twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import StorageError
from .still import Origin, Still

LONG_SIDE = 640
"""Of the picture that is kept of a still whose file can be opened again, in pixels."""
QUALITY = 90


class Media:
    """A folder of pictures.

    Parameters
    ----------
    folder : Path
        Made with the first picture.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._serial = count()

    def path(self, name: str) -> Path:
        """Return where the picture of this name lies."""
        return self.folder / name[:2] / f"{name[2:]}.jpg"

    def put(self, jpeg: bytes) -> str:
        """Keep a picture, and return its name; it is whole and on the disk when this returns.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        name = hashlib.sha256(jpeg).hexdigest()
        path = self.path(name)
        if path.exists():
            return name
        half = self.folder / f"half-{os.getpid()}-{next(self._serial)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with half.open("wb") as file:
                file.write(jpeg)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
        except OSError as error:
            half.unlink(missing_ok=True)
            raise StorageError(
                f"a picture cannot be written to {self.folder}: {error.strerror}.", input=str(self.folder)
            ) from error
        return name

    def still(self, path: Path, origin: Origin) -> Still:
        """Read a picture back.

        Raises
        ------
        StorageError
            If its file is gone or damaged.
        """
        try:
            return Still(decoded(path.read_bytes()), origin)
        except (OSError, ValueError) as error:
            raise StorageError(
                f"the picture {path} of this memory is gone or damaged ({error}); "
                f"forget {origin.source} and add it again.",
                input=str(path),
            ) from error

    def names(self) -> Iterator[str]:
        """Yield the names of all pictures."""
        for path in self.folder.glob("??/*.jpg"):
            yield path.parent.name + path.stem

    def remove(self, names: Iterable[str]) -> int:
        """Remove pictures that are there, and return the bytes that this freed."""
        return sum(_removed(self.path(name)) for name in names)

    def remove_halves(self) -> int:
        """Remove what killed runs left half written, and return the bytes that this freed."""
        return sum(_removed(path) for path in self.folder.glob("half-*"))


def encoded(still: Still, long_side: int | None = LONG_SIDE) -> bytes:
    """Return a still as JPEG, made smaller until its longer side is at most ``long_side``."""
    import cv2

    pixels = still.pixels
    if long_side is not None and max(still.size) > long_side:
        scale = long_side / max(still.size)
        width, height = (max(1, round(side * scale)) for side in still.size)
        pixels = _halved(pixels, int(1 / scale))
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _halved(pixels: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """Return pixels made smaller by a whole number: ten times as fast as by any other, and the most is done.

    What is left over at the right and below, less than one pixel of the result, is cut off.
    """
    import cv2

    width, height = pixels.shape[1] // times, pixels.shape[0] // times
    if times < 2 or not width or not height:
        return pixels
    whole = pixels[: height * times, : width * times]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a JPEG of ours: (H, W, 3) uint8 RGB.

    Raises
    ------
    ValueError
        If it is none.
    """
    import cv2

    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if bgr is None:
        raise ValueError("it is no JPEG")
    pixels = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
    pixels.flags.writeable = False
    return pixels


def _removed(path: Path) -> int:
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageError(f"{path} cannot be removed: {error.strerror}.", input=str(path)) from error
    return size
