"""Calls of tools: which tool a chat calls for, and with which arguments.

Eyes that write JSON are told of the tools in words, and held to the form of a call or of an answer. For the
others, which plan nothing, the message's own words choose: a tool is called if they name what it is called
or told to do, and hold all that it needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain_core.utils.json import parse_partial_json

from ..errors import InputError
from ..tools.filling import Filled, Writer, fill
from ..tools.filling_fields import asks, takes_file
from ..tools.filling_valid import grammar
from ..tools.filling_words import Words
from ..tools.terms import asked_terms
from .langchain_messages import Chat
from .langchain_replies import Pieces, Reply, Told, asked, looked, said, spoken, told, ungiven

if TYPE_CHECKING:
    from ..tools.llava_next.generate import Cancel

FORM = """\
Reply with one JSON object and nothing else. \
To call a tool: {{"tool": name of the tool, "arguments": {{...}}}}.{answer} The tools:
{tools}"""
TO_ANSWER = ' To answer: {"answer": your answer}.'
"""Said where an answer is allowed instead of a call."""

ANY = "any"
NAMED, DESCRIBED, TAKEN = 2, 1, 2
"""What it counts for a tool that a word of the message is in its name, in its description, or is a file that
it takes; from :data:`ENOUGH` on it may be called."""
ENOUGH = 2


@dataclass(frozen=True, slots=True)
class ToolForm:
    """A tool that may be called.

    Parameters
    ----------
    name, description : str
    arguments : mapping
        The JSON schema of its arguments.
    """

    name: str
    description: str
    arguments: Mapping[str, Any]


def tool_forms(tools: Iterable[object]) -> tuple[ToolForm, ...]:
    """Read tools in the form of OpenAI's API.

    Raises
    ------
    InputError
        If one is malformed, two have the same name, or a schema cannot be held to; the message names it.
    """
    forms: list[ToolForm] = []
    for tool in tools:
        function = tool.get("function") if isinstance(tool, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
            raise InputError(
                'a tool is {"type": "function", "function": {"name", "description", "parameters"}}.',
                input="tools",
            )
        if any(form.name == name for form in forms):
            raise InputError(f"there are two tools named {name!r}.", input="tools")
        arguments = function.get("parameters") or {"type": "object", "properties": {}}
        try:
            grammar(arguments)
        except InputError as error:
            raise InputError(f"the tool {name!r}: {error.message}", input=name) from error
        forms.append(ToolForm(name, str(function.get("description") or ""), arguments))
    return tuple(forms)


def allowed_tools(tools: tuple[ToolForm, ...], choice: object) -> tuple[tuple[ToolForm, ...], bool]:
    """Return the tools that may be called by ``tool_choice``, and whether one of them must be.

    Raises
    ------
    InputError
        If it names no tool of them, or means nothing.
    """
    if isinstance(choice, Mapping):
        function = choice.get("function", choice)
        choice = function.get("name") if isinstance(function, Mapping) else None
    if choice in (None, "auto", False):
        return tools, False
    if choice == "none":
        return (), False
    if choice in (ANY, "required", True):
        return tools, True
    named = tuple(tool for tool in tools if tool.name == choice)
    if not named:
        names = ", ".join(tool.name for tool in tools) or "none"
        raise InputError(
            f"tool_choice is {choice!r}, which is none of the tools ({names}).", input="tool_choice"
        )
    return named, True


def called(
    eyes: Writer,
    chat: Chat,
    tools: tuple[ToolForm, ...],
    *,
    must: bool,
    schema: Mapping[str, Any] | None,
    max_tokens: int | None,
    cancel: Cancel | None,
    stream: bool,
) -> Pieces:
    """Let a chat be answered, or a tool be called.

    Parameters
    ----------
    eyes : Writer
    chat : Chat
    tools : of ToolForm, at least one
    must : bool
        Whether one of them has to be called.
    schema : mapping, optional
        What the answer has to be, if it has to be JSON.
    max_tokens, cancel, stream
        As of :func:`.langchain_replies.spoken`.
    """
    if eyes.writes_json:
        yield from _written(eyes, chat, tools, must, schema, max_tokens, cancel, stream)
        return
    chosen = None if chat.results and not must else _chosen(eyes, chat, tools, must)
    if chosen is not None:
        tool, filled = chosen
        yield Reply(
            calls=((tool.name, filled.value),),
            usage=filled.usage,
            confidence=filled.confidence,
            stopped_because="tool_calls",
            notes=(*ungiven(eyes, chat), *filled.notes),
        )
    elif schema is not None:
        yield from formed(eyes, chat, schema, max_tokens=max_tokens, cancel=cancel, stream=stream)
    else:
        yield from spoken(eyes, chat, max_tokens=max_tokens, cancel=cancel, stream=stream)


def formed(
    eyes: Writer,
    chat: Chat,
    schema: Mapping[str, Any],
    *,
    max_tokens: int | None,
    cancel: Cancel | None,
    stream: bool,
) -> Pieces:
    """Let a chat be answered with JSON of a schema; the parameters are those of :func:`called`."""
    if eyes.writes_json:
        how = f"Answer with JSON of this schema, and nothing else: {json.dumps(schema)}"
        prompt = _instructed(told(eyes, chat, cancel), how)
        yield from said(eyes, prompt, max_tokens=max_tokens, cancel=cancel, stream=stream, schema=schema)
        return
    filled = fill(eyes, schema, asked(chat), looked(eyes, chat, "").stills, results=chat.answers)
    text = json.dumps(filled.value, ensure_ascii=False)
    yield text
    notes = (*ungiven(eyes, chat), *filled.notes)
    yield Reply(text, usage=filled.usage, confidence=filled.confidence, notes=notes)


def _written(
    eyes: Writer,
    chat: Chat,
    tools: tuple[ToolForm, ...],
    must: bool,
    schema: Mapping[str, Any] | None,
    max_tokens: int | None,
    cancel: Cancel | None,
    stream: bool,
) -> Pieces:
    """Have the eyes write a call or an answer, held to the forms that are allowed."""
    listed = "\n".join(f"{t.name}: {t.description} {json.dumps(t.arguments)}" for t in tools)
    prompt = _instructed(
        told(eyes, chat, cancel), FORM.format(tools=listed, answer="" if must else TO_ANSWER)
    )
    form = _call_schema(tools, None if must else schema or {"type": "string"})
    text, answered = "", ""
    for piece in said(eyes, prompt, max_tokens=max_tokens, cancel=cancel, stream=stream, schema=form):
        if isinstance(piece, Reply):
            yield _read(piece, answered)
            return
        text += piece
        grown = _answer_in(text)
        if grown.startswith(answered) and len(grown) > len(answered):
            yield grown[len(answered) :]
            answered = grown


def _answer_in(text: str) -> str:
    """Return the answer in JSON that is still being written, as far as it goes; "" if there is none yet."""
    if not text.startswith('{"answer": "') or text.endswith("\\"):
        return ""
    try:
        value = parse_partial_json(text)
    except json.JSONDecodeError:
        return ""
    answer = value.get("answer") if isinstance(value, dict) else None
    return answer if isinstance(answer, str) else ""


def _read(reply: Reply, answered: str) -> Reply:
    """Return the reply that JSON of :func:`_call_schema` is."""
    try:
        value = json.loads(reply.text)
    except json.JSONDecodeError:  # it was cancelled before its end
        return replace(reply, text=answered)
    if "tool" in value:
        calls = ((value["tool"], value["arguments"]),)
        return replace(reply, text="", calls=calls, stopped_because="tool_calls")
    answer = value["answer"]
    return replace(reply, text=answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False))


def _instructed(told: Told, how: str) -> Told:
    return replace(told, prompt=[how, *told.prompt])


def _call_schema(tools: Sequence[ToolForm], answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the schema of a call of one of the tools, or of an answer where there is one."""
    definitions: dict[str, Any] = {}

    def defined(schema: Mapping[str, Any]) -> dict[str, Any]:
        name = str(len(definitions))
        definitions[name] = _moved(schema, f"#/$defs/{name}")
        return {"$ref": f"#/$defs/{name}"}

    forms = [_object({"answer": defined(answer)})] if answer is not None else []
    forms += [_object({"tool": {"const": t.name}, "arguments": defined(t.arguments)}) for t in tools]
    return {"anyOf": forms, "$defs": definitions}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _moved(part: Any, to: str) -> Any:
    """Let the references of a schema lead to the place that it is moved to."""
    if isinstance(part, list):
        return [_moved(one, to) for one in part]
    if not isinstance(part, Mapping):
        return part
    found = {key: _moved(value, to) for key, value in part.items()}
    reference = part.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        found["$ref"] = to + reference[1:]
    return found


