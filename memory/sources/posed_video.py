"""Posed videos: views of a scene that are frames of a video.

A view of ``scene.json`` that names ``"video"`` and ``"t"`` instead of ``"color"`` is the frame whose
presentation time is ``t``, upright and with square pixels, as the reader of videos gives it: its camera is of
that picture. The video stays a video, and can be indexed as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, SceneError
from ..still import Size
from .scene_files import inside

if TYPE_CHECKING:
    from .decoding import Decoded

ONWARD = 1.0
"""Seconds that are decoded and passed over rather than sought for: about as long as between key frames."""


class Clips:
    """The videos that one scene names, each opened once.

    Parameters
    ----------
    folder : path
        Of the scene, in which they must lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clips: dict[Path, PosedVideo] = {}

    def view(self, item: dict[str, Any], size: Size) -> tuple[str, Callable[[], NDArray[np.uint8]]]:
        """Return the name of a view that is a frame, ``<video>@<t>`` if it has none, and what reads it.

        Parameters
        ----------
        item : dict
            With ``video``, a path in the scene's folder, and ``t``, seconds from the video's first frame on.
        size : Size
            Of the view's camera.

        Raises
        ------
        SceneError
            If the video cannot be read, has another size, or no frame that begins at ``t``.
        """
        path = inside(self._folder, item["video"], "video")
        t = item["t"]
        if isinstance(t, bool) or not isinstance(t, (int, float)) or not math.isfinite(t):
            raise SceneError(f"t is not a time in seconds: {t!r}.", input=str(path))
        if path not in self._clips:
            self._clips[path] = PosedVideo(path)
        clip = self._clips[path]
        if clip.size != size:
            raise SceneError(
                f"the frames of {path} have {clip.size.width}x{clip.size.height} pixels, width and height "
                f"say {size.width}x{size.height}.",
                input=str(path),
            )
        clip.check(t)
        return str(item.get("name") or f"{item['video']}@{t:.3f}"), partial(clip.pixels, float(t))


class PosedVideo:
    """A video whose frames are read one at a time, in any order; those in the order of time are decoded once.

    Raises
    ------
    SceneError
        If it is no video that can be read.
    """

    def __init__(self, path: Path) -> None:
        from .timed_video import TimedVideo

        try:
            self._video = TimedVideo(path)
            self._times = self._video.times()
        except InputError as error:
            raise SceneError(f"its video cannot be read: {error.message}", input=str(path)) from error
        self.size = self._video.size
        self._path = path
        self._lock = Lock()
        self._frames: Generator[Decoded, None, None] | None = None
        self._passed = -math.inf

    def check(self, t: float) -> None:
        """Raise SceneError if no frame begins at ``t``, where the packets tell when frames begin."""
        from .reading import TOLERANCE

        if self._times is None:
            return
        near = float(self._times[np.abs(self._times - t).argmin()])
        if abs(near - t) > TOLERANCE:
            raise SceneError(
                f"{self._path} has no frame that begins at t = {t} s; the nearest begins at {near:.6f} s. "
                "A pose is of one frame: write the time of that one.",
                input=str(self._path),
            )

    def pixels(self, t: float) -> NDArray[np.uint8]:
        """Return the frame that begins at ``t``: (H, W, 3) uint8 RGB.

        Raises
        ------
        SceneError
            If there is none, or it cannot be decoded.
        InputError
            If the file went away.
        """
        from .reading import TOLERANCE

        with self._lock:
            for frame in self._onward(t - TOLERANCE):
                if frame.t >= t - TOLERANCE:
                    break
            else:
                frame = None
            if frame is None or frame.t > t + TOLERANCE:
                raise SceneError(
                    f"{self._path} has no frame that begins at {t} s and can be decoded.",
                    input=str(self._path),
                )
            return frame.still().pixels

    def _onward(self, start: float) -> Generator[Decoded, None, None]:
        """Yield frames from ``start`` or a little before it on: those that come next, or sought for."""
        frames, self._frames = self._frames, None  # what fails or ends is not gone on with
        if frames is None or not self._passed < start <= self._passed + ONWARD:
            if frames is not None:
                frames.close()
            frames = self._video.frames(max(0.0, start))
        for frame in frames:
            self._passed, self._frames = frame.t, frames
            yield frame
            self._frames = None
