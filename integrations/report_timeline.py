"""Timelines of a report: each video with its shots and keyframes, and what was cited of it or found in it.

All places are percent of the video's duration; all times are seconds of the video.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..agent.result import Result
from ..agent.steps import ObservationStep
from ..errors import EvidenceError, InputError, SightloopError, SourceStalledError
from ..memory import Evidence, Frame, Span, Still, StillRef
from ..memory.timeline import Hit, Timeline
from ..tools.moments import clock, shown_at
from .report_clips import AROUND, Clip, Clips
from .report_pictures import Album, Shown

MOST_VIDEOS = 12
"""Videos of a page; those that are cited come first."""
MOST_KEYFRAMES = 96
"""Keyframes of a page that can be seen, shared by its videos; of the others their times are marked."""
MOST_HITS = 12
"""Of a video, the best."""
CHECKED = 2
"""Frames of a video that are compared with its file, to know that the file is the same."""
THUMBS = 10
"""Keyframes that fit side by side on a timeline."""
ROUND = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
"""Seconds between the times that an axis names."""
MOST_LABELS = 8
"""Of an axis."""
LAST_LABEL = 92.0
"""Percent of the axis where the last one may begin."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a timeline, in percent of it."""

    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Key:
    """A keyframe and its picture; ``thumb`` is the left side of that on the timeline, None without room."""

    t: float
    left: float
    shown: Shown
    thumb: float | None


@dataclass(frozen=True, slots=True)
class Moment:
    """A span that evidence cites or a search found, to be played or at least seen.

    Parameters
    ----------
    span : Span
    place : Place
    words : str
        The claim, or what was searched for.
    evidence : Evidence or None
        None for what was found.
    score : float or None
        Of what was found.
    clip : Clip or None
        That shows the span's start.
    frame : (float, Shown) or None
        The keyframe that is nearest to the span's start, with its time; None where none is near.
    link : str
        To the source file at the span; empty where it is no file on this machine.
    """

    span: Span
    place: Place
    words: str
    evidence: Evidence | None
    score: float | None
    clip: Clip | None
    frame: tuple[float, Shown] | None
    link: str

    @property
    def start(self) -> float:
        """Where it begins to be seen: its clip at the span's start, or else its frame."""
        return self.frame[0] if self.frame and not self.clip else self.span.start

    @property
    def kind(self) -> str:
        """How it came to be known."""
        return "cited" if self.evidence else "found"


