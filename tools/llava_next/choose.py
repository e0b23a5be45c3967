"""Choose: the probabilities of given answers, from one forward pass.

The answers lie behind their prompt in one sequence, each seeing the prompt and itself but not the others, and
each at the positions it would have alone. So a long prompt is read once, however many answers there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

_PADDING = -1
_PROMPT = 0


class _Read(NamedTuple):
    """Where the probability of one token stands: ``kept`` counts the logits kept of that prompt."""

    prompt: int
    option: int
    kept: int
    token: int | None


@torch.inference_mode()
def log_probabilities(
    model: Any,
    prompts: Sequence[Tensor],
    options: Sequence[Sequence[Sequence[int]]],
    *,
    stop_ids: Collection[int],
    temperature: float = 1.0,
) -> Tensor:
    """Score answers to prompts.

    Parameters
    ----------
    model : transformers model
    prompts : of (length, hidden)
        Embedded prompts.
    options : per prompt, per option, its tokens; as many options for every prompt
    stop_ids : tokens that close an answer
    temperature : calibration of the probabilities

    Returns
    -------
    (prompts, options) float64
        Sum over an option's tokens of the log-probability of each after those before it. Where one option
        begins with the whole of another, that of ending there is added to all: "red" and "red circle" differ
        in nothing else.
    """
    ends = bool(stop_ids) and any(
        _begins(option, other) for row in options for option in row for other in row
    )
    embeddings = model.get_input_embeddings()
    rows, blocks, positions = [], [], []
    for prompt, row in zip(prompts, options, strict=True):
        tokens = torch.tensor([id_ for option in row for id_ in option], device=prompt.device)
        rows.append(torch.cat([prompt, embeddings(tokens)]))
        length = prompt.shape[0]
        blocks.append([_PROMPT] * length + [i + 1 for i, option in enumerate(row) for _ in option])
        own = [length + k for option in row for k in range(len(option))]
        positions.append([*range(length), *own])
    longest = max(len(block) for block in blocks)
    embedded = rows[0].new_zeros((len(rows), longest, rows[0].shape[1]))
    for i, sequence in enumerate(rows):
        embedded[i, longest - len(sequence) :] = sequence
    block = _left(blocks, longest, _PADDING).to(embedded.device)
    keep, reads = _reads(options, longest, ends)
    logits = model(
        inputs_embeds=embedded,
        attention_mask=_sees(block)[:, None],
        position_ids=_left(positions, longest, 0).to(embedded.device),
        use_cache=False,
        logits_to_keep=keep.to(embedded.device),
    ).logits
    return _summed((logits.float() / temperature).log_softmax(-1), reads, stop_ids)


def _sees(block: Tensor) -> Tensor:
    """Which position attends to which: (rows, length, length) bool."""
    causal = torch.ones(block.shape[1], block.shape[1], dtype=torch.bool, device=block.device).tril()
    shared = (block[:, None, :] == _PROMPT) | (block[:, None, :] == block[:, :, None])
    real = block[:, None, :] != _PADDING
    # Padding sees itself: a row of attention without any entry is not a number.
    return causal & shared & real | torch.eye(block.shape[1], dtype=torch.bool, device=block.device)


def _reads(
    options: Sequence[Sequence[Sequence[int]]], longest: int, ends: bool
) -> tuple[Tensor, list[_Read]]:
    """Which logits are needed, and where among them each token's probability stands.

    Returns
    -------
    keep : (prompts, kept) int64
        Positions in the sequence.
    reads : one per token of every option, and per end of an option if ``ends``
    """
    keep: list[list[int]] = []
    reads: list[_Read] = []
    for i, row in enumerate(options):
        place = longest - sum(len(option) for option in row)
        kept = [place - 1]
        for j, option in enumerate(row):
            reads.append(_Read(i, j, 0, option[0]))
            for offset, follower in enumerate([*option[1:], *([None] if ends else [])]):
                reads.append(_Read(i, j, len(kept), follower))
                kept.append(place + offset)
            place += len(option)
        keep.append(kept)
    # Tokenised behind other words, an option may have a token more: fill up with any position.
    most = max(len(kept) for kept in keep)
    return torch.tensor([kept + [0] * (most - len(kept)) for kept in keep]), reads


def _summed(logs: Tensor, reads: Sequence[_Read], stop_ids: Collection[int]) -> Tensor:
    sums = torch.zeros(
        (1 + max(read.prompt for read in reads), 1 + max(read.option for read in reads)), dtype=torch.float64
    )
    closing = logs[:, :, sorted(stop_ids)].logsumexp(-1)
    for ending in (False, True):
        chosen = [read for read in reads if (read.token is None) is ending]
        if not chosen:
            continue
        prompt, option, kept = (torch.tensor([read[k] for read in chosen]) for k in range(3))
        if ending:
            values = closing[prompt, kept]
        else:
            values = logs[prompt, kept, torch.tensor([read.token for read in chosen])]
        sums.index_put_((prompt, option), values.double().cpu(), accumulate=True)
    return sums


def _begins(option: Sequence[int], other: Sequence[int]) -> bool:
    return len(option) < len(other) and list(other[: len(option)]) == list(option)


def _left(rows: Sequence[Sequence[int]], length: int, fill: int) -> Tensor:
    return torch.tensor([[fill] * (length - len(row)) + list(row) for row in rows])
