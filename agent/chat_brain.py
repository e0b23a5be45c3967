"""A brain that is a chat model of LangChain, with tool calls of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import BrainError
from .brains import Move
from .messages import INSTRUCTIONS, NOW, Where, conversation, where_of
from .state import Exchange, State
from .steps import Call
from .tool import Tool

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage


class ChatBrain:
    """Lets a chat model decide, by its native tool calls.

    Parameters
    ----------
    model : BaseChatModel
        Any of LangChain's that has ``bind_tools``.
    pictures : "tool", "user" or "words", optional
        Where it takes the pictures that tools show: in the tool's message, in a user's turn behind it, or not
        at all (a model that cannot see is told in words). By default as the model's profile says.
    budget : int
        How many pictures it is shown at once; earlier ones become a line with their name.
    instructions : str
        The system's message.

    Examples
    --------
    >>> agent = VisualAgent(brain=ChatBrain(ChatOpenAI(model="gpt-5")))  # doctest: +SKIP
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        pictures: Where | None = None,
        budget: int = 8,
        instructions: str = INSTRUCTIONS,
    ) -> None:
        self.model = model
        self.pictures: Where = pictures or where_of(getattr(model, "profile", None))
        self.budget = budget
        self.instructions = instructions

    def next(self, state: State, tools: Mapping[str, Tool], eyes: Any) -> Move:
        """Ask the model.

        Raises
        ------
        BrainError
            If it fails, or cannot call tools.
        """
        from langchain_core.messages import HumanMessage

        from .toolbox import TOOLS

        messages = conversation(state, self.pictures, self.budget, instructions=self.instructions)
        if not tools:
            messages.append(HumanMessage(NOW))
        try:
            # Always bound: several providers refuse a chat that holds tool calls without any tools.
            bound = self.model.bind_tools([tool.schema() for tool in (tools or TOOLS).values()])
            reply = bound.invoke(messages)
        except Exception as error:
            raise BrainError(f"the chat model failed: {type(error).__name__}: {error}") from error
        return self._move(reply, bool(tools))

    @staticmethod
    def _move(reply: AIMessage, may_call: bool) -> Move:
        calls = tuple(
            _call(call["id"] or f"call-{number}", call["name"], call["args"])
            for number, call in enumerate(reply.tool_calls)
        )
        # What cannot be read is called all the same: the tool's error shows the model what it wrote.
        calls += tuple(
            Call(
                id=call["id"] or f"bad-{number}",
                tool=call["name"] or "unnamed",
                arguments={"unreadable": str(call["args"])},
            )
            for number, call in enumerate(reply.invalid_tool_calls)
        )
        spent = reply.usage_metadata["total_tokens"] if reply.usage_metadata else 0
        return Move(calls=calls if may_call else (), text=reply.text.strip(), tokens=spent)

    def restate(self, question: str, history: tuple[Exchange, ...]) -> str:
        """Return the question: the model is told what was said before."""
        return question

    def parts(self, question: str) -> tuple[str, ...]:
        """Return the question: the model plans how to answer all of it."""
        return (question,)


def _call(id_: str, tool: str, arguments: dict[str, Any]) -> Call:
    """Return a call; arguments that are no JSON, such as infinity, as what cannot be read."""
    try:
        return Call(id=id_, tool=tool, arguments=arguments)
    except ValidationError:
        return Call(id=id_, tool=tool, arguments={"unreadable": str(arguments)})