@dataclass(frozen=True, slots=True)
class Track:
    """One video of the page.

    Parameters
    ----------
    source, name : str
        Its address, and the last part of it.
    duration : float, seconds
        Where it is not known, the last time that is.
    shots : tuple of Place
    ticks : tuple of float, percent
        Of all keyframes.
    keys : tuple of Key
        Those that can be seen, in order.
    moments : tuple of Moment
        Cited ones, then found ones.
    clips : tuple of Clip
    axis : tuple of (float, str)
        Places in percent, and their times.
    notes : tuple of str
        What cannot be shown, and why.
    """

    source: str
    name: str
    duration: float
    shots: tuple[Place, ...]
    ticks: tuple[float, ...]
    keys: tuple[Key, ...]
    moments: tuple[Moment, ...]
    clips: tuple[Clip, ...]
    axis: tuple[tuple[float, str], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """All that a result says of one video."""

    source: str
    duration: float | None
    shots: tuple[Span, ...]
    keyframes: tuple[StillRef, ...]
    hits: tuple[Hit, ...]
    more_hits: int
    cited: tuple[Evidence, ...]
    frames: tuple[StillRef, ...]
    """Those of evidence and of pictures, which the result has the pixels of."""


def tracks(result: Result, album: Album) -> tuple[list[Track], list[str]]:
    """Return the timelines of a page.

    Parameters
    ----------
    result : Result
    album : Album
        Of the page; what the timelines show is added to it.

    Returns
    -------
    tracks : list of Track
        Of each video that evidence is on or a step looked through: those that are cited come first.
    left_out : list of str
        The sources of those that the page has no room for.
    """
    known = _gathered(result)
    left_out = [one.source for one in known[MOST_VIDEOS:]]
    known = known[:MOST_VIDEOS]
    cited = [(one.source, span_of(item)) for one in known for item in one.cited]
    found = [(one.source, hit) for one in known for hit in one.hits]
    changed = {one.source: why for one in known if (why := _changed(one))}
    clips = Clips([*cited, *sorted(found, key=lambda each: -each[1].score)], changed)
    room = MOST_KEYFRAMES // max(1, len(known))
    return [_track(one, result, album, clips, room) for one in known], left_out


def span_of(evidence: Evidence) -> Span:
    """Return when a claim about a video is: its span, or the time of its frame."""
    if isinstance(evidence.region, Span):
        return evidence.region
    t = shown_at(evidence.still)
    return Span(start=t, end=t)


# --- what a result says of each video -----------------------------------------------------------------


def _gathered(result: Result) -> list[_Known]:
    """Gather timelines, evidence and frames by video: cited ones first, then in the order of the run."""
    cited = [one for one in result.evidence if isinstance(one.region, Span) or _is_frame(one.still)]
    frames = [picture.still for picture in result.pictures if _is_frame(picture.still)]
    told = [one for step in result.steps if isinstance(step, ObservationStep) for one in step.timeline]
    sources = [*(item.still.origin.source for item in cited), *(one.source for one in told)]
    sources += [ref.origin.source for ref in frames]
    return [_known(source, cited, told, frames) for source in dict.fromkeys(sources)]


def _known(
    source: str, cited: Sequence[Evidence], told: Sequence[Timeline], frames: Sequence[StillRef]
) -> _Known:
    """Put together what evidence, steps and pictures say of one video; later steps know its shots better."""
    evidence = {(span_of(item), item.claim): item for item in cited if item.still.origin.source == source}
    timelines = [one for one in told if one.source == source]
    hits = {(hit.start, hit.end, hit.words): hit for one in timelines for hit in one.hits}
    refs = dict.fromkeys([*(item.still for item in evidence.values()), *frames])
    own = tuple(ref for ref in refs if ref.origin.source == source and _is_frame(ref))
    keyframes = {ref: None for one in timelines for ref in one.keyframes if _is_frame(ref)}
    return _Known(
        source=source,
        duration=max((one.duration for one in timelines if one.duration is not None), default=None),
        shots=next((one.shots for one in reversed(timelines) if one.shots), ()),
        keyframes=tuple(sorted({**dict.fromkeys(own), **keyframes}, key=shown_at)),
        hits=tuple(sorted(hits.values(), key=lambda hit: -hit.score)[:MOST_HITS]),
        more_hits=max(0, len(hits) - MOST_HITS),
        cited=tuple(evidence.values()),
        frames=own,
    )


def _is_frame(ref: StillRef) -> bool:
    return isinstance(ref.origin, Frame)


# --- what the page shows of it ------------------------------------------------------------------------


def _track(known: _Known, result: Result, album: Album, clips: Clips, room: int) -> Track:
    source, notes = known.source, []
    duration = known.duration or _duration(source) or 0.0
    ends = [span.end for span in (*known.shots, *known.hits, *(span_of(item) for item in known.cited))]
    duration = max([duration, *ends, *(shown_at(ref) for ref in known.keyframes)]) or 1.0
    shown, lost = _pictures(known, result, album, room)
    if lost:
        notes.append(f"Not all keyframes can be shown: {lost}")
    elif len(shown) < len(known.keyframes):
        notes.append(f"{len(shown)} of {len(known.keyframes)} keyframes can be seen; the others are marked.")
    if known.more_hits:
        notes.append(f"{known.more_hits} more hits, which fit less well, are in the page's JSON alone.")
    missing = clips.missing(source)
    if missing and (known.cited or known.hits):
        notes.append(f"Not all of it can be played here: {missing}")
    keys = [(shown_at(ref), picture) for ref, picture in shown.items()]
    moments = [
        _moment(source, span_of(item), duration, clips, keys, item.claim, evidence=item)
        for item in known.cited
    ]
    moments += [_moment(source, hit, duration, clips, keys, hit.words, score=hit.score) for hit in known.hits]
    thumbs = _thumbs({ref: shown_at(ref) / duration for ref in shown}, [item.still for item in known.cited])
    return Track(
        source=source,
        name=Path(source).name or source,
        duration=duration,
        shots=tuple(_place(shot, duration) for shot in known.shots),
        ticks=tuple(100 * shown_at(ref) / duration for ref in known.keyframes),
        keys=tuple(
            Key(shown_at(ref), 100 * shown_at(ref) / duration, picture, thumbs.get(ref))
            for ref, picture in shown.items()
        ),
        moments=tuple(moments),
        clips=clips.of(source),
        axis=_axis(duration),
        notes=tuple(notes),
    )


def _duration(source: str) -> float | None:
    from ..memory.sources.videos import Video

    try:
        with Video(source) as video:
            return video.duration
    except SightloopError:
        return None


def _moment(
    source: str,
    span: Span,
    duration: float,
    clips: Clips,
    keys: Sequence[tuple[float, Shown]],
    words: str,
    *,
    evidence: Evidence | None = None,
    score: float | None = None,
) -> Moment:
    clip = clips.showing(source, span)
    near = [key for key in keys if span.start - AROUND <= key[0] <= span.end + AROUND]
    frame = min(near, key=lambda key: abs(key[0] - span.start), default=None)
    return Moment(span, _place(span, duration), words, evidence, score, clip, frame, _link(source, span))


def _link(source: str, span: Span) -> str:
    """Return the address of a span of a file: a media fragment, as the W3C defines them."""
    if not Path(source).is_absolute():
        return ""
    end = f",{span.end:.2f}" if span.end > span.start else ""
    return f"{Path(source).as_uri()}#t={max(0.0, span.start):.2f}{end}"


def _place(span: Span, duration: float) -> Place:
    start, end = (100 * min(max(0.0, t), duration) / duration for t in (span.start, span.end))
    return Place(start, end - start)


def _axis(duration: float) -> tuple[tuple[float, str], ...]:
    """Return a few round times with their places, from 0 on; none so near the end that it is cut off."""
    step = next((each for each in ROUND if duration / each <= MOST_LABELS), duration / MOST_LABELS)
    times = [number * step for number in range(MOST_LABELS + 1)]
    places = [(100 * time / duration, clock(time)[:-2]) for time in times]
    return tuple((place, name) for place, name in places if place <= LAST_LABEL)


def _thumbs(times: Mapping[StillRef, float], first: Sequence[StillRef]) -> dict[StillRef, float]:
    """Choose keyframes that fit side by side, each over its time as far as there is room.

    Parameters
    ----------
    times : mapping of StillRef to float
        In shares of the duration.
    first : sequence of StillRef
        Those that are chosen before others.

    Returns
    -------
    dict of StillRef to float
        The left side of each, in percent.
    """
    wide = 100 / THUMBS
    chosen: dict[StillRef, float] = {}
    for ref in dict.fromkeys([*(ref for ref in first if ref in times), *times]):
        left = min(max(0.0, 100 * times[ref] - wide / 2), 100 - wide)
        if all(abs(left - other) >= wide - 1e-6 for other in chosen.values()):
            chosen[ref] = left
    return chosen


def _pictures(known: _Known, result: Result, album: Album, room: int) -> tuple[dict[StillRef, Shown], str]:
    """Return the pictures of those keyframes that can be seen, in order of time, and why others cannot."""
    own = list(known.frames)[:room]
    rest = [ref for ref in known.keyframes if ref not in set(own)]
    left = room - len(own)
    if len(rest) > left:
        rest = [rest[number * len(rest) // left] for number in range(left)]
    shown = {ref: album.show(ref) for ref in own}
    lost = next((one.missing for one in shown.values() if one.missing), "")
    read = {ref: album.preview(still) for ref, still in _read(result, known.source, rest)}
    if len(read) < len(rest):
        lost = lost or f"{known.source} is gone, or no longer has the frames that were seen."
    shown |= read
    there = {ref: one for ref, one in shown.items() if not one.missing}
    return {ref: there[ref] for ref in known.keyframes if ref in there}, lost


def _changed(known: _Known) -> str:
    """Return why clips of a file would show something else than what was seen; empty where they would not."""
    from ..memory.sources.videos import Video

    wanted = {shown_at(ref): ref for ref in (*known.frames, *known.keyframes)[:CHECKED]}
    with suppress(InputError, SourceStalledError), Video(known.source) as video:
        for time, decoded in video.at(wanted):
            if decoded.still().sha256 != wanted[time].sha256:
                return f"{known.source} has changed: at {clock(time)} it shows something else now."
    return ""


def _read(result: Result, source: str, refs: Sequence[StillRef]) -> Iterator[tuple[StillRef, Still]]:
    """Read frames: out of the video in one pass over what is asked of it, or what the result has of them."""
    from ..memory.sources.videos import Video

    wanted = {shown_at(ref): ref for ref in refs}
    found = set()
    with suppress(InputError, SourceStalledError), Video(source) as video:
        for time, decoded in video.at(wanted):
            if (still := decoded.still()).sha256 == wanted[time].sha256:
                found.add(wanted[time])
                yield wanted[time], still
    for ref in refs:
        if ref not in found:
            with suppress(EvidenceError):
                yield ref, result.still(ref)
