"""Messages of a chat as turns of text and stills, and turns as a prompt of the eyes.

A checkpoint whose template knows several turns gets them as they are. One that knows a single turn is told
what was said before in words. The embedded model, which only knows questions about pictures, gets the last
question, completed from the one before, and the latest pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage

from ..errors import InputError
from ..memory import Size, Still
from ..memory.sources.photos import MAX_BATCH_PIXELS
from ..tools.look import distinct, interleave
from .media import KINDS, SOUND, Media, canonical, short
from .media_stills import MOST_FRAMES, Clip, stills_of

if TYPE_CHECKING:
    from ..tools.llava_next.checkpoints import Checkpoint
    from ..tools.llava_next.prompts import Said

Role = Literal["system", "user", "assistant", "tool"]
Part = str | Still | Clip

UNSAID = frozenset({"thinking", "redacted_thinking", "reasoning", "tool_use", "tool_call", "function_call"})
"""Blocks of an assistant's message that are no words of it: its calls are read from ``tool_calls``."""

FEWER = (MOST_FRAMES, 24, 16, 12, 8, 6, 4, 3, 2, 1)
"""How many stills of one video or document are tried, from the most to the fewest that fit."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one message says and shows.

    Parameters
    ----------
    role : "system", "user", "assistant" or "tool"
    parts : tuple of str, Still and Clip
        In reading order.
    name : str
        Of the tool whose result it is.
    answer : str
        What that tool has answered, without what it says about it; "" where it failed.
    """

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    answer: str = ""

    @property
    def text(self) -> str:
        """Its words."""
        return "\n".join(part for part in self.parts if isinstance(part, str)).strip()

    @property
    def shows(self) -> bool:
        """Whether there is anything to see."""
        return any(not isinstance(part, str) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation, up to what is to be answered.

    Parameters
    ----------
    turns : tuple of Turn
    """

    turns: tuple[Turn, ...]

    @property
    def question(self) -> str:
        """The last words of the user's."""
        return next((t.text for t in reversed(self.turns) if t.role == "user" and t.text), "")

    @property
    def results(self) -> tuple[Turn, ...]:
        """What tools have answered since the user spoke last."""
        last = max((i for i, turn in enumerate(self.turns) if turn.role == "user"), default=-1)
        return tuple(turn for turn in self.turns[last + 1 :] if turn.role == "tool")

    @property
    def answers(self) -> str:
        """What these tools have answered, as text."""
        return "\n".join(turn.answer for turn in self.results if turn.answer)

    @property
    def latest(self) -> tuple[Part, ...]:
        """What was shown last: of all messages that follow each other without an assistant's between them."""
        for group in reversed(list(_groups(self.turns))):
            shown = tuple(part for turn in group for part in turn.parts if not isinstance(part, str))
            if shown:
                return shown
        return ()


def in_one_form(messages: Iterable[BaseMessage]) -> list[BaseMessage]:
    """Return messages whose media blocks are all written in one form, which LangChain itself can handle.

    Raises
    ------
    InputError
        If a block has no type, or does not say what it shows; the message tells which one.
    """
    found: list[BaseMessage] = []
    for number, message in enumerate(messages, start=1):
        if isinstance(message.content, str):
            found.append(message)
            continue
        with _of_message(number):
            blocks = [block if isinstance(block, str) else _block(block) for block in message.content]
        found.append(message.model_copy(update={"content": blocks}))
    return found


def _block(block: dict[str, Any]) -> dict[str, Any]:
    kind = block.get("type")
    if not isinstance(kind, str):
        raise InputError(f'a block needs a "type", not {kind!r:.40}.', input="type")
    if kind in SOUND:
        raise _unheard(kind)  # LangChain, which would rewrite it, stumbles over sound that has no data
    return canonical(block) if kind in KINDS else block


@contextmanager
def _of_message(number: int) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"message {number}: {error.message}", input=error.input) from error


def read(messages: Iterable[BaseMessage], media: Media, checkpoint: Checkpoint, folder: Path) -> Chat:
    """Read messages.

    Parameters
    ----------
    messages : of BaseMessage
    media : Media
        What blocks may show.
    checkpoint : of the model that will be shown it
    folder : Path
        Where bytes that come with the messages are kept while they are read.

    Raises
    ------
    InputError
        If there is nothing to answer, a block cannot be read (the message tells which one), or the pictures
        are too large together.
    """
    turns: list[Turn] = []
    names: dict[str | None, str] = {}
    pixels = 0
    for number, message in enumerate(messages, start=1):
        parts: list[Part] = []
        for block in _blocks(message):
            with _of_message(number):
                found = list(_parts(block, media, checkpoint, folder))
            parts += found
            pixels += sum(size.width * size.height for size in _sizes(found))
            if pixels > MAX_BATCH_PIXELS:
                raise InputError(
                    f"the pictures have more than {MAX_BATCH_PIXELS / 1e6:,.0f} megapixels together."
                )
        if isinstance(message, AIMessage):
            names |= {call["id"]: call["name"] for call in message.tool_calls}
        turns.append(_turn(message, parts, names))
    if not any(turn.role in ("user", "tool") and turn.text for turn in turns):
        raise InputError("there is no question: the messages hold no text of the user's.")
    if turns[-1].role == "assistant":
        raise InputError("the last message is the assistant's: end with a question, or a tool's result.")
    return Chat(tuple(turns))


