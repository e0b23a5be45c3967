"""Passages: what of a page is looked for, all of it by its words, and its blocks by their meaning too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .page_text import Block, PageText, in_tenths
from .records import Text

LONGEST = 160
"""Words of a block that are one passage. A longer block is several: a sentence model reads about 250 pieces
of words and lets go of the rest, and what is found shall be seen at a glance."""

LEAST = 3
"""Words, of letters, in a passage that has a meaning: fewer, or numbers alone, are found by their words."""

AROUND = 30
"""Words that a sentence model is given of a block and of what stands around it: a line of a table, or a
sentence between two formulas, means little alone. More of them take longer, and find no more."""

_BROKEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]\n(?=[^\W\d_A-Z])")
_KEPT_BY_NONE = re.compile("[\0\ud800-\udfff]")
_WORD = re.compile(r"[^\W\d_]{2,}")


def texts_of(page: PageText) -> tuple[list[Text], list[Text]]:
    """Return the texts of a page: that of all of it, if it has words, and those of its blocks that have."""
    whole = [Text("page", words)] if (words := _joined(page.text)) else []
    return whole, [block for one in page.blocks for block in _parts(page, one)]


def means(text: str) -> bool:
    """Whether a text says something that a sentence model understands."""
    return sum(1 for _ in zip(range(LEAST), _WORD.finditer(text), strict=False)) == LEAST


def in_context(blocks: Sequence[str]) -> list[str]:
    """Return the texts of a page's blocks, in their order, short ones with words before and after them."""
    split = [block.split() for block in blocks]
    words = [word for block in split for word in block]
    found: list[str] = []
    start = 0
    for block, own in zip(blocks, split, strict=True):
        more = max(0, AROUND - len(own)) // 2
        before, after = words[max(0, start - more) : start], words[start + len(own) :][:more]
        found.append(" ".join([*before, block, *after]))
        start += len(own)
    return found


def _parts(page: PageText, block: Block) -> Iterator[Text]:
    """Yield a block as passages, cut where lines end."""
    first = block.first
    while first < block.last:
        last = min(block.last, first + LONGEST)
        if last < block.last:
            line = page.words[last].line
            start = next((at for at in range(last, first, -1) if page.words[at - 1].line != line), last)
            last = start
        whole = (first, last) == (block.first, block.last)
        if words := _joined(page.text_of(first, last)):
            box = block.box if whole else page.box_of(first, last)
            yield Text("block", words, box=in_tenths(box), kind=block.kind)
        first = last


def _joined(text: str) -> str:
    """Put words together that a line's end cut in two, and drop what no database keeps."""
    return _KEPT_BY_NONE.sub("", _BROKEN.sub("", text)).strip()
