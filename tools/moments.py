"""Moments: when something appears in a video, or is gone, to a fraction of a second.

A keyframe shows something; one before it does not; in between the eyes are asked about the frame in the
middle, again and again, until what is left is shorter than :data:`RESOLUTION` (bisection). Each look is at
one frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ..memory import Frame, Span, Still, StillRef
from .look import Eyes
from .small_looks import THERE, YES_NO, Part
from .video_questions import named

RESOLUTION = 0.25
"""Seconds between the last frame without and the first with a thing, at most, unless the looks run out."""
STEPS_BACK = 3
"""Keyframes that are tried, away from where the thing was seen, until one is without it."""
LOOKS = 8
"""Frames that are looked at in all, at most."""
SHOWN = 0.5
"""Probability from which a frame is taken to show a thing."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """Where a thing comes or goes.

    Parameters
    ----------
    time : float, seconds
        Of the first frame with it, or, where it goes, of the first without it.
    within : float, seconds
        What lies between that and the last time known to be otherwise.
    still : Still
        The frame nearest to the boundary that shows it.
    other : Still or None
        The frame nearest to it that does not; None where every frame tried does, and the video begins or ends
        with it as far as was looked.
    confidence : float, 0..1
        Probability that the first shows it and the second does not.
    span : Span
        From the boundary to where it was seen.
    parts : tuple of Part
        The looks, in order; ``still`` counts them.
    stills : tuple of Still
        What they looked at.
    """

    time: float
    within: float
    still: Still
    other: Still | None
    confidence: float
    span: Span
    parts: tuple[Part, ...]
    stills: tuple[Still, ...]


@dataclass(slots=True)
class _Looks:
    """Looks at single frames of one video, kept in order."""

    eyes: Eyes
    read: Callable[[float], Still]
    question: str
    most: int
    parts: list[Part] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)

    def there(self, still: Still) -> float:
        """Return the probability that a frame shows the thing."""
        choice = self.eyes.choose([still, self.question], YES_NO)
        self.parts.append(Part(len(self.stills), self.question, choice.option, choice.confidence))
        self.stills.append(still)
        return choice.probabilities[0]


def pin(
    eyes: Eyes,
    seen: Still,
    thing: str,
    marks: Sequence[float],
    *,
    appears: bool = True,
    sure: float = 1.0,
    kept: Callable[[float], Still] | None = None,
    most: int = LOOKS,
) -> Pinned:
    """Find when a thing comes, or goes, near a frame that shows it.

    Parameters
    ----------
    eyes : Eyes
    seen : Still
        A frame that shows the thing.
    thing : str
        Without an article.
    marks : sequence of float, seconds
        Where to look for a frame without it: keyframes and the bounds of shots, in any order.
    appears : bool
        Whether its beginning is meant, or its end.
    sure : float, 0..1
        Probability that ``seen`` shows it.
    kept : callable, optional
        Of a video that is not there to be read, as of a live stream: returns what was kept of a mark. Nothing
        between two marks is known then.
    most : int
        Frames that may be looked at.

    Returns
    -------
    Pinned

    Raises
    ------
    InputError
        If the video cannot be read any more.
    """
    read = kept or partial(_read, seen.origin.source)
    looks = _Looks(eyes, read, THERE.format(thing=named(thing)), most)
    inside, outside = (seen, sure), None
    steps = [t for t in marks if (t < shown_at(seen) if appears else t > shown_at(seen))]
    for t in sorted(steps, reverse=appears):
        still = looks.read(t)
        if shown_at(still) == shown_at(inside[0]):
            continue  # the mark lies where the same frame is still shown
        p = looks.there(still)
        if p < SHOWN:
            outside = (still, 1 - p)
            break
        inside = (still, p)
        if len(looks.stills) == (min(STEPS_BACK, most) if kept is None else most):
            break
    if outside is None:
        return _pinned(looks, seen, inside, None, 0.0, appears)
    if kept is not None:
        return _pinned(looks, seen, inside, outside, abs(shown_at(inside[0]) - shown_at(outside[0])), appears)
    return _between(looks, seen, inside, outside, appears)


def _between(
    looks: _Looks, seen: Still, inside: tuple[Still, float], outside: tuple[Still, float], appears: bool
) -> Pinned:
    """Halve the time between a frame with the thing and one without, as long as there are looks."""
    held = 0.0  # the earlier frame is still shown then: frames may lie far apart
    while True:
        early, late = sorted((shown_at(inside[0]), shown_at(outside[0])))
        gap = late - max(early, held)
        if gap <= RESOLUTION or len(looks.stills) == looks.most:
            return _pinned(looks, seen, inside, outside, gap, appears)
        middle = late - gap / 2
        still = looks.read(middle)
        if shown_at(still) == early:
            held = middle
            continue
        p = looks.there(still)
        inside, outside = ((still, p), outside) if p >= SHOWN else (inside, (still, 1 - p))


def _pinned(
    looks: _Looks,
    seen: Still,
    inside: tuple[Still, float],
    outside: tuple[Still, float] | None,
    within: float,
    appears: bool,
) -> Pinned:
    edge = inside[0] if appears or outside is None else outside[0]
    bounds = sorted((shown_at(edge), shown_at(seen)))
    return Pinned(
        time=shown_at(edge),
        within=within,
        still=inside[0],
        other=outside[0] if outside else None,
        confidence=inside[1] * (outside[1] if outside else 1.0),
        span=Span(start=bounds[0], end=bounds[1]),
        parts=tuple(looks.parts),
        stills=tuple(looks.stills),
    )


def _read(source: str, t: float) -> Still:
    """Return the frame that is shown at a time."""
    from ..memory.sources.videos import read_frames  # loads PyAV

    (still,) = read_frames(source, [t])
    return still


def clock(t: float) -> str:
    """Return a time as people read it: 0:05:12.4."""
    tenths = round(t * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 10:02d}.{rest % 10}"


def during(span: Span) -> str:
    """Return a span as people read it; of one without length its time."""
    start, end = clock(span.start), clock(span.end)
    return start if start == end else f"{start} to {end}"


def shown_at(of: Still | StillRef) -> float:
    """Return when a frame is shown, in seconds; 0 for what is no frame."""
    return of.origin.t if isinstance(of.origin, Frame) else 0.0
