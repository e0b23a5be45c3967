"""Local: answers that stream, stop, cancel, fit and recover; choices; embeddings."""

from __future__ import annotations

import itertools
import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from sightloop.errors import ContextOverflowError, InputError, InsufficientMemoryError
from sightloop.memory.still import Still
from sightloop.tests.tiny import KINDS, Kind, build
from sightloop.tools.llava_next import Answer, LlavaNext, Prompt, Usage
from sightloop.tools.llava_next.generate import REPEATED_TOKENS, in_circles
from sightloop.tools.llava_next.loading import load

OPTIONS = ["red", "red circle", "blue"]


def picture(width: int = 90, height: int = 60, seed: int = 0) -> Still:
    return Still.from_array(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


QUESTION: Prompt = [picture(), "What is it?"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("vicuna", tmp_path_factory.mktemp("vicuna"))


@pytest.fixture(scope="session")
def eyes(folder: Path) -> LlavaNext:
    return LlavaNext(folder)


@pytest.fixture(scope="session")
def all_eyes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LlavaNext]:
    return {kind: LlavaNext(build(kind, tmp_path_factory.mktemp(kind))) for kind in KINDS}


@contextmanager
def watching(name: str) -> Iterator[list[tuple[torch.Size, ...]]]:
    """The shapes of all tensors that modules of this class put out, call by call."""
    seen: list[tuple[torch.Size, ...]] = []

    def note(module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        if type(module).__name__ == name:
            values = [output] if isinstance(output, torch.Tensor) else list(output.values())
            seen.append(tuple(value.shape for value in values if isinstance(value, torch.Tensor)))

    handle = register_module_forward_hook(note)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def scarce_memory(limit: int) -> Iterator[list[int]]:
    """Memory that runs out in towers given more than ``limit`` crops: fails as the allocator does."""
    refused: list[int] = []

    def refuse(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        # The tower's first layer: a convolution over (crops, 3, tile, tile).
        if isinstance(module, torch.nn.Conv2d) and inputs[0].shape[0] > limit:
            refused.append(inputs[0].shape[0])
            raise torch.OutOfMemoryError("out of memory. Tried to allocate 20.00 GiB")

    handle = register_module_forward_pre_hook(refuse)
    try:
        yield refused
    finally:
        handle.remove()


# Streaming, stopping, cancelling


@pytest.mark.parametrize("kind", KINDS)
def test_the_pieces_of_a_stream_are_the_answer(kind: Kind, all_eyes: dict[str, LlavaNext]) -> None:
    *pieces, last = all_eyes[kind].stream(QUESTION, max_new_tokens=24)
    assert isinstance(last, Answer)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert "".join(str(piece) for piece in pieces) == last.text
    whole = all_eyes[kind].answer(QUESTION, max_new_tokens=24)
    assert last.model_copy(update={"usage": whole.usage}) == whole


def test_a_stream_can_be_cancelled_between_tokens(eyes: LlavaNext) -> None:
    cancel = threading.Event()
    stream = eyes.stream(QUESTION, max_new_tokens=200, cancel=cancel)
    with watching("LlamaModel") as passes:
        begun = [next(stream), next(stream)]
        cancel.set()
        before = len(passes)
        *rest, last = stream
        assert len(passes) == before
    assert isinstance(last, Answer)
    assert last.stopped_because == "cancelled"
    assert "".join(str(piece) for piece in [*begun, *rest]) == last.text
    assert 0 < last.usage.new_tokens < 30


def test_a_batch_can_be_cancelled_from_another_thread(eyes: LlavaNext) -> None:
    cancel = threading.Event()

    def stop_at_the_third(module: torch.nn.Module, _inputs: Any, _output: Any) -> None:
        if type(module).__name__ == "LlamaModel" and next(passes) == 3:
            setter = threading.Thread(target=cancel.set)
            setter.start()
            setter.join()

    passes = itertools.count(1)
    handle = register_module_forward_hook(stop_at_the_third)
    try:
        answers = eyes.answers([QUESTION, ["Hello"]], max_new_tokens=100, cancel=cancel)
    finally:
        handle.remove()
    assert {answer.stopped_because for answer in answers} == {"cancelled"}
    assert {answer.usage.new_tokens for answer in answers} == {3}


def test_cancelled_before_it_began_is_no_answer(eyes: LlavaNext) -> None:
    cancel = threading.Event()
    cancel.set()
    answer = eyes.answer(QUESTION, cancel=cancel)
    assert (answer.text, answer.confidence, answer.stopped_because) == ("", 0.0, "cancelled")


def test_every_stop_id_of_the_generation_config_stops(folder: Path, tmp_path: Path) -> None:
    loaded = load(folder)
    said = loaded.tokenizer(LlavaNext(folder).answer(QUESTION, max_new_tokens=6).text)["input_ids"]
    other = build("vicuna", tmp_path / "stops")
    settings = json.loads((other / "generation_config.json").read_text())
    settings["eos_token_id"] = [2, said[-1]]
    (other / "generation_config.json").write_text(json.dumps(settings))
    answer = LlavaNext(other).answer(QUESTION, max_new_tokens=50)
    assert answer.stopped_because == "stop"
    assert answer.usage.new_tokens <= 6


def test_an_answer_has_its_length(eyes: LlavaNext) -> None:
    for length in (1, 2, 5):
        answer = eyes.answer(QUESTION, max_new_tokens=length)
        assert (answer.usage.new_tokens, answer.stopped_because) == (length, "length")


def test_an_answer_that_goes_in_circles_is_stopped(tmp_path: Path) -> None:
    stuck = build("vicuna", tmp_path / "stuck")
    weights = load_file(stuck / "model.safetensors")
    (head,) = (name for name in weights if name.endswith("lm_head.weight"))
    weights[head].zero_()  # every token is as likely as any: always the first
    save_file(weights, stuck / "model.safetensors", metadata={"format": "pt"})
    answer = LlavaNext(stuck).answer(QUESTION, max_new_tokens=300)
    assert answer.stopped_because == "repeat"
    assert answer.usage.new_tokens == REPEATED_TOKENS


@given(st.lists(st.integers(0, 5), max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_circles_are_seen_and_nothing_else(start: list[int], circle: list[int]) -> None:
    turns = math.ceil(max(REPEATED_TOKENS, 3 * len(circle)) / len(circle))
    assert in_circles(start + circle * (turns + 1))
    # Counting up never repeats, whatever came before.
    assert not in_circles(start + list(range(100, 100 + REPEATED_TOKENS)))
    assert not in_circles((start + circle)[: REPEATED_TOKENS - 1])


def test_logits_are_made_for_the_last_position_only(eyes: LlavaNext) -> None:
    with watching("Linear") as layers:
        eyes.answer(QUESTION, max_new_tokens=3)
    vocabulary = eyes.checkpoint.text.vocabulary
    heads = [shape for (shape,) in layers if shape[-1] == vocabulary]
    assert [tuple(shape) for shape in heads] == [(1, 1, vocabulary)] * 3


def test_confidence_is_what_calibration_makes_of_it(folder: Path, tmp_path: Path) -> None:
    plain = LlavaNext(folder).answer(QUESTION, max_new_tokens=4)
    calibrated = build("vicuna", tmp_path / "calibrated")
    (calibrated / "pocket.json").write_text(json.dumps({"temperature": 3.0}))
    answer = LlavaNext(calibrated).answer(QUESTION, max_new_tokens=4)
    assert answer.text == plain.text
    assert 0 < answer.confidence < plain.confidence < 1


# Choosing


@pytest.mark.parametrize("options", [OPTIONS, ["yes", "no"], ["a", "b", "ab"], ["1", "12", "123"]])
@pytest.mark.parametrize("kind", KINDS)
def test_choices_are_those_of_separate_passes(
    kind: Kind, options: list[str], all_eyes: dict[str, LlavaNext]
) -> None:
    eyes = all_eyes[kind]
    choice = eyes.choose(QUESTION, options)
    assert sum(choice.probabilities) == pytest.approx(1, abs=1e-9)
    assert choice.option == options[choice.index]
    assert choice.confidence == max(choice.probabilities)
    assert choice.probabilities == pytest.approx(separately(Path(eyes.name), options), abs=1e-5)


def separately(folder: Path, options: list[str]) -> list[float]:
    """The probabilities from one full pass of the model per option, closed where one begins another."""
    from sightloop.tests.test_families import inputs, prepared

    loaded = load(folder)
    ready = prepared(loaded, QUESTION)
    ends = any(a != b and b.startswith(a) for a in options for b in options)
    scores = []
    for option in options:
        tokens = loaded.template.continuation(ready.rendered, option)
        given_ = inputs(ready, loaded)
        ids = torch.cat([given_["input_ids"], torch.tensor([tokens])], dim=-1)
        given_.update(input_ids=ids, attention_mask=torch.ones_like(ids))
        with torch.inference_mode():
            logs = loaded.model(**given_).logits[0].double().log_softmax(-1)
        first = len(ready.ids) - 1
        score = sum(logs[first + i, token].item() for i, token in enumerate(tokens))
        if ends:
            score += logs[-1, sorted(loaded.stop_ids)].logsumexp(-1).item()
        scores.append(score)
    return torch.tensor(scores, dtype=torch.float64).softmax(-1).tolist()


def test_choosing_is_one_pass(eyes: LlavaNext) -> None:
    with watching("LlamaModel") as reading, watching("CLIPVisionModel") as seeing:
        eyes.choose(QUESTION, [f"option {i}" for i in range(9)])
    assert (len(reading), len(seeing)) == (1, 1)


def test_many_choices_are_single_ones(all_eyes: dict[str, LlavaNext]) -> None:
    prompts: list[Prompt] = [QUESTION, [picture(32, 96, 1), "A longer question, is it?"], ["Hello"]]
    for eyes in all_eyes.values():
        together = eyes.choose_many(prompts, OPTIONS)
        for prompt, choice in zip(prompts, together, strict=True):
            alone = eyes.choose(prompt, OPTIONS)
            assert choice.probabilities == pytest.approx(alone.probabilities, abs=1e-5)


@pytest.mark.parametrize("options", [[], ["yes", ""], ["yes", " "], "yes"])
def test_there_must_be_something_to_choose_from(eyes: LlavaNext, options: Any) -> None:
    with pytest.raises(InputError, match="choose"):
        eyes.choose(QUESTION, options)


# Embedding


@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_are_of_length_one_and_the_same_in_batches(
    kind: Kind, all_eyes: dict[str, LlavaNext]
) -> None:
    items = [picture(), "a red circle", picture(33, 120, 1), "a {curly} brace", "x"]
    vectors = all_eyes[kind].embed(items)
    assert vectors.dtype == np.float32
    assert vectors.shape == (5, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for item, vector in zip(items, vectors, strict=True):
        np.testing.assert_allclose(all_eyes[kind].embed([item])[0], vector, atol=1e-4)


def test_embedding_nothing_is_nothing(eyes: LlavaNext) -> None:
    assert eyes.embed([]).shape == (0, 32)


def test_embedding_takes_a_list(eyes: LlavaNext) -> None:
    with pytest.raises(InputError, match="list"):
        eyes.embed("a red circle")


# Fitting


@pytest.mark.parametrize("ask", ["answer", "answers", "stream", "choose", "plan"])
def test_what_does_not_fit_is_refused_before_anything_runs(eyes: LlavaNext, ask: str) -> None:
    prompt: Prompt = [picture(), "why " * 1100]
    calls: dict[str, Callable[[], Any]] = {
        "answer": lambda: eyes.answer(prompt),
        "answers": lambda: eyes.answers([QUESTION, prompt]),
        "stream": lambda: list(eyes.stream(prompt)),
        "choose": lambda: eyes.choose(prompt, OPTIONS),
        "plan": lambda: eyes.plan(prompt),
    }
    with watching("LlamaModel") as reading, watching("CLIPVisionModel") as seeing:
        with pytest.raises(ContextOverflowError, match="4096"):
            calls[ask]()
        assert (reading, seeing) == ([], [])


def test_room_for_the_answer_counts(eyes: LlavaNext) -> None:
    planned = eyes.plan(QUESTION, max_new_tokens=0)
    room = 4096 - planned.visual_tokens - planned.text_tokens
    assert eyes.plan(QUESTION, max_new_tokens=room).fits
    smaller = eyes.plan(QUESTION, max_new_tokens=room + 1)
    assert smaller.fits
    assert smaller.visual_tokens < planned.visual_tokens
    with pytest.raises(ContextOverflowError):
        eyes.plan(QUESTION, max_new_tokens=4096)


def test_the_plan_is_what_is_used(all_eyes: dict[str, LlavaNext]) -> None:
    for eyes in all_eyes.values():
        prompt: Prompt = [picture(), "and", picture(64, 20, 1), "?"]
        planned = eyes.plan(prompt)
        usage = eyes.answer(prompt, max_new_tokens=1).usage
        assert (usage.visual_tokens, usage.text_tokens) == (planned.visual_tokens, planned.text_tokens)


def test_memory_that_runs_out_leads_to_the_next_smaller_plan(eyes: LlavaNext) -> None:
    large: Prompt = [picture(200, 200), "What is it?"]
    full = eyes.answer(large, max_new_tokens=4)
    planned = eyes.plan(large)
    smaller = planned.shrink()
    assert smaller is not None
    with scarce_memory(planned.vit_crops - 1) as refused:
        answer = eyes.answer(large, max_new_tokens=4)
        *_, streamed = eyes.stream(large, max_new_tokens=4)
    assert refused == [planned.vit_crops] * 2
    assert answer.usage.visual_tokens == smaller.visual_tokens < full.usage.visual_tokens
    assert any("memory" in note for note in answer.notes)
    assert isinstance(streamed, Answer)
    assert streamed.text == answer.text


def test_memory_that_runs_out_over_a_batch_costs_no_detail(eyes: LlavaNext) -> None:
    prompts: list[Prompt] = [[picture(64, 64, seed), "What is it?"] for seed in range(3)]
    expected = eyes.answers(prompts, max_new_tokens=4)
    with scarce_memory(eyes.plan(prompts[0]).vit_crops) as refused:
        answers = eyes.answers(prompts, max_new_tokens=4)
    assert refused
    assert [answer.text for answer in answers] == [answer.text for answer in expected]
    assert [answer.notes for answer in answers] == [answer.notes for answer in expected]


def test_memory_that_does_not_suffice_at_all_names_what_to_shrink(eyes: LlavaNext) -> None:
    with (
        scarce_memory(0) as refused,
        pytest.raises(InsufficientMemoryError, match=r"visual tokens of 1 stills.*smaller"),
    ):
        eyes.answer([picture(200, 200), "What is it?"])
    assert len(refused) == 2
    assert eyes.answer(QUESTION, max_new_tokens=2).usage.new_tokens == 2


def test_other_errors_are_not_taken_for_it(eyes: LlavaNext) -> None:
    def broken(module: torch.nn.Module, _inputs: Any) -> None:
        if isinstance(module, torch.nn.Conv2d):
            raise RuntimeError("a bug")

    handle = register_module_forward_pre_hook(broken)
    try:
        with pytest.raises(RuntimeError, match="a bug"):
            eyes.answer(QUESTION)
    finally:
        handle.remove()


def test_usage_adds_up(eyes: LlavaNext) -> None:
    answers = eyes.answers([QUESTION, ["Hello"]], max_new_tokens=3)
    total = sum((answer.usage for answer in answers), Usage())
    assert total.stills == 1
    assert total.new_tokens == 6
    assert total.seconds == pytest.approx(sum(answer.usage.seconds for answer in answers))
    assert total.visual_tokens == answers[0].usage.visual_tokens > 0 == answers[1].usage.visual_tokens


def test_notes_of_the_still_reach_the_answer(eyes: LlavaNext) -> None:
    noted = Still(picture().pixels, picture().origin, notes=("it was dark",))
    assert "it was dark" in eyes.answer([noted, "What is it?"], max_new_tokens=1).notes


@pytest.mark.parametrize("size", [(1, 1), (20000, 4), (4, 20000), (3, 2)])
def test_odd_sizes_are_answered(all_eyes: dict[str, LlavaNext], size: tuple[int, int]) -> None:
    for eyes in all_eyes.values():
        assert eyes.answer([picture(*size), "What is it?"], max_new_tokens=1).usage.stills == 1


def test_no_prompts_are_no_answers(eyes: LlavaNext) -> None:
    assert eyes.answers([]) == []
    assert eyes.choose_many([], OPTIONS) == []


def test_a_negative_length_is_refused(eyes: LlavaNext) -> None:
    with pytest.raises(InputError, match="-1"):
        eyes.answer(QUESTION, max_new_tokens=-1)
