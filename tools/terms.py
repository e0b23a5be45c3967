"""Terms: words as they are compared, a question's with a page's.

Words differ in case, in endings, and in how much of them a table has room for: "coefficient" heads a column
as "coef", "standard error" as "se" or "std.err", and what is asked about "males" stands in a row "sex=M".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

_EDGES = " \t\n\"'`´“”‘’„«»?!,.;:…•·*"  # noqa: RUF001
_PART = re.compile(r"[^\W_]+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a about all an and any are as at be been but by can could did do does for from give given had has"
        " have how i if in into is it its may me many much of on or our shall should so some tell than"
        " that the their them there these they this those to us was we were what when where which while who"
        " whom whose why will with would you your",
    )
)
"""Words of English that say how something is asked, and not what about. Of another language's words those
that say nothing are found on most lines, and so weigh little. A search leaves out more: "not", "more" and
"over" are on every page, but tell its sentences apart (of 100 practice questions, one more is read right)."""

_PREPOSITIONS = frozenset(
    re.findall(r"\w+", "of in for at to with from on by when if that under over between among")
)

_ASKING = (frozenset(("what", "which", "how")), frozenset(("who", "whom", "whose", "when", "where", "why")))
"""Words that ask; "when" only where there is no "what", as in "When moved, what does it weigh?"."""
_AUXILIARIES = frozenset(
    re.findall(r"\w+", "is are was were do does did can could has have had will would should may might must")
)
_LEADING = _AUXILIARIES | frozenset(re.findall(r"\w+", "the a an many much"))
"""What may stand between such a word and what is asked for."""

_ENDINGS = (
    "ations", "ation", "ments", "ment", "ingly", "edly", "ions", "ings", "ness", "ion", "ing", "ies", "ied",
    "ers", "als", "ed", "es", "er", "ly", "al", "s", "e", "y",
)  # fmt: skip
_NUMBERS = {
    word: str(number)
    for number, words in enumerate(
        re.findall(
            r"\S+",
            "zero one/first two/second three/third four/fourth five/fifth six/sixth seven/seventh"
            " eight/eighth nine/ninth ten/tenth eleven/eleventh twelve/twelfth",
        )
    )
    for word in words.split("/")
}
_PERSONS = {
    **dict.fromkeys(("men", "man", "male", "males"), "male"),
    **dict.fromkeys(("women", "woman", "female", "females"), "female"),
}
"""What tables call people whom questions call so."""
_LETTERED = frozenset(_PERSONS.values())
_OPPOSITES = ({"male", "m"}, {"female", "f"})
"""What tables call people by a letter: "sex=M"."""
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_DECIMAL = re.compile(r"\d[\d,]*(?:\.\d+)?")
LARGEST = 1e15
"""Whole numbers up to here are exact as floats."""

LEAST_STEM = 3
"""Letters that an ending leaves of a word."""

ABBREVIATED, SHORTENED, INITIALS, LETTER, PIECE = 0.7, 0.5, 0.6, 0.35, 0.85
"""How far a word is another that it begins ("coef", "coefficient"), whose letters it takes some of ("chisq"),
of whose neighbours it has the first letters ("se"), whose first letter it is ("M"), or a piece of which it
is ("n.risk" of "risk"). The same word counts 1."""

COMPOUND = 5
"""Letters of a word that may stand for two of the question's: "loglik" for "log likelihood"."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word, without what surrounds it, and the stems of the pieces it is made of."""

    word: str
    stems: tuple[str, ...]


def folded(text: str) -> str:
    """Return text in lower case, ligatures taken apart, without soft hyphens and control characters."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").casefold()
    return "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Cc") or c in "\n\t")


@lru_cache(maxsize=1 << 16)
def term(word: str) -> Term:
    """Return a word of a page or of a question as it is compared."""
    plain = folded(word).strip(_EDGES)
    for opening, closing in ("()", "[]", "{}"):
        if plain.startswith(opening) and closing not in plain[:-1] and plain.count(opening) == 1:
            plain = plain.strip(opening + closing)
        elif plain.endswith(closing) and opening not in plain:
            plain = plain.strip(closing)
    plain = plain.strip(_EDGES)
    pieces = _PART.findall(plain)
    if _DECIMAL.fullmatch(plain):
        return Term(plain, (_number(plain),))
    return Term(plain, tuple(stem(piece) for piece in pieces))


def _number(word: str) -> str:
    """Return a number as it is compared: 1.0 is 1, and so is 1st."""
    value = float(word.replace(",", ""))
    return str(int(value)) if value.is_integer() and abs(value) < LARGEST else repr(value)


def stem(word: str) -> str:
    """Return a word without its ending, so that "events" is "event", and "created" is "creates"."""
    if word in _NUMBERS:
        return _NUMBERS[word]
    if word in _PERSONS:
        return _PERSONS[word]
    if not word.isalpha():
        ordinal = _ORDINAL.fullmatch(word)
        return ordinal.group(1) if ordinal else word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= LEAST_STEM:
            left = word.removesuffix(ending)
            return left[:-1] if len(left) > LEAST_STEM + 1 and left[-1] == left[-2] else left
    return word


def asked_terms(question: str) -> tuple[Term, ...]:
    """Return what a question is about, each word once; all its words where none says anything."""
    words = [found for word in question.split() if (found := term(word)).stems]
    telling = [found for found in words if found.word not in _STOP]
    # A page may tell of "ctype" and of its values apart.
    apart = [term(piece) for found in telling for piece in found.word.split("=") if "=" in found.word]
    names = [piece for piece in apart if piece.stems and not _DECIMAL.fullmatch(piece.word)]
    return tuple(dict.fromkeys([*telling, *names] or words))


def focus(question: str) -> tuple[int, ...]:
    """Return which terms say what is asked for: "median" of "What is the median of ...".

    They stand behind "what", "which" or "how many", and before what tells more of it: "street" of "In which
    street is ...". Of a question without such a word, they are those before its first preposition.
    """
    words = question.split()
    plain = [word.casefold().strip(_EDGES) for word in words]
    first = next((plain.index(word) for some in _ASKING for word in plain if word in some), -1) + 1
    while 0 < first < len(words) and plain[first] in _LEADING:
        first += 1
    stops = _PREPOSITIONS | _AUXILIARIES if first else _PREPOSITIONS
    last = next((i for i in range(max(first + 1, 2), len(words)) if plain[i] in stops), len(words))
    asked = asked_terms(question)
    among = {term(word) for word in words[first:last]}
    return tuple(i for i, one in enumerate(asked) if one in among)


def _compounds(asked: Sequence[Term]) -> dict[tuple[int, int], str]:
    """Return each two near terms in one word, as a table may write them, by the terms' places."""
    return {
        (i, k): "".join((*asked[i].stems, *asked[k].stems))
        for i, k in combinations(range(len(asked)), 2)
        if k - i <= 2 and asked[i].word.isalpha() and asked[k].word.isalpha()
    }


