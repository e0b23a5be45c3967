"""Worlds to training batches: many questions about the same stills in one sequence.

A sequence is the prompt's prefix (stills and their names), then segments that each see the prefix and
themselves but not one another, by a 4D attention mask with position ids restarted: equal to separate
prompts (a test says so) and several times cheaper. Segments are questions with answers, "in one word :" for
the still's embedding, and texts to embed, which see no still.

Beside the tokens go dense labels for every visual token. They train perception directly; without them a
model of this size does not learn to read shapes or places off its visual tokens in hours (measured).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ....memory.still import Photo, Size, Still
from ..anyres import Layout, Mode, Vision
from ..preprocess import crops
from . import model as pocket
from .blocks import SOLIDS
from .questions import CELLS, Question
from .several import World
from .things import CHARACTERS, COLORS, SHAPES, SIZES, UNITS, Sheet, coverage, draw, random_page

VISION = Vision(
    family="llava_next",
    tile=pocket.TILE,
    patch=pocket.PATCH,
    pinpoints=tuple(Size(w, h) for h, w in pocket.PINPOINTS),
    mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
)  # fmt: skip
GRID = VISION.grid
IGNORE = -100
LENGTH = 256
"""Tokens of every training sequence: one length, so that compiled layers are compiled once."""
GRID_STILLS = 2
"""Prompts of up to this many stills keep their AnyRes grids; of more, one tile each."""

CHANNELS = {
    "color": len(COLORS) + 1,
    "shape": len(SHAPES) + len(SOLIDS) + 1,
    "size": len(SIZES) + 1,
    "character": len(CHARACTERS) + 1,
    "order": 5, "x": CELLS, "y": CELLS, "column": 3 * GRID, "row": 3 * GRID, "still": 6, "centres": 3,
}  # fmt: skip
"""What the dense heads ask of a visual token, and how many answers there are; 0 of five is "nothing".

