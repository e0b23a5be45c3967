"""All four families: the tokens, pixels and answers of transformers, for stills and for frames."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.modules.module import register_module_forward_pre_hook
from transformers import (
    AutoModelForImageTextToText,
    AutoTokenizer,
    LlavaNextImageProcessorPil,
    LlavaNextProcessor,
    LlavaProcessor,
)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from sightloop.errors import CheckpointError
from sightloop.memory.still import Frame, Still
from sightloop.tests.tiny import IN_ORDER, KINDS, Kind, build
from sightloop.tools.llava_next import LlavaNext, Prompt, Said
from sightloop.tools.llava_next.features import TOWER_CROPS, splice
from sightloop.tools.llava_next.loading import Loaded, load
from sightloop.tools.llava_next.plan import Plan, plan
from sightloop.tools.llava_next.prepare import Prepared, prepare
from sightloop.tools.llava_next.preprocess import normalise

CLASSES = {
    "vicuna": "LlavaNextForConditionalGeneration",
    "mistral": "LlavaNextForConditionalGeneration",
    "video": "LlavaNextVideoForConditionalGeneration",
    "interleave": "LlavaForConditionalGeneration",
    "onevision": "LlavaOnevisionForConditionalGeneration",
}


def picture(width: int = 90, height: int = 60, seed: int = 0) -> Still:
    return Still.from_array(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def frame(index: int, source: str = "clip.mp4") -> Still:
    return Still.from_array(picture(80, 45, index).pixels, Frame(source=source, t=index / 2, index=index))


PROMPTS: dict[str, Prompt] = {
    "single": [picture(), "What is it?"],
    "several": [picture(70, 90, 1), picture(31, 64, 2), "Same?"],
    "interleaved": ["Before:", picture(64, 64, 3), "after:", picture(100, 30, 4), "What changed?"],
    "frames": [frame(0), frame(1), frame(2), frame(3), "When?"],
    "two clips": ["One:", frame(0), frame(1), "two:", frame(5, "b.mp4"), frame(6, "b.mp4"), "Same?"],
    "clip by clip": [frame(0), frame(1), frame(2, "b.mp4"), frame(3, "b.mp4"), "Which?"],
    "frames and a picture": [frame(0), frame(1), picture(60, 80, 5), "Is it in the clip?"],
    "text": ["Hello"],
    "turns": [
        picture(),
        "What is it?",
        Said("A cat."),
        "And",
        picture(50, 70, 9),
        "?",
        Said("Two."),
        "Sure?",
    ],
    "frames over turns": [frame(0), frame(1), "When?", Said("At 1 s."), frame(2), frame(3), "And here?"],
    "a still with nothing said to it": [picture(), Said(""), picture(40, 40, 6)],
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: build(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture(scope="session")
def eyes(folders: dict[str, Path]) -> dict[str, LlavaNext]:
    return {kind: LlavaNext(folder) for kind, folder in folders.items()}


@pytest.fixture(scope="session")
def models(folders: dict[str, Path]) -> dict[str, Any]:
    """The same weights, loaded by transformers alone."""
    return {
        kind: AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        for kind, folder in folders.items()
    }


def prepared(loaded: Loaded, prompt: Prompt, *, grids: int | None = None) -> Prepared:
    checkpoint = loaded.checkpoint if grids is None else replace(loaded.checkpoint, grid_stills=grids)

    def make_plan(text_tokens: int) -> Plan:
        return plan(checkpoint, prompt, count_text=lambda _: 0, template_tokens=text_tokens)

    return prepare(prompt, loaded.template, make_plan)


def inputs(ready: Prepared, loaded: Loaded) -> dict[str, Any]:
    """What transformers' generate takes, from our crops and our token ids."""
    ids = torch.tensor([ready.ids])
    given: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    vision = loaded.checkpoint.vision
    pictures = ready.pictures(vision)
    images = [normalise(p.crops, vision, torch.float32) for p in pictures if p.visual.kind == "image"]
    videos = [normalise(p.crops, vision, torch.float32) for p in pictures if p.visual.kind == "video"]
    if images:
        if vision.family == "llava":
            given["pixel_values"] = torch.cat(images)
        else:
            most = max(len(image) for image in images)
            padded = [torch.cat([i, i.new_zeros((most - len(i), *i.shape[1:]))]) for i in images]
            given["pixel_values"] = torch.stack(padded)
            sizes = [(p.fed.height, p.fed.width) for p in pictures if p.visual.kind == "image"]
            given["image_sizes"] = torch.tensor(sizes)
        if vision.family == "llava_onevision":
            given["batch_num_images"] = torch.tensor([len(images)])
    if videos:
        given["pixel_values_videos"] = torch.stack(videos)
    return given


