"""Pixels: the same as the transformers image processors make, for any size."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from transformers import LlavaNextImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from sightloop.memory.still import Size, Still
from sightloop.tools.llava_next.anyres import Mode, Vision
from sightloop.tools.llava_next.checkpoints import find
from sightloop.tools.llava_next.preprocess import crops, normalise, resize

NEXT = find("llava-v1.6-vicuna-7b-hf").vision
VIDEO = find("LLaVA-NeXT-Video-7B-hf").vision
INTERLEAVE = find("llava-interleave-qwen-7b-hf").vision
ONEVISION = find("llava-onevision-qwen2-7b-ov-hf").vision
HALF = [0.5, 0.5, 0.5]

sides = st.integers(1, 700)
COARSENESS = 0.1
"""torch's weights are 16-bit integers, each off by 2**-15 of the largest at most. The taps of a bicubic pass
have a sum of 1 and are 4 to 6 times as many as their largest fits into 1: 6 * 255 / 2**15 = 0.05. Shrunk by
more than 128, weights end at 22 bits after the point, and there are more of them: 0.09 for 700 to 1."""

Pixels = NDArray[np.uint8]


def still(width: int, height: int, seed: int = 0) -> Still:
    """Coarse patches of colour with noise on them: edges, slopes and grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 9 + 1, width // 9 + 1, 3))
    patches = coarse.repeat(9, axis=0).repeat(9, axis=1)[:height, :width]
    return Still.from_array((patches + rng.integers(-30, 31, patches.shape)).clip(0, 255).astype(np.uint8))


def theirs(vision: Vision, mode: Mode, picture: Still) -> torch.Tensor:
    """What the processor of the port makes of it: (crops, 3, tile, tile)."""
    image, tile = picture.to_pil(), vision.tile
    square = {"height": tile, "width": tile}
    pinpoints = [[size.height, size.width] for size in vision.pinpoints]
    if mode == "frame" and vision.family == "llava_next_video":
        processor = CLIPImageProcessorPil(size={"shortest_edge": tile}, crop_size=square)
        return processor(image, return_tensors="pt")["pixel_values"]
    if vision.family == "llava" or mode == "frame":
        processor = SiglipImageProcessorPil(size=square, image_mean=HALF, image_std=HALF)
        return processor(image, return_tensors="pt")["pixel_values"]
    if vision.family == "llava_onevision":
        processor = LlavaOnevisionImageProcessorPil(
            size=square, image_grid_pinpoints=pinpoints, image_mean=HALF, image_std=HALF
        )
        images = [image] if mode == "anyres" else [[image, image]]
        return processor(images, return_tensors="pt")["pixel_values"][0]
    processor = LlavaNextImageProcessorPil(
        size={"shortest_edge": tile}, crop_size=square, image_grid_pinpoints=pinpoints
    )
    return processor(image, return_tensors="pt")["pixel_values"][0]


