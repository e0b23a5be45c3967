"""Page prompts: how a model is asked beside a page and its words, and how its answer is taken apart."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ..memory.page_text import PageText
from .spans import Run

BESIDE = "These are lines of text on this page, each behind its number:\n{lines}\n\n"
ASK = """Question: {question}
Answer from this page only, as briefly as it can be said, and cite the numbers of the lines that your answer \
rests on in square brackets, like [3]. If the page does not answer the question, say: {nothing}."""
ASK_JSON = """Question: {question}
Answer from this page only, as briefly as it can be said. Answer with JSON: "answer" is the answer in words, \
or "{nothing}"; "lines" are the numbers of the lines that it rests on."""
NOTHING = "not on this page"

LONGEST_ANSWER = 400
"""Characters of an answer, where its form is fixed."""

MOST_LINES = 6
"""Lines that an answer may cite, where its form is fixed."""

_NUMBERS = r"\d+(?:\s*(?:,|-|–|and|;)\s*(?:lines?\s*)?\d+)*"  # noqa: RUF001
_CITED = re.compile(rf"\s*(?:\[(?:lines?\s*)?({_NUMBERS})\]|\(lines?\s*({_NUMBERS})\))", re.I)
_RANGE = re.compile(r"(\d+)\s*[-–]\s*(\d+)")  # noqa: RUF001
WIDEST = 12
"""Lines of a range of numbers that is taken for one: "[1912-1999]" is years."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer without its citations, and the numbers of the lines that it cites."""

    text: str
    lines: tuple[int, ...]

    @property
    def nothing(self) -> bool:
        """Whether it says that the page does not answer the question."""
        plain = self.text.strip(" .\"'").casefold()
        return not plain or plain.startswith(NOTHING)


def asking(
    question: str, page: PageText, lines: Sequence[Run], kept: Collection[int], *, as_json: bool
) -> str:
    """Return the words beside a page: some of its lines, numbered from 1 among all, and the question."""
    shown = [f"[{i + 1}] {' '.join(page.text_of(*lines[i]).split())}" for i in sorted(kept)]
    form = ASK_JSON if as_json else ASK
    beside = BESIDE.format(lines="\n".join(shown)) if shown else ""
    return beside + form.format(question=question, nothing=NOTHING)


def schema(lines: int) -> dict[str, Any]:
    """Return what an answer in JSON may be: words, and numbers of lines that there are."""
    return {
        "type": "object",
        "properties": {
            "answer": {"type": "string", "maxLength": LONGEST_ANSWER},
            "lines": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": max(1, lines)},
                "maxItems": MOST_LINES,
            },
        },
        "required": ["answer", "lines"],
    }


def said(text: str, lines: int, *, as_json: bool) -> Said:
    """Take an answer apart; numbers of lines that the page does not have cite nothing."""
    if as_json:
        try:
            told = json.loads(text)
            numbers = [int(number) for number in told["lines"]]
            return Said(str(told["answer"]).strip(), _known(numbers, lines))
        except (ValueError, TypeError, KeyError):
            pass  # cut short: what there is may still hold an answer
    cited = [
        (found.group(0), _numbers(found.group(1) or found.group(2), lines)) for found in _CITED.finditer(text)
    ]
    for words, numbers in cited:
        text = text.replace(words, "" if numbers else words, 1)
    return Said(text.strip(), _known([number for _, numbers in cited for number in numbers], lines))


def _numbers(cited: str, lines: int) -> list[int]:
    """Return the numbers of a citation that are those of lines: "3, 5-7" is 3, 5, 6 and 7."""
    numbers: list[int] = []
    for piece in re.split(r",|;|\band\b", cited):
        found = [int(number) for number in re.findall(r"\d+", piece)]
        between = _RANGE.search(piece)
        if between and 0 < found[1] - found[0] < WIDEST:
            numbers += range(found[0], found[1] + 1)
        else:
            numbers += found
    return [number for number in numbers if 1 <= number <= lines]


def _known(numbers: Sequence[int], lines: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for number in numbers if 1 <= number <= lines))
