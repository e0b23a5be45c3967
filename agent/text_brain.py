"""A brain that only writes text: it calls tools in JSON, by the eyes' own language model or a chat model.

The eyes' decoding is constrained, so what they write is always a call of a tool that exists, with arguments
of the right form. A chat model without tool calls is asked for the same, and shown its own words once where
they are none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import BrainError, ContextOverflowError, InputError
from ..memory import Still
from .brains import Move
from .messages import INSTRUCTIONS, NOW, conversation
from .state import Exchange, State
from .steps import Call
from .tool import Tool

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

ANSWER = "answer"
"""The tool that ends a run: its text is the answer."""
LONGEST_REPLY, LONGEST_ANSWER = 256, 400
"""Tokens of a reply, and characters of an answer."""

FORM = """\
Reply with one JSON object and nothing else: {{"tool": the name of a tool, "arguments": {{...}}}}. The tools:
{tools}
answer: end with your answer to the question. {{"text": string}}"""
REPAIR = """\
That could not be used: {error} Reply with one JSON object of the form \
{{"tool": ..., "arguments": {{...}}}} and nothing else."""


class TextBrain:
    """Lets a model that writes text decide, through tool calls in JSON.

    Parameters
    ----------
    model : BaseChatModel, optional
        Any of LangChain's; by default the eyes think too, with constrained decoding.
    budget : int
        How many pictures it is shown at once; earlier ones become a line with their name.
    """

    def __init__(self, model: BaseChatModel | None = None, *, budget: int = 8) -> None:
        self.model = model
        self.budget = budget

    def next(self, state: State, tools: Mapping[str, Tool], eyes: Any) -> Move:
        """Have the model write a call, and let it mend one that is none.

        Raises
        ------
        BrainError
            If the model fails, or the eyes cannot write calls.
        """
        text, tokens = self._write(state, tools, eyes, [])
        call, error = parse(text, tools)
        if call is None:
            again = [("assistant", text), ("user", REPAIR.format(error=error))]
            second, more = self._write(state, tools, eyes, again)
            tokens += more
            call, error = parse(second, tools)
            if call is None:
                note = f"the brain wrote no tool call twice ({error}); the best answer so far stands"
                return Move(tokens=tokens, notes=(note,))
        tool, arguments = call
        if tool == ANSWER:
            return Move(text=str(arguments.get("text", "")).strip(), tokens=tokens)
        number = len(state.observations) + 1
        return Move(calls=(Call(id=f"call-{number}", tool=tool, arguments=arguments),), tokens=tokens)

    def restate(self, question: str, history: tuple[Exchange, ...]) -> str:
        """Return the question: the model is told what was said before."""
        return question

    def parts(self, question: str) -> tuple[str, ...]:
        """Return the question: the model plans how to answer all of it."""
        return (question,)

    def _write(
        self, state: State, tools: Mapping[str, Tool], eyes: Any, again: Sequence[tuple[str, str]]
    ) -> tuple[str, int]:
        """Return what the model writes, and the tokens that it read and wrote for it."""
        form = FORM.format(tools="\n".join(_described(tool) for tool in tools.values()))
        instructions = f"{INSTRUCTIONS}\n{form}"
        if not tools:
            again = [*again, ("user", NOW)]
        if self.model is not None:
            messages = conversation(state, "user", self.budget, instructions=instructions)
            return self._chat([*(plain(message) for message in messages), *again])
        if not eyes.writes_json:
            raise BrainError(
                f"{eyes.name} cannot write tool calls, its vocabulary has no JSON: use the Playbook, which "
                "plans without a language model, or a chat model."
            )
        return self._eyes(state, tools, eyes, instructions, again)

    def _chat(self, messages: Sequence[Any]) -> tuple[str, int]:
        assert self.model is not None  # asked only where there is one
        try:
            reply = self.model.invoke(list(messages))
        except Exception as error:
            raise BrainError(f"the chat model failed: {type(error).__name__}: {error}") from error
        return reply.text, reply.usage_metadata["total_tokens"] if reply.usage_metadata else 0

    def _eyes(
        self,
        state: State,
        tools: Mapping[str, Tool],
        eyes: Any,
        instructions: str,
        again: Sequence[tuple[str, str]],
    ) -> tuple[str, int]:
        """Have the eyes write, showing fewer pictures where the chat does not fit their window."""
        budget = self.budget
        while True:
            messages = conversation(state, "user", budget, instructions=instructions, by_name=True)
            prompt = prompt_of([*(plain(message) for message in messages), *again], state)
            try:
                (answer,) = eyes.answers(
                    [prompt], schema=call_schema(tools, list(state.gallery)), max_new_tokens=LONGEST_REPLY
                )
            except ContextOverflowError:
                if budget == 0:
                    raise
                budget //= 2
                continue
            return answer.text, answer.usage.text_tokens + answer.usage.new_tokens


def parse(text: str, tools: Mapping[str, Tool]) -> tuple[tuple[str, dict[str, Any]] | None, str]:
    """Read a call from what a model wrote.

    Parameters
    ----------
    text : str
        A JSON object, alone, in a code fence or behind other words.
    tools : mapping of name to Tool
        What can be called, beside ``answer``.

    Returns
    -------
    (name, arguments) or None, and what is wrong where it is None
    """
    start = text.find("{")
    if start < 0:
        return None, "there is no JSON object in it."
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except json.JSONDecodeError as error:
        return None, f"it is not JSON: {error}."
    name, arguments = value.get("tool"), value.get("arguments", {})
    if not isinstance(arguments, dict):
        return None, '"arguments" is not an object.'
    if name == ANSWER:
        answered = isinstance(arguments.get("text"), str) and bool(arguments["text"].strip())
        return ((ANSWER, arguments), "") if answered else (None, 'answer needs a "text".')
    if name not in tools:
        return None, f"there is no tool {name!r}; there are {', '.join([*tools, ANSWER])}."
    try:
        tools[name].parsed(arguments)
    except InputError as error:
        return None, error.message
    return (name, arguments), ""


def call_schema(tools: Mapping[str, Tool], pictures: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of a call: of one of the tools, naming pictures that exist, or the answer."""
    forms = [
        _form(ANSWER, object_of({"text": {"type": "string", "maxLength": LONGEST_ANSWER, "minLength": 1}}))
    ]
    for tool in tools.values():
        parameters = tool.schema()["function"]["parameters"]
        forms.append(_form(tool.name, _named(parameters, pictures)))
    return {"anyOf": forms}


