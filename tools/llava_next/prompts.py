"""Prompts: from text and stills in reading order to the token ids that a checkpoint was trained on.

A checkpoint brings its own chat template, but most of the llava-hf ports' templates render a message's
pictures first and its text last, whatever the order they are given in, and some know only text. So stills
that open a prompt are given to the template as content, which places them as in its training, and all later
ones are written as placeholders into the text. A template that keeps the order of its content gets it as it
is. What the assistant said before (:class:`Said`) stands in turns of its own, as the template closes them.

Each placeholder becomes as many tokens as the still has features; that expansion is ours
(:meth:`Template.expand`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from jinja2 import TemplateError

from ...errors import CheckpointError, InputError, check_text
from ...memory.still import Still


@dataclass(frozen=True, slots=True)
class Said:
    """What the assistant said before: a turn of its own between two of the user's.

    Parameters
    ----------
    text : str
        May be empty: an answer without words is a turn, too.
    """

    text: str


Prompt = Sequence[str | Still | Said]
"""Text and stills in reading order, and between the user's turns what the assistant said."""


class Visual(NamedTuple):
    """A placeholder in a prompt: one still, or consecutive frames that are fed as one video.

    Attributes
    ----------
    kind : which placeholder stands for it
    stills : places of its stills among the prompt's stills
    tokens : features it has, newlines included
    """

    kind: Literal["image", "video"]
    stills: tuple[int, ...]
    tokens: int


Part = str | Visual | Said

EMBED_STILL = "Summary above image in one word:"
EMBED_TEXT = "{text}\nSummary above sentence in one word:"
"""The words under which a still and a text end in comparable states (E5-V, arXiv 2407.12580)."""

POCKET_EMBED_STILL = "in one word :"
POCKET_EMBED_TEXT = "{text} in one word :"
"""The same for the embedded model, whose vocabulary is small."""

_SYSTEMS = (
    # How a user's turn opens, what lies between it and the assistant's turn, and the system text the
    # authors' code puts in front of it (conversation.py of LLaVA-NeXT); the ports' templates leave it to us.
    (
        "USER: ",
        " ASSISTANT:",
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions.",
    ),
    ("<|im_start|>user\n", "<|im_end|><|im_start|>assistant\n", "Answer the questions."),
    ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "You are a helpful assistant."),
    (
        "<|start_header_id|>user<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "You are a helpful language and vision assistant. You are able to understand the visual content that "
        "the user provides, and assist the user with a variety of tasks using natural language.",
    ),
)
_PROBES = ("sightloop-first", "sightloop-second")
_PROBE_AGAIN = "sightloop-third"
"""Words that no template contains."""

_Style = Literal["ordered", "front", "text"]
_Given = str | Visual
"""What the user's turns are made of."""


