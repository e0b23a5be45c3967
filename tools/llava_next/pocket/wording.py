"""How the questions of the pocket worlds are worded.

Every kind of question has patterns to train on and patterns that are held out, for the test set alone.
In a pattern ``[a|b]`` is a free choice and ``{x}`` a slot. A held-out pattern uses only words that the
training patterns know (a test asserts it): what is new is the sentence, not the vocabulary.
"""

from __future__ import annotations

import random
import re

_THINGS = "[things|objects|shapes|items]"
_THING = "[thing|object|shape|item]"
_PICTURE = "[picture|image|photo]"
_OPENING = ("", "", "", "", "please : ", "tell me , ", "can you see , ", "look : ")

TRAINED: dict[str, tuple[str, ...]] = {
    "shape": (
        "what shape is the {x} THING ?",
        "what is the shape of the {x} THING ?",
        "which shape does the {x} THING have ?",
        "what kind of shape is {x} ?",
        "name the shape of the {x} THING .",
        "the {x} one is what shape ?",
        "is the {x} THING a {this} or a {that} ?",
        "is the {x} THING {this} or {that} ?",
        "the {x} THING : is it a {this} or a {that} ?",
    ),
    "color": (
        "what [color|colour] is the {x} ?",
        "what is the [color|colour] of the {x} ?",
        "name the [color|colour] of the {x} .",
        "the {x} is what [color|colour] ?",
        "what [color|colour] does the {x} have ?",
        "tell me the [color|colour] of the {x} .",
        "is the {x} {this} or {that} ?",
        "is the {x} a {this} or a {that} one ?",
        "the {x} : is it {this} or {that} ?",
    ),
    "size": (
        "what size is the {x} ?",
        "is the {x} small or large ?",
        "how big is the {x} ?",
        "is the {x} large or small ?",
        "what is the size of the {x} ?",
        "is the {x} big or small ?",
        "the {x} : is it a big one or a small one ?",
        "tell me the size of the {x} .",
        "is it a small or a large {x} ?",
    ),
    "count": (
        "how many THINGS are there ?",
        "how many THINGS are in the PICTURE ?",
        "count the THINGS .",
        "how many THINGS do you see ?",
        "what is the number of THINGS ?",
        "how many THINGS can you see in this PICTURE ?",
        "tell me the number of THINGS .",
        "tell me how many THINGS you see .",
    ),
    "count_by": (
        "how many {x} THINGS are there ?",
        "how many {x} THINGS are in the PICTURE ?",
        "count the {x} THINGS .",
        "what is the number of {x} THINGS ?",
        "how many THINGS are {x} ?",
        "how many {x} THINGS do you see ?",
        "tell me how many THINGS are {x} .",
    ),
    "count_of": (
        "how many {x} are there ?",
        "how many {x} are in the PICTURE ?",
        "count the {x} .",
        "what is the number of {x} ?",
        "how many {x} do you see ?",
        "tell me the number of {x} .",
    ),
    "extreme": (
        "what is the {w} THING ?",
        "which THING is {w} ?",
        "what is {w} ?",
        "name the {w} THING .",
        "which is the {w} THING ?",
        "which THING is the {w} one ?",
        "which is the THING that is {w} ?",
    ),
    "where": (
        "where is the {x} ?",
        "in which part of the PICTURE is the {x} ?",
        "what is the place of the {x} ?",
        "which part of the PICTURE has the {x} ?",
        "where do you see the {x} ?",
        "tell me where the {x} is .",
    ),
    "exists": (
        "is there a {x} ?",
        "do you see a {x} ?",
        "is there a {x} in the PICTURE ?",
        "can you see a {x} ?",
        "does the PICTURE have a {x} ?",
        "does the PICTURE show a {x} ?",
        "are there any {xs} ?",
    ),
    "read": (
        "what does the [text|sign] say ?",
        "read the [text|sign|word] .",
        "what is written ?",
        "what [word|text] is written in the PICTURE ?",
        "what is the [text|word] ?",
        "what text do you see ?",
    ),
    "relation": (
        "is the {a} {r} the {b} ?",
        "do you see the {a} {r} the {b} ?",
        "the {a} is {r} the {b} , yes or no ?",
        "tell me if the {a} is {r} the {b} .",
        "the {a} : is it {r} the {b} ?",
        "does the PICTURE show the {a} {r} the {b} ?",
        "look at the {a} : is it {r} the {b} ?",
        "can you see if the {a} is {r} the {b} ?",
    ),
    "nearest": (
        "what is [nearest|closest] to the {x} ?",
        "which THING is [nearest|closest] to the {x} ?",
        "name the THING [nearest|closest] to the {x} .",
        "what is the [nearest|closest] THING to the {x} ?",
        "tell me which THING is [nearest|closest] to the {x} .",
        "which one is [nearest|closest] to the {x} ?",
    ),
    "point": (
        "point to the {x} .",
        "point at the {x} .",
        "which cell has the {x} ?",
        "in which cell is the {x} ?",
        "what is the cell of the {x} ?",
    ),
    "caption": (
        "describe the PICTURE .",
        "what is in the PICTURE ?",
        "what do you see ?",
        "list the THINGS .",
        "what does the PICTURE show ?",
        "name all the THINGS .",
        "tell me what you see .",
        "describe what is in the PICTURE .",
    ),
    "match": (
        "is this a {x} ?",
        "is it a {x} ?",
        "does this show a {x} ?",
        "do you see a {x} here ?",
        "is a {x} in this PICTURE ?",
    ),
    "which": (
        "which PICTURE has a {x} ?",
        "which PICTURE shows a {x} ?",
        "which PICTURE has the {x} ?",
        "where is the {x} , in which PICTURE ?",
        "in which PICTURE is there a {x} ?",
        "in which PICTURE do you see a {x} ?",
    ),
    "most": (
        "which PICTURE has more THINGS ?",
        "which PICTURE has the most THINGS ?",
        "which PICTURE shows the most THINGS ?",
        "which of the PICTURES has the most THINGS ?",
        "which of these has more THINGS ?",
        "tell me which PICTURE has the most THINGS .",
    ),
    "most_by": (
        "which PICTURE has more {x} THINGS ?",
        "which PICTURE has the most {x} THINGS ?",
        "which PICTURE shows the most {x} THINGS ?",
        "which of the PICTURES shows more {x} THINGS ?",
        "which of these shows more {x} THINGS ?",
        "tell me which PICTURE has the most {x} THINGS .",
    ),
    "count_in": (
        "how many THINGS are in PICTURE {k} ?",
        "how many THINGS does PICTURE {k} show ?",
        "count the THINGS in PICTURE {k} .",
        "what is the number of THINGS in PICTURE {k} ?",
        "tell me how many THINGS are in PICTURE {k} .",
        "look at PICTURE {k} : how many THINGS are there ?",
    ),
    "same": (
        "are the two PICTURES the same ?",
        "is PICTURE 1 the same as PICTURE 2 ?",
        "do the PICTURES show the same ?",
        "are PICTURE 1 and PICTURE 2 the same ?",
    ),
    "change": (
        "what changed ?",
        "what changed between the PICTURES ?",
        "what is different ?",
        "what is the change between PICTURE 1 and PICTURE 2 ?",
        "what is different in PICTURE 2 ?",
        "what changed from PICTURE 1 to PICTURE 2 ?",
        "tell me what is different .",
        "tell me the change .",
        "what is the change ?",
        "what is not the same ?",
    ),
    "direction": (
        "in which direction does the {x} move ?",
        "which way does the {x} move ?",
        "where does the {x} move ?",
        "where does the {x} go ?",
        "which way does the {x} go ?",
        "what is the direction of the {x} ?",
        "tell me in which direction the {x} moves .",
    ),
    "when": (
        "when does the {x} {e} ?",
        "in which frame does the {x} {e} ?",
        "at which frame does the {x} {e} ?",
        "what is the frame where the {x} {e}s ?",
        "tell me in which frame the {x} {e}s .",
        "tell me the frame where the {x} {e}s .",
        "the {x} : when does it {e} ?",
        "what frame does the {x} {e} in ?",
    ),
    "happens": (
        "does the {x} appear or disappear ?",
        "what happens to the {x} ?",
        "does the {x} disappear or appear ?",
        "tell me what happens to the {x} .",
    ),
    "order": (
        "which appears first , the {a} or the {b} ?",
        "what appears first , the {a} or the {b} ?",
        "the {a} or the {b} : which comes first ?",
        "does the {a} or the {b} come first ?",
        "the {a} or the {b} , which appears first ?",
        "tell me which appears first , the {a} or the {b} .",
        "is it the {a} or the {b} that comes first ?",
        "which is first , the {a} or the {b} ?",
    ),
    "count_frame": (
        "how many THINGS are in frame {k} ?",
        "how many THINGS does frame {k} show ?",
        "count the THINGS in frame {k} .",
        "what is the number of THINGS in frame {k} ?",
    ),
    "count_views": (
        "how many THINGS are there in all ?",
        "how many THINGS are on the table ?",
        "count the THINGS on the table .",
        "how many THINGS are there in total ?",
        "what is the number of THINGS on the table ?",
    ),
    "count_views_by": (
        "how many {x} are there in all ?",
        "how many {x} are on the table ?",
        "how many {x} are there ?",
        "count the {x} on the table .",
        "how many {x} are there in total ?",
    ),
    "side": (
        "in view {k} , is the {a} right or left of the {b} ?",
        "is the {a} left or right of the {b} in view {k} ?",
        "seen from view {k} , is the {a} left or right of the {b} ?",
        "in view {k} , on which side of the {b} is the {a} ?",
        "where is the {a} in view {k} , left or right of the {b} ?",
        "look at view {k} : is the {a} left or right of the {b} ?",
        "on which side of the {b} do you see the {a} in view {k} ?",
        "tell me in view {k} : is the {a} right or left of the {b} ?",
    ),
    "nearer": (
        "in view {k} , which is nearer , the {a} or the {b} ?",
        "which is closer in view {k} , the {a} or the {b} ?",
        "seen from view {k} , is the {a} or the {b} nearer ?",
        "in view {k} , is the {a} or the {b} closer ?",
        "look at view {k} : is the {a} or the {b} closer ?",
        "tell me which is nearer in view {k} : the {a} or the {b} .",
    ),
}

