"""Cameras on the loopback: numbered frames as MPEG-TS over TCP, HTTP or RTSP, to whoever connects."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
import time
from fractions import Fraction
from typing import Self

import av
from clips import BITS, numbered

FPS = 40
USER, PASSWORD = "ann", "hunter2"
CREDENTIALS = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Camera:
    """Shows numbered frames, 40 a second, to one viewer at a time; a context manager.

    Parameters
    ----------
    scheme : "tcp", "http" or "rtsp"
        The latter two ask for ``USER`` and ``PASSWORD``.

    Attributes
    ----------
    port : int
    shown : int
        Frames sent so far: the number of the next one.
    viewers : int
        Connections at which frames were sent.
    """

    def __init__(self, scheme: str = "tcp") -> None:
        self.scheme = scheme
        self.shown = self.viewers = 0
        self.broken = threading.Event()  # while it is set, nobody gets anything
        self._stop = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._viewer: socket.socket | None = None

    @property
    def address(self) -> str:
        """With the credentials in it."""
        return f"{self.scheme}://{USER}:{PASSWORD}@127.0.0.1:{self.port}/live"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.cut()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()  # wakes the server up
        self._thread.join(20)
        self._server.close()

    def cut(self) -> None:
        """Cut the connection of who is watching."""
        if (viewer := self._viewer) is not None:
            with contextlib.suppress(OSError):
                viewer.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while not self._stop.is_set():
            viewer, _ = self._server.accept()
            if self._stop.is_set() or self.broken.is_set():
                viewer.close()
                continue
            self._viewer = viewer
            with viewer, contextlib.suppress(OSError, av.error.FFmpegError):
                if self.scheme == "tcp" or (self._http(viewer) if self.scheme == "http" else _rtsp(viewer)):
                    self.viewers += 1
                    self._show(viewer)

    def _show(self, viewer: socket.socket) -> None:
        paint = numbered()
        with av.open(_Sender(viewer, self.scheme == "rtsp"), "w", format="mpegts") as out:
            stream = out.add_stream(
                "libx264", rate=FPS, options={"preset": "ultrafast", "tune": "zerolatency"}
            )
            stream.width, stream.height, stream.codec_context.gop_size = 96, 64, 10
            began = time.monotonic()
            number = 0
            while not self._stop.is_set():
                frame = av.VideoFrame.from_ndarray(paint(self.shown % 2**BITS), "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                out.mux(stream.encode(frame))
                self.shown += 1
                number += 1
                time.sleep(max(0.0, began + number / FPS - time.monotonic()))

    def _http(self, viewer: socket.socket) -> bool:
        request = _request(viewer)
        if f"Authorization: Basic {CREDENTIALS}" not in request:
            viewer.sendall(
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=camera\r\n"
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return False
        viewer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n")
        return True


class _Sender:
    """The file that a muxer writes to: a socket; for RTSP in RTP packets (RFC 2326, 10.12)."""

    def __init__(self, viewer: socket.socket, packed: bool) -> None:
        self._viewer, self._packed, self._count = viewer, packed, 0

    def write(self, data: bytes) -> int:
        for start in range(0, len(data), 7 * 188):
            part = bytes(data[start : start + 7 * 188])
            if self._packed:
                ticks = int(time.monotonic() * 90000) & 0xFFFFFFFF
                part = struct.pack(">BBHII", 0x80, 33, self._count & 0xFFFF, ticks, 7) + part
                part = struct.pack(">cBH", b"$", 0, len(part)) + part
                self._count += 1
            self._viewer.sendall(part)
        return len(data)


def _request(viewer: socket.socket) -> str:
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        if not (part := viewer.recv(1)):
            raise ConnectionError("the viewer went away")
        request += part
    return request.decode()


def _rtsp(viewer: socket.socket) -> bool:
    """Answer until the viewer wants to see; RTP packets of type 33 hold MPEG-TS."""
    description = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 33\r\na=rtpmap:33 MP2T/90000\r\na=control:track1\r\n"
    )
    answers = {
        "OPTIONS": ("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""),
        "DESCRIBE": ("Content-Type: application/sdp\r\n", description),
        "SETUP": ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n", ""),
        "PLAY": ("Session: 1\r\n", ""),
    }
    while True:
        request = _request(viewer)
        method = request.split(" ", 1)[0]
        number = next(line for line in request.split("\r\n") if line.startswith("CSeq"))
        status, (headers, body) = "200 OK", answers.get(method, ("", ""))
        if method == "DESCRIBE" and f"Authorization: Basic {CREDENTIALS}" not in request:
            status, headers, body = "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"\r\n', ""
        viewer.sendall(
            f"RTSP/1.0 {status}\r\n{number}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        if method == "PLAY":
            return True
