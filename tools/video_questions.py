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
_SOURCE = re.compile(rf"(?:\b(?:in|on|of) )?\b(?:which|what)(?: of (?:the|these|those|my))? {_VIDEO}\b")
_WHEN = re.compile(
    r"(?:(?:please|tell me|can you tell me|say|do you know)\b[ ,:]*)*"
    r"(?:when\b|(?:at|in) (?:what|which) (?:time|moment|second|minute|frame)\b)"
)
_THERE = re.compile(
    r"^(?:is|are|was|were) there\b|^(?:do(?:es)?|did|has|have|can) .*\b(?:appear|show|seen|see|contain)\b"
)
_EDGE = re.compile(
    r"\b(?:(appears?|arrives?|comes?|enters?|shows? up|starts?|begins?)|disappears?|vanish(?:es)?|leaves?|"
    r"exits?|departs?|(?:goes?|drives?|walks?|runs?|flies|fly|moves?) (?:away|off|out)|gone|ends?|"
    r"(?:has|have|had)\b[\w ]* left|last (?:seen|shown|visible|appears?))\b"
)
"""Words for a beginning (the group) and for an end."""
_NOT = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|there|or|that|which|who|whose|of|in|on|at|by|to|for|"
    r"from|into|with|when|while|before|after|left|right|above|below|next|beside|near|and|together|an?|the|you|it|"
    r"he|she|they|we|i|show|first|last|any|some|"
    r"(?:say|appear|disappear|arrive|come|leave|vanish|enter|move|head|travel|happen|write|look|go|see)(?:s|es|ing)?)\b"
)
"""Words that are no part of a thing's name."""
_VERB = (
    r"(?:be|been|being|seen|shown|visible|gone|here|away|doing|stop(?! sign)|cross(?= (?:an?|the)\b)|"
    r"(?:start|begin|end|walk|run|ride|drive|fly|swim|jump|fall|turn|pass|sit|stand|lie|wear|hold|carry|get|"
    rf"take|stay|eat|talk|throw|kick|catch|pick|put|reach|return)(?:e?s|n?ing(?= {_NOT}|$))?)\b"
)
"""Words that end a thing's name, though one may begin with them: "a running shoe", but "the man runs"."""
_COUNT = r"first|second|third|last|other|same|one|two|three|four|five|six|seven|eight|nine|ten|\d+"
_WORD = r"(?:black and white|[\w-]+)"
_ANY = (
    r"(?:\b(?:the|an?|any|some|no|how many)|"
    r"^(?:are|were) there|^(?:can|do|does|did) .{1,30}? (?:see|show|contain))"
)
_THING = re.compile(
    rf"{_ANY}(?: (?:{_COUNT})(?! {_NOT}|$))* ((?!{_NOT}){_WORD}(?: (?!{_NOT}|{_VERB}){_WORD})*)"
)
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
SHORTEST_QUESTION = 3
"""Words of a part from which it is a question of its own: "when and where does it go?" is one."""
LONGEST_NAME = 4
"""Words of what is searched for without a question, up to which it names one thing."""
_ANYTHING = ("object", "shape", "item", "one")
"""Nouns that say no more than "thing"."""
_SENTENCE = re.compile(
    r"(?:what|when|where|which|who|why|how|is|are|was|were|do|does|did|can|could|has|have|had|will|describe|"
    r"summari[sz]e|tell|name|list|explain|count|read)\b"
)
"""How sentences begin that are no name of a thing."""
_SEEK = re.compile(r"^(?:please )?(?:find|show(?: me)?|search(?: for)?|look for|locate)\b ?")
_CLAUSE = re.compile(
    r",? and (?=(?:when|where|what|which|who|why|how)\b|"
    r"(?:is|are|was|were|does|do|did) (?:the|an?|any|it|its|they|he|she|there|this|that|these|those|you)\b)",
    re.IGNORECASE,
)
_PLURALS = {"people": "person", "men": "man", "women": "woman", "children": "child", "buses": "bus"}
_PRONOUN = re.compile(r"\b(?:it|they|she|he)\b", re.IGNORECASE)


def split(question: str) -> tuple[str, ...]:
    """Part a question that asks for several things, each part complete in itself.

    Examples
    --------
    >>> split("When does the blue square appear, and where does it go?")
    ('When does the blue square appear?', 'where does the blue square go?')
    """
    parts = [part.strip(" ,") for part in _CLAUSE.split(question)]
    if len(parts) == 1 or any(len(part.split()) < SHORTEST_QUESTION for part in parts):
        return (question,)
    whole = [part if part.endswith(("?", ".")) else f"{part}?" for part in parts]
    if meant := things(parts[0]):
        whole[1:] = [_PRONOUN.sub(lambda _: f"the {meant[0]}", part, count=1) for part in whole[1:]]
    return tuple(whole)


def kind(question: str) -> Kind:
    """Tell what kind of answer a question about videos wants."""
    text = plain(question)
    if _SOURCE.search(_folded(question)):
        return "source"
    goal = intent(text, 2)
    if isinstance(goal, Moment) or _WHEN.match(text):
        return "when"
    if isinstance(goal, Moving):
        return "motion"
    return "there" if _THERE.search(text) else "look"


def appears(question: str) -> bool:
    """Tell whether a "when" asks for the beginning of something, not for its end."""
    edge = _EDGE.search(plain(question))
    return edge is None or edge[1] is not None


def plain(question: str) -> str:
    """Return a question in small letters, without its end and without "in the video"."""
    return _SCOPE.sub("", _folded(question)).strip()


def _folded(question: str) -> str:
    return " ".join(question.casefold().split()).rstrip(" ?.!")


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
    text = _SEEK.sub("", _SOURCE.sub("", plain(question)).strip())
    named_so = _THING.findall(text)
    if not named_so and not question.rstrip().endswith("?") and not _SENTENCE.match(text):
        named_so = [text] if 0 < len(text.split()) <= LONGEST_NAME else []  # words to search for, no question
    return tuple(dict.fromkeys(name for name in named_so if name not in _ASKED))


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
    return article(singular(name))


def singular(name: str) -> str:
    """Return one thing of a name: "red rings" are looked for as "red ring"."""
    *kind, noun = name.split()
    noun = _singular(noun)
    return " ".join([*kind, "thing" if kind and noun in _ANYTHING else noun])


def _singular(noun: str) -> str:
    if noun in _PLURALS:
        return _PLURALS[noun]
    if noun.endswith("ies") and len(noun) > len("ties"):
        return f"{noun[:-3]}y"
    if noun.endswith(("sses", "xes", "ches", "shes")):
        return noun[:-2]
    plural = len(noun) > 2 and noun.endswith("s") and not noun.endswith(("ss", "us", "is"))
    return noun[:-1] if plural else noun


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
