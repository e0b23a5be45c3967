"""Sharing: each of many callers gets what it would get alone, and what one does or breaks is its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.modules.module import register_module_forward_hook

from sightloop.errors import ContextOverflowError, InputError, SightloopError
from sightloop.memory.still import Still
from sightloop.tests.tiny import build
from sightloop.tools.llava_next import Answer, LlavaNext, Prompt
from sightloop.tools.llava_next.together import Request
from sightloop.tools.sharing import SharedEyes


def picture(width: int = 90, height: int = 60, seed: int = 0) -> Still:
    return Still.from_array(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


PROMPTS: list[Prompt] = [
    [picture(90 + 7 * seed, 60, seed), *words]
    for seed, words in enumerate([["What is it?"], ["Describe"]] * 6)
]
SCHEMA = {"type": "object", "properties": {"seen": {"enum": ["a cat", "a dog"]}}, "required": ["seen"]}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("vicuna", tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def alone(folder: Path) -> LlavaNext:
    return LlavaNext(folder)


@pytest.fixture
def shared(folder: Path) -> Iterator[SharedEyes]:
    eyes = SharedEyes(LlavaNext(folder))
    yield eyes
    eyes.close()


def same(one: Answer, other: Answer) -> bool:
    """Whether two answers say the same; what they cost depends on whom they shared a batch with."""
    return one.model_copy(update={"usage": other.usage, "confidence": other.confidence}) == other and (
        abs(one.confidence - other.confidence) < 1e-4
    )


class Gate:
    """Holds the model after so many passes until opened, so that callers come together behind it."""

    def __init__(self, after: int = 0) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        self._left = after

    def __enter__(self) -> Gate:
        self._handle = register_module_forward_hook(self._hold)
        return self

    def __exit__(self, *_: object) -> None:
        self.open.set()
        self._handle.remove()

    def _hold(self, module: torch.nn.Module, _inputs: Any, _output: Any) -> None:
        if type(module).__name__ == "LlamaModel":
            self._left -= 1
            if self._left < 0:
                self.reached.set()
                assert self.open.wait(60)


def gathered(shared: SharedEyes, gate: Gate, calls: list[Any]) -> list[Any]:
    """Run calls in threads of their own, all of them waiting when the model becomes free."""
    with ThreadPoolExecutor(len(calls) + 1) as threads:
        first = threads.submit(shared.answers, [["Hello"]], max_new_tokens=1)
        assert gate.reached.wait(60)
        found = [threads.submit(call) for call in calls]
        while shared.waiting < len(calls):
            threading.Event().wait(0.005)
        gate.open.set()
        first.result()
        return [one.exception() or one.result() for one in found]


def test_requests_of_a_batch_get_what_each_would_get_alone(alone: LlavaNext) -> None:
    limits = [3, 9, 20, 6, 12, 1] * 2
    requests = [Request(prompt, limit) for prompt, limit in zip(PROMPTS, limits, strict=True)]
    requests[4] = Request(PROMPTS[4], 30, schema=SCHEMA)
    texts: dict[int, str] = dict.fromkeys(range(len(requests)), "")
    ends: dict[int, Any] = {}
    for place, event in alone.streams(requests):
        assert place not in ends, "nothing comes after the end"
        if isinstance(event, str):
            texts[place] += event
        else:
            ends[place] = event
    for place, one in enumerate(requests):
        expected = alone.answer(one.prompt, max_new_tokens=one.max_new_tokens, schema=one.schema)
        assert same(ends[place], expected)
        assert texts[place] == expected.text


def test_short_answers_do_not_wait_for_long_ones(alone: LlavaNext) -> None:
    order = [place for place, event in alone.streams([Request(PROMPTS[0], 40), Request(PROMPTS[1], 2)])
             if isinstance(event, Answer)]  # fmt: skip
    assert order == [1, 0]


def test_one_of_a_batch_is_cancelled_alone(alone: LlavaNext) -> None:
    cancel, ends = threading.Event(), {}
    for place, event in alone.streams([Request(PROMPTS[0], 40, cancel), Request(PROMPTS[1], 40)]):
        if place == 0 and isinstance(event, str):
            cancel.set()
        if isinstance(event, Answer):
            ends[place] = event
    assert ends[0].stopped_because == "cancelled"
    assert 0 < ends[0].usage.new_tokens < 10
    assert same(ends[1], alone.answer(PROMPTS[1], max_new_tokens=40))


def test_a_request_that_cannot_be_answered_fails_alone(alone: LlavaNext) -> None:
    long: Prompt = ["word " * 100_000]
    ends = {
        place: event
        for place, event in alone.streams([Request(long), Request([]), Request(PROMPTS[0], 4)])
        if not isinstance(event, str)
    }
    assert isinstance(ends[0], ContextOverflowError)
    assert isinstance(ends[1], InputError)
    assert same(ends[2], alone.answer(PROMPTS[0], max_new_tokens=4))


def test_what_was_cancelled_before_it_began_takes_no_pass(alone: LlavaNext) -> None:
    cancel = threading.Event()
    cancel.set()
    with Gate() as gate:
        gate.open.set()
        [(_, answer)] = alone.streams([Request(PROMPTS[0], cancel=cancel)])
        assert not gate.reached.is_set()
    assert isinstance(answer, Answer)
    assert (answer.text, answer.stopped_because) == ("", "cancelled")


def test_callers_share_a_batch_and_get_what_each_would_get_alone(
    shared: SharedEyes, alone: LlavaNext
) -> None:
    widths: list[int] = []

    def note(module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        if type(module).__name__ == "LlamaModel":
            widths.append(output.last_hidden_state.shape[0])

    with Gate() as gate:
        handle = register_module_forward_hook(note)
        calls = [
            lambda i=i, prompt=prompt: (
                list(shared.stream(prompt, max_new_tokens=4 + i))[-1]
                if i % 2
                else shared.answers([prompt], max_new_tokens=4 + i)[0]
            )
            for i, prompt in enumerate(PROMPTS)
        ]
        found = gathered(shared, gate, calls)
        handle.remove()
    assert max(widths) == len(PROMPTS)
    for i, prompt in enumerate(PROMPTS):
        assert same(found[i], alone.answer(prompt, max_new_tokens=4 + i))


def test_choices_and_vectors_are_batched_too(shared: SharedEyes, alone: LlavaNext) -> None:
    options = ["red", "red circle", "blue"]
    with Gate() as gate:
        calls: list[Any] = [lambda p=p: shared.choose(p, options) for p in PROMPTS[:4]]
        calls += [lambda p=p: shared.embed([p[0]])[0] for p in PROMPTS[4:8]]
        found = gathered(shared, gate, calls)
    for choice, prompt in zip(found[:4], PROMPTS[:4], strict=True):
        assert np.allclose(choice.probabilities, alone.choose(prompt, options).probabilities, atol=1e-4)
    vectors = alone.embed([still for still, *_ in PROMPTS[4:8] if isinstance(still, Still)])
    assert np.allclose(found[4:], vectors, atol=1e-4)
    assert shared.embed([]).shape == (0, vectors.shape[1])
    assert shared.choose_many([], options) == []
    assert shared.answers([]) == []


def test_an_error_is_its_own_callers(shared: SharedEyes, alone: LlavaNext) -> None:
    with Gate() as gate:
        calls: list[Any] = [
            lambda: shared.answers([["word " * 100_000]]),
            lambda: shared.answers([PROMPTS[0]], max_new_tokens=5),
            lambda: shared.choose([], ["red"]),
            lambda: shared.choose(PROMPTS[1], ["red"]),
            lambda: shared.embed(["fine"]),
            lambda: shared.embed(["word " * 100_000]),
        ]
        found = gathered(shared, gate, calls)
    assert [isinstance(one, SightloopError) for one in found] == [True, False, True, False, False, True]
    assert same(found[1][0], alone.answer(PROMPTS[0], max_new_tokens=5))


def test_a_model_that_breaks_breaks_nothing_else(shared: SharedEyes, alone: LlavaNext) -> None:
    def broken(module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        if type(module).__name__ == "LlamaModel" and output.last_hidden_state.shape[0] > 1:
            raise ValueError("broken in a batch")

    with Gate() as gate:
        handle = register_module_forward_hook(broken)
        calls = [lambda p=p: shared.answers([p], max_new_tokens=3)[0] for p in PROMPTS[:3]]
        found = gathered(shared, gate, calls)
        handle.remove()
    assert all(same(one, alone.answer(p, max_new_tokens=3)) for one, p in zip(found, PROMPTS, strict=False))
    assert shared.alive


def test_who_stops_listening_stops_the_model(shared: SharedEyes) -> None:
    stream = shared.stream(PROMPTS[0], max_new_tokens=400)
    assert isinstance(next(stream), str)
    stream.close()  # type: ignore[attr-defined]
    # The model is free again long before 400 tokens: this returns.
    assert shared.answers([["Hello"]], max_new_tokens=1)[0].usage.new_tokens == 1


def test_closing_lets_what_was_asked_end(folder: Path) -> None:
    eyes = SharedEyes(LlavaNext(folder))
    with Gate() as gate, ThreadPoolExecutor(2) as threads:
        asked = threads.submit(eyes.answers, [PROMPTS[0]], max_new_tokens=4)
        assert gate.reached.wait(60)
        closing = threads.submit(eyes.close)
        gate.open.set()
        assert asked.result()[0].usage.new_tokens == 4
        closing.result()
    assert not eyes.alive
    with pytest.raises(SightloopError, match="closed"):
        eyes.answers([PROMPTS[0]])


def test_plans_are_made_while_the_model_is_at_work(shared: SharedEyes) -> None:
    with Gate() as gate, ThreadPoolExecutor(9) as threads:
        busy = threads.submit(shared.answers, [PROMPTS[0]], max_new_tokens=2)
        assert gate.reached.wait(60)
        plans = list(threads.map(shared.plan, PROMPTS * 20))
        gate.open.set()
        busy.result()
    assert [plan.visual_tokens for plan in plans] == [shared.plan(p).visual_tokens for p in PROMPTS * 20]