def _form(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return object_of({"tool": {"const": name}, "arguments": arguments})


def object_of(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of an object with these properties, all of them and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _named(parameters: dict[str, Any], pictures: Sequence[str]) -> dict[str, Any]:
    """Let only pictures be named that there are, and want every argument: a short grammar, no defaults."""
    properties = {}
    for name, form in parameters["properties"].items():
        kept = {key: value for key, value in form.items() if key not in ("default", "description", "title")}
        if name == "image":
            kept = {"enum": list(pictures)}
        if name == "images":
            kept["items"] = {"enum": list(pictures)}
        properties[name] = kept
    return object_of(properties)


def _described(tool: Tool) -> str:
    parameters = tool.schema()["function"]["parameters"]["properties"]
    arguments = {name: form.get("description", form.get("type")) for name, form in parameters.items()}
    return f"{tool.name}: {tool.description} {json.dumps(arguments)}"


def plain(message: BaseMessage) -> tuple[str, Any]:
    """Return a message in a form that models without tool calls take: role and content.

    A call becomes the JSON that the protocol asks for, a tool's message a turn of the user's.
    """
    from langchain_core.messages import AIMessage, ToolMessage

    if isinstance(message, AIMessage):
        written = [
            json.dumps({"tool": call["name"], "arguments": call["args"]}) for call in message.tool_calls
        ]
        return "assistant", "\n".join(written) or message.text
    if isinstance(message, ToolMessage):
        return "user", [{"type": "text", "text": f"Result of {message.name}:"}, *message.content]
    return ("system" if message.type == "system" else "user"), message.content


def prompt_of(messages: Sequence[tuple[str, Any]], state: State) -> list[Any]:
    """Turn messages into a prompt of the eyes: text, stills, and what the model said before."""
    from ..tools.llava_next import Said

    prompt: list[Any] = []
    for role, content in messages:
        if role == "assistant":
            prompt.append(Said(content))
            continue
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        parts: list[str | Still] = [
            state.gallery[block["id"]] if block["type"] == "image" else block["text"] for block in blocks
        ]
        prompt += parts
    return prompt
