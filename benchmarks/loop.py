"""What the loop adds: the embedded model asked as it is, and by the agent, on every kind of question.

All questions are in held-out wordings, about worlds of a seed that nothing was trained or fitted on. Photos,
pairs and sets are read from files, so answers can be verified; frames and views are handed over as drawn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sightloop import LlavaNext, Still, VisualAgent
from sightloop.memory import Frame, View
from sightloop.memory.sources.photos import read_photo
from sightloop.tools.llava_next.pocket.bench import same
from sightloop.tools.llava_next.pocket.worlds import PIXELS_PER_UNIT, Kind, World, worlds, write
from sightloop.tools.look import interleave

KINDS: tuple[Kind, ...] = ("photos", "pairs", "sets", "videos", "scenes")


def stills_of(world: World, folder: Path, name: str) -> list[Still]:
    """Write a world and read its files; frames and views are taken as they were drawn."""
    if world.kind not in ("videos", "scenes"):
        return [read_photo(folder / file) for file in write(world, folder, name)]
    images = world.render(PIXELS_PER_UNIT)[0]
    if world.kind == "scenes":
        return [Still(im, View(source=name, camera=str(i + 1))) for i, im in enumerate(images)]
    return [Still(im, Frame(source=name, t=i / world.fps, index=i)) for i, im in enumerate(images)]


def questions(seed: int, count: int, folder: Path) -> Iterator[tuple[str, str, str, list[Still]]]:
    """Draw ``count`` worlds of each kind: kind of question, its words, its answer, its stills."""
    for kind in KINDS:
        for index, (world, asked) in enumerate(worlds(kind, seed, count)):
            stills = stills_of(world, folder, f"{kind}-{index}")
            for question in asked:
                yield question.kind, question.text, question.answer, stills


def measure(seed: int, count: int) -> dict[str, Any]:
    """Ask everything twice."""
    eyes = LlavaNext()
    agent = VisualAgent(eyes)
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, text, truth, stills in questions(seed, count, Path(folder)):
            result = agent.run(text, stills)
            bare = eyes.answer(interleave(text, stills))
            found.setdefault(kind, []).append(
                {
                    "bare": same(bare.text, truth),
                    "loop": same(result.answer, truth),
                    "confidence": result.confidence,
                    "verdict": result.evidence[0].verdict,
                    "tokens": result.usage.visual_tokens / max(1, bare.usage.visual_tokens),
                    "divided": any(getattr(step, "tool", "") == "look_in_parts" for step in result.steps),
                    "seconds": sum(step.seconds for step in result.steps),
                }
            )
    every = [one for rows in found.values() for one in rows]
    return {
        "model": eyes.name,
        "seed": seed,
        "worlds": count,
        "rows": [{"kind": kind, **_summary(rows)} for kind, rows in found.items()],
        "verdicts": {
            verdict: {"n": len(some), "right": _percent(some, "loop")}
            for verdict in ("confirmed", "unverified", "rejected")
            if (some := [one for one in every if one["verdict"] == verdict])
        },
    }


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {
        "bare": _percent(rows, "bare"),
        "loop": _percent(rows, "loop"),
        "n": len(rows),
        "divided": _percent(rows, "divided"),
        "times_the_visual_tokens": round(statistics.median(row["tokens"] for row in rows), 1),
        "seconds": round(statistics.median(row["seconds"] for row in rows), 2),
    }


def _percent(rows: Sequence[dict[str, Any]], key: str) -> float:
    return round(100 * statistics.mean(row[key] for row in rows), 1)


def main() -> None:
    """Measure, and print one object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the worlds (default: 1)")
    parser.add_argument("--count", type=int, default=60, help="worlds of each kind (default: 60)")
    args = parser.parse_args()
    print(json.dumps(measure(args.seed, args.count), indent=1))


if __name__ == "__main__":
    main()
