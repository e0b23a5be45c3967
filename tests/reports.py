"""For tests of documents in the memory: reports by reportlab, and models of words that are small and real."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reportlab.lib.pagesizes import letter
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from sightloop.memory.page_text import Block, PageText, Word
from sightloop.memory.still import Box, Still

WORDS = re.findall(
    r"\w+",
    "the survival of patients treated with placebo shows a hazard ratio near one for men and women in this "
    "study of cancer of lung colon bladder over many years",
)


class Meanings:
    """An embedder of texts: how often each word comes, in 64 places."""

    def __init__(self, name: str = "meanings") -> None:
        self.name = name
        self.seen = 0

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        self.seen += len(items)
        vectors = np.full((len(items), 64), 1e-3, np.float32)
        for vector, item in zip(vectors, items, strict=True):
            assert isinstance(item, str)
            for word in re.findall(r"\w+", item.casefold()):
                vector[zlib.crc32(word.encode()) % 64] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Ink:
    """A page reader that knows one word: it says ``ink`` where there is any."""

    def __init__(self) -> None:
        self.seen = 0

    def read(self, stills: Sequence[Still]) -> list[PageText]:
        self.seen += len(stills)
        return [self._one(still) for still in stills]

    def _one(self, still: Still) -> PageText:
        ys, xs = np.nonzero(still.pixels.min(axis=2) < 128)
        if not len(xs):
            return PageText(still.size, read="ocr")
        box = Box(x0=xs.min(), y0=ys.min(), x1=xs.max() + 1, y1=ys.max() + 1)
        word = Word("ink", box.x0, box.y0, box.x1, box.y1, 0, 0.9)
        return PageText(still.size, (word,), (Block("text", box, 0, 1),), "ocr")


class Corners:
    """A late embedder: the mean colour of each of four quarters, and words that are colours."""

    def __init__(self, name: str = "corners") -> None:
        self.name = name

    def pages(self, stills: Sequence[Still]) -> list[NDArray[np.float16]]:
        return [self._one(still) for still in stills]

    def _one(self, still: Still) -> NDArray[np.float16]:
        height, width = still.size.height // 2, still.size.width // 2
        quarters = [still.pixels[y:, x:][:height, :width] for y in (0, height) for x in (0, width)]
        means = np.stack([quarter.mean(axis=(0, 1)) + 1 for quarter in quarters])
        return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float16)

    def query(self, text: str) -> NDArray[np.float32]:
        red = [1.0, 0.0, 0.0] if "red" in text else [0.6, 0.6, 0.52915]
        return np.array([red], np.float32)


def report(path: Path, pages: int = 5, seed: int = 0, password: str | None = None) -> Path:
    """Write a document: on each page a heading, paragraphs and a line of numbers, and a word of its own.

    The word is ``zebra7`` on the seventh page, with ``seed`` 0.
    """
    chance = random.Random(seed)
    canvas = Canvas(str(path), pagesize=letter, encrypt=password, invariant=1)
    for number in range(1, pages + 1):
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(72, 720, f"Chapter {number}")
        canvas.setFont("Helvetica", 11)
        lines = [" ".join(chance.choices(WORDS, k=11)) for _ in range(12)]
        lines[3] = f"here {word_of(number, seed)} is seen among the others by everybody who looks"
        for at, line in enumerate(lines):
            canvas.drawString(72, 680 - 14 * at - 30 * (at // 6), line)
        canvas.drawString(72, 400, "11 22 33 44")
        canvas.showPage()
    canvas.save()
    return path


def word_of(number: int, seed: int = 0) -> str:
    """The word that only this page of a report has."""
    return f"{'zebra' if seed == 0 else 'okapi'}{number}"


def scan(path: Path, colours: Sequence[str] = ("red",)) -> Path:
    """Write a document of pictures, each a page with a bar of a colour, and no text."""
    canvas = Canvas(str(path), pagesize=letter, invariant=1)
    for colour in colours:
        picture = Image.new("RGB", (850, 1100), "white")
        picture.paste(colour, (200, 300, 500, 360))
        canvas.drawImage(ImageReader(picture), 0, 0, *letter)
        canvas.showPage()
    canvas.save()
    return path
