"""Streams: what a camera shows now. The newest frame wins, connections come back, credentials stay hidden.

A thread reads as fast as the source gives, into one slot in which whoever takes the frames finds the newest.
Frames that were not taken in time are counted and gone, so memory is bounded however slow the taker is.
"""

from __future__ import annotations

import os
import random
import stat
import threading
import time
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer
from av.error import FFmpegError

from ...errors import InputError, SourceStalledError
from ..still import LIVE
from .addresses import is_stream, redacted
from .containers import video_stream
from .decoding import Decoded
from .timeline import packets_of
from .videos import Video

PATIENCE = 60.0
"""Seconds without a frame, at the start or later, after which a stream is given up."""

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds until the first attempt to connect again; doubled at each further one, up to the longest."""

OPEN_SECONDS, READ_SECONDS = 15.0, 10.0
"""How long one attempt waits for the connection, and for the next piece of data, before it is a lost one."""

MOST_WARNINGS = 50
"""Lost connections that are remembered: the latest."""

_PROTOCOLS = "rtsp,rtsps,rtp,srtp,rtmp,rtmps,http,https,httpproxy,tcp,tls,udp,crypto,hls"
_LOW_DELAY = {
    "rtsp_transport": "tcp",  # UDP loses packets, and most cameras and all routers pass TCP
    "fflags": "nobuffer",
    "overrun_nonfatal": "1",  # of UDP's buffer
}


class Stream:
    """A live source of frames; a context manager.

    Parameters
    ----------
    address : str or path
        An address (RTSP, RTMP, HTTP, TCP, UDP ...), a camera (``/dev/video0``), or a video file, which
        is played at its own speed as if it were one.
    stop : threading.Event, optional
        Ends the frames when it is set, from any thread.
    patience : float or None, seconds
        How long to try for a frame, of what is no file; None for ever.
    options : mapping, optional
        FFmpeg's, for opening: ``{"rtsp_transport": "udp"}``.

    Attributes
    ----------
    source : str
        The address without credentials; with ``live:`` before it where it is a device or a file.
    seen, dropped, connections : int
        Frames that came, frames of these that were not taken in time, and times that it was connected.
    warnings : list of str
        The latest losses of the connection, and why.

    Raises
    ------
    InputError
        If it is no address that is understood, no camera and no video file.
    """

    def __init__(
        self,
        address: str | os.PathLike[str],
        *,
        stop: threading.Event | None = None,
        patience: float | None = PATIENCE,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._address = os.fspath(address)
        self._file: Video | None = None
        self._format: str | None = None
        if is_stream(self._address):
            self.source = redacted(self._address)
        elif _is_device(self._address):
            self.source, self._format = LIVE + self._address, "v4l2"
        else:
            self._file = Video(self._address)
            self.source = LIVE + self._file.source
        self._options = {**_LOW_DELAY, **(options or {})}
        self._patience = patience if self._file is None else None  # a picture in a file may last for long
        self._stop = stop or threading.Event()
        self._fresh = threading.Condition()
        self._newest: Decoded | None = None
        self._over = False
        self._why = "no connection yet"
        self._broken: BaseException | None = None
        self._arrived = 0.0
        self._lost: deque[str] = deque(maxlen=MOST_WARNINGS)
        self.seen = self.dropped = self.connections = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        with self._fresh:
            self._fresh.notify_all()

    @property
    def warnings(self) -> list[str]:
        """The latest losses of the connection, and why."""
        return list(self._lost)

    def frames(self) -> Generator[Decoded, None, None]:
        """Watch: each frame is the newest there is when it is asked for.

        Yields
        ------
        Decoded
            ``t`` is in seconds since the watching began, by the wall clock; ``index`` counts all frames that
            came, those that were not taken in time too.

        Raises
        ------
        SourceStalledError
            If no frame came for ``patience`` seconds.
        """
        began = self._arrived = time.monotonic()
        threading.Thread(
            target=self._run, args=(began,), name=f"reader of {self.source}", daemon=True
        ).start()
        try:
            while (frame := self._next()) is not None:
                yield frame
        finally:
            self.close()

    def _next(self) -> Decoded | None:
        """Take the newest frame out of the slot; None when the stream is over."""
        with self._fresh:
            while self._newest is None:
                if self._broken is not None:
                    raise self._broken
                if self._over or self._stop.is_set():
                    return None
                silence = time.monotonic() - self._arrived
                if self._patience is not None and silence >= self._patience:
                    raise SourceStalledError(
                        f"{self.source} gave no frame for {self._patience:g} s ({self._why}); check the "
                        "address, the network and the camera.",
                        input=self.source,
                    )
                self._fresh.wait(0.25)  # an event from outside does not wake a condition
            frame, self._newest = self._newest, None
            return None if self._stop.is_set() else frame

    def _show(self, frame: av.VideoFrame, began: float, shape: Fraction) -> None:
        with self._fresh:
            self.dropped += self._newest is not None
            self._arrived = time.monotonic()
            self._newest = Decoded(self.source, self._arrived - began, self.seen, frame, shape)
            self.seen += 1
            self._fresh.notify()

    def _run(self, began: float) -> None:
        try:
            if self._file is not None:
                self._play(self._file, began)
            else:
                self._keep_connected(began)
        except BaseException as error:  # noqa: BLE001  # it is raised where the frames are taken
            self._broken = error
        finally:
            with self._fresh:
                self._over = True
                self._fresh.notify_all()

    def _play(self, file: Video, began: float) -> None:
        with closing(file.frames()) as frames:
            for decoded in frames:
                if self._stop.wait(max(0.0, began + decoded.t - time.monotonic())):
                    return
                self._show(decoded.frame, began, decoded.shape)

    def _keep_connected(self, began: float) -> None:
        delay = FIRST_DELAY
        while not self._stop.is_set():
            before = self.seen
            self._why = self._watch(began)
            if self.seen > before:
                delay = FIRST_DELAY
            what = "connection lost" if self.seen > before else "no connection"
            self._lost.append(f"{what} at {time.monotonic() - began:.1f} s: {self._why}")
            # a little at random, so that all the cameras of a network are not called again at once
            if self._stop.wait(delay * random.uniform(0.75, 1.0)):
                return
            delay = min(2 * delay, LONGEST_DELAY)

    def _watch(self, began: float) -> str:
        """Connect and show frames until the connection is lost; return why it was.

        What FFmpeg raises holds the address with its credentials, so it goes no further than here.
        """
        try:
            with self._opened() as container:
                self.connections += 1
                return self._read(container, began)
        except av.error.ExitError:
            return "no answer in time"
        except FFmpegError as error:
            return error.strerror or type(error).__name__
        except (OSError, ValueError) as error:
            return type(error).__name__

    def _opened(self) -> InputContainer:
        timeout = (OPEN_SECONDS, READ_SECONDS)
        if self._format is not None:
            return av.open(self._address, format=self._format, timeout=timeout)
        options = {**self._options, "protocol_whitelist": _PROTOCOLS}
        return av.open(self._address, options=options, timeout=timeout, metadata_errors="replace")

    def _read(self, container: InputContainer, began: float) -> str:
        try:
            stream = video_stream(container, "it")
        except InputError as error:
            return error.message
        stream.thread_type = "SLICE"  # frame threads would show each frame some frames late
        shape = Fraction(stream.sample_aspect_ratio or 1)
        started = False
        for packet in packets_of(container, stream):
            if self._stop.is_set():
                return "stopped"
            started = started or packet.is_keyframe  # nothing before it can be decoded whole
            if not started or not packet.size:
                continue
            try:
                frames = stream.codec_context.decode(packet)
            except FFmpegError:
                continue
            for frame in frames:
                if not frame.is_corrupt:
                    self._show(frame, began, shape)
        return "it ended"


def _is_device(address: str) -> bool:
    try:
        return stat.S_ISCHR(Path(address).stat().st_mode) and "video" in Path(address).name
    except (OSError, ValueError):
        return False
