"""AnyRes counts equal transformers' own, for every size."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaNextConfig,
    LlavaNextModel,
    LlavaNextProcessor,
    LlavaNextVideoConfig,
    LlavaNextVideoModel,
    LlavaOnevisionConfig,
    LlavaOnevisionModel,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
)
from transformers.image_processing_utils import get_patch_output_size, select_best_resolution
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from sightloop.errors import CheckpointError
from sightloop.memory.still import Size
from sightloop.tools.llava_next.anyres import CLIP_MEAN, Vision

POCKET_PINPOINTS = [[64, 64], [64, 128], [128, 64], [128, 128]]
SIGLIP_PINPOINTS = [[384, 768], [768, 384], [768, 768], [1152, 384], [384, 1152]]
SMALL_TEXT = {
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "vocab_size": 300,
}
SMALL_TOWER = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}

side = st.one_of(st.integers(1, 64), st.integers(1, 3000), st.integers(1, 20000))
sizes = st.builds(Size, side, side)


def clip(tile: int = 336, patch: int = 14) -> CLIPVisionConfig:
    return CLIPVisionConfig(image_size=tile, patch_size=patch, **SMALL_TOWER)


def siglip(tile: int = 384, patch: int = 14) -> SiglipVisionConfig:
    return SiglipVisionConfig(image_size=tile, patch_size=patch, vision_use_head=False, **SMALL_TOWER)


def next_config(
    tower: CLIPVisionConfig | SiglipVisionConfig, pinpoints: list[list[int]] | None
) -> LlavaNextConfig:
    strategy = "default" if isinstance(tower, CLIPVisionConfig) else "full"
    return LlavaNextConfig(
        vision_config=tower,
        text_config=LlamaConfig(**SMALL_TEXT),
        image_grid_pinpoints=pinpoints,
        vision_feature_select_strategy=strategy,
    )


NEXT_CONFIGS = {
    "clip-336": next_config(clip(), None),
    "siglip-384": next_config(siglip(), SIGLIP_PINPOINTS),
    "pocket": next_config(clip(64, 16), POCKET_PINPOINTS),
}
ONEVISION_CONFIG = LlavaOnevisionConfig(vision_config=siglip(), text_config=LlamaConfig(**SMALL_TEXT))
VIDEO_CONFIG = LlavaNextVideoConfig(vision_config=clip(), text_config=LlamaConfig(**SMALL_TEXT))


def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {"<unk>": 0, "<image>": 1}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=core, extra_special_tokens={"image_token": "<image>"})


def next_processor(config: LlavaNextConfig) -> LlavaNextProcessor:
    tile = config.vision_config.image_size
    cropped = {"size": {"shortest_edge": tile}, "crop_size": {"height": tile, "width": tile}}
    is_clip = config.vision_feature_select_strategy == "default"
    return LlavaNextProcessor(
        LlavaNextImageProcessorPil(image_grid_pinpoints=config.image_grid_pinpoints, **cropped),
        tokenizer(),
        patch_size=config.vision_config.patch_size,
        num_additional_image_tokens=int(is_clip),
        vision_feature_select_strategy=config.vision_feature_select_strategy,
    )


NEXT_PROCESSORS = {name: next_processor(config) for name, config in NEXT_CONFIGS.items()}
NEXT_MODELS = {name: LlavaNextModel(config) for name, config in NEXT_CONFIGS.items()}
ONEVISION_MODEL = LlavaOnevisionModel(ONEVISION_CONFIG)
VISIONS = {name: Vision.from_config(config) for name, config in NEXT_CONFIGS.items()}
ONEVISION = Vision.from_config(ONEVISION_CONFIG)
VIDEO = Vision.from_config(VIDEO_CONFIG)

# Crops and tokens for CLIP-336, SigLIP-384 and OneVision. Squares under SigLIP cost 1,513 in the original
# repository, which reads pinpoints as (width, height) and so pads a portrait canvas; 1,512 in transformers.
PUBLISHED = [
    ((224, 224), (3, 1176), (3, 1512), (2, 1485)),
    ((336, 336), (3, 1176), (3, 1512), (2, 1485)),
    ((512, 512), (5, 2928), (5, 3699), (5, 3699)),
    ((640, 480), (5, 2340), (5, 2929), (5, 2929)),
    ((480, 640), (5, 2352), (5, 2943), (5, 2943)),
    ((1024, 1024), (5, 2928), (5, 3699), (10, 7371)),
    ((1920, 1080), (5, 1948), (5, 2379), (16, 7269)),
    ((1080, 1920), (5, 1968), (5, 2403), (16, 7317)),
    ((3000, 600), (4, 1598), (4, 2123), (13, 5945)),
    ((600, 3000), (4, 1656), (4, 2187), (13, 6075)),
    ((1700, 2200), (5, 2448), (5, 3051), (31, 7353)),
    ((4000, 3000), (5, 2340), (5, 2929), (31, 7309)),
]


@pytest.mark.parametrize(("size", "clip_336", "siglip_384", "onevision"), PUBLISHED)
def test_known_counts(size, clip_336, siglip_384, onevision):
    for vision, counts in (
        (VISIONS["clip-336"], clip_336),
        (VISIONS["siglip-384"], siglip_384),
        (ONEVISION, onevision),
    ):
        layout = vision.layout(Size(*size), "anyres")
        assert (layout.crops, layout.tokens) == counts


@pytest.mark.parametrize("name", NEXT_CONFIGS)
@settings(max_examples=400, deadline=None)
@given(size=sizes)
@example(size=Size(310, 327))  # a full tie: the pinpoint's axis order decides
@example(size=Size(55, 88))  # 14.999999999999998 columns are 15
@example(size=Size(88, 55))
@example(size=Size(1, 1))
@example(size=Size(20000, 4))
@example(size=Size(4, 20000))
def test_llava_next_counts_equal_the_processor(name, size):
    vision, config = VISIONS[name], NEXT_CONFIGS[name]
    layout = vision.layout(size, "anyres")
    height, width = layout.fed.height, layout.fed.width
    tile = config.vision_config.image_size
    expected = NEXT_PROCESSORS[name]._get_number_of_features(height, width, tile, tile)
    if vision.cls_token:
        expected -= 1  # the processor's callers take the class token off
    assert layout.tokens == expected
    assert layout.canvas[::-1] == select_best_resolution((height, width), config.image_grid_pinpoints)
    inner = get_patch_output_size(
        np.broadcast_to(0, (height, width, 3)), layout.canvas[::-1], "channels_last"
    )
    assert layout.inner[::-1] == inner


@pytest.mark.parametrize("name", NEXT_CONFIGS)
@settings(max_examples=60, deadline=None)
@given(size=sizes, mode=st.sampled_from(["anyres", "tile"]))
@example(size=Size(20000, 4), mode="anyres")
@example(size=Size(20000, 4), mode="tile")
@example(size=Size(4, 20000), mode="anyres")
def test_llava_next_counts_equal_the_features_of_the_model(name, size, mode):
    vision, model = VISIONS[name], NEXT_MODELS[name]
    layout = vision.layout(size, mode)
    features = torch.rand(layout.crops, vision.grid**2, 1)
    packed, _ = model.pack_image_features(
        [features],
        torch.tensor([layout.fed[::-1]]),
        model.config.vision_feature_select_strategy,
        torch.ones(1),
    )
    assert len(packed[0]) == layout.tokens


@settings(max_examples=100, deadline=None)
@given(size=sizes)
@example(size=Size(20000, 4))
@example(size=Size(4, 20000))
@example(size=Size(20000, 20000))
def test_onevision_counts_equal_the_features_of_the_model(size):
    layout = ONEVISION.layout(size, "anyres")
    features = torch.rand(layout.crops, ONEVISION.grid**2, 1)
    packed, _ = ONEVISION_MODEL.pack_image_features(
        [features], torch.tensor([layout.fed[::-1]]), torch.ones(1)
    )
    assert len(packed[0]) == layout.tokens


@given(size=sizes)
def test_onevision_single_tile_equals_the_model(size):
    layout = ONEVISION.layout(size, "tile")
    packed, _ = ONEVISION_MODEL.pack_image_features(
        [torch.rand(1, ONEVISION.grid**2, 1)], torch.tensor([size[::-1]]), torch.ones(1)
    )
    assert layout.crops == 1
    assert len(packed[0]) == layout.tokens == 730


@pytest.mark.parametrize(("tile", "patch", "side"), [(336, 14, 12), (384, 14, 13), (64, 16, 2)])
def test_next_video_frames_equal_the_model(tile, patch, side):
    config = LlavaNextVideoConfig(
        vision_config=clip(tile, patch), text_config=LlamaConfig(**SMALL_TEXT), vision_feature_layer=-1
    )
    vision = Vision.from_config(config)
    layout = vision.layout(Size(1920, 1080), "frame")
    features = LlavaNextVideoModel(config).get_video_features(torch.zeros(1, 3, 3, tile, tile)).pooler_output
    assert layout.crops == 1
    assert layout.tokens == side**2
    assert features.shape[1] == 3 * layout.tokens + vision.video_newline


@pytest.mark.parametrize(
    ("tile", "side"), [(384, 14), (364, 13)]
)  # a 27-grid is rounded up, a 26-grid halved
def test_onevision_frames_equal_the_model(tile, side):
    config = LlavaOnevisionConfig(vision_config=siglip(tile), text_config=LlamaConfig(**SMALL_TEXT))
    vision = Vision.from_config(config)
    layout = vision.layout(Size(1920, 1080), "frame")
    features = LlavaOnevisionModel(config).get_video_features(torch.zeros(1, 3, 3, tile, tile)).pooler_output
    assert layout.tokens == side**2
    assert features.shape[1] == 3 * layout.tokens + vision.video_newline


@pytest.mark.parametrize(("tower", "tokens"), [(clip(), 576), (siglip(), 729)])
def test_llava_is_one_tile_as_its_processor_says(tower, tokens):
    is_clip = isinstance(tower, CLIPVisionConfig)
    strategy = "default" if is_clip else "full"
    vision = Vision.from_config(
        LlavaConfig(
            vision_config=tower,
            text_config=LlamaConfig(**SMALL_TEXT),
            vision_feature_select_strategy=strategy,
        )
    )
    processor = LlavaProcessor(
        SiglipImageProcessorPil(size={"height": vision.tile, "width": vision.tile}),
        tokenizer(),
        patch_size=14,
        vision_feature_select_strategy=strategy,
        num_additional_image_tokens=int(is_clip),
    )
    ids = processor(images=Image.new("RGB", (50, 20)), text="<image>")["input_ids"][0]
    assert vision.modes == ("tile",)
    assert vision.tokens(Size(50, 20), "tile") == len(ids) == tokens
    assert vision.crops(Size(50, 20), "tile") == 1


@pytest.mark.parametrize("name", NEXT_CONFIGS)
@pytest.mark.parametrize("size", [(100, 100), (640, 480), (300, 1000), (1000, 300), (310, 327), (7, 3)])
def test_crops_equal_those_the_image_processor_cuts(name, size):
    pixels = NEXT_PROCESSORS[name].image_processor(Image.new("RGB", size))["pixel_values"]
    assert VISIONS[name].crops(Size(*size), "anyres") == len(pixels[0])


@pytest.mark.parametrize("vision", [*VISIONS.values(), ONEVISION, VIDEO])
@given(size=sizes)
def test_every_still_is_seen_and_only_invisible_ones_are_stretched(vision, size):
    layout = vision.layout(size, "anyres")
    rows_and_newlines = layout.tokens - vision.grid**2
    assert rows_and_newlines >= 2  # one feature and its newline at the least
    short, long = sorted(size)
    if long <= vision.grid * short:
        assert layout.fed == size
    assert layout.fed == size or sorted(layout.fed) == [math.ceil(long / vision.grid), long]


@pytest.mark.parametrize("vision", [*VISIONS.values(), VIDEO])
@given(size=sizes)
def test_a_tile_uses_a_smallest_canvas(vision, size):
    layout = vision.layout(size, "tile")
    smallest = min(width * height for width, height in vision.pinpoints)
    assert layout.canvas.width * layout.canvas.height == smallest
    assert max(layout.fed) <= vision.tile
    if max(size) <= vision.tile and vision.layout(size, "anyres").fed == size:
        assert layout.fed == size  # never enlarged
    assert layout.crops <= vision.crops(size, "anyres")


def test_from_config_reads_axes_and_settings():
    vision = Vision.from_config({"model_type": "llava_next", "image_grid_pinpoints": [[336, 1008]]})
    assert vision.pinpoints == (Size(width=1008, height=336),)
    assert (vision.tile, vision.patch, vision.mean, vision.resize) == (336, 14, CLIP_MEAN, "crop")
    assert (ONEVISION.max_tiles, ONEVISION.pool, ONEVISION.resize, ONEVISION.cls_token) == (
        9,
        2,
        "stretch",
        False,
    )
    changed = Vision.from_config(
        ONEVISION_CONFIG, {"image_mean": [0, 0, 0], "image_std": [1, 1, 1], "do_center_crop": True}
    )
    assert (changed.mean, changed.std, changed.resize) == ((0, 0, 0), (1, 1, 1), "crop")


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "llama"},
        {},
        LlamaConfig(**SMALL_TEXT),
        LlavaOnevisionConfig(vision_aspect_ratio="pad"),
        LlavaNextConfig(vision_feature_select_strategy="full"),
    ],
)
def test_from_config_refuses_what_it_cannot_count(config):
    with pytest.raises(CheckpointError):
        Vision.from_config(config)


def test_layout_refuses_modes_of_other_families_and_empty_stills():
    with pytest.raises(ValueError, match="anyres or tile"):
        VISIONS["clip-336"].tokens(Size(10, 10), "frame")
    with pytest.raises(ValueError, match="0x10"):
        VIDEO.tokens(Size(0, 10), "frame")
