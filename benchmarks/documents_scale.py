"""How fast a memory of many pages is searched, and what that takes: milliseconds a query, and memory.

The pages are synthetic: phrases of Python's own reference manual, drawn at random, nine blocks and some 350
words a page, with a serial number on each. Their vocabulary is small, so that almost every word of a query is
on thousands of pages, which is harder than real documents are. The vectors of pages and passages are made up,
around 500 centres. The questions are phrases of one page within words of questions; what embeds them is real,
the embedded model and MiniLM, and its time counts. Each is asked without a filter and with filters that let
some of the documents pass. Printed with it: how often the page is found from which the phrases were taken.
"""

from __future__ import annotations

import argparse
import json
import os
import pydoc_data.topics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from sightloop.memory.page_text import Block, PageText, Word
from sightloop.memory.passages import texts_of
from sightloop.memory.still import Page, Size
from sightloop.memory.storage import Entry, Ready, Storage, Told, still_id
from sightloop.memory.store import VisualMemory
from sightloop.tools.llava_next import LlavaNext
from sightloop.tools.sentences import Sentences

EACH = 50
"""Pages of a document."""
BLOCKS, LINES, WORDS = 9, 4, 10
"""Of a page, of a block and of a line."""
CENTRES = 500
"""Around which the vectors lie."""
SIZE = Size(1190, 1684)
"""Of a page of A4 at 144 dpi, in pixels."""


def phrases() -> list[list[str]]:
    """Return the words of Python's manual, in runs as long as a line."""
    words = " ".join(pydoc_data.topics.topics.values()).split()
    return [words[start : start + WORDS] for start in range(0, len(words) - WORDS, WORDS)]


def page_of(lines: Sequence[Sequence[str]]) -> PageText:
    """Lay lines out, a block after the other."""
    words: list[Word] = []
    blocks: list[Block] = []
    for first in range(0, len(lines), LINES):
        start = len(words)
        for line in range(first, min(first + LINES, len(lines))):
            top = 80.0 + 40 * line
            words += [
                Word(word, 100 + 95 * at, top, 190 + 95 * at, top + 24, line)
                for at, word in enumerate(lines[line])
            ]
        written = PageText(SIZE, tuple(words))
        blocks.append(Block("text", written.box_of(start, len(words)), start, len(words)))
    return PageText(SIZE, tuple(words), tuple(blocks), "layer")


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Return vectors at length 1."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


class Around:
    """Draws vectors around centres."""

    def __init__(self, dimension: int, rng: np.random.Generator) -> None:
        self._centres = rng.standard_normal((CENTRES, dimension))
        self._rng = rng

    def draw(self, count: int) -> NDArray[np.float32]:
        """Return so many, (count, dimension) float32."""
        chosen = self._centres[self._rng.integers(0, CENTRES, count)]
        return unit(chosen + 0.7 * self._rng.standard_normal(chosen.shape))


def documents(count: int, pictures: Around, passages: Around, rng: np.random.Generator) -> Iterator[Entry]:
    """Yield made-up documents of so many pages in all."""
    runs = phrases()
    for first in range(0, count, EACH):
        path = f"/documents/{first // EACH:04d}.pdf"
        stills = []
        for number in range(1, EACH + 1):
            lines = [runs[at] for at in rng.integers(0, len(runs), BLOCKS * LINES - 1)]
            page = page_of([*lines, ["Serial", "number", f"SN{first + number:06d}"]])
            whole, blocks = texts_of(page)
            told = tuple(map(Told, blocks, passages.draw(len(blocks))))
            stills.append(
                Ready(
                    id=still_id(path, Page(source=path, number=number)),
                    t=None,
                    frame=None,
                    shot=None,
                    sha256="0" * 64,
                    width=SIZE.width,
                    height=SIZE.height,
                    media="0" * 64,
                    vector=pictures.draw(1)[0],
                    texts=tuple(whole),
                    page=number,
                    words=page,
                    blocks=told,
                )
            )
        yield Entry(path, "document", stills, [], {"complete": 1, "pages": EACH})


