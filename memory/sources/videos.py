"""Videos: frames at their presentation times, of any container and codec that FFmpeg reads.

Time is ``t`` in seconds from the first frame on, by the presentation timestamps of the stream: never an index
divided by a frame rate. Frames are decoded in a thread of their own, a few ahead of who takes them.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from ...errors import InputError
from ..still import Frame, Size, Still
from .clock import Clock
from .containers import Opened, opened_video
from .decoding import Decoded, square_size, turn_of
from .files import VIDEO_SUFFIXES as VIDEO_SUFFIXES
from .files import regular_file
from .photos import SUFFIXES as PHOTO_SUFFIXES
from .reading import TOLERANCE, Steady, arrive, decoded_frames, shown_at
from .timeline import Timeline, packets_of, read_timeline
from .watchdog import Pulse, watched

MOST_WARNINGS = 20
"""Places of damage that are listed for one video; more are counted together."""

MOST_TIMELINES = 16
"""Videos whose frame times are kept: 8 bytes a frame, 2 MB for two hours."""

_CUT_OFF = 0.5  # seconds that a header may promise too much
_timelines: dict[tuple[str, int, int], Timeline | None] = {}


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a video: by its suffix, or where that says nothing by what is in it."""
    suffix = Path(path).suffix.lower()
    if suffix in VIDEO_SUFFIXES or suffix in PHOTO_SUFFIXES:
        return suffix in VIDEO_SUFFIXES
    try:
        Video(path).close()
    except InputError:
        return False
    return True


def _unheard(t: float, what: str) -> None:
    """Take no note of damage: reading will meet it again."""


