"""Media as stills: frames of a video and pages of a document, for a model that is shown stills only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import InputError
from ..memory import Still
from ..memory.still import Origin
from .media import Shown, named

if TYPE_CHECKING:
    from ..tools.llava_next.checkpoints import Checkpoint

MOST_FRAMES = 32
"""Frames of one video that a model is shown at most; fewer where they do not fit."""
MOST_PAGES = 8
"""Pages of one document that a model is shown at most, from the first on; fewer where they do not fit."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Stills of one file that may be thinned out, unlike pictures that were sent one by one.

    Parameters
    ----------
    stills : tuple of Still
    name : str
        What the message calls the file.
    whole : int
        How many frames or pages the file has; 0 where that is not known.
    seconds : float or None
        How long it lasts, of a video.
    """

    stills: tuple[Still, ...]
    name: str
    whole: int
    seconds: float | None = None

    def thinned(self, most: int) -> tuple[Still, ...]:
        """Return at most ``most`` stills: frames at even distances, or the first pages."""
        if most >= len(self.stills):
            return self.stills
        if self.seconds is None:
            return self.stills[:most]
        step = len(self.stills) / most
        return tuple(self.stills[int((i + 0.5) * step)] for i in range(most))

    def note(self, shown: int) -> str:
        """Say what of the file was shown."""
        if self.seconds is not None:
            return (
                f"{shown} frames of {self.name} were looked at, at even distances over {self.seconds:.1f} s"
            )
        which = (
            f"the {shown} pages" if shown == self.whole else f"only the first {shown} of {self.whole} pages"
        )
        return f"{which} of {self.name} were looked at, as pictures; an agent reads their words (VisualAgent)"


def stills_of(shown: Shown, checkpoint: Checkpoint) -> Still | Clip:
    """Return what a model is shown of a file.

    Parameters
    ----------
    shown : Shown
    checkpoint : of the model

    Raises
    ------
    InputError
        If it cannot be read; if it is a video, and the model knows no frames; if it is a scene.
    """
    if shown.kind == "picture":
        return shown.still()
    if shown.kind == "scene":
        raise InputError(
            f"{shown.name} is a 3D scene, which a model cannot be shown whole: ask an agent about it "
            "(VisualAgent, or the model sightloop-agent of a server).",
            input=shown.name,
        )
    if shown.kind == "document":
        return _pages(shown)
    if not checkpoint.video:
        raise InputError(
            f"{shown.name} is a video, and {checkpoint.name} was not trained on frames of videos: send some "
            "frames as pictures, or ask an agent, which looks at them one by one.",
            input=shown.name,
        )
    return _frames(shown)


def _frames(shown: Shown) -> Clip:
    from ..memory.sources.videos import Video, read_frames

    with named(shown.path, shown.name):
        with Video(shown.path) as video:
            seconds = video.duration or max((decoded.t for decoded in video.frames()), default=0.0)
        times = [seconds * (i + 0.5) / MOST_FRAMES for i in range(MOST_FRAMES)]
        read = read_frames(shown.path, times)
    # A short video has fewer frames than were asked for.
    each = {still.origin: still for still in read}
    return Clip(tuple(_from(still, shown) for still in each.values()), shown.name, 0, seconds)


def _pages(shown: Shown) -> Clip:
    from ..memory.sources.documents import Document

    with named(shown.path, shown.name), Document(shown.path) as document:
        numbers = range(1, min(document.pages, MOST_PAGES) + 1)
        stills = tuple(_from(document.page(number).still, shown) for number in numbers)
        return Clip(stills, shown.name, document.pages)


def _from(still: Still, shown: Shown) -> Still:
    """Return a still whose origin is a name in memory, where its file will be gone."""
    origin: Origin = still.origin.model_copy(update={"source": shown.source})
    return replace(still, origin=origin)
