"""Clips of reports: few of them show many spans, each is small, upright and has the times of its video."""

from __future__ import annotations

import base64
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from clips import clip, number_of
from hypothesis import given
from hypothesis import strategies as st
from pages import frames_of, shown_at

from sightloop.integrations.report_clips import (
    AROUND,
    CLIP_BYTES,
    LONGEST,
    MOST_CLIPS,
    SIDE,
    Window,
    cut,
    planned,
)
from sightloop.memory.sources.videos import read_frames
from sightloop.memory.still import Span


def test_a_noisy_clip_is_shrunk_until_it_fits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def noise(number: int) -> np.ndarray:
        return rng.integers(0, 256, (360, 480, 3), dtype=np.uint8)

    source = clip(tmp_path / "noise.mp4", 240, fps=30, size=(480, 360), paint=noise, codec="mpeg4")
    made = cut(Window(str(source), 0, 8), "clip-1")
    assert len(base64.b64decode(made.url.partition(",")[2])) <= CLIP_BYTES
    assert made.size.width < SIDE
    assert frames_of(made.url)[0][1].shape[:2] == (made.size.height, made.size.width)


def test_a_picture_that_stands_still_is_shown_all_the_time(tmp_path: Path) -> None:
    slides = clip(tmp_path / "slides.mkv", 4, times=[0, 10_000, 20_000, 31_000])
    frames = frames_of(cut(Window(str(slides), 13, 22), "clip-1").url)
    assert number_of(shown_at(frames, 0)) == 1
    assert number_of(shown_at(frames, 6.9)) == 1
    assert number_of(shown_at(frames, 7)) == 2
    assert frames[-1][0] == pytest.approx(9, abs=0.01)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_video_is_upright(tmp_path: Path, turn: int) -> None:
    source = clip(tmp_path / "phone.mp4", 20, turn=turn, size=(160, 96))
    made = cut(Window(str(source), 0, 0.5), "clip-1")
    (still,) = read_frames(source, [0.4])
    assert made.size == still.size
    off = np.abs(shown_at(frames_of(made.url), 0.4).astype(float) - still.pixels)
    assert off.mean() < 12


moments = st.tuples(st.sampled_from("ab"), st.floats(0, 100), st.floats(0, 40))


@given(st.lists(moments, max_size=20))
def test_windows_show_what_they_are_for(drawn: list[tuple[str, float, float]]) -> None:
    spans = [(source, Span(start=start, end=start + length)) for source, start, length in drawn]
    windows, shown_by = planned(spans)
    assert len(windows) <= MOST_CLIPS
    assert len(shown_by) == len(spans)
    assert all(window.end - window.start <= LONGEST + 1e-9 for window in windows)
    assert None not in shown_by[:MOST_CLIPS]
    assert {number for number in shown_by if number is not None} == set(range(len(windows)))
    for one, other in combinations(windows, 2):
        meet = one.source == other.source and one.start <= other.end and other.start <= one.end
        assert not meet or max(one.end, other.end) - min(one.start, other.start) > LONGEST
    for (source, span), number in zip(spans, shown_by, strict=True):
        if number is None:
            continue
        window = windows[number]
        assert window.source == source
        assert window.start <= max(0, span.start - AROUND)
        assert window.end >= min(span.end + AROUND, max(0, span.start - AROUND) + LONGEST) - 1e-9
