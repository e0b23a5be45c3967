"""Bare change: what a model says has changed that is shown both pictures in one prompt, as numbers need it.

It is asked as it was trained ("image 1 :", a picture, "image 2 :", a picture, "What changed?"). A kind is
read from its sentence. A model that points is then asked to point, on the picture alone, to the thing it
named; its cell is grown to the mean size of what really changed, which it could not know: in its favour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..memory import Box, Size, Still
from .differences import SIDES, Kind
from .look import Eyes, interleave
from .small_looks import NONE, POINT

QUESTION = "What changed?"
BATCH = 16
NOTHING = r"\b(?:nothing|no change|no difference|not change|identical|the same)"
WORDS: dict[Kind, str] = {
    "text changed": r"\b(?:text|sign|word|letters?|says?)\b.*\b(?:changed|now|became|says?)\b",
    "removed": r"\b(?:disappear\w*|removed|gone|missing|vanish\w*|no longer)\b",
    "added": r"\b(?:appear\w*|added|new)\b",
    "moved": r"\b(?:moved?|moves|shifted|position)\b",
    "resized": r"\b(?:size|small|smaller|large|larger|big|bigger|grew|shrank|shrunk)\b",
    "recoloured": r"\b(?:became|becomes|turned|turns|colou?r\w*|now)\b",
}
"""The first that a sentence fits is its kind; what fits none has only ``changed``."""
THING = (
    r"^(?:an?|the) ((?:[\w-]+ )*?[\w-]+) "
    r"(?:became|becomes|turned|appear\w*|disappear\w*|moved|is|was|changed)"
)


@dataclass(frozen=True, slots=True)
class Said:
    """One change that was told: its kind, where (in pixels of each still), and in which words."""

    kind: Kind
    before: Box | None
    after: Box | None
    words: str


def bare_changes(eyes: Eyes, pairs: Sequence[tuple[Still, Still]], size: Size | None) -> list[list[Said]]:
    """Ask of each pair what changed.

    Parameters
    ----------
    eyes : Eyes
    pairs : sequence of (Still, Still)
    size : Size or None
        What a cell is grown to, in pixels; None to ask for no places.

    Returns
    -------
    list of list of Said
        Without boxes where the eyes do not point, or find nothing to point at.
    """
    prompts = [interleave(QUESTION, pair) for pair in pairs]
    texts = [
        answer.text
        for start in range(0, len(prompts), BATCH)
        for answer in eyes.answers(prompts[start : start + BATCH], max_new_tokens=64)
    ]
    told = [
        (index, kind, sentence, thing)
        for index, text in enumerate(texts)
        for kind, sentence, thing in changes_told(text)
    ]
    asked = [
        (entry, side, name)
        for entry, (_, kind, sentence, thing) in enumerate(told)
        for side, name in _sides(kind, sentence, thing)
    ]
    boxes = _boxes(eyes, [(pairs[told[entry][0]][side], name) for entry, side, name in asked], size)
    placed = {(entry, side): box for (entry, side, _), box in zip(asked, boxes, strict=True)}
    found: list[list[Said]] = [[] for _ in pairs]
    for entry, (index, kind, sentence, _) in enumerate(told):
        found[index].append(Said(kind, placed.get((entry, 0)), placed.get((entry, 1)), sentence))
    return found


def changes_told(text: str) -> list[tuple[Kind, str, str]]:
    """Read kinds of change from a text: (kind, the sentence, what it names or "") for each sentence."""
    found: list[tuple[Kind, str, str]] = []
    for sentence in re.split(r"[.;\n]|\band\b", text.casefold()):
        plain = " ".join(sentence.split())
        if not plain or re.search(NOTHING, plain):
            continue
        kind: Kind = next((kind for kind, pattern in WORDS.items() if re.search(pattern, plain)), "changed")
        thing = re.match(THING, plain)
        found.append((kind, plain, thing[1] if thing else ""))
    return found


def _sides(kind: Kind, sentence: str, thing: str) -> list[tuple[int, str]]:
    """Return what to point at on which side; a thing that became blue is called so afterwards."""
    after = thing
    if kind == "recoloured" and thing and (color := re.search(r"(?:became|turned) ([\w-]+)$", sentence)):
        after = f"{color[1]} {thing.split()[-1]}"
    shown = SIDES.get(kind, (True, True))
    return [(side, name) for side, name in ((0, thing), (1, after)) if shown[side] and name]


def _boxes(eyes: Eyes, asked: Sequence[tuple[Still, str]], size: Size | None) -> list[Box | None]:
    """Point at each thing on its still, and grow the cell."""
    cells = eyes.checkpoint.cells
    if cells is None or size is None or not asked:
        return [None] * len(asked)
    options = [f"{column} {row}" for column in range(cells) for row in range(cells)] + [NONE]
    choices = eyes.choose_many([[still, POINT.format(thing=name)] for still, name in asked], options)
    boxes: list[Box | None] = []
    for (still, _), choice in zip(asked, choices, strict=True):
        if choice.option == NONE:
            boxes.append(None)
            continue
        column, row = (int(word) for word in choice.option.split())
        x, y = (column + 0.5) * still.size.width / cells, (row + 0.5) * still.size.height / cells
        wide, high = size.width / 2, size.height / 2
        boxes.append(Box(x0=x - wide, y0=y - high, x1=x + wide, y1=y + high))
    return boxes
