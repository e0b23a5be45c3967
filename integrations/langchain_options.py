"""Options of one call of a chat model: what it was told beside the messages, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..tools.filling_valid import grammar
from .langchain_calls import ToolForm, allowed_tools, tool_forms
from .langchain_structured import json_schema

if TYPE_CHECKING:
    from ..tools.llava_next.generate import Cancel

WITHOUT_EFFECT = frozenset({"temperature", "top_p", "seed", "strict", "parallel_tool_calls"})
"""Options that are taken and change nothing: answers are greedy, calls always fit and come one by one."""

ANY_OBJECT: Mapping[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
}
"""What is answered where some JSON object is asked for, but no schema is given."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a reply is to be.

    Parameters
    ----------
    tools : of ToolForm
        That may be called.
    must_call : bool
        Whether one of them has to be.
    schema : mapping, optional
        Of the answer, where it is to be JSON.
    max_tokens : int, optional
    stop : tuple of str
    cancel : Cancel, optional
    """

    tools: tuple[ToolForm, ...] = ()
    must_call: bool = False
    schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    cancel: Cancel | None = None

    @classmethod
    def read(cls, stop: Sequence[str] | None, given: Mapping[str, Any]) -> Options:
        """Read the arguments of a call.

        Raises
        ------
        InputError
            If one is unknown or malformed.
        """
        rest = {name: value for name, value in given.items() if name not in WITHOUT_EFFECT}
        tools, must_call = allowed_tools(
            tool_forms(rest.pop("tools", None) or ()), rest.pop("tool_choice", None)
        )
        longest = [rest.pop(name, None) for name in ("max_tokens", "max_completion_tokens")]
        found = cls(
            tools=tools,
            must_call=must_call,
            schema=_schema(rest.pop("response_format", None)),
            max_tokens=next((_positive(value) for value in longest if value is not None), None),
            stop=_stop(stop),
            cancel=rest.pop("cancel", None),
        )
        if rest:
            raise InputError(f"there is no option {', '.join(sorted(rest))}.", input=min(rest))
        return found


def _positive(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"max_tokens is a whole number of at least 1, not {value!r}.", input="max_tokens")
    return value


def _stop(stop: Sequence[str] | None) -> tuple[str, ...]:
    words: tuple[object, ...] = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if not all(isinstance(word, str) and word for word in words):
        raise InputError("stop is text that is not empty, or a list of such.", input="stop")
    return tuple(map(str, words))


def _schema(form: object) -> Mapping[str, Any] | None:
    """Return the schema that ``response_format`` asks for: OpenAI's forms, or a class."""
    if form is None:
        return None
    if isinstance(form, type):
        return json_schema(form)
    kind = form.get("type") if isinstance(form, Mapping) else None
    if isinstance(form, Mapping) and kind == "json_schema":
        inner = form.get("json_schema")
        schema = inner.get("schema") if isinstance(inner, Mapping) else None
        if isinstance(schema, Mapping):
            grammar(schema)  # refuses what cannot be held to
            return schema
        raise InputError('response_format needs {"json_schema": {"schema": {...}}}.', input="response_format")
    if kind == "json_object":
        return ANY_OBJECT
    if kind == "text":
        return None
    raise InputError(
        'response_format has a "type" that is "text", "json_object" or "json_schema".',
        input="response_format",
    )
