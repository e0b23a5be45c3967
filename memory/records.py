"""What a memory tells about what it holds, and about adding to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import InputError
from .still import Box, Origin, StillRef

Kind = Literal["photo", "video", "stream", "document"]
"""Of a source."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file or stream that the memory holds.

    Parameters
    ----------
    path : str
        Absolute path of the file, or the name of the stream.
    kind : "photo", "video", "stream" or "document"
    complete : bool
        False while it is only indexed in part: adding it again goes on where it stopped.
    stills : int
    seconds : float or None
        How far it is indexed; None for a photo or a document, whose ``stills`` tell.
    duration : float or None
        Of the whole, where that is known.
    began : float or None
        Of a stream: when its ``t`` was 0, in seconds since 1970.
    warnings : tuple of str
        What was wrong while it was read.
    pages : int or None
        Of a document: how many it has.
    """

    path: str
    kind: str
    complete: bool
    stills: int
    seconds: float | None
    duration: float | None
    began: float | None
    warnings: tuple[str, ...]
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text that belongs to a still.

    Parameters
    ----------
    channel : "caption", "ocr", "subtitle", "page" or "block"
        The last two are all words of a page, and those of one of its blocks.
    text : str
    start, end : float or None
        When it is shown or said, in seconds; None where that is when the still is shown.
    box : Box or None
        Of a block: where it is, in pixels of the still.
    kind : str or None
        Of a block: "heading", "text", "table", "figure" or "caption".
    """

    channel: str
    text: str
    start: float | None = None
    end: float | None = None
    box: Box | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A still in the memory.

    Parameters
    ----------
    id : str
        Made from the source and the frame: the same whenever that is indexed.
    ref : StillRef
        What evidence on it carries: its origin, size and hash.
    shot : int or None
        Number of the shot that it is a keyframe of.
    thumbnail : Path
        Its picture, a JPEG. The file may be gone, if somebody removed it.
    texts : tuple of Text
    """

    id: str
    ref: StillRef
    shot: int | None
    thumbnail: Path
    texts: tuple[Text, ...]

    @property
    def origin(self) -> Origin:
        """Where the still came from."""
        return self.ref.origin

    @property
    def t(self) -> float | None:
        """When it is shown, in seconds; None for a photo or a page."""
        return getattr(self.origin, "t", None)

    @property
    def page(self) -> int | None:
        """Which page of a document it is, from 1; None for what is none."""
        return getattr(self.origin, "number", None)

    @property
    def index(self) -> int | None:
        """Which frame it is, from 0; None for what is none."""
        return getattr(self.origin, "index", None)

    @property
    def caption(self) -> str | None:
        """What a captioner said about it."""
        return next((text.text for text in self.texts if text.channel == "caption"), None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far adding is: ``done`` of ``of`` of ``source``, and the stills so far.

    A video is counted in seconds, a document in pages; None is what is not known, and for a photo.
    """

    source: str
    done: float | None
    of: float | None
    stills: int


@dataclass(frozen=True, slots=True)
class Added:
    """What adding did.

    Parameters
    ----------
    sources : tuple of str
        What was indexed, or was gone on with.
    unchanged : tuple of str
        What the memory already held as it is.
    skipped : tuple of InputError
        Files that could not be read, each with the reason.
    stills : int
        How many were added.
    warnings : tuple of str
        What was wrong with files that could be read in part.
    """

    sources: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    skipped: tuple[InputError, ...] = ()
    stills: int = 0
    warnings: tuple[str, ...] = ()

    def __add__(self, other: Added) -> Added:
        return Added(
            self.sources + other.sources,
            self.unchanged + other.unchanged,
            self.skipped + other.skipped,
            self.stills + other.stills,
            self.warnings + other.warnings,
        )
