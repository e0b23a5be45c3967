"""Late interaction: ColPali and its kin see a page as many vectors, one for each part of it.

A question becomes one vector a word, and each looks for its part of the page, see :mod:`..memory.late`. The
models are those that transformers has as ``...ForRetrieval``: ColPali, ColQwen2 and ColModernVBert [1]_. A
page's vectors are pooled to a third [2]_: those that are alike are clustered, and a cluster keeps its mean,
which costs ColPali two per cent of what it finds [1]_.

.. [1] M. Faysse, H. Sibille, T. Wu, B. Omrani, G. Viaud, C. Hudelot, P. Colombo, "ColPali: efficient document
   retrieval with vision language models", ICLR 2025.
.. [2] B. Clavie, A. Chaffin, G. Adams, "Reducing the footprint of multi-vector retrieval with minimal
   performance impact via token pooling", 2024.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, InputError
from ..memory import Still
from .embedders import device_of
from .llava_next.hub import folder_of
from .llava_next.loading import quiet
from .llava_next.recovery import all_or_one_by_one, out_of_memory

KINDS = {
    "colpali": ("ColPaliForRetrieval", "ColPaliProcessor"),
    "colqwen2": ("ColQwen2ForRetrieval", "ColQwen2Processor"),
    "colmodernvbert": ("ColModernVBertForRetrieval", "ColModernVBertProcessor"),
}
"""What a config's ``model_type`` may be, with its classes."""

POOL = 3
"""Vectors of a page that become one."""

BATCH = 4
"""Pages that go through the model together: each takes a thousand tokens."""


class Late:
    """Embeds the parts of pages and the words of questions; a ``LateEmbedder`` of a memory.

    Parameters
    ----------
    model : str or Path
        A folder in transformers' layout, or the name of a repository of the hub, such as
        ``vidore/colqwen2-v1.0-hf``.
    device : str, optional
        "cpu", "cuda", "cuda:1"; by default the first GPU if there is one.

    Raises
    ------
    CheckpointUnavailableError
        If there is no such folder, or the weights are neither here nor to be had from the hub.
    CheckpointError
        If the folder is malformed, or holds another kind of model.
    InputError
        If there is no such device.

    Notes
    -----
    It computes in bfloat16 on a GPU and in float32 on a CPU, where a page takes minutes.
    """

    def __init__(self, model: str | Path, *, device: str | None = None) -> None:
        place = device_of(device)
        folder = folder_of(model, "ColPali")
        self._name = str(model)
        self._model, self._processor = _loaded(folder, place)

    @property
    def name(self) -> str:
        """The name or folder that it was made with."""
        return self._name

    def pages(self, stills: Sequence[Still]) -> list[NDArray[np.float16]]:
        """Embed pages.

        Parameters
        ----------
        stills : sequence of Still

        Returns
        -------
        list of (n, d) float16
            Of length 1; ``n`` is a third of the parts that the model sees, and may differ by shape.

        Raises
        ------
        InputError
            If it is one still and not a list of them.
        InsufficientMemoryError
            If memory runs out over one page alone.
        """
        if isinstance(stills, Still):
            raise InputError("pages takes a list of stills.", input=stills.origin.source)
        found: list[NDArray[np.float16]] = []
        for start in range(0, len(stills), BATCH):
            batch = list(stills[start : start + BATCH])
            vectors = all_or_one_by_one(batch, self._pages, lambda still: None, lambda still: "one page")
            found += [pooled(one).astype(np.float16) for one in vectors]
        return found

    def query(self, text: str) -> NDArray[np.float32]:
        """Embed a question, (m, d) float32, of length 1.

        Raises
        ------
        InputError
            If it is empty.
        """
        if not text.strip():
            raise InputError("the question is empty.", input=text)
        words = text.encode("utf-8", "replace").decode()
        (vectors,) = self._vectors(self._processor.process_queries(text=[words]))
        return vectors

    def _pages(self, stills: list[Still]) -> list[NDArray[np.float32]]:
        return self._vectors(self._processor.process_images(images=[still.to_pil() for still in stills]))

    def _vectors(self, inputs: Any) -> list[NDArray[np.float32]]:
        """Return the vectors of each input, without those of what fills it up, which are zero."""
        import torch

        kind, place = self._model.dtype, self._model.device
        placed = {
            name: tensor.to(place, kind if tensor.is_floating_point() else None)
            for name, tensor in inputs.items()
            if name != "labels"
        }
        with torch.inference_mode():
            found = self._model(**placed).embeddings.float().cpu().numpy()
        return [vectors[np.abs(vectors).any(1)] for vectors in found]


def pooled(vectors: NDArray[np.float32], by: int = POOL) -> NDArray[np.float32]:
    """Pool the vectors of a page: the mean of each cluster of those that are alike.

    Parameters
    ----------
    vectors : (n, d) float32
        Of length 1.
    by : int
        How many become one, on average.

    Returns
    -------
    (max(1, n // by), d) float32
        Of length 1; fewer where many vectors are the same.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    wanted = max(1, len(vectors) // by)
    if wanted == len(vectors):
        return vectors
    clusters = fcluster(linkage(vectors, "ward"), wanted, "maxclust") - 1
    sums = np.zeros((int(clusters.max()) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, clusters, vectors)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, 1e-12), np.float32)


# --- loading ------------------------------------------------------------------------------------------


def _loaded(folder: Path, place: Any) -> tuple[Any, Any]:
    import torch
    import transformers
    from safetensors import SafetensorError

    model_class, processor_class = (getattr(transformers, name) for name in KINDS[_kind(folder)])
    kind = torch.bfloat16 if place.type == "cuda" else torch.float32
    try:
        with quiet(bars=False):
            processor = processor_class.from_pretrained(folder, local_files_only=True)
            model, report = model_class.from_pretrained(
                folder, dtype=kind, local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        if out_of_memory(error):
            raise
        raise CheckpointError(
            f"the model in {folder} cannot be loaded: {error}", input=str(folder)
        ) from error
    absent = sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})
    if absent:
        # transformers would go on with random numbers in their place.
        raise CheckpointError(
            f"the weights in {folder} lack {len(absent)} of the model's, {absent[0]} among them, or have "
            "them in other shapes.",
            input=str(folder),
        )
    return model.eval().to(place), processor


def _kind(folder: Path) -> str:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}/config.json cannot be read: {error}.", input=str(folder)) from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in KINDS:
        raise CheckpointError(
            f"{folder} holds a model of the type {kind!r}; pages are seen in parts by one of "
            f"{', '.join(KINDS)}.",
            input=str(folder),
        )
    return str(kind)
