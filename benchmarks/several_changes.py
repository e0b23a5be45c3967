"""Comparing where several things change at once: two to four a pair, under a perturbation of any kind.

``sightloop bench compare`` changes one thing a pair, as the worlds do. Here a sheet of four to six things has
two or three of them recoloured, removed or resized, and at times another text; then light, grain, compression
or the camera changes too. A change counts where its kind is right and its boxes overlap the truth's (IoU >=
0.5).
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import replace

import numpy as np

from sightloop import LlavaNext, Still
from sightloop.memory import Box
from sightloop.tools.changed_pairs import moved
from sightloop.tools.changed_worlds import thing_box, writing_box
from sightloop.tools.compare import compare
from sightloop.tools.differences import Difference, iou
from sightloop.tools.llava_next.pocket.things import COLORS, Sheet, draw, random_sheet, random_text
from sightloop.tools.llava_next.pocket.worlds import PIXELS_PER_UNIT
from sightloop.tools.perturb import PERTURBATIONS, Pixels, matrix_of

OVERLAP = 0.5
Truth = tuple[str, Box, Box | None]


def changed(rng: random.Random, before: Sheet) -> tuple[Sheet, list[Truth]]:
    """Change some things of a sheet."""
    shape, after, truths = draw(before, PIXELS_PER_UNIT).shape, list(before.things), []
    count = rng.randint(2, 3)
    kinds = rng.sample(["recoloured", "removed", "resized"], count)
    for thing, kind in zip(rng.sample(list(before.things), count), kinds, strict=True):
        place, old = after.index(thing), thing_box(thing, shape)
        if kind == "removed":
            after.pop(place)
            truths.append((kind, old, None))
            continue
        if kind == "recoloured":
            color = rng.choice([c for c in COLORS if c not in {other.color for other in before.things}])
            after[place] = replace(thing, color=color, rgb=COLORS[color])
        else:
            small = thing.size == "small"
            size = "large" if small else "small"
            after[place] = replace(thing, size=size, r=thing.r * (1.4 if small else 0.6))
        truths.append((kind, old, thing_box(after[place], shape)))
    writing = before.writing
    if writing is not None and rng.random() < 0.5:
        text = writing.text
        while text == writing.text or len(text) != len(writing.text):
            text = random_text(rng)
        new = replace(writing, text=text)
        truths.append(("text changed", writing_box(writing, shape), writing_box(new, shape)))
        writing = new
    noise, seed = rng.uniform(0, 3), rng.getrandbits(31)
    return replace(before, things=after, writing=writing, noise=noise, seed=seed), truths


def pair(seed: int) -> tuple[Pixels, Pixels, list[Truth]]:
    """Draw a pair, and where what has changed on each side."""
    rng = random.Random(f"several/{seed}")
    before = random_sheet(rng, count=rng.randint(4, 6), writing=0.5, repeats=0)
    after, truths = changed(rng, before)
    way = rng.choice([*PERTURBATIONS, "none", "none"])
    image = draw(after, PIXELS_PER_UNIT)
    matrix = matrix_of(way, image)
    places = [(kind, old, None if new is None else moved(new, matrix)) for kind, old, new in truths]
    return draw(before, PIXELS_PER_UNIT), PERTURBATIONS.get(way, np.array)(image), places


def right(said: Difference, truth: Truth) -> bool:
    """Tell whether a difference is a change: its kind, and its place on every side."""
    kind, *places = truth
    boxes = zip((said.before, said.after), places, strict=True)
    return said.kind == kind and all(
        box is not None and iou(box, place) >= OVERLAP for box, place in boxes if place is not None
    )


def main() -> None:
    """Measure, and print one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1000, help="of the first pair (default: 1000)")
    parser.add_argument("--count", type=int, default=60, help="pairs (default: 60)")
    args = parser.parse_args()
    eyes, hits, told, changes = LlavaNext(), 0, 0, 0
    for seed in range(args.seed, args.seed + args.count):
        before, after, truths = pair(seed)
        (comparison,) = compare(eyes, [Still.from_array(before), Still.from_array(after)])
        left = list(comparison.differences)
        told += len(left)
        changes += len(truths)
        for truth in truths:
            if found := next((one for one in left if right(one, truth)), None):
                left.remove(found)
                hits += 1
    scores = {"f1": 2 * hits / (told + changes), "precision": hits / told, "recall": hits / changes}
    rounded = {name: round(value, 3) for name, value in scores.items()}
    print(json.dumps({"seed": args.seed, "pairs": args.count, "changes": changes, **rounded}, indent=1))


if __name__ == "__main__":
    main()
