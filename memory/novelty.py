"""Novelty: which frames show something that no recent keyframe shows.

A frame is compared with the recent keyframes of its shot block by block, so that a small thing counts; within
a pixel of the small picture, so that shake, grain and compression do not; and once more with its brightness
fitted to theirs, so that flicker does not. What is new opens an *episode* of at most a second, which ends
with one keyframe: the frame in which most is new, and sharp. So a thing that slides or fades in is shown
whole.

How soon an episode may follow a keyframe depends on what is new: little that moves has to wait, and ever
longer where it moves on one spot (trees, water); something that came from nowhere, or to rest, waits least.
A camera before which nothing changes gets no more keyframes, however long it runs: there is no heartbeat.
"""

from __future__ import annotations

import base64
import zlib
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from .glance import BLOCKS, CHANGE, GRID, Decoded, Glance, Mask, Pixels, beyond, cv2, middle, step
from .still import Size

SAMPLES = 11
"""Frames a second that are looked at, at most."""
STEADY, SUDDEN = 6, 12
"""Levels that a block at rest changes by at most, and at least where something appears."""
SETTLING, ARRIVAL = 0.4, 1.2
"""Seconds that a block must have been at rest for, and for which something counts as just appeared."""
EPISODE, PATIENCE, BRIEF = 1.0, 0.4, 0.3
"""Longest time for choosing a keyframe, how long none better is waited for, and under what an episode that is
broken off comes to nothing, in seconds."""
SOON, BUSY, SELDOM, LONGEST = 0.6, 1.0, 3.0, 10.0
"""Least time after a keyframe, in seconds: for what appears or has come to rest, where much is new, for the
rest; and the most that the latter grows to."""
MUCH = 0.25
"""Part of the picture that is much."""
RECALL = 10.0
"""Seconds after which a keyframe that is not seen again is no longer compared with."""
RECENT = 4
"""Keyframes that are compared with."""
DETAIL = Size(128, 80)
"""The picture that sharpness is measured on."""

_SLACK = 0.01
_KERNEL = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Known:
    """A keyframe's small picture, and when something of it was last seen."""

    small: Pixels
    seen: float
    extremes: tuple[Pixels, Pixels] = field(repr=False)
    middle: float = field(repr=False)

    @classmethod
    def of(cls, small: Pixels, seen: float) -> Known:
        """Prepare for comparing."""
        glance = Glance(seen, 0, small)
        return cls(small, seen, glance.extremes, float(middle(glance.coarse[:, :, 0].ravel())))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {"small": packed(self.small), "seen": self.seen}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Known:
        """Read what :meth:`to_json` returned."""
        pixels = np.frombuffer(zlib.decompress(base64.b64decode(data["small"])), np.uint8)
        return cls.of(pixels.reshape(GRID.height, GRID.width, 3), data["seen"])

    def new(self, seen: Glance) -> Pixels:
        """Return how many levels each block of a frame is beyond this picture, (10, 16) uint8."""
        levels = _blocks(beyond(seen.small, self.extremes))
        if levels.max() <= CHANGE:
            return levels
        offset = float(middle(seen.coarse[:, :, 0].ravel())) - self.middle
        if abs(offset) < 1:
            return levels
        gain = (self.middle - 16 + 1) / max(1.0, self.middle - 16 + offset + 1)
        for fitted in (cv2.subtract(seen.small, (offset, 0.0, 0.0, 0.0)), _scaled(seen.small, gain)):
            levels = cv2.min(levels, _blocks(beyond(fitted, self.extremes)))
        return levels


def _none() -> Mask:
    return np.zeros((BLOCKS.height, BLOCKS.width), np.bool_)


def _blocks(levels: Pixels) -> Pixels:
    small = cv2.resize(levels, BLOCKS, interpolation=cv2.INTER_AREA)
    return np.asarray(small.max(axis=2))


