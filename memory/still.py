"""Stills and evidence: the vocabulary of the whole package.

A :class:`Still` is pixels plus the :data:`Origin` they came from. :class:`Evidence` is a claim about a
:data:`Region` of a still, small enough for JSON, and can be reopened from its origin alone.

Conventions (the whole package): sizes are :class:`Size`, width first; pixel coordinates are (x, y) in the
upright still, (0, 0) is the top-left corner of the top-left pixel; lengths are metres, times are seconds.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

from ..errors import EvidenceError, InputError
from .pixels import rgb_from_array, rgb_from_image

MEMORY = "memory:"
"""Prefix of the source of stills made from an array: nothing outside the process can reopen them."""

LIVE = "live:"
"""Prefix of the source of stills of a device, or of a file watched as if it were one."""

MIN_CROP = 2
"""Smallest side of a crop in pixels, unless the still itself is smaller."""


class Size(NamedTuple):
    """Width and height in pixels, in this order everywhere."""

    width: int
    height: int


class _Value(BaseModel):
    """Immutable, and strict about names: a misspelt field is an error, not a silently ignored one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Photo(_Value):
    """A photo: ``source`` is the absolute path of its file, or ``memory:<hash>`` for an array."""

    kind: Literal["photo"] = "photo"
    source: str


class Frame(_Value):
    """A frame of a video, shown at ``t`` seconds (its presentation time), the ``index``-th from 0."""

    kind: Literal["frame"] = "frame"
    source: str
    t: float
    index: Annotated[int, Field(ge=0)]


class Page(_Value):
    """A page of a document; ``number`` counts from 1."""

    kind: Literal["page"] = "page"
    source: str
    number: Annotated[int, Field(ge=1)]


class View(_Value):
    """A view of a 3D scene, from the camera of that name, taken at ``t`` seconds, where that is known."""

    kind: Literal["view"] = "view"
    source: str
    camera: str
    t: float | None = None


Origin = Annotated[Photo | Frame | Page | View, Field(discriminator="kind")]
"""Where the pixels of a still came from."""


class Box(_Value):
    """A rectangle in pixels of the upright still, with ``x0 < x1`` and ``y0 < y1``."""

    kind: Literal["box"] = "box"
    x0: float
    y0: float
    x1: float
    y1: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise ValueError(f"a box needs x0 < x1 and y0 < y1, not {self}")
        return self

    def __str__(self) -> str:
        return f"({self.x0:g}, {self.y0:g}, {self.x1:g}, {self.y1:g})"

    def shifted(self, dx: float, dy: float) -> Box:
        """Return the box moved by ``dx`` and ``dy`` pixels."""
        return Box(x0=self.x0 + dx, y0=self.y0 + dy, x1=self.x1 + dx, y1=self.y1 + dy)

    def scaled(self, x: float, y: float) -> Box:
        """Return the box with its coordinates multiplied by ``x`` and ``y``."""
        return Box(x0=self.x0 * x, y0=self.y0 * y, x1=self.x1 * x, y1=self.y1 * y)


class Span(_Value):
    """A stretch of time of a video in seconds, ``start <= end``."""

    kind: Literal["span"] = "span"
    start: float
    end: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"a span needs start <= end, not {self.start} .. {self.end}")
        return self


class Point(_Value):
    """A place in a scene, in metres of its world frame; ``sigma`` is one standard deviation."""

    kind: Literal["point"] = "point"
    x: float
    y: float
    z: float
    sigma: Annotated[float, Field(ge=0)]


Region = Annotated[Box | Span | Point, Field(discriminator="kind")]
"""The part of a still, of its video or of its scene that a claim is about."""


