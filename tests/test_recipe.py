"""The pocket recipe: packing is exact, labels are true, loss falls, and a run goes on where it stopped."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from sightloop import LlavaNext, Still
from sightloop.tools.llava_next.pocket import model as pocket
from sightloop.tools.llava_next.pocket.calibrate import best_temperature, calibrate
from sightloop.tools.llava_next.pocket.muon import Muon, orthogonal
from sightloop.tools.llava_next.pocket.network import Trainee
from sightloop.tools.llava_next.pocket.packing import (
    CHANNELS,
    IGNORE,
    Packer,
    layout_of,
    mode_for,
    still_labels,
)
from sightloop.tools.llava_next.pocket.questions import Question
from sightloop.tools.llava_next.pocket.several import World
from sightloop.tools.llava_next.pocket.things import COLORS, Sheet
from sightloop.tools.llava_next.pocket.train import HEADS_ALONE, Run, step_size
from sightloop.tools.llava_next.pocket.worlds import KINDS, Kind, worlds


@pytest.fixture(scope="module")
def trainee() -> Trainee:
    torch.manual_seed(0)
    return Trainee(pocket.build(width=64, layers=3, vision_width=32, vision_layers=2), middle=1).eval()


def drawn(kind: Kind, seed: int = 1) -> tuple[World, list[Question]]:
    (found,) = worlds(kind, seed, 1)
    return found


def logits(trainee: Trainee, pack: Packer, world: World, asked: list[Question]) -> list[torch.Tensor]:
    """Logits of each answer's tokens."""
    batch = pack([world], [asked], 1.0, random.Random(0))
    with torch.inference_mode():
        return list(trainee(batch).logits.split([stop - start for _, start, stop, _ in batch.answers]))


@pytest.mark.parametrize("kind", KINDS)
def test_questions_packed_together_are_answered_as_alone(trainee: Trainee, kind: Kind) -> None:
    pack = Packer()
    world, asked = drawn(kind)
    together = logits(trainee, pack, world, asked[:4])
    assert len(together) >= 2
    for question, packed in zip(asked, together, strict=False):
        (alone,) = logits(trainee, pack, world, [question])
        torch.testing.assert_close(packed, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["photos", "pairs"])
def test_a_packed_question_gets_the_logits_of_the_model_itself(
    trainee: Trainee, kind: Kind, tmp_path: Path
) -> None:
    """Against transformers alone: its processor, its chat template, its model, reloaded from disk."""
    pocket.save(trainee.core, tmp_path, half=False)
    processor = AutoProcessor.from_pretrained(tmp_path)
    network = AutoModelForImageTextToText.from_pretrained(tmp_path, attn_implementation="eager").eval()
    world, asked = drawn(kind, 2)
    (packed,) = logits(trainee, Packer(), world, asked[:1])
    images = [Image.fromarray(image) for image in world.render(1.0)[0]]
    content: list[dict[str, str]] = []
    for name in world.names:
        content += [{"type": "text", "text": name}] * bool(name) + [{"type": "image"}]
    content.append({"type": "text", "text": asked[0].text})
    prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    given = processor(
        images=images, text=f"{prompt} {asked[0].answer}", return_tensors="pt", add_special_tokens=False
    )
    with torch.inference_mode():
        own = network(**given).logits[0, -len(packed) :]
    # Pixels may differ by a rounding of the overview's resize.
    torch.testing.assert_close(packed, own, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("seed", range(6))
def test_dense_labels_say_what_lies_under_each_patch(seed: int) -> None:
    """Against the picture: a patch labelled with a colour shows it, and centres add up to the things."""
    world, _ = drawn("photos", seed)
    (image,), (cover,) = world.render(1.0)
    sheet: Sheet = world.sheets[0]
    layout = layout_of(image.shape[1], image.shape[0], mode_for(1))
    tokens, patches = still_labels(cover, sheet, layout, 0)
    assert tokens.shape == (layout.tokens, len(CHANNELS))
    names = list(CHANNELS)
    inner = tokens[16:]  # behind the overview
    centres = inner[:, names.index("centres")]
    assert centres[centres != IGNORE].sum() == len(sheet.things)
    color, column, row = (inner[:, names.index(name)] for name in ("color", "column", "row"))
    top, left = ((128 - side) // 2 for side in image.shape[:2])
    for c, x, y in zip(color, column, row, strict=True):
        if c in (0, IGNORE):
            continue
        y0, x0 = max(0, y * 16 - top), max(0, x * 16 - left)
        shown = image[y0 : y * 16 - top + 16, x0 : x * 16 - left + 16].reshape(-1, 3).astype(int)
        gap = np.abs(shown - list(COLORS.values())[c - 1]).max(1)
        assert (gap <= 35).any()
    assert patches.min() >= IGNORE


def test_orthogonal_brings_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 20, 50), (3, 50, 20)):
        found = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert found.min() > 0.6
        assert found.max() < 1.3


