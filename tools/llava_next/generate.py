"""Generate: greedy decoding of a batch, one token at a time.

transformers' ``generate`` says the same tokens (a test compares them), but it can be watched and stopped only
from another thread. Here every token passes through our hands: it can be shown, its probability is kept, and
between two tokens a caller can cancel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from .answers import StoppedBecause

REPEATED_TOKENS = 32
"""An answer goes in circles when this many tokens, or three times the circle if that is more, only repeat."""

LONGEST_CIRCLE = 64
"""Tokens of the longest circle that is looked for."""


class Cancel(Protocol):
    """What can tell that nobody waits for the answer any more; a ``threading.Event`` does."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


class Chosen(NamedTuple):
    """The next token of one answer.

    Attributes
    ----------
    id : the token
    log_probability : among what it was chosen from
    complete : whether it is the last
    """

    id: int
    log_probability: float
    complete: bool


class Guide(Protocol):
    """What holds one answer to a form, from its first token to its last."""

    def choose(self, logits: Tensor, room: int) -> Chosen:
        """Choose the next token.

        Parameters
        ----------
        logits : (vocabulary,) float32
            Divided by the temperature.
        room : tokens that there may be, this one included; the last of them must be complete
        """
        ...


@dataclass(slots=True)
class Row:
    """One answer as it grows.

    Parameters
    ----------
    limit : tokens after which it ends by length
    ids : tokens so far, the closing one included
    log_probability : sum over ``ids``
    stopped_because : None while it goes on
    """

    limit: int
    ids: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    stopped_because: StoppedBecause | None = None

    def add(self, id_: int, log_probability: float, stop_ids: Collection[int]) -> None:
        """Take the next token and see whether it is the last."""
        self.ids.append(id_)
        self.log_probability += log_probability
        if id_ in stop_ids:
            self.stopped_because = "stop"
        elif in_circles(self.ids):
            self.stopped_because = "repeat"
        elif len(self.ids) >= self.limit:
            self.stopped_because = "length"


def decode(
    model: Any,
    embedded: Tensor,
    mask: Tensor,
    *,
    limits: Sequence[int],
    stop_ids: Collection[int],
    temperature: float = 1.0,
    cancels: Sequence[Cancel | None] = (),
    guides: Sequence[Guide | None] = (),
) -> Iterator[list[Row]]:
    """Continue prompts greedily until each has ended.

    Parameters
    ----------
    model : transformers model
    embedded : (rows, length, hidden)
        Prompts, padded on the left.
    mask : (rows, length) int64
        0 where there is padding.
    limits : of new tokens, per row; at least 1
    stop_ids : tokens that close an answer
    temperature : calibration of the probabilities; the choice of tokens does not depend on it
    cancels : of the rows; looked at before every token
    guides : of the rows, None where one is not held to a form; what a guide calls complete has stopped

    Yields
    ------
    list of Row
        The same rows after every token, grown in place; all have ended after the last.
    """
    from transformers import DynamicCache

    rows = [Row(limit) for limit in limits]
    cache = DynamicCache(config=model.config.get_text_config())
    # Without padding there is nothing to mask, and attention has a faster way.
    padded = bool((mask == 0).any())
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    inputs: dict[str, Tensor] = {"inputs_embeds": embedded}
    while True:
        for row, cancel in zip(rows, cancels, strict=False):
            if row.stopped_because is None and cancel is not None and cancel.is_set():
                row.stopped_because = "cancelled"
        if all(row.stopped_because for row in rows):
            yield rows
            return
        with torch.inference_mode():
            # Only the last position's logits: of a whole prompt they would be larger than the cache.
            logits = model(
                **inputs,
                attention_mask=mask if padded else None,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
            ids = _grown(rows, logits.float() / temperature, stop_ids, guides or [None] * len(rows))
        yield rows
        if all(row.stopped_because for row in rows):
            return
        inputs = {"input_ids": ids[:, None]}
        mask = torch.cat([mask, mask.new_ones((len(rows), 1))], dim=-1)
        positions = positions[:, -1:] + 1


def _grown(
    rows: Sequence[Row], logits: Tensor, stop_ids: Collection[int], guides: Sequence[Guide | None]
) -> Tensor:
    """Let every row that goes on take its likeliest token, or the one that its guide chooses.

    Returns
    -------
    (rows,) int64
        The tokens that go on; of rows that have ended, any.
    """
    best = logits.argmax(-1)
    chosen = logits.log_softmax(-1).gather(-1, best[:, None])[:, 0]
    ids = best.tolist()
    for i, (row, log_probability, guide) in enumerate(zip(rows, chosen.tolist(), guides, strict=True)):
        if row.stopped_because is not None:
            continue
        if guide is None:
            row.add(ids[i], log_probability, stop_ids)
            continue
        ids[i], log_probability, complete = guide.choose(logits[i], row.limit - len(row.ids))
        row.ids.append(ids[i])
        row.log_probability += log_probability
        row.stopped_because = "stop" if complete else None
    return best if not any(guides) else torch.tensor(ids, device=logits.device)


def in_circles(ids: Sequence[int]) -> bool:
    """Say whether the end of an answer only repeats itself."""
    for circle in range(1, LONGEST_CIRCLE + 1):
        span = max(REPEATED_TOKENS, 3 * circle)
        if len(ids) < span:
            return False
        if ids[-1] == ids[-1 - circle] and ids[-span:-circle] == ids[-span + circle :]:
            return True
    return False
