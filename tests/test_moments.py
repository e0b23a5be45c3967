"""Moments: however long something is there, its beginning and its end are pinned down in few looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sightloop.errors import InputError
from sightloop.memory import Frame, Span, Still
from sightloop.memory.sources.videos import Video, read_frames
from sightloop.tools.llava_next.prompts import Prompt
from sightloop.tools.moments import LOOKS, RESOLUTION, SHOWN, STEPS_BACK, Pinned, clock, during, pin
from sightloop.tools.spread import spread

from .clips import clip, number_of
from .scripted import ScriptedEyes

FRAMES, FPS = 300, 10
UNEVEN = [0, 7, 40, 41, 300, 340, 2000, 2001, 2050, 2100, *range(3000, 5000, 33), 9000, 9007, 9500, 15000]
"""Milliseconds: frames that come in bursts, with seconds of nothing in between."""
REACH = RESOLUTION * 2 ** (LOOKS - STEPS_BACK)
"""Seconds between two marks that the looks left after all steps back halve down to the resolution."""


@pytest.fixture(scope="module")
def even(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("even") / "even.mp4", FRAMES, fps=FPS)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("uneven") / "uneven.mkv", len(UNEVEN), times=UNEVEN)


def watching(shown: Callable[[int], float]) -> ScriptedEyes:
    """Eyes that read the number of a frame, and say yes with the probability that a function gives it."""

    def weigh(prompt: Prompt, options: Sequence[str]) -> Sequence[float]:
        still, question = prompt
        assert isinstance(still, Still)
        assert question == "Is there a red ring?"
        sure = shown(number_of(still.pixels))
        return [sure, 1 - sure]

    return ScriptedEyes(lambda prompt: ("nothing", 0.5), weigh)


def during_event(start: int, end: int) -> ScriptedEyes:
    """Eyes that see a red ring in the frames from ``start`` up to ``end``, which is the first without."""
    return watching(lambda number: 0.9 if start <= number < end else 0.2)


def moment(still: Still | None) -> float:
    assert still is not None
    assert isinstance(still.origin, Frame)
    return still.origin.t


def holds(pinned: Pinned, eyes: ScriptedEyes, seen: Still, *, appears: bool) -> None:
    """The laws of every pinned moment, whatever was seen."""
    assert len(eyes.asked) == len(pinned.parts) == len(pinned.stills) <= LOOKS
    assert [part.still for part in pinned.parts] == list(range(len(pinned.parts)))
    assert 0 < pinned.confidence <= 1
    assert min(moment(seen), pinned.time) == pinned.span.start
    assert max(moment(seen), pinned.time) == pinned.span.end
    assert (pinned.time <= moment(seen)) == appears or pinned.time == moment(seen)
    if pinned.other is None:
        assert pinned.time == moment(pinned.still)
        assert pinned.within == 0
    else:
        assert pinned.time == moment(pinned.still if appears else pinned.other)
        assert 0 < pinned.within <= abs(moment(pinned.still) - moment(pinned.other)) + 1e-9


events = st.tuples(st.integers(0, FRAMES - 1), st.integers(1, FRAMES)).filter(
    lambda event: event[0] < event[1]
)
marks = st.lists(st.integers(0, FRAMES - 1), max_size=12).map(lambda frames: [n / FPS for n in frames])


@given(event=events, share=st.floats(0, 1), marks=marks, appears=st.booleans())
def test_the_boundary_lies_between_two_frames(
    even: Path, event: tuple[int, int], share: float, marks: list[float], appears: bool
) -> None:
    start, end = event
    (seen,) = read_frames(even, [(start + int(share * (end - 1 - start))) / FPS])
    eyes = during_event(start, end)
    pinned = pin(eyes, seen, "red rings", marks, appears=appears, sure=0.9)
    holds(pinned, eyes, seen, appears=appears)
    assert start <= number_of(pinned.still.pixels) < end
    if pinned.other is not None:
        number = number_of(pinned.other.pixels)
        assert number < start if appears else number >= end
        truth = (start if appears else end) / FPS
        assert pinned.time - pinned.within < truth + 1e-9
        assert truth <= pinned.time + 1e-9
        assert pinned.within <= RESOLUTION + 1e-9 or len(eyes.asked) == LOOKS


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(event=events, share=st.floats(0, 1), step=st.floats(1, REACH), shift=st.floats(0, 1))
def test_a_moment_is_told_to_a_quarter_of_a_second(
    even: Path, event: tuple[int, int], share: float, step: float, shift: float
) -> None:
    start, end = event
    seen_at = (start + int(share * (end - 1 - start))) / FPS
    (seen,) = read_frames(even, [seen_at])
    marks = [t for k in range(-1, 40) if 0 <= (t := (k + shift) * step) < FRAMES / FPS]
    for appears, truth in ((True, start / FPS), (False, end / FPS)):
        between = [t for t in marks if (truth <= t < seen_at if appears else seen_at < t < truth)]
        beyond = [t for t in marks if (t < truth if appears else t >= truth)]
        assume(len(between) < STEPS_BACK)
        assume(beyond)
        eyes = during_event(start, end)
        pinned = pin(eyes, seen, "red ring", marks, appears=appears)
        assert pinned.other is not None
        assert abs(pinned.time - truth) <= RESOLUTION + 1e-9


@given(
    start=st.integers(0, len(UNEVEN) - 1),
    length=st.integers(1, len(UNEVEN)),
    share=st.floats(0, 1),
    appears=st.booleans(),
    step=st.floats(0.3, 6),
)
def test_times_are_those_of_the_frames_however_uneven(
    uneven: Path, start: int, length: int, share: float, appears: bool, step: float
) -> None:
    end = min(start + length, len(UNEVEN))
    seen_at = UNEVEN[start + int(share * (end - 1 - start))] / 1000
    (seen,) = read_frames(uneven, [seen_at + 1e-4])
    eyes = during_event(start, end)
    pinned = pin(eyes, seen, "red ring", [k * step for k in range(60)], appears=appears, sure=0.9)
    holds(pinned, eyes, seen, appears=appears)
    known = [t / 1000 for t in UNEVEN]
    assert min(abs(pinned.time - t) for t in known) < 2e-3
    if pinned.other is not None:
        truth = known[start] if appears else known[end]
        assert pinned.time - pinned.within - 2e-3 < truth < pinned.time + 2e-3
        assert pinned.within <= RESOLUTION + 1e-9 or len(eyes.asked) == LOOKS


@pytest.mark.parametrize("appears", [True, False])
def test_what_is_there_all_the_time_has_no_boundary(even: Path, appears: bool) -> None:
    (seen,) = read_frames(even, [15.0])
    eyes = during_event(0, FRAMES)
    edge = 0.0 if appears else FRAMES / FPS
    pinned = pin(eyes, seen, "red ring", [edge, 15.0], appears=appears)
    assert pinned.other is None
    assert pinned.within == 0
    assert pinned.time == pytest.approx(0.0 if appears else (FRAMES - 1) / FPS)
    assert pinned.confidence == pytest.approx(0.9)
    holds(pinned, eyes, seen, appears=appears)


def test_without_marks_the_frame_itself_is_the_moment(even: Path) -> None:
    (seen,) = read_frames(even, [7.0])
    eyes = during_event(0, FRAMES)
    for appears, marks in ((True, [7.0, 8.0, 9.0]), (False, [7.0, 6.0])):
        pinned = pin(eyes, seen, "red ring", marks, appears=appears, sure=0.8)
        assert (pinned.time, pinned.confidence, eyes.asked) == (moment(seen), 0.8, [])


def test_only_so_many_marks_are_tried(even: Path) -> None:
    (seen,) = read_frames(even, [28.0])
    eyes = during_event(10, FRAMES)
    pinned = pin(eyes, seen, "red ring", [t / 2 for t in range(56)])
    assert (len(eyes.asked), pinned.other) == (STEPS_BACK, None)
    assert pinned.time == pytest.approx(28.0 - STEPS_BACK / 2)


@given(doubts=st.lists(st.floats(0.01, 0.99), min_size=FRAMES, max_size=FRAMES), appears=st.booleans())
def test_any_answers_end_in_a_moment(even: Path, doubts: list[float], appears: bool) -> None:
    eyes = watching(lambda number: doubts[number])
    (seen,) = read_frames(even, [12.3])
    pinned = pin(eyes, seen, "red ring", [0.0, 4.0, 11.0, 13.0, 20.0, 29.9, 31.0], appears=appears, sure=0.7)
    holds(pinned, eyes, seen, appears=appears)
    if pinned.other is not None:
        assert doubts[number_of(pinned.other.pixels)] < SHOWN


def test_confidence_is_that_of_both_sides(even: Path) -> None:
    (seen,) = read_frames(even, [12.0])
    eyes = watching(lambda number: 0.8 if number >= 100 else 0.3)
    pinned = pin(eyes, seen, "red ring", [9.0])
    assert pinned.confidence == pytest.approx(0.8 * 0.7)


def test_a_video_that_is_gone_is_named(tmp_path: Path) -> None:
    path = clip(tmp_path / "gone.mp4", 20)
    (seen,) = read_frames(path, [0.4])
    path.unlink()
    with pytest.raises(InputError, match=r"gone\.mp4"):
        pin(during_event(0, 20), seen, "red ring", [0.0])


# ---------------------------------------------------------------- times in words


@given(t=st.floats(0, 400_000))
def test_a_clock_tells_tenths(t: float) -> None:
    hours, minutes, seconds = clock(t).split(":")
    assert len(minutes) == 2
    assert len(seconds) == 4
    assert 0 <= int(minutes) < 60
    assert 0 <= float(seconds) < 60
    assert (int(hours) * 60 + int(minutes)) * 60 + float(seconds) == pytest.approx(t, abs=0.0501)


def test_spans_in_words() -> None:
    assert clock(312.4) == "0:05:12.4"
    assert clock(3599.97) == "1:00:00.0"
    assert during(Span(start=59.96, end=3600)) == "0:01:00.0 to 1:00:00.0"
    assert during(Span(start=2, end=2)) == during(Span(start=2, end=2.04)) == "0:00:02.0"


# ---------------------------------------------------------------- times to look at

seconds = st.floats(0, 10_000)
stretches = st.lists(
    st.tuples(seconds, seconds).map(lambda pair: (min(pair), max(pair))), min_size=1, max_size=8
)


def covered(stretches: Sequence[tuple[float, float]], until: float) -> float:
    """Seconds of the stretches up to a time, what overlaps counted once."""
    total = reached = 0.0
    for start, end in sorted(stretches):
        start, end = max(start, reached), min(end, until)
        if end > start:
            total += end - start
        reached = max(reached, end)
    return total


@given(stretches=stretches, count=st.integers(1, 32))
def test_looks_are_shared_by_length(stretches: list[tuple[float, float]], count: int) -> None:
    times = spread(stretches, count)
    assert times == sorted(times)
    assert all(any(start - 1e-6 <= t <= end + 1e-6 for start, end in stretches) for t in times)
    total = covered(stretches, 1e9)
    if total == 0:
        assert set(times) <= {start for start, _ in stretches}
        assert 1 <= len(times) == len(set(times)) <= count
    else:
        assert len(times) == count
        for place, t in enumerate(times):
            assert covered(stretches, t) == pytest.approx(total * (place + 0.5) / count, rel=1e-6, abs=1e-6)


@given(stretches=stretches, count=st.integers(1, 32), data=st.data())
def test_order_and_overlaps_do_not_count(
    stretches: list[tuple[float, float]], count: int, data: st.DataObject
) -> None:
    again = data.draw(st.permutations([*stretches, stretches[0]]))
    assert spread(again, count) == spread(stretches, count)


def test_stretches_side_by_side() -> None:
    assert spread([(0, 10)], 1) == [5]
    assert spread([(0, 10)], 5) == [1, 3, 5, 7, 9]
    assert spread([(20, 30), (0, 10)], 4) == [2.5, 7.5, 22.5, 27.5]
    assert spread([(0, 30), (100, 110)], 4) == [5, 15, 25, 105]
    assert spread([(0, 6), (4, 10)], 5) == [1, 3, 5, 7, 9]
    assert spread([(3, 3)], 4) == [3]
    assert spread([(3, 3), (1, 1), (3, 3)], 4) == [1, 3]
    assert spread([(3, 3), (4, 6)], 1) == [5]
    assert spread([(0, 5e-324)], 2) == [0, 5e-324]


def test_frames_of_a_video_are_where_they_are_said_to_be(even: Path) -> None:
    times = spread([(2.0, 4.0), (20.0, 21.0)], 9)
    with Video(even) as video:
        assert video.duration == pytest.approx(FRAMES / FPS, abs=0.2)
    numbers = [number_of(still.pixels) for still in read_frames(even, times)]
    assert numbers == [int(t * FPS + 1e-6) for t in times]