@dataclass(frozen=True, eq=False)
class Still:
    """Pixels and where they came from.

    Parameters
    ----------
    pixels : (H, W, 3) uint8, RGB
        Kept read-only and C-contiguous; an array that somebody could still write to is copied.
    origin : Origin
    region : Box, optional
        The part of ``whole`` that the pixels show, for a crop; None for a whole still. The pixels may be more
        than those of the part, where a page was rendered anew for it.
    whole : Still, optional
        The still a crop was cut from. Crops are made by :meth:`crop`, which sets both.
    notes : tuple of str
        What a reader of an answer should know about how the pixels came to be.

    Raises
    ------
    InputError
        If the pixels are not a non-empty (H, W, 3) uint8 array, or ``region`` comes without ``whole``.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    origin: Origin
    region: Box | None = None
    whole: Still | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise InputError(
                f"a still needs (H, W, 3) uint8 pixels, not {pixels.shape} {pixels.dtype}; "
                "Still.from_array converts other arrays.",
                input=self.origin.source,
            )
        if (self.region is None) != (self.whole is None):
            raise InputError("a still that shows a region is made by Still.crop.", input=self.origin.source)
        if pixels.flags.writeable or not pixels.flags.c_contiguous:
            pixels = np.array(pixels, order="C")
            pixels.flags.writeable = False
            object.__setattr__(self, "pixels", pixels)

    @classmethod
    def from_array(cls, image: NDArray[Any] | Image.Image, origin: Origin | None = None) -> Still:
        """Make a still of pixels in memory.

        Parameters
        ----------
        image : PIL image of any mode, or array
            An image is turned upright by its EXIF orientation. An array is (H, W), (H, W, 1) grey, (H, W, 3)
            RGB or (H, W, 4) RGBA, which is put on white; bool, uint8, uint16 (scaled from 0..65535) or float
            in 0..1.
        origin : Origin, optional
            By default ``Photo(source="memory:<first 16 digits of the hash>")``, which cannot be reopened.

        Raises
        ------
        InputError
            If the array has another shape, dtype or range, or nothing in it.
        """
        notes: tuple[str, ...] = ()
        if isinstance(image, Image.Image):
            pixels, notes = rgb_from_image(image)
        else:
            pixels = rgb_from_array(image)
        pixels.flags.writeable = False
        return cls(pixels, origin or Photo(source=MEMORY + _digest(pixels)[:16]), notes=notes)

    @property
    def size(self) -> Size:
        """Width and height of the pixels."""
        return Size(self.pixels.shape[1], self.pixels.shape[0])

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the size and the pixels."""
        return _digest(self.pixels)

    @property
    def ref(self) -> StillRef:
        """The reference that evidence carries: always to the whole still, also for a crop."""
        whole = self.whole or self
        return StillRef(
            origin=whole.origin, width=whole.size.width, height=whole.size.height, sha256=whole.sha256
        )

    def crop(self, box: Box) -> Still:
        """Cut out a part.

        Parameters
        ----------
        box : Box, pixels of this still
            Widened to whole pixels, clipped to the still, and at least ``MIN_CROP`` pixels wide and high
            unless the still is smaller.

        Returns
        -------
        Still
            Of the same origin; its ``region`` is in pixels of the whole still, however deep the crops.

        Raises
        ------
        InputError
            If the box lies outside the still.
        """
        width, height = self.size
        if box.x1 <= 0 or box.y1 <= 0 or box.x0 >= width or box.y0 >= height:
            raise InputError(
                f"the box {box} lies outside the still of {width}x{height} pixels; "
                "boxes are (x0, y0, x1, y1) in pixels of the upright still.",
                input=self.origin.source,
            )
        left, right = _whole_pixels(box.x0, box.x1, width)
        top, bottom = _whole_pixels(box.y0, box.y1, height)
        region = self._in_whole(Box(x0=left, y0=top, x1=right, y1=bottom))
        return Still(self.pixels[top:bottom, left:right], self.origin, region, self.whole or self, self.notes)

    def _in_whole(self, box: Box) -> Box:
        """Return a box of this still in pixels of the whole one."""
        if self.region is None:
            return box
        wide, high = self.region.x1 - self.region.x0, self.region.y1 - self.region.y0
        scaled = box.scaled(wide / self.size.width, high / self.size.height)
        return scaled.shifted(self.region.x0, self.region.y0)

    def to_pil(self) -> Image.Image:
        """Return the pixels as a PIL image, mode RGB."""
        return Image.fromarray(self.pixels)

    def describe(self) -> dict[str, Any]:
        """Return the JSON object of :attr:`ref`, with ``region`` for a crop and ``notes`` if any."""
        description: dict[str, Any] = self.ref.model_dump()
        if self.region is not None:
            description["region"] = self.region.model_dump()
        if self.notes:
            description["notes"] = list(self.notes)
        return description

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Still):
            return NotImplemented
        return (self.origin, self.region, self.sha256) == (other.origin, other.region, other.sha256)

    def __hash__(self) -> int:
        return hash((self.origin, self.region, self.sha256))


