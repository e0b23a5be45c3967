"""Ask real questions about pictures, a video, a scan and a report, and compare with the truth.

Run ``make demo``, or ``python examples/demo.py [--seed 7] [--count 4] [--out DIR]``. The pictures are drawn
afresh from the seed, by the program that drew the training pictures but from other seeds, so the truth is
known exactly. Nothing is downloaded, and nothing is chosen by hand: wrong answers show too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sightloop import LlavaNext, VisualAgent
from sightloop.agent import Result
from sightloop.tools import report_worlds, scene_asked, scene_bench, scene_worlds
from sightloop.tools.look import same_answer
from sightloop.tools.video_bench import right as correct
from sightloop.tools.video_worlds import Asked, films, write

KINDS = ("photos", "pairs")
"""Worlds that are made of photos: single ones, and pairs to compare."""

console = Console(markup=False, highlight=False)


def questions(kind: str, seed: int, count: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Draw ``count`` worlds of one kind into ``folder``, and read their questions back."""
    worlds = [sys.executable, "-m", "sightloop.tools.llava_next.pocket.worlds"]
    options = ["--kind", kind, "--seed", str(seed), "--count", str(count), "--out", str(folder)]
    subprocess.run([*worlds, *options], check=True, stdout=subprocess.DEVNULL)
    for line in (folder / "questions.jsonl").read_text().splitlines():
        entry = json.loads(line)
        yield {**entry, "inputs": [folder / name for name in entry["inputs"]]}


def film(seed: int, folder: Path) -> tuple[Path, tuple[Asked, ...]]:
    """Render a minute of video, in which each question is answered by two seconds."""
    drawn = next(films(seed, 1, 60.0))
    folder.mkdir(parents=True, exist_ok=True)
    write(drawn, folder / "film.mp4")
    return folder / "film.mp4", drawn.asked


def room(seed: int, folder: Path) -> tuple[Path, list[scene_asked.Asked]]:
    """Render views of a room with solids on its floor; one question of each kind is asked about it."""
    world = next(scene_worlds.worlds("room", seed, 1))
    scene_worlds.write(world, folder / world.name)
    return folder / world.name, list({one.group: one for one in world.asked}.values())


def report(seed: int, folder: Path) -> tuple[Path, tuple[report_worlds.Asked, ...]]:
    """Write a report of three pages, of a study that never was."""
    drawn = report_worlds.draw(seed)
    folder.mkdir(parents=True, exist_ok=True)
    report_worlds.write(drawn, folder / "report.pdf")
    return folder / "report.pdf", drawn.asked


def row(result: Result, inputs: str, question: str, truth: str) -> tuple[str, ...]:
    """Return a line of a table."""
    return inputs, question, result.answer, truth, f"{result.confidence:.0%}", result.evidence[0].verdict


def headed(title: str, inputs: str) -> Table:
    """Return an empty table."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in (inputs, "question", "answer", "truth", "sure", "checked"):
        table.add_column(heading, overflow="fold")
    return table


def main() -> None:
    """Ask all questions, print answers beside the truth, and what it all cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=7, help="of the pictures (default: 7)")
    parser.add_argument("--count", type=int, default=2, help="pictures, and pairs of pictures (default: 2)")
    parser.add_argument(
        "--out", type=Path, help="where to keep the pictures (default: a new temporary folder)"
    )
    args = parser.parse_args()
    out = args.out or Path(tempfile.mkdtemp(prefix="sightloop-demo-"))

    agent = VisualAgent(LlavaNext())
    right, results = 0, []
    for kind in KINDS:
        table = headed(f"{kind} in {out / kind}", "pictures")
        for entry in questions(kind, args.seed, args.count, out / kind):
            result = agent.run(entry["question"], entry["inputs"])
            results.append(result)
            right += same_answer(result.answer, entry["answer"])
            names = " ".join(path.name for path in entry["inputs"])
            table.add_row(*row(result, names, entry["question"], entry["answer"]))
        console.print(table)
        console.print()
    video, asked = film(args.seed, out / "videos")
    table = headed(f"a minute of video in {video}", "video")
    for one in asked:
        result = agent.run(one.question, video)
        results.append(result)
        right += correct(one, result.answer)
        table.add_row(*row(result, video.name, one.question, one.answer))
    console.print(table)
    console.print()
    scan, sought = room(args.seed, out / "scans")
    table = headed(f"a room seen from eight places in {scan}", "scan")
    for place in sought:
        result = agent.run(place.question, scan)
        results.append(result)
        right += scene_bench.reply(result).right(place)
        table.add_row(*row(result, scan.name, place.question, place.answer))
    console.print(table)
    console.print()
    paper, wanted = report(args.seed, out / "reports")
    table = headed(f"a report in {paper}", "report")
    for line in wanted:
        result = agent.run(line.question, paper)
        results.append(result)
        right += line.answer in result.answer
        table.add_row(*row(result, paper.name, line.question, line.answer))
    console.print(table)
    console.print()
    seconds = sum(result.usage.seconds for result in results)
    tokens = sum(result.usage.visual_tokens for result in results)
    console.print(
        f"{right} of {len(results)} right; {tokens} visual tokens, {seconds:.1f} s of the model in all."
    )
    console.print(f"Ask your own:  sightloop ask '{entry['question']}' {' '.join(map(str, entry['inputs']))}")


if __name__ == "__main__":
    main()
