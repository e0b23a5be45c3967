"""Embedders: SigLIP and CLIP checkpoints, which put stills and texts into one space.

Both were trained for this (the state of the art for search by words), while a model that answers can only be
asked to sum up; where such weights are to be had, a memory finds more with them.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, InputError
from ..memory import Box, Still
from .llava_next.hub import folder_of
from .llava_next.machine import best_device
from .llava_next.recovery import all_or_one_by_one, out_of_memory

if TYPE_CHECKING:
    import torch

KINDS = ("clip", "siglip", "siglip2")
"""What a config's ``model_type`` may be."""

BATCH = 32
"""Items that go through the model together."""

LONGEST_SIDE = 4.0
"""Length over width from which on the ends of a still are cut off first, where all but the middle is cut off
later: a line one pixel high would become a picture of gigabytes before.
"""


class ClipEmbedder:
    """Embeds stills and texts with a CLIP, SigLIP or SigLIP 2 checkpoint; an ``Embedder`` of a memory.

    Parameters
    ----------
    model : str or Path
        A folder in transformers' layout, or the name of a repository of the hub, such as
        ``google/siglip2-base-patch16-224``.
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
    It computes in bfloat16 on a GPU and in float32 on a CPU. Texts are cut off at what the model was trained
    on: 77 tokens for CLIP, 64 for SigLIP. Pictures are prepared as the checkpoint says, by Pillow.

    Examples
    --------
    >>> ClipEmbedder("siglip2-base-patch16-224").embed(["a red van"]).shape  # doctest: +SKIP
    (1, 768)
    """

    def __init__(self, model: str | Path, *, device: str | None = None) -> None:
        place = device_of(device)
        folder = folder_of(model, "CLIP or SigLIP")
        self._kind = _kind(folder)
        self._name = str(model)
        self._device = place
        self._processor, self._tokenizer = _prepared_by(folder)
        self._model = _network(folder, place)
        self._longest = min(
            self._model.config.text_config.max_position_embeddings, self._tokenizer.model_max_length
        )

    @property
    def name(self) -> str:
        """The name or folder that it was made with."""
        return self._name

    @property
    def device(self) -> str:
        """Where the model is, e.g. "cpu" or "cuda:0"."""
        return str(self._device)

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        """Embed stills and texts.

        Parameters
        ----------
        items : of Still or str

        Returns
        -------
        (items, dimension) float32
            Of length 1; the dot product of a still and a text says how well they go together.

        Raises
        ------
        InputError
            If it is one item and not a list of them.
        InsufficientMemoryError
            If memory runs out over one item alone.
        """
        if isinstance(items, str | Still):
            raise InputError("embed takes a list of stills and texts.")
        vectors = np.zeros((len(items), self._dimension), np.float32)
        texts = [number for number, item in enumerate(items) if isinstance(item, str)]
        stills = [number for number, item in enumerate(items) if isinstance(item, Still)]
        kinds: list[tuple[list[int], Callable[[list[Any]], Any]]] = [
            (texts, self._texts),
            (stills, self._stills),
        ]
        for numbers, run in kinds:
            for start in range(0, len(numbers), BATCH):
                batch = numbers[start : start + BATCH]
                found = all_or_one_by_one(
                    [items[number] for number in batch], run, lambda item: None, lambda item: "one item"
                )
                vectors[batch] = np.stack(found)
        return vectors

    @property
    def _dimension(self) -> int:
        config = self._model.config
        return int(config.projection_dim if self._kind == "clip" else config.vision_config.hidden_size)

    def _texts(self, texts: list[str]) -> list[NDArray[np.float32]]:
        # SigLIP was trained on texts of one length, without a mask over what fills them up.
        filled = self._kind != "clip"
        tokens = self._tokenizer(
            texts,
            padding="max_length" if filled else True,
            truncation=True,
            max_length=self._longest,
            return_attention_mask=not filled,
            return_tensors="pt",
        )
        return self._vectors(self._model.get_text_features, tokens)

    def _stills(self, stills: list[Still]) -> list[NDArray[np.float32]]:
        crops = bool(getattr(self._processor, "do_center_crop", False))
        images = [(_middle(still) if crops else still).to_pil() for still in stills]
        pixels = self._processor(images=images, return_tensors="pt")
        return self._vectors(self._model.get_image_features, pixels)

    def _vectors(self, features: Any, inputs: Any) -> list[NDArray[np.float32]]:
        import torch

        model = self._model
        placed = {
            name: tensor.to(model.device, model.dtype if tensor.is_floating_point() else None)
            for name, tensor in inputs.items()
        }
        with torch.inference_mode():
            pooled = features(**placed).pooler_output
            vectors: NDArray[np.float32] = torch.nn.functional.normalize(pooled.float(), dim=-1).cpu().numpy()
        return list(vectors)


def _middle(still: Still) -> Still:
    """Cut off the ends of a very long still, of which the model would see the middle alone."""
    width, height = still.size
    most = LONGEST_SIDE * min(width, height)
    if max(width, height) <= most:
        return still
    x, y = max(0.0, (width - most) / 2), max(0.0, (height - most) / 2)
    return still.crop(Box(x0=x, y0=y, x1=width - x, y1=height - y))


# --- loading ------------------------------------------------------------------------------------------


def device_of(device: str | None) -> torch.device:
    """Return the device of that name, by default the first GPU if there is one.

    Raises
    ------
    InputError
        If there is no such device.
    """
    import torch

    try:
        place = torch.device(device or best_device())
    except RuntimeError as error:
        raise InputError(f"{device!r} is not a device; use cpu, cuda or cuda:1.", input=device) from error
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        seen = torch.cuda.device_count()
        raise InputError(f"{device} is not there: torch sees {seen} CUDA devices.", input=device)
    return place


def _kind(folder: Path) -> str:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder} has no config.json.", input=str(folder)) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}/config.json cannot be read: {error}.", input=str(folder)) from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in KINDS:
        raise CheckpointError(
            f"{folder} holds a model of the type {kind!r}; stills and texts are embedded by one of "
            f"{', '.join(KINDS)}.",
            input=str(folder),
        )
    return str(kind)


def _prepared_by(folder: Path) -> tuple[Any, Any]:
    """Return what prepares pictures, and what prepares texts."""
    from transformers import AutoImageProcessor, AutoTokenizer

    try:
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"what prepares pictures and texts in {folder} cannot be read: {error}"
        raise CheckpointError(message, input=str(folder)) from error
    return processor, tokenizer


def _network(folder: Path, place: torch.device) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel

    kind = torch.float32
    if place.type == "cuda":
        kind = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    settings: dict[str, Any] = {"dtype": kind, "attn_implementation": "sdpa", "local_files_only": True}
    if importlib.util.find_spec("accelerate") is not None:
        settings["device_map"] = {"": place}  # straight to the device, without a copy in main memory
    try:
        network, report = AutoModel.from_pretrained(folder, output_loading_info=True, **settings)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        if out_of_memory(error):
            raise
        raise CheckpointError(
            f"the weights in {folder} cannot be loaded: {error}", input=str(folder)
        ) from error
    absent = sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})
    if absent:
        # transformers would go on with random numbers in their place.
        raise CheckpointError(
            f"the weights in {folder} lack {len(absent)} of the model's, {absent[0]} among them, or have "
            "them in other shapes.",
            input=str(folder),
        )
    return network.eval().to(place)
