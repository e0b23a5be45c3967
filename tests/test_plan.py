"""Plans count what the models really produce, fit what they say, and shrink to an end."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaModel,
    LlavaNextConfig,
    LlavaNextModel,
    LlavaNextVideoConfig,
    LlavaNextVideoModel,
    LlavaOnevisionConfig,
    LlavaOnevisionModel,
    SiglipVisionConfig,
)

from sightloop.errors import ContextOverflowError, InputError, InsufficientMemoryError
from sightloop.memory.still import Frame, Size, Still
from sightloop.tools.llava_next.anyres import Vision
from sightloop.tools.llava_next.checkpoints import CHECKPOINTS, find
from sightloop.tools.llava_next.plan import Plan, plan
from sightloop.tools.llava_next.prompts import Said

TEXT = LlamaConfig(
    hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=300
)
EYES = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
CLIP = CLIPVisionConfig(**EYES, image_size=32, patch_size=8)  # 4x4 features, which pool evenly
SIGLIP = SiglipVisionConfig(
    **EYES, image_size=24, patch_size=8, vision_use_head=False
)  # 3x3, as odd as 27x27
FULL = {"vision_feature_select_strategy": "full", "vision_feature_layer": -1}
CANVASES = [[32, 64], [64, 32], [64, 64], [96, 32], [32, 96]]
GRID = [[24 * i, 24 * j] for i in range(1, 7) for j in range(1, 7)]


def tiny(name, model, config):
    """A checkpoint that is the named one in all but the size of its eyes, and a model with those eyes."""
    checkpoint = replace(find(name), vision=Vision.from_config(config), context=600, rope_factor=1.5)
    return checkpoint, model(config).eval()


TINY = {
    "llava_next": tiny(
        "llava-v1.6-vicuna-7b-hf",
        LlavaNextModel,
        LlavaNextConfig(
            vision_config=CLIP, text_config=TEXT, image_grid_pinpoints=CANVASES, vision_feature_layer=-1
        ),
    ),
    "llava_next_video": tiny(
        "LLaVA-NeXT-Video-7B-hf",
        LlavaNextVideoModel,
        LlavaNextVideoConfig(
            vision_config=CLIP, text_config=TEXT, image_grid_pinpoints=CANVASES, vision_feature_layer=-1
        ),
    ),
    "llava": tiny(
        "llava-interleave-qwen-0.5b-hf",
        LlavaModel,
        LlavaConfig(vision_config=SIGLIP, text_config=TEXT, **FULL),
    ),
    "llava_onevision": tiny(
        "llava-onevision-qwen2-0.5b-ov-hf",
        LlavaOnevisionModel,
        LlavaOnevisionConfig(vision_config=SIGLIP, text_config=TEXT, image_grid_pinpoints=GRID),
    ),
}

SMALL = Size(6, 4)
side = st.one_of(st.integers(1, 30), st.integers(1, 2000))
sizes = st.builds(Size, side, side)
texts = st.text(max_size=60)
everyone = st.sampled_from(CHECKPOINTS)


def still(size: Size = SMALL, video: str | None = None, index: int = 0) -> Still:
    origin = Frame(source=video, t=index / 25, index=index) if video else None
    return Still.from_array(np.zeros((size.height, size.width, 3), np.uint8), origin)


small = st.builds(Size, st.integers(1, 90), st.integers(1, 90))
stills = st.one_of(
    st.builds(still, small),
    st.builds(still, small, st.sampled_from(["a.mp4", "b.mp4"]), st.integers(0, 99)),
)
prompts = st.lists(st.one_of(stills, texts), max_size=12)


def features(model, planned: Plan) -> int:
    """Count the embeddings that the model makes of zeros, fed as the plan says."""
    tile = model.config.vision_config.image_size
    count, videos = 0, {}
    for item in planned.stills:
        if item.mode == "frame":
            videos[item.video] = videos.get(item.video, 0) + item.crops
            continue
        pixels, size = torch.zeros(1, item.crops, 3, tile, tile), torch.tensor([item.resized[::-1]])
        if model.config.model_type == "llava":
            output = model.get_image_features(pixels[0])
        elif model.config.model_type == "llava_onevision":
            # The first of two: a still alone in its prompt is always given a grid.
            alone = torch.tensor([1 if item.mode == "anyres" else 2])
            twice = 1 if item.mode == "anyres" else 2
            output = model.get_image_features(
                pixels.repeat(twice, 1, 1, 1, 1), size.repeat(twice, 1), batch_num_images=alone
            )
        else:
            output = model.get_image_features(pixels, size)
        count += len(output.pooler_output[0])
    for frames in videos.values():
        count += model.get_video_features(torch.zeros(1, frames, 3, tile, tile)).pooler_output.shape[1]
    return count


@pytest.mark.parametrize("family", TINY)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(prompt=prompts, new=st.integers(1, 50))
@example(prompt=[still(video="a.mp4"), still(video="a.mp4"), "and then", still(video="a.mp4")], new=1)
@example(prompt=[still(video="a.mp4"), still(), still(video="a.mp4"), still(video="b.mp4")], new=1)
def test_visual_tokens_are_the_features_of_the_model(family, prompt, new):
    checkpoint, model = TINY[family]
    roomy = replace(checkpoint, context=10**6)
    planned = plan(roomy, prompt, max_new_tokens=new)
    while planned is not None:
        assert planned.visual_tokens == features(model, planned)
        planned = planned.shrink()


@pytest.mark.parametrize("family", TINY)
@settings(max_examples=100, deadline=None)
@given(prompt=prompts, new=st.integers(1, 200))
def test_a_plan_fits_or_is_refused(family, prompt, new):
    checkpoint, _ = TINY[family]
    smallest = plan(replace(checkpoint, context=10**6), prompt, max_new_tokens=new, count_text=len)
    while (smaller := smallest.shrink()) is not None:
        smallest = smaller
    if smallest.total_tokens > checkpoint.window:
        with pytest.raises(ContextOverflowError, match=rf"{smallest.total_tokens}, and its window is 900"):
            plan(checkpoint, prompt, max_new_tokens=new, count_text=len)
        return
    planned = plan(checkpoint, prompt, max_new_tokens=new, count_text=len)
    assert planned.fits
    assert planned.total_tokens <= checkpoint.context * checkpoint.rope_factor
    assert planned.new_tokens == new
    assert [item.size for item in planned.stills] == [item.size for item in prompt if isinstance(item, Still)]
    assert planned.text_tokens >= sum(len(item) for item in prompt if isinstance(item, str))


@settings(max_examples=150, deadline=None)
@given(checkpoint=everyone, prompt=st.lists(st.one_of(sizes, texts), max_size=30))
def test_every_checkpoint_shrinks_strictly_and_ends(checkpoint, prompt):
    planned = plan(replace(checkpoint, context=10**7), prompt)
    for _ in range(3):
        smaller = planned.shrink()
        if smaller is None:
            break
        assert smaller.visual_tokens < planned.visual_tokens
        assert smaller.vit_crops <= planned.vit_crops
        assert smaller.kv_bytes < planned.kv_bytes
        assert len(smaller.stills) == len(planned.stills)
        assert len(smaller.notes) == len(planned.notes) + 1
        planned = smaller
    assert planned.shrink() is None


@settings(max_examples=100, deadline=None)
@given(checkpoint=everyone, size=sizes, text=texts)
def test_the_cache_grows_by_the_token(checkpoint, size, text):
    planned = plan(replace(checkpoint, context=10**6), [size, text])
    assert planned.kv_bytes == planned.total_tokens * checkpoint.kv_bytes_per_token
    assert planned.needed_bytes == checkpoint.bytes(16) + planned.kv_bytes + planned.activation_bytes
    assert planned.total_tokens == planned.visual_tokens + planned.text_tokens + planned.new_tokens
    assert planned.vit_crops == sum(checkpoint.vision.crops(s.size, s.mode) for s in planned.stills)


def modes(name: str, prompt) -> list[str]:
    return [item.mode for item in plan(find(name), prompt).stills]


def test_the_modes_to_begin_with():
    page, photo = Size(1700, 2200), Size(640, 480)
    frames = [still(video="v.mp4", index=i) for i in range(4)]
    assert modes("llava-v1.6-mistral-7b-hf", [page]) == ["anyres"]
    assert modes("llava-v1.6-mistral-7b-hf", [photo, photo]) == ["tile", "tile"]
    assert modes("llava-interleave-qwen-7b-hf", [page]) == ["tile"]
    assert modes("llava-interleave-qwen-7b-hf", frames) == ["tile"] * 4
    assert modes("llava-onevision-qwen2-7b-ov-hf", [page]) == ["anyres"]
    assert modes("llava-onevision-qwen2-7b-ov-hf", [photo, photo]) == ["tile", "tile"]
    assert modes("llava-onevision-qwen2-7b-ov-hf", [photo, *frames]) == ["anyres", *["frame"] * 4]
    assert modes("llava-onevision-qwen2-7b-si-hf", frames) == ["tile"] * 4
    assert modes("LLaVA-NeXT-Video-7B-hf", frames) == ["frame"] * 4
    assert modes("LLaVA-NeXT-Video-7B-hf", frames[:1]) == ["anyres"]
    assert modes("pocket", [photo, photo]) == ["anyres", "anyres"]
    assert modes("pocket", [photo, photo, photo]) == ["tile"] * 3


def test_known_costs():
    assert plan(find("pocket"), [Size(100, 100)] * 3).visual_tokens == 3 * 36
    frames = [still(video="v.mp4", index=i) for i in range(32)]
    assert plan(find("LLaVA-NeXT-Video-7B-hf"), frames).visual_tokens == 4608
    assert plan(find("llava-onevision-qwen2-7b-ov-hf"), frames).visual_tokens == 6273
    sixteen = plan(find("llava-interleave-qwen-7b-hf"), [Size(640, 480)] * 16)
    assert sixteen.visual_tokens == 11664
    assert sixteen.kv_bytes / 2**30 == pytest.approx(5.8, abs=0.35)
    assert plan(find("llava-v1.6-vicuna-7b-hf"), [Size(1024, 1024)]).visual_tokens == 2928


def test_frames_of_one_video_without_text_between_are_one_video():
    a, b = still(video="a.mp4"), still(video="b.mp4")
    for prompt, videos in (
        ([a, a, a], [0, 0, 0]),
        ([a, "", a], [0, 0]),
        ([a, "and", a, a], [0, 1, 1]),
        ([a, a, b, b, a], [0, 0, 2, 2, 4]),
        ([a, still(), a, a], [0, None, 2, 2]),
    ):
        planned = plan(find("llava-onevision-qwen2-7b-ov-hf"), prompt)
        assert [item.video for item in planned.stills] == videos
        closings = sum(item.tokens == 197 for item in planned.stills)
        assert closings == len({video for video in videos if video is not None})


def test_frames_on_both_sides_of_an_answer_are_two_videos():
    a = still(video="a.mp4")
    for said in (Said("At noon."), Said("")):
        planned = plan(find("llava-onevision-qwen2-7b-ov-hf"), [a, a, said, a, a])
        assert [item.video for item in planned.stills] == [0, 0, 2, 2]


@settings(max_examples=60, deadline=None)
@given(checkpoint=everyone, first=texts, answer=texts, second=texts, size=sizes)
def test_what_was_said_is_counted(checkpoint, first, answer, second, size):
    roomy = replace(checkpoint, context=10**7)
    asked = ["a", first, size, answer, "b", second, size]
    turns = ["a", first, size, Said(answer), "b", second, size]
    known = [plan(roomy, prompt, count_text=len, template_tokens=7) for prompt in (asked, turns)]
    assert known[0].text_tokens == known[1].text_tokens == 9 + len(first) + len(answer) + len(second)
    assert known[0].stills == known[1].stills
    # Where the template is not known, the turn costs what ChatML and Llama 3 put round it, or more.
    assert plan(roomy, turns).text_tokens >= plan(roomy, asked).text_tokens + 10


def test_turns_that_do_not_alternate_are_refused():
    for prompt in ([Said("x"), "y"], [Size(4, 4), Said("x")], ["y", Said("x"), " ", Said("x"), "y"]):
        with pytest.raises(InputError, match="what the assistant said"):
            plan(find("pocket"), prompt)


def test_a_full_window_is_degraded_in_order_and_said():
    onevision = find("llava-onevision-qwen2-7b-ov-hf")
    crowded = plan(onevision, [Size(640, 480)] * 50)
    assert {item.mode for item in crowded.stills} == {"frame"}
    assert any("50 stills as a pooled frame" in note for note in crowded.notes)
    narrow = plan(replace(find("llava-v1.6-vicuna-7b-hf"), context=2500), [Size(1024, 1024)])
    assert [item.mode for item in narrow.stills] == ["tile"]
    assert any("1 still as one tile instead" in note for note in narrow.notes)
    assert plan(onevision, [Size(640, 480)], count_text=len).notes == ()


def test_what_does_not_fit_is_refused_with_a_breakdown():
    vicuna = find("llava-v1.6-vicuna-7b-hf")
    with pytest.raises(ContextOverflowError, match=r"6840 visual.*5 stills.*4096.*at most 2 stills"):
        plan(vicuna, ["What is it?", *[Size(640, 480)] * 5])
    with pytest.raises(ContextOverflowError, match=r"20000 of text.*shorter text"):
        plan(vicuna, ["a" * 20000, Size(640, 480)], count_text=len, template_tokens=0)


def test_the_advice_of_a_refusal_is_good():
    for checkpoint in CHECKPOINTS:
        with pytest.raises(ContextOverflowError, match="at most") as caught:
            plan(checkpoint, ["What?", *[Size(640, 480)] * 300])
        advised = int(caught.value.message.partition("at most ")[2].partition(" ")[0])
        assert advised >= 1
        assert plan(checkpoint, ["What?", *[Size(640, 480)] * advised]).fits


def test_memory_is_known_before_loading():
    vicuna = find("llava-v1.6-vicuna-13b-hf")
    prompt = ["What is it?", Size(1024, 1024)]
    free = plan(vicuna, prompt)
    assert plan(vicuna, prompt, memory_bytes=free.needed_bytes).stills == free.stills
    shrunk = plan(vicuna, prompt, memory_bytes=free.needed_bytes - 1)
    assert shrunk.visual_tokens < free.visual_tokens
    assert shrunk.needed_bytes < free.needed_bytes
    with pytest.raises(InsufficientMemoryError, match=r"16\.00 GiB are free\. Load it at 8 bit"):
        plan(vicuna, prompt, memory_bytes=16 * 2**30)
    with pytest.raises(InsufficientMemoryError, match="smaller checkpoint"):
        plan(vicuna, prompt, memory_bytes=2**30)
    with pytest.raises(InsufficientMemoryError, match="fewer stills"):
        plan(vicuna, prompt, bits=4, memory_bytes=vicuna.bytes(4) + 2**20)


def test_several_pictures_to_a_single_picture_model_are_pointed_out():
    mistral, video = find("llava-v1.6-mistral-7b-hf"), find("LLaVA-NeXT-Video-7B-hf")
    assert any("one picture at a time" in note for note in plan(mistral, [Size(9, 9)] * 2).notes)
    frames = [still(video="v.mp4", index=i) for i in range(8)]
    assert not any("one picture at a time" in note for note in plan(video, frames).notes)
    many = plan(find("llava-interleave-qwen-7b-hf"), [Size(9, 9)] * 17)
    assert any("more than 16 stills" in note for note in many.notes)


@pytest.mark.parametrize("size", [Size(1, 1), Size(20000, 4), Size(4, 20000)])
def test_extreme_sizes_are_planned_by_every_checkpoint(size):
    for checkpoint in CHECKPOINTS:
        planned = plan(checkpoint, [size], count_text=len)
        (item,) = planned.stills
        assert planned.visual_tokens > 0
        stretched = item.mode == "anyres" and item.resized != size
        assert stretched == any("stretched" in note for note in planned.notes)
        assert stretched == (max(size) > 1 and item.mode == "anyres")


def test_nothing_and_text_alone_are_prompts():
    assert plan(find("pocket"), []).visual_tokens == 0
    assert plan(find("pocket"), ["hello"], count_text=len, template_tokens=3).text_tokens == 8


def test_impossible_sizes_are_refused():
    with pytest.raises(InputError, match="0x5"):
        plan(find("pocket"), [Size(0, 5)])


def test_json_round_trip():
    planned = plan(find("LLaVA-NeXT-Video-7B-hf"), ["What?", Size(640, 480)])
    content = json.loads(json.dumps(planned.to_json()))
    assert content["stills"][0] == {
        "size": [640, 480],
        "mode": "anyres",
        "resized": [640, 480],
        "canvas": [672, 672],
        "crops": 5,
        "tokens": 2340,
        "video": None,
    }
    assert (content["context"], content["rope_factor"], content["window"]) == (4096, 2.5, 10240)
    assert content["visual_tokens"] == planned.visual_tokens
    assert content["model"] == "llava-hf/LLaVA-NeXT-Video-7B-hf"


def test_planning_needs_neither_torch_nor_transformers():
    code = (
        "import sys; from sightloop.tools.llava_next.plan import plan;"
        "from sightloop.tools.llava_next.checkpoints import CHECKPOINTS;"
        "from sightloop.memory.still import Size;"
        "[plan(c, ['What?', Size(640, 480)]) for c in CHECKPOINTS];"
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
