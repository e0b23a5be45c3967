"""Questions about videos: what to search for, what kind of answer is wanted, and how many are asked at once.

A sentence is recognised by its words, in English, not by a model; one of no known kind is searched for as it
stands and looked at like any other.
"""

from __future__ import annotations

import re
from typing import Literal

from .intents import Moment, Moving, intent
from .small_looks import article

Kind = Literal["when", "motion", "there", "source", "look"]
"""What is wanted: a time, a direction, whether something is there, in which video, or what a look tells."""

_VIDEO = r"(?:video|clip|film|movie|recording|footage|file|stream)s?"
_SCOPE = re.compile(
    rf",? ?\b(?:(?:in|of|from|on|during) (?:the|this|that|these|any|my)(?: whole)? {_VIDEO}|ever|anywhere)\b",
    re.IGNORECASE,
)
_SOURCE = re.compile(rf"(?:\b(?:in|on|of) )?\b(?:which|what) (?:of the )?{_VIDEO}\b")
_WHEN = re.compile(
    r"(?:(?:please|tell me|can you tell me|say|do you know)\b[ ,:]*)*"
    r"(?:when\b|(?:at|in) (?:what|which) (?:time|moment|second|minute|frame)\b)"
)
_THERE = re.compile(
    r"^(?:is|are|was|were) there\b|^(?:do(?:es)?|did|has|have|can) .*\b(?:appear|show|seen|see|contain)\b"
)
_NOT = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|there|or|that|which|of|in|on|at|from|to|when|while|before|after|"
    r"left|right|above|below|next|beside|near|and|with|together|an?|the|you|it|show|first|"
    r"(?:say|appear|disappear|arrive|come|leave|vanish|enter|move|head|travel|happen|write|look|go)(?:s|es|ing)?)\b"
)
_THING = re.compile(rf"\b(?:the|an?|any|some|how many) ((?!{_NOT})[\w-]+(?: (?!{_NOT})[\w-]+)*)")
_ASKED = (
    "time",
    "moment",
    "frame",
    "direction",
    "way",
    "color",
    "colour",
    "shape",
    "size",
    "number",
    "kind",
    *_VIDEO[3:-3].split("|"),
)
"""Nouns of a question that name no thing to be seen."""
NOT_FOUND = "there is none"
"""The answer where nothing of the kind was found."""
LONGEST_NAME = 4
"""Words of what is searched for without a question, up to which it names one thing."""
_ANYTHING = ("object", "shape", "item", "one")
"""Nouns that say no more than "thing"."""
_CLAUSE = re.compile(r",? and (?=(?:when|where|what|which|who|why|how|is|are|does|do|did)\b)", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:it|they|she|he)\b", re.IGNORECASE)


def split(question: str) -> tuple[str, ...]:
    """Part a question that asks for several things, each part complete in itself.

    Examples
    --------
    >>> split("When does the blue square appear, and where does it go?")
    ('When does the blue square appear?', 'where does the blue square go?')
    """
    parts = [part.strip(" ,") for part in _CLAUSE.split(question)]
    if len(parts) == 1:
        return (question,)
    meant = things(parts[0])
    name = f"the {meant[0]}" if meant else "it"
    whole = [part if part.endswith(("?", ".")) else f"{part}?" for part in parts]
    return (whole[0], *(_PRONOUN.sub(name, part, count=1) for part in whole[1:]))


def kind(question: str) -> Kind:
    """Tell what kind of answer a question about videos wants."""
    text = plain(question)
    if _SOURCE.search(text):
        return "source"
    goal = intent(text, 2)
    if isinstance(goal, Moment) or _WHEN.match(text):
        return "when"
    if isinstance(goal, Moving):
        return "motion"
    return "there" if _THERE.search(text) else "look"


def appears(question: str) -> bool:
    """Tell whether a "when" asks for the beginning of something, not for its end."""
    goal = intent(plain(question), 2)
    return not isinstance(goal, Moment) or goal.appears


def plain(question: str) -> str:
    """Return a question in small letters, without its end and without "in the video"."""
    return _SCOPE.sub("", " ".join(question.casefold().split()).rstrip(" ?.!")).strip()


def of_stills(question: str) -> str:
    """Return a question as it is put to stills: without "in the video"."""
    return " ".join(_SCOPE.sub("", question).split())


def things(question: str) -> tuple[str, ...]:
    """Return what has to be seen to answer a question, without articles; nothing where no thing is named.

    Examples
    --------
    >>> things("What color is the star?"), things("a red circle next to a star")
    (('star',), ('red circle', 'star'))
    """
    text = _SOURCE.sub("", plain(question)).strip()
    found = [name for name in _THING.findall(text) if name not in _ASKED]
    if not found and not question.rstrip().endswith("?") and len(text.split()) <= LONGEST_NAME:
        found = [text]  # words to search for, no question
    return tuple(dict.fromkeys(name for name in found if name))


def query(question: str) -> str:
    """Return what to search a memory for: the things that the question names, or all of its words.

    Examples
    --------
    >>> query("When does the blue square appear?"), query("a red circle next to a star")
    ('a blue square', 'a red circle and a star')
    """
    return " and ".join(map(named, things(question))) or plain(question)


def named(name: str) -> str:
    """Return one thing of a name, with its article: "red rings" are looked for as "a red ring"."""
    if name.endswith(("sses", "xes", "ches", "shes")):
        name = name[:-2]
    elif name.endswith("s") and not name.endswith("ss"):
        name = name[:-1]
    *kind, noun = name.split()
    return article(" ".join([*kind, "thing" if kind and noun in _ANYTHING else noun]))


def written(name: str) -> bool:
    """Tell whether a name means something to be read."""
    return name.split()[-1].removesuffix("s") in (
        "sign",
        "word",
        "text",
        "writing",
        "letter",
        "label",
        "number",
    )