def generated(model: Any, given: dict[str, Any]) -> tuple[list[int], float]:
    """Greedy tokens and the product of their probabilities, by transformers' own generate."""
    with torch.inference_mode():
        out = model.generate(
            **given, do_sample=False, max_new_tokens=12, output_logits=True, return_dict_in_generate=True
        )
    ids = out.sequences[0, given["input_ids"].shape[1] :].tolist()
    logs = [step.log_softmax(-1)[0, id_].item() for step, id_ in zip(out.logits, ids, strict=True)]
    return ids, math.exp(sum(logs))


@pytest.mark.parametrize("name", PROMPTS)
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_transformers(
    kind: Kind, name: str, folders: dict[str, Path], eyes: dict[str, LlavaNext], models: dict[str, Any]
) -> None:
    loaded = load(folders[kind])
    ready = prepared(loaded, PROMPTS[name])
    ids, confidence = generated(models[kind], inputs(ready, loaded))
    answer = eyes[kind].answer(PROMPTS[name], max_new_tokens=12)
    assert answer.text == loaded.tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert answer.confidence == pytest.approx(confidence, rel=1e-3)
    assert answer.usage.new_tokens == len(ids)
    assert answer.usage.visual_tokens + answer.usage.text_tokens == len(ready.ids)
    assert answer.stopped_because == ("stop" if ids[-1] in loaded.stop_ids else "length")


@pytest.mark.parametrize("kind", KINDS)
def test_the_class_is_that_of_the_config(kind: Kind, folders: dict[str, Path]) -> None:
    assert type(load(folders[kind]).model).__name__ == CLASSES[kind]


def next_processor(loaded: Loaded) -> Any:
    vision = loaded.checkpoint.vision
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": vision.tile},
        crop_size={"height": vision.tile, "width": vision.tile},
        image_grid_pinpoints=[[size.height, size.width] for size in vision.pinpoints],
    )
    return LlavaNextProcessor(
        image_processor=images,
        tokenizer=loaded.tokenizer,
        patch_size=vision.patch,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )


def llava_processor(loaded: Loaded) -> Any:
    vision = loaded.checkpoint.vision
    images = SiglipImageProcessorPil(
        size={"height": vision.tile, "width": vision.tile}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=loaded.tokenizer,
        patch_size=vision.patch,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
    )


# Beyond 4:1, these towers of 4x4 features would see nothing of a still, and ours is stretched.
sizes = st.tuples(st.integers(8, 200), st.integers(8, 200)).filter(lambda size: max(size) <= 4 * min(size))
questions = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
parts = st.one_of(sizes.map(lambda size: picture(*size)), st.integers(0, 5).map(frame), questions)


