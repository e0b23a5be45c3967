"""Features: crops through tower and projector, and into their places among a prompt's embeddings.

The one module that knows how the four transformers families want their pixels. Whatever the family, a visual
comes out as (tokens, hidden), so that batching, caching and generating need not know it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError
from ...memory.still import Size
from .anyres import Mode, Vision
from .preprocess import normalise
from .prompts import Visual

TOWER_CROPS = 32
"""Crops that go through the tower at once, unless one still or video has more: bounds its activations."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One visual's pixels.

    Parameters
    ----------
    visual : its place in the prompt and the tokens it must fill
    mode : how its stills are fed
    crops : (crops, 3, tile, tile) uint8; for a video, one per frame
    fed : the size that the model is told (``Layout.fed``)
    """

    visual: Visual
    mode: Mode
    crops: Tensor
    fed: Size


def features(model: Any, vision: Vision, pictures: Sequence[Picture]) -> list[Tensor]:
    """Compute what the language model sees of each visual.

    Parameters
    ----------
    model : a transformers model of one of the four families
    vision : of its checkpoint
    pictures : in any mixture of modes and numbers of crops

    Returns
    -------
    list of (tokens, hidden) tensors, on the model's device
    """
    found: dict[int, Tensor] = {}
    for group in _groups(pictures):
        members = [pictures[i] for i in group]
        for i, feature in zip(group, _group(model, vision, members), strict=True):
            found[i] = feature
    return [found[i] for i in range(len(pictures))]


def splice(
    model: Any, ids: Sequence[int], placeholder_ids: Collection[int], visuals: Sequence[Tensor]
) -> Tensor:
    """Embed a prompt's tokens and put the features in the places of its placeholders, in order.

    Returns
    -------
    (len(ids), hidden), on the model's device

    Raises
    ------
    CheckpointError
        If the placeholders are not as many as the features. Nothing has run through the language model then.
    """
    expected = sum(id_ in placeholder_ids for id_ in ids)
    given = sum(feature.shape[0] for feature in visuals)
    if expected != given:
        raise CheckpointError(
            f"the prompt has {expected} placeholder tokens, but the tower made {given} features for them; "
            "the checkpoint's config does not describe its tower."
        )
    embeddings = model.get_input_embeddings()
    tokens = torch.tensor(ids, device=embeddings.weight.device)
    embedded: Tensor = embeddings(tokens)
    if visuals:
        places = torch.isin(tokens, torch.tensor(sorted(placeholder_ids), device=tokens.device))
        embedded = embedded.masked_scatter(places[:, None], torch.cat(list(visuals)).to(embedded))
    return embedded


def pad_left(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack embedded prompts of different lengths, aligned at their ends, where generation goes on.

    Parameters
    ----------
    rows : of (length, hidden)

    Returns
    -------
    embedded : (rows, longest, hidden); zeros where there is padding
    mask : (rows, longest) int64; 0 where there is padding
    """
    longest = max(row.shape[0] for row in rows)
    embedded = rows[0].new_zeros((len(rows), longest, rows[0].shape[1]))
    mask = torch.zeros((len(rows), longest), dtype=torch.long, device=rows[0].device)
    for i, row in enumerate(rows):
        embedded[i, longest - row.shape[0] :] = row
        mask[i, longest - row.shape[0] :] = 1
    return embedded, mask


def _groups(pictures: Sequence[Picture]) -> Iterator[list[int]]:
    """Split into groups of one kind and mode, each small enough for one pass through the tower."""
    open_groups: dict[tuple[str, Mode], list[int]] = {}
    for i, picture in enumerate(pictures):
        key = (picture.visual.kind, picture.mode)
        group = open_groups.setdefault(key, [])
        crops = sum(pictures[j].crops.shape[0] for j in group) + picture.crops.shape[0]
        # Videos of different lengths cannot share a pass, and one is large enough for it.
        if group and (picture.visual.kind == "video" or crops > TOWER_CROPS):
            yield group
            group = open_groups[key] = []
        group.append(i)
    yield from open_groups.values()


def _group(model: Any, vision: Vision, members: Sequence[Picture]) -> Sequence[Tensor]:
    weight = model.get_input_embeddings().weight
    # uint8 travels, floats are made where they are needed.
    pixels = torch.cat([member.crops for member in members]).to(weight.device)
    values = normalise(pixels, vision, weight.dtype)
    if members[0].visual.kind == "video":
        pooled: Tensor = model.get_video_features(values[None], return_dict=True).pooler_output
        return [pooled[0]]
    if vision.family == "llava":
        return _pooled(model.get_image_features(values, return_dict=True))
    sizes = torch.tensor([(member.fed.height, member.fed.width) for member in members])
    if vision.family == "llava_onevision" and members[0].mode == "tile":
        # A number other than 1 is how this family is told that an image has no grid.
        counts = [max(2, len(members))]
        return _pooled(model.get_image_features(values, sizes, batch_num_images=counts, return_dict=True))
    return _pooled(model.get_image_features(values, sizes, return_dict=True))


def _pooled(output: Any) -> list[Tensor]:
    return list(output.pooler_output)
