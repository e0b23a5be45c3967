"""What a message's own words give: numbers, quotations, names and files, for the values of a form.

By the form of the words alone, as an extractive reader does: nothing is understood, and nothing is made up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import islice

_NUMBER = re.compile(r"(?<![\w./:-])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w]|[-./:]\d)")
_QUOTED = re.compile(
    r"“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|「([^」]+)」|\"([^\"]+)\"|`([^`]+)`|(?<!\w)['‘]([^'‘’]+)['’](?!\w)"  # noqa: RUF001
)
_WORD = re.compile(r"\S+")
_ADDRESS = re.compile(r"(?:https?|file)://.", re.IGNORECASE)
_SUFFIX = re.compile(r"[^.]\.[A-Za-z]\w{1,4}$")
_FOLDER = re.compile(r"(?:~|\.{1,2})?/\w|[\w.-]+/$")
_NAME = re.compile(r"[^\W\d_a-z][\w'-]*(?:,? [^\W\d_a-z][\w'-]*)*")
_VALUE = re.compile(r"\s*(?:=|:|is|of|to)?\s*(\"[^\"]*\"|'[^']*'|[^\s,;]+)", re.IGNORECASE)
_ENDINGS = ".,;:!?)]}\"'"
_AROUND = _ENDINGS + "([{"
_BEGINNING = ("", ".", "!", "?", ":", "\n")
LONGEST = 8000
"""Characters of a message that are looked through, from its end."""
MOST_TRIED = 64
"""Pieces that are tried for one value."""


Fits = Callable[[str], bool]
"""Whether a piece of a message can be the value that is looked for."""
Piece = tuple[tuple[int, int], str]
"""Where a piece of a message stands, and what it says."""


class Words:
    """The words of a message, of which each is given away once.

    Parameters
    ----------
    text : str
    """

    def __init__(self, text: str) -> None:
        self._text = text.strip()[-LONGEST:]
        self._taken = bytearray(len(self._text))

    def named(self, name: str, fits: Fits) -> str | None:
        """Return what is said to be the value of a name: "width=3", "the width is 3", "width 3"."""
        spoken = r"[\s_-]".join(map(re.escape, re.findall(r"[^\W_]+", name)))
        if not spoken:
            return None
        values = []
        for found in re.finditer(rf"(?<!\w){spoken}(?!\w)", self._text, re.IGNORECASE):
            value = _VALUE.match(self._text, found.end())
            if value and re.search(r"[=:\d\"']", value[0]):
                values.append((value.span(1), value[1].strip("\"'").rstrip(_ENDINGS)))
        return self._next(values, fits)

    def number(self, fits: Fits) -> str | None:
        """Return the next number that fits, as it is written but for commas."""
        return self._next(self._numbers, fits)

    def quoted(self, fits: Fits) -> str | None:
        """Return the next words in quotation marks."""
        return self._next(self._quotations, fits)

    def file(self, fits: Fits) -> str | None:
        """Return the next name of a file, or address, in quotation marks or not."""
        return self._next(self._files, fits)

    def name(self, fits: Fits) -> str | None:
        """Return the next name: words with capital letters that do not only begin a sentence."""
        return self._next(self._names, fits)

    def word(self, fits: Fits) -> str | None:
        """Return the next word, without the punctuation around it."""
        return self._next(self._words, fits)

    @property
    def files(self) -> list[str]:
        """All names of files, and addresses."""
        return [text for _, text in self._files]

    @cached_property
    def _numbers(self) -> list[Piece]:
        return [(found.span(), found[0].replace(",", "")) for found in _NUMBER.finditer(self._text)]

    @cached_property
    def _words(self) -> list[Piece]:
        return [(found.span(), found[0].strip(_AROUND)) for found in _WORD.finditer(self._text)]

    @cached_property
    def _quotations(self) -> list[Piece]:
        found = _QUOTED.finditer(self._text)
        return [(one.span(), next(group for group in one.groups() if group)) for one in found]

    @cached_property
    def _files(self) -> list[Piece]:
        quoted = [one for one in self._quotations if _is_file(one[1])]
        inside = bytearray(len(self._text))
        for (start, end), _ in quoted:
            inside[start:end] = b"x" * (end - start)
        bare = [one for one in self._words if _is_file(one[1]) and not any(inside[slice(*one[0])])]
        return sorted(quoted + bare)

    @cached_property
    def _names(self) -> list[Piece]:
        found = []
        for one in _NAME.finditer(self._text):
            before = self._text[max(0, one.start() - 9) : one.start()].rstrip(" \t")[-1:]
            if len(one[0].split()) > 1 or before not in _BEGINNING:
                found.append((one.span(), one[0].rstrip(_ENDINGS)))
        return found

    def _next(self, pieces: Iterable[Piece], fits: Fits) -> str | None:
        """Return the first piece that fits, of the first few that are left, and take it."""
        left = ((span, text) for span, text in pieces if text and not any(self._taken[slice(*span)]))
        for (start, end), text in islice(left, MOST_TRIED):
            if fits(text):
                self._taken[start:end] = b"x" * (end - start)
                return text
        return None


def _is_file(text: str) -> bool:
    return bool(_ADDRESS.match(text) or _SUFFIX.search(text) or _FOLDER.match(text))
