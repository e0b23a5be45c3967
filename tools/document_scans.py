"""How many words OCR gets right: of scans whose words are known, and of pages whose text layer knows them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .document_asked import LIGATURES
from .document_files import VIGNETTES
from .ocr_accuracy import WordAccuracy, word_accuracy

if TYPE_CHECKING:
    from ..memory.embed import PageReader
    from ..memory.sources.documents import ReadPage

TRUTH = "linn.txt"
"""The words of the scans, as another OCR read them and its authors keep them for their own tests."""
SCANNED = {"linn.pdf": "scan", "skew.pdf": "scan, askew", "rotated_skew.pdf": "scan, on its side and askew"}
"""Scans of the same sheet, of one page each."""


def accuracy(ocr: PageReader, files: Mapping[str, Path], seed: int, count: int) -> list[dict[str, Any]]:
    """Read scans and rendered pages by OCR, and compare.

    Parameters
    ----------
    ocr : PageReader
    files : dict of name to path
        Of scans, their words, and the vignettes; what is missing is left out.
    seed : int
        Of the pages that are chosen from the vignettes.
    count : int
        Pages of vignettes.

    Returns
    -------
    list of dict
        ``row``, then as :class:`.ocr_accuracy.WordAccuracy` has it, the mean over ``pages``.
    """
    rows = []
    if TRUTH in files:
        truth = files[TRUTH].read_text(encoding="utf-8")
        for name, row in SCANNED.items():
            if name in files:
                (page,) = _pages(files[name], [1])
                rows.append(_row(row, [word_accuracy(_read(ocr, page), truth)]))
    chosen = sample(files, seed, count)
    if chosen:
        # letters that a font has no Unicode for are in no text layer, so they are no word's on either side
        told = [
            word_accuracy(LIGATURES.sub("", _read(ocr, page)), LIGATURES.sub("", page.text.text))
            for path, number in chosen
            for page in _pages(path, [number])
            if page.text.words
        ]
        rows.append(_row("vignettes, rendered", told))
    return rows


def sample(files: Mapping[str, Path], seed: int, count: int) -> list[tuple[Path, int]]:
    """Draw pages of the vignettes, at most ``count``."""
    from ..memory.sources.documents import Document

    every = []
    for name in sorted(set(files) & set(VIGNETTES)):
        with Document(files[name]) as document:
            every += [(files[name], number) for number in range(1, document.pages + 1)]
    return random.Random(seed).sample(every, min(count, len(every)))


def _pages(path: Path, numbers: Iterable[int]) -> list[ReadPage]:
    from ..memory.sources.documents import Document

    with Document(path) as document:
        return [document.page(number) for number in numbers]


def _read(ocr: PageReader, page: ReadPage) -> str:
    return ocr.read([page.still])[0].text


def _row(name: str, told: list[WordAccuracy]) -> dict[str, Any]:
    shares = {
        field: round(statistics.mean(getattr(one, field) for one in told), 4)
        for field in ("found", "ordered", "wrong", "exact")
    }
    return {"row": name, **shares, "words": sum(one.words for one in told), "pages": len(told)}
