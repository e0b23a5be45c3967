"""Follow-ups: "and the left one?" is completed from the question before it.

For brains without a language model, in English, by the form of the words alone: the phrase that was said
takes the place of the phrase of its kind in the question before. A whole question stays as it is.
"""

from __future__ import annotations

import re

_LEAD = re.compile(
    r"^(?:(?:and|but|or|now|so|then|ok|okay)\b[ ,]*)*(?:(?:what|how) about\b ?)?", re.IGNORECASE
)
_WHOLE = re.compile(
    r"^(?:what|which|who|where|when|why|how|is|are|was|were|do|does|did|has|have|can|could|count|list|name|"
    r"describe|tell|point|read|show|find)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"^(?:in|on|at|of|from) (?:the |an? )?[\w -]+$", re.IGNORECASE)
_STOP = (
    r"(?:is|are|was|were|do|does|did|has|have|can|there|or|that|which|of|in|on|at|from|to|left of|right of|"
    r"the|an?|you|it|above|below|say|says|appear\w*|disappear\w*|arrive\w*|move\w*|show\w*|look\w*)\b"
)
_PHRASE = re.compile(
    rf"\b(the|an?|this|that|how many|more|most|any) ((?!{_STOP})[\w-]+(?: (?!{_STOP})[\w-]+)*)", re.IGNORECASE
)
_PICTURE = re.compile(r"\b(?:image|picture|photo|frame|page|view)s?\b(?: \d+)?$", re.IGNORECASE)
_NUMBERED = re.compile(r"\b(?:image|picture|photo|frame|page|view) \d+\b", re.IGNORECASE)
_ADJECTIVE = re.compile(
    r"(?:red|orange|yellow|green|blue|cyan|purple|violet|pink|magenta|brown|black|white|gr[ae]y|gold|silver|"
    r"small|large|big|little|tiny|huge|tall|short|long|old|new|open|closed|full|empty|dark|light|bright|round|"
    r"left|right|top|bottom|middle|cent(?:er|re|ral)|other|next|last|"
    r"first|second|third|fourth|fifth|\w+(?:er|est|most|ish|ular|en|ed))$",
    re.IGNORECASE,
)
_SUPERLATIVES = {"left": "leftmost", "right": "rightmost", "top": "topmost", "bottom": "bottommost"}


def complete(question: str, before: str) -> str:
    """Complete a follow-up question.

    Parameters
    ----------
    question : str
        As it was asked.
    before : str
        The question before it, complete.

    Returns
    -------
    str
        ``question`` itself where it needs nothing, or where nothing in ``before`` can be replaced by it.

    Examples
    --------
    >>> complete("and the left one?", "What color is the right circle?")
    'What color is the left circle?'
    >>> complete("What about blue ones?", "How many red shapes are there?")
    'How many blue shapes are there?'
    """
    lead = _LEAD.match(question)
    said = question[lead.end() if lead else 0 :].strip(" ?.!")
    led = bool(lead and lead.group()) or re.search(r"^(?:the|an?) .*\bones?$", said, re.IGNORECASE)
    if not said or not led or _WHOLE.match(said):
        return question
    if _PLACE.match(said):
        return _placed(said, before)
    picture = _PICTURE.search(said) is not None
    for phrase in _PHRASE.finditer(before):
        if (_PICTURE.search(phrase[2]) is not None) == picture:
            new = _like(said, phrase[1], phrase[2])
            return before[: phrase.start()] + new + before[phrase.end() :]
    named = _NUMBERED.search(before) if picture else None
    return before[: named.start()] + said + before[named.end() :] if named else question


def _placed(said: str, before: str) -> str:
    """Put "in image 2" where the question before says such a place, or at its end."""
    word = said.split()[0]
    old = re.search(rf"\b{word} (?:the |an? )?[\w-]+(?: \d+| [\w-]+)?(?=[ ?.!,]|$)", before, re.IGNORECASE)
    if old:
        return before[: old.start()] + said + before[old.end() :]
    ending = before[len(before.rstrip(" ?.!")) :]
    return f"{before.rstrip(' ?.!')} {said}{ending}"


def _like(said: str, article: str, old: str) -> str:
    """Return the new phrase in the form of the old one: its article, and its noun for "one"."""
    words = re.sub(r"^(?:the|an?|this|that|any)\b ?", "", said, flags=re.IGNORECASE).split()
    noun = old.split()[-1]
    if words and words[-1].casefold() in ("one", "ones"):
        words[-1] = noun
    elif len(words) == 1 and len(old.split()) > 1 and _ADJECTIVE.match(words[0]):
        words.append(noun)  # of what was asked about before
    if len(old.split()) > 1 and old.split()[0].endswith("most") and words:
        words[0] = _SUPERLATIVES.get(words[0].casefold(), words[0])
    if article.casefold() in ("a", "an") and words:
        article = "an" if words[0][0].casefold() in "aeiou" else "a"
    return " ".join([article, *words])