class StillRef(_Value):
    """A whole still without its pixels; in JSON the origin's fields lie flat beside the others.

    ``{"kind": "photo", "source": "...", "width": 640, "height": 480, "sha256": "..."}``
    """

    origin: Origin
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

    @model_validator(mode="before")
    @classmethod
    def _gather_origin(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "origin" in data:
            return data
        own = {name: data[name] for name in ("width", "height", "sha256") if name in data}
        return {**own, "origin": {name: value for name, value in data.items() if name not in own}}

    @model_serializer
    def _flatten_origin(self) -> dict[str, Any]:
        own = {"width": self.width, "height": self.height, "sha256": self.sha256}
        return {**self.origin.model_dump(), **own}


class Evidence(_Value):
    """A claim about a still, how sure we are of it, and what checking it again said.

    Parameters
    ----------
    still : StillRef
        Of the whole still, also where the claim rests on a crop.
    region : Region, optional
        The part the claim is about: a box in pixels of the whole still, a span of its video or a point of its
        scene.
    claim : str
    confidence : float in 0..1
    verdict : "confirmed", "rejected" or "unverified"
    """

    still: StillRef
    region: Region | None = None
    claim: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    verdict: Literal["confirmed", "rejected", "unverified"] = "unverified"

    @classmethod
    def of(cls, still: Still, claim: str, confidence: float, region: Region | None = None) -> Evidence:
        """Make unverified evidence on a still or a crop.

        ``region`` defaults to the part that the still shows; a box is given in pixels of ``still``.
        """
        if region is None:
            region = still.region
        elif isinstance(region, Box):
            region = still._in_whole(region)
        return cls(still=still.ref, region=region, claim=claim, confidence=confidence)

    def reopen(self) -> Still:
        """Read the still again from its origin.

        Returns
        -------
        Still
            The crop if the region is a box, otherwise the whole still.

        Raises
        ------
        EvidenceError
            If the source is gone or unreadable, its pixels are no longer the ones the claim was made about,
            or they were only ever in memory.
        """
        from .reopen import reopen  # the readers build on this module

        whole = reopen(self.still.origin)
        if whole.sha256 != self.still.sha256:
            raise EvidenceError(
                f"{self.still.origin.source} has other pixels than when this evidence was made "
                f"({whole.size.width}x{whole.size.height}, sha256 {whole.sha256[:16]}... instead of "
                f"{self.still.width}x{self.still.height}, {self.still.sha256[:16]}...); "
                "ask again about the new picture.",
                input=self.still.origin.source,
            )
        return whole.crop(self.region) if isinstance(self.region, Box) else whole


def _digest(pixels: NDArray[np.uint8]) -> str:
    """Hash width, height and pixels: without the size, a 2x8 picture could pass for a 4x4 one."""
    digest = hashlib.sha256(f"{pixels.shape[1]}x{pixels.shape[0]}:".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _whole_pixels(low: float, high: float, limit: int) -> tuple[int, int]:
    """Widen an interval to whole pixels and to ``MIN_CROP``, inside 0..limit."""
    start, stop = max(0, math.floor(low)), min(limit, math.ceil(high))
    missing = min(MIN_CROP, limit) - (stop - start)
    if missing > 0:
        start = max(0, min(start - missing // 2, limit - MIN_CROP))
        stop = min(limit, start + MIN_CROP)
    return start, stop
