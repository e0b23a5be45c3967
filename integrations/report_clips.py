"""Clips of a report: short pieces of videos, embedded so that a page plays them at the second that it cites.

They are VP9 in WebM, which every browser plays that has no licence for other codecs, silent and small.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, cast

import numpy as np

from ..errors import EvidenceError, SightloopError
from ..memory import Size, Span
from ..memory.still import MEMORY

if TYPE_CHECKING:
    import av

    from ..memory.sources.decoding import Decoded

AROUND = 2.0
"""Seconds before and after a span that its clip shows, too."""
LONGEST = 12.0
"""Seconds of a clip, at most: of a longer span it shows the beginning."""
MOST_CLIPS = 8
"""Of a page."""
CLIP_BYTES = 2**20
"""One clip, at most, before base64; a busier one is shrunk until it fits."""
MOST_BYTES = 6 * 2**20
"""All clips of a page together, before base64."""
SIDE = 480
"""Pixels of the longer side of a clip, at most."""
SHRINKS = (1.0, 0.7, 0.5, 0.3)
"""Shares of its size that a clip is tried at."""
LEAST_STEP = 1 / 31
"""Seconds between two frames of a clip, at least: a faster video loses frames."""
ENCODERS = {
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "7", "row-mt": "1", "crf": "36"},
    "libvpx": {"deadline": "realtime", "cpu-used": "7", "crf": "20"},
}
"""What encodes clips, the best first, with settings for speed."""
BIT_RATE = 600_000
"""Bits per second that an encoder aims to stay under."""
HELD = 0.1
"""Seconds that the last frame of a clip is shown without being encoded once more to hold it."""
MILLISECONDS = Fraction(1, 1000)
"""What WebM counts time in."""


@dataclass(frozen=True, slots=True)
class Window:
    """What of a video a clip shows, in seconds of the video."""

    source: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of a video for the page: ``url`` is a ``data:`` URL, second 0 of it is the window's start."""

    id: str
    window: Window
    size: Size
    url: str


def planned(spans: Sequence[tuple[str, Span]]) -> tuple[list[Window], list[int | None]]:
    """Plan few clips that show many spans.

    Parameters
    ----------
    spans : sequence of (source, span)
        The most important first.

    Returns
    -------
    windows : list of Window
        At most ``MOST_CLIPS``, each at most ``LONGEST`` seconds.
    shown_by : list of int or None
        For each span the window that shows its start and ``AROUND`` seconds on both sides of it; None where
        the page has no room for one.
    """
    windows: list[Window] = []
    shown_by: list[int | None] = []
    for source, span in spans:
        start = max(0.0, span.start - AROUND)
        one = Window(source, start, min(span.end + AROUND, start + LONGEST))
        joined = ((number, _joined(other, one)) for number, other in enumerate(windows))
        found = next(((number, window) for number, window in joined if window is not None), None)
        if found is not None:
            windows[found[0]] = found[1]
            shown_by.append(found[0])
        elif len(windows) < MOST_CLIPS:
            windows.append(one)
            shown_by.append(len(windows) - 1)
        else:
            shown_by.append(None)
    return _merged(windows, shown_by)


def _merged(windows: list[Window], shown_by: list[int | None]) -> tuple[list[Window], list[int | None]]:
    """Join windows that have grown into each other."""
    for one, other in combinations(range(len(windows)), 2):
        both = _joined(windows[one], windows[other])
        if both is not None:
            kept = [both if number == one else window for number, window in enumerate(windows)]
            del kept[other]
            moved = {
                number: one if number == other else number - (number > other)
                for number in range(len(windows))
            }
            return _merged(kept, [None if number is None else moved[number] for number in shown_by])
    return windows, shown_by


def _joined(one: Window, other: Window) -> Window | None:
    """Return the window that shows both, if they meet and it is no longer than one may be."""
    if one.source != other.source or one.end < other.start or other.end < one.start:
        return None
    both = Window(one.source, min(one.start, other.start), max(one.end, other.end))
    return both if both.end - both.start <= LONGEST else None