class Template:
    """The chat template of one checkpoint.

    Parameters
    ----------
    tokenizer : transformers tokenizer
    source : str
        The Jinja text of the template.
    placeholder_ids : mapping of "image", and "video" where the model has it, to the id of the placeholder's
    token

    Raises
    ------
    CheckpointError
        If the tokenizer has no such tokens, or the template renders neither lists of content nor plain text.
    """

    def __init__(self, tokenizer: Any, source: str, placeholder_ids: Mapping[str, int]) -> None:
        self._tokenizer = tokenizer
        self._source = source
        self.placeholder_ids = dict(placeholder_ids)
        placeholders = {
            kind: tokenizer.convert_ids_to_tokens(id_) for kind, id_ in self.placeholder_ids.items()
        }
        missing = [kind for kind, token in placeholders.items() if token is None]
        if missing:
            raise CheckpointError(
                f"the tokenizer has {len(tokenizer)} tokens and none for the placeholder of an {missing[0]}, "
                f"to which the config gives the id {self.placeholder_ids[missing[0]]}; they do not belong to "
                "one checkpoint."
            )
        self._placeholders: dict[str, str] = placeholders
        special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
        self._special = sorted(special | set(placeholders.values()), key=len, reverse=True)
        self._style: _Style = "ordered"
        self._style = self._probe()

    def render(self, parts: Sequence[Part]) -> str:
        """Write a prompt as the model expects it, up to where its answer begins.

        Parameters
        ----------
        parts : text and placeholders in reading order, and what the assistant said between them

        Returns
        -------
        str
            With one placeholder per visual, in the order given. Text that looks like a special token is taken
            apart with a space, so that nobody's words can end a turn or stand for a picture.

        Raises
        ------
        InputError
            If the assistant has said something, and the template knows one turn only.
        """
        turns: list[dict[str, Any]] = []
        given: list[_Given] = []
        for part in parts:
            if isinstance(part, Said):
                turns += [self._user(given), self._assistant(self._plain(part.text))]
                given = []
            else:
                given.append(self._plain(part) if isinstance(part, str) else part)
        turns.append(self._user(given))
        if len(turns) > 1 and not self._knows_turns:
            raise InputError(
                "the checkpoint's chat template knows one turn only: put what was said before into the words "
                "of one question, without Said."
            )
        return self._messages([*self._system, *turns])

    def encode(self, rendered: str) -> list[int]:
        """Tokenise a rendered prompt; the template or the tokenizer begins it, not both."""
        bos = self._tokenizer.bos_token
        begun = bos is not None and rendered.startswith(bos)
        ids: list[int] = self._tokenizer(rendered, add_special_tokens=not begun)["input_ids"]
        return ids

    def expand(self, ids: Sequence[int], visuals: Sequence[Visual]) -> list[int]:
        """Repeat each placeholder as often as its visual has features.

        Raises
        ------
        CheckpointError
            If the placeholders in ``ids`` are not those of ``visuals`` in their order.
        """
        kinds = {id_: kind for kind, id_ in self.placeholder_ids.items()}
        found = [kinds[id_] for id_ in ids if id_ in kinds]
        if found != [visual.kind for visual in visuals]:
            raise CheckpointError(
                f"the chat template and the tokenizer turned {len(visuals)} placeholders into {len(found)}; "
                "they do not belong to one checkpoint."
            )
        remaining = iter(visuals)
        expanded: list[int] = []
        for id_ in ids:
            expanded.extend([id_] * (next(remaining).tokens if id_ in kinds else 1))
        return expanded

    def continuation(self, rendered: str, answer: str) -> list[int]:
        """Tokenise an answer as it would stand behind a rendered prompt."""
        before, whole = self.encode(rendered), self.encode(rendered + self.lead + answer)
        if whole[: len(before)] == before and len(whole) > len(before):
            return whole[len(before) :]
        # Its first letters grew together with the prompt's last ones, which the model would never see so.
        ids: list[int] = self._tokenizer(answer, add_special_tokens=False)["input_ids"]
        return ids

    @cached_property
    def lead(self) -> str:
        """White space between the end of a rendered prompt and the first word of an answer."""
        question, word = _PROBES
        prompt = self._messages([self._user([question])])
        try:
            turns = [self._user([question]), self._assistant(word)]
            whole = self._messages(turns, answering=False)
        except (TemplateError, TypeError):
            return ""
        opening = prompt.rstrip()
        between, found, _ = whole[len(opening) :].partition(word)
        if not whole.startswith(opening) or not found or between.strip():
            return ""
        ending = prompt[len(opening) :]
        if between.startswith(ending):
            return between.removeprefix(ending).replace(" \n", "\n")
        # ChatML ports write a space before the line break of a closed turn, which no answer begins with.
        return between.lstrip(" ").removeprefix(ending)

    @cached_property
    def _system(self) -> list[dict[str, Any]]:
        if self._style == "text":
            return []
        rendered = self._messages([self._user([_PROBES[0]])])
        bos = self._tokenizer.bos_token or ""
        for opening, closing, text in _SYSTEMS:
            if rendered.removeprefix(bos) == f"{opening}{_PROBES[0]}{closing}":
                return [{"role": "system", "content": self._content([text])}]
        return []

    @cached_property
    def _knows_turns(self) -> bool:
        """Whether the template renders what the assistant said, and stills in the turn after it."""
        image, (first, second) = Visual("image", (0,), 1), _PROBES
        turns = [self._user([image, first]), self._assistant(second), self._user([image, _PROBE_AGAIN])]
        try:
            rendered = self._messages(turns)
        except (TemplateError, TypeError):
            return False
        before, _, after = rendered.partition(second)
        marks = (first, second, _PROBE_AGAIN)
        return (
            all(rendered.count(mark) == 1 for mark in marks)
            and (first in before and _PROBE_AGAIN in after)
            and all(side.count(self._placeholders["image"]) == 1 for side in (before, after))
        )

    def _user(self, parts: Sequence[_Given]) -> dict[str, Any]:
        return {"role": "user", "content": self._content(parts)}

    def _assistant(self, text: str) -> dict[str, Any]:
        return {"role": "assistant", "content": self._content([text])}

    def _content(self, parts: Sequence[_Given]) -> str | list[dict[str, str]]:
        if self._style == "text":
            return self._inline(parts)
        if self._style == "ordered":
            return [_item(part) for part in parts]
        # The template renders pictures, then videos, then text: what opens the prompt in that order may stay.
        leading: list[Visual] = []
        for part in parts:
            if isinstance(part, str) or (leading and leading[-1].kind == "video" and part.kind == "image"):
                break
            leading.append(part)
        text = self._inline(parts[len(leading) :])
        return [*(_item(part) for part in leading), {"type": "text", "text": text}]

    def _inline(self, parts: Iterable[_Given]) -> str:
        """Write placeholders into the text: each on the line of the words before it, which it ends."""
        written = ""
        before: _Given | None = None
        for part in parts:
            if before is not None:
                after_text = isinstance(before, str) and not isinstance(part, str)
                written += " " if after_text and not written[-1:].isspace() else "" if after_text else "\n"
            written += part if isinstance(part, str) else self._placeholders[part.kind]
            before = part
        return written

    def _plain(self, text: str) -> str:
        for token in self._special:
            if len(token) > 1 and token in text:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def _messages(self, messages: list[dict[str, Any]], *, answering: bool = True) -> str:
        rendered = self._tokenizer.apply_chat_template(
            messages, chat_template=self._source, tokenize=False, add_generation_prompt=answering
        )
        assert isinstance(rendered, str)
        return rendered

    def _probe(self) -> _Style:
        """Find out which kind of content the template understands, and whether it keeps its order."""
        image = Visual("image", (0,), 1)
        first, second = _PROBES
        styles: tuple[_Style, ...] = ("ordered", "text")
        for style in styles:
            self._style = style
            try:
                rendered = self._messages([self._user([first, image, second])])
            except (TemplateError, TypeError):
                continue
            marks = (first, self._placeholders["image"], second)
            if any(rendered.count(mark) != 1 for mark in marks):
                continue
            places = [rendered.index(mark) for mark in marks]
            return style if places == sorted(places) else "front"
        raise CheckpointError(
            "the chat template renders neither a list of content nor plain text with the placeholder "
            f"{self._placeholders['image']!r}; template, tokenizer and config must be of one checkpoint."
        )


