"""Tools for what a memory holds: search it, pin a moment down, look at frames of stretches of time."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..errors import InputError
from ..memory import Frame, Page, Span, Still
from ..memory.timeline import Hit, Timeline, thinned
from ..tools.find import Candidate, Findings, find
from ..tools.look import Eyes
from ..tools.moments import LOOKS, Pinned, clock, pin, shown_at
from ..tools.spread import spread
from ..tools.video_questions import NOT_FOUND, appears, kind, things
from .files import called, named
from .page_tools import picture_of
from .state import Sighting, State
from .steps import Picture
from .tool import LONGEST, Arguments, Found, Tool

if TYPE_CHECKING:
    from ..memory.records import Stored
    from ..memory.store import VisualMemory

FOCUS = 8
"""Found stills that a question is looked at with, by a model that tells frames apart by their times."""
FRAMES = 4
"""Frames that show how something moves."""
ALIKE = 0.9
"""Share of the surest sighting's probability from which another is taken for the same thing."""
QUESTION, CHECK = 16, 2
"""Frames that a question for a moment looks at in all, and those of them that check the answer."""
AROUND = 1.0
"""Seconds on both sides of where something was found, in which it moves."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Searching(Arguments):
    """Words to search for, and where."""

    question: str = Field(
        default="", max_length=LONGEST, description="words or a question; empty for the user's"
    )
    video: str = Field(default="", max_length=LONGEST, description="file to search; empty for all")
    start: Seconds | None = Field(default=None, description="in seconds; nothing before it is searched")
    end: Seconds | None = Field(default=None, description="in seconds; nothing after it is searched")


class Pinning(Arguments):
    """A question for when something comes or goes."""

    question: str = Field(default="", max_length=LONGEST, description="empty for the user's own question")


class Framing(Arguments):
    """Stretches of a video."""

    question: str = Field(default="", max_length=LONGEST, description="empty for the user's own question")
    video: str = Field(default="", max_length=LONGEST, description="file; empty for the one found last")
    ranges: list[Annotated[list[Seconds], Field(min_length=2, max_length=2)]] = Field(
        default=[], max_length=16, description="start, end in seconds; empty for around what was found"
    )
    count: int = Field(default=FRAMES, ge=1, le=32, description="frames in all, shared by the ranges")


def _find(eyes: Eyes, state: State, searching: Searching) -> Found:
    memory = _memory(state)
    question = searching.question or state.question
    start, end = searching.start, searching.end
    if start is not None and end is not None and end < start:
        raise InputError("a search is from start to end in seconds, with start <= end.")
    sources = [_video(state, searching.video)] if searching.video else state.videos or None
    if (page := _page_first(memory, state, searching)) is not None:
        text = f"what goes best with it is {page.name}; read answers from documents"
        return Found(text=text, pictures=(page,))
    found = find(eyes, memory, question, sources=sources, start=start, end=end)
    if not found.candidates:
        raise InputError(f"the memory holds nothing to search for {found.query!r} there.")
    best = found.shown or found.candidates[:1]
    names = [state.gallery.add(one.still).name for one in best[:FOCUS]]
    focus = names[: FOCUS if eyes.checkpoint.reads_times else 1]
    ordered = sorted(focus, key=lambda name: _order(state.gallery[name]))
    answer, sure = _told(found, question)
    return Found(
        text=_words(found, names, answer),
        answer=answer,
        confidence=sure,
        parts=found.parts,
        pictures=tuple(state.gallery.picture(name) for name in names),
        notes=found.notes,
        timeline=tuple(_timelines(memory, best)),
        sightings=tuple(
            Sighting(name=name, span=one.span, there=one.there)
            for name, one in zip(names, best, strict=False)
        )
        if found.shown
        else (),
        focus=tuple(ordered),
    )


def _page_first(memory: VisualMemory, state: State, searching: Searching) -> Picture | None:
    """Return the page that goes best with a question, where no picture or frame goes better with it."""
    if "document" not in state.kinds or searching.video or searching.start is not None:
        return None
    within = [*state.videos, *state.documents] or None
    best = memory.search(searching.question or state.question, top=1, sources=within)
    if not best or not isinstance(best[0].origin, Page):
        return None
    return picture_of(state, memory.still(best[0]))


def _told(found: Findings, question: str) -> tuple[str | None, float | None]:
    """Return the answer, where what was found is one: whether it is there, and in which file."""
    wanted, best = kind(question), next(iter(found.shown), None)
    if best is None:
        return ("no" if wanted == "there" else NOT_FOUND), 1 - found.surest
    if best.there is None or wanted not in ("there", "source"):
        return None, None
    if wanted == "there":
        return "yes", best.there
    at = f" at {clock(best.still.origin.t)}" if isinstance(best.still.origin, Frame) else ""
    return f"{called(best.source)}{at}", best.there


def _words(found: Findings, names: Sequence[str], answer: str | None) -> str:
    lines = [f"searched for {found.query!r}: " + (answer or f"{len(found.shown)} stills show it")]
    for name, one in zip(names, found.shown, strict=False):
        origin = one.still.origin
        at = f" at {clock(origin.t)}" if isinstance(origin, Frame) else ""
        sure = f" ({one.there:.0%} sure)" if one.there is not None else ""
        lines.append(f"{name}: {called(one.source)}{at}{sure}{': ' + one.text if one.text else ''}")
    return "\n".join(lines)


def _timelines(memory: VisualMemory, found: Sequence[Candidate]) -> list[Timeline]:
    """Return what the report shows of every video in which something was found."""
    videos = dict.fromkeys(one.source for one in found if isinstance(one.still.origin, Frame))
    lengths = {source.path: source.duration for source in memory.sources()}
    return [
        Timeline(
            source=video,
            duration=lengths.get(video),
            shots=tuple(Span(start=shot.start, end=shot.end) for shot in memory.shots(video)),
            keyframes=thinned(tuple(kept.ref for kept in memory.stored(video))),
            hits=tuple(
                Hit(start=one.span.start, end=one.span.end, score=one.there or 0.0, words=one.text)
                for one in found
                if one.source == video and one.span is not None
            ),
        )
        for video in videos
    ]


def _pin(eyes: Eyes, state: State, pinning: Pinning) -> Found:
    memory, question = _memory(state), pinning.question or state.question
    names = things(question)
    seen_at = _first_of(state)
    if not seen_at or not names:
        raise InputError("nothing was found whose moment could be pinned down; search for it with find.")
    sighting, *others = seen_at
    seen, comes = state.gallery[sighting.name], appears(question)
    source = seen.origin.source
    keyframes = _keyframes(memory, source)
    sure, kept = sighting.there or 1.0, None
    if _lasts(memory, source):
        edges = {edge for shot in memory.shots(source) for edge in (shot.start, shot.end)}
        marks = sorted({*keyframes, *edges})
    else:
        marks, kept = [*keyframes], lambda t: memory.still(keyframes[t])
    spent = {part.still for step in state.found_by("find") for part in step.parts}
    most = max(2, min(LOOKS, QUESTION - CHECK - len(spent)))
    pinned = pin(eyes, seen, names[0], marks, appears=comes, sure=sure, kept=kept, most=most)
    at = clock(pinned.time)
    inside = state.gallery.add(pinned.still)
    outside = state.gallery.add(pinned.other) if pinned.other is not None else None
    several = len(memory.sources()) > 1 if not state.videos else len(state.videos) > 1
    text = f"{at}{f' in {called(source)}' if several else ''}{_open_end(pinned, comes)}"
    pictures: list[Picture] = [inside] if outside is None else [inside, outside]
    return Found(
        text=f"{text} ({pinned.confidence:.0%} sure)",
        answer=text,
        confidence=pinned.confidence,
        parts=pinned.parts,
        pictures=tuple(pictures),
        notes=_also(state, sighting, others),
        sightings=(Sighting(name=inside.name, span=pinned.span, there=pinned.confidence), *state.sightings),
        focus=(inside.name,),
        frames=tuple(picture.name for picture in pictures),
    )


def _first_of(state: State) -> list[Sighting]:
    """Return the sightings in the video of the surest that are about as sure, in order of time."""
    known = [s for s in state.sightings if s.span is not None]
    if not known:
        return []
    source, least = state.gallery[known[0].name].origin.source, ALIKE * (known[0].there or 1.0)
    alike = [
        s for s in known
        if state.gallery[s.name].origin.source == source and (s.there is None or s.there >= least)
    ]  # fmt: skip
    return sorted(alike, key=lambda s: shown_at(state.gallery[s.name]))


def _also(state: State, sighting: Sighting, others: Sequence[Sighting]) -> tuple[str, ...]:
    """Say at which other moments it was seen."""
    moments = [shown_at(state.gallery[s.name]) for s in others if not _touching(sighting.span, s.span)]
    return (f"it was also seen at {', '.join(map(clock, moments))}",) if moments else ()


def _touching(one: Span | None, other: Span | None) -> bool:
    return one is None or other is None or (one.start <= other.end and other.start <= one.end)


def _open_end(pinned: Pinned, comes: bool) -> str:
    if pinned.other is not None or (comes and pinned.time <= 0):
        return ""
    return " or before" if comes else " or later"


def _frames(eyes: Eyes, state: State, framing: Framing) -> Found:
    ranges = [(start, end) for start, end in framing.ranges]
    if any(end < start for start, end in ranges):
        raise InputError("a range is start, end in seconds, with start <= end.")
    source = _video(state, framing.video) if framing.video else None
    if not ranges or source is None:
        found = next((s for s in state.sightings if s.span is not None), None)
        if found is None:
            raise InputError("name a video and ranges of it, or search for something with find first.")
        still = state.gallery[found.name]
        source = source or still.origin.source
        ranges = ranges or [_around(still, found.span)]
    stills = _shown(_memory(state), source, spread(ranges, framing.count))
    pictures = [state.gallery.add(still) for still in stills]
    whole = Span(start=min(s for s, _ in ranges), end=max(e for _, e in ranges))
    return Found(
        text="; ".join(
            f"{picture.name} at {clock(shown_at(still))}"
            for picture, still in zip(pictures, stills, strict=True)
        ),
        pictures=tuple(pictures),
        sightings=(*(Sighting(name=picture.name, span=whole) for picture in pictures), *state.sightings),
        focus=tuple(picture.name for picture in pictures),
    )


def _shown(memory: VisualMemory, source: str, times: Sequence[float]) -> list[Still]:
    """Return the frames shown at some times, each once; the last keyframes before, where no file has them."""
    from ..memory.sources.videos import read_frames  # loads PyAV

    if _lasts(memory, source):
        return list(dict.fromkeys(read_frames(source, times)))
    keyframes = _keyframes(memory, source)
    known = [*keyframes]
    chosen = dict.fromkeys(known[max(0, bisect(known, t) - 1)] for t in times)
    return [memory.still(keyframes[t]) for t in chosen]


def _keyframes(memory: VisualMemory, source: str) -> dict[float, Stored]:
    """Return what a memory holds of a video, by time and in its order."""
    return {kept.t: kept for kept in memory.stored(source) if kept.t is not None}


def _lasts(memory: VisualMemory, source: str) -> bool:
    """Tell whether a video can be read again: a stream cannot, nor a file that is gone."""
    streams = {known.path for known in memory.sources() if known.kind == "stream"}
    return source not in streams and Path(source).is_file()


def _around(still: Still, span: Span | None) -> tuple[float, float]:
    t = shown_at(still)
    start, end = (span.start, span.end) if span is not None else (t, t)
    return max(start, t - AROUND), max(min(end, t + AROUND), t)


def _memory(state: State) -> VisualMemory:
    if state.memory is None:
        raise InputError("there are no videos and no memory to search.")
    return state.memory


def _video(state: State, name: str) -> str:
    """Return the path of the video that is called so, by its path or by its file's name."""
    known = state.videos or tuple(source.path for source in _memory(state).sources())
    return named(name, known, "video")


def _order(still: Still) -> tuple[str, float]:
    return still.origin.source, shown_at(still)


VIDEO_TOOLS = (
    Tool(
        "find",
        "Search videos and the memory for something, look at the best keyframes, and show those with it.",
        Searching,
        _find,
    ),
    Tool("pin", "Find to a fraction of a second when what was found appears or disappears.", Pinning, _pin),
    Tool("frames", "See frames of stretches of a video, in order.", Framing, _frames),
)
"""Tools that need videos or a memory."""
