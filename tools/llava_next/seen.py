"""Seen: prompts with the features of their stills in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .anyres import Vision
from .features import features, splice
from .prepare import Prepared
from .prompts import Template


class Seen(NamedTuple):
    """A prompt as the language model gets it.

    Attributes
    ----------
    embedded : (tokens, hidden)
    averages : of the features of each visual's overview, or first frame, (hidden,) float32; a still has the
        same ones whether it is fed with its grid or as one tile
    """

    embedded: Tensor
    averages: list[NDArray[np.float32]]


def see(model: Any, vision: Vision, template: Template, prompts: Sequence[Prepared]) -> list[Seen]:
    """Compute the features of all stills, together, and put them into the embedded prompts."""
    placeholders, overview = template.placeholder_ids.values(), vision.grid**2
    with torch.inference_mode():
        found = iter(features(model, vision, [p for one in prompts for p in one.pictures(vision)]))
        visuals = [[next(found) for _ in one.visuals] for one in prompts]
        averages = [[v[:overview].float().mean(0).cpu().numpy() for v in many] for many in visuals]
        return [
            Seen(splice(model, one.ids, placeholders, many), mean)
            for one, many, mean in zip(prompts, visuals, averages, strict=True)
        ]
