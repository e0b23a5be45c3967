"""Structured output and tools: schemas of classes, and answers of a chat model as their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from ..errors import InputError

if TYPE_CHECKING:
    from .langchain_chat import ChatLlavaNext


def json_schema(form: Mapping[str, Any] | type) -> dict[str, Any]:
    """Return the JSON schema of a pydantic class or TypedDict; LangChain's own forgets what is recursive."""
    if isinstance(form, type) and issubclass(form, BaseModel):
        return form.model_json_schema()
    return convert_to_json_schema(dict(form) if isinstance(form, Mapping) else form)


def openai_tool(tool: Mapping[str, Any] | type | Callable[..., Any] | BaseTool) -> dict[str, Any]:
    """Return a tool in the form of OpenAI's API; see :func:`json_schema`."""
    found = convert_to_openai_tool(dict(tool) if isinstance(tool, Mapping) else tool)
    form = tool.tool_call_schema if isinstance(tool, BaseTool) else tool
    if isinstance(form, type) and issubclass(form, BaseModel) and "$defs" in (own := json_schema(form)):
        found["function"]["parameters"] = own
    return found


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
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": json_schema(schema)}}
    traced = {"kwargs": {"method": method}, "schema": schema}
    bound = chat.bind(response_format=form, ls_structured_output_format=traced)
    parser: Any = JsonOutputParser()
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        parser = PydanticOutputParser(pydantic_object=schema)
    if not include_raw:
        answered: Runnable[LanguageModelInput, Any] = bound | parser
        return answered
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    refused = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([refused], exception_key="parsing_error")
