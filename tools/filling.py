"""Filling: a JSON value of a schema, for eyes that write none.

The embedded model's tokens are whole words; it cannot spell JSON. So the form is filled in field by field
(:mod:`.filling_form`). What is valid is told by the same grammar that holds larger models to a schema, so the
value is valid whatever the fields gave.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..memory import Still
from .filling_form import Form
from .filling_valid import grammar, written
from .llava_next.answers import Answer, Usage
from .look import Eyes, distinct

if TYPE_CHECKING:
    from .llava_next.generate import Cancel
    from .llava_next.prompts import Prompt

NOT_FOUND = "nothing that was said or shown tells {fields}: the least valid value stands there"
LEAST = "what was found does not fit the whole schema: the least valid value stands instead"


class Writer(Eyes, Protocol):
    """Eyes that can be listened to while they answer."""

    @property
    def writes_json(self) -> bool:
        """Whether they can be given a schema."""

    def stream(
        self,
        prompt: Prompt,
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Iterator[str | Answer]:
        """Answer a prompt piece by piece, and give the whole answer last."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A value that is valid under a schema.

    Parameters
    ----------
    value : JSON value
    missing : tuple of str
        Fields that had to be filled although nothing tells them.
    confidence : float in 0..1 or None
        Product of the eyes' confidences in what they were asked for, 0 where a field is missing; None where
        all of it is in the message's words.
    usage : Usage
    notes : tuple of str
    """

    value: Any
    missing: tuple[str, ...]
    confidence: float | None
    usage: Usage
    notes: tuple[str, ...]


def fill(
    eyes: Eyes,
    schema: Mapping[str, Any],
    said: str,
    stills: Sequence[Still] = (),
    *,
    results: str = "",
    words_first: bool = False,
) -> Filled:
    """Fill in a schema.

    Parameters
    ----------
    eyes : Eyes
        Need not write JSON.
    schema : mapping
        A JSON schema.
    said : str
        The message that asks for the value.
    stills : sequence of Still
        What it is about; may be empty.
    results : str
        What tools have answered; a field that asks for an answer is filled with it.
    words_first : bool
        Whether the message's words tell a field before the eyes do, as for the arguments of a call.

    Returns
    -------
    Filled

    Raises
    ------
    InputError
        If it is no JSON schema, or one that cannot be held to.
    ContextOverflowError, InsufficientMemoryError
        If the stills do not fit the eyes' window.
    """
    held = grammar(schema)
    form = Form(eyes, schema, said.strip(), tuple(stills), results.strip(), words_first)
    value = form.part(schema).value
    notes = list(form.notes)
    if not held.accepts(written(value)):
        value = json.loads(held.least_text)
        form.missing = ["its fields"]
        notes.append(LEAST)
    elif form.missing:
        notes.append(NOT_FOUND.format(fields=", ".join(form.missing)))
    confidence = 0.0 if form.missing else form.confidence
    return Filled(value, tuple(form.missing), confidence, form.usage, distinct(notes))
