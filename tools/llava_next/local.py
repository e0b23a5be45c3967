"""Local: a LLaVA-NeXT checkpoint on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, SightloopError
from ...memory.still import Still
from .answers import Answer, Choice
from .batches import Peak, batches, charged, held_to
from .choose import log_probabilities
from .closing import Alphabet
from .constrained import Grammar, Grammars
from .embedding import last_states, summaries
from .generate import Cancel
from .loading import Loaded, Quantization, load
from .machine import available_bytes
from .plan import Plan, plan
from .prepare import Prepared, cost, prepare
from .prompts import Prompt, Said
from .recovery import all_or_one_by_one
from .replies import answered, chosen, unsaid
from .seen import Seen, see
from .together import Ready, Request, decoding, together

if TYPE_CHECKING:
    import torch

    from .checkpoints import Checkpoint

Result = TypeVar("Result")
Batch = list[Prepared]


class LlavaNext:
    """Answers prompts of text and stills, in reading order, with a model on this machine.

    Parameters
    ----------
    model : str or Path, optional
        A folder in the layout of the llava-hf repositories, a name that ``sightloop models`` lists, or
        nothing for the embedded model.
    device : str, optional
        "cpu", "cuda", "cuda:1"; by default the first GPU if there is one. All of the model is on this device.
    dtype : str or torch.dtype, optional
        By default bfloat16 on a GPU; on a CPU float32 where memory allows, else bfloat16.
    quantization : "8bit" or "4bit", optional
        Of the language model's layers; tower and projector stay in 16 bit.

    Raises
    ------
    UnknownCheckpointError
        If no checkpoint has this name; the nearest are suggested.
    CheckpointUnavailableError
        If its weights are neither here nor to be had from the hub, or the folder does not exist.
    CheckpointError
        If the folder is malformed or of another architecture.
    InsufficientMemoryError
        If the device has less memory free than the weights take; known before anything is loaded or fetched.
    MissingExtraError
        If quantization is asked for and not installed.
    InputError
        If the device, dtype or quantization does not exist.

    Examples
    --------
    >>> eyes = LlavaNext()
    >>> eyes.answer([read_photo("photo.png"), "What colour is the circle?"]).text  # doctest: +SKIP
    'red'
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str | None = None,
        dtype: str | torch.dtype | None = None,
        quantization: Quantization | None = None,
    ) -> None:
        self._loaded: Loaded = load(model, device=device, dtype=dtype, quantization=quantization)

    @property
    def checkpoint(self) -> Checkpoint:
        """What the model can do, needs and was trained on."""
        return self._loaded.checkpoint

    @property
    def name(self) -> str:
        """Name of the checkpoint, or the path of its folder."""
        return self.checkpoint.name

    @property
    def device(self) -> str:
        """Where the model is, e.g. "cpu" or "cuda:0"."""
        return str(self._loaded.device)

    @property
    def writes_json(self) -> bool:
        """Whether it can be given a ``schema``: the embedded model, whose tokens are whole words, cannot."""
        return self._grammars is not None

    @cached_property
    def _grammars(self) -> Grammars | None:
        alphabet = Alphabet.of(self._loaded.tokenizer, self._loaded.stop_ids)
        return None if alphabet is None else Grammars(alphabet, self._loaded.template.lead)

    def plan(self, prompt: Prompt, *, max_new_tokens: int | None = None) -> Plan:
        """Say what a prompt would cost, with the checkpoint's own tokenizer and the memory free now.

        Raises
        ------
        ContextOverflowError, InsufficientMemoryError
            If it does not fit even at its smallest.
        InputError
            If it is not a prompt.
        """
        return self._prepare(prompt, max_new_tokens).plan

    def answer(
        self,
        prompt: Prompt,
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Answer one prompt, greedily.

        Parameters
        ----------
        prompt : sequence of str, Still and Said
            In reading order.
        max_new_tokens : int, optional
            Longest answer; by default 512, but at most an eighth of the window.
        cancel : threading.Event, optional
            Looked at between tokens; when it is set, the answer ends as it is.
        schema : mapping, optional
            The text is then a JSON value that is valid under this JSON schema, whatever the weights, and
            complete unless cancelled: where room runs out, or the model goes in circles, the rest is what
            completes it. White space is ``json.dumps``', and members are in the schema's order; none are
            written that it does not name, unless it says ``additionalProperties``. Integers without bounds
            are at most 10**15 and numbers 10**9, with six decimals. The confidence is the product of the
            chosen tokens' probabilities renormalised over what was allowed.

        Raises
        ------
        ContextOverflowError
            If prompt and answer do not fit the window, before anything runs.
        InsufficientMemoryError
            If memory does not suffice, not even for the next smaller plan.
        InputError
            If it is not a prompt, or one of several turns for a model that knows one; if the schema cannot
            be held to, none of its values fits ``max_new_tokens``, or :attr:`writes_json` is False.
        """
        return self.answers([prompt], max_new_tokens=max_new_tokens, cancel=cancel, schema=schema)[0]

    def answers(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
        memory_bytes: int | None = None,
    ) -> list[Answer]:
        """Answer several prompts, batched where they fit together; parameters and errors as :meth:`answer`.

        In float32 the answers are those that the prompts get one by one. The seconds of a batch are shared
        out evenly among its answers. ``memory_bytes`` is the most that a batch may take beside the weights:
        prompts are planned and batched to stay under it.
        """
        grammar = self._grammar(schema)

        def run(batch: Batch) -> list[Answer]:
            began = time.perf_counter()
            seen = self._see(batch)
            each_alike = [cancel] * len(batch), [grammar] * len(batch)
            *_, rows = decoding(self._loaded, batch, seen, *each_alike)
            seconds = (time.perf_counter() - began) / len(batch)
            each = zip(batch, seen, rows, strict=True)
            return [answered(self._loaded, *one, seconds, grammar) for one in each]

        prepared = [self._prepare(prompt, max_new_tokens, memory_bytes, grammar) for prompt in prompts]
        return self._batched(prepared, run, memory_bytes)

    def stream(
        self,
        prompt: Prompt,
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Iterator[str | Answer]:
        """Answer one prompt piece by piece; parameters and errors as :meth:`answer`.

        Yields
        ------
        str
            The next piece of text. All pieces together are the answer's text.
        Answer
            Last, and once.
        """
        for _, event in self.streams([Request(prompt, max_new_tokens, cancel, schema)]):
            if isinstance(event, SightloopError):
                raise event
            yield event

    def streams(self, requests: Sequence[Request]) -> Iterator[tuple[int, str | Answer | SightloopError]]:
        """Answer prompts that have nothing to do with each other, batched where they fit together.

        Yields
        ------
        place, event : int, and str, Answer or SightloopError
            Of which request, and the next piece of its text, or how it ended: each ends once, and as soon as
            it can.
        """
        ready = []
        for place, one in enumerate(requests):
            if one.cancel is not None and one.cancel.is_set():
                yield place, unsaid(self.name)
                continue
            try:
                grammar = self._grammar(one.schema)
                prepared = self._prepare(one.prompt, one.max_new_tokens, one.memory_bytes, grammar)
            except SightloopError as error:
                yield place, error
            else:
                ready.append(Ready(place, one, prepared, grammar))
        yield from together(self._loaded, ready, self._smaller)

    def choose(self, prompt: Prompt, options: Sequence[str]) -> Choice:
        """Say which of the given answers is likeliest, by one forward pass over prompt and options.

        Parameters
        ----------
        prompt : sequence of str and Still
        options : of str
            At least one, none of them empty.

        Raises
        ------
        InputError
            If there are no options, or one is empty.
        ContextOverflowError, InsufficientMemoryError
            As :meth:`answer`.
        """
        return self.choose_many([prompt], options)[0]

    def choose_many(
        self, prompts: Sequence[Prompt], options: Sequence[str], *, memory_bytes: int | None = None
    ) -> list[Choice]:
        """Choose among the same options for several prompts, batched; see :meth:`choose`, :meth:`answers`."""
        if isinstance(options, str) or not options or not all(option.strip() for option in options):
            raise InputError("choose needs a list of answers to choose from, none of them empty.")
        template = self._loaded.template

        def run(batch: Batch) -> list[Choice]:
            began = time.perf_counter()
            tokens = [[template.continuation(one.rendered, option) for option in options] for one in batch]
            seen = self._see(batch)
            scores = log_probabilities(
                self._loaded.model,
                [one.embedded for one in seen],
                tokens,
                stop_ids=self._loaded.stop_ids,
                temperature=self._loaded.temperature,
            ).softmax(-1)
            seconds = (time.perf_counter() - began) / len(batch)
            rows = scores.tolist()
            return [
                chosen(self._loaded, *each, options, seconds) for each in zip(batch, seen, rows, strict=True)
            ]

        # Room for all options: they lie behind the prompt together.
        room = sum(len(template.continuation("", option)) for option in options)
        prepared = [self._prepare(prompt, room, memory_bytes) for prompt in prompts]
        return self._batched(prepared, run, memory_bytes)

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        """Embed stills and texts into one space: the state in which the model would sum each up in one word.

        Parameters
        ----------
        items : of Still or str

        Returns
        -------
        (items, hidden) float32
            Of length 1; the dot product of a still and a text says how well they go together.

        Raises
        ------
        ContextOverflowError, InsufficientMemoryError, InputError
            As :meth:`answer`, for each item by itself.
        """
        prompts = summaries(items, own=self._loaded.embedded)

        def run(batch: Batch) -> list[NDArray[np.float32]]:
            return last_states(self._loaded.model, [one.embedded for one in self._see(batch)])

        vectors = self._batched([self._prepare(prompt, 0) for prompt in prompts], run)
        return np.stack(vectors) if vectors else np.zeros((0, self.checkpoint.text.hidden), np.float32)

    def _prepare(
        self,
        prompt: Prompt,
        max_new_tokens: int | None,
        memory_bytes: int | None = None,
        grammar: Grammar | None = None,
    ) -> Prepared:
        loaded = self._loaded
        if max_new_tokens is not None and max_new_tokens < 0:
            raise InputError(f"max_new_tokens is at least 0, not {max_new_tokens}.")

        def make_plan(text_tokens: int) -> Plan:
            return plan(
                loaded.checkpoint,
                prompt,
                count_text=lambda _: 0,  # the whole text, rendered, is counted as the template's
                template_tokens=text_tokens,
                max_new_tokens=max_new_tokens,
                bits=loaded.bits,
                # What may be taken now, and what the weights have already taken.
                memory_bytes=allowed + loaded.checkpoint.bytes(loaded.bits),
            )

        with held_to(memory_bytes, available_bytes(self.device)) as allowed:
            prepared = prepare(prompt, loaded.template, make_plan)
        if loaded.embedded and any(isinstance(part, Said) for part in prompt):
            raise InputError(
                f"{self.name} was trained on one turn: put what was Said into its question's words."
            )
        if grammar is not None:
            grammar.check(prepared.plan.new_tokens)
        return prepared

    def _smaller(self, prepared: Prepared) -> Prepared | None:
        """Prepare the same prompt again by the planner's next smaller plan."""
        smaller = prepared.plan.shrink()
        if smaller is None:
            return None
        smaller = replace(smaller, notes=(*smaller.notes, "memory ran out over the larger plan"))
        return prepare(prepared.prompt, self._loaded.template, lambda _: smaller)

    def features(self, stills: Sequence[Still]) -> NDArray[np.float32]:
        """Average what the language model is given of each still, for telling familiar stills from others.

        Returns
        -------
        (stills, hidden) float32

        Raises
        ------
        ContextOverflowError, InsufficientMemoryError
            As :meth:`answer`, for each still by itself.
        """
        prepared = [self._prepare([still], 0) for still in stills]
        return np.stack(self._batched(prepared, lambda batch: [one.averages[0] for one in self._see(batch)]))

    def _grammar(self, schema: Mapping[str, Any] | None) -> Grammar | None:
        if schema is None:
            return None
        if self._grammars is None:
            raise InputError(
                f"{self.name} cannot write JSON: its tokens do not spell every character. Ask it without a "
                "schema, or load another checkpoint (`sightloop models`).",
                input="schema",
            )
        return self._grammars.of(schema)

    def _see(self, batch: Batch) -> list[Seen]:
        return see(self._loaded.model, self.checkpoint.vision, self._loaded.template, batch)

    def _batched(
        self, prepared: Batch, run: Callable[[Batch], list[Result]], memory_bytes: int | None = None
    ) -> list[Result]:
        """Run in batches of prompts of similar length, and return the results in the order of the prompts."""
        results: dict[int, Result] = {}

        def measured(batch: Batch) -> list[Result]:
            # Of every attempt by itself: one that failed, or a smaller one, is not what the result took.
            peak = Peak(batch, self._loaded.device)
            return [charged(one, peak.bytes) for one in run(batch)]

        for places in batches(prepared, memory_bytes):
            found = all_or_one_by_one([prepared[i] for i in places], measured, self._smaller, cost)
            results.update(zip(places, found, strict=True))
        return [results[i] for i in range(len(prepared))]
