"""Embedders: the vectors of transformers' own models and processors, one by one or together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import skimage.data
import torch
from safetensors.torch import load_file, save_file

from sightloop.errors import CheckpointError, CheckpointUnavailableError, InputError
from sightloop.memory.embed import Embedder
from sightloop.memory.still import Still
from sightloop.tests.tiny import tokenizer
from sightloop.tools import embedders
from sightloop.tools.embedders import ClipEmbedder

Kind = Literal["clip", "siglip", "siglip2"]
KINDS: tuple[Kind, ...] = ("clip", "siglip", "siglip2")
TEXTS = ["a cat", "", "coffee on a table, " * 30, "Ünïcode 漢字"]


def build(kind: Kind, folder: Path) -> Path:
    """A tiny random checkpoint, laid out as those of the hub are."""
    import transformers as t

    words = tokenizer("<s>")
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"bos_token_id": 1, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
    text = {
        **tower,
        **ends,
        "vocab_size": len(words),
        "max_position_embeddings": 64 if kind != "clip" else 77,
    }
    torch.manual_seed(0)
    if kind == "clip":
        sides = {"image_size": 32, "patch_size": 8}
        words = wrapped(words)
        config: Any = t.CLIPConfig(
            text_config=t.CLIPTextConfig(**text), vision_config=t.CLIPVisionConfig(**tower, **sides),
            projection_dim=24,
        )  # fmt: skip
        model: Any = t.CLIPModel(config)
        images: Any = t.CLIPImageProcessorPil(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        )
    elif kind == "siglip":
        sides = {"image_size": 24, "patch_size": 8}
        config = t.SiglipConfig(
            text_config=t.SiglipTextConfig(**text), vision_config=t.SiglipVisionConfig(**tower, **sides)
        )
        model = t.SiglipModel(config)
        images = t.SiglipImageProcessorPil(size={"height": 24, "width": 24})
    else:
        config = t.Siglip2Config(
            text_config=t.Siglip2TextConfig(**text),
            vision_config=t.Siglip2VisionConfig(**tower, num_patches=16, patch_size=8),
        )
        model = t.Siglip2Model(config)
        images = t.Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, 0.2)
    model.save_pretrained(folder)
    words.model_max_length = text["max_position_embeddings"]
    words.save_pretrained(folder)
    if kind != "clip":  # as the hub's say: the model was trained without a mask
        said = json.loads((folder / "tokenizer_config.json").read_text())
        said["model_input_names"] = ["input_ids"]
        (folder / "tokenizer_config.json").write_text(json.dumps(said))
    images.save_pretrained(folder)
    return folder


def wrapped(words: Any) -> Any:
    """A tokenizer that ends texts, as CLIP's does: the model looks at what it says where a text ends."""
    from tokenizers import processors

    words.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", words.eos_token_id)]
    )
    return words


def stills() -> list[Still]:
    photos = [skimage.data.coffee(), skimage.data.chelsea(), skimage.data.astronaut()[:90, :300]]
    return [Still.from_array(photo) for photo in photos]


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(request.param, tmp_path_factory.mktemp("model") / request.param)


@pytest.fixture(scope="module")
def embedder(folder: Path) -> ClipEmbedder:
    return ClipEmbedder(folder, device="cpu")


def reference(folder: Path, items: list[Still | str]) -> np.ndarray:
    """Each item alone, by transformers' own model and processors."""
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder).eval()
    images, words = AutoImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    vectors = []
    for item in items:
        with torch.no_grad():
            if isinstance(item, str):
                whole = {} if model.config.model_type == "clip" else {"padding": "max_length"}
                tokens = words([item], truncation=True, return_tensors="pt", **whole)
                found = model.get_text_features(**tokens)
            else:
                found = model.get_image_features(**images(images=item.to_pil(), return_tensors="pt"))
        vectors.append(torch.nn.functional.normalize(found.pooler_output, dim=-1)[0].numpy())
    return np.stack(vectors)


