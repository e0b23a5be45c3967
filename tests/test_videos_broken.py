"""Videos that are damaged, stopped or none: what exists and where it broke, or an error; never a hang."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clips import clip, number_of, overwritten, sound, truncated
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import noise, saved

from sightloop import Evidence, Frame
from sightloop.errors import EvidenceError, InputError, SourceStalledError
from sightloop.memory.sources.videos import Video, is_video, read_frame, read_frames
from sightloop.memory.sources.watchdog import Pulse, watched

FRAMES = 150
CONTAINERS = {
    "index_first.mp4": {"container": {"movflags": "faststart"}},
    "matroska.mkv": {},
    "web.webm": {"codec": "libvpx-vp9"},
    "old.avi": {"codec": "mpeg4"},
    "flash.flv": {},
}
DAMAGED = {**CONTAINERS, "transport.ts": {}, "program.mpg": {"codec": "mpeg2video"}, "index_last.mp4": {}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("whole")
    return {name: clip(folder / name, FRAMES, **how) for name, how in DAMAGED.items()}


def where_broken(video: Video) -> list[float]:
    return [float(re.match(r"broken at ([\d.]+) s: ", warning)[1]) for warning in video.warnings]  # type: ignore[index]


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_truncated_video_gives_what_is_there_and_says_where_it_ends(
    whole: dict[str, Path], tmp_path: Path, name: str
) -> None:
    with Video(truncated(whole[name], tmp_path / name, 0.6)) as video:
        frames = list(video.frames())
    assert FRAMES / 4 < len(frames) < FRAMES
    shown = [number_of(frame.still().pixels) for frame in frames[:-3]]  # the very last may be incomplete
    assert shown == list(range(len(shown)))
    assert where_broken(video)
    assert where_broken(video)[-1] == pytest.approx(frames[-1].t, abs=0.3)


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("value", [None, 0], ids=["noise", "zeros"])
def test_a_damaged_part_costs_only_its_own_frames(
    whole: dict[str, Path], tmp_path: Path, name: str, value: int | None
) -> None:
    with Video(overwritten(whole[name], tmp_path / name, 0.45, 0.55, value)) as video:
        frames = list(video.frames())
    times = [frame.t for frame in frames]
    assert FRAMES / 4 < len(frames) < FRAMES
    assert times == sorted(set(times))
    assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})
    for frame in (frames[5], frames[-1]) if name != "old.avi" else ():  # an AVI counts only what is left
        assert number_of(frame.still().pixels) == round(frame.t * 25)
    assert where_broken(video)
    sought = next(video.frames(frames[-20].t))
    assert (sought.t, sought.index) == (frames[-20].t, frames[-20].index)


@settings(max_examples=25)
@given(
    name=st.sampled_from(sorted(DAMAGED)),
    seed=st.integers(0, 2**32),
    count=st.integers(1, 30),
    data=st.data(),
)
def test_flipped_bytes_end_in_frames_or_an_error(
    whole: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    seed: int,
    count: int,
    data: st.DataObject,
) -> None:
    content = bytearray(whole[name].read_bytes())
    for _ in range(count):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("flipped") / name
    path.write_bytes(content)
    try:
        times = [frame.t for frame in Video(path).frames()]
        assert times == sorted(set(times))
        if times:
            read_frames(path, [times[-1] / 2])
    except InputError as error:
        assert error.input == str(path)


def test_joined_files_go_on_in_time(whole: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "joined.ts"
    path.write_bytes(whole["transport.ts"].read_bytes() * 2)
    with Video(path) as video:
        frames = list(video.frames())
        times = [frame.t for frame in frames]
        assert [number_of(frame.still().pixels) for frame in frames] == [*range(FRAMES), *range(FRAMES)]
        assert [frame.index for frame in frames] == list(range(2 * FRAMES))
        assert times == pytest.approx([number / 25 for number in range(2 * FRAMES)])
        sought = next(video.frames(times[FRAMES + 20]))
        assert (sought.index, number_of(sought.still().pixels)) == (FRAMES + 20, 20)
        assert number_of(read_frame(path, times[FRAMES + 33]).pixels) == 33


def test_what_is_no_video_is_refused(tmp_path: Path, whole: dict[str, Path]) -> None:
    listed = whole["transport.ts"]
    lists = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{listed}\n#EXT-X-ENDLIST\n",
        "list.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{listed}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile {listed}\n",
        "text.mp4": "this is no video\n" * 100,
        "text.txt": "nor is this\n" * 100,
    }
    for name, content in lists.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "zeros.mp4").write_bytes(bytes(5000))
    (tmp_path / "picture.mp4").write_bytes(saved(noise(), tmp_path / "picture.png").read_bytes())
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    cases = {
        **{tmp_path / name: "not a video" for name in [*lists, "zeros.mp4", "picture.mp4", "folder.mp4"]},
        tmp_path / "empty.mp4": "0 bytes",
        tmp_path / "pipe.mp4": "pipe",
        tmp_path / "emty.mp4": "does not exist.*empty.mp4",
        sound(tmp_path / "sound.m4a"): "no video in it, only audio",
        truncated(whole["index_last.mp4"], tmp_path / "cut.mp4"): "index is missing",
        Path("/dev/zero"): "device",
    }
    for path, says in cases.items():
        with pytest.raises(InputError, match=says) as caught:
            Video(path)
        assert caught.value.input == str(path)
        assert str(path) in caught.value.message


def test_a_size_that_would_fill_the_memory_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "huge.y4m"
    path.write_bytes(b"YUV4MPEG2 W16000 H14000 F25:1 C420jpeg\nFRAME\n" + bytes(10_000))
    with pytest.raises(InputError, match=r"16000x14000, more than the limit of 200 megapixels"):
        Video(path)


def test_an_address_is_no_file() -> None:
    with pytest.raises(InputError, match="download the video"):
        Video("http://localhost/clip.mp4")
    with pytest.raises(InputError, match="does not exist"):
        Video("rtsp://localhost/clip.mp4")


def test_a_name_is_a_name_whatever_ffmpeg_would_make_of_it(tmp_path: Path) -> None:
    made = clip(tmp_path / "plain.mp4", 5)
    for name in ("concat:a|b.mp4", "%03d.mp4", "tcp:clip.mp4", "-i.mp4", "ünïcode 🎬.mp4"):
        path = made.replace(tmp_path / name)
        assert sum(1 for _ in Video(path).frames()) == 5
        made = path


def test_is_video_goes_by_suffix_and_else_by_content(tmp_path: Path, picture: Path) -> None:
    unnamed = clip(tmp_path / "clip", 3, format="mp4")
    (tmp_path / "notes.txt").write_text("no video")
    assert is_video(unnamed)
    assert is_video(tmp_path / "not there yet.MKV")
    assert not is_video(picture)
    assert not is_video(tmp_path / "notes.txt")
    assert not is_video(tmp_path / "nothing")
    assert not is_video(tmp_path)


def test_times_that_are_none_are_refused(whole: dict[str, Path]) -> None:
    path = whole["index_first.mp4"]
    for time_ in (float("nan"), float("inf")):
        with pytest.raises(InputError, match="finite"):
            read_frames(path, [0, time_])
        with pytest.raises(InputError, match="finite"):
            Video(path).frames(time_)
    with pytest.raises(InputError, match=r"no frame that begins at 0.05 s.*begins at 0.04"):
        read_frame(path, 0.05)
    assert list(Video(path).frames(start=1000)) == []
    assert read_frames(path, []) == []
    assert number_of(read_frames(path, [1000])[0].pixels) == FRAMES - 1


def test_evidence_on_a_frame_is_reopened(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 30)
    still = list(Video(path).frames())[17].still()
    made = Evidence.model_validate_json(Evidence.of(still, "number 17", 1).model_dump_json())
    assert made.still.origin == Frame(source=str(path), t=still.origin.t, index=17)  # type: ignore[union-attr]
    assert made.reopen() == still
    clip(path, 30, paint=lambda number: still.pixels // 2)
    with pytest.raises(EvidenceError, match="other pixels"):
        made.reopen()
    clip(path, 5)
    with pytest.raises(EvidenceError, match=r"no frame that begins at 0.68"):
        made.reopen()
    path.unlink()
    with pytest.raises(EvidenceError, match="does not exist"):
        made.reopen()


def test_a_reader_that_stops_is_an_error_in_time() -> None:
    never, got = threading.Event(), list[int]()

    def read(pulse: Pulse) -> Iterator[int]:
        yield 1
        never.wait()

    began = time.monotonic()
    with pytest.raises(SourceStalledError, match=r"slow.mp4 gave nothing for 0.5 s"):
        got.extend(watched(read, "slow.mp4", seconds=0.5))
    assert time.monotonic() - began < 20
    never.set()


def test_a_slow_reader_that_lives_is_waited_for() -> None:
    def read(pulse: Pulse) -> Iterator[int]:
        for _ in range(8):
            time.sleep(0.1)
            pulse.beat()
        yield 1

    assert list(watched(read, "alive.mp4", seconds=0.5)) == [1]


def test_a_slow_taker_is_waited_for_and_no_more_is_read_than_needed() -> None:
    read_so_far, closed = [], threading.Event()

    def read(pulse: Pulse) -> Iterator[int]:
        try:
            for number in range(1000):
                read_so_far.append(number)
                yield number
        finally:
            closed.set()

    numbers = watched(read, "long.mp4", seconds=0.5)
    assert next(numbers) == 0
    time.sleep(0.8)
    assert next(numbers) == 1
    assert len(read_so_far) < 10
    numbers.close()
    assert closed.wait(10)


def test_reading_leaves_no_thread_behind(whole: dict[str, Path]) -> None:
    before = set(threading.enumerate())
    with Video(whole["matroska.mkv"]) as video:
        frames = video.frames()
        next(frames)
        frames.close()
        read_frames(whole["matroska.mkv"], [1.0])
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
