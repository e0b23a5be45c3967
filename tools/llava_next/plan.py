"""Plan: what a prompt costs a checkpoint, and the most detail that fits, before anything runs.

A plan needs neither weights nor torch: token counts come from :mod:`.anyres`, memory from the checkpoint's
architecture. It degrades in one stated order, says so in its notes, and never truncates a prompt.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...errors import ContextOverflowError, InputError, InsufficientMemoryError
from ...memory.still import Frame, Size, Still
from .anyres import TOWER_CROPS, Mode
from .checkpoints import Bits, Checkpoint
from .prompts import Said, check_turns

MAX_NEW_TOKENS = 512
"""Room for the answer unless told otherwise, but at most an eighth of the window."""

BYTES_PER_TOKEN = 3
"""UTF-8 bytes that one text token stands for where no tokenizer is at hand. English has above 4, so that the
estimate errs to the safe side."""

TEMPLATE_TOKENS = 48
"""Tokens that a conversation template puts round a prompt, where not known (Vicuna's is the longest)."""

TURN_TOKENS = 12
"""Tokens that it puts round what the assistant said and the turn after it (10 in ChatML and Llama 3)."""

PLACE_TOKENS = 2
"""Tokens that a template puts beside every still, where it is not known."""

STILLS_EVALUATED = 16
"""Most stills in one prompt of the interleaved checkpoints' training and published evaluation."""

DETAIL = {"anyres": "at full detail", "tile": "as one tile", "frame": "as a pooled frame"}


@dataclass(frozen=True, slots=True)
class StillPlan:
    """How one still is fed.

    Attributes
    ----------
    size : its own size
    mode : "anyres", "tile" or "frame"
    resized : the size the model is told
    canvas : what is cut into tiles
    crops : passes through the vision tower
    tokens : in the prompt, with the newline that closes a video on the video's last frame
    video : for a frame, the index of the first still of its video: frames of one number are one video to the
        model; None in other modes
    """

    size: Size
    mode: Mode
    resized: Size
    canvas: Size
    crops: int
    tokens: int
    video: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one prompt costs; made by :func:`plan`.

    Attributes
    ----------
    checkpoint : whom it is for
    stills : one entry per still, in the prompt's order
    text_tokens : of the text and the conversation template
    new_tokens : kept free for the answer
    bits : precision that memory is counted for
    memory_bytes : what weights, cache and activations may take together; None for no limit
    notes : what was given up and why, and what to know about it, in words
    """

    checkpoint: Checkpoint
    stills: tuple[StillPlan, ...]
    text_tokens: int
    new_tokens: int
    bits: Bits
    memory_bytes: int | None
    notes: tuple[str, ...]
    _runs: tuple[int, ...]

    @property
    def visual_tokens(self) -> int:
        """Tokens of all stills."""
        return sum(still.tokens for still in self.stills)

    @property
    def total_tokens(self) -> int:
        """Visual, text and new tokens together."""
        return self.visual_tokens + self.text_tokens + self.new_tokens

    @property
    def vit_crops(self) -> int:
        """Passes through the vision tower."""
        return sum(still.crops for still in self.stills)

    @property
    def context(self) -> int:
        """Tokens of the checkpoint's position embeddings."""
        return self.checkpoint.context

    @property
    def rope_factor(self) -> float:
        """How far the checkpoint's config stretches its positions: fixed by loading it, not chosen here."""
        return self.checkpoint.rope_factor

    @property
    def window(self) -> int:
        """Tokens there may be in all: ``context`` times ``rope_factor``."""
        return self.checkpoint.window

    @property
    def kv_bytes(self) -> int:
        """Size of the key-value cache when the answer is as long as it may be."""
        return self.total_tokens * self.checkpoint.kv_bytes_per_token * (2 if self.bits == 32 else 1)

    @property
    def activation_bytes(self) -> int:
        """Estimate of the largest intermediate results, in the tower or in reading the prompt.

        The factors are what torch's CPU kernels were measured to take (within a third, growing by the crop
        and by the token); the fused attention of GPUs takes less.
        """
        tower, text = self.checkpoint.tower, self.checkpoint.text
        videos = Counter(still.video for still in self.stills if still.video is not None)
        largest = max([TOWER_CROPS, *videos.values(), *(still.crops for still in self.stills)])
        crops = min(self.vit_crops, largest)
        seeing = crops * (tower.patches + 1) * (8 * tower.hidden + 5 * tower.mlp)
        reading = (self.visual_tokens + self.text_tokens) * (10 * text.hidden + 4 * text.mlp)
        return max(seeing, reading) * (4 if self.bits == 32 else 2) + 4 * text.vocabulary

    @property
    def needed_bytes(self) -> int:
        """Weights, cache and activations together."""
        return self.checkpoint.bytes(self.bits) + self.kv_bytes + self.activation_bytes

    @property
    def fits(self) -> bool:
        """Whether it fits the window and, if given, the memory."""
        fits_memory = self.memory_bytes is None or self.needed_bytes <= self.memory_bytes
        return self.total_tokens <= self.window and fits_memory

    def shrink(self) -> Plan | None:
        """Return the next plan with fewer visual tokens, or None when there is none.

        The order: every still that has an AnyRes grid becomes one tile; then every still becomes a pooled
        video frame, where the checkpoint was trained on them. A step that would save nothing is passed over.
        Fewer stills is not a step: which to leave out is for the caller to decide.
        """
        for mode in ("tile", "frame"):
            if mode not in self.checkpoint.modes:
                continue
            chosen = [(still.size, _cheaper(self.checkpoint, still, mode)) for still in self.stills]
            stills = _fed(self.checkpoint, self._runs, chosen)
            changed = sum(new.mode != old.mode for new, old in zip(stills, self.stills, strict=True))
            smaller = replace(self, stills=stills)
            if smaller.visual_tokens < self.visual_tokens:
                saved = self.visual_tokens - smaller.visual_tokens
                note = f"{_counted(changed)} {DETAIL[mode]} instead, which saves {saved} tokens"
                return replace(smaller, notes=(*self.notes, note))
        return None

    def to_json(self) -> dict[str, Any]:
        """Return all of it as a JSON object; sizes are [width, height]."""
        return {
            "model": self.checkpoint.name,
            "fits": self.fits,
            "visual_tokens": self.visual_tokens,
            "text_tokens": self.text_tokens,
            "new_tokens": self.new_tokens,
            "context": self.context,
            "rope_factor": self.rope_factor,
            "window": self.window,
            "vit_crops": self.vit_crops,
            "kv_bytes": self.kv_bytes,
            "activation_bytes": self.activation_bytes,
            "weight_bytes": self.checkpoint.bytes(self.bits),
            "memory_bytes": self.memory_bytes,
            "bits": self.bits,
            "stills": [
                {
                    "size": list(still.size),
                    "mode": still.mode,
                    "resized": list(still.resized),
                    "canvas": list(still.canvas),
                    "crops": still.crops,
                    "tokens": still.tokens,
                    "video": still.video,
                }
                for still in self.stills
            ],
            "notes": list(self.notes),
        }


def plan(
    checkpoint: Checkpoint,
    prompt: Sequence[str | Still | Size | Said],
    *,
    count_text: Callable[[str], int] | None = None,
    template_tokens: int | None = None,
    max_new_tokens: int | None = None,
    bits: Bits = 16,
    memory_bytes: int | None = None,
) -> Plan:
    """Choose how each still of a prompt is fed: the most detail that fits.

    It begins with: frames of a video pooled, where the checkpoint was trained on that and there are at least
    two; the other stills as AnyRes grids if they are at most ``checkpoint.grid_stills``, else one tile each.
    From there it goes on by :meth:`Plan.shrink` until it fits.

    Parameters
    ----------
    checkpoint : Checkpoint
    prompt : sequence of str, Still, Size or Said
        In reading order; a size stands for a still whose pixels are not at hand.
    count_text : callable, optional
        Number of tokens of a text. By default an estimate that errs to the safe side, and a note says so.
    template_tokens : int, optional
        Tokens that the conversation template adds to this prompt; by default an estimate.
    max_new_tokens : int, optional
        Room for the answer: by default 512, but at most an eighth of the window.
    bits : 32, 16, 8 or 4
        Precision of the weights, for the memory.
    memory_bytes : int, optional
        What the device has free before the weights are loaded.

    Raises
    ------
    ContextOverflowError
        If even the smallest plan has more tokens than the window; it says what takes how much.
    InsufficientMemoryError
        If even the smallest plan needs more than ``memory_bytes``.
    InputError
        If a size is not at least 1x1, or the turns do not alternate.
    """
    check_turns(prompt)
    sizes, frames, runs, texts = _read(prompt)
    place_tokens = PLACE_TOKENS if template_tokens is None else 0
    if template_tokens is None:
        answers = sum(isinstance(item, Said) for item in prompt)
        template_tokens = TEMPLATE_TOKENS + place_tokens * len(sizes) + TURN_TOKENS * answers
    text_tokens = template_tokens + sum(map(count_text or _estimate, texts))
    if max_new_tokens is None:
        max_new_tokens = min(MAX_NEW_TOKENS, checkpoint.window // 8)
    stills = _fed(checkpoint, runs, list(zip(sizes, _first_modes(checkpoint, frames), strict=True)))
    notes = _notes(checkpoint, stills, estimated=count_text is None)
    now = Plan(checkpoint, stills, text_tokens, max_new_tokens, bits, memory_bytes, notes, runs)
    while not now.fits:
        smaller = now.shrink()
        if smaller is None:
            raise _refusal(now, place_tokens)
        now = smaller
    return now


def _read(
    prompt: Sequence[str | Still | Size | Said],
) -> tuple[list[Size], list[bool], tuple[int, ...], list[str]]:
    """Return the sizes, which of them are video frames, the run that each belongs to, and the texts.

    Frames of one video that follow each other without text between them are a run: one video to the model.
    """
    sizes: list[Size] = []
    frames: list[bool] = []
    runs: list[int] = []
    texts: list[str] = []
    running: str | None = None
    for item in prompt:
        if isinstance(item, str | Said):
            texts.append(item if isinstance(item, str) else item.text)
            running = None if item else running
            continue
        size = item.size if isinstance(item, Still) else item
        source = item.origin.source if isinstance(item, Still) and isinstance(item.origin, Frame) else None
        if min(size) < 1:
            raise InputError(f"A still has at least 1x1 pixels, not {size[0]}x{size[1]}.")
        runs.append(runs[-1] if runs and source is not None and source == running else len(runs))
        sizes.append(Size(*size))
        frames.append(source is not None)
        running = source
    return sizes, frames, tuple(runs), texts


def _first_modes(checkpoint: Checkpoint, frames: Sequence[bool]) -> list[Mode]:
    """Return the modes to begin with, by the rules that :func:`plan` states."""
    pooled = "frame" in checkpoint.modes and sum(frames) > 1
    others = len(frames) - sum(frames) * pooled
    still_mode: Mode = "anyres" if others <= checkpoint.grid_stills else "tile"
    return ["frame" if pooled and frame else still_mode for frame in frames]


def _fed(
    checkpoint: Checkpoint, runs: Sequence[int], chosen: Sequence[tuple[Size, Mode]]
) -> tuple[StillPlan, ...]:
    """Lay out every still in its mode, and close every video with its newline."""
    fed = []
    for index, (size, mode) in enumerate(chosen):
        layout = checkpoint.vision.layout(size, mode)
        tokens, video = layout.tokens, None
        if mode == "frame":
            video = runs[index]
            after = index + 1
            goes_on = after < len(chosen) and runs[after] == video and chosen[after][1] == "frame"
            tokens += 0 if goes_on else checkpoint.vision.video_newline
        fed.append(StillPlan(size, mode, layout.fed, layout.canvas, layout.crops, tokens, video))
    return tuple(fed)


def _cheaper(checkpoint: Checkpoint, still: StillPlan, mode: Mode) -> Mode:
    """Return ``mode`` if the still costs less in it, else the mode it has."""
    cost = checkpoint.vision.tokens(still.size, mode)
    return mode if cost < still.tokens and still.mode != "frame" else still.mode


def _notes(checkpoint: Checkpoint, stills: Sequence[StillPlan], *, estimated: bool) -> tuple[str, ...]:
    """Say what the choice of modes gives up, and what to know about the numbers."""
    notes = []
    tiles = sum(still.mode == "tile" for still in stills)
    if tiles and "anyres" in checkpoint.modes:
        notes.append(
            f"{_counted(tiles)} {DETAIL['tile']}: {checkpoint.name} sees at most "
            f"{checkpoint.grid_stills} of one prompt at full detail"
        )
    frames = sum(still.mode == "frame" for still in stills)
    pictures = len(stills) - frames + (frames > 0)
    if checkpoint.stills_trained is not None and pictures > checkpoint.stills_trained:
        notes.append(
            f"{checkpoint.name} was trained on one picture at a time: asked about {pictures} together, it "
            "may mix them up"
        )
    if checkpoint.family == "llava" and len(stills) > STILLS_EVALUATED:
        notes.append(
            f"more than {STILLS_EVALUATED} stills are beyond what {checkpoint.name} was evaluated on"
        )
    for still in stills:
        if still.mode == "anyres" and still.resized != still.size:
            notes.append(
                f"the still of {still.size.width}x{still.size.height} is stretched to "
                f"{still.resized.width}x{still.resized.height}: as it is, none of its detail would be seen"
            )
    if estimated:
        notes.append("text tokens are estimated, on the safe side: no tokenizer was asked")
    return tuple(notes)


def _refusal(smallest: Plan, place_tokens: int) -> ContextOverflowError | InsufficientMemoryError:
    """Explain why even the smallest plan does not fit."""
    stills = len(smallest.stills)
    name = smallest.checkpoint.name
    if smallest.total_tokens > smallest.window:
        each = max((still.tokens for still in smallest.stills), default=0) + place_tokens
        free = smallest.window - smallest.new_tokens - (smallest.text_tokens - place_tokens * stills)
        do = (
            f"Give at most {free // each} stills at a time, or a shorter text"
            if stills and free >= each
            else "Give a shorter text, leave less room for the answer, or use one with a larger window"
        )
        return ContextOverflowError(
            f"The prompt does not fit {name}: {smallest.visual_tokens} visual tokens ({_counted(stills)} at "
            f"their smallest) + {smallest.text_tokens} of text + {smallest.new_tokens} for the answer = "
            f"{smallest.total_tokens}, and its window is {smallest.window}. {do}."
        )
    assert smallest.memory_bytes is not None
    tried: tuple[Bits, ...] = (16, 8, 4)
    fitting = [bits for bits in tried if bits < smallest.bits and replace(smallest, bits=bits).fits]
    weights = smallest.checkpoint.bytes(smallest.bits)
    if fitting:
        do = f"Load it at {fitting[0]} bit"
    elif weights < smallest.memory_bytes:
        do = "Give fewer stills, a shorter text, or leave less room for the answer"
    else:
        do = "Use a smaller checkpoint, or a machine with more memory"
    return InsufficientMemoryError(
        f"{name} needs {_gib(smallest.needed_bytes)} at {smallest.bits} bit ({_gib(weights)} of weights, "
        f"{_gib(smallest.kv_bytes)} of cache, about {_gib(smallest.activation_bytes)} of activations) and "
        f"{_gib(smallest.memory_bytes)} are free. {do}."
    )


def _estimate(text: str) -> int:
    return math.ceil(len(text.encode()) / BYTES_PER_TOKEN)


def _counted(count: int) -> str:
    return "1 still" if count == 1 else f"{count} stills"


def _gib(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"
