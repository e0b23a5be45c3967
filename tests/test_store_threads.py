"""Several threads add to one memory: each source comes in once, whoever is first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightloop.memory.records import Added
from sightloop.memory.store import VisualMemory
from sightloop.tools import report_worlds

from .clips import clip
from .remembering import Colours

THREADS = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with photos, a video and a document."""
    made = tmp_path / "folder"
    made.mkdir()
    for number in range(5):
        pixels = np.full((24, 32, 3), 40 * number, np.uint8)
        Image.fromarray(pixels).save(made / f"{number}.png")
    clip(made / "clip.mp4", 30)
    report_worlds.write(report_worlds.draw(0), made / "report.pdf")
    return made


@pytest.mark.parametrize("named", ["clip.mp4", "report.pdf", "0.png", ""])
def test_what_several_add_comes_in_once(folder: Path, named: str) -> None:
    with VisualMemory(embedder=Colours(slow=0.002)) as memory, ThreadPoolExecutor(THREADS) as threads:
        added = list(threads.map(memory.add, [folder / named] * THREADS))
        came = sum(added, Added())
        assert sorted(came.sources) == sorted(source.path for source in memory.sources())
        assert len(set(came.sources)) == len(came.sources)
        assert came.stills == memory.size()["stills"]
        assert len(memory.search("red", top=50)) == came.stills


def test_a_folder_and_what_is_in_it_come_in_once(folder: Path) -> None:
    files = sorted(folder.iterdir())
    with VisualMemory(embedder=Colours(slow=0.002)) as memory, ThreadPoolExecutor(THREADS) as threads:
        came = sum(threads.map(memory.add, [folder, *files, folder, *files[::-1]]), Added())
        assert sorted(came.sources) == [str(file) for file in files]
        assert came.stills == memory.size()["stills"] == sum(source.stills for source in memory.sources())
