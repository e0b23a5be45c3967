"""Valid values of a JSON schema, told by the grammar that constrained decoding is held to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from .llava_next.constrained import Grammar

PLAIN = frozenset({"type", "title", "description", "default", "examples"})
"""Keywords that do not narrow down what a string may be."""

MOST_CHARACTERS, KEPT = 50_000, 64
"""Of a schema as JSON, and how many grammars are kept: each takes about 120 bytes a character."""


def grammar(schema: Mapping[str, Any]) -> Grammar:
    """Return the grammar of a schema, spelled in bytes.

    Raises
    ------
    InputError
        If it is no JSON schema, one that cannot be held to, or too long.
    """
    if not isinstance(schema, Mapping):
        raise InputError(f"a schema is a mapping, not {type(schema).__name__}.", input="schema")
    try:
        text = json.dumps(schema)
        if len(text) > MOST_CHARACTERS:
            raise InputError(
                f"the schema has {len(text):,} characters, more than {MOST_CHARACTERS:,}.", input="schema"
            )
        return _grammar(text)
    except (TypeError, ValueError) as error:
        raise InputError(f"the schema is not JSON: {error}.", input="schema") from error
    except RecursionError as error:
        raise InputError("the schema is nested too deeply.", input="schema") from error


@lru_cache(KEPT)
def _grammar(schema: str) -> Grammar:
    from .llava_next.closing import Alphabet
    from .llava_next.constrained import Grammar

    return Grammar(json.loads(schema), Alphabet.of_bytes())


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value that is not empty is of a simple schema's type and within what else it says."""
    kinds = {"string": str, "integer": int, "number": int | float, "boolean": bool}
    kind = schema.get("type")
    if value == "" or not isinstance(value, kinds.get(str(kind), object)):
        return False
    return (kind == "string" and not schema.keys() - PLAIN) or grammar(schema).accepts(written(value))


def written(value: Any) -> str:
    """Return JSON as the grammars write it."""
    return json.dumps(value, ensure_ascii=False)
