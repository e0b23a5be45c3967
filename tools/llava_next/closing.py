"""Closing: from any place in a JSON value, tokens that complete it; so an answer of limited length is whole.

llguidance says what may come next, but not how to come to an end. Here the end is looked for, greedily: what
is forced is taken, then what closes a string, an object or an array, then the characters of short values. The
way found is one way, not always the shortest.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cached_property
from heapq import heappop, heappush
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

JSON_CHARACTERS = string.digits + string.ascii_letters + string.punctuation + " "
"""What must be writable, each by a token of its own, for any JSON to be."""

AT_ONCE, LONGEST_WAY = 8, 512
"""Of several ways to an end, how many of the same length are followed, and how far they may lead."""

_CLOSERS = ("}", "]", '"', ",")
_OTHERS = string.digits + string.ascii_lowercase + "-@.:/" + string.ascii_uppercase + "[{_+ "


class Alphabet:
    """What a tokenizer's tokens spell.

    Parameters
    ----------
    tokens : LLTokenizer
    """

    def __init__(self, tokens: LLTokenizer) -> None:
        self.tokens = tokens

    @classmethod
    def of(cls, tokenizer: Any, stop_ids: Collection[int]) -> Alphabet | None:
        """Read a transformers tokenizer; None if it cannot write every JSON value.

        Parameters
        ----------
        tokenizer : transformers tokenizer
        stop_ids : tokens that close an answer
        """
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        try:
            tokens = LLTokenizer(
                backend.to_str(), eos_token=sorted(stop_ids) or None, slices=LLTokenizer.json_slices()
            )
        except ValueError:
            # Vocabularies of whole words: their tokens stand for no bytes.
            return None
        found = cls(tokens)
        return found if found._complete() else None

    @classmethod
    def of_bytes(cls) -> Alphabet:
        """Return the alphabet whose tokens are the bytes, for values that no model writes."""
        return cls(LLTokenizer("byte"))

    def write(self, text: bytes) -> list[int]:
        """Return tokens that spell ``text``, the longest first."""
        return self.tokens.greedy_tokenize(text.decode("utf-8", "surrogateescape"))

    def read(self, ids: list[int]) -> bytes:
        """Return what tokens spell; those that stand for no bytes spell nothing."""
        return b"".join(
            self.tokens.decode_bytes([id_]) for id_ in ids if not self.tokens.is_special_token(id_)
        )

    @cached_property
    def characters(self) -> dict[str, int]:
        """The token of each character of :data:`JSON_CHARACTERS`."""
        return {character: self.write(character.encode())[0] for character in JSON_CHARACTERS}

    def _complete(self) -> bool:
        spelled = {character: self.write(character.encode()) for character in JSON_CHARACTERS}
        return all(len(ids) == 1 and self.read(ids) == c.encode() for c, ids in spelled.items())


def closing(matcher: LLMatcher, alphabet: Alphabet, most: int) -> list[int] | None:
    """Find tokens that complete what a matcher has begun.

    Parameters
    ----------
    matcher : LLMatcher
        Left as it is.
    alphabet : of its tokenizer
    most : tokens that there may be

    Returns
    -------
    list of int or None
        None if none were found, or more than ``most``.
    """
    ahead = matcher.deep_copy()
    taken: list[int] = []
    while not ahead.is_accepting():
        if len(taken) >= most or ahead.is_error():
            return None
        step = _forced(ahead, alphabet) or _first(ahead, alphabet, len(taken))
        if not step or not ahead.consume_tokens(step):
            return None
        taken += step
    return taken if len(taken) <= most else None


def shortest(matcher: LLMatcher, alphabet: Alphabet, most: int) -> list[int] | None:
    """Find few tokens that complete a value, following several ways at once; dearer than :func:`closing`.

    Parameters and result are those of :func:`closing`.
    """
    known = closing(matcher, alphabet, most)
    bound = min(most, LONGEST_WAY) if known is None else len(known)
    if bound > LONGEST_WAY:
        return known
    ways: list[tuple[int, int, list[int], LLMatcher]] = [(0, 0, [], matcher.deep_copy())]
    made, tried = 0, Counter[int]()
    while ways:
        length, _, taken, ahead = heappop(ways)
        if ahead.is_accepting():
            return taken
        tried[length] += 1
        if tried[length] > AT_ONCE:
            continue
        for step in _steps(ahead, alphabet, length):
            after = ahead.deep_copy()
            if length + len(step) < bound and after.consume_tokens(step):
                made += 1
                heappush(ways, (length + len(step), made, taken + step, after))
    return known


def _steps(matcher: LLMatcher, alphabet: Alphabet, turn: int) -> list[list[int]]:
    """Return what may come next, without what leads no sooner to an end than the rest."""
    forced = _forced(matcher, alphabet)
    if forced:
        return [forced]
    may = [c for c, id_ in alphabet.characters.items() if matcher.validate_tokens([id_]) == 1]
    if len(may) > len(JSON_CHARACTERS) // 2:
        # In a string: one character is as good as another.
        return [_first(matcher, alphabet, turn)]
    ends = [c for c in "}]" if c in may] or [c for c in "," if c in may and set(may) & set(string.digits)]
    digits = [c for c in may if c in string.digits]
    return [[alphabet.characters[c]] for c in ends or may if c not in digits[2:]]


def allowed(matcher: LLMatcher) -> NDArray[np.bool_]:
    """Return, for every token of the tokenizer, whether it may come next: (vocabulary,) bool."""
    bits = np.frombuffer(matcher.compute_bitmask(), np.uint8)
    return np.unpackbits(bits, bitorder="little").astype(bool)


def _forced(matcher: LLMatcher, alphabet: Alphabet) -> list[int]:
    """Return the tokens of what cannot but come next."""
    forced = matcher.compute_ff_bytes()
    try:
        return alphabet.write(forced) if forced else []
    except UnicodeError:
        return []


def _first(matcher: LLMatcher, alphabet: Alphabet, turn: int) -> list[int]:
    """Return one token that may come next: of those that lead to an end, the one that does it soonest."""
    for character in _candidates(matcher, alphabet, turn):
        id_ = alphabet.characters[character]
        if matcher.validate_tokens([id_]) == 1:
            return [id_]
    found = np.flatnonzero(allowed(matcher))
    return [int(found[turn % len(found)])] if len(found) else []


def _candidates(matcher: LLMatcher, alphabet: Alphabet, turn: int) -> Iterator[str]:
    # In a string a bracket is a letter as any other, and the one way out is the quotation mark.
    inside = all(matcher.validate_tokens([alphabet.characters[c]]) == 1 for c in "{}")
    yield from ('"',) if inside else _CLOSERS
    # In turns, because a pattern may go on for ever with one character and end only with another.
    turn %= len(_OTHERS)
    yield from _OTHERS[turn:] + _OTHERS[:turn]