def _sizes(parts: Iterable[Part]) -> Iterator[Size]:
    for part in parts:
        if not isinstance(part, str):
            yield from (still.size for still in (part.stills if isinstance(part, Clip) else (part,)))


def _turn(message: BaseMessage, parts: list[Part], names: Mapping[str | None, str]) -> Turn:
    if isinstance(message, AIMessage):
        calls = [_written(call) for call in message.tool_calls]
        return Turn("assistant", (*parts, *calls))
    if isinstance(message, ToolMessage):
        told = message.artifact.get("answer") if isinstance(message.artifact, Mapping) else None
        answer = told if isinstance(told, str) else "\n".join(part for part in parts if isinstance(part, str))
        name = message.name or names.get(message.tool_call_id, "")
        return Turn("tool", tuple(parts), name, "" if message.status == "error" else answer)
    return Turn("system" if isinstance(message, SystemMessage) else "user", tuple(parts))


def _written(call: Mapping[str, Any]) -> str:
    """Return a call as the text protocol writes it."""
    return json.dumps({"tool": call["name"], "arguments": call["args"]}, ensure_ascii=False)


def _blocks(message: BaseMessage) -> Iterator[Mapping[str, Any]]:
    content = message.content
    for block in [content] if isinstance(content, str) else content:
        yield {"type": "text", "text": block} if isinstance(block, str) else block


def _parts(
    block: Mapping[str, Any], media: Media, checkpoint: Checkpoint, folder: Path
) -> Iterator[str | Still | Clip]:
    kind = str(block.get("type"))
    if kind in KINDS:
        yield stills_of(media.read(block, folder), checkpoint)
    elif kind in ("text", "input_text", "output_text", "text-plain", "refusal"):
        words = block.get("refusal" if kind == "refusal" else "text")
        if not isinstance(words, str):
            raise InputError(f"a block of type {kind!r} needs text, not {type(words).__name__}.", input=kind)
        if words.strip():
            yield words
    elif kind in SOUND:
        raise _unheard(kind)
    elif kind not in UNSAID:
        raise InputError(
            f"a block of type {kind!r:.40} is not read; send text, {', '.join(sorted(KINDS))}.",
            input=short(kind),
        )


def _unheard(kind: str) -> InputError:
    return InputError("a block holds sound, which this model cannot hear: send text or pictures.", input=kind)


def _groups(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    """Yield the turns in runs between which the assistant has its own."""
    group: list[Turn] = []
    for turn in turns:
        if turn.role == "assistant":
            if group:
                yield group
            group = []
        else:
            group.append(turn)
    if group:
        yield group


def in_turns(chat: Chat, checkpoint: Checkpoint, most: int) -> list[str | Still | Said]:
    """Return the prompt that tells a chat turn by turn.

    Parameters
    ----------
    chat : Chat
    checkpoint : Checkpoint
    most : int
        Stills of one video or document that are shown at most.
    """
    from ..tools.llava_next import Said

    prompt: list[str | Still | Said] = []
    open_turn = False  # the user has said something since the assistant did
    for turn in chat.turns:
        if turn.role != "assistant":
            parts = _flat(turn, checkpoint, most)
            prompt += parts
            open_turn = open_turn or bool(parts)
        elif open_turn:
            prompt.append(Said(turn.text))
            open_turn = False
        elif prompt and isinstance(prompt[-1], Said):
            prompt[-1] = Said(f"{prompt[-1].text}\n{turn.text}".strip())
        elif turn.text:
            prompt.append(f"You said: {turn.text}")
            open_turn = True
    return prompt


def folded(chat: Chat, checkpoint: Checkpoint, most: int) -> list[str | Still | Said]:
    """Return the prompt that tells a chat in one turn, as a dialogue written down; see :func:`in_turns`."""
    names = {"user": "User: ", "assistant": "Assistant: ", "tool": "", "system": ""}
    prompt: list[str | Still | Said] = []
    for turn in chat.turns:
        parts = _flat(turn, checkpoint, most)
        if parts and isinstance(parts[0], str):
            parts[0] = names[turn.role] + parts[0]
        prompt += parts
    return prompt


def _flat(turn: Turn, checkpoint: Checkpoint, most: int) -> list[str | Still | Said]:
    parts: list[str | Still | Said] = []
    if turn.role == "tool":
        parts.append(f"Result of {turn.name or 'the tool'}:")
    for part in turn.parts:
        if isinstance(part, Clip):
            parts += interleave("", part.thinned(most), checkpoint)[:-1]
        else:
            parts.append(part)
    return parts


def about(chat: Chat, question: str, checkpoint: Checkpoint, most: int) -> list[str | Still | Said]:
    """Return the prompt that asks one question about what was shown last."""
    stills: list[Still] = []
    for part in chat.latest:
        stills += part.thinned(most) if isinstance(part, Clip) else [part] if isinstance(part, Still) else []
    return [*interleave(question, stills, checkpoint)]


def notes_on(parts: Iterable[Part], most: int) -> tuple[str, ...]:
    """Say what of videos and documents was shown where ``most`` stills of each were."""
    return distinct(part.note(len(part.thinned(most))) for part in parts if isinstance(part, Clip))
