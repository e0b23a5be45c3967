"""For tests of the memory: eyes that see colours, a film of many shots, and indexing in a process of its own.

``python tests/remembering.py FOLDER SOURCE POINT`` indexes until it gets to a point, where the process kills
itself as hard as there is: ``embed:3`` the third time that it embeds stills, ``mean:2`` the second time that
it embeds texts, ``open:vectors-:2`` the second time that it opens a file whose name begins so, ``rename:5``
the fifth time that it renames one, ``call:put_shots:2`` the second time that it calls a function of that
name, ``told:1`` when progress is told, and ``never:1``. What is acknowledged it prints. A fourth argument is
the size in bytes that no file may pass; or it is ``forget``, which forgets the source and compacts instead.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from clips import clip
from numpy.typing import NDArray
from reports import Meanings

from sightloop.errors import SightloopError
from sightloop.memory.still import Still
from sightloop.memory.store import VisualMemory

WORDS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}


class Colours:
    """An embedder: the mean colour of each of four quarters; words are a colour all over."""

    def __init__(self, name: str = "colours", slow: float = 0.0) -> None:
        self.name = name
        self.slow = slow
        self.seen = 0

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        time.sleep(self.slow * len(items))
        self.seen += sum(isinstance(item, Still) for item in items)
        vectors = np.stack([self._one(item) for item in items])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def _one(self, item: Still | str) -> NDArray[np.float64]:
        if isinstance(item, str):
            colour = np.sum([WORDS[word] for word in item.split() if word in WORDS] or [(1, 1, 1)], axis=0)
            return np.tile(colour, 4).astype(float)
        height, width = (max(1, side // 2) for side in item.pixels.shape[:2])
        quarters = [
            item.pixels[y : y + height, x : x + width].mean(axis=(0, 1))
            for y in (0, item.pixels.shape[0] - height)
            for x in (0, item.pixels.shape[1] - width)
        ]
        return np.concatenate(quarters) / 255 + 1e-3


class Sizes:
    """A captioner that says how large a still is, and a reader that reads a word in it."""

    def captions(self, stills: Sequence[Still]) -> list[str]:
        return [f"A picture, {still.size.width} wide and {still.size.height} high" for still in stills]

    def texts(self, stills: Sequence[Still]) -> list[str]:
        return ["TAXI 4711" if still.pixels[0, 0, 0] > 200 else "" for still in stills]


def film(path: Path, shots: int = 48, each: int = 10, fps: int = 10, seed: int = 0) -> Path:
    """A clip of many shots, each of blocks of colours of its own, in which a square moves."""
    scenes = np.random.default_rng(seed).integers(0, 255, (shots, 4, 6, 3)).astype(np.uint8)

    def paint(number: int) -> np.ndarray:
        shot, at = divmod(number, each)
        frame = np.kron(scenes[shot], np.ones((16, 16, 1), np.uint8))
        frame[20:36, at * 8 : at * 8 + 16] = 255 - frame[20:36, at * 8 : at * 8 + 16]
        return frame

    return clip(path, shots * each, paint=paint, fps=fps, options={"preset": "ultrafast", "crf": "18"})


def kill_at(point: str) -> Any:
    """Have this process kill itself at a point, and return what embedding and progress are to tell of."""
    kind, *name, wanted = point.split(":")
    passed = {kind: 0}

    def passing(here: str) -> None:
        if here == kind:
            passed[kind] += 1
            if passed[kind] == int(wanted):
                os.kill(os.getpid(), signal.SIGKILL)

    def heard(event: str, details: tuple[Any, ...]) -> None:
        if event == "open" and name and Path(str(details[0])).name.startswith(name[0]):
            passing("open")
        elif event == "os.rename":
            passing("rename")

    def called(frame: Any, event: str, _: Any) -> None:
        if event == "call" and name and frame.f_code.co_name == name[0]:
            passing("call")

    sys.addaudithook(heard)
    if kind == "call":
        sys.setprofile(called)
    return passing


def main(folder: str, source: str, point: str, most: str = "") -> None:
    """Index, and print what is acknowledged, and the error that ended it."""
    if most.isdecimal():
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
    passing = kill_at(point)

    class Mortal(Colours):
        def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
            passing("embed")
            return super().embed(items)

    class MortalMeanings(Meanings):
        def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
            passing("mean")
            return super().embed(items)

    def told(progress: Any) -> None:
        print(progress.done, progress.stills, flush=True)
        passing("told")

    try:
        with VisualMemory(
            folder, embedder=Mortal(slow=0.005), captioner=Sizes(), sentences=MortalMeanings()
        ) as memory:
            print("open", flush=True)
            if most == "forget":
                memory.forget(source)
                memory.compact()
            else:
                memory.add(source, progress=told)
    except SightloopError as error:
        sys.exit(f"{type(error).__name__}: {error.message}")


if __name__ == "__main__":
    main(*sys.argv[1:])