class Clips:
    """The clips of a page.

    Parameters
    ----------
    spans : sequence of (source, span)
        What they are to show, the most important first.
    unplayable : mapping of str to str
        Sources that none are cut of, and why.
    """

    def __init__(self, spans: Sequence[tuple[str, Span]], unplayable: Mapping[str, str]) -> None:
        playable = [each for each in spans if each[0] not in unplayable]
        windows, shown_by = planned(playable)
        self._shown_by = dict(zip(playable, shown_by, strict=True))
        self._clips: dict[int, Clip] = {}
        self._why = dict(unplayable)
        left = MOST_BYTES
        for number, window in enumerate(windows):
            if window.source in self._why:  # what failed once is not tried again
                continue
            try:
                clip = cut(window, f"clip-{number + 1}", left)
            except SightloopError as error:
                self._why[window.source] = error.message
                continue
            self._clips[number] = clip
            left -= len(clip.url) * 3 // 4

    def showing(self, source: str, span: Span) -> Clip | None:
        """Return the clip that a span can be played in, if there is one."""
        number = self._shown_by.get((source, span))
        return None if number is None else self._clips.get(number)

    def of(self, source: str) -> tuple[Clip, ...]:
        """Return all clips of a video, in order of time."""
        own = [clip for clip in self._clips.values() if clip.window.source == source]
        return tuple(sorted(own, key=lambda clip: clip.window.start))

    def missing(self, source: str) -> str:
        """Return why some of what a video's clips should show has none; empty where all have one."""
        if source in self._why:
            return self._why[source]
        if any(number is None for (other, _), number in self._shown_by.items() if other == source):
            return (
                f"the page has room for {MOST_CLIPS} clips, of what is cited first, then of what fits best."
            )
        return ""


def cut(window: Window, name: str, most: int = CLIP_BYTES) -> Clip:
    """Cut a clip out of its video.

    Parameters
    ----------
    window : Window
    name : str
        The clip's ``id``.
    most : int
        Bytes that it may have, before base64.

    Raises
    ------
    InputError
        If the source is gone, or no video that can be read.
    EvidenceError
        If it shows nothing in the window, there is no encoder, or no room for the clip however small.
    """
    from ..memory.sources.videos import Video

    if "://" in window.source or window.source.startswith(MEMORY):
        raise EvidenceError("it is no file: of a live stream only keyframes are kept.", input=window.source)
    encoder = _encoder()
    with Video(window.source) as video:
        shown = next((decoded.t for _, decoded in video.at([window.start])), window.start)
        if video.duration is not None:
            window = replace(window, end=max(window.start, min(window.end, video.duration)))
        for shrink in SHRINKS:
            size = _fitting(video.size, shrink)
            frames = _thinned(video.frames(min(shown, window.start), window.end))
            data = _encoded(frames, window, size, encoder)
            if len(data) <= min(most, CLIP_BYTES):
                url = f"data:video/webm;base64,{base64.b64encode(data).decode()}"
                return Clip(name, window, size, url)
    raise EvidenceError("the page has no room left for it.", input=window.source)


def _encoder() -> str:
    import av

    for name in ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    raise EvidenceError("this installation of PyAV has no encoder for WebM (libvpx).", input="libvpx")


def _fitting(size: Size, shrink: float) -> Size:
    """Return the size of a clip: even, as its colours are halved, and no larger than its video."""
    scale = shrink * min(1.0, SIDE / max(size))
    return Size(*(max(2, 2 * round(side * scale / 2)) for side in size))


def _thinned(frames: Iterable[Decoded]) -> Iterator[Decoded]:
    last = float("-inf")
    for frame in frames:
        if frame.t - last >= LEAST_STEP:
            last = frame.t
            yield frame


def _encoded(frames: Iterable[Decoded], window: Window, size: Size, encoder: str) -> bytes:
    """Encode frames; the first is shown from the start of the window, the last until the end of it."""
    import av

    buffer, picture, at = io.BytesIO(), None, -1
    with av.open(buffer, "w", format="webm") as out:
        stream = cast(av.VideoStream, out.add_stream(encoder, options=ENCODERS[encoder]))
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        stream.bit_rate, stream.codec_context.time_base = BIT_RATE, MILLISECONDS
        for decoded in frames:
            # Rounded down: seeking to a frame's own time must not show the frame before it.
            at = max(at + 1, int(1000 * (decoded.t - window.start)))
            picture = _picture(decoded, size)
            out.mux(stream.encode(_timed(picture, at)))
        if picture is None or window.end <= window.start:
            raise EvidenceError(f"it shows nothing from {window.start:.1f} s on.", input=window.source)
        end = int(1000 * (window.end - window.start))
        if end - at > 1000 * HELD:
            out.mux(stream.encode(_timed(picture, end)))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def _picture(decoded: Decoded, size: Size) -> av.VideoFrame:
    """Return a frame upright, with square pixels, at a clip's size."""
    import av

    from ..memory.sources.decoding import turn_of

    turn = turn_of(decoded.frame)
    stored = turn.size(size)
    pixels = np.asarray(decoded.frame.reformat(stored.width, stored.height, "rgb24").to_ndarray(), np.uint8)
    upright = np.ascontiguousarray(turn.apply(pixels))
    return av.VideoFrame.from_ndarray(upright, "rgb24").reformat(format="yuv420p")


def _timed(picture: av.VideoFrame, milliseconds: int) -> av.VideoFrame:
    picture.pts, picture.time_base = milliseconds, MILLISECONDS
    return picture
