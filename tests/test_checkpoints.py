"""The table of checkpoints agrees with what is published, and folders are read by their configs alone."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForImageTextToText,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaNextConfig,
    LlavaNextVideoConfig,
    LlavaOnevisionConfig,
    MistralConfig,
    Qwen2Config,
    SiglipVisionConfig,
)

from sightloop.errors import CheckpointError, UnknownCheckpointError
from sightloop.tools.llava_next.anyres import Vision
from sightloop.tools.llava_next.checkpoints import CHECKPOINTS, POCKET, UNPORTED, find, from_folder

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
    "max_position_embeddings": 4096,
}
EYES = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4}
CLIP = CLIPVisionConfig(**EYES, image_size=32, patch_size=8)
SIGLIP = SiglipVisionConfig(**EYES, image_size=24, patch_size=8, vision_use_head=False)
FULL = {"vision_feature_select_strategy": "full", "vision_feature_layer": -1}
CONFIGS = {
    "LlavaNextForConditionalGeneration": LlavaNextConfig(
        vision_config=CLIP, text_config=MistralConfig(**TEXT)
    ),
    "LlavaNextVideoForConditionalGeneration": LlavaNextVideoConfig(
        vision_config=CLIP, text_config=LlamaConfig(**TEXT)
    ),
    "LlavaForConditionalGeneration": LlavaConfig(
        vision_config=SIGLIP, text_config=Qwen2Config(**TEXT, tie_word_embeddings=True), **FULL
    ),
    "LlavaOnevisionForConditionalGeneration": LlavaOnevisionConfig(
        vision_config=SIGLIP, text_config=Qwen2Config(**TEXT)
    ),
}
MISLEADING = [
    "my-qwen-clip-mistral",
    "llava_onevision",
    "LLaVA-NeXT-Video-34B-hf",
    "siglip interleave 0.5b",
    "x",
]


def save(config, folder: Path) -> Path:
    config.save_pretrained(folder)
    return folder


def folder_of(architecture: str, folder: Path, **changes) -> Path:
    config = CONFIGS[architecture]
    config.architectures = [architecture]
    save(config, folder)
    if changes:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


@pytest.mark.parametrize(
    ("name", "billions"),
    [  # reference: the LLaVA-NeXT blog of 2024-05-10
        ("llava-v1.6-vicuna-7b-hf", 7.06),
        ("llava-v1.6-vicuna-13b-hf", 13.35),
        ("llava-v1.6-34b-hf", 34.75),
        ("llama3-llava-next-8b-hf", 8.35),
        ("llava-next-72b-hf", 72.7),
        ("llava-next-110b-hf", 111.5),
    ],
)
def test_parameters_are_the_published_ones(name, billions):
    assert find(name).parameters / 1e9 == pytest.approx(billions, rel=0.015)


def test_the_small_interleave_fills_its_file_of_1_7_gigabytes():
    assert find("llava-interleave-qwen-0.5b-hf").bytes(16) / 1e9 == pytest.approx(1.7, abs=0.05)


@pytest.mark.parametrize(
    ("name", "mebibytes"),
    [
        ("llava-v1.6-vicuna-7b-hf", 0.5),
        ("llava-interleave-qwen-7b-hf", 0.5),
        ("llava-v1.6-vicuna-13b-hf", 0.78),
        ("llava-v1.6-mistral-7b-hf", 0.125),
        ("llama3-llava-next-8b-hf", 0.125),
        ("llava-v1.6-34b-hf", 0.234),
        ("llava-interleave-qwen-0.5b-hf", 0.094),
        ("llava-onevision-qwen2-7b-ov-hf", 0.055),
    ],
)
def test_key_value_cache_per_token(name, mebibytes):
    assert find(name).kv_bytes_per_token / 2**20 == pytest.approx(mebibytes, rel=0.01)


def test_vision_of_the_table_is_that_of_the_configs():
    defaults = {
        "llava_next": LlavaNextConfig(),
        "llava_next_video": LlavaNextVideoConfig(),
        "llava_onevision": LlavaOnevisionConfig(),
        "llava": LlavaConfig(
            vision_config=SiglipVisionConfig(image_size=384, patch_size=14), text_config=Qwen2Config(), **FULL
        ),
    }
    for checkpoint in CHECKPOINTS:
        if checkpoint is not POCKET:
            assert checkpoint.vision == Vision.from_config(defaults[checkpoint.family])


def test_tiers_and_memory_follow_size():
    tiers = {
        "pocket": "embedded",
        "llava-onevision-qwen2-0.5b-ov-hf": "small",
        "llama3-llava-next-8b-hf": "small",
        "llava-v1.6-vicuna-13b-hf": "medium",
        "LLaVA-NeXT-Video-34B-DPO-hf": "medium",
        "llava-next-72b-hf": "large",
        "llava-next-110b-hf": "large",
    }
    assert {name: find(name).tier for name in tiers} == tiers
    for checkpoint in CHECKPOINTS:
        needs = [checkpoint.bytes(bits) for bits in (32, 16, 8, 4)]
        assert needs == sorted(needs, reverse=True)
        assert needs[0] == 2 * needs[1] == 4 * checkpoint.parameters
        assert needs[3] > checkpoint.parameters / 2


def test_names_are_unique_and_all_are_found():
    names = [name for c in CHECKPOINTS for name in (c.name, c.original) if name]
    bare = [name.rpartition("/")[2].casefold() for name in names]
    assert len(set(bare)) == len(bare)
    for checkpoint in CHECKPOINTS:
        for name in (checkpoint.name, checkpoint.original):
            if name:
                assert find(name) is find(name.rpartition("/")[2]) is find(name.upper()) is checkpoint


@pytest.mark.parametrize("unported", UNPORTED, ids=lambda unported: unported.original)
def test_checkpoints_without_a_port_name_one_that_loads(unported):
    for name in (unported.original, unported.original.rpartition("/")[2]):
        with pytest.raises(UnknownCheckpointError) as caught:
            find(name.replace("*", "7B-Plus"))
        assert unported.nearest in caught.value.message
        assert caught.value.input == name.replace("*", "7B-Plus")
    assert find(unported.nearest).name == unported.nearest


@pytest.mark.parametrize(
    ("wrong", "suggested"),
    [
        ("llava-hf/llava-interleave-qwen-7b", "llava-hf/llava-interleave-qwen-7b-hf"),
        ("llava-1.6-mistral-7b", "llava-v1.6-mistral-7b"),
        ("poket", "pocket"),
        ("LLAVA-NEXT-VIDEO-7B-32", "LLaVA-NeXT-Video-7B-32K"),
    ],
)
def test_unknown_names_suggest_the_nearest(wrong, suggested):
    with pytest.raises(UnknownCheckpointError, match=suggested) as caught:
        find(wrong)
    assert caught.value.input == wrong


def test_capabilities_are_those_of_the_training():
    assert find("llava-v1.6-vicuna-7b-hf").stills_trained == 1
    interleave = find("llava-interleave-qwen-7b-hf")
    assert (interleave.stills_trained, interleave.grid_stills, interleave.modes) == (None, 0, ("tile",))
    assert find("llava-onevision-qwen2-7b-si-hf").modes == ("anyres", "tile")
    assert find("llava-onevision-qwen2-7b-ov-hf").modes == ("anyres", "tile", "frame")
    assert find("LLaVA-NeXT-Video-7B-hf").window == 10240
    assert find("LLaVA-NeXT-Video-34B-hf").window == 8192


POCKET_WEIGHTS = Path(__file__).parent.parent / "tools" / "llava_next" / "pocket" / "weights"


@pytest.mark.skipif(not POCKET_WEIGHTS.is_dir(), reason="the pocket model has not been trained yet")
def test_the_pocket_of_the_table_is_the_one_in_the_repository():
    shipped = from_folder(POCKET_WEIGHTS)
    assert replace(shipped.text, name=POCKET.text.name) == POCKET.text
    assert replace(shipped.tower, name=POCKET.tower.name) == POCKET.tower
    assert (shipped.vision, shipped.window) == (POCKET.vision, POCKET.window)
    assert POCKET.parameters < 12e6


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("name", MISLEADING)
def test_a_folder_is_what_its_config_says(tmp_path, architecture, name):
    checkpoint = from_folder(folder_of(architecture, tmp_path / name))
    config = CONFIGS[architecture]
    assert checkpoint.family == config.model_type
    assert checkpoint.vision == Vision.from_config(config)
    assert checkpoint.name == str(tmp_path / name)
    assert checkpoint.window == 4096
    assert checkpoint.tier == "embedded"
    assert checkpoint.stills_trained == (1 if "Next" in architecture else None)
    assert checkpoint.video == (architecture != "LlavaNextForConditionalGeneration")
    assert checkpoint.grid_stills == (architecture != "LlavaForConditionalGeneration")


def test_a_model_of_the_pocket_recipe_is_told_by_its_own_file(tmp_path):
    folder = folder_of("LlavaNextForConditionalGeneration", tmp_path / "mine")
    (folder / "pocket.json").write_text("{}")
    checkpoint = from_folder(folder)
    assert (checkpoint.stills_trained, checkpoint.video) == (POCKET.stills_trained, POCKET.video)
    assert (checkpoint.grid_stills, checkpoint.license) == (POCKET.grid_stills, POCKET.license)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_a_folders_parameters_and_cache_are_the_models_own(tmp_path, architecture):
    checkpoint = from_folder(folder_of(architecture, tmp_path / "m"))
    model = AutoModelForImageTextToText.from_config(CONFIGS[architecture])
    assert checkpoint.parameters == sum(p.numel() for p in model.parameters())
    assert checkpoint.bytes(16) == 2 * checkpoint.parameters
    layers = [m for m in model.model.language_model.layers.modules() if isinstance(m, torch.nn.Linear)]
    assert checkpoint.text.linear_parameters == sum(layer.weight.numel() for layer in layers)
    cache = model.model.language_model(torch.zeros(1, 5, dtype=torch.long), use_cache=True).past_key_values
    values = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    assert 5 * checkpoint.kv_bytes_per_token == 2 * values


@pytest.mark.parametrize("name", ["processor_config.json", "preprocessor_config.json"])
def test_a_folders_own_normalisation_is_read(tmp_path, name):
    folder = folder_of("LlavaNextForConditionalGeneration", tmp_path / "m")
    settings = {"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 1, 1], "do_center_crop": False}
    nested = {"image_processor": settings} if name.startswith("processor") else settings
    (folder / name).write_text(json.dumps(nested))
    vision = from_folder(folder).vision
    assert (vision.mean, vision.std, vision.resize) == ((0.1, 0.2, 0.3), (1, 1, 1), "stretch")


def test_linear_rope_stretches_the_window_and_other_kinds_do_not(tmp_path):
    for kind, window in (("linear", 10240), ("dynamic", 4096)):
        rope = {"rope_type": kind, "factor": 2.5, "rope_theta": 1e4}
        config = LlavaNextVideoConfig(
            vision_config=CLIP, text_config=LlamaConfig(**TEXT, rope_parameters=rope)
        )
        config.architectures = ["LlavaNextVideoForConditionalGeneration"]
        assert from_folder(save(config, tmp_path / kind)).window == window


def test_llava_with_clip_sees_one_still(tmp_path):
    config = LlavaConfig(vision_config=CLIP, text_config=LlamaConfig(**TEXT))
    config.architectures = ["LlavaForConditionalGeneration"]
    checkpoint = from_folder(save(config, tmp_path / "interleave"))
    assert (checkpoint.stills_trained, checkpoint.video) == (1, False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["LlavaQwenForCausalLM"]}, "LlavaQwenForCausalLM"),
        ({"architectures": []}, "llava-hf"),
        ({"architectures": ["LlavaOnevisionForConditionalGeneration"]}, "llava_next"),
        ({"vision_config": 3}, "malformed"),
        ({"text_config": {"model_type": "no-such-model"}}, "malformed"),
        ({"image_grid_pinpoints": [[1, 2, 3]]}, "malformed"),
        ({"vision_feature_select_strategy": "full"}, "full"),
    ],
)
def test_malformed_configs_are_refused_with_reasons(tmp_path, changes, said):
    folder = folder_of("LlavaNextForConditionalGeneration", tmp_path / "m", **changes)
    with pytest.raises(CheckpointError, match=said) as caught:
        from_folder(folder)
    assert caught.value.input == str(folder)


def test_folders_that_are_none_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "config.json").write_text("[]")
    for name, said in (
        ("missing", "not a folder"),
        ("empty", "no config.json"),
        ("broken", "JSON"),
        ("list", "JSON object"),
    ):
        with pytest.raises(CheckpointError, match=said):
            from_folder(tmp_path / name)


def test_the_table_needs_neither_torch_nor_transformers():
    code = (
        "import sys; from sightloop.tools.llava_next.checkpoints import CHECKPOINTS, find; find('pocket');"
        "[c.bytes(4) for c in CHECKPOINTS]; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
