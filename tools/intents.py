"""Intents: questions that are answered better from several small looks than from one.

A sentence is recognised by its words, not by a model; what is not recognised is simply looked at whole. How
each intent is looked at is :mod:`.divide`'s matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Direction = Literal["left", "right", "above", "below"]

_THING = r"(?:the|an?) ([\w-]+(?: (?!(?:the|an?|or|it|that|which|is|lies|stands|placed)\b)[\w-]+)*?)"
"""A noun phrase behind its article."""
_RELATION = r"(?:(?:to|on) the )?(left|right) of|(above|higher than|over)|(below|lower than|beneath|under)"
_STILL = r"(?:image|picture|photo|frame|page)"
_NUMBER = r"(?:two|three|four|five|six|seven|eight|nine|ten|\d+)"
_OF = rf"of (?:the|these|those)(?: {_NUMBER})?(?: {_STILL}s)?"
_OPENING = r"(?:please|look|tell me|can you see|can you tell me|say)\b[ ,:]*"
_FILLING = r"(?: ?[:,])?(?: (?:it|that|which|is|lies|stands|placed))*"


@dataclass(frozen=True, slots=True)
class Relation:
    """Whether ``thing`` lies to one side of ``other``, in one still."""

    thing: str
    other: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Moment:
    """In which still ``thing`` is first there (``appears``), or first gone."""

    thing: str
    appears: bool


@dataclass(frozen=True, slots=True)
class First:
    """Which of two things appears first."""

    things: tuple[str, str]


@dataclass(frozen=True, slots=True)
class CountIn:
    """How many ``things`` (a plural) still ``number``, from 1, shows."""

    things: str
    number: int


@dataclass(frozen=True, slots=True)
class Most:
    """Which still shows the most ``things`` (a plural)."""

    things: str


@dataclass(frozen=True, slots=True)
class Which:
    """Which still shows ``thing``."""

    thing: str


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between the first still and the others, or only if they are ``same`` or ``different``."""

    asks: Literal["what", "same", "different"]


@dataclass(frozen=True, slots=True)
class Either:
    """Which of two answers, that ``question`` itself offers."""

    question: str
    offered: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sided:
    """What ``question`` asks of the ``thing`` that lies farthest to one ``side`` of one still."""

    question: str
    thing: str
    side: Direction


@dataclass(frozen=True, slots=True)
class Moving:
    """Which way ``thing`` moves, over frames of a video."""

    thing: str


Intent = Relation | Moment | First | CountIn | Most | Which | Change | Either | Sided | Moving


def intent(question: str, stills: int) -> Intent | None:
    """Recognise what a question is after.

    Parameters
    ----------
    question : str
        In English.
    stills : int
        How many stills it is about.

    Returns
    -------
    Intent or None
        None if the question is of no kind that small looks answer better, which most are.
    """
    text = " ".join(re.sub(r"\s+([?.!,:])", r"\1", question.casefold()).split()).rstrip(" ?.!")
    if stills == 1:
        return _relation(text) or _either(question, text) or _sided(text)
    several = _first(text) or _moment(text) or _count_in(text, stills) or _most(text)
    return several or _which(text) or _change(text) or _moving(text) or _either(question, text)


def about_the_whole(question: str) -> bool:
    """Tell whether a question is about how many, where or whether: a part of the still answers another."""
    counts, places = r"how many|number of|count|(?:is|are) there", r"where|part|point|cell"
    sides = r"left|right|above|below|near\w*|clos\w*"
    return re.search(rf"\b(?:{counts}|{places}|{sides})\b", question.casefold()) is not None


def _relation(text: str) -> Relation | None:
    plain = re.sub(rf"^(?:{_OPENING})+", "", text)
    if re.match(r"(?:what|which|who|where|how|name|count|describe|list)\b", plain):
        return None
    if " or " in plain.removesuffix("yes or no"):
        return None
    found = re.search(rf"\b{_THING}{_FILLING} (?:{_RELATION}) (?:the|an?) ([\w -]+?)(?:, yes or no)?$", text)
    if found is None:
        return None
    thing, side, above, below, other = found.groups()
    direction: Direction = "above" if above else "below" if below else "left" if side == "left" else "right"
    return Relation(thing, other, direction)


_COMES = r"(?:appears?|arrives?|comes?(?: in)?|enters?|shows? up)"
_GOES = r"(?:disappears?|leaves?|vanish(?:es)?|goes away)"


def _moment(text: str) -> Moment | None:
    if not re.search(r"\bwhen\b|\b(?:which|what|the) frame\b", text):
        return None
    pronoun = r"(?:: when does it)?"
    found = re.search(rf"\b{_THING}{pronoun} (?:first )?(?:({_COMES})|({_GOES}))(?: first| in)?$", text)
    return Moment(found[1], found[2] is not None) if found else None


def _first(text: str) -> First | None:
    if not re.search(r"\bfirst\b", text):
        return None
    found = re.search(rf"\b{_THING} or (?:the|an?) ([\w -]+?)(?:(?:[:,]| that| which| {_COMES}).*)?$", text)
    if found is None or not re.search(_COMES + "|is first", text):
        return None
    return First((found[1], found[2]))


