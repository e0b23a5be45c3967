"""Streams: over the loopback, from cameras that break off, wait, lie, or are faster than who looks."""

from __future__ import annotations

import gc
import itertools
import logging
import socket
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from cameras import PASSWORD, USER, Camera
from clips import clip, moving, number_of, sound
from hypothesis import given
from hypothesis import strategies as st

from sightloop import Evidence
from sightloop.errors import EvidenceError, InputError, SourceStalledError
from sightloop.memory.sources.addresses import redacted
from sightloop.memory.sources.streams import Stream

SECRETS = (PASSWORD, f"{USER}:")
LONG = 60.0  # seconds that no test takes unless it fails


def number(frame: object) -> int:
    return number_of(frame.still().pixels)  # type: ignore[attr-defined]


def wait_for(happened: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < LONG
        time.sleep(0.02)


@pytest.mark.parametrize("scheme", ["tcp", "http", "rtsp"])
def test_frames_come_over_the_network_with_credentials_that_are_named_nowhere(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Camera(scheme) as camera, Stream(camera.address, patience=LONG) as stream:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            frames = [frame for frame, _ in zip(stream.frames(), range(20), strict=False)]
            threads = [thread.name for thread in threading.enumerate()]
        numbers = [number(frame) for frame in frames]
        assert numbers == sorted(set(numbers))
        assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})
        assert all(before.t < after.t for before, after in itertools.pairwise(frames))
        assert (
            frames[0].still().origin.source == stream.source == f"{scheme}://***@127.0.0.1:{camera.port}/live"
        )
        told = [caplog.text, repr(frames), str(stream.warnings), str(vars(frames[0].still())), *threads]
        told += [str(one.message) for one in said]
        assert not [text for text in told for secret in SECRETS if secret in text]
        with pytest.raises(EvidenceError, match="watched live"):
            Evidence.of(frames[0].still(), "a number", 1).reopen()


def test_a_connection_that_is_cut_comes_back() -> None:
    with Camera() as camera, Stream(camera.address, patience=LONG) as stream:
        frames = stream.frames()
        first = [next(frames) for _ in range(5)]
        camera.cut()
        while stream.connections < 2:
            last = next(frames)
        again = [next(frames) for _ in range(5)]
        assert camera.viewers == stream.connections == 2
        assert [text.split(" at ")[0] for text in stream.warnings] == ["connection lost"]
        numbers = [number(frame) for frame in [*first, last, *again]]
        assert numbers == sorted(numbers)
        assert [frame.index for frame in again] == sorted({frame.index for frame in again})
        assert again[0].t > last.t


def test_a_camera_that_is_away_is_asked_again_ever_more_rarely() -> None:
    with Camera() as camera, Stream(camera.address, patience=LONG) as stream:
        camera.broken.set()
        got: list[object] = []
        taker = threading.Thread(target=lambda: got.append(next(stream.frames())))
        taker.start()
        wait_for(lambda: len(stream.warnings) >= 4)
        tried = [float(text.split(" at ")[1].split(" s:")[0]) for text in stream.warnings]
        camera.broken.clear()
        taker.join(LONG)
        assert len(got) == 1
        assert tried[3] - tried[2] > tried[1] - tried[0]


def test_who_is_slow_gets_the_newest_frame() -> None:
    with Camera() as camera, Stream(camera.address, patience=LONG) as stream:
        frames = stream.frames()
        taken = [next(frames)]
        for _ in range(3):
            wait_for(lambda: stream.seen > taken[-1].index + 30)
            there = stream.seen - 1
            taken.append(next(frames))
            assert taken[-1].index >= there
            assert number(taken[-1]) - number(taken[-2]) == taken[-1].index - taken[-2].index
        assert stream.dropped >= taken[-1].index + 1 - len(taken) > 80


def test_memory_stays_bounded_however_slow_the_taker_is(tmp_path: Path) -> None:
    big = clip(tmp_path / "big.mp4", 60, paint=moving(1280, 720), size=(1280, 720), b_frames=0)
    process = psutil.Process()
    with Stream(big) as stream:
        frames = stream.frames()
        next(frames)
        gc.collect()
        before = process.memory_info().rss
        wait_for(lambda: stream.seen > 50)  # frames of 1.4 MB
        assert process.memory_info().rss - before < 30e6
        assert next(frames).index >= 50