class Video:
    """A video file; a context manager.

    Parameters
    ----------
    path : str or path
        A regular file in any container that FFmpeg reads.

    Attributes
    ----------
    source : str
        Its absolute path.
    size : Size
        Of its stills: upright, with square pixels.
    duration : float or None
        Seconds, where its header says so.
    fps : float or None
        Frames per second on average, where its header says so. Nothing here is computed from it but the
        times of frames that have none.
    rotation : int
        Degrees clockwise by which the stored picture is turned to be upright: 0, 90, 180 or 270.
    codec : str
    warnings : list of str
        What was found to be damaged, and where; filled while it is read.

    Raises
    ------
    InputError
        If it is missing, a folder, a pipe or a device, empty, no video, has no video stream, or not one frame
        of it can be decoded.
    SourceStalledError
        If nothing could be read of it for ``STALL_SECONDS``.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        with regular_file(path, "video"):
            self.source = str(Path(path).absolute())
        self.warnings: list[str] = []
        self._name = str(path)
        deque(watched(self._probe, self._name), maxlen=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing more: each iteration holds its own file, and closes it when it ends or is dropped."""

    def frames(self, start: float = 0.0, stop: float | None = None) -> Generator[Decoded, None, None]:
        """Decode frames in presentation order.

        Parameters
        ----------
        start, stop : float, seconds
            Frames with ``start <= t <= stop``; by default all. Decoding starts at the key frame before
            ``start``, or at the start of the video where its packets do not tell their times.

        Yields
        ------
        Decoded
            A damaged part gives the frames that exist, and a line in ``warnings``.

        Raises
        ------
        InputError
            If ``start`` or ``stop`` is no finite number, or the file went away.
        SourceStalledError
            If nothing could be read for ``STALL_SECONDS``.
        """
        if not math.isfinite(start) or (stop is not None and not math.isfinite(stop)):
            raise InputError(
                f"a video is read between finite times, not {start} and {stop}.", input=self._name
            )
        return watched(lambda pulse: self._read(start, stop, pulse), self._name)

    def at(self, times: Iterable[float]) -> Generator[tuple[float, Decoded], None, None]:
        """Decode the frames shown at ``times``, in the order of time.

        Yields
        ------
        time : float
            Each of ``times`` once.
        frame : Decoded
            The last one with ``t`` at or before it; the first one for a time before that.

        Raises
        ------
        InputError
            If a time is no finite number.
        SourceStalledError
            As :meth:`frames` does.
        """
        wanted = sorted({float(time) for time in times})
        if not all(math.isfinite(time) for time in wanted):
            raise InputError("a frame is read at a finite time.", input=self._name)
        return watched(lambda pulse: self._pick(wanted, pulse), self._name)

    def _probe(self, pulse: Pulse) -> Iterator[None]:
        with opened_video(self.source, self._name) as opened:
            stream = opened.stream
            frame = next(
                decoded_frames(opened, packets_of(opened.container, stream), None, _unheard, pulse), None
            )
            if frame is None:
                raise InputError(
                    f"{self._name} has a video stream, but no frame of it can be decoded: it is truncated or "
                    "damaged. Copy or download it again.",
                    input=self._name,
                )
            self._origin = frame.pts if opened.timed else None
            shape = stream.sample_aspect_ratio
            self._shape = Fraction(shape) if shape else Fraction(1)
            turn = turn_of(frame)
            self.size = turn.size(square_size(Size(frame.width, frame.height), self._shape))
            self.rotation = turn.degrees
            self.codec = stream.codec_context.name
            self.fps = float(stream.average_rate) if stream.average_rate else None
            self.duration = opened.duration
        yield None

    def _read(self, start: float, stop: float | None, pulse: Pulse) -> Iterator[Decoded]:
        with opened_video(self.source, self._name) as opened:
            timeline = self._timeline(pulse) if start > 0 else None
            key = 0
            if timeline is not None:
                after = int(np.searchsorted(timeline.times, start))
                if after == len(timeline.shown):
                    return
                key = timeline.key_before(int(timeline.shown[after]))
            for decoded in self._decode(opened, timeline, key, pulse):
                if stop is not None and decoded.t > stop:
                    return
                if decoded.t >= start:
                    yield decoded

    def _pick(self, wanted: list[float], pulse: Pulse) -> Iterator[tuple[float, Decoded]]:
        timeline = self._timeline(pulse)
        with opened_video(self.source, self._name) as opened:
            if timeline is None:
                yield from shown_at(wanted, self._decode(opened, None, 0, pulse))
                return
            groups: dict[int, list[float]] = {}
            for time in wanted:
                rank = int(np.searchsorted(timeline.times, time + TOLERANCE, side="right")) - 1
                groups.setdefault(timeline.key_before(int(timeline.shown[max(0, rank)])), []).append(time)
            for key, group in groups.items():
                frames = self._decode(opened, timeline, key, pulse)
                found = dict(shown_at(group, frames, first=key == 0))
                missed = [time for time in group if time not in found]
                if missed:  # the key frame before them is damaged
                    found.update(shown_at(missed, self._decode(opened, timeline, 0, pulse)))
                yield from sorted(found.items(), key=lambda item: item[0])

    def _decode(self, opened: Opened, timeline: Timeline | None, key: int, pulse: Pulse) -> Iterator[Decoded]:
        """Decode all frames from a key frame on, or from the start."""
        packets = arrive(opened, timeline, key)
        if packets is None:  # this container cannot be sought in
            with opened_video(self.source, self._name) as again:
                yield from self._decode(again, None, 0, pulse)
            return
        assert opened.stream.time_base is not None
        clock = Clock(self._origin, opened.stream.time_base, opened.step, timeline)
        steady, lasts = Steady(self._damaged), 0.0
        for frame in decoded_frames(opened, packets, clock, self._damaged, pulse):
            before, placed = clock.t, clock.frame(frame.pts)
            if placed is None:
                self._damaged(clock.t, "a frame comes too late, and is left out")
                continue
            steady.note(before, placed[0])
            lasts = float(frame.duration * opened.stream.time_base) if frame.duration else 0.0
            yield Decoded(self.source, *placed, frame, self._shape)
        end = opened.own_duration
        if end is not None and clock.t + max(lasts, 2 * opened.step) + _CUT_OFF < end:
            self._damaged(clock.t, f"it ends here, though its header promises {end:.1f} s")

    def _damaged(self, t: float, what: str) -> None:
        warning = f"broken at {max(0.0, t):.1f} s: {what}"
        if warning in self.warnings or len(self.warnings) > MOST_WARNINGS:
            return
        more = len(self.warnings) == MOST_WARNINGS
        self.warnings.append("broken at more places, which are not listed" if more else warning)

    def _timeline(self, pulse: Pulse) -> Timeline | None:
        if self._origin is None:
            return None
        status = Path(self.source).stat()
        wanted = (self.source, status.st_size, status.st_mtime_ns)
        if wanted not in _timelines:
            with opened_video(self.source, self._name) as opened:
                found = read_timeline(opened.container, opened.stream, self._origin, pulse)
            while len(_timelines) >= MOST_TIMELINES:
                _timelines.pop(next(iter(_timelines)), None)
            _timelines[wanted] = found
        return _timelines[wanted]


def read_frames(source: str | os.PathLike[str], times: Iterable[float]) -> list[Still]:
    """Read the frames of a video that are shown at some times.

    Parameters
    ----------
    source : str or path
    times : iterable of float, seconds
        In any order.

    Returns
    -------
    list of Still
        One for each time: the last frame that begins at or before it, the first one for a time before that.

    Raises
    ------
    InputError
        If the file is no video, or a time is no finite number.
    """
    wanted = [float(time) for time in times]
    stills: dict[int, Still] = {}
    found: dict[float, Still] = {}
    with Video(source) as video:
        for time, decoded in video.at(wanted):
            if decoded.index not in stills:
                stills[decoded.index] = decoded.still()
            found[time] = stills[decoded.index]
    return [found[time] for time in wanted]


def read_frame(source: str | os.PathLike[str], t: float) -> Still:
    """Read the frame of a video whose presentation time is ``t``.

    Raises
    ------
    InputError
        If the file is no video, or no frame begins at ``t``.
    """
    (still,) = read_frames(source, [t])
    assert isinstance(still.origin, Frame)
    if abs(still.origin.t - t) > TOLERANCE:
        raise InputError(
            f"{source} has no frame that begins at {t} s; the one shown then begins at {still.origin.t} s.",
            input=str(source),
        )
    return still
