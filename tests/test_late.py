"""Late interaction: vectors of tiny random models, pooled, packed and compared; other models are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sightloop.errors import (
    CheckpointError,
    CheckpointUnavailableError,
    InputError,
    MemoryModelError,
    StorageError,
)
from sightloop.memory.embed import LateEmbedder
from sightloop.memory.late import interaction, packed, unpacked
from sightloop.memory.still import Still
from sightloop.tests.tiny import tokenizer
from sightloop.tools.late import POOL, Late, pooled

Kind = Literal["colpali", "colqwen2"]
TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def build(kind: Kind, folder: Path) -> Path:
    """A tiny random checkpoint, laid out as those of the hub are."""
    torch.manual_seed(0)
    return _colpali(folder) if kind == "colpali" else _colqwen2(folder)


def _colpali(folder: Path) -> Path:
    import transformers as t

    words = tokenizer("<s>")
    images = t.SiglipImageProcessor(size={"height": 56, "width": 56})
    images.image_seq_length = 16
    t.ColPaliProcessor(images, words).save_pretrained(folder)
    config = t.ColPaliConfig(
        vlm_config=t.PaliGemmaConfig(
            vision_config={**TOWER, "model_type": "siglip_vision_model", "image_size": 56, "patch_size": 14},
            text_config={
                **TOWER,
                "model_type": "gemma",
                "num_key_value_heads": 4,
                "head_dim": 8,
                "vocab_size": len(words),
                "pad_token_id": words.pad_token_id,
            },
            image_token_index=words.convert_tokens_to_ids("<image>"),
            projection_dim=32,
        ),
        embedding_dim=16,
    )
    t.ColPaliForRetrieval(config).save_pretrained(folder)
    return folder


def _colqwen2(folder: Path) -> Path:
    import transformers as t

    words = tokenizer("<s>")
    images = t.Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=28 * 28 * 16)
    t.ColQwen2Processor(images, words, visual_prompt_prefix="<image>Describe it.").save_pretrained(folder)
    config = t.ColQwen2Config(
        vlm_config=t.Qwen2VLConfig(
            text_config={
                **TOWER,
                "num_key_value_heads": 4,
                "vocab_size": len(words),
                "rope_parameters": {"type": "mrope", "rope_type": "default", "mrope_section": [1, 1, 2]},
            },
            vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2},
            image_token_id=words.convert_tokens_to_ids("<image>"),
        ),
        embedding_dim=16,
    )
    t.ColQwen2ForRetrieval(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["colpali", "colqwen2"])
def late(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Late:
    return Late(build(request.param, tmp_path_factory.mktemp(request.param)), device="cpu")


def page(text: str, width: int = 120, height: int = 160) -> Still:
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).text((10, 10), text, "black")
    return Still.from_array(image)


def test_pages_and_questions_share_a_space(late: Late) -> None:
    embedder: LateEmbedder = late
    pages = embedder.pages([page("one"), page("two"), page("wide", 200, 60)])
    query = embedder.query("Which page is the first?")
    assert [one.dtype for one in pages] == [np.float16] * 3
    for vectors in (*pages, query):
        assert vectors.ndim == 2
        assert vectors.shape[1] == 16
        np.testing.assert_allclose(np.linalg.norm(vectors.astype(np.float32), axis=1), 1, atol=2e-3)


def test_together_is_as_one_by_one(late: Late) -> None:
    stills = [page(str(number)) for number in range(6)]
    for still, vectors in zip(stills, late.pages(stills), strict=True):
        (alone,) = late.pages([still])
        assert alone.shape == vectors.shape
        best = (alone.astype(np.float32) @ vectors.astype(np.float32).T).max(1)
        assert (best > 0.99).all()
    assert late.pages([]) == []


def test_what_cannot_be_embedded_is_refused(late: Late) -> None:
    with pytest.raises(InputError, match="a list of stills"):
        late.pages(page("one"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="empty"):
        late.query(" ")


def test_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnavailableError, match="no folder"):
        Late(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        Late(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"'llama'.*colpali"):
        Late(tmp_path)


def test_weights_that_are_missing_are_no_random_ones(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = build("colpali", tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file(
        {key: value for key, value in weights.items() if "embedding_proj" not in key},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(CheckpointError, match="embedding_proj_layer"):
        Late(folder, device="cpu")


VECTORS = arrays(
    np.float32, st.tuples(st.integers(1, 40), st.just(8)), elements=st.floats(-1, 1, width=32)
).map(
    lambda rows: (
        (rows + np.eye(8, dtype=np.float32)[0] * 2)
        / np.linalg.norm(rows + np.eye(8, dtype=np.float32)[0] * 2, axis=1, keepdims=True)
    )
)


@given(vectors=VECTORS)
def test_pooling_leaves_a_third_that_stands_for_all(vectors: NDArray[np.float32]) -> None:
    few = pooled(vectors)
    assert 1 <= len(few) <= max(1, len(vectors) // POOL)
    np.testing.assert_allclose(np.linalg.norm(few, axis=1), 1, atol=1e-3)
    assert ((vectors @ few.T).max(1) > 0).all()
    copies = np.repeat(vectors[:1], 3 * POOL, 0)
    np.testing.assert_allclose(pooled(copies), np.repeat(vectors[:1], len(pooled(copies)), 0), atol=1e-3)


@given(vectors=VECTORS)
def test_what_is_packed_is_unpacked(vectors: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(unpacked(packed(vectors)), vectors, atol=1e-3)
    with pytest.raises(StorageError, match="damaged"):
        unpacked(packed(vectors)[:-1])


@given(query=VECTORS, page=VECTORS)
def test_a_page_is_as_good_as_its_best_parts(query: NDArray[np.float32], page: NDArray[np.float32]) -> None:
    score = interaction(query, page)
    assert -1.001 <= score <= 1.001
    assert interaction(query, np.concatenate([page, query])) == pytest.approx(1, abs=1e-3)
    assert interaction(query, np.concatenate([page, page[:1]])) == pytest.approx(score)
    assert score == pytest.approx(np.mean([max(one @ part for part in page) for one in query]), abs=1e-4)


def test_vectors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(MemoryModelError, match="dimensions"):
        interaction(np.ones((2, 8), np.float32), np.ones((2, 9), np.float32))
    for bad in (np.ones(8), np.ones((0, 8)), np.full((2, 8), np.nan)):
        with pytest.raises(MemoryModelError, match="shape"):
            packed(bad)