def _scaled(small: Pixels, gain: float) -> Pixels:
    luma = cv2.convertScaleAbs(small[:, :, 0], alpha=gain, beta=16 * (1 - gain))
    return np.asarray(cv2.merge((luma, small[:, :, 1], small[:, :, 2])))


def packed(small: Pixels) -> str:
    """Return a small picture as text."""
    return base64.b64encode(zlib.compress(small.tobytes(), 6)).decode()


def sharpness(frame: Decoded) -> float:
    """Return the standard deviation of the Laplacian of a frame's luma, at the size ``DETAIL``."""
    luma = np.ascontiguousarray(frame.small(*DETAIL)[:, :, 0])
    return float(cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))[1][0, 0])


class Choice(NamedTuple):
    """A frame chosen as keyframe."""

    frame: Decoded
    small: Pixels
    sharpness: float

    @classmethod
    def of(cls, seen: Glance, frame: Decoded) -> Choice:
        """Choose a frame."""
        return cls(frame, seen.small, sharpness(frame))


@dataclass(frozen=True)
class Recollection:
    """All that is remembered between episodes.

    Parameters
    ----------
    known : tuple of Known
        The recent keyframes, those seen last first.
    last : float, seconds
        When the last one was.
    wait : float, seconds
        What little that moves has to wait for.
    places : int
        The blocks that were new in the last one, as bits.
    """

    known: tuple[Known, ...] = ()
    last: float = -np.inf
    wait: float = SELDOM
    places: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        known = [one.to_json() for one in self.known]
        return {"known": known, "last": self.last, "wait": self.wait, "places": f"{self.places:x}"}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recollection:
        """Read what :meth:`to_json` returned."""
        known = tuple(Known.from_json(one) for one in data["known"])
        return cls(known, data["last"], data["wait"], int(data["places"], 16))


class _Sample(NamedTuple):
    """A frame looked at: by how much blocks changed since the one before, and where something appeared."""

    seen: Glance
    change: Pixels
    arrived: Mask


@dataclass
class _Episode:
    """Choosing among frames from ``start`` on."""

    start: float
    choice: Choice
    score: float
    mass: float
    mask: Mask
    better: float  # when the choice was made
    settled: bool
    first: bool  # of a shot


