"""Replies of a chat model: what the eyes say to a chat, in pieces and as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from ..errors import ContextOverflowError, InputError
from ..memory import Still
from ..tools.filling import Writer
from ..tools.followup import complete
from ..tools.llava_next.answers import Answer, Usage
from ..tools.look import DESCRIBE, DESCRIBED, distinct, interleave, label, sees_one_at_a_time
from .langchain_messages import FEWER, Chat, about, folded, in_turns, notes_on
from .media_stills import Clip

if TYPE_CHECKING:
    from ..tools.llava_next.generate import Cancel
    from ..tools.llava_next.prompts import Prompt, Said

NOTHING_SHOWN = "There is no picture in this conversation, and I can only answer questions about pictures."
"""What eyes that know pictures only say where there is none."""
NO_INSTRUCTIONS = "{name} reads no instructions: the system's messages were left out"
RELAYED = "{name} does not put results of tools into words of its own: this is what they said"
ONE_TURN = "{name} knows one turn only: what was said before was told in it, as a dialogue"
SHORT = 64
"""Tokens of an answer for which there is room in every window."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply.

    Parameters
    ----------
    text : str
    calls : tuple of (name, arguments)
        Tools that are to be called.
    usage : Usage
    confidence : float in 0..1, or None where the words are not the model's
    stopped_because : str
        As of an :class:`~sightloop.tools.llava_next.Answer`, or "tool_calls".
    notes : tuple of str
        What a reader must know about how it came to be.
    """

    text: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    usage: Usage = field(default_factory=Usage)
    confidence: float | None = None
    stopped_because: str = "stop"
    notes: tuple[str, ...] = ()


Pieces = Iterator[str | Reply]
"""Pieces of text, which together are the reply's, and at the end the reply."""


