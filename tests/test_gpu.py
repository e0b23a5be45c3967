"""On a GPU: one device, bfloat16, and the answers of the CPU in float32."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sightloop.memory.still import Frame, Still
from sightloop.tests.tiny import KINDS, Kind, build
from sightloop.tools.llava_next import LlavaNext, Prompt
from sightloop.tools.llava_next.loading import load

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def picture(width: int, height: int, seed: int = 0) -> Still:
    return Still.from_array(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def frame(index: int) -> Still:
    return Still.from_array(
        picture(80, 45, index).pixels, Frame(source="clip.mp4", t=float(index), index=index)
    )


PROMPTS: list[Prompt] = [
    [picture(90, 60), "What is it?"],
    [picture(64, 90, 1), picture(31, 64, 2), "Same?"],
    [frame(0), frame(1), frame(2), "When?"],
    ["Hello"],
]


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_the_model_is_on_one_device_in_bfloat16(kind: Kind, tmp_path: Path) -> None:
    loaded = load(build(kind, tmp_path / kind), device="cuda", dtype="bfloat16")
    tensors = [*loaded.model.parameters(), *loaded.model.buffers()]
    assert {tensor.device for tensor in tensors} == {torch.device("cuda", 0)}
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.bfloat16}
    assert loaded.bits == 16
    assert loaded.model.config.get_text_config()._attn_implementation == "sdpa"


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_answers_on_the_gpu(kind: Kind, tmp_path: Path) -> None:
    eyes = LlavaNext(build(kind, tmp_path / kind), device="cuda", dtype="bfloat16")
    for prompt in PROMPTS:
        answer = eyes.answer(prompt, max_new_tokens=4)
        assert answer.usage.new_tokens > 0
        assert sum(eyes.choose(prompt, ["yes", "no"]).probabilities) == pytest.approx(1)
    vectors = eyes.embed([picture(40, 40), "a text"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_answers_are_those_of_the_cpu(kind: Kind, tmp_path: Path) -> None:
    folder = build(kind, tmp_path / kind)
    gpu, cpu = LlavaNext(folder, device="cuda", dtype="float32"), LlavaNext(folder, device="cpu")
    for prompt in PROMPTS:
        here, there = gpu.answer(prompt, max_new_tokens=8), cpu.answer(prompt, max_new_tokens=8)
        assert here.text == there.text
        assert here.confidence == pytest.approx(there.confidence, rel=1e-2)
    batch = gpu.answers(PROMPTS, max_new_tokens=8)
    assert [answer.text for answer in batch] == [cpu.answer(p, max_new_tokens=8).text for p in PROMPTS]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_held_to_a_schema_is_the_same_on_the_gpu(kind: Kind, tmp_path: Path) -> None:
    folder = build(kind, tmp_path / kind)
    gpu, cpu = LlavaNext(folder, device="cuda", dtype="float32"), LlavaNext(folder, device="cpu")
    schema = {"type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]}
    here = gpu.answers(PROMPTS, max_new_tokens=20, schema=schema)
    assert [json.loads(answer.text).keys() for answer in here] == [{"note"}] * len(PROMPTS)
    there = cpu.answers(PROMPTS, max_new_tokens=20, schema=schema)
    assert [answer.text for answer in here] == [answer.text for answer in there]


def test_memory_is_measured(tmp_path: Path) -> None:
    eyes = LlavaNext(build("onevision", tmp_path / "model"), device="cuda", dtype="float32")
    small, large = ([picture(side, side), "What is it?"] for side in (24, 140))
    before = torch.cuda.memory_allocated()
    took = [eyes.answer(prompt, max_new_tokens=4).usage.memory_bytes for prompt in (small, large, small)]
    assert 0 < took[0] < took[1]
    assert took[2] < took[1]  # of this call, not of all
    assert torch.cuda.max_memory_allocated() - before >= took[2]