def test_vectors_are_those_of_transformers(embedder: ClipEmbedder, folder: Path) -> None:
    items = [*TEXTS[:2], *stills(), *TEXTS[2:]]
    np.testing.assert_allclose(embedder.embed(items), reference(folder, items), atol=1e-5)


def test_vectors_have_length_one_and_tell_items_apart(embedder: ClipEmbedder) -> None:
    vectors = embedder.embed([*stills(), *TEXTS])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    likeness = vectors @ vectors.T - np.eye(len(vectors))
    assert likeness.max() < 0.999


def test_together_or_alone_is_the_same(embedder: ClipEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [*stills(), *TEXTS, *stills()[::-1]]
    alone = np.concatenate([embedder.embed([item]) for item in items])
    np.testing.assert_allclose(embedder.embed(items), alone, atol=1e-5)
    monkeypatch.setattr(embedders, "BATCH", 2)
    np.testing.assert_allclose(embedder.embed(items), alone, atol=1e-5)


def test_no_items_and_one_that_is_no_list(embedder: ClipEmbedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.embed(["a"]).shape[1])
    with pytest.raises(InputError, match="takes a list"):
        embedder.embed("a cat")


def test_it_is_an_embedder_with_a_name(embedder: ClipEmbedder, folder: Path) -> None:
    memory_wants: Embedder = embedder
    assert memory_wants.name == str(folder)
    assert embedder.device == "cpu"


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 5), (2000, 1), (1, 20_000), (4, 5000)])
def test_stills_of_any_shape(embedder: ClipEmbedder, folder: Path, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    (vector,) = embedder.embed([Still.from_array(pixels)])
    assert np.isfinite(vector).all()
    if max(size) < 10:
        # One or three rows are not taken for channels.
        large = np.repeat(np.repeat(pixels, 8, 0), 8, 1)
        (other,) = embedder.embed([Still.from_array(large)])
        assert vector @ other > 0.8


# What cannot be loaded


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    for missing in (tmp_path / "gone", str(tmp_path / "gone"), "./gone", "gone"):
        with pytest.raises(CheckpointUnavailableError, match="there is no folder"):
            ClipEmbedder(missing)
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointUnavailableError, match="there is no folder"):
        ClipEmbedder(tmp_path / "file")


def test_a_name_without_a_hub() -> None:
    with pytest.raises(CheckpointUnavailableError, match="hf download google/no-such-siglip"):
        ClipEmbedder("google/no-such-siglip")


def test_another_kind_of_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no config"):
        ClipEmbedder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(CheckpointError, match="'bert'"):
        ClipEmbedder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        ClipEmbedder(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="None"):
        ClipEmbedder(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("preprocessor_config.json", None, "prepares pictures"),
        ("preprocessor_config.json", "{", "prepares pictures"),
        ("tokenizer.json", "{", "prepares pictures"),
        ("model.safetensors", None, "weights"),
        ("model.safetensors", "not weights", "weights"),
    ],
)
def test_a_damaged_folder(folder: Path, tmp_path: Path, file: str, content: str | None, said: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / file).unlink()
    if content is not None:
        (copy / file).write_text(content)
    with pytest.raises(CheckpointError, match=said):
        ClipEmbedder(copy, device="cpu")


def test_weights_that_are_missing_are_not_made_up(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = load_file(copy / "model.safetensors")
    gone = next(name for name in weights if name.startswith("text_model") and "layers.1" in name)
    del weights[gone]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="lack 1 of the model's"):
        ClipEmbedder(copy, device="cpu")


def test_a_device_that_is_not_there(folder: Path) -> None:
    with pytest.raises(InputError, match="is not a device"):
        ClipEmbedder(folder, device="abacus")
    with pytest.raises(InputError, match="is not there"):
        ClipEmbedder(folder, device="cuda:99")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bfloat16_on_the_gpu_is_near_the_cpu(folder: Path, embedder: ClipEmbedder) -> None:
    items = [*stills(), *TEXTS]
    gpu = ClipEmbedder(folder, device="cuda")
    assert gpu.device == "cuda"
    assert (gpu.embed(items) * embedder.embed(items)).sum(1).min() > 0.98
