"""Whether a question is in words that the pocket model was taught.

It knows a few hundred words, and spells all others by their letters, as it reads signs: to what it was not
taught it answers with what a picture of its worlds would make likely, and with confidence. A question with
two such words is therefore said to be beyond it, and so is one of no others ("Hello"); one among words that
it knows may be the text of a sign.
"""

from __future__ import annotations

import re
from typing import Any

FEWEST = 2
"""Untaught words from which a question is beyond it; the questions about its worlds have none."""
SHORTEST = 3
"""Letters of a word that counts."""
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
        Each once; none where there are fewer than ``FEWEST`` beside words that it was taught.
    """
    words = dict.fromkeys(re.findall(rf"[^\W\d_]{{{SHORTEST},}}", text.casefold()))
    spelled = tuple(word for word in words if len(tokenizer.tokenize(word)) > 1)
    return spelled if len(spelled) >= min(FEWEST, len(words)) else ()
