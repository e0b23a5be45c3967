"""How the questions of the pocket worlds are worded.

Every kind of question has patterns to train on and patterns that are held out, for the test set alone: those
of :mod:`.patterns`.
"""

from __future__ import annotations

import random
import re

from .patterns import HELD_OUT, TRAINED

_THINGS = "[things|objects|shapes|items]"
_THING = "[thing|object|shape|item]"
_PICTURE = "[picture|image|photo]"
_OPENING = ("", "", "", "", "please : ", "tell me , ", "can you see , ", "look : ")

RELATIONS = {
    "left": ("left of", "to the left of"),
    "right": ("right of", "to the right of"),
    "above": ("above", "higher than"),
    "below": ("below", "lower than"),
}
EXTREMES = {
    "left": ("leftmost", "furthest left"),
    "right": ("rightmost", "furthest right"),
    "top": ("highest", "topmost"),
    "bottom": ("lowest", "bottom"),
}
EXTRA_WORDS = ("an", "one", "thing", "moves", "appears", "disappears", "none", "nothing")
"""Words that answers and users need and no pattern has."""


def fill(pattern: str, rng: random.Random, **slots: str) -> str:
    """Make one sentence of a pattern.

    Parameters
    ----------
    pattern : a value of TRAINED or HELD_OUT; THINGS, THING, PICTURES and PICTURE stand for their synonyms
    rng : makes the choices
    slots : what to put where the pattern has ``{name}``
    """
    text = (
        pattern.replace("THINGS", _THINGS)
        .replace("THING", _THING)
        .replace("PICTURES", "[pictures|images|photos]")
    )
    text = text.replace("PICTURE", _PICTURE)
    text = re.sub(r"\[([^]]*)\]", lambda m: rng.choice(m[1].split("|")), text)
    return an(text.format(**slots))


def an(text: str) -> str:
    """Say "an orange", whatever the pattern says."""
    return re.sub(r"\ba orange", "an orange", text)


def ask(kind: str, rng: random.Random, held_out: bool = False, **slots: str) -> str:
    """Word a question of a kind; one in five lacks its last mark, as people leave it out.

    Parameters
    ----------
    kind : a key of TRAINED
    rng : chooses pattern and words
    held_out : choose among the held-out patterns
    slots : what the patterns of this kind ask for, such as ``x="red circle"``
    """
    text = rng.choice(_OPENING) * (not held_out) + fill(
        rng.choice((HELD_OUT if held_out else TRAINED)[kind]), rng, **slots
    )
    return text if rng.random() < 0.8 else text[:-2]


def words(patterns: dict[str, tuple[str, ...]]) -> set[str]:
    """Collect every word that a set of patterns can produce, slots aside."""
    text = " ".join(p for many in patterns.values() for p in many) + " ".join(_OPENING)
    text = (
        text.replace("PICTURES", "pictures images photos")
        .replace("PICTURE", _PICTURE)
        .replace("THINGS", _THINGS)
        .replace("THING", _THING)
    )
    return set(re.sub(r"\{\w+\}s?", " ", re.sub(r"[\[\]|]", " ", text)).split())
