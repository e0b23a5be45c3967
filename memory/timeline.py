"""Timelines: what of a video has been looked at and found, small enough for a step of a run.

Times are presentation times in seconds from the start of the video stream, as everywhere.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .still import Span, StillRef

MOST_KEYFRAMES = 200
"""Keyframes that a timeline names at most: enough to see a video by, few enough for one record."""


class Hit(Span):
    """A stretch of a video that a search found, how well it fits (more is better), and by which words."""

    score: float
    words: str = ""


class Timeline(BaseModel):
    """A video's shots and keyframes, and what was found in it.

    Parameters
    ----------
    source : str
        Of the video, as its frames' origins have it.
    duration : float or None, seconds
        None where it is not known, as of a live stream.
    shots : tuple of Span
        In order.
    keyframes : tuple of StillRef
        Of origin ``Frame``, at most ``MOST_KEYFRAMES`` of them: :func:`thinned` keeps within that.
    hits : tuple of Hit
        The best first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: str
    duration: Annotated[float, Field(ge=0)] | None = None
    shots: tuple[Span, ...] = ()
    keyframes: Annotated[tuple[StillRef, ...], Field(max_length=MOST_KEYFRAMES)] = ()
    hits: tuple[Hit, ...] = ()


def thinned(keyframes: tuple[StillRef, ...]) -> tuple[StillRef, ...]:
    """Return at most ``MOST_KEYFRAMES`` of a video's keyframes, evenly over their order."""
    if len(keyframes) <= MOST_KEYFRAMES:
        return keyframes
    return tuple(keyframes[number * len(keyframes) // MOST_KEYFRAMES] for number in range(MOST_KEYFRAMES))
