"""The pocket model under training: its own modules on packed batches, and the losses.

The forward pass below calls the modules of ``LlavaNextForConditionalGeneration`` in their order, because
packed sequences need the hidden states half way and logits only where something is asked. A test asserts
that it gives the logits of the model itself. The heads here are for training; none is shipped.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..anyres import Layout
from . import model as pocket
from .packing import CHANNELS, GRID, IGNORE, SUBJECT_CHANNELS, Batch, kept

VISION_CHANNELS = ("color", "shape", "size", "character")
MOST, RARE = 0.35, 0.05
NOTHING_WEIGHT = {
    "color": MOST,
    "shape": MOST,
    "size": MOST,
    "centres": MOST,
    "character": RARE,
    "order": RARE,
}
"""The share in the dense losses of patches that show nothing (most) or no character (nearly all)."""


def merge(features: Tensor, layout: Layout, newline: Tensor) -> Tensor:
    """``pack_image_features`` of transformers for stills of one layout.

    Parameters
    ----------
    features : (N, crops, GRID * GRID, width)
    newline : (width,)

    Returns
    -------
    (N, layout.tokens, width)
    """
    count, _, _, width = features.shape
    down, across = layout.canvas.height // pocket.TILE, layout.canvas.width // pocket.TILE
    rows, columns = kept(layout)
    grid = features[:, 1:].view(count, down, across, GRID, GRID, width).permute(0, 1, 3, 2, 4, 5)
    grid = grid.reshape(count, down * GRID, across * GRID, width)[:, rows, columns]
    ends = newline.expand(count, grid.shape[1], 1, width).to(grid.dtype)
    return torch.cat([features[:, 0], torch.cat([grid, ends], 2).flatten(1, 2)], 1)


class Outputs(NamedTuple):
    """What a batch gives.

    Attributes
    ----------
    logits : (T, vocabulary) at the T trained positions, in row-major order
    hidden : (B, LENGTH, width), final
    patch, token, subject : dense predictions, (N, GRID * GRID, .), (B, V, .) and (answers, 2, .)
    """

    logits: Tensor
    hidden: Tensor
    patch: Tensor
    token: Tensor
    subject: Tensor


class Trainee(nn.Module):
    """A pocket model with its training heads.

    Parameters
    ----------
    core : LlavaNextForConditionalGeneration
    middle : the dense heads of visual tokens read the hidden states after this many text layers

    The heads of what a question is about read the states before the last layer, where its answer begins.
    """

    core: Any

    def __init__(self, core: Any, middle: int = 3) -> None:
        super().__init__()
        self.core, self.middle = core, middle
        vision_width, width = core.config.vision_config.hidden_size, core.config.text_config.hidden_size
        sizes = [CHANNELS[c] for c in VISION_CHANNELS]
        self.patch_head = nn.Linear(vision_width, sum(sizes) + 2 * GRID)
        self.token_head = nn.Linear(width, sum(CHANNELS.values()))
        asked = 2 * sum(CHANNELS[c] for c in SUBJECT_CHANNELS)
        self.subject_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, asked))
        self.temperature = nn.Parameter(torch.tensor(2.3))

    def see(self, pixels: Tensor) -> Tensor:
        """Vision tower: (N, 3, TILE, TILE) uint8 to (N, GRID * GRID, vision width)."""
        scaled = pixels.float() / 127.5 - 1
        seen: Tensor = self.core.model.vision_tower(scaled).last_hidden_state[:, 1:]
        return seen

    def read(self, batch: Batch, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run the text model: hidden states at the middle, before the last layer and at the end."""
        inner = self.core.model
        rows = len(batch.ids)
        projected = inner.multi_modal_projector(patches)
        visual = merge(projected.unflatten(0, (-1, batch.pixels.shape[1])), batch.layout, inner.image_newline)
        text = inner.language_model
        hidden = text.embed_tokens(batch.ids).to(visual.dtype)
        hidden = hidden.index_copy(1, batch.visual, visual.reshape(rows, -1, visual.shape[-1]))
        rotary = text.rotary_emb(hidden, batch.positions)
        mask, middle, late = batch.mask.to(hidden.dtype), hidden, hidden
        for index, layer in enumerate(text.layers):
            hidden = layer(
                hidden, attention_mask=mask, position_ids=batch.positions, position_embeddings=rotary
            )
            if index + 1 == self.middle:
                middle = hidden
            if index + 2 == len(text.layers):
                late = hidden
        return middle, late, text.norm(hidden)

    def forward(self, batch: Batch) -> Outputs:
        """Run a batch."""
        pixels = batch.pixels.flatten(0, 1)
        if batch.layout.canvas == (pocket.TILE, pocket.TILE) and torch.equal(
            batch.pixels[:, 0], batch.pixels[:, 1]
        ):
            seen = self.see(batch.pixels[:, 0]).repeat_interleave(
                2, 0
            )  # overview and only tile are one picture
        else:
            seen = self.see(pixels)
        middle, late, hidden = self.read(batch, seen)
        rows, columns = [a[0] for a in batch.answers], [a[1] for a in batch.answers]
        return Outputs(
            self.core.lm_head(hidden[batch.labels != IGNORE]),
            hidden,
            self.patch_head(seen),
            self.token_head(middle[:, batch.visual]),
            self.subject_head(late[rows, columns]).unflatten(-1, (2, -1)),
        )


