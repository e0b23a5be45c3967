"""Whether indexing a long video takes more and more memory, and what adding it again costs.

The video is synthetic: scenes of 4 to 40 seconds in which things move, small and at a low frame rate so that
hours of it take minutes. It is rendered by a process of its own, as what that leaves in memory is not the
indexer's. The embedder is the mean colours of a grid: what a model takes does not depend on a video's length.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
from numpy.typing import NDArray

from sightloop.memory.records import Progress
from sightloop.memory.still import Still
from sightloop.memory.store import VisualMemory

FPS = 5
WIDTH, HEIGHT = 320, 180
GRID = 8
EVERY = 0.05
"""Seconds between two looks at the memory that the process takes."""


class Grid:
    """An embedder: the mean colours of a grid."""

    name = "grid"

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        """Embed stills; texts are not looked for here."""
        import cv2

        area = cv2.INTER_AREA
        small = [cv2.resize(item.pixels, (GRID, GRID), interpolation=area) for item in items if item != ""]
        vectors = np.stack(small).reshape(len(small), -1).astype(np.float32) + 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def render(path: Path, hours: float) -> None:
    """Write the video."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "28"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        left = round(hours * 3600 * FPS)
        while left > 0:
            blocks = rng.integers(0, 255, (9, 16, 3)).astype(np.uint8)
            scene = np.kron(blocks, np.ones((20, 20, 1), np.uint8))
            place, speed = rng.uniform(0, 100, 2), rng.uniform(-3, 3, 2)
            for _ in range(min(left, int(rng.integers(4 * FPS, 40 * FPS)))):
                place = (place + speed) % (HEIGHT - 40)
                x, y = place.astype(int)
                frame = scene.copy()
                frame[y : y + 40, x : x + 40] = 255 - frame[y : y + 40, x : x + 40]
                out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
                left -= 1
        out.mux(stream.encode(None))


class Watch:
    """The most memory that this process took, in the first minute of the video and after it."""

    def __init__(self) -> None:
        self.most = {"first minute": 0, "after": 0}
        self.part = "first minute"
        self._done = threading.Event()
        self._watching = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._done.wait(EVERY):
            part = self.part
            self.most[part] = max(self.most[part], process.memory_info().rss)

    def told(self, progress: Progress) -> None:
        """Take note of how far indexing is."""
        if (progress.done or 0) >= 60:
            self.part = "after"

    def __enter__(self) -> Watch:
        self._watching.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._watching.join()


def index(folder: Path, video: Path) -> dict[str, Any]:
    """Index the video, and add it again."""
    with VisualMemory(folder, embedder=Grid()) as memory, Watch() as watch:
        began = time.perf_counter()
        added = memory.add(video, progress=watch.told)
        first = time.perf_counter() - began
        began = time.perf_counter()
        again = memory.add(video)
        second = time.perf_counter() - began
        assert again.unchanged == (str(video),)
        sizes = {part: round(size / 2**20, 1) for part, size in memory.size()["bytes"].items()}
        source = memory.sources()[0]
    return {
        "stills": added.stills,
        "index_s": round(first, 1),
        "times_realtime": round((source.seconds or 0) / first),
        "again_ms": round(1000 * second, 2),
        "again_share": second / first,
        "rss_first_minute_MB": round(watch.most["first minute"] / 2**20),
        "rss_after_MB": round(watch.most["after"] / 2**20),
        "grown_MB": round((watch.most["after"] - watch.most["first minute"]) / 2**20),
        "disk_MB": sizes,
    }


def main() -> None:
    """Render, measure, and print one object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0, help="length of the video (default: 2)")
    parser.add_argument("--render", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.render:
        render(args.render, args.hours)
        return
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "long.mp4"
        subprocess.run([sys.executable, __file__, "--hours", str(args.hours), "--render", video], check=True)
        about = {"video": f"synthetic, {WIDTH}x{HEIGHT}, {FPS} frames a second", "hours": args.hours}
        print(json.dumps({**about, **index(Path(folder) / "mem", video)}, indent=1))


if __name__ == "__main__":
    main()