def check(prompt: Prompt) -> None:
    """Refuse what is not a prompt.

    Raises
    ------
    InputError
        If it is empty, a bare string, or holds something else than text, stills and what was said, or its
        turns do not alternate (:func:`check_turns`).
    """
    if isinstance(prompt, str):
        raise InputError(
            'a prompt is a sequence of text and stills: write [still, "question"], not a string.'
        )
    for part in prompt:
        if not isinstance(part, str | Still | Said):
            raise InputError(f"a prompt holds text, stills and Said, not {type(part).__name__}.")
        if isinstance(part, Said) and not isinstance(part.text, str):
            raise InputError(f"what a prompt has Said is text, not {type(part.text).__name__}.")
        if not isinstance(part, Still):
            check_text(part.text if isinstance(part, Said) else part, "prompt")
    check_turns(prompt)
    if not any(isinstance(part, Still) or (isinstance(part, str) and part.strip()) for part in prompt):
        raise InputError("the prompt is empty: give it a question, stills, or both.")


def check_turns(prompt: Sequence[object]) -> None:
    """Refuse a prompt in which the assistant does not speak between two turns of the user's.

    Parameters
    ----------
    prompt : sequence
        What is neither str nor Said counts as a still.

    Raises
    ------
    InputError
        If it begins or ends with :class:`Said`, or has two without anything between them; blank text is
        nothing.
    """
    places = [i for i, part in enumerate(prompt) if isinstance(part, Said)]
    for start, end in zip([-1, *places], [*places, len(prompt)], strict=True):
        turn = prompt[start + 1 : end]
        if places and not any(part.strip() if isinstance(part, str) else True for part in turn):
            where = "begins" if start < 0 else "ends" if end == len(prompt) else "goes on"
            raise InputError(
                f"the prompt {where} with what the assistant said: before and after every Said there must be "
                "a question or a still of the user's."
            )


def _item(part: _Given) -> dict[str, str]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": part.kind}
