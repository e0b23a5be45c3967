"""Reading: packets become frames, whatever happens on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError
from av.video.stream import VideoStream

from .clock import Clock
from .containers import Opened
from .decoding import Decoded
from .timeline import Timeline, packets_of
from .watchdog import Pulse

if TYPE_CHECKING:
    Packet = av.Packet[VideoStream]

TOLERANCE = 1e-4
"""Seconds: a time that went through text and lost digits still means the frame that it was of."""

_EVEN = 50  # frames after which a stream is known for its longest gap
_GAP = 0.5  # seconds


def decoded_frames(
    opened: Opened,
    packets: Iterable[Packet],
    clock: Clock | None,
    damaged: Callable[[float, str], None],
    pulse: Pulse,
) -> Iterator[av.VideoFrame]:
    """Decode packets; what cannot be decoded is noted and left out.

    Parameters
    ----------
    opened : Opened
    packets : iterable of av.Packet
        Of its video stream.
    clock : Clock, optional
        Is told of each packet.
    damaged : callable
        Is told of damage: the time in seconds of the last good frame, and what is wrong.
    pulse : Pulse
    """
    decoder = opened.stream.codec_context

    def frames(packet: Packet | None) -> list[av.VideoFrame]:
        try:
            return decoder.decode(packet)
        except EOFError:
            return []
        except FFmpegError as error:
            damaged(clock.t if clock else 0.0, f"not decodable ({error.strerror})")
            return []

    def whole() -> Iterator[Packet]:
        try:
            yield from packets
        except FFmpegError as error:
            damaged(clock.t if clock else 0.0, f"not readable ({error.strerror})")

    for packet in whole():
        pulse.beat()
        if not packet.size:
            continue  # the end, where the decoder is emptied below
        if clock is not None and not packet.is_discard:
            clock.packet(packet.pts, packet.is_keyframe)
        if packet.is_corrupt:
            damaged(clock.t if clock else 0.0, "a packet is incomplete")
        for frame in frames(packet):
            if frame.is_corrupt:
                damaged(clock.t if clock else 0.0, "a frame is incomplete")
            yield frame
    yield from frames(None)


class Steady:
    """Notices what a damaged container does not say: that frames of an even stream are missing.

    Parameters
    ----------
    damaged : callable
        As that of :func:`decoded_frames`.
    """

    def __init__(self, damaged: Callable[[float, str], None]) -> None:
        self._damaged = damaged
        self._longest, self._count = 0.0, 0

    def note(self, before: float, t: float) -> None:
        """Note the times of two frames, one after the other."""
        gap = t - before
        if self._count >= _EVEN and gap > max(_GAP, 10 * self._longest):
            self._damaged(before, f"no frames for {gap:.1f} s")
        elif before >= 0:
            self._longest = max(self._longest, gap)
            self._count += 1


def arrive(opened: Opened, timeline: Timeline | None, key: int) -> Iterator[Packet] | None:
    """Seek to a key frame.

    Returns
    -------
    iterator of av.Packet or None
        From a key frame at or before the one wanted; from the start without a timeline. None if the container
        leads only to later ones.
    """
    container, stream = opened.container, opened.stream
    if timeline is None:
        return packets_of(container, stream)
    wanted, back = int(timeline.keys[key]), 0
    while True:
        try:
            container.seek(int(timeline.seeks[max(0, key - back)]), stream=stream)
            packets = packets_of(container, stream)
            first = next((packet for packet in packets if packet.is_keyframe and packet.size), None)
        except FFmpegError:
            return None
        # from the middle of an MPEG packet on, FFmpeg guesses times that no frame has
        ticks = None if first is None else first.pts
        if first is not None and ticks is not None and ticks <= wanted and ticks in timeline.keys:
            return chain([first], packets)
        if key <= back:
            return None
        back = max(1, 2 * back)


def shown_at(
    wanted: Iterable[float], frames: Iterator[Decoded], *, first: bool = True
) -> Iterator[tuple[float, Decoded]]:
    """Pick from frames in order those shown at increasing times.

    Parameters
    ----------
    wanted : iterable of float, seconds
        Increasing.
    frames : iterator of Decoded
        Read no further than needed.
    first : bool
        Whether they start with the first frame of the video, which is also taken for times before it.
    """
    pending = deque(wanted)
    held: Decoded | None = None
    for frame in frames:
        while pending and frame.t > pending[0] + TOLERANCE:
            time = pending.popleft()
            if held is not None:
                yield time, held
            elif first:
                yield time, frame
        if not pending:
            return
        held = frame
    if held is not None:
        yield from ((time, held) for time in pending)
