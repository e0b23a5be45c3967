"""What it takes to index documents: pages a second, and the memory of the process as they become more.

``python benchmarks/documents_long.py`` writes a document of 5,000 pages (of made-up sentences, and so called
synthetic) and indexes it; ``python benchmarks/documents_long.py FILE ...`` indexes real ones. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from sightloop import LlavaNext
from sightloop.memory.records import Progress
from sightloop.memory.store import VisualMemory
from sightloop.tools.remember import memory_of

PAGES = 5000
EVERY = 500
"""Pages between two looks at the memory of the process."""
WORDS = (
    "the survival of patients treated with placebo shows a hazard ratio near one for men and women in this "
    "study of cancer of lung colon bladder over many years"
)


def written(path: Path, pages: int) -> Path:
    """Write a document of so many pages, each with a heading and six paragraphs."""
    from reportlab.lib.pagesizes import letter
    from reportlab.pdfgen.canvas import Canvas

    chance, words = random.Random(0), WORDS.split()
    canvas = Canvas(str(path), pagesize=letter)
    for number in range(1, pages + 1):
        canvas.setFont("Helvetica-Bold", 16)
        canvas.drawString(72, 740, f"Chapter {number}")
        canvas.setFont("Helvetica", 11)
        for line in range(36):
            canvas.drawString(72, 710 - 14 * line - 14 * (line // 6), " ".join(chance.choices(words, k=12)))
        canvas.showPage()
    canvas.save()
    return path


def measured(files: list[Path], folder: Path, meaning: bool) -> dict[str, Any]:
    """Index documents, and return what it took."""
    own = psutil.Process()
    sizes: dict[int, int] = {}

    def told(progress: Progress) -> None:
        sizes.setdefault(progress.stills // EVERY * EVERY, own.memory_info().rss // 2**20)

    eyes = LlavaNext()
    with memory_of(eyes, folder) if meaning else VisualMemory(folder, embedder=eyes) as memory:
        began = time.perf_counter()
        for file in files:
            memory.add(file, progress=told)
        seconds = time.perf_counter() - began
        size = memory.size()
    return {
        "pages": size["stills"],
        "passages": size["passages"],
        "pages a second": round(size["stills"] / seconds, 1),
        "MiB of memory by pages": sizes,
        "kB on the disk per page": round(size["bytes"]["total"] / max(1, size["stills"]) / 1000, 1),
    }


def main() -> None:
    """Write or take documents, index them, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--pages", type=int, default=PAGES, help="of the synthetic document")
    parser.add_argument("--no-meaning", action="store_true", help="without passages and OCR")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        files = given.files or [written(Path(place) / "long.pdf", given.pages)]
        found = {"synthetic": not given.files, **measured(files, Path(place) / "mem", not given.no_meaning)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
