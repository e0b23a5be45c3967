"""Pictures of a report: each embedded once, shrunk and compressed so that the page stays small."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from PIL import Image

from ..agent.result import Result
from ..errors import EvidenceError
from ..memory import Box, Size, Still, StillRef

LONGEST = 1600
"""Pixels of the longer side of an embedded picture; larger ones are shrunk to it."""
MOST_BYTES = 24 * 2**20
"""All embedded pictures of a page together; base64 makes a third more of it."""
PICTURE_BYTES = 2**20
"""One embedded picture, at most; less where there are more than 24. It is shrunk until it fits."""
PREVIEW, PREVIEW_BYTES = 480, 40_000
"""Pixels of the longer side of a preview, and its bytes, at most."""
QUALITY = 90
"""Of JPEG, which all but drawings are kept as; with all of their colour, as that may be what has changed."""
FEW_COLORS = 256
"""Up to so many, a picture is a drawing, which PNG keeps as it is."""
COARSE = 320
"""Pixels of the longer side below which a picture is shown with its pixels seen, not blurred."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the page.

    Parameters
    ----------
    id : str
        By which the page refers to it.
    size : Size
        In pixels of the still, whatever the embedded picture has: boxes are measured on it.
    missing : str
        Why it cannot be shown; empty where it can.
    """

    id: str
    size: Size
    missing: str = ""

    @property
    def coarse(self) -> bool:
        """Whether its pixels are to be seen."""
        return max(self.size) < COARSE


class Album:
    """All pictures of a page, each once however often it is shown.

    Parameters
    ----------
    result : Result
        Whose pictures they are, and which has their pixels.
    """

    def __init__(self, result: Result) -> None:
        self._result = result
        self._shown: dict[tuple[StillRef, Box | None], Shown] = {}
        self._stills: dict[str, Still] = {}
        self._previews: dict[str, tuple[Shown, str]] = {}

    def show(self, ref: StillRef, region: Box | None = None) -> Shown:
        """Return a still, or the part of it that a crop shows, for the page; and keep it for embedding."""
        key = (ref, region)
        if key not in self._shown:
            name = f"picture-{len(self._shown) + 1}"
            self._shown[key] = self._opened(name, ref, region)
        return self._shown[key]

    def _opened(self, name: str, ref: StillRef, region: Box | None) -> Shown:
        try:
            whole = self._result.still(ref)
        except EvidenceError as error:
            size = Size(ref.width, ref.height)
            if region is not None:
                size = Size(max(1, round(region.x1 - region.x0)), max(1, round(region.y1 - region.y0)))
            return Shown(name, size, error.message)
        self._stills[name] = whole if region is None else whole.crop(region)
        return Shown(name, self._stills[name].size)

    def keep(self, still: Still) -> Shown:
        """Return a still whose pixels are at hand for the page; and keep it for embedding."""
        key = (still.ref, still.region)
        if key not in self._shown:
            name = f"picture-{len(self._shown) + 1}"
            self._stills[name] = still
            self._shown[key] = Shown(name, still.size)
        return self._shown[key]

    def preview(self, still: Still) -> Shown:
        """Return a still for the page, small; its pixels are not kept."""
        if still.sha256 not in self._previews:
            shown = Shown(f"preview-{len(self._previews) + 1}", still.size)
            image = still.to_pil()
            image.thumbnail((PREVIEW, PREVIEW), Image.Resampling.BICUBIC, reducing_gap=2.0)
            self._previews[still.sha256] = (shown, data_url(image, PREVIEW_BYTES))
        return self._previews[still.sha256][0]

    def still(self, shown: Shown) -> Still | None:
        """Return the pixels of a picture, or None where they are missing."""
        return self._stills.get(shown.id)

    def embedded(self) -> list[tuple[Shown, str]]:
        """Return every picture that is not missing, and every preview, with its ``data:`` URL."""
        there = [shown for shown in self._shown.values() if not shown.missing]
        most = min(PICTURE_BYTES, MOST_BYTES // max(1, len(there)))
        pictures = [(shown, data_url(self._stills[shown.id].to_pil(), most)) for shown in there]
        return [*pictures, *self._previews.values()]


def data_url(image: Image.Image, most: int = PICTURE_BYTES) -> str:
    """Return a picture as a ``data:`` URL.

    Parameters
    ----------
    image : RGB picture
    most : int
        Bytes that it may have, before base64.
    """
    scale = min(1.0, LONGEST / max(image.size))
    if scale == 1 and image.getcolors(FEW_COLORS) is not None:
        data = _encoded(image, "PNG", optimize=True)
        if len(data) <= most:
            return f"data:image/png;base64,{base64.b64encode(data).decode()}"
    while True:
        data = _encoded(_scaled(image, scale), "JPEG", quality=QUALITY, subsampling=0)
        if len(data) <= most or scale * max(image.size) <= 1:
            return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        scale *= 0.8


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    if scale == 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