def test_a_file_is_played_live_at_its_own_speed(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 25)
    began = time.monotonic()
    with Stream(path) as stream:
        frames = list(stream.frames())
    assert time.monotonic() - began >= 0.96
    assert stream.source == f"live:{path}"
    assert frames[-1].index == 24
    assert number(frames[-1]) == 24
    assert frames[-1].t >= 0.96
    with pytest.raises(EvidenceError, match="watched live"):
        Evidence.of(frames[0].still(), "a number", 1).reopen()


@pytest.mark.parametrize("way", ["close", "event"])
def test_watching_ends_when_it_is_told_to(way: str) -> None:
    stop = threading.Event()
    with Camera() as camera:
        stream = Stream(camera.address, stop=stop, patience=None)
        frames = stream.frames()
        next(frames)
        threading.Timer(0.2, stream.close if way == "close" else stop.set).start()
        assert len(list(frames)) < 1000
        assert list(stream.frames()) == []


def test_silence_is_an_error_in_time_that_names_no_password() -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # accepts, and says nothing
    closed = socket.create_server(("127.0.0.1", 0))
    closed.close()
    for server, port in ((silent, silent.getsockname()[1]), (closed, 1)):
        address = f"tcp://{USER}:{PASSWORD}@127.0.0.1:{port}/live?token={PASSWORD}"
        with (
            Stream(address, patience=1) as stream,
            pytest.raises(SourceStalledError, match="for 1 s") as caught,
        ):
            next(stream.frames())
        whole = "".join(traceback.format_exception(caught.value)) + str(caught.value.to_json())
        assert not [secret for secret in SECRETS if secret in whole]
        assert caught.value.input == f"tcp://***@127.0.0.1:{port}/live?token=***"
        error: BaseException | None = caught.value
        while error is not None:  # nor may any error behind it
            assert PASSWORD not in repr(error)
            error = error.__cause__ or error.__context__
        server.close()


def test_what_cannot_be_watched_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    for address, says in {
        str(tmp_path / "nothing.mp4"): "does not exist",
        str(tmp_path / "text.mp4"): "not a video",
        str(sound(tmp_path / "sound.m4a")): "no video in it",
        "/dev/null": "device",
        "": "empty",
        f"rtps://{USER}:{PASSWORD}@camera/1": "not watched. Did you mean rtsp",
        f"gopher://{USER}:{PASSWORD}@camera/1": "not watched",
    }.items():
        with pytest.raises(InputError, match=says) as caught:
            Stream(address)
        assert PASSWORD not in str(caught.value.to_json())


def test_what_is_no_video_at_an_address_is_said_when_patience_ends() -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                viewer, _ = server.accept()
            except OSError:
                return
            with viewer:
                viewer.recv(4096)
                viewer.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    address = f"http://127.0.0.1:{server.getsockname()[1]}/live"
    with Stream(address, patience=1) as stream, pytest.raises(SourceStalledError, match="404"):
        next(stream.frames())
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("rtsp://camera/1", "rtsp://camera/1"),
        ("rtsp://ann:pw@camera:554/1?channel=2", "rtsp://***@camera:554/1?channel=2"),
        ("rtsp://ann@camera/1", "rtsp://***@camera/1"),
        ("udp://@239.0.0.1:1234", "udp://@239.0.0.1:1234"),
        ("rtsp://camera/live/cam@2", "rtsp://camera/live/cam@2"),
        ("http://camera/v?channel=2&Token=pw&x=1", "http://camera/v?channel=2&Token=***&x=1"),
        ("http://camera/v?user=ann&pwd=p%40w", "http://camera/v?user=***&pwd=***"),
        ("rtsp://camera/user=ann&password=pw&channel=1", "rtsp://camera/user=***&password=***&channel=1"),
        ("rtsp://camera/user=ann_password=pw_channel=1", "rtsp://camera/user=***"),
        ("clips/a.mp4", "clips/a.mp4"),
    ],
)
def test_addresses_keep_what_tells_cameras_apart(address: str, named: str) -> None:
    assert redacted(address) == named


@given(
    user=st.text("abcXYZ019._-%!$*+", min_size=1, max_size=8),
    password=st.text("QRSTUVW@:/?#%+ ", min_size=6, max_size=14),
    port=st.sampled_from(["", ":554"]),
    query=st.sampled_from(["", "?channel=1"]),
)
def test_no_password_is_shown_whatever_is_in_it(user: str, password: str, port: str, query: str) -> None:
    named = redacted(f"rtsp://{user}:{password}@camera{port}/live{query}")
    assert not set(named.removeprefix("rtsp://")) & set("QRSTUVW")
    assert "camera" in named
