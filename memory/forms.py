"""Forms: what a page may write for the words of a question, where there is little room.

Tables and plots abbreviate: "coef" is a coefficient, "chisq" the chi square, "se" the standard error, "F" is
for women, and whom texts call eight are 8 in numbers. A form counts less than the word itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

SHORTENED, JOINED, INITIALS, NUMBER, SAME, LETTER = 0.7, 0.8, 0.6, 0.6, 0.8, 0.4
"""How far a form stands for words: the beginning of one, that of two written as one, their first letters, a
number in figures, another word for the same, its first letter."""

LEAST, LEAST_JOINED = 4, 5
"""Letters of the beginning of a word, and of two, at least."""

_PERSONS = {
    **dict.fromkeys(("women", "woman", "femal"), ("femal", "f")),
    **dict.fromkeys(("men", "man", "male"), ("male", "m")),
}
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        re.findall(r"\w+", "zero one two three four five six seven eight nine ten eleven twelv")
    )
}

Forms = dict[str, list[tuple[int, float]]]
"""By form, the places of the terms that it stands for, and how far it does."""


def forms_of(terms: Sequence[str]) -> Forms:
    """Return what stands for terms of a question, given in its order: they themselves, and shorter forms.

    Examples
    --------
    >>> forms = forms_of(["standard", "error"])
    >>> forms["error"], forms["se"]
    ([(1, 1.0)], [(0, 0.6), (1, 0.6)])
    """
    forms: dict[str, dict[int, float]] = {}

    def put(form: str, far: float, *places: int) -> None:
        known = forms.setdefault(form, {})
        for place in places:
            known[place] = max(known.get(place, 0.0), far)

    for place, term in enumerate(terms):
        for length in range(max(LEAST, len(term) // 2 - 1), len(term) * term.isalpha()):
            put(term[:length], SHORTENED, place)
        for other in _PERSONS.get(term, ()):
            put(other, SAME if len(other) > 1 else LETTER, place)
        if term in _NUMBERS:
            put(_NUMBERS[term], NUMBER, place)
    for place, (first, second) in enumerate(pairwise(terms)):
        both = first + second
        for length in range(max(LEAST_JOINED, len(first) + 1), (len(both) + 1) * both.isalpha()):
            put(both[:length], JOINED, place, place + 1)
    for count in (2, 3):
        for place in range(len(terms) - count + 1):
            some = terms[place : place + count]
            if "".join(some).isalpha():
                put("".join(term[0] for term in some), INITIALS, *range(place, place + count))
    for place, term in enumerate(terms):
        forms[term] = {place: 1.0}  # the word itself is no form of another
    return {form: list(stands.items()) for form, stands in forms.items()}
