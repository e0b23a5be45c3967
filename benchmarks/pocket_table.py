"""Write pocket.json and loop.json into the README as a table; ``--check`` compares."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- pocket table -->\n", "<!-- end of pocket table -->"

ASKED = {
    "shape": "what shape is the red thing?",
    "color": "what color is the star?",
    "size": "is the red star small or large?",
    "count": "how many things are there?",
    "count_by": "how many red things are there?",
    "count_of": "how many stars are there?",
    "extreme": "what is the leftmost thing?",
    "where": "where is the red star?",
    "point": "which cell of 10 x 10 has the red star?",
    "exists": "is there a red star?",
    "relation": "is the star left of the ring?",
    "nearest": "what is nearest to the red star?",
    "read": "what does the sign say? (to 4 characters)",
    "caption": "describe the picture (the whole list)",
    "match": "of a crop: is this a red star?",
    "which": "which picture has a red star?",
    "most": "which picture has more things?",
    "count_in": "how many things are in picture 2?",
    "same": "are the two pictures the same?",
    "change": "what changed? (what and how)",
    "direction": "of frames: which way does it move?",
    "when": "of frames: when does it appear?",
    "happens": "of frames: does it appear or disappear?",
    "order": "of frames: which appears first?",
    "count_frame": "of frames: how many are in frame 3?",
    "count_views": "of views: how many are there in all?",
    "side": "of views: in view 2, is it left or right of ...?",
    "nearer": "of views: in view 2, which is nearer?",
    "solid_in_crop": "of a crop of a view: is there a red ball?",
    "color_in_crop": "of a crop of a view: what color is it?",
    "shape_in_crop": "of a crop of a view: what shape is it?",
    "solid_in_view": "of one view: is there a red ball?",
    "point_in_view": "of one view: which cell of 10 x 10 has the ball?",
}


def table(results: dict[str, Any], loop: dict[str, Any]) -> str:
    """Return the Markdown of the results of bench pocket, with those of benchmarks/loop.py beside them."""
    agent = {row["kind"]: row for row in loop["rows"] if row["loop"] != row["bare"]}
    lines = [
        "| question | right | by the agent | blind | majority | target | asked | the model alone |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results["rows"]:
        verdict = "can" if row["can"] else "cannot"
        ours = agent.get(row["kind"])
        small_looks = f"**{ours['loop']}**, alone {ours['bare']}, of {ours['n']}" if ours else ""
        met = f"{row['target']:g}" + ("" if row["met"] else " (missed)")
        lines.append(
            f"| {ASKED[row['kind']]} | **{row['accuracy']}** | {small_looks} | {row['blind']} "
            f"| {row['majority']} | {met} | {row['n']} | {verdict} |"
        )
    found, sure = results["retrieval"], results["calibration"]
    lines += [
        "",
        f"Retrieval: a text finds a still that it describes among the first five of {found['stills']:g} in "
        f"**{found['hit@5']} %** (chance {found['chance@5']} %, target {found['target']:g} %). "
        f"Its confidences are off by **{sure['ece']}** on average (expected calibration error, target "
        f"{sure['target']}); shown the wrong picture, it says there is no such thing or claims less than "
        f"half in {sure['wrong_picture_noticed']} %. "
        f"One photo question takes **{results['seconds_per_question']} s** on two cores.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Write the table, or check that it is the one in the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the README differs")
    check = parser.parse_args().check
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    results, loop = (
        json.loads((ROOT / "benchmarks" / name).read_text(encoding="utf-8"))
        for name in ("pocket.json", "loop.json")
    )
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    renewed = text[:start] + table(results, loop) + text[stop:]
    if check and renewed != text:
        sys.exit(
            "The table in README.md is not that of benchmarks/pocket.json; run benchmarks/pocket_table.py."
        )
    if not check:
        readme.write_text(renewed, encoding="utf-8")


if __name__ == "__main__":
    main()
