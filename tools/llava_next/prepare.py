"""Prepare: one prompt, planned and tokenised, ready for the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from ...memory.still import Still
from .features import Picture
from .preprocess import crops
from .prompts import Part, Prompt, Said, Template, Visual, check

if TYPE_CHECKING:
    from .anyres import Vision
    from .plan import Plan


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prompt that is known to fit.

    Parameters
    ----------
    prompt : as it was given
    stills : of the prompt, in order
    plan : how each is fed
    rendered : the prompt's text, with one placeholder per visual
    ids : its tokens, with one placeholder per feature
    visuals : its placeholders, in order
    """

    prompt: Prompt
    stills: tuple[Still, ...]
    plan: Plan
    rendered: str
    ids: tuple[int, ...]
    visuals: tuple[Visual, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the answer should know, each said once."""
        said = [*self.plan.notes, *(note for still in self.stills for note in still.notes)]
        return tuple(dict.fromkeys(said))

    def pictures(self, vision: Vision) -> list[Picture]:
        """Cut the stills into crops: last of all, because it takes as much memory as they have pixels."""
        pictures = []
        for visual in self.visuals:
            planned = self.plan.stills[visual.stills[0]]
            cut = torch.cat([crops(self.stills[i], vision, planned.mode) for i in visual.stills])
            pictures.append(Picture(visual, planned.mode, cut, planned.resized))
        return pictures


def prepare(prompt: Prompt, template: Template, make_plan: Callable[[int], Plan]) -> Prepared:
    """Plan and tokenise a prompt.

    Parameters
    ----------
    prompt : text and stills in reading order, and what the assistant said between them
    template : of the checkpoint
    make_plan : from the number of text tokens, the template's included, to a plan that fits

    Raises
    ------
    InputError
        If it is not a prompt, or has turns and the template knows one only.
    ContextOverflowError, InsufficientMemoryError
        From ``make_plan``, if it cannot fit.
    CheckpointError
        If template and tokenizer do not belong together.
    """
    check(prompt)
    stills = tuple(part for part in prompt if isinstance(part, Still))
    parts, visuals = _parts(prompt, None)
    rendered = template.render(parts)
    ids = template.encode(rendered)
    plan = make_plan(len(ids) - len(visuals))
    parts, visuals = _parts(prompt, plan)
    if any(visual.kind == "video" for visual in visuals):
        # Frames became videos: other placeholders, as a rule fewer, with less of the template between them.
        rendered = template.render(parts)
        ids = template.encode(rendered)
        plan = replace(plan, text_tokens=len(ids) - len(visuals))
    return Prepared(prompt, stills, plan, rendered, tuple(template.expand(ids, visuals)), tuple(visuals))


def cost(prepared: Prepared) -> str:
    """Say in words what a prompt's stills cost, for an error about memory."""
    tokens, crops = prepared.plan.visual_tokens, prepared.plan.vit_crops
    return f"{tokens} visual tokens of {len(prepared.stills)} stills, in {crops} crops"


def _parts(prompt: Prompt, plan: Plan | None) -> tuple[list[Part], list[Visual]]:
    """Turn stills into placeholders, and frames that the plan makes one video into one."""
    parts: list[Part] = []
    visuals: list[Visual] = []
    video: int | None = None
    index = 0
    for part in prompt:
        if isinstance(part, str | Said):
            # An empty text is nothing, but an empty answer is a turn.
            if part:
                parts.append(part)
            continue
        planned = None if plan is None else plan.stills[index]
        tokens = 1 if planned is None else planned.tokens
        if planned is not None and planned.video is not None and planned.video == video:
            _, stills, before = visuals[-1]
            visuals[-1] = parts[-1] = Visual("video", (*stills, index), before + tokens)
        else:
            video = None if planned is None else planned.video
            visuals.append(Visual("image" if video is None else "video", (index,), tokens))
            parts.append(visuals[-1])
        index += 1
    return parts, visuals