@dataclass(frozen=True, slots=True)
class How:
    """How a reply is to be made.

    Parameters
    ----------
    max_tokens : int, optional
        Longest answer.
    cancel : Cancel, optional
        Stops the model between two tokens when set.
    stream : bool
        Whether to give the text piece by piece; otherwise the answers of several threads can be batched.
    """

    max_tokens: int | None = None
    cancel: Cancel | None = None
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A prompt that fits, and what was done to make it fit."""

    prompt: list[str | Still | Said]
    notes: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)

    @property
    def stills(self) -> tuple[Still, ...]:
        """The stills of it."""
        return tuple(part for part in self.prompt if isinstance(part, Still))


def spoken(eyes: Writer, chat: Chat, how: How) -> Pieces:
    """Let the eyes answer a chat in words.

    Raises
    ------
    ContextOverflowError, InsufficientMemoryError, InputError
        As ``eyes.answer``.
    """
    if eyes.writes_json:
        yield from said(eyes, told(eyes, chat, how.cancel), how)
        return
    prompt = looked(eyes, chat, asked(chat))
    relayed = "\n".join(turn.text for turn in chat.results if turn.text)
    if relayed:
        yield relayed
        yield Reply(relayed, notes=(*prompt.notes, RELAYED.format(name=eyes.name)))
    elif prompt.stills:
        yield from said(eyes, prompt, how)
    else:
        read = eyes.plan(prompt.prompt).text_tokens  # refuses what the model could not read
        yield NOTHING_SHOWN
        yield Reply(NOTHING_SHOWN, usage=Usage(text_tokens=read), confidence=0.0, notes=prompt.notes)


def said(eyes: Writer, told: Told, how: How, schema: Mapping[str, Any] | None = None) -> Pieces:
    """Have a prompt answered, with JSON of a schema where one is given."""
    room = _room(eyes, told.prompt, how.max_tokens)
    if how.stream:
        for piece in eyes.stream(told.prompt, max_new_tokens=room, cancel=how.cancel, schema=schema):
            yield piece if isinstance(piece, str) else replied(piece, told)
        return
    (answer,) = eyes.answers([told.prompt], max_new_tokens=room, cancel=how.cancel, schema=schema)
    yield answer.text
    yield replied(answer, told)


def _room(eyes: Writer, prompt: Prompt, max_tokens: int | None) -> int | None:
    """Return the longest answer that is asked for and fits: chats ask for thousands of tokens unseen."""
    if max_tokens is None or max_tokens <= SHORT:
        return max_tokens
    plan = eyes.plan(prompt)
    left = eyes.checkpoint.window - plan.visual_tokens - plan.text_tokens
    return min(max_tokens, max(left, plan.new_tokens))


def until(pieces: Pieces, stop: Sequence[str], left: Left) -> Pieces:
    """Let a reply end before the first of some words.

    Parameters
    ----------
    pieces : of a reply
    stop : of str, none of them empty
    left : Left
        Is set when the words have come: the model need not go on.
    """
    longest = max(map(len, stop))
    text, given, ended = "", 0, False
    for piece in pieces:
        if isinstance(piece, Reply):
            if given < len(text):
                yield text[given:]
            yield replace(piece, text=text, stopped_because="stop") if ended else piece
        elif not ended:
            text += piece
            found = [text.find(word, max(0, given - longest)) for word in stop]
            ended = max(found) >= 0
            if ended:
                text = text[: min(place for place in found if place >= 0)]
                left.set()
            # What may be the beginning of such a word waits for the next piece.
            safe = len(text) if ended else len(text) - longest + 1
            if given < safe:
                yield text[given:safe]
                given = safe


class Left(threading.Event):
    """Is set when nobody waits any more, or when what the caller gave as ``cancel`` is.

    Parameters
    ----------
    other : Cancel, optional
        The caller's.
    """

    def __init__(self, other: Cancel | None = None) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        """Whether to stop."""
        return super().is_set() or (self._other is not None and self._other.is_set())


def replied(answer: Answer, told: Told) -> Reply:
    """Return the reply that an answer is."""
    return Reply(
        text=answer.text,
        usage=told.usage + answer.usage,
        confidence=answer.confidence,
        stopped_because=answer.stopped_because,
        notes=distinct([*told.notes, *answer.notes]),
    )


def asked(chat: Chat) -> str:
    """Return the last question; a follow-up is completed from the one before it, which may be one, too."""
    questions = [turn.text for turn in chat.turns if turn.role == "user" and turn.text]
    return reduce(lambda before, question: complete(question, before), questions) if questions else ""


def looked(eyes: Writer, chat: Chat, question: str = "") -> Told:
    """Return the prompt that asks one question about what a chat showed last, and nothing else.

    That is for eyes that know no more than questions about pictures.
    """
    found = _fitted(eyes, chat.latest, lambda most: about(chat, question, eyes.checkpoint, most))
    instructed = any(turn.role == "system" and turn.text for turn in chat.turns)
    notes = (NO_INSTRUCTIONS.format(name=eyes.name),) if instructed else ()
    return replace(found, notes=(*notes, *found.notes))


def told(eyes: Writer, chat: Chat, cancel: Cancel | None) -> Told:
    """Return the prompt that tells a whole chat, in turns where the checkpoint knows them.

    For a checkpoint that was trained on one image at a time, each of several is described first, alone.
    """
    write = in_turns
    notes: tuple[str, ...] = ()
    try:
        if any(turn.role == "assistant" for turn in chat.turns):
            eyes.plan(in_turns(chat, eyes.checkpoint, 1))
    except InputError:
        write, notes = folded, (ONE_TURN.format(name=eyes.name),)
    except ContextOverflowError:
        pass  # the answer itself says so, where nothing smaller fits
    parts = [part for turn in chat.turns for part in turn.parts]
    found = _fitted(eyes, parts, lambda most: write(chat, eyes.checkpoint, most))
    found = replace(found, notes=(*notes, *found.notes))
    if not sees_one_at_a_time(eyes.checkpoint, found.stills):
        return found
    return _described(eyes, found, chat.question, cancel)


def _described(eyes: Writer, told: Told, question: str, cancel: Cancel | None) -> Told:
    """Put into a prompt what each still was found to show, in the stills' places."""
    stills = told.stills
    alone: list[Prompt] = [
        interleave(DESCRIBE.format(question=question), [still], eyes.checkpoint) for still in stills
    ]
    answers = eyes.answers(alone, max_new_tokens=DESCRIBED, cancel=cancel)
    words = iter(f"{label(s, n)} : {a.text}" for n, (s, a) in enumerate(zip(stills, answers, strict=True), 1))
    note = (
        f"{eyes.name} was trained on one image at a time: each of the {len(stills)} was described alone, and "
        "the answer drawn from the descriptions. It has not compared their pixels."
    )
    return Told(
        [next(words) if isinstance(part, Still) else part for part in told.prompt],
        distinct([*told.notes, note, *(note for answer in answers for note in answer.notes)]),
        sum((answer.usage for answer in answers), Usage()),
    )


def _fitted(eyes: Writer, parts: Sequence[object], build: Callable[[int], list[str | Still | Said]]) -> Told:
    """Return the prompt that shows as much of each video and document as fits the model's window."""
    clips = [part for part in parts if isinstance(part, Clip)]
    if not clips:
        return Told(build(FEWER[0]))
    for most in FEWER:
        prompt = build(most)
        try:
            eyes.plan(prompt)
        except ContextOverflowError:
            if most == FEWER[-1]:
                raise
            continue
        return Told(prompt, notes_on(clips, most))
    raise AssertionError("the last of the tries returns or raises")
