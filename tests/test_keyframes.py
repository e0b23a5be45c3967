"""Keyframes: what appears is kept whole, what stays is not repeated, and a scan can be taken up anywhere."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import clip, real_clips
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sightloop.memory import Frame, Still
from sightloop.memory.keyframes import Keyframe, Position, Shot, scan
from sightloop.memory.sources.videos import Video

Event = Keyframe | Shot | Position


@dataclass(eq=False)
class Painted:
    """A frame in memory, as a source of any kind hands it over."""

    index: int
    t: float
    pixels: np.ndarray = field(repr=False)

    def small(self, width: int, height: int) -> np.ndarray:
        small = cv2.resize(self.pixels, (width, height), interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_RGB2YUV)

    def still(self) -> Still:
        return Still(self.pixels, Frame(source="painted", t=self.t, index=self.index))


def room(seed: int = 0, width: int = 160, height: int = 100) -> np.ndarray:
    """A picture with much in it, light and dark."""
    coarse = np.random.default_rng(seed).integers(20, 230, (10, 16, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def with_box(picture: np.ndarray, x: int, y: int, side: int = 20) -> np.ndarray:
    """A striped box, 2.5 percent of the picture."""
    picture = picture.copy()
    picture[y : y + side, x : x + side] = (250, 20, 20)
    picture[y : y + side : 5, x : x + side] = (20, 20, 250)
    return picture


def painted(pictures: Iterator[np.ndarray] | Sequence[np.ndarray], fps: float = 10) -> Iterator[Painted]:
    for index, pixels in enumerate(pictures):
        yield Painted(index, index / fps, pixels)


def keyframes(events: Sequence[Event]) -> list[int]:
    return [event.still.origin.index for event in events if isinstance(event, Keyframe)]


def plain(events: Sequence[Event]) -> list[object]:
    """Events as values that can be compared."""
    return [event.to_json() if isinstance(event, Position) else event for event in events]


def test_an_unchanged_camera_gets_one_keyframe(rng: np.random.Generator) -> None:
    scene = room()
    grain = [rng.normal(0, 8, scene.shape) for _ in range(20)]
    noisy = (np.clip(scene + grain[k % 20], 0, 255).astype(np.uint8) for k in range(6000))
    assert len(keyframes(list(scan(painted(noisy))))) == 1


@pytest.mark.parametrize("name", ["shaking", "flickering", "pulsing"])
def test_what_only_disturbs_makes_no_keyframes(name: str, rng: np.random.Generator) -> None:
    scene = room(1, 200, 140)

    def disturbed(k: int) -> np.ndarray:
        if name == "shaking":
            x, y = rng.integers(18, 22), rng.integers(18, 22)
            return scene[y : y + 100, x : x + 160]
        if name == "flickering":
            return np.clip(scene * (1 + 0.15 * np.sin(k * 1.7)), 0, 255).astype(np.uint8)
        blur = 3 if k % 25 else 9  # every key frame of a low bitrate looks a little different
        return cv2.blur(scene, (blur, blur))

    events = list(scan(painted(disturbed(k) for k in range(1200))))
    assert len(keyframes(events)) == 1
    assert sum(isinstance(event, Shot) for event in events) == 1


@given(
    begin=st.integers(5, 150),
    x=st.integers(0, 140),
    y=st.integers(0, 80),
    seed=st.integers(0, 50),
    fps=st.sampled_from([10, 15, 25]),
)
def test_what_appears_for_two_seconds_is_kept(begin: int, x: int, y: int, seed: int, fps: int) -> None:
    scene = room(seed)
    shown = range(begin, begin + 2 * fps)
    pictures = [with_box(scene, x, y) if k in shown else scene for k in range(begin + 4 * fps)]
    events = list(scan(painted(pictures, fps)))
    kept = keyframes(events)
    assert any(k in shown for k in kept)
    assert len(kept) == 2  # the scene and the box; not the scene again
    assert sum(isinstance(event, Shot) for event in events) == 1


def test_what_slides_in_is_kept_when_it_is_all_there() -> None:
    scene = room(3)
    stops = [with_box(scene, 0, 40)] * 20
    slides = []
    for k in range(10):
        wide = with_box(np.hstack([scene[:, :20], scene]), 2 * k, 40)
        slides.append(wide[:, 20:])
    (_, second) = keyframes(list(scan(painted([scene] * 30 + slides + stops))))
    assert second >= 38


def test_what_comes_again_later_is_kept_again() -> None:
    scene = room(4)
    pictures = [with_box(scene, 60, 40) if k % 400 in range(100, 120) else scene for k in range(1600)]
    kept = keyframes(list(scan(painted(pictures))))
    assert [sum(start <= k < start + 20 for k in kept) for start in (100, 500, 900, 1300)] == [1] * 4
    assert len(kept) == 5


def test_busy_footage_gets_about_one_keyframe_a_second(rng: np.random.Generator) -> None:
    pictures = (room(int(rng.integers(1000))) for _ in range(600))
    assert len(keyframes(list(scan(painted(pictures, 25))))) <= 24 * 1.2
    events = list(scan(Video(real_clips()["bikes.mp4"]).frames()))
    shots = [event for event in events if isinstance(event, Shot)]
    assert len(keyframes(events)) <= 10 + len(shots)


def test_what_moves_on_one_spot_is_kept_ever_more_seldom(rng: np.random.Generator) -> None:
    scene = room(5)

    def swaying(k: int) -> np.ndarray:
        return with_box(scene, 60 + int(15 * np.sin(k)) + int(rng.integers(-4, 5)), 40)

    kept = keyframes(list(scan(painted(swaying(k) for k in range(3000)))))
    assert len([k for k in kept if k >= 1000]) <= 2000 / 10 / 5


@pytest.mark.parametrize("name", ["bikes.mp4", "bigbuckbunny.mp4", "cityCC0.mpg", "carphone_pristine.mp4"])
def test_shots_divide_the_frames_and_each_has_keyframes_of_its_own(name: str) -> None:
    with Video(real_clips()[name]) as video:
        times = [frame.t for frame in video.frames()]
        events = list(scan(video.frames()))
    shots = [event for event in events if isinstance(event, Shot)]
    assert [shot.number for shot in shots] == list(range(len(shots)))
    assert (shots[0].first_frame, shots[-1].last_frame) == (0, len(times) - 1)
    assert all(one.last_frame + 1 == two.first_frame for one, two in pairwise(shots))
    assert all((times[s.first_frame], times[s.last_frame]) == (s.start, s.end) for s in shots)
    for shot in shots:
        own = [e for e in events if isinstance(e, Keyframe) and e.shot == shot.number]
        assert own
        for one in own:
            assert shot.first_frame <= one.still.origin.index <= shot.last_frame
            assert one.still.origin.t == times[one.still.origin.index]
    assert keyframes(events) == sorted(set(keyframes(events)))


def test_no_frames_give_nothing() -> None:
    assert list(scan([])) == []


@pytest.mark.parametrize("count", [1, 2, 9])
def test_few_frames_are_a_shot_with_a_keyframe(count: int) -> None:
    keyframe, shot = scan(painted([room()] * count))
    assert (shot.first_frame, shot.last_frame, shot.number, keyframe.shot) == (0, count - 1, 0, 0)


def script(parts: Sequence[tuple[str, int, int]]) -> list[np.ndarray]:
    """Pictures of a film told by its parts: what happens, in which room, for how many frames."""
    pictures: list[np.ndarray] = [room(0)]
    for what, seed, count in parts:
        scene, last = room(seed), pictures[-1]
        for k in range(count):
            if what == "dissolve":
                pictures.append(cv2.addWeighted(last, 1 - (k + 1) / count, scene, (k + 1) / count, 0))
            elif what == "fade":
                gain = abs(2 * (k + 1) / count - 1)
                pictures.append(((last if 2 * k < count else scene) * gain).astype(np.uint8))
            elif what == "pan":
                pictures.append(np.roll(scene, 2 * k, axis=1))
            elif what == "box":
                pictures.append(with_box(scene, 5 * k % 140, 40))
            else:
                pictures.append(scene)
    return pictures


parts = st.lists(
    st.tuples(
        st.sampled_from(["hold", "dissolve", "fade", "pan", "box"]), st.integers(0, 5), st.integers(1, 60)
    ),
    min_size=4,
    max_size=8,
)


@given(parts=parts, fps=st.sampled_from([3, 10, 25, 50]))
@example(
    parts=[("hold", 0, 60), ("dissolve", 1, 20), ("hold", 1, 80), ("fade", 2, 20), ("box", 2, 90)], fps=10
)
@example(parts=[("hold", k % 3, 26) for k in range(12)], fps=10)
@settings(max_examples=15)
def test_a_scan_taken_up_anywhere_goes_on_as_if_it_had_not_ended(
    parts: list[tuple[str, int, int]], fps: int
) -> None:
    frames = list(painted(script(parts), fps))
    events = list(scan(frames))
    for at, event in enumerate(events):
        if isinstance(event, Position):
            taken_up = Position.from_json(json.loads(json.dumps(event.to_json())))
            rest = [frame for frame in frames if frame.t >= taken_up.read_from]
            assert plain(list(scan(rest, taken_up))) == plain(events[at + 1 :])
    for shot in (event for event in events if isinstance(event, Shot)):
        assert any(isinstance(event, Keyframe) and event.shot == shot.number for event in events)


@pytest.mark.parametrize("name", ["bikes.mp4", "cityCC0.mpg", "test_A.avi"])
def test_a_scan_of_a_video_is_taken_up_by_seeking(name: str) -> None:
    with Video(real_clips()[name]) as video:
        events = list(scan(video.frames()))
        positions = [at for at, event in enumerate(events) if isinstance(event, Position)]
        assert positions
        for at in positions:
            position = events[at]
            assert isinstance(position, Position)
            again = list(scan(video.frames(start=position.read_from), position))
            assert plain(again) == plain(events[at + 1 :])


def test_positions_come_every_few_seconds_also_within_a_shot() -> None:
    events = list(scan(painted((room(7) for _ in range(25 * 60)), 25)))
    times = [event.t for event in events if isinstance(event, Position)]
    assert all(later - sooner <= 10 for sooner, later in pairwise([0.0, *times, 60.0]))
    sizes = [len(json.dumps(event.to_json())) for event in events if isinstance(event, Position)]
    assert max(sizes) < 50_000


def test_few_frames_are_held_at_once(rng: np.random.Generator) -> None:
    alive: weakref.WeakSet[Painted] = weakref.WeakSet()
    most = 0

    def frames() -> Iterator[Painted]:
        nonlocal most
        for frame in painted((room(int(k / 40)) for k in range(1500)), 25):
            alive.add(frame)
            most = max(most, len(alive))
            yield frame
            del frame

    for _ in scan(frames()):
        pass
    assert most < 30


def test_a_rendered_video_is_scanned_from_its_file(tmp_path: Path) -> None:
    scene = room(8)
    path = clip(
        tmp_path / "clip.mp4",
        200,
        paint=lambda k: with_box(scene, 70, 30) if 100 <= k < 150 else scene,
        size=(160, 100),
    )
    first, second = (e for e in scan(Video(path).frames()) if isinstance(e, Keyframe))
    assert 100 <= second.still.origin.index < 150
    assert first.still.origin.source == str(path)
    assert first.signature != second.signature
