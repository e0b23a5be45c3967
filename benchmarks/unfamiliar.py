"""How many real photographs the embedded model flags as out of its world, and how many of its own worlds."""

from __future__ import annotations

import argparse
import json
import random
import warnings
from pathlib import Path

import numpy as np
import skimage
import sklearn.datasets

from sightloop import LlavaNext, Still
from sightloop.errors import InputError
from sightloop.memory.sources.photos import read_photo
from sightloop.tools.llava_next.loading import POCKET_FOLDER
from sightloop.tools.llava_next.pocket.familiar import Familiar
from sightloop.tools.llava_next.pocket.worlds import KINDS, worlds

SHORTEST = 64
"""Pixels: smaller files are icons and masks."""


def photographs() -> dict[str, Still]:
    """Read the photographs that two packages carry in their wheels."""
    folders = [Path(skimage.__file__).parent / "data", Path(sklearn.datasets.__file__).parent / "images"]
    found = {}
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        try:
            still = read_photo(path)
        except InputError:
            continue  # code and tables lie beside them
        if min(still.size) >= SHORTEST:
            found[path.name] = still
    return found


def main() -> None:
    """Count, and print one object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the worlds (default: 1)")
    parser.add_argument("--count", type=int, default=100, help="worlds of each kind (default: 100)")
    parser.add_argument("--json", action="store_true", help="print JSON, as it always does")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = random.Random(args.seed)
    eyes = LlavaNext()
    known = Familiar.load(POCKET_FOLDER)
    assert known is not None
    photos = photographs()
    own = [
        Still.from_array(rng.choice(world.render(rng.choice((1.0, 2.0, 3.0)))[0]))
        for kind in KINDS
        for world, _ in worlds(kind, args.seed, args.count)
    ]
    flagged = known.distance(eyes.features(list(photos.values()))) > known.threshold
    wrongly = known.distance(eyes.features(own)) > known.threshold
    result = {
        "photographs": len(photos),
        "flagged": round(100 * float(np.mean(flagged)), 1),
        "missed": [name for name, flag in zip(photos, flagged, strict=True) if not flag],
        "worlds": len(own),
        "worlds_flagged": round(100 * float(np.mean(wrongly)), 1),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
