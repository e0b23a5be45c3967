"""Detectors of transformers' own classes, tiny and untrained: what goes in and comes out is right."""

from __future__ import annotations

import numpy as np
import pytest
from solids import colour_eyes, scene_of

from sightloop.errors import InputError
from sightloop.memory import Box, Still
from sightloop.tools.detectors import Detector, overlap
from sightloop.tools.localise import localise

WORDS = ("red block", "blue ball")
PADDED = 48


@pytest.fixture(scope="session")
def owl(tmp_path_factory):
    import torch
    from transformers import (
        CLIPTokenizer,
        Owlv2Config,
        Owlv2ForObjectDetection,
        Owlv2ImageProcessor,
        Owlv2Processor,
    )

    letters = list("abcdefghijklmnopqrstuvwxyz.,")
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    small = {
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2
    }  # fmt: skip
    ends = {"bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]}
    config = Owlv2Config(
        text_config=small | ends | {"vocab_size": len(tokens), "max_position_embeddings": PADDED},
        vision_config=small | {"image_size": 64, "patch_size": 16},
        projection_dim=32,
    )
    torch.manual_seed(0)
    folder = str(tmp_path_factory.mktemp("owl"))
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    images = Owlv2ImageProcessor(size={"height": 64, "width": 64})
    Owlv2Processor(
        image_processor=images, tokenizer=CLIPTokenizer(vocab=vocabulary, merges=[])
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def dino(tmp_path_factory):
    import torch
    from transformers import (
        BertConfig,
        BertTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *" ".join(WORDS).split()]
    tower = SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1] * 4,
        num_heads=[1] * 4,
        window_size=2,
        out_features=["stage2", "stage3", "stage4"],
    )
    text = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=PADDED,
    )
    config = GroundingDinoConfig(
        backbone_config=tower,
        text_config=text,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=6,
        max_text_len=PADDED,
    )
    torch.manual_seed(0)
    folder = str(tmp_path_factory.mktemp("dino"))
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    GroundingDinoProcessor(
        image_processor=GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 80}),
        tokenizer=BertTokenizer(vocab={word: number for number, word in enumerate(words)}),
    ).save_pretrained(folder)
    return folder


@pytest.fixture(params=["owl", "dino"])
def detector(request):
    return Detector(request.getfixturevalue(request.param), threshold=0.01)


def test_boxes_are_named_ordered_and_inside_of_the_picture(detector):
    chance = np.random.default_rng(0)
    stills = [Still.from_array(chance.integers(0, 255, (48, 64, 3), dtype=np.uint8)) for _ in range(5)]
    found = detector.detect(stills, WORDS)
    assert len(found) == len(stills)
    assert any(found)
    for still, boxes in zip(stills, found, strict=True):
        assert [one.score for one in boxes] == sorted((one.score for one in boxes), reverse=True)
        for one in boxes:
            assert one.name in WORDS
            assert 0 <= one.box.x0 < one.box.x1 <= still.size.width
            assert 0 <= one.box.y0 < one.box.y1 <= still.size.height


def test_a_detector_takes_the_eyes_place(owl):
    scene, eyes = scene_of(), colour_eyes()
    located = localise(eyes, scene, ["thing", *WORDS], scene.names, detector=Detector(owl, threshold=0.0))
    assert eyes.asked == []
    assert len(located.of("thing")) == 4


def test_what_is_no_detector_is_refused(tmp_path):
    with pytest.raises(InputError, match="no detector"):
        Detector(str(tmp_path))


def test_overlap_of_boxes():
    assert overlap((0, 0, 2, 2), Box(x0=0, y0=0, x1=2, y1=2)) == 1
    assert overlap((0, 0, 2, 2), Box(x0=1, y0=0, x1=3, y1=2)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 2, 2), Box(x0=5, y0=5, x1=6, y1=6)) == 0
