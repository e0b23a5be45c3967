"""The memory of a call: planned before it runs, held to a limit, and told afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightloop import LlavaNext, Still
from sightloop.agent import Limits, VisualAgent
from sightloop.errors import InsufficientMemoryError

from .test_local import scarce_memory
from .tiny import build

PROMPTS = 12


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> LlavaNext:
    return LlavaNext(build("interleave", tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def prompts() -> list[list[Still | str]]:
    rng = np.random.default_rng(0)
    return [
        [Still.from_array(rng.integers(0, 255, (40, 60, 3), np.uint8)), "what is it ? " * (1 + i % 3)]
        for i in range(PROMPTS)
    ]


def test_a_limit_makes_batches_smaller_and_changes_no_answer(eyes: LlavaNext, prompts: list) -> None:
    free = eyes.answers(prompts, max_new_tokens=4)
    together = max(answer.usage.memory_bytes for answer in free)
    for share in (0.9, 0.5, 0.2):
        held = eyes.answers(prompts, max_new_tokens=4, memory_bytes=round(share * together))
        assert [answer.text for answer in held] == [answer.text for answer in free]
        assert 0 < max(answer.usage.memory_bytes for answer in held) <= share * together
    options = ["red", "blue"]
    held_choices = eyes.choose_many(prompts, options, memory_bytes=round(0.5 * together))
    assert max(choice.usage.memory_bytes for choice in held_choices) <= 0.5 * together
    assert [choice.option for choice in held_choices] == [
        choice.option for choice in eyes.choose_many(prompts, options)
    ]


def test_a_limit_that_not_even_one_prompt_keeps_is_an_error(eyes: LlavaNext, prompts: list) -> None:
    options = ["yes", "no"]
    for ask in (
        lambda most: eyes.answers(prompts[:1], max_new_tokens=4, memory_bytes=most)[0],
        lambda most: eyes.choose_many(prompts[:1], options, memory_bytes=most)[0],
    ):
        took = ask(None).usage.memory_bytes
        assert ask(took).usage.memory_bytes == took
        with pytest.raises(InsufficientMemoryError, match="beside the weights"):
            ask(took - 1)


def test_what_ran_is_what_is_told(eyes: LlavaNext, prompts: list) -> None:
    planned = eyes.plan(prompts[0], max_new_tokens=3)
    *_, streamed = eyes.stream(prompts[0], max_new_tokens=3)
    alone = eyes.answer(prompts[0], max_new_tokens=3)
    needed = planned.kv_bytes + planned.activation_bytes
    assert streamed.usage.memory_bytes == alone.usage.memory_bytes == needed
    # Memory that runs out over a batch: its members run one by one, and each takes its own.
    with scarce_memory(1):
        apart = eyes.answers(prompts[:1] * 3, max_new_tokens=3)
    assert [answer.usage.memory_bytes for answer in apart] == [needed] * 3


def test_several_calls_take_as_much_as_the_largest(eyes: LlavaNext, prompts: list) -> None:
    one, two = (eyes.answer(prompt, max_new_tokens=2).usage for prompt in (prompts[0], prompts[2]))
    assert (one + two).memory_bytes == max(one.memory_bytes, two.memory_bytes)


def test_a_run_is_held_to_its_bytes(eyes: LlavaNext, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("RGB", (160, 120), "red").save(file)
    free = VisualAgent(eyes).run("what is it ?", file)
    look = next(step for step in free.steps if step.kind == "observation").usage.memory_bytes
    most = free.usage.memory_bytes  # of the check, which reads the long answer too
    for limit, stopped in ((most, "answered"), (look, "limit:gpu_bytes")):
        held = VisualAgent(eyes, limits=Limits(gpu_bytes=limit)).run("what is it ?", file)
        assert held.answer == free.answer
        assert held.usage.memory_bytes <= limit
        assert held.stopped_because == stopped
    with pytest.raises(InsufficientMemoryError):
        VisualAgent(eyes, limits=Limits(gpu_bytes=1000)).run("what is it ?", file)
