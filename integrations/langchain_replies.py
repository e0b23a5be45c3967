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
SHORT = 64
"""Tokens of an answer for which there is room in every window."""
RELAYED = "{name} does not put results of tools into words of its own: this is what they said"


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
class Told:
    """A prompt that fits, and what was done to make it fit."""

    prompt: list[str | Still | Said]
    notes: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)

    @property
    def stills(self) -> tuple[Still, ...]:
        """The stills of it."""
        return tuple(part for part in self.prompt if isinstance(part, Still))


def spoken(
    eyes: Writer, chat: Chat, *, max_tokens: int | None, cancel: Cancel | None, stream: bool
) -> Pieces:
    """Let the eyes answer a chat in words.

    Parameters
    ----------
    eyes : Writer
    chat : Chat
    max_tokens : int, optional
        Longest answer.
    cancel : optional
        Stops the model between two tokens when set.
    stream : bool
        Whether to give the text piece by piece; otherwise calls of several threads can be batched.

    Raises
    ------
    ContextOverflowError, InsufficientMemoryError, InputError
        As ``eyes.answer``.
    """
    if eyes.writes_json:
        yield from said(eyes, told(eyes, chat, cancel), max_tokens=max_tokens, cancel=cancel, stream=stream)
        return
    notes = ungiven(eyes, chat)
    relayed = "\n".join(turn.text for turn in chat.results if turn.text)
    if relayed:
        yield relayed
        yield Reply(relayed, notes=(*notes, RELAYED.format(name=eyes.name)))
    elif not chat.latest:
        read = eyes.plan([chat.question]).text_tokens  # refuses what the model could not read
        yield NOTHING_SHOWN
        yield Reply(NOTHING_SHOWN, usage=Usage(text_tokens=read), confidence=0.0, notes=notes)
    else:
        prompt = looked(eyes, chat, asked(chat))
        prompt = replace(prompt, notes=(*notes, *prompt.notes))
        yield from said(eyes, prompt, max_tokens=max_tokens, cancel=cancel, stream=stream)


def said(
    eyes: Writer,
    told: Told,
    *,
    max_tokens: int | None,
    cancel: Cancel | None,
    stream: bool,
    schema: Mapping[str, Any] | None = None,
) -> Pieces:
    """Have a prompt answered; the parameters are those of ``eyes.answer``."""
    room = _room(eyes, told.prompt, max_tokens)
    if stream:
        for piece in eyes.stream(told.prompt, max_new_tokens=room, cancel=cancel, schema=schema):
            yield piece if isinstance(piece, str) else replied(piece, told)
        return
    (answer,) = eyes.answers([told.prompt], max_new_tokens=room, cancel=cancel, schema=schema)
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
    text, given = "", 0
    found = False
    for piece in pieces:
        if isinstance(piece, Reply):
            if not found:
                yield text[given:]
            yield replace(piece, text=text, stopped_because="stop") if found else piece
            return
        if found:
            continue
        text += piece
        places = [
            place for place in (text.find(word, max(0, given - longest)) for word in stop) if place >= 0
        ]
        if places:
            found = True
            text = text[: min(places)]
            left.set()
        safe = len(text) if found else max(given, len(text) - longest + 1)
        if safe > given:
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


def ungiven(eyes: Writer, chat: Chat) -> tuple[str, ...]:
    """Say what of a chat eyes that know questions about pictures only are not given."""
    instructed = any(turn.role == "system" and turn.text for turn in chat.turns)
    return (NO_INSTRUCTIONS.format(name=eyes.name),) if instructed else ()


def looked(eyes: Writer, chat: Chat, question: str) -> Told:
    """Return the prompt that asks one question about what a chat showed last."""
    return _fitted(eyes, chat.latest, lambda most: about(chat, question, eyes.checkpoint, most))


def told(eyes: Writer, chat: Chat, cancel: Cancel | None) -> Told:
    """Return the prompt that tells a whole chat, in turns where the checkpoint knows them.

    For a checkpoint that was trained on one image at a time, each of several is described first, alone.
    """
    write = in_turns
    try:
        if any(turn.role == "assistant" for turn in chat.turns):
            eyes.plan(in_turns(chat, eyes.checkpoint, 1))
    except InputError:
        write = folded  # the template knows one turn only
    except ContextOverflowError:
        pass  # the answer itself says so, where nothing smaller fits
    parts = [part for turn in chat.turns for part in turn.parts]
    found = _fitted(eyes, parts, lambda most: write(chat, eyes.checkpoint, most))
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