def test_muon_takes_the_steps_of_torch() -> None:
    torch.manual_seed(0)
    own = [torch.nn.Parameter(torch.randn(shape)) for shape in ((32, 32), (64, 32), (32, 64))]
    other = [torch.nn.Parameter(p.detach().clone()) for p in own]
    mine, theirs = Muon(own, lr=0.1), torch.optim.Muon(other, lr=0.1, momentum=0.95, weight_decay=0.01)
    for _ in range(3):
        for p, q in zip(own, other, strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        mine.step()
        theirs.step()
    for p, q in zip(own, other, strict=True):
        torch.testing.assert_close(p, q, atol=0.02, rtol=0)  # torch computes in bfloat16


def test_the_step_size_rises_stays_and_falls_to_nothing() -> None:
    assert 0 < step_size(0.0, 0) < step_size(0.0, 30) < step_size(0.3, 1000) == 1
    assert 0 < step_size(0.9, 5000) < 1
    assert step_size(1.0, 5000) == 0


def test_tuning_begins_at_a_part_of_the_step_size_and_falls_at_once() -> None:
    sizes = [step_size(progress, 1000, tuning=True) for progress in (0.0, 0.3, 0.6, 1.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 < sizes[0] < 0.5 * step_size(0.0, 1000)
    assert sizes[-1] == 0


def run(folder: Path, start: Path | None = None) -> Run:
    """A run of two worlds a step that has no end: the tests set its time themselves."""
    return Run(0, 1, folder, minutes=1e6, seed=0, batch=2, start=start, fused=False)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, list[float]]]:
    """The smoke run: some steps of the warm-up, and some of questions."""
    folder = tmp_path_factory.mktemp("run")
    began = run(folder)
    losses: dict[str, list[float]] = {"warm": [], "asked": []}
    for part, share, steps in (("warm", 0.0, 16), ("asked", 0.05, 40)):
        for _ in range(steps):
            began.spent = share * 6e7
            found = began.one_step()
            losses[part].append(found["patch" if part == "warm" else "answer"])
    began.save()
    return began, losses


def test_the_losses_fall(trained: tuple[Run, dict[str, list[float]]]) -> None:
    for part, values in trained[1].items():
        assert mean(values[-5:]) < 0.8 * mean(values[:5]), part


def test_a_checkpoint_goes_on_as_if_it_had_not_stopped(trained: tuple[Run, dict[str, list[float]]]) -> None:
    before, _ = trained
    after = run(before.out)
    assert (after.step, after.spent, after.curriculum.known) == (
        before.step,
        before.spent,
        before.curriculum.known,
    )
    after.spent = before.spent = 0.05 * 6e7
    assert after.one_step()["answer"] == pytest.approx(before.one_step()["answer"], rel=1e-3)
    # Of the first step the contrastive queue, which starts anew, is all that may differ.
    assert after.one_step()["answer"] == pytest.approx(before.one_step()["answer"], rel=2e-2)


def test_what_a_run_saves_is_a_model_that_answers(trained: tuple[Run, dict[str, list[float]]]) -> None:
    folder = trained[0].out / "model"
    found = calibrate(folder, count=3)
    assert json.loads((folder / "pocket.json").read_text()) == found
    eyes = LlavaNext(folder)
    answer = eyes.answer(
        [Still.from_array(np.full((90, 120, 3), 240, np.uint8)), "how many things are there ?"]
    )
    assert 0 <= answer.confidence <= 1
    assert eyes.checkpoint.parameters < 12e6


def test_tuning_starts_from_the_weights_it_is_given_and_with_the_heads_alone(
    trained: tuple[Run, dict[str, list[float]]], tmp_path: Path
) -> None:
    folder = trained[0].out / "model"
    tuned = run(tmp_path, start=folder)
    heads = tuned.trainee.token_head.weight

    def distance() -> tuple[float, float]:
        given = pocket.load(folder).state_dict()
        own = tuned.trainee.core.state_dict()
        return sum(float((given[k] - own[k]).abs().sum()) for k in given), float(heads.detach().norm())

    assert distance()[0] == 0
    before = distance()[1]
    tuned.one_step()
    assert distance()[0] == 0
    assert distance()[1] != before
    tuned.step = HEADS_ALONE
    tuned.one_step()
    assert distance()[0] > 0


def test_calibration_finds_the_temperature_that_was_put_in() -> None:
    torch.manual_seed(0)
    honest = torch.randn(4000, 1, 5) * 2
    truths = torch.distributions.Categorical(logits=honest[:, 0]).sample()
    sharpened = [(2 * one, bool(one.argmax() == truth)) for one, truth in zip(honest, truths, strict=True)]
    temperature, error, before = best_temperature(sharpened)
    assert temperature == pytest.approx(2, abs=0.3)
    assert error < before
