"""The last step of the recipe: make the confidences of a trained pocket model mean what they say.

``python -m sightloop.tools.llava_next.pocket.calibrate FOLDER`` writes two files beside the weights:
``pocket.json`` with one temperature for all logits (Guo et al. 2017) and ``familiar.safetensors`` with what
the model's own worlds look like to it (:mod:`.familiar`). Both are fitted on seeds that neither training nor
the benchmark uses.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from ....memory.still import Photo, Still
from . import model as pocket
from .bench import calibration_error
from .familiar import Familiar
from .network import Trainee
from .packing import Packer
from .worlds import KINDS, Kind, worlds

SEED = 500_000
TEMPERATURES = tuple(round(0.6 + 0.05 * i, 2) for i in range(49))
RESOLUTIONS = (1.0, 2.0, 3.0)
"""Pixels per unit at which a world still counts as one of its own."""


CLASSES: tuple[tuple[Kind, ...], ...] = (("photos", "pairs", "sets", "videos", "crops"), ("scenes", "views"))
"""Kinds of worlds that look alike: flat sheets and solids."""


def stills_of(kinds: Sequence[Kind], seed: int, count: int) -> list[Still]:
    """Draw one still of each of ``count`` worlds of each kind, at any resolution."""
    rng = random.Random(seed)
    found = []
    for kind in kinds:
        for world, _ in worlds(kind, seed, count):
            images, _covers = world.render(rng.choice(RESOLUTIONS))
            found.append(Still(rng.choice(images), Photo(source="world")))
    return found


def answered(core: Any, seed: int, count: int) -> list[tuple[Tensor, bool]]:
    """Answer the questions of ``count`` worlds of each kind.

    Returns
    -------
    list of (tokens, vocabulary) logits of each answer, and whether all of its tokens are right
        The logits follow the true answer's tokens: those of a wrong answer up to where it went wrong, and a
        little beyond, which is near enough to fit one number.
    """
    pack, trainee, rng = Packer(), Trainee(core).eval(), random.Random(seed)
    found = []
    for kind in KINDS:
        for world, asked in worlds(kind, seed, count):
            batch = pack([world], [asked], 1.0, rng)
            with torch.inference_mode():
                logits = trainee(batch).logits.split([stop - start for _, start, stop, _ in batch.answers])
            truths = (batch.labels[row, start:stop] for row, start, stop, _ in batch.answers)
            found += [
                (one, bool((one.argmax(-1) == truth).all()))
                for one, truth in zip(logits, truths, strict=True)
            ]
    return found


def best_temperature(answers: Sequence[tuple[Tensor, bool]]) -> tuple[float, float, float]:
    """Return the temperature of the smallest calibration error, that error, and the one at temperature 1."""
    hits = [hit for _, hit in answers]

    def error(temperature: float) -> float:
        sure = [float((one / temperature).log_softmax(-1).amax(-1).sum().exp()) for one, _ in answers]
        return calibration_error(sure, hits)

    errors = {temperature: error(temperature) for temperature in TEMPERATURES}
    best = min(errors, key=errors.__getitem__)
    return best, errors[best], error(1.0)


def calibrate(folder: Path, count: int = 100) -> dict[str, float]:
    """Fit and write both files.

    Parameters
    ----------
    folder : of a checkpoint written by the recipe
    count : worlds of each kind to fit the temperature on; three times as many for the statistics

    Returns
    -------
    dict
        ``temperature``, ``ece`` at that temperature and ``ece_at_1``, on the seeds it was fitted on.
    """
    temperature, error, before = best_temperature(answered(pocket.load(folder).eval(), SEED, count))
    found = {"temperature": temperature, "ece": round(error, 4), "ece_at_1": round(before, 4)}
    (folder / "pocket.json").write_text(json.dumps(found) + "\n")
    from .. import LlavaNext

    eyes = LlavaNext(folder)
    known = [eyes.features(stills_of(kinds, SEED + 1, 2 * count)) for kinds in CLASSES]
    Familiar.fit(known, eyes.features(stills_of(KINDS, SEED + 2, count))).save(folder)
    return found


def main(
    folder: Annotated[
        Path, typer.Argument(help="a checkpoint that the recipe wrote, such as runs/pocket/model")
    ],
) -> None:
    """Fit temperature and familiarity of a pocket model, and write them beside its weights."""
    typer.echo(json.dumps(calibrate(folder)))


if __name__ == "__main__":
    typer.run(main)
