"""Cuts: hard ones, dissolves and fades are found in real clips; flashes, flicker and motion are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clips import clip, moving, real_clips
from hypothesis import given
from hypothesis import strategies as st
from test_keyframes import painted, room, with_box

from sightloop.memory.keyframes import Shot, scan
from sightloop.memory.sources.videos import Video

SIZE = (480, 270)


def cuts(frames: object) -> list[int]:
    """The first frame of each shot but the first."""
    return [found.first_frame for found in scan(frames) if isinstance(found, Shot)][1:]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bikes.mp4", [30, 76, 137, 187, 242]),
        ("cityCC0.mpg", [116]),
        ("bigbuckbunny.mp4", []),
        ("carphone_pristine.mp4", []),
        ("test_A.avi", []),
    ],
)
def test_real_clips_are_cut_where_they_are(name: str, expected: list[int]) -> None:
    assert cuts(Video(real_clips()[name]).frames()) == expected


def shot(name: str, first: int, count: int) -> list[np.ndarray]:
    """Frames of one shot of a real clip."""
    with av.open(str(real_clips()[name])) as container:
        decoded = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        kept = [pixels for k, pixels in zip(range(first + count), decoded, strict=False) if k >= first]
    return [cv2.resize(pixels, SIZE, interpolation=cv2.INTER_AREA) for pixels in kept]


def dissolved(before: Sequence[np.ndarray], after: Sequence[np.ndarray], length: int) -> list[np.ndarray]:
    weights = [(k + 1) / (length + 1) for k in range(length)]
    mixed = [
        cv2.addWeighted(one, 1 - weight, two, weight, 0)
        for one, two, weight in zip(before[-length:], after[:length], weights, strict=True)
    ]
    return [*before[:-length], *mixed, *after[length:]]


def faded(before: Sequence[np.ndarray], after: Sequence[np.ndarray], length: int) -> list[np.ndarray]:
    out = [(pixels * (1 - (k + 1) / length)).astype(np.uint8) for k, pixels in enumerate(before[-length:])]
    into = [(pixels * ((k + 1) / length)).astype(np.uint8) for k, pixels in enumerate(after[:length])]
    return [*before[:-length], *out, *into, *after[length:]]


@pytest.mark.parametrize("options", [{"crf": "20"}, {"b": "110k"}], ids=["good", "low"])
def test_changes_of_every_kind_are_found_once_each(tmp_path: Path, options: dict[str, str]) -> None:
    night, street, talk = (
        shot("cityCC0.mpg", 0, 80),
        shot("bikes.mp4", 31, 45),
        shot("carphone_pristine.mp4", 0, 90),
    )
    frames = [*night, *street]
    frames = dissolved(frames, talk, 16)
    fade = len(frames)
    frames = faded(frames, shot("bigbuckbunny.mp4", 0, 80), 10)
    path = clip(
        tmp_path / "montage.mp4",
        len(frames),
        paint=frames.__getitem__,
        size=SIZE,
        key_every=25,
        options={"preset": "veryfast", "sc_threshold": "0", **options},
    )
    hard, soft, black = cuts(Video(path).frames())
    assert abs(hard - 80) <= 2
    assert 125 - 16 - 2 <= soft <= 125 + 2
    assert fade - 12 <= black <= fade + 12


def flash(k: int) -> np.ndarray:
    return np.full_like(room(), 250) if k in (70, 71) else room()


def flicker(k: int) -> np.ndarray:
    return np.clip(room() * (1 + 0.3 * (k % 3 - 1)), 0, 255).astype(np.uint8)


def lamp(k: int) -> np.ndarray:
    return room() if k >= 70 else (room() * 0.4).astype(np.uint8)


def appearing(k: int) -> np.ndarray:
    return with_box(room(), 60, 40, 40) if 60 <= k < 90 else room()


def panning(k: int) -> np.ndarray:
    return np.roll(room(2), 3 * k, axis=1)


@pytest.mark.parametrize("paint", [flash, flicker, lamp, appearing, panning, moving(160, 100)])
def test_what_happens_within_a_shot_is_no_cut(paint: Callable[[int], np.ndarray]) -> None:
    assert cuts(painted([paint(k) for k in range(150)], 25)) == []


def test_black_before_the_first_picture_begins_no_shot() -> None:
    black = np.zeros_like(room())
    assert cuts(painted([black] * 40 + [room()] * 60, 25)) == []
    assert cuts(painted([room(1)] * 60 + [black] * 200 + [room(2)] * 60, 25)) == [260]


@given(
    lengths=st.lists(st.integers(13, 60), min_size=2, max_size=6),
    fps=st.sampled_from([10, 25, 30]),
    by=st.data(),
)
def test_hard_cuts_between_still_scenes_are_found_to_the_frame(
    lengths: list[int], fps: int, by: st.DataObject
) -> None:
    order = [by.draw(st.integers(0, 20))]
    while len(order) < len(lengths):
        order.append(by.draw(st.integers(0, 20).filter(lambda seed: seed != order[-1])))
    pictures = [room(seed) for seed, count in zip(order, lengths, strict=True) for _ in range(count)]
    assert cuts(painted(pictures, fps)) == [sum(lengths[: k + 1]) for k in range(len(lengths) - 1)]
