"""Write what was measured into the READMEs; ``--check`` compares."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
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


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        f"| {' | '.join('' if cell is None else str(cell) for cell in line)} |" for line in lines
    )


def percent(share: float | None) -> str:
    """Return a share as a number of per cent."""
    return "" if share is None else f"{100 * share:.1f}"


def films(results: dict[str, Any]) -> str:
    """Return the tables of ``sightloop bench video``."""
    sides = ("agent", "bare 16", "bare 32", "blind", "majority")
    answers = table(
        ["questions", *sides, "target", "n"],
        (
            [row["row"], f"**{percent(row['agent'])}**", *(percent(row[side]) for side in sides[1:]),
             percent(row["target"]), row["n"]]
            for row in results["rows"]
        ),
    )  # fmt: skip
    retrieval = table(
        ["the moment is among the first five", "recall@5", "has a frame of it", "target", "n"],
        (
            [row["row"], f"**{percent(row['recall@5'])}**", percent(row["has a frame of it"]),
             percent(row["target"]), row["n"]]
            for row in results["retrieval"]
        ),
    )  # fmt: skip
    frames, seconds = results["frames"], results["seconds"]
    shown = f"{frames['mean']} on average, {frames['most']} at most (target {frames['target']})"
    took = f"indexing one takes {seconds['indexing a film']} s, a question {seconds['a question']} s"
    return (
        f"{answers}\n\nFrames shown to the model for a question: {shown}. {results['films']} films of ten "
        f"minutes, {results['keyframes']:g} keyframes each; {took}.\n\n{retrieval}"
    )


def scenes(results: dict[str, Any]) -> str:
    """Return the tables of ``sightloop bench scene``."""
    sides = ("agent", "bare", "blind", "majority")
    answers = table(
        ["questions", "measured", *sides, "target", "n"],
        (
            [row["row"], f"{row['of']}, %", f"**{_told(row, 'agent')}**",
             *(_told(row, side) for side in sides[1:]), percent(row["target"]), row["n"]]
            for row in results["rows"]
        ),
    )  # fmt: skip
    noise = table(
        ["noise", "median relative error, %", "truth inside, %", "mean width of the interval, m", "n"],
        (
            [row["noise"], _told(row, "median relative error"), f"**{percent(row['inside'])}**",
             row["mean width"], row["n"]]
            for row in results["noise"]
        ),
    )  # fmt: skip
    views = table(
        ["of 32 views", "right, %", "target", "n"],
        (
            [row["views"], f"**{percent(row['right'])}**", percent(row["target"]), row["n"]]
            for row in results["views"]
        ),
    )
    seconds = results["seconds"]
    return (
        f"{answers}\n\n{results['worlds']} scenes of eight views; a question takes {seconds['a question']} "
        f"s.\n\n{noise}\n\n{views}"
    )


def documents(results: dict[str, Any]) -> str:
    """Return the tables of ``sightloop bench documents``."""
    search = table(
        ["the page that answers", "comes first, %", "is among five, %", "target", "n"],
        (
            [row["row"], f"**{percent(row['recall@1'])}**", f"**{percent(row['recall@5'])}**",
             " / ".join(map(percent, row["target"] or ())), row["n"]]
            for row in results["retrieval"]
        ),
    )  # fmt: skip
    sides = ("right value", "right page", "box", "first box", "box touches")
    answers = table(
        ["answers", "right value", "right page", "box", "first box", "box touches", "target", "n"],
        (
            [row["row"], *(percent(row[side]) for side in sides), percent(row["target"]), row["n"]]
            for row in results["answers"]
        ),
    )  # fmt: skip
    scans = table(
        ["words of", "found, %", "in order, %", "made up, %", "words", "pages"],
        (
            [row["row"], f"**{percent(row['found'])}**", percent(row["ordered"]), percent(row["wrong"]),
             row["words"], row["pages"]]
            for row in results["scans"]
        ),
    )  # fmt: skip
    speed = table(
        ["indexing", "pages a second", "target", "cores", "MB of the process", "pages"],
        (
            [
                row["row"],
                f"**{row['a second']}**",
                row["target"],
                row["cores"],
                row["process MB"],
                row["pages"],
            ]
            for row in results["speed"]
        ),
    )
    return "\n\n".join((search, answers, _checked(results), scans, speed))


def _checked(results: dict[str, Any]) -> str:
    """Return what checking says of the cited boxes, and how confidence fits."""
    checks, sure = results["checks"], results["calibration"]
    return (
        f"An answer has {checks['median words an answer']:g} words (median) and cites "
        f"{checks['boxes an answer']:.1f} boxes, of {percent(checks['median share of the page'])} % of a "
        f"page (median). The check finds the quoted words in {percent(checks['confirmed'])} % of the boxes. "
        f"Expected calibration error {sure['ece']:.3f}; {percent(sure['asserted'])} % of the answers are "
        f"asserted (confidence from 0.5), {percent(sure['right where asserted'])} % of these are right. Of "
        f"{sure['unanswerable']} questions that no page answers, {sure['false answers']} got an asserted "
        f"answer. A question takes {results['seconds']['a question']} s."
    )


def many_pages(results: dict[str, Any]) -> str:
    """Return the table of ``benchmarks/documents_scale.py``."""
    rows = [
        [name, f"**{one['p50_ms']}**", one["p99_ms"], percent(one["found@5"])]
        for name, one in results["queries"].items()
    ]
    asked = table(["filter", "p50 ms (target 50)", "p99 ms", "its page among five, %"], rows)
    return (
        f"{asked}\n\n{results['synthetic_pages']:,} synthetic pages: **{results['rss_MB']}** MB of the "
        f"process (target 1000), of which the models are {results['of_which_models_MB']}; "
        f"{results['disk_MB']['total']:.0f} MB on disk, opened in {results['open_s']} s."
    )


def fusing(results: dict[str, Any]) -> str:
    """Return the table of ``benchmarks/fusion.py``."""
    rows = [
        [row["way"], f"**{row['seconds']:.1f}**", f"{row['processor_seconds']:.1f}", row["peak_mb"]]
        for row in results["ways"]
        if "missing" not in row
    ]
    seen = table(["way", "seconds", "of processors", "MB at most"], rows)
    return f"{seen}\n\n{results['views']} views of 640x480, voxels of {100 * results['voxel']:.1f} cm."


def _told(row: dict[str, Any], side: str) -> str:
    """Return a share or an error of a row: nothing where nothing was asked, "none" where nothing was told."""
    if side not in row or row[side] is None:
        return "none" if side in row else ""
    # errors may be far below a per cent
    return percent(row[side]) if not 0 < row[side] < 0.01 else f"{100 * row[side]:.2g}"


def cuts(results: dict[str, Any]) -> str:
    """Return the table of cuts on every clip, and the sentence about rendered films."""
    rows = [
        [one["clip"], one["changes"], f"**{one['f1']}**", one["best_peer"], *one["peers"].values(),
         one["times_the_best"], one["times_its_time"], one["times_its_work"], one["keyframes"]]
        for one in results["clips"]
    ]  # fmt: skip
    names = list(results["clips"][0]["peers"])
    heads = [
        "clip",
        "cuts",
        "F1",
        "best of theirs",
        *names,
        "time / best",
        "time / fastest",
        "processor",
        "keyframes",
    ]
    drawn = results["rendered"]
    best = max(drawn["peers"].values())
    return (
        f"{table(heads, rows)}\n\n{drawn['films']} rendered videos: F1 of cuts **{drawn['f1']}** (best of "
        f"theirs {best}); of {drawn['events']} things that appear for two seconds, "
        f"{percent(drawn['recall'])} % are in a keyframe, one in {drawn['seconds_per_keyframe']} s."
    )


def scale(results: dict[str, Any]) -> str:
    """Return the table of queries at scale."""
    kinds = [name for name, value in results.items() if isinstance(value, dict) and "fill_s" in value]
    peer = results["Chroma's where"]
    rows = []
    for kind in kinds:
        for name, one in results[kind]["queries"].items():
            theirs = peer.get(name) if kind == kinds[0] else None
            shown = f"{theirs['p50_ms']} / {theirs['p99_ms']}" if theirs else ""
            rows.append([kind, name, f"**{one['p50_ms']}**", one["p99_ms"], f"{one['recall']:.3f}", shown])
    first = results[kinds[0]]
    heads = ["data", "filter", "p50 ms", "p99 ms", "recall@10", "Chroma's `where`, p50 / p99"]
    return (
        f"{table(heads, rows)}\n\n{results['count']:,} keyframes of {results['dimension']} dimensions: "
        f"{first['ram_MB']} MB of memory, {first['disk_MB']['total']:.0f} MB on disk, opened in "
        f"{first['open_s']} s."
    )


def soak(results: dict[str, Any]) -> str:
    """Return the sentence about a long video."""
    first, after = results["rss_first_minute_MB"], results["rss_after_MB"]
    again = f"{results['again_ms']} ms, **{100 * results['again_share']:.4f} %** of the first time"
    return (
        f"{results['hours']:g} hours ({results['video']}): {first} MB after the first minute, at most "
        f"{after} MB after it, so **{results['grown_MB']} MB** more (target 200). Indexing the unchanged "
        f"file again takes {again} (target 1 %)."
    )


def server_load(results: dict[str, Any]) -> str:
    """Return the table of a server under many clients, and what it says of memory."""
    rows = []
    for kind, row in results["by_kind"].items():
        failed = sum(count for status, count in row["statuses"].items() if status not in ("200", "429"))
        rows.append([kind, row["statuses"].get("200", 0), failed, row["p50_s"], f"**{row['p95_s']}**"])
    memory = results["memory"]
    return (
        table(["request", "answered", "errors", "p50, s", "p95, s"], rows)
        + f"\n\n{results['requests']} requests of {results['clients']} clients in {results['minutes']:g} "
        f"minutes on {results['cores']} cores; {results['told_to_come_later']} were told to wait (429). "
        "An upload counts until its picture is indexed. The process takes, in each tenth of the time, "
        f"{', '.join(map(str, memory['tenths_MB']))} MB."
    )


def front_films(results: dict[str, Any]) -> str:
    """Return what the front page says of videos."""
    every = next(row for row in results["rows"] if row["row"] == "all")
    agent, some, more, blind = (percent(every[side]) for side in ("agent", "bare 16", "bare 32", "blind"))
    return (
        f"In rendered films of ten minutes in which two seconds answer the question, **{agent} %** of "
        f"{every['n']} questions are answered right, with {results['frames']['most']} frames shown to the "
        f"model at most. The same model alone, with 16 frames at even distances: {some} %; with 32: {more} "
        f"%; with those of another film: {blind} %."
    )


def front_scenes(results: dict[str, Any]) -> str:
    """Return what the front page says of scenes."""
    rows = {(row["row"], row["of"]): row for row in results["rows"]}
    distance = rows["distance", "median relative error"]
    inside = rows["distance", "truth inside the 90 % interval"]
    counting, relations = rows["counting", "right"], rows["relations", "right"]
    noisy = results["noise"][-1]
    return (
        f"In {results['worlds']} rendered block worlds and rooms of eight views each: distances are off by "
        f"**{_told(distance, 'agent')} %** (median of {distance['n']}; the same model alone, shown all views "
        f"in one prompt: {_told(distance, 'bare')} %), and the stated interval of 90 % holds the truth in "
        f"**{percent(inside['agent'])} %**; with poses off by 1° and 2 cm, depths by 1 % and a tenth of them "
        f"missing, in {percent(noisy['inside'])} %. Counts are right in **{percent(counting['agent'])} %** "
        f"(alone: {percent(counting['bare'])} %), left, right, behind, nearer and nearest in "
        f"**{percent(relations['agent'])} %** (alone: {percent(relations['bare'])} %)."
    )


def front_documents(results: dict[str, Any]) -> str:
    """Return what the front page says of documents."""
    rows = {row["row"]: row for row in results["retrieval"]}
    fused, words, pictures = (
        f"{percent(rows[name]['recall@1'])} and {percent(rows[name]['recall@5'])} %"
        for name in ("fused search", "BM25 alone, pages", "page pictures alone")
    )
    answers = {row["row"]: row for row in results["answers"]}
    agent, given = answers["agent"], answers["read, right page given"]
    speed = {row["row"]: row["a second"] for row in results["speed"]}
    return (
        f"Of {agent['n']} held-out questions about {results['documents']} real PDFs, the page that answers "
        f"comes first, and is among the first five, in **{fused}** (BM25 alone: {words}; pictures of pages "
        f"alone: {pictures}). The cited box overlaps the true one in **{percent(agent['box'])} %** of the "
        f"answers, and {percent(agent['right value'])} % hold the right value "
        f"({percent(given['right value'])} % where the right page is given). Indexing: {speed['text']:g} "
        f"text pages and {speed['scanned']:g} scanned pages a second on {results['speed'][0]['cores']} cores."
    )


PARTS: dict[Path, dict[str, Callable[[dict[str, Any]], str]]] = {
    OWN: {
        "compare": comparing,
        "several_changes": several,
        "overhead": overhead,
        "video": films,
        "scene": scenes,
        "documents": documents,
        "documents_scale": many_pages,
        "fusion": fusing,
        "cuts": cuts,
        "scale": scale,
        "soak": soak,
        "server_load": server_load,
    },
    FRONT: {"compare": front, "video": front_films, "scene": front_scenes, "documents": front_documents},
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
            sys.exit(f"{path} does not show what was measured: run python benchmarks/tables.py")


if __name__ == "__main__":
    main()
