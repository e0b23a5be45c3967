"""Constrained: answers that are JSON of a given schema, whatever the weights say.

The grammar is llguidance's. What it lacks is the end: a model may fill a string until its room is used up. So
a token is taken only if, behind it, the value can still be completed in the room that is left; else the
answer goes on with what completes it (:mod:`.closing`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from llguidance import LLMatcher
from torch import Tensor

from ...errors import InputError
from .closing import Alphabet, allowed, closing, shortest
from .generate import Chosen, in_circles
from .tightened import tightened

WHITE_SPACE = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
"""As in most JSON that a model has read on one line, and as ``json.dumps`` writes it."""

SCHEMAS = 8
"""Schemas whose grammars are kept."""

LONGEST_CLOSING = 4096
"""Tokens of the longest completion that is looked for."""


class Grammar:
    """What answers of one schema may be.

    Parameters
    ----------
    schema : mapping
        A JSON schema.
    alphabet : of the checkpoint's tokenizer
    lead : white space that the checkpoint's answers begin with

    Raises
    ------
    InputError
        If it is no JSON schema, or has a keyword that cannot be enforced token by token.
    """

    def __init__(self, schema: Mapping[str, Any], alphabet: Alphabet, lead: str = "") -> None:
        if not isinstance(schema, Mapping):
            raise InputError(f"a schema is a mapping, not {type(schema).__name__}.")
        try:
            text = json.dumps({**tightened(schema), "x-guidance": WHITE_SPACE})
        except (TypeError, ValueError) as error:
            raise InputError(f"the schema is not JSON: {error}.") from error
        begin = f"{json.dumps(lead)} json" if lead else "json"
        grammar = LLMatcher.grammar_from_lark(f"start: {begin}\njson: %json {text}")
        self._alphabet = alphabet
        self._start = LLMatcher(alphabet.tokens, grammar, log_level=0)
        if self._start.is_error():
            why = self._start.get_error().partition("\n")[0]
            raise InputError(f"the schema cannot be held to: {why}. Leave that out, or say it simpler.")
        found = shortest(self._start, alphabet, LONGEST_CLOSING)
        if found is None:
            raise InputError("no value of the schema was found: its pattern or its bounds leave too little.")
        self._closing = found

    @property
    def least(self) -> int:
        """Tokens that a whole answer needs."""
        return len(self._closing)

    def check(self, room: int) -> None:
        """Refuse room for an answer in which no value of the schema fits.

        Raises
        ------
        InputError
        """
        if room < self.least:
            raise InputError(
                f"an answer of {room} tokens is too short for this schema, whose values need {self.least}. "
                "Give more max_new_tokens, or a schema that requires less."
            )

    def guide(self) -> JsonGuide:
        """Return what holds one answer to the grammar, from its beginning."""
        return JsonGuide(self._start.deep_copy(), self._alphabet, self._closing)

    @property
    def least_text(self) -> str:
        """A value that is as short as was found."""
        return self.text(self._closing)

    def accepts(self, text: str) -> bool:
        """Whether a text is a whole value, written as ``json.dumps`` writes it."""
        ahead = self._start.deep_copy()
        return ahead.consume_tokens(self._alphabet.write(text.encode())) and ahead.is_accepting()

    def text(self, ids: Sequence[int]) -> str:
        """Return what tokens of an answer say, a character that is not yet whole left out."""
        return self._alphabet.read(list(ids)).decode("utf-8", "ignore").strip()


class Grammars:
    """The grammars of a checkpoint's latest schemas: an agent asks again and again under the same one.

    Parameters
    ----------
    alphabet : of the checkpoint's tokenizer
    lead : white space that the checkpoint's answers begin with
    """

    def __init__(self, alphabet: Alphabet, lead: str) -> None:
        self._alphabet = alphabet
        self._lead = lead
        self._known: dict[str, Grammar] = {}

    def of(self, schema: Mapping[str, Any]) -> Grammar:
        """Return the grammar of a schema; errors are those of :class:`Grammar`."""
        try:
            text = json.dumps(schema)
        except (TypeError, ValueError):
            # No plain JSON, or none at all, which the grammar tells apart.
            return Grammar(schema, self._alphabet, self._lead)
        found = self._known.pop(text, None) or Grammar(schema, self._alphabet, self._lead)
        self._known[text] = found
        if len(self._known) > SCHEMAS:
            self._known.pop(next(iter(self._known)), None)
        return found


class JsonGuide:
    """Holds one answer to its grammar; a :class:`~.generate.Guide`.

    Parameters
    ----------
    matcher : LLMatcher
        At the beginning of the answer.
    alphabet : of its tokenizer
    rest : tokens that make a whole answer
    """

    def __init__(self, matcher: LLMatcher, alphabet: Alphabet, rest: Sequence[int]) -> None:
        self._matcher = matcher
        self._alphabet = alphabet
        self._rest = list(rest)
        self._ids: list[int] = []
        self._closing = False

    def choose(self, logits: Tensor, room: int) -> Chosen:
        """Take the likeliest token that is allowed, or what completes the answer where room runs out.

        A model that goes in circles is made to complete its answer, too.

        Parameters
        ----------
        logits : (vocabulary,) float32
            Divided by the temperature.
        room : tokens that there may be, this one included
        """
        if not self._closing:
            free = self._free(logits)
            id_ = int(free.argmax())
            if self._take(id_, room - 1):
                return Chosen(id_, float(free.log_softmax(-1)[id_]), self._ended(room - 1))
        # Nothing else is allowed: its probability is 1.
        id_ = self._rest[0] if self._rest else self._alphabet.tokens.eos_token
        taken = self._take(id_, room - 1)
        assert taken, "what completes an answer is allowed and fits, or the token before would not have been"
        return Chosen(id_, 0.0, self._ended(room - 1))

    def _free(self, logits: Tensor) -> Tensor:
        # A model may have more rows of logits than its tokenizer has tokens, or fewer.
        mask = torch.zeros(logits.shape, dtype=torch.bool)
        bits = torch.from_numpy(allowed(self._matcher))[: len(mask)]
        mask[: len(bits)] = bits
        # Weights may overflow into what is no number; what is not allowed must still come behind it.
        return logits.nan_to_num().masked_fill(~mask.to(logits.device), float("-inf"))

    def _take(self, id_: int, room: int) -> bool:
        """Go on with a token, unless the answer could not be completed in ``room`` more then."""
        ahead = self._matcher.deep_copy()
        if not ahead.consume_token(id_):
            return False
        known = self._rest[:1] == [id_]
        rest = self._rest[1:] if known else closing(ahead, self._alphabet, room)
        if rest is None or len(rest) > room:
            return False
        self._matcher, self._rest = ahead, rest
        self._ids.append(id_)
        self._closing = self._closing or in_circles(self._ids)
        return True

    def _ended(self, room: int) -> bool:
        whole = not self._rest
        return whole and (self._closing or room == 0 or self._matcher.is_stopped())
