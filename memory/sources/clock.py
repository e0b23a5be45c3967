"""Clock: the time and the rank of each decoded frame, from what the packets say."""

from __future__ import annotations

import heapq
from fractions import Fraction

from .timeline import EARLIEST, Timeline, seconds_of


class Clock:
    """Gives frames their time and their index in presentation order; both only ever increase.

    Without a timeline it ranks a frame among the packets read so far: when a frame comes out of the decoder,
    all that are shown before it have gone in. Where a stream starts its clock over (files that were joined),
    time goes on from the last frame.

    Parameters
    ----------
    origin : int or None, ticks
        Of the first frame; None where frames have no time, which then is counted.
    base : Fraction, seconds
        Of one tick.
    step : float, seconds
        Assumed between two frames where the second has no time of its own.
    timeline : Timeline, optional
    """

    def __init__(
        self, origin: int | None, base: Fraction, step: float, timeline: Timeline | None = None
    ) -> None:
        self._origin, self._base, self._step, self._timeline = origin, base, step, timeline
        self._ahead: list[tuple[int, int]] = []  # (start of the clock, ticks) of packets not yet shown
        self._read = (0, EARLIEST)  # the latest packet
        self._started = 0  # how often the clock of the frames has started over
        self._offset = 0.0
        self._rank = 0
        self._last: tuple[int, int] | None = None
        self.t = -step

    def packet(self, ticks: int | None, key: bool) -> None:
        """Note a packet that goes into the decoder."""
        if ticks is None or self._timeline is not None or self._origin is None:
            return
        start, latest = self._read
        if key and ticks < latest:  # what a key frame is shown before comes after it in the file
            start += 1
            self._read = (start, ticks)
        elif ticks > latest:
            self._read = (start, ticks)
        if start or ticks >= self._origin:  # what comes before the first frame cannot be decoded
            heapq.heappush(self._ahead, (start, ticks))

    def frame(self, ticks: int | None) -> tuple[float, int] | None:
        """Return the time in seconds and the index of a frame that came out of the decoder.

        None for one that is not shown after the one before it: where a stream is damaged, some come too late.
        """
        if ticks is None or self._origin is None:
            self.t += self._step
            self._rank += 1
            return self.t, self._rank - 1
        t = seconds_of(ticks, self._origin, self._base)
        late = t + self._offset <= self.t
        if self._started < self._read[0] and (late or self._only_after(ticks)):
            self._started += 1
            self._offset = self.t + self._step - t if late else self._offset
        elif late:
            return None
        self.t = t + self._offset
        return self.t, self._ranked(ticks)

    def _only_after(self, ticks: int) -> bool:
        """Whether only packets from the next start of the clock on have this time."""
        here, there = (self._started, ticks), (self._started + 1, ticks)
        return here not in self._ahead and there in self._ahead

    def _ranked(self, ticks: int) -> int:
        if self._timeline is not None:
            index = max(self._rank, self._timeline.rank(ticks))
        else:
            here = (self._started, ticks)
            passed = set()  # a time that is given twice is that of one frame
            while self._ahead and self._ahead[0] <= here:
                passed.add(heapq.heappop(self._ahead))
            index = self._rank + len(passed - {here, self._last})
            self._last = here
        self._rank = index + 1
        return index