``centres`` is how many things have their centre in the patch: what counting counts."""
ALL_SHAPES = (*SHAPES, *SOLIDS)
SUBJECT_CHANNELS = ("color", "shape", "size", "x", "y", "still")
"""What is asked of the things that a question is about, where its answer begins."""


def mode_for(stills: int) -> Mode:
    """Return how each of so many stills of one prompt is fed."""
    return "anyres" if stills <= GRID_STILLS else "tile"


@lru_cache(maxsize=64)
def layout_of(width: int, height: int, mode: Mode) -> Layout:
    """Return where the pixels of such a still go; remembered, as sizes are few."""
    return VISION.layout(Size(width, height), mode)


def tiles(image: np.ndarray, mode: Mode) -> Tensor:
    """Crops of one picture, exactly as the model is fed when it answers: (crops, 3, TILE, TILE) uint8."""
    still = Still(image, Photo(source="world"))
    return crops(still, VISION, mode, layout_of(image.shape[1], image.shape[0], mode))


def kept(layout: Layout) -> tuple[slice, slice]:
    """Rows and columns of the canvas's patch grid that survive unpadding."""
    down, across = layout.canvas.height // pocket.PATCH, layout.canvas.width // pocket.PATCH
    tokens = layout.tokens - GRID * GRID
    if layout.inner.width >= layout.inner.height:
        rows = tokens // (across + 1)
        return slice((down - rows) // 2, (down - rows) // 2 + rows), slice(0, across)
    columns = tokens // down - 1
    return slice(0, down), slice((across - columns) // 2, (across - columns) // 2 + columns)


# --- dense labels -----------------------------------------------------------------------------------


def patch_labels(
    cover: np.ndarray, sheet: Sheet, rows: int, columns: int, left: float = 0, top: float = 0
) -> np.ndarray:
    """Labels of a grid of patches over ``cover``: (rows, columns, 8) int64.

    The first seven channels of CHANNELS, and ``centres``.

    ``left`` and ``top`` say where the sheet's corner lies in ``cover``, in units.
    """
    high, wide = cover.shape[0] / rows, cover.shape[1] / columns
    ys, xs = (np.arange(cover.shape[0]) / high).astype(int), (np.arange(cover.shape[1]) / wide).astype(int)
    flat = (ys[:, None] * columns + xs[None]) * (len(sheet.things) + 1) + cover
    counts = np.bincount(flat.ravel(), minlength=rows * columns * (len(sheet.things) + 1)).reshape(
        rows, columns, -1
    )[..., 1:]
    labels = np.zeros((rows, columns, 8), np.int64)
    labels[..., 5:7] = IGNORE
    if sheet.things:
        best = counts.argmax(-1)
        on = counts.max(-1) > 0.14 * high * wide
        table = np.array([_thing_labels(sheet, i) for i in range(len(sheet.things))])
        labels[on, :7] = table[best[on]]
    for i, thing in enumerate(sheet.things):
        row, column = (
            min(rows - 1, int((thing.y + top) / high)),
            min(columns - 1, int((thing.x + left) / wide)),
        )
        inside = 0 <= thing.x < sheet.width and 0 <= thing.y < sheet.height
        if inside and counts[row, column, i]:  # of a solid, another may hide it
            labels[row, column, 7] = min(2, labels[row, column, 7] + 1)
    if sheet.writing:
        for i, ((x, y), c) in enumerate(zip(sheet.writing.centres(), sheet.writing.text, strict=True)):
            row, column = int((y + top) / high), int((x + left) / wide)
            if 0 <= row < rows and 0 <= column < columns:
                order = IGNORE if sheet.writing.columns else i + 1
                labels[row, column, 3:5] = CHARACTERS.index(c) + 1, order
    return labels


def _thing_labels(sheet: Sheet, index: int) -> tuple[int, ...]:
    t = sheet.things[index]
    size = list(SIZES).index(t.size) + 1 if t.size else IGNORE
    x, y = (
        min(CELLS - 1, max(0, int(v * CELLS / side))) for v, side in ((t.x, sheet.width), (t.y, sheet.height))
    )
    return list(COLORS).index(t.color) + 1, ALL_SHAPES.index(t.shape) + 1, size, 0, 0, x, y


def _subject_labels(question: Question, sheet: Sheet) -> list[list[int]]:
    """Label up to two things that a question is about, IGNORE where there are fewer."""
    found = [
        _thing_labels(replace(sheet, things=question.subjects), i) for i in range(len(question.subjects))
    ]
    stills = (*question.stills, IGNORE, IGNORE)
    rows = [[*label[:3], *label[5:], still] for label, still in zip(found[:2], stills, strict=False)]
    return rows + [[IGNORE] * len(SUBJECT_CHANNELS)] * (2 - len(rows))


def still_labels(
    cover: np.ndarray, sheet: Sheet, layout: Layout, index: int
) -> tuple[np.ndarray, np.ndarray]:
    """Dense labels of one still.

    Returns
    -------
    tokens : (layout.tokens, len(CHANNELS)) int64, in the order of the prompt's visual tokens
    patches : (crops, GRID * GRID, 4) int64: colour, shape, size and character, for the tower's heads
    """
    height, width = cover.shape
    overview = patch_labels(cover, sheet, GRID, GRID)
    overview[..., 3:5] = IGNORE  # characters are too small to be read off the overview
    square = np.zeros((UNITS, UNITS), np.uint8)
    top, left = (UNITS - height) // 2, (UNITS - width) // 2
    square[top : top + height, left : left + width] = cover
    down, across = layout.canvas.height // pocket.PATCH, layout.canvas.width // pocket.PATCH
    detail = patch_labels(square, sheet, down, across, left, top)
    if across == GRID:
        detail[..., 3:5] = IGNORE
    rows, columns = kept(layout)

    def placed(labels: np.ndarray, offset: int) -> np.ndarray:
        r, c = labels.shape[:2]
        grid = np.stack(np.meshgrid(np.arange(c) + offset, np.arange(r) + offset), -1)
        return np.concatenate([labels[..., :7], grid, np.full((r, c, 1), index), labels[..., 7:]], -1)

    inner = placed(detail, 0)[rows, columns]
    newline = np.full((inner.shape[0], 1, len(CHANNELS)), IGNORE)
    tokens = np.concatenate([placed(overview, 2 * GRID).reshape(-1, len(CHANNELS)),
                             np.concatenate([inner, newline], 1).reshape(-1, len(CHANNELS))])  # fmt: skip
    cut = detail[..., :4].reshape(down // GRID, GRID, across // GRID, GRID, 4).transpose(0, 2, 1, 3, 4)
    patches = np.concatenate([overview[None, ..., :4], cut.reshape(-1, GRID, GRID, 4)]).reshape(
        -1, GRID * GRID, 4
    )
    return tokens, patches


def pages(rng: random.Random, count: int) -> tuple[Tensor, Tensor]:
    """Draw pages of characters for the tower alone.

    Returns
    -------
    pixels : (crops, 3, TILE, TILE) uint8, without overviews, on which characters are too small
    patches : (crops, GRID * GRID, 4) int64, as of :func:`still_labels`
    """
    pixels, patches = [], []
    for _ in range(count):
        sheet = random_page(rng)
        image = draw(sheet, rng.choice((1.0, 2.0)))
        layout = layout_of(image.shape[1], image.shape[0], "anyres")
        pixels.append(tiles(image, "anyres")[1:])
        patches.append(torch.from_numpy(still_labels(coverage(sheet), sheet, layout, 0)[1][1:]))
    return torch.cat(pixels), torch.cat(patches)


# --- batches ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Batch:
    """One training batch; B worlds of S stills, all of one size.

    Attributes
    ----------
    ids, positions : (B, LENGTH) int64
    mask : (B, 1, LENGTH, LENGTH) float32, 0 where attention is allowed and -1e4 where not
    pixels : (B * S, crops, 3, TILE, TILE) uint8
    visual : (V,) int64: where visual tokens stand in every sequence, and ``layout`` how they are made
    labels : (B, LENGTH) int64, the next token where it is trained, else IGNORE; ``weights`` likewise, float32
    tokens, patches : dense labels, (B, V, channels) and (B * S * crops, GRID * GRID, 4) int64
    answers : (row, first label, last label + 1, kind) of every question
    subjects : (answers, 2, len(SUBJECT_CHANNELS)) int64: dense labels of the things each question is about
    stills, texts : rows and positions of embeddings of stills and of texts, each with its facts
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor
    pixels: Tensor
    visual: Tensor
    layout: Layout
    labels: Tensor
    weights: Tensor
    tokens: Tensor
    patches: Tensor
    answers: list[tuple[int, int, int, str]]
    subjects: Tensor
    stills: list[tuple[int, int, frozenset[str]]]
    texts: list[tuple[int, int, frozenset[str]]]


class Words:
    """Token ids of sentences, one word at a time and remembered: twenty times faster than the tokenizer."""

    def __init__(self) -> None:
        self._tokenizer = pocket.tokenizer()
        self._known: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[int]:
        """Return the token ids of a sentence."""
        ids: list[int] = []
        for word in text.split():
            if word not in self._known:
                self._known[word] = self._tokenizer(word, add_special_tokens=False).input_ids
            ids += self._known[word]
        return ids

    def special(self, token: str) -> int:
        """Return the id of a special token."""
        id_: int = self._tokenizer.vocab[token]
        return id_


def facts(sheet: Sheet) -> frozenset[str]:
    """Return everything that a retrieval query may ask of a sheet."""
    found = {t.name for t in sheet.things} | {f"{t.size} {t.name}" for t in sheet.things}
    return frozenset(found | ({f"the text {sheet.writing.text.lower()}"} if sheet.writing else set()))


def query(sheet: Sheet, rng: random.Random) -> tuple[str, frozenset[str]]:
    """Return a text that describes some of a sheet, and the facts that a sheet must have to fit it."""
    count = min(len(sheet.things), rng.choice((1, 2, 2, 3)))
    wanted = [
        f"{t.size} {t.name}" if rng.random() < 0.25 else t.name for t in rng.sample(sheet.things, count)
    ]
    if sheet.writing and rng.random() < 0.3:
        wanted.append(f"the text {sheet.writing.text.lower()}")
    article = "a " if rng.random() < 0.8 else ""
    joiner = rng.choice((" and ", " , "))
    return joiner.join(w if w.startswith("the") else article + w for w in wanted), frozenset(wanted)


class Packer:
    """Packs worlds of one kind and one size into a :class:`Batch`."""

    def __init__(self) -> None:
        self.words = Words()
        special = self.words.special
        self._image, self._user, self._assistant = map(special, (pocket.IMAGE, pocket.USER, pocket.ASSISTANT))
        self._start, self._end, self._pad = map(special, ("<s>", "</s>", "<pad>"))

    def room(self, names: list[str], layout: Layout) -> int:
        """Return how many tokens are left for questions."""
        return LENGTH - 2 - sum(len(self.words(n)) + layout.tokens for n in names)

    def length(self, question: Question) -> int:
        """Return how many tokens a question takes with its answer."""
        return len(self.words(question.text)) + len(self.words(question.answer)) + 2

    def __call__(
        self, worlds: list[World], questions: list[list[Question]], scale: float, rng: random.Random
    ) -> Batch:
        """Pack worlds of one kind and size with their questions, drawn at ``scale`` pixels per unit."""
        mode = mode_for(len(worlds[0].names))
        drawn = [world.render(scale) for world in worlds]
        height, width, _ = drawn[0][0][0].shape
        layout = layout_of(width, height, mode)
        prefix = [self._start, self._user]
        visual: list[int] = []
        for name in worlds[0].names:
            prefix += self.words(name)
            visual += range(len(prefix), len(prefix) + layout.tokens)
            prefix += [self._image] * layout.tokens
        size = (len(worlds), LENGTH)
        ids, positions = np.full(size, self._pad), np.zeros(size, np.int64)
        segments, labels = np.full(size, -1), np.full(size, IGNORE)
        weights, blind = np.zeros(size, np.float32), np.zeros(size, bool)
        ids[:, : len(prefix)], positions[:, : len(prefix)], segments[:, : len(prefix)] = (
            prefix,
            np.arange(len(prefix)),
            0,
        )
        answers, subjects, stills, texts = [], [], [], []
        for row, (world, asked) in enumerate(zip(worlds, questions, strict=True)):
            at, segment = len(prefix), 0

            def put(tokens: list[int], begin: int, row: int = row) -> int | None:
                nonlocal at, segment
                if at + len(tokens) > LENGTH:
                    return None
                segment += 1
                span = slice(at, at + len(tokens))
                ids[row, span], segments[row, span] = tokens, segment
                positions[row, span] = np.arange(begin, begin + len(tokens))
                at += len(tokens)
                return span.start

            if world.kind == "photos":
                last = [*self.words(pocket.IN_ONE_WORD), self._assistant]
                if (start := put(last, len(prefix))) is not None:
                    stills.append((row, start + len(last) - 1, facts(world.sheets[0])))
                text, wanted = query(world.sheets[0], rng)
                tokens = self.words(text) + last
                if (start := put(tokens, 2)) is not None:
                    blind[row, start : start + len(tokens)] = True
                    texts.append((row, start + len(tokens) - 1, wanted))
            for question in asked:
                given = [*self.words(question.text), self._assistant]
                answer = [*self.words(question.answer), self._end]
                if (start := put(given + answer, len(prefix))) is None:
                    break
                begin = start + len(given) - 1
                end = begin + len(answer)
                labels[row, begin:end] = answer
                weights[row, begin:end] = 0.5 if question.kind == "caption" else 1.0
                weights[row, end - 1] *= 0.25
                answers.append((row, begin, end, question.kind))
                subjects.append(_subject_labels(question, world.sheets[0]))
        dense = [
            still_labels(cover, sheet, layout, i)
            for world, (_, covers) in zip(worlds, drawn, strict=True)
            for i, (cover, sheet) in enumerate(zip(covers, world.sheets, strict=True))
        ]
        return Batch(
            ids=torch.from_numpy(ids),
            positions=torch.from_numpy(positions),
            mask=_mask(segments, blind),
            pixels=torch.stack([tiles(image, mode) for images, _ in drawn for image in images]),
            visual=torch.tensor(visual),
            layout=layout,
            labels=torch.from_numpy(labels),
            weights=torch.from_numpy(weights),
            tokens=torch.from_numpy(np.stack([t for t, _ in dense]).reshape(len(worlds), -1, len(CHANNELS))),
            patches=torch.from_numpy(np.concatenate([p for _, p in dense])),
            answers=answers,
            subjects=torch.tensor(subjects).reshape(-1, 2, len(SUBJECT_CHANNELS)),
            stills=stills,
            texts=texts,
        )


def _mask(segments: np.ndarray, blind: np.ndarray) -> Tensor:
    """Mask what is not causal, own segment or prefix; a text to embed sees two tokens of the prefix."""
    seen = (segments[:, None, :] == segments[:, :, None]) | ((segments == 0)[:, None, :] & ~blind[:, :, None])
    seen[:, :, :2] = True
    seen &= np.tril(np.ones((LENGTH, LENGTH), bool))
    return torch.from_numpy(np.where(seen, np.float32(0), np.float32(-1e4)))[:, None]
