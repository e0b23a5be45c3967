"""Structured output: answers of a chat model as values of a schema."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass

from ..errors import InputError

if TYPE_CHECKING:
    from .langchain_chat import ChatLlavaNext


def structured(
    chat: ChatLlavaNext, schema: Mapping[str, Any] | type, method: str, *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """Return a chat model whose answers are held to a schema, and read.

    Parameters
    ----------
    chat : ChatLlavaNext
    schema : pydantic class, TypedDict or JSON schema
    method : "json_schema" or "json_mode"
    include_raw : bool
        Return the message beside the value, and the error where a class's own checks refuse it.

    Raises
    ------
    InputError
        If there is no such method.
    """
    if method not in ("json_schema", "json_mode"):
        raise InputError(
            f"method is json_schema, json_mode or function_calling, not {method!r}.", input="method"
        )
    form = convert_to_json_schema(dict(schema) if isinstance(schema, Mapping) else schema)
    bound = chat.bind(
        response_format={
            "type": "json_schema",
            "json_schema": {"name": form.get("title", "answer"), "schema": form},
        },
        ls_structured_output_format={"kwargs": {"method": method}, "schema": form},
    )
    parser: Any = JsonOutputParser()
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        parser = PydanticOutputParser(pydantic_object=schema)
    if not include_raw:
        answered: Runnable[LanguageModelInput, Any] = bound | parser
        return answered
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    refused = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([refused], exception_key="parsing_error")
