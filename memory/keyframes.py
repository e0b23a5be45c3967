"""Keyframes: a video told by few of its frames, and by where its shots begin.

One pass over the frames: each is glanced at once (:mod:`~.glance`), cuts are found (:mod:`~.cuts`), and per
shot those frames are kept that show something new, and sharp (:mod:`~.novelty`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .cuts import Cut, Dissolves, HardCuts, Lit
from .glance import BLOCKS, Decoded, Glance, cv2, glance
from .novelty import Choice, Chooser, Recollection
from .still import Still

CHUNK = 5.0
"""Seconds after which a :class:`Position` is due; what is being chosen then is decided."""


SHORTEST = 0.5
"""Seconds that a shot lasts at least before a dissolve or a fade ends it."""
SPARES, SPARE_SECONDS = 8, 0.5
"""Frames held, and how far apart, for shots in which nothing is new: those of a dissolve, as it goes on."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What one camera took without a cut.

    Parameters
    ----------
    number : int
        From 0.
    start, end : float, seconds
        When its first and its last frame are shown.
    first_frame, last_frame : int
        Their ranks in presentation order, from 0.
    """

    number: int
    start: float
    end: float
    first_frame: int
    last_frame: int


@dataclass(frozen=True)
class Keyframe:
    """A frame to keep.

    Parameters
    ----------
    frame : Decoded
        As the decoder gave it; :attr:`still` converts it, once.
    t, index : float, int
        When it is shown, in seconds, and its rank in presentation order.
    shot : int
        Number of the shot that it is in.
    sharpness : float
        Standard deviation of the Laplacian of its luma; only comparable within a video.
    signature : bytes
        Its coarse picture: 10 x 16 x 3 bytes, Y, U, V.
    """

    frame: Decoded = field(repr=False, compare=False)
    t: float
    index: int
    shot: int
    sharpness: float
    signature: bytes

    @cached_property
    def still(self) -> Still:
        """The frame's pixels; its origin says when it is shown."""
        return self.frame.still()