@pytest.mark.parametrize(
    ("kind", "processor"),
    [("vicuna", next_processor), ("mistral", next_processor), ("interleave", llava_processor)],
)
@given(
    stills=st.lists(sizes, min_size=1, max_size=3),
    words=st.lists(questions, min_size=1, max_size=3),
    said=st.one_of(st.none(), questions),
)
def test_token_ids_and_pixels_are_those_of_the_processor(
    kind: Kind,
    processor: Callable[[Loaded], Any],
    folders: dict[str, Path],
    stills: Sequence[tuple[int, int]],
    words: Sequence[str],
    said: str | None,
) -> None:
    loaded = load(folders[kind])
    pictures = [picture(width, height, i) for i, (width, height) in enumerate(stills)]
    prompt: list[Any] = [*pictures[:1], *words, *pictures[1:]]
    if said is not None:
        prompt[1:1] = [Said(said), "And now?"]
    # transformers gives every still its grid, however many there are.
    ready = prepared(loaded, prompt, grids=len(pictures) if kind != "interleave" else None)
    theirs = processor(loaded)(
        text=ready.rendered, images=[still.to_pil() for still in pictures], return_tensors="pt"
    )
    assert theirs["input_ids"][0].tolist() == list(ready.ids)
    vision = loaded.checkpoint.vision
    ours = [normalise(picture.crops, vision, torch.float32) for picture in ready.pictures(vision)]
    for mine, reference in zip(ours, theirs["pixel_values"], strict=True):
        reference = reference[: len(mine)] if reference.ndim == 4 else reference[None]
        steps = (mine - reference).abs() * torch.tensor(vision.std).view(3, 1, 1) * 255
        assert steps.max() < 2.01
        # Two passes in the wrong order would make it 0.2.
        assert steps.mean() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_again_after_saving_by_transformers(
    kind: Kind, folders: dict[str, Path], eyes: dict[str, LlavaNext], tmp_path: Path
) -> None:
    model = AutoModelForImageTextToText.from_pretrained(folders[kind])
    tokens = AutoTokenizer.from_pretrained(folders[kind])
    again = tmp_path / "again"
    model.save_pretrained(again)
    tokens.chat_template = json.loads((folders[kind] / "chat_template.json").read_text())["chat_template"]
    tokens.save_pretrained(again)
    if kind in ("vicuna", "mistral"):
        next_processor(load(folders[kind])).save_pretrained(again)
        tokens.save_pretrained(again)
    else:
        name = "preprocessor_config.json"
        (again / name).write_text((folders[kind] / name).read_text())
    assert (again / "chat_template.jinja").is_file()
    for prompt in (PROMPTS["single"], PROMPTS["interleaved"], PROMPTS["frames"]):
        first, second = (e.answer(prompt, max_new_tokens=8) for e in (eyes[kind], LlavaNext(again)))
        assert second.text == first.text
        assert second.confidence == pytest.approx(first.confidence, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folders_name_says_nothing(kind: Kind, eyes: dict[str, LlavaNext], tmp_path: Path) -> None:
    for name in ("llava-onevision-qwen2-siglip", "vicuna mistral clip/LLaVA-NeXT-Video-7B", "pocket"):
        other = LlavaNext(build(kind, tmp_path / name))
        for prompt in (PROMPTS["single"], PROMPTS["frames"]):
            assert (
                other.answer(prompt, max_new_tokens=8).text
                == eyes[kind].answer(prompt, max_new_tokens=8).text
            )


@pytest.mark.parametrize("kind", KINDS)
def test_stills_and_their_order_count(kind: Kind, eyes: dict[str, LlavaNext]) -> None:
    first, second = picture(64, 64, 6), picture(64, 64, 7)
    states = eyes[kind].embed([first, second])
    assert abs(states[0] @ states[1]) < 0.9999
    orders = [[first, "?", second], [second, "?", first], ["?", first, second], [first, second, "?"]]
    found = {eyes[kind].answer(order, max_new_tokens=4).confidence for order in orders}
    assert len(found) == len(orders)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_single_prompts(kind: Kind, eyes: dict[str, LlavaNext]) -> None:
    prompts = [*PROMPTS.values(), [picture(12, 96, 8), "What is at the very end of this long question?" * 3]]
    together = eyes[kind].answers(prompts, max_new_tokens=10)
    for prompt, answer in zip(prompts, together, strict=True):
        alone = eyes[kind].answer(prompt, max_new_tokens=10)
        assert answer.text == alone.text
        assert answer.stopped_because == alone.stopped_because
        assert answer.confidence == pytest.approx(alone.confidence, rel=1e-3)
        # Time is shared out, and memory is the batch's.
        batch = {"seconds": 0, "memory_bytes": 0}
        assert answer.usage.model_copy(update=batch) == alone.usage.model_copy(update=batch)
        assert answer.notes == alone.notes


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_that_keeps_order_is_used_as_it_is(kind: Kind, tmp_path: Path) -> None:
    loaded = load(build(kind, tmp_path / "ordered", template=IN_ORDER))
    ready = prepared(loaded, ["One", picture(), "two", picture(), "Same?"])
    assert ready.rendered == "<s><|user|> One image <image> two image <image> Same?<|assistant|>"


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_one_clip_are_one_video_where_the_family_has_it(
    kind: Kind, folders: dict[str, Path]
) -> None:
    loaded = load(folders[kind])
    first, second = [frame(0), frame(1), frame(2)], [frame(5, "b.mp4"), frame(6, "b.mp4")]
    for prompt in ([*first, "and", *second, "?"], [*first, *second, "?"]):
        visuals = [(visual.kind, visual.stills) for visual in prepared(loaded, prompt).visuals]
        if kind in ("video", "onevision"):
            assert visuals == [("video", (0, 1, 2)), ("video", (3, 4))]
        else:
            assert visuals == [("image", (i,)) for i in range(5)]


@pytest.mark.parametrize("kind", KINDS)
@given(
    turns=st.lists(st.lists(parts, max_size=4), min_size=1, max_size=3), said=st.lists(questions, min_size=2)
)
def test_over_turns_placeholders_have_the_tokens_of_the_plan(
    kind: Kind, folders: dict[str, Path], turns: list[list[Any]], said: list[str]
) -> None:
    loaded = load(folders[kind])
    prompt = [*turns[0], "?"]
    for answer, turn in zip(said, turns[1:], strict=False):
        prompt += [Said(answer), *turn, "?"]
    smaller: Plan | None = plan(loaded.checkpoint, prompt)
    places = set(loaded.template.placeholder_ids.values())
    while smaller is not None:
        now = smaller
        ready = prepare(prompt, loaded.template, lambda _, now=now: now)  # type: ignore[misc]
        visual = sum(id_ in places for id_ in ready.ids)
        assert visual == sum(v.tokens for v in ready.visuals) == ready.plan.visual_tokens
        assert sum(len(v.stills) for v in ready.visuals) == len(ready.stills)
        smaller = now.shrink()
    ready = prepared(loaded, prompt)
    assert len(ready.ids) == ready.plan.visual_tokens + ready.plan.text_tokens


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_said_and_by_whom_counts(kind: Kind, eyes: dict[str, LlavaNext]) -> None:
    still = picture(64, 64, 6)
    prompts: list[Prompt] = [
        [still, "a?", Said("cat"), "b?"],
        [still, "a?", Said("dog"), "b?"],
        [still, "a?", "cat", "b?"],
        [still, "a?", Said("cat"), still, "b?"],
    ]
    assert len({eyes[kind].choose(prompt, ["yes", "no"]).probabilities for prompt in prompts}) == 4


@pytest.mark.parametrize("kind", ["video", "onevision"])
def test_clips_of_different_lengths_are_seen_as_each_alone(kind: Kind, eyes: dict[str, LlavaNext]) -> None:
    long, short = [frame(0), frame(1), frame(2)], [frame(5, "b.mp4"), frame(6, "b.mp4")]
    prompts: list[Prompt] = [[*long, "?"], [*short, "?"], [*long, "and", *short, "?"]]
    together = eyes[kind].answers(prompts, max_new_tokens=6)
    assert [a.text for a in together] == [eyes[kind].answer(p, max_new_tokens=6).text for p in prompts]
    newlines = int(kind == "onevision")
    assert [a.usage.visual_tokens for a in together] == [
        4 * frames + newlines * clips for frames, clips in ((3, 1), (2, 1), (5, 2))
    ]


def test_features_that_do_not_fill_their_places_are_refused_with_both_numbers(models: dict[str, Any]) -> None:
    places = [7, 4, 4, 4, 9]
    assert splice(models["vicuna"], places, [4], [torch.zeros(1, 32), torch.zeros(2, 32)]).shape == (5, 32)
    with pytest.raises(CheckpointError, match=r"3 placeholder .* 2 features"):
        splice(models["vicuna"], places, [4], [torch.zeros(2, 32)])


@pytest.mark.parametrize("kind", KINDS)
def test_many_stills_go_through_the_tower_in_parts(kind: Kind, eyes: dict[str, LlavaNext]) -> None:
    prompts: list[Prompt] = [[picture(80, 50, seed), "?"] for seed in range(TOWER_CROPS)]
    crops = 0

    def most(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        nonlocal crops
        if isinstance(module, torch.nn.Conv2d):
            crops = max(crops, inputs[0].shape[0])

    handle = register_module_forward_pre_hook(most)
    try:
        together = eyes[kind].choose_many(prompts, ["yes", "no"])
    finally:
        handle.remove()
    assert 1 < crops <= TOWER_CROPS
    for prompt, choice in [*zip(prompts, together, strict=True)][::7]:
        alone = eyes[kind].choose(prompt, ["yes", "no"])
        assert choice.probabilities == pytest.approx(alone.probabilities, abs=1e-5)


def test_several_batches_keep_the_order_of_the_prompts(
    eyes: dict[str, LlavaNext], monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[Prompt] = [["word " * n] for n in (30, 2, 25, 8, 40, 1)]
    expected = eyes["mistral"].answers(prompts, max_new_tokens=4)
    monkeypatch.setattr("sightloop.tools.llava_next.batches.BATCH_TOKENS", 200)
    apart = eyes["mistral"].answers(prompts, max_new_tokens=4)
    assert [answer.text for answer in apart] == [answer.text for answer in expected]
    assert [a.usage.text_tokens for a in apart] == [a.usage.text_tokens for a in expected]