def questions(folder: Path, rounds: int, rng: np.random.Generator) -> list[tuple[str, str, int]]:
    """Return questions about pages of a memory, with the document and the number of the page of each."""
    with VisualMemory(folder, embedder=None) as memory:
        paths = [source.path for source in memory.sources()]
        asked = []
        for _ in range(rounds):
            path = paths[rng.integers(0, len(paths))]
            stored = memory.stored(path)[rng.integers(0, EACH)]
            (words,) = (text.text.split() for text in stored.texts if text.channel == "page")
            start = WORDS * rng.integers(0, BLOCKS * LINES - 3)
            some = words[start : start + 2 * WORDS : 2]
            asked.append((f"What does the report say about {' '.join(some)}?", path, stored.origin.number))
    return asked


def filters(path: str, paths: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return filters that let the document ``path`` pass."""
    own = paths.index(path)

    def share(part: float) -> dict[str, Any]:
        count = max(1, round(part * len(paths)))
        return {"sources": [paths[(own + at) % len(paths)] for at in range(count)]}

    shares = {"1 document": share(0), "10 % of them": share(0.1), "90 % of them": share(0.9)}
    return {"none": {}, **shares, "documents": {"kinds": ["document"]}}


def measure(folder: Path, rounds: int, seed: int) -> dict[str, Any]:
    """Ask the memory in a folder, in all ways."""
    asked = questions(folder, rounds, np.random.default_rng(seed))
    eyes, sentences = LlavaNext(), Sentences()
    process = psutil.Process()
    loaded = process.memory_info().rss
    began = time.perf_counter()
    with VisualMemory(folder, embedder=eyes, sentences=sentences) as memory:
        memory.search(asked[0][0])
        opened = time.perf_counter() - began
        paths = [source.path for source in memory.sources()]
        rows: dict[str, Any] = {}
        for name in filters(paths[0], paths):
            taken, busy, found = [], [], []
            for question, path, number in asked:
                where = filters(path, paths)[name]
                began, worked = time.perf_counter(), time.process_time()
                hits = memory.search(question, **where)
                taken.append(1000 * (time.perf_counter() - began))
                busy.append(1000 * (time.process_time() - worked))
                places = [(hit.origin.source, getattr(hit.origin, "number", 0)) for hit in hits]
                found.append((path, number) in places)
            p50, p99 = np.quantile(taken, [0.5, 0.99])
            rows[name] = {
                "p50_ms": round(float(p50), 1),
                "p99_ms": round(float(p99), 1),
                "cpu_p50_ms": round(float(np.median(busy)), 1),
                "found@5": round(float(np.mean(found)), 3),
            }
        sizes = {part: round(size / 2**20) for part, size in memory.size()["bytes"].items()}
    return {
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "open_s": round(opened, 2),
        "rss_MB": round(process.memory_info().rss / 2**20),
        "of_which_models_MB": round(loaded / 2**20),
        "disk_MB": sizes,
        "queries": rows,
    }


def fill(folder: Path, count: int, seed: int) -> float:
    """Write a memory of made-up documents, and return the seconds that it took."""
    rng = np.random.default_rng(seed)
    eyes = LlavaNext()
    dimension = eyes.embed(["a page"]).shape[1]
    pictures, passages = Around(dimension, rng), Around(384, rng)
    storage = Storage(folder, None, eyes.name, Sentences.name)
    began = time.perf_counter()
    for entry in documents(count, pictures, passages, rng):
        storage.commit([entry])
    storage.close()
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print one object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pages", type=int, default=10_000, help="synthetic pages (default: 10000)")
    parser.add_argument("--rounds", type=int, default=100, help="queries for each filter (default: 100)")
    parser.add_argument("--memory", help="a folder that is filled if it is not there, and kept")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.memory or Path(temporary) / "mem")
        taken = 0.0 if folder.exists() else fill(folder, args.pages, args.seed)
        measured = measure(folder, args.rounds, args.seed)
    print(json.dumps({"synthetic_pages": args.pages, "fill_s": round(taken, 1), **measured}, indent=1))


if __name__ == "__main__":
    main()
