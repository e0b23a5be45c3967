"""Containers: a file is opened by FFmpeg for its video stream, or refused with what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from ...errors import InputError

_REFUSED = re.compile(
    r"image2.*|.*_pipe|tty|lavfi|rtsp|sdp|rtp|sap|hls|applehttp|dash|concat|imf|webm_dash_manifest|"
    r"libcdio|video4linux2,v4l2|alsa|oss|fbdev|x11grab|kmsgrab|iec61883|jack|pulse|sndio|xcbgrab|avfoundation"
)
"""No videos: single pictures, text shown as a terminal, lists that lead to other files, and devices."""

MAX_PIXELS = 200_000_000
"""Largest frame that is decoded, by the header: one of 8K has 33 megapixels."""


@dataclass(frozen=True, eq=False)
class Opened:
    """An open container and the stream that is read of it."""

    container: InputContainer
    stream: VideoStream

    @property
    def duration(self) -> float | None:
        """Seconds, by the header of the stream or else of the container; None if neither says so."""
        seconds = self.own_duration
        if seconds is None and self.container.duration is not None:
            seconds = self.container.duration / av.time_base - self._offset
        return seconds if seconds is None or seconds > 0 else None

    @property
    def own_duration(self) -> float | None:
        """Seconds, of the video stream alone."""
        stream = self.stream
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d*)?)", stream.metadata.get("DURATION", ""))
        if tag:
            return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) - self._offset
        if len(self.container.streams) == 1 and self.container.duration is not None:
            return self.container.duration / av.time_base - self._offset
        return None

    @property
    def _offset(self) -> float:
        """Seconds before the first frame, which the durations in a Matroska file include."""
        stream = self.stream
        if "matroska" not in self.container.format.name or stream.start_time is None or not stream.time_base:
            return 0.0
        return float(stream.start_time * stream.time_base)

    @property
    def timed(self) -> bool:
        """Whether packets say when they are shown: those in an AVI only say when they are decoded."""
        reordered = {"h264", "hevc"}  # FFmpeg knows the order of what else is found in an AVI
        return self.container.format.name != "avi" or self.stream.codec_context.name not in reordered

    @property
    def step(self) -> float:
        """Seconds from one frame to the next on average, assumed where no header says so."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return float(1 / rate) if rate else 1 / 25


@contextmanager
def opened_video(path: str, name: str) -> Iterator[Opened]:
    """Open a file for its video stream.

    Parameters
    ----------
    path : str
        Absolute, of a regular file.
    name : str
        As the caller wrote it, for the errors.

    Raises
    ------
    InputError
        If FFmpeg finds no container in it, or there is no video stream that can be decoded.
    """
    try:
        # "file:" keeps a name with a colon from being an address; no container may lead elsewhere
        options = {"protocol_whitelist": "file", "format_whitelist": _formats()}
        container = av.open("file:" + path, container_options=options, metadata_errors="replace")
    except FFmpegError as error:
        raise _refused(path, name) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be read: {error}.", input=name) from error
    with container:
        yield Opened(container, video_stream(container, name))


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """Return the video stream that is meant: the one marked as default, or else the first; never a cover.

    Raises
    ------
    InputError
        If there is none, or none that can be decoded, or its frames have more than ``MAX_PIXELS``.
    """
    streams = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams})
        raise InputError(
            f"{name} has no video in it, only {' and '.join(kinds) or 'nothing'}; pass the file that has.",
            input=name,
        )
    stream = max(streams, key=lambda one: (bool(one.disposition & Disposition.default), -one.index))
    if stream.codec_context is None:
        raise InputError(
            f"{name} has video of a codec that this FFmpeg does not decode; convert it to H.264.", input=name
        )
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{name} has frames of {width}x{height}, more than the limit of {MAX_PIXELS / 1e6:g} megapixels, "
            "or is damaged and only says so: make it smaller first.",
            input=name,
        )
    stream.thread_type = "AUTO"
    return stream


def _refused(path: str, name: str) -> InputError:
    try:
        with Path(path).open("rb") as file:
            head = file.read(16)
    except OSError as gone:
        return InputError(f"{name} cannot be read: {gone.strerror}.", input=name)
    if head[4:8] == b"ftyp":
        return InputError(
            f"{name} starts like MP4 or MOV, but its index is missing or damaged, as when a recording or a "
            "copy was cut off; copy or download it again, or repair it.",
            input=name,
        )
    return InputError(
        f"{name} is not a video in a format that is read; pass a video, or convert it to MP4.", input=name
    )


@cache
def _formats() -> str:
    """All of FFmpeg's readers of containers, but those that are none."""
    return ",".join(sorted(name for name in av.formats_available if not _REFUSED.fullmatch(name)))
