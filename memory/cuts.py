"""Cuts: where one shot ends and the next begins.

A hard cut is a frame unlike the one before, by :func:`~.glance.strength`, that stands out from the frames
around it and outlasts a flash. A dissolve is a stretch whose frames lie on the straight line between two
unlike pictures, ``A + alpha (B - A)``, which motion does not do. A fade is a shot that becomes black or white
and comes back as something. A thing that appears takes nothing away, so it is no cut.

Every decision is a function of few frames around it, apart from the brightness that a shot had before it
faded (:class:`Lit`). So a scan can be taken up anywhere.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .glance import EMPTY, WHITE, Glance, Pixels, changed, decorrelation, strength

HARD, LOCAL = 0.12, 0.2
"""Least strength of a hard cut where most of the picture changed, and where less did: a thing that uncovers
another as it goes takes and gives as well."""
WIDE = 0.5
"""Part of the picture that is most of it."""
PROMINENCE = 2.0
"""A hard cut is this many times as strong as anything near."""
NEAR, NEAR_SECONDS = 8, 2.0
"""Frames around a cut, and how far in time, that it must stand out from."""
BESIDE = 2
"""Frames beside it that only may not be stronger: a cut may lie across two."""
FLASH = 4
"""Frames that a cut must outlast."""

LAGS = (3, 6, 12, 24)
"""Half lengths of the stretches that dissolves are sought in, in frames."""
LONGEST = 2.6
"""Longest stretch, in seconds."""
SLOTS = 31
"""Frames a second that dissolves are sought in at most; of a faster video some are passed over."""
DISSOLVED = 0.5
"""Least decorrelation between the ends of a dissolve."""
STRAY = 0.4
"""How far its frames may be from the straight line, as a part of its length."""
FINE = 0.38
"""The same for the middle frame in the small picture, where what moves leaves the line soonest."""
CONVINCING = 0.1
"""Least score of a dissolve, 0..1: it is straight, and its middle is halfway."""
STEP = 0.5
"""Largest part of a dissolve that may happen from one frame to the next."""

SHOWING = 6.0
"""Standard deviation of a coarse picture, in levels, from which it is no longer empty,"""
GREY = (60, 198)
"""nor is it with luma between these."""
DIM = 170
"""A shot may have faded if it was darker than this before."""

_REACH = LAGS[-1]
_KEPT = 2 * _REACH + 2 * NEAR
"""Frames kept behind the one decided: twice the reach, and what its hard cuts depend on."""


class Cut(NamedTuple):
    """The first frame of a shot; the change from the one before lasts from ``begin`` to ``end`` seconds."""

    first: int
    begin: float
    end: float


class Lit(NamedTuple):
    """What a fade is known by: the range of mean luma of a shot so far, and for how many frames it is empty.

    White that lasts no longer than a flash is one, whatever follows.
    """

    darkest: float = 255.0
    brightest: float = 0.0
    empty: int = 0
    white: bool = False

    def after(self, seen: Glance) -> tuple[Lit, bool]:
        """Return the range with one more frame, and whether that frame comes out of a fade."""
        if seen.empty:
            return self._replace(empty=self.empty + 1, white=seen.luma > WHITE), False
        if not self.empty:
            return Lit(min(self.darkest, seen.luma), max(self.brightest, seen.luma)), False
        if seen.spread < SHOWING and not GREY[0] < seen.luma < GREY[1]:
            return self, False
        if self.white and self.empty <= FLASH:
            return self._replace(empty=0), False
        return Lit(seen.luma, seen.luma), self.brightest > 0.0 and self.darkest < DIM


class HardCuts:
    """Hard cuts, decided ``NEAR`` frames late."""

    def __init__(self) -> None:
        self._seen: deque[Glance] = deque()
        self._at = 0  # which of them is decided next

    def add(self, seen: Glance) -> list[tuple[Glance, bool]]:
        """Add a frame; return those decided by it, and whether each begins a shot."""
        if self._seen:
            seen.strength = strength(self._seen[-1], seen)
        self._seen.append(seen)
        return self._decide(ended=False)

    def end(self) -> list[tuple[Glance, bool]]:
        """Decide the rest."""
        return self._decide(ended=True)

    def _decide(self, ended: bool) -> list[tuple[Glance, bool]]:
        decided, window = [], self._seen
        while self._at < len(window):
            now = window[self._at]
            if not (ended or self._at + NEAR < len(window) or window[-1].t > now.t + NEAR_SECONDS):
                break
            decided.append((now, now.strength >= HARD and self._is_cut(self._at)))
            self._at += 1
            if self._at > NEAR:
                window.popleft()
                self._at -= 1
        return decided

    def _is_cut(self, at: int) -> bool:
        window = self._seen
        now = window[at]
        for k in range(max(0, at - NEAR), min(len(window), at + NEAR + 1)):
            other = window[k]
            if k == at or abs(other.t - now.t) > NEAR_SECONDS:
                continue
            if abs(k - at) > BESIDE:
                other_wins = other.strength * PROMINENCE > now.strength
            else:
                other_wins = (other.strength, at) > (now.strength, k)
            if other_wins:
                return False
        if now.strength < LOCAL and changed(window[at - 1], now).mean() < WIDE:
            return False
        later = window[min(at + FLASH - 1, len(window) - 1)]
        return min(strength(window[at - 1], later), strength(window[max(0, at - FLASH)], now)) >= HARD


@dataclass(eq=False)
class _Place:
    """A frame in the sequence that dissolves are sought in."""

    seen: Glance
    hard: bool  # whether a hard cut lies between the place before and this one
    score: float = 0.0
    half: int = 0


class Dissolves:
    """Dissolves, decided two reaches late, and with them all cuts that are not fades."""

    def __init__(self) -> None:
        self._places: deque[_Place] = deque()
        self._untold: deque[tuple[Glance, bool]] = deque()
        self._slot: int | None = None
        self._hard = False
        self._scored = self._at = 0  # which places are scored and decided next

    def add(self, seen: Glance, hard: bool) -> list[tuple[Glance, Cut | None]]:
        """Add a frame and whether it is a hard cut; return those decided by it, with the cut at each."""
        self._untold.append((seen, hard))
        slot, self._hard = int(seen.t * SLOTS), self._hard or hard
        if slot != self._slot:
            self._places.append(_Place(seen, self._hard))
            self._slot, self._hard = slot, False
        return self._decide(ended=False)

    def end(self) -> list[tuple[Glance, Cut | None]]:
        """Decide the rest."""
        told = self._decide(ended=True)
        return told + [(seen, _hard_cut(seen) if hard else None) for seen, hard in self._untold]

    @property
    def earliest(self) -> float:
        """Time of the first frame that what is still to be decided may depend on."""
        return self._places[0].seen.t if self._places else 0.0

    def _decide(self, ended: bool) -> list[tuple[Glance, Cut | None]]:
        places = self._places
        while self._scored < len(places) and (ended or self._reached(self._scored, len(places) - 1)):
            self._score(self._scored)
            self._scored += 1
        told: list[tuple[Glance, Cut | None]] = []
        while self._at < self._scored and (ended or self._reached(self._at, self._scored - 1)):
            told += self._told(self._at)
            self._at += 1
            if self._at > _KEPT:
                places.popleft()
                self._at -= 1
                self._scored -= 1
        return told

    def _reached(self, at: int, last: int) -> bool:
        """Whether place ``last`` lies beyond all that place ``at`` is compared with."""
        return last > at + _REACH or self._places[last].seen.t > self._places[at].seen.t + LONGEST / 2

    def _score(self, at: int) -> None:
        places = self._places
        if places[at].seen.index % 2:
            return  # every other frame is enough
        for half in LAGS:
            if at < half or at + half >= len(places):
                break
            first, last = places[at - half].seen, places[at + half].seen
            if last.t - first.t > LONGEST:
                break
            if decorrelation(first, last) < DISSOLVED:
                continue
            stretch = [places[k] for k in range(at - half, at + half + 1)]
            if any(place.hard for place in stretch[1:]):
                break
            score = _straightness([place.seen for place in stretch])
            if score > places[at].score:
                places[at].score, places[at].half = score, half

    def _told(self, at: int) -> list[tuple[Glance, Cut | None]]:
        """Return the frames up to a place, the last of which may be the middle of a dissolve."""
        place, told = self._places[at], []
        while self._untold and self._untold[0][0].index <= place.seen.index:
            seen, hard = self._untold.popleft()
            told.append((seen, _hard_cut(seen) if hard else None))
        if place.score and self._is_best(at):
            begin, end = (self._places[at + side * place.half].seen.t for side in (-1, 1))
            told[-1] = (place.seen, Cut(place.seen.index, begin, end))
        return told

    def _is_best(self, at: int) -> bool:
        now = self._places[at]
        for k in range(max(0, at - _REACH), min(self._scored, at + _REACH + 1)):
            other = self._places[k]
            overlap = abs(k - at) <= now.half + other.half
            if other.score and overlap and (other.score, at) > (now.score, k):
                return False
        return True


def _hard_cut(seen: Glance) -> Cut:
    return Cut(seen.index, seen.t, seen.t)


def _straightness(stretch: list[Glance]) -> float:
    """Return how well frames lie on the line between the first and the last, the middle one halfway, 0..1."""
    first, middle, last = stretch[0], stretch[len(stretch) // 2], stretch[-1]
    if _stray(first.coarse, middle.coarse, last.coarse) > STRAY:
        return 0.0  # as nearly always where something moves
    if any(seen.spread < EMPTY for seen in stretch):
        return 0.0
    levels = np.stack([seen.coarse.ravel() for seen in stretch]).astype(np.float32)
    levels -= levels[0]
    way = levels[-1].copy()
    length = float(way @ way)
    alpha = levels @ way / length
    if np.abs(np.diff(alpha)).max() > STEP:
        return 0.0
    levels -= alpha[:, None] * way
    stray = float(np.sqrt((levels * levels).sum(axis=1).max() / length))
    score = max(0.0, 1.0 - stray / STRAY) * max(0.0, 1.0 - abs(2.0 * float(alpha[len(stretch) // 2]) - 1.0))
    return score if score >= CONVINCING and _stray(first.small, middle.small, last.small) < FINE else 0.0


def _stray(first: Pixels, middle: Pixels, last: Pixels) -> float:
    """Return how far a picture is from the line between two others, as a part of its length."""
    begin = first.astype(np.float32).ravel()
    way, step = last.ravel() - begin, middle.ravel() - begin
    length = float(way @ way)
    stray = step - float(step @ way) / max(length, 1.0) * way
    return float(np.sqrt(stray @ stray / max(length, 1.0)))