HELD_OUT: dict[str, tuple[str, ...]] = {
    "shape": ("which shape is the {x} THING ?", "tell me what shape the {x} THING is ."),
    "color": ("which [color|colour] is the {x} ?", "what is the {x} [color|colour] ?"),
    "size": ("which size is the {x} ?", "is the {x} a large or a small one ?"),
    "count": ("how many THINGS does the PICTURE show ?", "tell me how many THINGS there are ."),
    "count_by": ("how many {x} THINGS does the PICTURE show ?", "how many of the THINGS are {x} ?"),
    "count_of": ("how many {x} does the PICTURE show ?", "tell me how many {x} there are ."),
    "extreme": ("which one is the {w} THING ?", "tell me the {w} THING ."),
    "where": ("where in the PICTURE is the {x} ?", "tell me in which part the {x} is ."),
    "exists": ("does this PICTURE show a {x} ?", "tell me if there is a {x} ."),
    "read": ("what does the PICTURE say ?", "which [word|text] do you see ?"),
    "relation": ("can you see the {a} {r} the {b} ?", "is it the {a} that is {r} the {b} ?"),
    "nearest": (
        "which THING is the [nearest|closest] one to the {x} ?",
        "tell me what is [nearest|closest] to the {x} .",
    ),
    "point": ("where is the cell of the {x} ?", "tell me the cell of the {x} ."),
    "caption": ("describe what you see .", "tell me what is in the PICTURE ."),
    "match": ("is there a {x} here ?", "tell me , does it show a {x} ?"),
    "which": ("which of the PICTURES has a {x} ?", "tell me which PICTURE has a {x} ."),
    "most": ("which of the PICTURES shows the most THINGS ?", "tell me which PICTURE has more THINGS ."),
    "most_by": (
        "which of the PICTURES has the most {x} THINGS ?",
        "tell me which PICTURE has more {x} THINGS .",
    ),
    "count_in": (
        "in PICTURE {k} , how many THINGS are there ?",
        "how many THINGS do you see in PICTURE {k} ?",
    ),
    "same": ("is it the same PICTURE ?", "do PICTURE 1 and PICTURE 2 show the same ?"),
    "change": ("tell me what changed .", "what is different between the two PICTURES ?"),
    "direction": ("in what direction does the {x} go ?", "tell me which way the {x} moves ."),
    "when": ("at what frame does the {x} {e} ?", "tell me when the {x} {e}s ."),
    "happens": ("what happens to the {x} here ?", "which one is it : does the {x} appear or disappear ?"),
    "order": (
        "which comes first , the {a} or the {b} ?",
        "tell me what appears first , the {a} or the {b} .",
    ),
    "count_frame": (
        "in frame {k} , how many THINGS are there ?",
        "how many THINGS do you see in frame {k} ?",
    ),
    "count_views": ("how many THINGS do you see in all ?", "in total , how many THINGS are on the table ?"),
    "count_views_by": ("how many {x} do you see in all ?", "in total , how many {x} are on the table ?"),
    "side": (
        "on which side of the {b} is the {a} in view {k} ?",
        "in view {k} , where is the {a} : left or right of the {b} ?",
    ),
    "nearer": (
        "which is nearer in view {k} , the {a} or the {b} ?",
        "tell me which is closer in view {k} , the {a} or the {b} .",
    ),
}

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