def _chosen(
    eyes: Writer, chat: Chat, tools: tuple[ToolForm, ...], must: bool
) -> tuple[ToolForm, Filled] | None:
    """Return the tool that the last message's words call for, with its arguments; None if it is none."""
    question = asked(chat)
    done = {turn.name for turn in chat.results}
    fresh = [tool for tool in tools if tool.name not in done] or list(tools)
    # What is known now goes into a form for an answer, where there is one, rather than into a question.
    forms = [tool for tool in fresh if chat.answers and not asks(tool.arguments)]
    stills = looked(eyes, chat, "").stills
    best: tuple[ToolForm, Filled] | None = None
    for tool in sorted(forms or fresh, key=lambda tool: -_weight(tool, question)):
        if not must and _weight(tool, question) < ENOUGH:
            break
        filled = fill(eyes, tool.arguments, question, stills, results=chat.answers, words_first=True)
        if not filled.missing:
            return tool, filled
        best = best or (tool, filled)
    return best if must else None


def _weight(tool: ToolForm, question: str) -> int:
    """Return how much in a question's words calls for a tool."""
    words = _stems(question)
    shared = NAMED * len(words & _stems(tool.name)) + DESCRIBED * len(words & _stems(tool.description))
    members = tool.arguments.get("properties", {})
    return shared + TAKEN * any(takes_file(name, Words(question)) for name in members)


def _stems(text: str) -> set[str]:
    return {stem for term in asked_terms(text) for stem in term.stems}
