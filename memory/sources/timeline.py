"""Timeline: when each frame of a video is shown, read from its packets without decoding any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray

from .watchdog import Pulse

if TYPE_CHECKING:
    Packet = av.Packet[VideoStream]

EARLIEST = -(2**63)
"""Before all ticks."""

_IDR = 5
_REORDERED = 24
"""Codecs reorder at most 16 frames; packets further out of order belong to another start of the clock."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """The presentation times of a video stream.

    Parameters
    ----------
    shown : (N,) int64, ticks
        Of all frames, increasing.
    keys : (K,) int64, ticks
        Of the frames that decoding can start at, increasing.
    seeks : (K,) int64, ticks
        What to seek for, to decode each of ``keys`` as it is after all before it (containers index by
        decoding time).
    base : Fraction, seconds
        Of one tick.
    origin : int, ticks
        Of the first frame, which is time 0.
    """

    shown: NDArray[np.int64]
    keys: NDArray[np.int64]
    seeks: NDArray[np.int64]
    base: Fraction
    origin: int

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds, of all frames."""
        return (self.shown - self.origin) * self.base.numerator / self.base.denominator

    def rank(self, ticks: int) -> int:
        """Return the index of the frame that is shown at ``ticks``."""
        return int(np.searchsorted(self.shown, ticks))

    def key_before(self, ticks: int) -> int:
        """Return the number of the last key frame shown at or before ``ticks``, 0 if there is none."""
        return max(0, int(np.searchsorted(self.keys, ticks, side="right")) - 1)


def seconds_of(ticks: int, origin: int, base: Fraction) -> float:
    """Return the time of a frame; the same arithmetic as :attr:`Timeline.times`, to the last bit."""
    return (ticks - origin) * base.numerator / base.denominator


def packets_of(container: av.container.InputContainer, stream: VideoStream) -> Iterator[Packet]:
    """Read the packets of a stream from where the container stands; the last is empty."""
    while True:
        try:
            yield from container.demux(stream)
            return
        except IndexError:  # a damaged file gains streams on the way, which PyAV does not know
            continue


def read_timeline(
    container: av.container.InputContainer, stream: VideoStream, origin: int, pulse: Pulse
) -> Timeline | None:
    """Read all packets of a stream from where the container stands: its start.

    Returns
    -------
    Timeline or None
        None where the packets do not say when each frame is shown: a time is missing, or the clock starts
        over. Then only decoding from the start tells.
    """
    shown: list[int] = []
    keys: list[tuple[int, int]] = []
    latest = EARLIEST
    before = 0  # what leads to the key frame before
    try:
        for packet in packets_of(container, stream):
            pulse.beat()
            if not packet.size or packet.is_discard:
                continue
            if packet.pts is None or (packet.is_keyframe and packet.pts < latest):
                return None
            shown.append(packet.pts)
            latest = max(latest, packet.pts)
            if packet.is_keyframe:
                reached = packet.dts if packet.dts is not None else packet.pts
                keys.append((packet.pts, reached if _whole(packet) or not keys else before))
                before = reached
    except FFmpegError:  # truncated: what was read is there
        pass
    if not shown or not keys or stream.time_base is None:
        return None
    in_file = np.array(shown, np.int64)
    order = np.argsort(in_file, kind="stable")
    ordered = in_file[order]
    if np.any(np.abs(order - np.arange(len(order))) > _REORDERED):
        return None
    starts = np.array(sorted(keys), np.int64)
    return Timeline(
        np.unique(ordered[ordered >= origin]), starts[:, 0], starts[:, 1], stream.time_base, origin
    )


def _whole(packet: Packet) -> bool:
    """Whether decoding can start at a key frame and give its pixels at once.

    In H.264 all that are no IDR pictures (NAL unit type 5) are points of recovery: the picture may be
    refreshed bit by bit, and is right from the next such point on.
    """
    decoder = packet.stream.codec_context
    if decoder.name != "h264":
        return True
    data, head = bytes(packet), bytes(decoder.extradata or b"")
    if not head.startswith(b"\1"):  # units are set apart by start codes (ISO/IEC 14496-10, annex B)
        return any(unit[1][0] & 31 == _IDR for unit in re.finditer(rb"\x00\x00\x01(.)", data, re.DOTALL))
    size = (head[4] & 3) + 1  # of the length before each unit (ISO/IEC 14496-15)
    at = 0
    while at + size < len(data):
        if data[at + size] & 31 == _IDR:
            return True
        at += size + int.from_bytes(data[at : at + size])
    return False
