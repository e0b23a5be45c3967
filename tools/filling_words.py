"""What a message's own words give: numbers, quotations, names and files, for the values of a form.

By the form of the words alone, as an extractive reader does: nothing is understood, and nothing is made up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

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
LONGEST = 20_000
"""Characters of a message that are looked through, from its end."""


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
        self.text = text.strip()
        self._searched = self.text[-LONGEST:]
        self._taken: list[tuple[int, int]] = []

    def named(self, name: str, fits: Fits) -> str | None:
        """Return what is said to be the value of a name: "width=3", "the width is 3", "width 3"."""
        spoken = r"[\s_-]".join(map(re.escape, re.findall(r"[^\W_]+", name)))
        if not spoken:
            return None
        for found in re.finditer(rf"(?<!\w){spoken}(?!\w)", self._searched, re.IGNORECASE):
            value = _VALUE.match(self._searched, found.end())
            if value and self._free(value.span(1)) and re.search(r"[=:\d\"']", value[0]):
                text = value[1].strip("\"'").rstrip(_ENDINGS)
                if text and fits(text):
                    self._taken.append(value.span(1))
                    return text
        return None

    def number(self, fits: Fits) -> str | None:
        """Return the next number that fits, as it is written but for commas."""
        return self._next(((found.span(), found[0].replace(",", "")) for found in self._each(_NUMBER)), fits)

    def quoted(self, fits: Fits) -> str | None:
        """Return the next words in quotation marks."""
        return self._next(self._quotations(), fits)

    def file(self, fits: Fits) -> str | None:
        """Return the next name of a file, or address, in quotation marks or not."""
        quoted = [one for one in self._quotations() if _is_file(one[1])]
        bare = [(found.span(), found[0].strip(_AROUND)) for found in self._each(_WORD)]
        named = [one for one in bare if _is_file(one[1])]
        apart = [one for one in named if not any(q[0][0] < one[0][1] and one[0][0] < q[0][1] for q in quoted)]
        return self._next(sorted(quoted + apart), fits)

    def name(self, fits: Fits) -> str | None:
        """Return the next name: words with capital letters that do not only begin a sentence."""
        return self._next(self._names(), fits)

    def word(self, fits: Fits) -> str | None:
        """Return the next word, without the punctuation around it."""
        return self._next(((found.span(), found[0].strip(_AROUND)) for found in self._each(_WORD)), fits)

    def _quotations(self) -> Iterator[Piece]:
        for found in self._each(_QUOTED):
            yield found.span(), next(group for group in found.groups() if group)

    def _names(self) -> Iterator[Piece]:
        for found in self._each(_NAME):
            before = self._searched[: found.start()].rstrip(" \t")[-1:]
            if len(found[0].split()) > 1 or before not in _BEGINNING:
                yield found.span(), found[0].rstrip(_ENDINGS)

    def _next(self, pieces: Iterable[Piece], fits: Fits) -> str | None:
        """Return the first piece that fits, and take it."""
        for span, text in pieces:
            if text and fits(text):
                self._taken.append(span)
                return text
        return None

    def _each(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        return (found for found in pattern.finditer(self._searched) if self._free(found.span()))

    def _free(self, span: tuple[int, int]) -> bool:
        return all(span[1] <= start or end <= span[0] for start, end in self._taken)


def _is_file(text: str) -> bool:
    return bool(_ADDRESS.match(text) or _SUFFIX.search(text) or _FOLDER.match(text))