def _count_in(text: str, stills: int) -> CountIn | None:
    place = re.search(rf"\b{_STILL} (\d+)\b", text)
    if place is None or not 1 <= int(place[1]) <= stills:
        return None
    things = re.search(
        r"\b(?:how many|number of|count)(?: the)? ([\w -]+?)(?: (?:are|is|do|does|can|in|there|you)\b|$)",
        text,
    )
    if things is None or re.match(r"of\b", things[1]):
        return None
    return CountIn(things[1], int(place[1]))


def _most(text: str) -> Most | None:
    found = re.search(
        rf"\b(?:which|what)(?: one)?(?: {_STILL}|(?: {_STILL})? {_OF})? "
        r"(?:has|shows|have|contains) (?:more|the most) ([\w -]+)$",
        text,
    )
    return Most(found[1]) if found else None


_SHOWS = r"(?:has|have|shows?|contains?|is there|do(?:es)? (?:you|i) see|can (?:you|i) see|you see)"
_SHOWN = rf"(?:{_THING}|something ([\w-]+(?: [\w-]+)?))"


def _which(text: str) -> Which | None:
    """Recognise "which (of these) has a ...?" and "in which picture is there a ...?", of a plain thing."""
    plain = re.sub(rf"^(?:{_OPENING})+", "", text)
    asked = rf"(?:(?:in|on) )?(?:which|what) (?:one(?: {_OF})?|{_STILL}(?: {_OF})?|{_OF})"
    found = re.match(rf"{asked} {_SHOWS} {_SHOWN}$", plain)
    found = found or re.match(rf"where (?:is|do you see) {_SHOWN},? in which {_STILL}$", plain)
    thing = (found[1] or found[2]) if found else None
    return None if thing is None or thing.startswith(("most ", "more ", "fewest ")) else Which(thing)


_WORD = re.compile(r"[\w']+")
_SCENERY = set(
    _WORD.findall(
        "is are was do does did has have there any anything it the two both these they them this image "
        "images picture pictures photo photos frame frames show as and or between from to in of at 1 2 "
        "first second tell me can you see please look say what which what's name"
    )
)


def _change(text: str) -> Change | None:
    """Recognise questions about the whole of all stills: beside what they ask, all words are scenery."""
    words = _WORD.findall(text.replace("not the same", "different"))
    said = [word for word in words if word not in _SCENERY]
    if len(said) != 1:
        return None
    differs = re.match(r"chang|differ", said[0]) is not None
    if re.search(r"\b(?:what|what's|name|tell me the)\b", text):
        return Change("what") if differs else None
    if differs:
        return Change("different")
    return Change("same") if said[0] in ("same", "identical", "alike") else None


def _moving(text: str) -> Moving | None:
    way = r"\b(?:which|what) (?:way|direction)\b|\bdirection of\b|\bwhere (?:does|do|did)\b"
    moves = r"(?:goes|go|moves?|moved|going|moving|heads?|heading|travels?)"
    found = re.search(rf"\b{_THING}(?: {moves}(?: to)?)?$", text)
    return Moving(found[1]) if found and re.search(way, text) else None


_SIDES: dict[str, Direction] = {
    "left": "left", "right": "right", "top": "above", "upper": "above", "bottom": "below", "lower": "below"
}  # fmt: skip


_NAMED = r"(?:which (?:one|thing|object|shape|item)|what (?:thing|object|item)|what|which|name|describe|list)"
_NAMING = rf"(?:{_OPENING})*{_NAMED}?(?: is)?[ ,:]*"
"""Asks for the thing itself."""


def _sided(text: str) -> Sided | None:
    """Recognise "what color is the left circle": of the outermost thing itself a look is sure enough."""
    sides = "|".join(_SIDES)
    found = re.search(rf"\bthe ({sides})(?:most)? ([\w-]+)\b(?! of\b)", text)
    if found is None or re.fullmatch(_NAMING, text[: found.start()] + text[found.end() :].strip()):
        return None
    if found[2] in ("of", "side", "part", "corner", "half", "edge", "or", "and"):
        return None
    asked = f"{text[: found.start()]}the {found[2]}{text[found.end() :]} ?"
    return Sided(asked, found[2], _SIDES[found[1]])


_PLAIN = {"big": "large", "little": "small"}
_PHRASE = r"(?:an?|the) ((?:(?!(?:an?|the|or|one|of)\b)[\w-]+ ?){1,3}?)(?: one)?"


def _either(question: str, text: str) -> Either | None:
    """Find what is offered on both sides of an "or", where "yes" would be no answer.

    "Is it red or blue?" is such a question; "is there a dog or a cat?", "how many are red or blue?" are not.
    """
    offers = r"\b(?:is|are|was|were) (?:it|the|this|that|these|those)\b.* or |\bwhich\b.*[,:].* or "
    if not re.search(offers, text) or re.search(r"\bhow (?:many|much)\b", text):
        return None
    found = re.search(rf"\b{_PHRASE} or {_PHRASE}$", text)
    found = found or re.search(r"([\w-]+) or (?!(?:an?|the|not)\b)([\w-]+)(?: one)?\b", text)
    if found is None or found[1] == found[2]:
        return None
    return Either(question, (_PLAIN.get(found[1], found[1]), _PLAIN.get(found[2], found[2])))
