"""Videos: every frame at its presentation time, by reading on and by seeking, whatever the file is like."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clips import clip, moving, number_of, real_clips
from hypothesis import given, settings
from hypothesis import strategies as st

from sightloop import Size
from sightloop.memory.sources.videos import Video, read_frame, read_frames

REAL = real_clips()
LOSSLESS = {"qp": "0"}  # otherwise x264 does not write the same pictures every time: about once in 150
UNEVEN = [0, 7, 40, 41, 300, 340, 2000, 2001, 2050, 2100, *range(3000, 5000, 33), 9000, 9007, 9500]
RENDERED = {
    "even.mp4": {"frames": 60},
    "uneven.mp4": {"times": UNEVEN},
    "uneven.mkv": {"times": UNEVEN},
    "uneven.webm": {"times": UNEVEN, "codec": "libvpx-vp9"},
    "many_b_frames.mov": {"times": UNEVEN, "b_frames": 6, "key_every": 20},
    "open_groups.mp4": {"frames": 60, "options": {"x264-params": "open-gop=1"}, "b_frames": 3},
    "refreshed.ts": {"frames": 60, "options": {"x264-params": "intra-refresh=1"}, "b_frames": 0},
    "refreshed.mp4": {"frames": 60, "options": {"x264-params": "intra-refresh=1"}, "b_frames": 0},
    "fields.ts": {"frames": 60, "options": {"x264-params": "interlaced=1"}},
    "reordered.ts": {"frames": 60, "codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "late.mkv": {"times": [5000 + 40 * number for number in range(50)]},
    "transport.ts": {"frames": 60},
    "program.mpg": {"frames": 60, "codec": "mpeg2video"},
    "packed.avi": {"frames": 60, "codec": "mpeg4"},
    "no_times.avi": {"frames": 60},  # H.264 in an AVI: packets say when they are decoded, not when shown
    "no_times.h264": {"frames": 60},  # nor does a bare stream, which has no rate either
    "fragmented.mp4": {"frames": 60, "container": {"movflags": "frag_keyframe+empty_moov"}},
    "ten_bit.mp4": {"pixels": "yuv420p10le"},
    "every_key.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "still_life.gif": {"codec": "gif", "pixels": "rgb8"},
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("rendered")
    made = {}
    for name, how in RENDERED.items():
        frames = len(how["times"]) if "times" in how else 40
        made[name] = clip(folder / name, **{"frames": frames, **how})
    return made


@pytest.mark.parametrize("name", RENDERED)
def test_every_frame_is_there_at_its_time(rendered: dict[str, Path], name: str) -> None:
    with Video(rendered[name]) as video:
        frames = list(video.frames())
    times = RENDERED[name].get("times", [40 * number for number in range(len(frames))])
    assert [number_of(frame.still().pixels) for frame in frames] == list(range(len(times)))
    assert [frame.index for frame in frames] == list(range(len(times)))
    assert [frame.t for frame in frames] == pytest.approx([(time - times[0]) / 1000 for time in times])
    assert frames[0].t == 0
    assert video.warnings == []


@pytest.mark.parametrize("name", RENDERED)
def test_seeking_finds_what_reading_finds(rendered: dict[str, Path], name: str) -> None:
    with Video(rendered[name]) as video:
        read = [(frame.t, frame.index, frame.still()) for frame in video.frames()]
        for number, (t, index, still) in enumerate(read):
            sought = next(video.frames(t))
            assert (sought.t, sought.index, sought.still()) == (t, index, still)
            assert read_frame(rendered[name], t) == still
            between = [frame.index for frame in video.frames(t, read[min(number + 3, len(read) - 1)][0])]
            assert between == list(range(number, min(number + 3, len(read) - 1) + 1))
    middles = [(before[0] + after[0]) / 2 for before, after in itertools.pairwise(read)]
    assert read_frames(rendered[name], middles[::-1]) == [still for _, _, still in read[:-1]][::-1]


def test_what_an_edit_cuts_off_is_not_shown(tmp_path: Path) -> None:
    whole, path = clip(tmp_path / "whole.mp4", 60), tmp_path / "edited.mp4"
    with av.open(str(whole)) as source, av.open(str(path), "w") as out:
        read = source.streams.video[0]
        written = out.add_stream_from_template(read)
        ahead = int(Fraction(20, 25) / read.time_base)
        for packet in source.demux(read):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - ahead, packet.dts - ahead, written
                out.mux(packet)
    with Video(path) as video:
        frames = [(frame.index, frame.t, number_of(frame.still().pixels)) for frame in video.frames()]
    assert [(index, number) for index, _, number in frames] == [
        (number - 20, number) for number in range(20, 60)
    ]
    assert [t for _, t, _ in frames] == pytest.approx([index / 25 for index, _, _ in frames])
    stills = read_frames(path, [t for _, t, _ in frames])
    assert [number_of(still.pixels) for still in stills] == list(range(20, 60))


@pytest.mark.parametrize("name", REAL)
def test_real_clips_have_the_same_pixels_sought_as_read(name: str) -> None:
    with Video(REAL[name]) as video:
        frames = [(frame.t, frame.index, frame.small(64, 48).tobytes()) for frame in video.frames()]
        assert [index for _, index, _ in frames] == list(range(len(frames)))
        assert video.warnings == []
        for number in range(3, len(frames), max(7, len(frames) // 12)):
            found = video.frames(frames[number][0], frames[min(number + 5, len(frames) - 1)][0])
            assert [(frame.t, frame.index, frame.small(64, 48).tobytes()) for frame in found] == (
                frames[number : number + 6]
            )
    chosen = [frames[number] for number in range(0, len(frames), max(11, len(frames) // 8))]
    with Video(REAL[name]) as video:
        wanted = {index for _, index, _ in chosen}
        stills = [frame.still().sha256 for frame in video.frames() if frame.index in wanted]
    assert [still.sha256 for still in read_frames(REAL[name], [t for t, _, _ in chosen])] == stills


def test_real_clips_are_as_known() -> None:
    known = {name: Video(path) for name, path in REAL.items()}
    assert {name: sum(1 for _ in video.frames()) for name, video in known.items()} == {
        "bikes.mp4": 250,
        "bigbuckbunny.mp4": 132,
        "carphone_pristine.mp4": 120,
        "cityCC0.mpg": 190,
        "test_A.avi": 501,
    }
    bikes = known["bikes.mp4"]
    assert (bikes.size, bikes.fps, bikes.duration, bikes.codec) == (Size(640, 272), 25, 10, "h264")
    assert known["carphone_pristine.mp4"].size == Size(193, 144)  # its pixels are 128:117


@settings(max_examples=12)
@given(
    gaps=st.lists(st.integers(1, 4000), min_size=1, max_size=20),
    start=st.integers(0, 100_000),
    b_frames=st.integers(0, 4),
    key_every=st.integers(1, 12),
    suffix=st.sampled_from([".mp4", ".mkv"]),
    data=st.data(),
)
def test_any_time_is_answered_by_the_frame_shown_then(
    tmp_path_factory: pytest.TempPathFactory,
    gaps: list[int],
    start: int,
    b_frames: int,
    key_every: int,
    suffix: str,
    data: st.DataObject,
) -> None:
    times = [start + sum(gaps[:number]) for number in range(len(gaps) + 1)]
    path = tmp_path_factory.mktemp("drawn") / f"clip{suffix}"
    clip(path, len(times), times=times, b_frames=b_frames, key_every=key_every)
    asked = data.draw(st.lists(st.integers(-500, times[-1] - start + 500), min_size=1, max_size=8))
    stills = read_frames(path, [time / 1000 for time in asked])
    shown = [
        max([number for number, time in enumerate(times) if time - start <= when] or [0]) for when in asked
    ]
    assert [number_of(still.pixels) for still in stills] == shown
    assert [still.origin.index for still in stills] == shown  # type: ignore[union-attr]


def test_a_decoded_frame_stays_as_it_is(rendered: dict[str, Path]) -> None:
    with Video(rendered["even.mp4"]) as video:
        kept = list(video.frames())
    assert [number_of(frame.still().pixels) for frame in kept] == list(range(60))
    small = kept[7].small(12, 8)
    assert np.array_equal(small, kept[7].small(12, 8))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", [(False, False), (True, False), (False, True)])
def test_what_a_phone_recorded_is_upright(tmp_path: Path, turn: int, flip: tuple[bool, bool]) -> None:
    path = clip(tmp_path / "phone.mp4", 3, turn=turn, flip=flip, paint=moving(), options=LOSSLESS)
    plain = read_frame(clip(tmp_path / "plain.mp4", 3, paint=moving(), options=LOSSLESS), 0).pixels
    expected = np.rot90(plain, turn // 90)
    expected = expected[:, ::-1] if flip[0] else expected
    expected = expected[::-1] if flip[1] else expected
    with Video(path) as video:
        still = next(video.frames()).still()
    assert np.array_equal(still.pixels, expected)
    assert video.size == still.size
    if flip == (False, False):
        assert video.rotation == -turn % 360


def test_colours_that_ffmpeg_does_not_convert_are_taken_for_the_usual_ones(tmp_path: Path) -> None:
    plain = read_frame(clip(tmp_path / "plain.mp4", 2, paint=moving(), options=LOSSLESS), 0)
    odd = {**LOSSLESS, "x264-params": "colormatrix=ictcp:colorprim=bt2020:transfer=smpte2084"}
    still = read_frame(clip(tmp_path / "odd.mp4", 2, paint=moving(), options=odd), 0)
    assert np.array_equal(still.pixels, plain.pixels)
    assert "BT.601" in still.notes[0]
    assert plain.notes == ()


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    path = clip(tmp_path / "wide.mp4", 3, shape=Fraction(16, 11))
    still = read_frame(path, 0)
    assert still.size == Video(path).size == Size(round(96 * 16 / 11), 64)
    assert "not square" in still.notes[0]
    assert number_of(still.pixels) == 0


@pytest.mark.parametrize(
    ("pixels", "codec", "suffix"),
    [
        ("yuv420p", "libx264", ".mp4"),
        ("yuvj420p", "mjpeg", ".avi"),
        ("yuv422p", "libx264", ".mp4"),
        ("yuv444p", "libx264", ".mp4"),
        ("nv12", "rawvideo", ".nut"),
        ("yuv420p10le", "libx264", ".mp4"),
        ("yuv422p12le", "ffv1", ".nut"),
        ("yuva420p", "ffv1", ".nut"),
        ("yuyv422", "rawvideo", ".nut"),
        ("gray", "ffv1", ".nut"),
        ("gray10le", "ffv1", ".nut"),
        ("rgb24", "rawvideo", ".nut"),
        ("bgr24", "rawvideo", ".nut"),
        ("bgr24", "libx264rgb", ".mp4"),  # decoded to planes of green, blue and red
        ("rgb8", "gif", ".gif"),
    ],
)
@pytest.mark.parametrize("size", [(96, 64), (322, 182)])
def test_small_is_what_opencv_makes_of_the_still(
    tmp_path: Path, pixels: str, codec: str, suffix: str, size: tuple[int, int]
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    paint = moving(*size)
    path = clip(tmp_path / f"clip{suffix}", 2, pixels=pixels, codec=codec, paint=paint, size=size)
    frame = next(Video(path).frames())
    small = frame.small(32, 18)
    assert (small.shape, small.dtype) == ((18, 32, 3), np.uint8)
    rgb = cv2.resize(frame.still().pixels, (32, 18), interpolation=cv2.INTER_AREA).astype(float)
    luma = rgb @ [0.299, 0.587, 0.114]
    full = pixels == "yuvj420p" or pixels.startswith("gray") or codec == "libx264rgb"
    expected = luma if full else 16 + luma * 219 / 255
    assert np.abs(small[..., 0] - expected).mean() < 3
    if not pixels.startswith("gray"):
        blue, red = rgb[..., 2] - luma, rgb[..., 0] - luma
        scale = 1 if full else 224 / 255
        assert np.abs(small[..., 1] - (128 + blue * 0.564 * scale)).mean() < 3
        assert np.abs(small[..., 2] - (128 + red * 0.713 * scale)).mean() < 3
    else:
        assert (small[..., 1:] == 128).all()
