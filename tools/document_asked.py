"""Questions about documents, and what makes an answer and a cited box right.

A question knows the pages and boxes that answer it. An answer is right if it holds the
right value, however that is written; a cited box is right if it shares with the true one at least half of the
smaller of the two, on the right page: a cell is right where the truth is its row, or the other way round.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..memory import Box
from ..memory.page_text import shared

SHARED = 0.5
"""Share of the smaller of two boxes that must lie in the other for them to overlap."""

_NUMBER = re.compile(r"(?<![\w.])-?(?:\d+(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?(?![\w]|\.\d)")
_NAMES = {
    name: str(number)
    for number, name in enumerate(
        re.findall(r"\w+", "zero one two three four five six seven eight nine ten eleven twelve")
    )
}
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")  # noqa: RUF001
LIGATURES = re.compile("ffi|ffl|ff|fi|fl")
"""Glyphs that fonts of old TeX have no Unicode for, so that text layers leave them out."""


class Place(NamedTuple):
    """Where a question is answered: name of a file, page from 1, and box in pixels of the page at 144 dpi."""

    document: str
    page: int
    box: Box


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about documents.

    Parameters
    ----------
    question : str
    kind : str
        What it is about, such as "table" or "figure".
    places : tuple of Place
        Where it is answered, each for itself; none if nothing answers it.
    answers : tuple of str
        The right ones, each for itself.
    """

    question: str
    kind: str = ""
    places: tuple[Place, ...] = ()
    answers: tuple[str, ...] = ()

    def right(self, text: str) -> bool:
        """Tell whether a text holds a right answer."""
        return any(says(text, answer) for answer in self.answers)

    def there(self, document: str, page: int) -> bool:
        """Tell whether a page answers it."""
        return any((document, page) == place[:2] for place in self.places)


@dataclass(frozen=True, slots=True)
class Cited:
    """A box that an answer cites, and what checking it said."""

    document: str
    page: int
    box: Box
    verdict: str = "unverified"

    def overlaps(self, asked: Asked, least: float = SHARED) -> bool:
        """Tell whether it shares anything, and at least ``least`` of the smaller box, with a true one."""
        places = [place for place in asked.places if place[:2] == (self.document, self.page)]
        return any(0 < shared(self.box, place.box) >= least for place in places)


def load(path: Path) -> list[Asked]:
    """Read questions.

    Raises
    ------
    InputError
        If the file is missing or holds no questions.
    """
    try:
        return [_asked(one) for one in json.loads(path.read_text(encoding="utf-8"))["questions"]]
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read ({error.strerror}): the questions come with the repository, and are "
            "no part of the installed package.",
            input=str(path),
        ) from None
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} holds no questions: {error!r}.", input=str(path)) from None


def _asked(told: dict[str, Any]) -> Asked:
    """Return a question of a file; one that nothing answers has no box."""
    places = [told, *told["also"]] if "box" in told else []
    return Asked(
        told["question"],
        told.get("kind", ""),
        tuple(Place(one["document"], one["page"], _box(one["box"])) for one in places),
        tuple(told.get("answer", ())),
    )


def _box(corners: Sequence[float]) -> Box:
    x0, y0, x1, y1 = corners
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


# --- boxes --------------------------------------------------------------------------------------------


# --- answers ------------------------------------------------------------------------------------------


def says(text: str, answer: str) -> bool:
    """Tell whether a text holds an answer.

    Yes and no are held if the text begins so; a number, if some number of the text equals it, whatever its
    unit; words, if they occur one after the other. Case, kinds of dashes and quotes, commas of thousands and
    number words do not matter, nor do ligatures that a text layer does not know ("rst" for "first").
    """
    wanted, told = plain(answer), plain(text)
    if not wanted:
        return False
    if wanted in ("yes", "no"):
        return _words(told).split(" ", 1)[0] == wanted
    value = wanted.rstrip("%").strip()
    if _NUMBER.fullmatch(value):
        return any(float(found) == float(value) for found in _NUMBER.findall(told))
    if _in(_words(wanted), _words(told)):
        return True
    return _in(LIGATURES.sub("", _words(wanted)), LIGATURES.sub("", _words(told)))


def plain(text: str) -> str:
    """Return a text as it is compared: small letters, one kind of dash, plain numbers."""
    text = unicodedata.normalize("NFKC", text).translate(_DASHES).casefold()
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"(?<![\w-])[a-z]+(?![\w-])", lambda word: _NAMES.get(word[0], word[0]), text)
    return " ".join(text.split())


def _words(text: str) -> str:
    """Return words and numbers with one space between them; what stands between them does not matter."""
    return " ".join(re.findall(r"-?\d+(?:\.\d+)?|[^\W\d]+", text))


def _in(wanted: str, told: str) -> bool:
    return bool(wanted) and f" {wanted} " in f" {told} "


def mean(values: Sequence[float | bool]) -> float | None:
    """Return the mean to four digits; None of nothing."""
    return round(sum(values) / len(values), 4) if values else None