# --- losses -------------------------------------------------------------------------------------------


def dense_loss(predicted: Tensor, labels: Tensor, names: tuple[str, ...]) -> Tensor:
    """Mean over channels of the cross entropies of dense labels; characters count double."""
    total = predicted.new_zeros((), dtype=torch.float32)
    scores = predicted.float().split([CHANNELS[n] for n in names], -1)
    for channel, (name, score) in enumerate(zip(names, scores, strict=True)):
        target = labels[..., channel].flatten()
        if not (target != IGNORE).any():
            continue
        weight = torch.ones(score.shape[-1])
        weight[0] = NOTHING_WEIGHT.get(name, 1.0)
        loss = functional.cross_entropy(score.flatten(0, -2), target, weight, ignore_index=IGNORE)
        total = total + loss * (2 if name in ("character", "order") else 1)
    return total / len(names)


def vision_loss(predicted: Tensor, labels: Tensor) -> Tensor:
    """Sum the dense loss of the tower's patches and that of where in its tile each one is.

    Without the second nothing downstream knows where anything is (measured in the first trials).
    """
    head, place = predicted.split([predicted.shape[-1] - 2 * GRID, 2 * GRID], -1)
    index = torch.arange(GRID * GRID).expand(len(place), -1)
    row, column = place.float().split(GRID, -1)
    where = functional.cross_entropy(row.flatten(0, 1), (index // GRID).flatten())
    where = where + functional.cross_entropy(column.flatten(0, 1), (index % GRID).flatten())
    return dense_loss(head, labels, VISION_CHANNELS) + 0.1 * where


@dataclass(slots=True)
class Retrieval:
    """Contrastive loss with a queue of past embeddings as further negatives (MoCo, He et al. 2020).

    Whether a text describes a still is known exactly from their facts, so a batch has no false negatives.
    """

    size: int = 512
    stills: list[tuple[Tensor, frozenset[str]]] = field(default_factory=list)
    texts: list[tuple[Tensor, frozenset[str]]] = field(default_factory=list)

    def __call__(self, batch: Batch, hidden: Tensor, temperature: Tensor) -> Tensor:
        """Return the loss of a batch, and keep its embeddings for the next ones."""
        new_stills = self._embed(hidden, batch.stills)
        new_texts = self._embed(hidden, batch.texts)
        scale = temperature.exp().clamp(max=50)
        loss = self._one_way(new_texts, new_stills + self.stills, scale, texts_first=True)
        loss = loss + self._one_way(new_stills, new_texts + self.texts, scale, texts_first=False)
        self.stills = ([(e.detach(), f) for e, f in new_stills] + self.stills)[: self.size]
        self.texts = ([(e.detach(), f) for e, f in new_texts] + self.texts)[: self.size]
        return loss / 2

    @staticmethod
    def _embed(
        hidden: Tensor, places: list[tuple[int, int, frozenset[str]]]
    ) -> list[tuple[Tensor, frozenset[str]]]:
        rows, columns = [p[0] for p in places], [p[1] for p in places]
        vectors = functional.normalize(hidden[rows, columns].float(), dim=-1)
        return [(v, p[2]) for v, p in zip(vectors.unbind(0), places, strict=True)]

    @staticmethod
    def _one_way(queries: list[tuple[Tensor, frozenset[str]]], keys: list[tuple[Tensor, frozenset[str]]],
                 scale: Tensor, texts_first: bool) -> Tensor:  # fmt: skip
        fits = torch.tensor([[(a <= b) if texts_first else (b <= a) for _, b in keys] for _, a in queries])
        scores = torch.stack([q for q, _ in queries]) @ torch.stack([k for k, _ in keys]).T * scale
        chosen = scores.masked_fill(~fits, -torch.inf).logsumexp(1) - scores.logsumexp(1)
        some = fits.any(1)
        return -chosen[some].mean() if some.any() else scores.sum() * 0


def answer_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Weighted cross entropy of the trained tokens."""
    asked = batch.labels != IGNORE
    loss = functional.cross_entropy(logits.float(), batch.labels[asked], reduction="none")
    return (loss * batch.weights[asked]).sum() / batch.weights[asked].sum()


def right(logits: Tensor, batch: Batch) -> dict[str, list[bool]]:
    """Which answers are right in every token, by kind of question."""
    hit = torch.ones_like(batch.labels, dtype=torch.bool)
    asked = batch.labels != IGNORE
    hit[asked] = logits.argmax(-1) == batch.labels[asked]
    found: dict[str, list[bool]] = defaultdict(list)
    for row, start, stop, kind in batch.answers:
        found[kind].append(bool(hit[row, start:stop].all()))
    return found


# --- initialisation -----------------------------------------------------------------------------------


def initialise(core: Any, pictures: Tensor, seed: int = 0) -> None:
    """Start the tower where it can learn: whitened patches and positions that tell rows from columns.

    The patch embedding becomes a whitening PCA of patches, turned at random (Coates and Ng 2012): with the
    default init small strokes drown in flat colour. Position embeddings become row codes plus column codes,
    which a linear layer can read apart.

    Parameters
    ----------
    core : LlavaNextForConditionalGeneration
    pictures : (N, 3, TILE, TILE) uint8, crops to whiten
    """
    chance = torch.Generator().manual_seed(seed)
    x = pictures.float() / 127.5 - 1
    p = pocket.PATCH
    x = x.unfold(2, p, p).unfold(3, p, p).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3 * p * p)
    x = x + 0.02 * torch.randn(x.shape, generator=chance)
    values, vectors = torch.linalg.eigh((x - x.mean(0)).T @ (x - x.mean(0)) / len(x))
    tower = core.model.vision_tower
    embedding = next(m for m in tower.modules() if isinstance(m, nn.Conv2d))
    width = embedding.weight.shape[0]
    top = vectors.flip(1)[:, :width] / (values.flip(0)[:width].clamp_min(0) + 1e-3).sqrt()
    turn = torch.linalg.qr(torch.randn(width, width, generator=chance))[0]
    places = next(m for m in tower.modules() if isinstance(m, nn.Embedding))
    rows, columns = (torch.randn(GRID, width, generator=chance) for _ in range(2))
    with torch.no_grad():
        embedding.weight.copy_((0.3 * turn @ top.T).view_as(embedding.weight))
        codes = (rows[:, None] + columns[None]).reshape(GRID * GRID, width)
        places.weight.copy_(0.1 * torch.randn(places.weight.shape, generator=chance))
        places.weight[1:] += 0.6 * codes