class Chooser:
    """Keyframes of a sequence of frames.

    Parameters
    ----------
    memory : Recollection
        Where it is taken up.
    """

    def __init__(self, memory: Recollection | None = None) -> None:
        self.memory = memory or Recollection()
        self._episode: _Episode | None = None
        self._recent: deque[_Sample] = deque()
        self._slot: int | None = None
        self._before = _none()

    def watch(self, seen: Glance, cut: bool = False) -> bool:
        """Take note of a frame that is not chosen from; return whether it is one of those looked at."""
        if cut:
            self._recent.clear()
        slot = int(seen.t * SAMPLES)
        if slot == self._slot:
            return False
        self._slot = slot
        while self._recent and self._recent[0].seen.t < seen.t - ARRIVAL - SETTLING:
            self._recent.popleft()
        self._recent.append(self._sample(seen))
        return True

    def _sample(self, seen: Glance) -> _Sample:
        """Compare a frame with those just before it."""
        if not self._recent:
            return _Sample(seen, np.full((BLOCKS.height, BLOCKS.width), 255, np.uint8), _none())
        change = step(self._recent[-1].seen, seen)
        before = np.max(
            [one.change for one in self._recent if one.seen.t >= seen.t - SETTLING - _SLACK], axis=0
        )
        usual = cv2.dilate(before, _KERNEL)
        return _Sample(seen, change, change >= np.maximum(SUDDEN, 3 * usual.astype(np.int32)))

    def add(self, seen: Glance, frame: Decoded, cut: bool) -> list[Choice]:
        """Look at the next frame; return what is chosen by that."""
        chosen = self.close(seen.t) if cut else []
        if cut or (not self.memory.known and self._episode is None):
            self.memory = Recollection()
            self.watch(seen, cut=True)
            self._episode = self._opened(seen, frame, ~_none(), 1.0, False, True)
            return chosen
        if not self.watch(seen):
            return chosen
        episode = self._episode
        if episode is not None and episode.first:
            mask, mass = ~_none(), 1.0
        else:
            mask, mass = self._new(seen)
        settled = bool((mask & self._arrived()).any())
        if episode is None:
            if self._due(seen.t, mask, settled):
                self._episode = self._opened(seen, frame, mask, mass, settled, False)
            self._before = mask
        else:
            self._improve(episode, seen, frame, mask, mass, settled)
            calm = episode.settled or episode.first
            if seen.t - episode.start >= EPISODE or (calm and seen.t - episode.better >= PATIENCE):
                chosen += self.close(seen.t)
        return chosen

    def close(self, t: float) -> list[Choice]:
        """Come to rest at a time: end the episode, if there is one, and return its choice."""
        episode, memory = self._episode, self.memory
        self._episode = None
        self._before = np.zeros_like(self._before)
        if episode is None or (not episode.first and t - episode.start < BRIEF):
            return []
        known = Known.of(episode.choice.small, episode.choice.frame.t)
        places = int.from_bytes(np.packbits(episode.mask).tobytes())
        same = not episode.first and 2 * (places & memory.places).bit_count() > places.bit_count()
        wait = min(LONGEST, memory.wait * 1.5) if same and not episode.settled else SELDOM
        self.memory = Recollection((known, *memory.known)[:RECENT], known.seen, wait, places)
        return [episode.choice]

    def _opened(
        self, seen: Glance, frame: Decoded, mask: Mask, mass: float, settled: bool, first: bool
    ) -> _Episode:
        choice = Choice.of(seen, frame)
        return _Episode(seen.t, choice, mass * choice.sharpness, mass, mask, seen.t, settled, first)

    def _improve(
        self, episode: _Episode, seen: Glance, frame: Decoded, mask: Mask, mass: float, settled: bool
    ) -> None:
        if mass < 0.8 * episode.mass:
            return
        choice = Choice.of(seen, frame)
        score = mass * choice.sharpness
        if score > 1.02 * episode.score:
            episode.choice, episode.score, episode.mass, episode.mask = choice, score, mass, mask
            episode.better, episode.settled = seen.t, settled

    def _new(self, seen: Glance) -> tuple[Mask, float]:
        """Return which blocks no known keyframe shows, and by how many levels in all."""
        known = list(self.memory.known)
        levels = np.full((BLOCKS.height, BLOCKS.width), 255, np.uint8)
        for place, one in enumerate(known):
            before, levels = levels, cv2.min(levels, one.new(seen))
            if ((before > CHANGE) & (levels <= CHANGE)).any():
                known[place] = replace(one, seen=seen.t)
            if levels.max() <= CHANGE:
                known.insert(0, known.pop(place))
                break
        if seen.empty:
            levels = np.zeros_like(levels)
        first, rest = known[0], known[1:]
        kept = (first, *(one for one in rest if seen.t - one.seen <= RECALL))
        self.memory = replace(self.memory, known=kept)
        mask = levels > CHANGE
        return mask, float(levels[mask].sum())

    def _arrived(self) -> Mask:
        """Return which blocks show something that just appeared or came to rest; plain ground is nothing."""
        now = self._recent[-1].seen
        arrived = np.any([one.arrived for one in self._recent], axis=0)
        earlier = next(one.seen for one in self._recent if one.seen.t >= now.t - SETTLING - _SLACK)
        if earlier.t <= now.t - SETTLING / 2:
            arrived |= cv2.dilate(step(earlier, now), _KERNEL, iterations=2) <= STEADY
        low, high = now.extremes
        return np.asarray(arrived & (_blocks(cv2.subtract(high, low)) > CHANGE))

    def _due(self, t: float, mask: Mask, settled: bool) -> bool:
        """Whether what is new opens an episode now."""
        if not (mask & self._before).any():
            return False
        much = mask.mean() >= MUCH
        return t - self.memory.last >= (SOON if settled else BUSY if much else self.memory.wait)