@dataclass(frozen=True, slots=True)
class Position:
    """A point of a scan before which everything has been yielded.

    Parameters
    ----------
    t, index : float, int
        Of the next frame to decide on.
    read_from : float, seconds
        Where to start reading, so that what is decided from ``t`` on is decided as without a break.
    number, start, first_frame : int, float, int
        The running shot.
    end : float, seconds
        When the frame before ``index`` is shown.
    lit : Lit
    memory : Recollection
        The keyframes that frames are still compared with.
    """

    t: float
    index: int
    read_from: float
    number: int
    start: float
    first_frame: int
    end: float
    lit: Lit = field(repr=False)
    memory: Recollection = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object, some ten kilobytes."""
        plain = ("t", "index", "read_from", "number", "start", "first_frame", "end")
        return {name: getattr(self, name) for name in plain} | {
            "lit": self.lit._asdict(),
            "memory": self.memory.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Position:
        """Read what :meth:`to_json` returned."""
        lit, memory = Lit(**data["lit"]), Recollection.from_json(data["memory"])
        return cls(**{**data, "lit": lit, "memory": memory})


def scan(frames: Iterable[Decoded], position: Position | None = None) -> Iterator[Keyframe | Shot | Position]:
    """Tell a video by its keyframes and shots, in one pass over its frames.

    Parameters
    ----------
    frames : iterable of Decoded
        In presentation order; from ``position.read_from`` on if a position is given.
    position : Position, optional
        Where to take up an earlier scan: what is yielded is what that one would have yielded after it.

    Yields
    ------
    Keyframe, Shot or Position
        A keyframe when the cuts up to it are known, a shot after its last keyframe, some seconds late; a
        position every ``CHUNK`` seconds or two. Of every shot there is a keyframe.
    """
    pass_ = _Scan(position)
    for frame in frames:
        yield from pass_.add(frame)
    yield from pass_.end()


Found = Keyframe | Shot | Position


class _Scan:
    """The state of one pass: frames go through hard cuts, then to the chooser and through dissolves."""

    def __init__(self, position: Position | None) -> None:
        self._from = position.index if position else 0
        self._hard, self._soft = HardCuts(), Dissolves()
        self._chooser = Chooser(position.memory if position else None)
        self._lit = position.lit if position else Lit()
        self._held: deque[Decoded] = deque()  # frames that wait for whether they are hard cuts
        self._chosen: deque[Choice] = deque()  # keyframes that wait for whether a shot begins before them
        self._rests: deque[tuple[int, float, Recollection]] = deque()  # future positions: index, reading from
        self._chunk: int | None = None
        self._number = position.number if position else 0
        self._start = position.start if position else 0.0
        self._first = position.first_frame if position else -1
        self._last = (position.index - 1, position.end) if position else (-1, 0.0)
        self._kept = position is not None  # whether a keyframe of the running shot has been yielded
        self._hards: deque[int] = deque()  # hard cuts that the soft ones have not come to yet
        self._spares: deque[tuple[Glance, Decoded]] = deque(maxlen=SPARES)
        self._spare_slot: int | None = None
        self._last_t = 0.0

    def add(self, frame: Decoded) -> Iterator[Found]:
        """Take the next frame."""
        self._last_t = frame.t
        if frame.index >= self._from:
            self._held.append(frame)
        for seen, hard in self._hard.add(glance(frame)):
            yield from self._decided(seen, hard)

    def end(self) -> Iterator[Found]:
        """Decide the rest."""
        for seen, hard in self._hard.end():
            yield from self._decided(seen, hard)
        self._chosen += self._chooser.close(self._last_t)
        for seen, cut in self._soft.end():
            yield from self._finished(seen, cut)
        if self._last[0] >= self._from:
            yield self._shot()

    def _decided(self, seen: Glance, hard: bool) -> Iterator[Found]:
        chunk = int(seen.t / CHUNK)
        new_chunk, self._chunk = self._chunk is not None and chunk != self._chunk, chunk
        slot = int(seen.t / SPARE_SECONDS)
        spare, self._spare_slot = slot != self._spare_slot, slot
        if seen.index < self._from:
            self._chooser.watch(seen, hard)
        else:
            frame = self._held.popleft()
            if spare:
                self._spares.append((seen, frame))
            if new_chunk:
                self._chosen += self._chooser.close(seen.t)
                if seen.index > self._from:
                    self._rests.append((seen.index, self._soft.earliest, self._chooser.memory))
            if hard:
                self._hards.append(seen.index)
            self._chosen += self._chooser.add(seen, frame, hard)
        for done, cut in self._soft.add(seen, hard):
            yield from self._finished(done, cut)

    def _finished(self, seen: Glance, cut: Cut | None) -> Iterator[Found]:
        if seen.index < self._from:
            return
        if self._first < 0:
            self._start, self._first = seen.t, seen.index
        if self._rests and self._rests[0][0] == seen.index:
            _, read_from, memory = self._rests.popleft()
            if self._kept:
                yield self._position(seen, read_from, memory)
        lit, faded = self._lit.after(seen)
        if self._begins(seen, cut, faded):
            yield self._shot()
            self._number, self._start, self._first = self._number + 1, seen.t, seen.index
            self._kept, lit = False, Lit(seen.luma, seen.luma)
        self._lit, self._last = lit, (seen.index, seen.t)
        while self._chosen and self._chosen[0].frame.index <= seen.index:
            yield self._keyframe(self._chosen.popleft())

    def _begins(self, seen: Glance, cut: Cut | None, faded: bool) -> bool:
        """Whether a shot begins at a frame; a soft beginning must get a keyframe before the next cut."""
        if cut is not None and cut.begin == cut.end:
            self._hards.popleft()
            return True
        if (cut is None and not faded) or not self._kept or seen.t - self._start < SHORTEST:
            return False
        stop = self._hards[0] if self._hards else None

        def inside(index: int) -> bool:
            return seen.index <= index and (stop is None or index < stop)

        if any(inside(choice.frame.index) for choice in self._chosen):
            return True
        spares = [spare for spare in self._spares if inside(spare[0].index)]
        if not spares:
            return False
        end = cut.end if cut else seen.t
        whole = next((spare for spare in spares if spare[0].t >= end), spares[-1])
        self._chosen.appendleft(Choice.of(*whole))
        return True

    def _shot(self) -> Shot:
        return Shot(self._number, self._start, self._last[1], self._first, self._last[0])

    def _keyframe(self, choice: Choice) -> Keyframe:
        self._kept = True
        signature = cv2.resize(choice.small, BLOCKS, interpolation=cv2.INTER_AREA).tobytes()
        frame = choice.frame
        return Keyframe(frame, frame.t, frame.index, self._number, choice.sharpness, signature)

    def _position(self, seen: Glance, read_from: float, memory: Recollection) -> Position:
        running = (self._number, self._start, self._first, self._last[1])
        return Position(seen.t, seen.index, read_from, *running, self._lit, memory)
