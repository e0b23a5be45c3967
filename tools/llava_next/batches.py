"""Batches: which prompts run together, and how much memory that takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

import torch

from ...errors import InsufficientMemoryError
from .answers import Answer, Choice

if TYPE_CHECKING:
    from .prepare import Prepared

Result = TypeVar("Result")

BATCH_TOKENS = 16384
"""Prompt tokens, padding included, that run as one batch; a single prompt may have more."""


def batches(prepared: Sequence[Prepared], memory_bytes: int | None = None) -> Iterator[list[int]]:
    """Group prompts of similar length.

    Parameters
    ----------
    prepared : of prompts
    memory_bytes : int, optional
        What a batch may take beside the weights; a single prompt is its own plan's matter.

    Yields
    ------
    list of int
        Places in ``prepared``; every prompt is in one batch.
    """
    order = sorted(range(len(prepared)), key=lambda i: len(prepared[i].ids))
    while order:
        size = 1
        while size < len(order):
            # The last of a batch is its longest: with padding, all are as long, and take as much.
            longest = prepared[order[size]]
            if (size + 1) * len(longest.ids) > BATCH_TOKENS:
                break
            if memory_bytes is not None and (size + 1) * beside_weights(longest) > memory_bytes:
                break
            size += 1
        yield order[:size]
        order = order[size:]


def beside_weights(prepared: Prepared) -> int:
    """Return the bytes that a prompt takes by its plan: keys, values and activations."""
    return prepared.plan.kv_bytes + prepared.plan.activation_bytes


@contextmanager
def held_to(memory_bytes: int | None, free: int) -> Iterator[int]:
    """Give what a prompt may take beside the weights, and say whose limit it was where that is too little.

    Parameters
    ----------
    memory_bytes : the caller's limit, if there is one
    free : bytes that the device has

    Raises
    ------
    InsufficientMemoryError
        For the one that planning raises under the caller's limit.
    """
    if memory_bytes is None or memory_bytes >= free:
        yield free
        return
    try:
        yield memory_bytes
    except InsufficientMemoryError as error:
        # What planning advises, as loading in fewer bits, would not help: the limit is beside the weights.
        raise InsufficientMemoryError(
            f"a call may take {memory_bytes / 2**20:.1f} MiB beside the weights, which is too little for a "
            "prompt even at its smallest. Raise the limit, give fewer stills or a shorter text, or leave "
            "less room for the answer."
        ) from error


class Peak:
    """How much memory running a batch takes beside the weights: measured on CUDA, planned elsewhere.

    Parameters
    ----------
    batch : of prompts that are about to run
    device : of the model
    """

    def __init__(self, batch: Sequence[Prepared], device: torch.device) -> None:
        self._planned = len(batch) * max(map(beside_weights, batch))
        self._device = device if device.type == "cuda" else None
        if self._device is not None:
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_allocated(self._device)

    @property
    def bytes(self) -> int:
        """The most so far."""
        if self._device is None:
            return self._planned
        return max(0, torch.cuda.max_memory_allocated(self._device) - self._before)


def charged(result: Result, memory_bytes: int) -> Result:
    """Return an answer or a choice with the memory that its batch took."""
    if not isinstance(result, Answer | Choice):
        return result
    usage = result.usage.model_copy(update={"memory_bytes": memory_bytes})
    return cast("Result", result.model_copy(update={"usage": usage}))
