"""Embedding: the state in which a model would sum a still or a text up in one word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import InputError
from ...memory.still import Still
from .features import pad_left
from .prompts import EMBED_STILL, EMBED_TEXT, POCKET_EMBED_STILL, POCKET_EMBED_TEXT, Prompt


def summaries(items: Sequence[Still | str], *, own: bool) -> list[Prompt]:
    """Ask for every item in one word.

    Parameters
    ----------
    items : of Still or str
    own : in the words of the embedded model

    Raises
    ------
    InputError
        If it is one item and not a list of them.
    """
    if isinstance(items, str | Still):
        raise InputError("embed takes a list of stills and texts.")
    still_words = POCKET_EMBED_STILL if own else EMBED_STILL
    text_words = POCKET_EMBED_TEXT if own else EMBED_TEXT
    return [
        [text_words.format(text=item)] if isinstance(item, str) else [item, still_words] for item in items
    ]


def last_states(model: Any, prompts: Sequence[Tensor]) -> list[NDArray[np.float32]]:
    """Return the last state behind each embedded prompt, (hidden,) of length 1."""
    embedded, mask = pad_left(prompts)
    with torch.inference_mode():
        # Without the output layer: the states are enough.
        states = model.base_model(
            inputs_embeds=embedded,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
            use_cache=False,
        ).last_hidden_state[:, -1]
    vectors: NDArray[np.float32] = torch.nn.functional.normalize(states.float(), dim=-1).cpu().numpy()
    return list(vectors)