def initials(question: str) -> dict[str, tuple[int, ...]]:
    """Return the first letters of two to four neighbouring terms, with the terms' places."""
    words = [found.word for found in asked_terms(question)]
    pieces = [(place, piece) for place, word in enumerate(words) for piece in _PART.findall(word)]
    return {
        "".join(piece[0] for _, piece in pieces[start : start + length]): tuple(
            place for place, _ in pieces[start : start + length]
        )
        for length in (4, 3, 2)
        for start in range(len(pieces) - length + 1)
    }


@lru_cache(maxsize=1 << 16)
def likeness(asked: Term, there: Term) -> float:
    """Say how far a word of a page is one of the question, 0..1."""
    if not asked.stems or not there.stems:
        return 0.0
    if asked.word == there.word or asked.stems == there.stems:
        return 1.0
    if _numbers(asked) and _numbers(there) and not _numbers(asked) & _numbers(there):
        return 0.0  # "resid=1" is not a little "resid=2"
    if len(asked.stems) > 1 and (far := _alike("".join(asked.stems), "".join(there.stems))) > 0:
        return far
    lettered = [other for other in there.stems if len(other) > 1 or asked.stems[0] in _LETTERED]
    if len(there.stems) > 1 and len(asked.stems) == 1:
        there = Term(there.word, (*lettered, there.stems[0]))  # "M" of "sex=M" is no "median"
    found = sum(max(_alike(one, other) for other in there.stems) for one in asked.stems)
    return PIECE * found / len(asked.stems) if len(there.stems) > 1 or len(asked.stems) > 1 else found


def _numbers(one: Term) -> set[str]:
    return {piece for piece in one.stems if piece[0].isdigit()}


def contradicts(asked: Term, there: Term) -> bool:
    """Tell whether two words name others of one kind: "resid=1" and "resid=2", "male" and "sex=F"."""
    for mine, others in (_OPPOSITES, _OPPOSITES[::-1]):
        if mine & set(asked.stems) & _LETTERED and others & set(there.stems) and not mine & set(there.stems):
            return True
    one, other = _numbers(asked), _numbers(there)
    kinds = set(asked.stems) - one, set(there.stems) - other
    return bool(one and other and kinds[0]) and kinds[0] == kinds[1] and not one & other


def is_of_kind(one: Term) -> bool:
    """Tell whether a word may contradict another, see :func:`contradicts`."""
    return bool(_numbers(one) or set(one.stems) & _LETTERED)


def _alike(asked: str, there: str) -> float:
    if asked == there:
        return 1.0
    if not (asked.isalpha() and there.isalpha()):
        return 0.0
    if len(asked) == 1 and len(there) == 2:
        return LETTER if there[0] == asked else 0.0  # "p" of "Pr"
    if len(asked) <= len(there):
        return 0.0
    if asked[0] != there[0] or len(asked) < 4:
        return 0.0
    if len(there) >= 3:
        if asked.startswith(there):
            return ABBREVIATED
        return SHORTENED if len(there) < 6 and _within(there, asked) else 0.0
    return LETTER if len(there) == 1 else 0.0


def _within(short: str, long: str) -> bool:
    """Tell whether the letters of ``short`` are some of ``long`` in their order, as of an abbreviation.

    What it leaves out is behind a beginning of three letters, or all its vowels but those at the beginning:
    "chisq" and "avg" are such, "press" is none of "processor".
    """
    same = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    rest = iter(long)
    return (same >= LEAST_STEM or not set(short[same:]) & set("aeiou")) and all(c in rest for c in short)


def strengths(question: str, words: Sequence[str]) -> list[dict[int, float]]:
    """Return for each word of a page which terms of the question it is, and how far."""
    asked, first_letters = asked_terms(question), initials(question)
    compounds = _compounds(asked)
    known: dict[str, dict[int, float]] = {}
    for word in set(words):
        there = term(word)
        found = {i: far for i, one in enumerate(asked) if (far := likeness(one, there)) > 0}
        for both, letters in compounds.items():
            long = [piece for piece in there.stems if len(piece) >= COMPOUND]
            far = max((_alike(letters, piece) for piece in long), default=0.0)
            for place in both if far > 0 else ():
                found[place] = max(found.get(place, 0.0), far)
        for piece in _PART.findall(there.word):
            for place in first_letters.get(piece, ()):
                found[place] = max(found.get(place, 0.0), INITIALS)
        known[word] = found
    return [known[word] for word in words]
