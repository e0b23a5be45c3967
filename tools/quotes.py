"""Quotes: whether quoted words stand in the box that they are said to stand in.

The words of the box are read again, from the file's text layer where the page has one, else by OCR of the
pixels. Case, ligatures, kinds of dashes and quotation marks, spaces and hyphens at the ends of lines do not
count; where OCR read, a few wrong letters do not either.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from ..errors import EvidenceError, InputError
from ..memory import Box, Page, Still
from ..memory.page_text import PageText, in_lines

if TYPE_CHECKING:
    from ..memory.embed import PageReader

SLACK = 2.0
"""Pixels that a box is widened by before its words are read again: boxes are rounded to whole pixels."""

_MARKS = str.maketrans(
    {**dict.fromkeys("‐‑‒–—―−", "-"), **dict.fromkeys("‘’‚‛′`´", "'"), **dict.fromkeys("“”„‟″«»", '"')}  # noqa: RUF001
)
_HYPHENATED = re.compile(r"(?<=[^\W\d])[-‐]\s*\n\s*(?=[^\W\d])")  # noqa: RUF001
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def normalised(text: str) -> list[str]:
    """Return the words of a text as they are compared; halves that a line's end divides are one word."""
    plain = unicodedata.normalize("NFKC", _HYPHENATED.sub("", text)).translate(_MARKS).casefold()
    kept = (c for c in plain if c.isspace() or unicodedata.category(c) not in ("Cf", "Cc"))
    return "".join(kept).split()


def holds(quote: str, words: str, exact: bool) -> float:
    """Say how far a quote stands among the words of a box.

    Parameters
    ----------
    quote : str
    words : str
        Of the box, in reading order; there may be more than the quote.
    exact : bool
        Whether the letters are sure; OCR's are not.

    Returns
    -------
    float, 0..1
        1 if the quote stands there, in whole words; 0 if it does not, or, where the letters are not sure, the
        share of its letters that do, times the share of its numbers that do digit for digit.
    """
    wanted, there = normalised(quote), normalised(words)
    if not wanted:
        return float(not there)
    if _stands(wanted, there):
        return 1.0
    if exact:
        return 0.0
    told = set(_NUMBER.findall(" ".join(there)))
    numbers = _NUMBER.findall(" ".join(wanted))
    kept = sum(number in told for number in numbers) / len(numbers) if numbers else 1.0
    return kept * _found("".join(wanted), "".join(there))


def _stands(wanted: list[str], there: list[str]) -> bool:
    """Tell whether words follow each other among others, however both are divided by spaces."""
    text, quote = "".join(there), "".join(wanted)
    borders = {0, *accumulate(len(word) for word in there)}
    start = text.find(quote)
    while start >= 0:
        if start in borders and start + len(quote) in borders:
            return True
        start = text.find(quote, start + 1)
    return False


def _found(wanted: str, there: str) -> float:
    """Return the share of letters that are found in their order, in a stretch not longer than the quote."""
    longest = SequenceMatcher(None, there, wanted, autojunk=False).find_longest_match()
    start = max(0, longest.a - longest.b)
    stretch = there[start : start + len(wanted)]
    blocks = SequenceMatcher(None, stretch, wanted, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(wanted)


def check(still: Still, quote: str, ocr: PageReader | None = None) -> tuple[float, float]:
    """Read again what stands in a part of a page, and say how sure it is that a quote does, and does not.

    Parameters
    ----------
    still : Still
        The part, cut from the whole page; a whole still stands for all of it.
    quote : str
    ocr : PageReader, optional
        Reads pages that have no text layer; by default the package's own, where it is installed.

    Returns
    -------
    right, wrong : float, 0..1
        Both 0 if the words cannot be read again.

    Raises
    ------
    EvidenceError
        If the words cannot be read from the file any more.
    """
    read = _words(still, ocr)
    if read is None:
        return 0.0, 0.0
    words, exact = read
    right = holds(quote, words, exact)
    return right, 1 - right


def _words(still: Still, ocr: PageReader | None) -> tuple[str, bool] | None:
    """Return the words in a part of a page, and whether they are the file's own, or None."""
    whole = still.whole or still
    box = still.region or Box(x0=0, y0=0, x1=whole.size.width, y1=whole.size.height)
    if isinstance(whole.origin, Page):
        from ..memory.sources.documents import read_page_text

        try:
            text = read_page_text(whole.origin.source, whole.origin.number)
        except InputError as error:
            raise EvidenceError(error.message, input=error.input) from error
        if text.read != "none":
            return in_lines(text.within(_wider(box))), True
    read = _read(whole) if ocr is None else ocr.read([whole])[0]
    if read is None:
        return None
    return in_lines(read.within(_wider(box))), False


def _wider(box: Box) -> Box:
    return Box(x0=box.x0 - SLACK, y0=box.y0 - SLACK, x1=box.x1 + SLACK, y1=box.y1 + SLACK)


@lru_cache(maxsize=4)
def _read(whole: Still) -> PageText | None:
    """Read a page by the package's own OCR, if it is installed; all quotes from it are checked in a row."""
    from .ocr import available, reader

    return reader().read([whole])[0] if available() else None