@pytest.mark.parametrize(
    ("vision", "mode"),
    [
        (NEXT, "anyres"),
        (VIDEO, "anyres"),
        (VIDEO, "frame"),
        (INTERLEAVE, "tile"),
        (ONEVISION, "anyres"),
        (ONEVISION, "tile"),
        (ONEVISION, "frame"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.family,
)
@pytest.mark.parametrize("size", [(1, 1), (13, 300), (640, 480), (300, 401), (96, 40), (30, 700), (1500, 60)])
def test_pixels_are_those_of_the_processor(vision: Vision, mode: Mode, size: tuple[int, int]) -> None:
    picture = still(*size)
    ours = normalise(crops(picture, vision, mode), vision, torch.float32)
    reference = theirs(vision, mode, picture)
    assert ours.shape == reference.shape
    steps = (ours - reference).abs() * torch.tensor(vision.std).view(3, 1, 1) * 255
    # Two roundings to uint8, each off by one at most, in arithmetic coarser than Pillow's.
    assert steps.max() < 2.01
    assert (steps > 1.01).float().mean() < 1e-4
    assert (steps > 0.01).float().mean() < 0.02


def pillows(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    return resize(image, width, height).permute(1, 2, 0).contiguous().numpy()


def steps(picture: Still, width: int, height: int) -> NDArray[np.int64]:
    """How far what we resize to is from Pillow's, in values of 0..255."""
    ours, reference = (make(picture.pixels, width, height) for make in (resized, pillows))
    return abs(ours.astype(int) - reference)


@given(
    length=sides, new_length=sides, lines=st.integers(1, 40), upright=st.booleans(), seed=st.integers(0, 9)
)
@example(length=360, new_length=245, lines=2, upright=False, seed=1)
@example(length=700, new_length=1, lines=40, upright=True, seed=0)
def test_one_direction_is_pillows_within_one(
    length: int, new_length: int, lines: int, upright: bool, seed: int
) -> None:
    # Before they are rounded, both are within COARSENESS of the exact value.
    if upright:
        found = steps(still(lines, length, seed), lines, new_length)
    else:
        found = steps(still(length, lines, seed), new_length, lines)
    assert found.max() <= 1


@given(width=sides, height=sides, side=sides, seed=st.integers(0, 9))
@example(width=360, height=2, side=245, seed=1)
@example(width=700, height=700, side=1, seed=0)
@example(width=2, height=2, side=700, seed=0)
def test_a_pass_is_the_exact_filter_rounded(width: int, height: int, side: int, seed: int) -> None:
    """Pillow's arithmetic in floats is exact for this purpose, and its pass on uint8 rounds it."""
    pixels = still(width, height, seed).pixels
    for size in ((side, height), (width, side)):
        channels = [Image.fromarray(np.float32(pixels[..., i])) for i in range(3)]
        exact = np.stack([np.asarray(c.resize(size, Image.Resampling.BICUBIC)) for c in channels], axis=-1)
        ours = resized(pixels, *size)
        assert abs(ours - exact.clip(0, 255)).max() <= 0.5 + COARSENESS


@given(width=sides, height=sides, new_width=sides, new_height=sides, seed=st.integers(0, 9))
@example(width=1, height=127, new_width=64, new_height=64, seed=0)
@example(width=37, height=700, new_width=384, new_height=384, seed=0)
@example(width=101, height=300, new_width=100, new_height=298, seed=0)
@example(width=360, height=2, new_width=245, new_height=6, seed=1)
def test_resizing_is_pillows(width: int, height: int, new_width: int, new_height: int, seed: int) -> None:
    picture = still(width, height, seed)
    found = steps(picture, new_width, new_height)
    whole = pillows(picture.pixels, new_width, new_height)
    # Where Pillow's own passes, one by one, are its resizing in one go, this is the pass it begins with.
    off = 0
    for first, copies in (
        ((new_width, height), math.ceil(new_height / height)),
        ((width, new_height), math.ceil(new_width / width)),
    ):
        if (pillows(pillows(picture.pixels, *first), new_width, new_height) == whole).all():
            off = max(off, int(steps(picture, *first).sum()) * copies)
    # The second pass may make 2 of a difference of 1, in as many places as it makes of one value.
    assert found.max() <= 2
    assert (found > 1).sum() <= off


@pytest.mark.parametrize("vision", [NEXT, VIDEO, INTERLEAVE, ONEVISION], ids=lambda vision: vision.family)
@given(width=st.integers(1, 300), height=st.integers(1, 300))
@example(width=20000, height=4)
@example(width=4, height=20000)
@example(width=1, height=1)
def test_there_are_as_many_crops_as_planned(vision: Vision, width: int, height: int) -> None:
    picture = Still.from_array(np.zeros((height, width, 3), np.uint8))
    for mode in vision.modes:
        cut = crops(picture, vision, mode)
        assert cut.shape == (vision.crops(Size(width, height), mode), 3, vision.tile, vision.tile)
        assert cut.dtype == torch.uint8


def test_width_is_not_height() -> None:
    left_red = np.zeros((100, 300, 3), np.uint8)
    left_red[:, :150, 0] = 255
    overview = crops(Still.from_array(left_red), NEXT, "anyres")[0]
    assert overview[0, :, :150].float().mean() > 250
    assert overview[0, :, 190:].float().mean() < 5


def test_tiles_come_row_by_row_and_the_overview_first() -> None:
    pixels = np.zeros((672, 672, 3), np.uint8)
    for i, (top, left) in enumerate([(0, 0), (0, 336), (336, 0), (336, 336)]):
        pixels[top : top + 336, left : left + 336] = 50 * (i + 1)
    overview, *tiles = crops(Still.from_array(pixels), NEXT, "anyres")
    assert [int(tile.unique()) for tile in tiles] == [50, 100, 150, 200]
    assert overview[0, 0, 0] == 50
    assert overview[0, -1, -1] == 200


def test_a_stills_pixels_are_left_alone() -> None:
    picture = still(200, 100)
    before = picture.pixels.copy()
    for vision in (NEXT, VIDEO, INTERLEAVE, ONEVISION):
        for mode in vision.modes:
            crops(picture, vision, mode)
    assert (picture.pixels == before).all()
