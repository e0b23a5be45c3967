"""Whether a question is in words that the pocket model was taught.

It knows a few hundred words, and spells all others by their letters, as it reads signs: to what it was not
taught it answers with what a picture of its worlds would make likely, and with confidence. A question with
two such words is therefore said to be beyond it, and so is one of no others ("Hello"), and one about a thing
that such a word names ("a mug"). Another one may be the text of a sign.
"""

from __future__ import annotations

import re
from typing import Any

FEWEST = 2
"""Untaught words from which a question is beyond it; the questions about its worlds have none."""
SHORTEST = 3
"""Letters of a word that counts."""
REACH = 3
"""Words between a determiner and the name of a thing, at most, the determiner counted: "a large red mug"."""
DETERMINERS = frozenset(
    {"a", "an", "any", "the", "my", "your", "our", "his", "her", "their", "some", "no", "many"}
)
WRITTEN = frozenset({"word", "words", "sign", "signs", "text", "letters", "label", "labels"})
"""Beside these a word is what is written."""
MEDIA = frozenset(
    {
        "video",
        "film",
        "clip",
        "movie",
        "recording",
        "photo",
        "photograph",
        "picture",
        "image",
        "file",
        "document",
        "scan",
    }
)
"""What is looked at, rather than what is seen there."""
UNTAUGHT = (
    "the embedded pocket model was never taught these words of the question: {words}; this is a guess; a "
    "full model knows them: `hf download llava-hf/llava-interleave-qwen-0.5b-hf`, then add "
    "`--model llava-hf/llava-interleave-qwen-0.5b-hf`"
)


def untaught(tokenizer: Any, text: str) -> tuple[str, ...]:
    """Return the words of a text that the tokenizer spells by letters, where they are too many to be names.

    Parameters
    ----------
    tokenizer : of the pocket model
    text : str

    Returns
    -------
    tuple of str
        Each once; none where there are fewer than ``FEWEST`` beside words that it was taught, unless one
        names a thing.
    """
    words = re.findall(r"[^\W\d_]+", _unquoted(text).casefold())
    counted = dict.fromkeys(word for word in words if len(word) >= SHORTEST)
    spelled = tuple(word for word in counted if len(tokenizer.tokenize(word)) > 1)
    if len(spelled) >= min(FEWEST, len(counted)):
        return spelled
    return tuple(word for word in spelled if _names_a_thing(word, words))


def _unquoted(text: str) -> str:
    """Leave out what is quoted or in capitals, as the text of a sign is."""
    return re.sub(r"\"[^\"]*\"|“[^”]*”|\b[A-Z]{2,}\b", " ", text)


def _names_a_thing(word: str, words: list[str]) -> bool:
    at = words.index(word)
    before, after = words[max(0, at - REACH) : at], words[at + 1 : at + 2]
    determined = [place for place, other in enumerate(before) if other in DETERMINERS]
    if not determined or word in MEDIA:
        return False
    return WRITTEN.isdisjoint([*before[determined[-1] :], *after])
