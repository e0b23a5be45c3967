"""Calls of tools: which tool a chat calls for, and with which arguments.

Eyes that write JSON are told of the tools in words, and held to the form of a call or of an answer. For the
others, which plan nothing, the message's own words choose: a tool is called if they name what it is called
or told to do, and hold all that it needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..agent.text_brain import object_of
from ..errors import InputError
from ..tools.filling import Filled, Writer, fill
from ..tools.filling_fields import asks, takes_file
from ..tools.filling_valid import grammar
from ..tools.filling_words import Words
from ..tools.terms import asked_terms
from .langchain_messages import Chat
from .langchain_replies import How, Pieces, Reply, Told, asked, looked, said, spoken, told

FORM = """\
Reply with one JSON object and nothing else. \
To call a tool: {{"tool": name of the tool, "arguments": {{...}}}}.{answer} The tools:
{tools}"""
TO_ANSWER = ' To answer: {"answer": your answer}.'
"""Said where an answer is allowed instead of a call."""
TO_FORM = "Answer with JSON of this schema, and nothing else: {schema}"

_ANSWERING = '{"answer": "'
_CHARACTERS = re.compile(r'(?:[^"\\]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')

NAMED, DESCRIBED, TAKEN = 2, 1, 2
"""What it counts for a tool that a word of the message is in its name, in its description, or is a file that
it takes; from :data:`ENOUGH` on it may be called."""
ENOUGH = 2
MOST_TRIED = 8
"""Tools whose arguments are looked for, those first that most calls for."""


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
    if choice in ("any", "required", True):
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
    how: How,
    *,
    must: bool,
    schema: Mapping[str, Any] | None,
) -> Pieces:
    """Let a chat be answered, or a tool be called.

    Parameters
    ----------
    eyes : Writer
    chat : Chat
    tools : of ToolForm, at least one
    how : How
    must : bool
        Whether one of them has to be called.
    schema : mapping, optional
        What the answer has to be, if it has to be JSON.
    """
    if eyes.writes_json:
        yield from _written(eyes, chat, tools, how, None if must else schema or {"type": "string"})
        return
    chosen = None if chat.results and not must else _chosen(eyes, chat, tools, must)
    if chosen is not None:
        yield chosen
    elif schema is not None:
        yield from formed(eyes, chat, how, schema)
    else:
        yield from spoken(eyes, chat, how)


def formed(eyes: Writer, chat: Chat, how: How, schema: Mapping[str, Any]) -> Pieces:
    """Let a chat be answered with JSON of a schema."""
    if eyes.writes_json:
        prompt = _instructed(told(eyes, chat, how.cancel), TO_FORM.format(schema=json.dumps(schema)))
        yield from said(eyes, prompt, how, schema)
        return
    seen = looked(eyes, chat)
    filled = fill(eyes, schema, asked(chat), seen.stills, results=chat.answers)
    text = json.dumps(filled.value, ensure_ascii=False)
    yield text
    yield replace(_filled(filled, seen), text=text)


def _filled(filled: Filled, seen: Told) -> Reply:
    notes = (*seen.notes, *filled.notes)
    return Reply(usage=filled.usage, confidence=filled.confidence, notes=notes)


def _written(
    eyes: Writer, chat: Chat, tools: tuple[ToolForm, ...], how: How, answer: Mapping[str, Any] | None
) -> Pieces:
    """Have the eyes write a call, or an answer where there is a schema of one."""
    listed = "\n".join(f"{t.name}: {t.description} {json.dumps(t.arguments)}" for t in tools)
    form = FORM.format(tools=listed, answer="" if answer is None else TO_ANSWER)
    prompt = _instructed(told(eyes, chat, how.cancel), form)
    text, given = "", ""
    for piece in said(eyes, prompt, how, _call_schema(tools, answer)):
        if isinstance(piece, Reply):
            reply = _read(piece, given)
            if len(reply.text) > len(given):
                yield reply.text[len(given) :]
            yield reply
            return
        text += piece
        grown = _answer_in(text)
        if len(grown) > len(given):
            yield grown[len(given) :]
            given = grown


def _answer_in(text: str) -> str:
    """Return the answer in JSON that is still being written, as far as it goes; "" if there is none yet."""
    if not text.startswith(_ANSWERING):
        return ""
    written = _CHARACTERS.match(text, len(_ANSWERING))
    answer: str = json.loads(f'"{written[0]}"') if written else ""
    # Half of a character that is written as two.
    return answer[:-1] if "\ud800" <= answer[-1:] <= "\udfff" else answer


def _read(reply: Reply, given: str) -> Reply:
    """Return the reply that JSON of :func:`_call_schema` is; what was ``given``, if it has no end."""
    try:
        value = json.loads(reply.text)
    except json.JSONDecodeError:  # it was cancelled
        return replace(reply, text=given)
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

    forms = [object_of({"answer": defined(answer)})] if answer is not None else []
    forms += [object_of({"tool": {"const": t.name}, "arguments": defined(t.arguments)}) for t in tools]
    return {"anyOf": forms, "$defs": definitions}


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


def _chosen(eyes: Writer, chat: Chat, tools: tuple[ToolForm, ...], must: bool) -> Reply | None:
    """Return a call of the tool that the last message's words call for; None if they call for none."""
    question, seen = asked(chat), looked(eyes, chat)
    done = {turn.name for turn in chat.results}
    fresh = [tool for tool in tools if tool.name not in done] or list(tools)
    # What is known now goes into a form for an answer, where there is one, rather than into a question.
    forms = [tool for tool in fresh if chat.answers and not asks(tool.arguments)]
    words, files = _stems(question), Words(question).files
    weighed = [(_weight(tool, words, files), tool) for tool in forms or fresh]
    first: Reply | None = None
    for weight, tool in sorted(weighed, key=lambda pair: -pair[0])[:MOST_TRIED]:
        if not must and weight < ENOUGH:
            break
        filled = fill(eyes, tool.arguments, question, seen.stills, results=chat.answers, words_first=True)
        call = ((tool.name, filled.value),)
        reply = replace(_filled(filled, seen), calls=call, stopped_because="tool_calls")
        if not filled.missing:
            return reply
        first = first or reply
    return first if must else None


def _weight(tool: ToolForm, words: set[str], files: Sequence[str]) -> int:
    """Return how much in a question's words, and in the files it names, calls for a tool."""
    shared = NAMED * len(words & _stems(tool.name)) + DESCRIBED * len(words & _stems(tool.description))
    members = tool.arguments.get("properties", {})
    return shared + TAKEN * any(takes_file(name, files) for name in members)


def _stems(text: str) -> set[str]:
    return {stem for term in asked_terms(text) for stem in term.stems}
