"""Write the results of comparing and of the loop's cost into the READMEs; ``--check`` compares."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FRONT, OWN = HERE.parent / "README.md", HERE / "README.md"


def comparing(results: dict[str, Any]) -> str:
    """Return the table of ``sightloop bench compare``."""
    lines = ["| pairs | the loop | the model alone | target | n |", "|---|---|---|---|---|"]
    for row in results["rows"]:
        alone = "" if row["bare"] is None else f"{row['bare']:.3g}"
        target = "" if row["target"] is None else f"{row['target']:g}" + ("" if row["met"] else " (missed)")
        lines.append(f"| {row['row']} | **{row['loop']:.3g}** | {alone} | {target} | {row['n']} |")
    return "\n".join(lines)


def several(results: dict[str, Any]) -> str:
    """Return the sentence about several changes at once."""
    return (
        f"Of {results['changes']} changes in {results['pairs']} pairs: F1 **{results['f1']}**, precision "
        f"{results['precision']}, recall {results['recall']}."
    )


def overhead(results: dict[str, Any]) -> str:
    """Return the table of what a step costs."""
    lines = ["| agent | ms a step (median) | worst run |", "|---|---|---|"]
    rows = results["rows"].items()
    lines += [f"| {name} | **{row['ms_a_step']}** | {row['worst']} |" for name, row in rows]
    return "\n".join(lines)


def front(results: dict[str, Any]) -> str:
    """Return what the front page says of photographs."""
    rows = {row["row"]: row for row in results["rows"]}
    recall, false, alarms = (
        rows[f"photographs: {name}"]
        for name in ("recall of places", "false boxes a pair", "false alarms, unchanged")
    )
    figures = {
        side: f"{100 * recall[side]:.1f} %, {false[side]:.2f} and {100 * alarms[side]:.1f} %"
        for side in ("loop", "bare")
    }
    return (
        f"In {recall['n']} changed and {alarms['n']} unchanged pairs of real photographs, the second one in "
        "another light or taken from a little aside: changes found, false boxes a pair, false alarms: "
        f"**{figures['loop']}**. The same model that is shown both pictures in one prompt: {figures['bare']}."
    )


PARTS = {
    OWN: {"compare": comparing, "several_changes": several, "overhead": overhead},
    FRONT: {"compare": front},
}


def page(path: Path) -> str:
    """Return a page with all its parts renewed."""
    text = path.read_text(encoding="utf-8")
    for name, write in PARTS[path].items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        before, rest = text.split(begin)
        _, after = rest.split(end)
        results = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
        text = f"{before}{begin}{write(results)}{end}{after}"
    return text


def main() -> None:
    """Write the page, or say that it is not what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page would change")
    args = parser.parse_args()
    for path in PARTS:
        if not args.check:
            path.write_text(page(path), encoding="utf-8")
        elif page(path) != path.read_text(encoding="utf-8"):
            sys.exit(f"{path} does not show what was measured: run python benchmarks/compare_table.py")


if __name__ == "__main__":
    main()
