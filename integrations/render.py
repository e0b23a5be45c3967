"""What the command line shows to people; with ``--json`` nothing of this is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from ..memory import Page, Span, View
from ..tools.moments import clock, during

if TYPE_CHECKING:
    from ..agent.result import Result
    from ..memory import Evidence, Still
    from ..memory.records import Added
    from ..tools.llava_next.checkpoints import Bits, Checkpoint

VERDICT_STYLES = {"confirmed": "green", "rejected": "red", "unverified": "yellow"}
PRECISIONS: tuple[Bits, ...] = (16, 8, 4)
GIB = 2**30
CLAIM_WIDTH = 200
"""Characters of a claim that are shown; all of it is in the JSON."""


def _console() -> Console:
    # Answers and paths are not markup: "[red]" must come out as it is.
    return Console(markup=False, highlight=False, soft_wrap=True)


def show_result(result: Result) -> None:
    """Print the answer, what it rests on, and what it cost."""
    console = _console()
    line = Text(result.answer or "(no words)", style="bold")
    line.append(f"   {result.confidence:.0%} sure", style="not bold dim")
    console.print(line)
    console.print()
    for told in differences(result):
        console.print(told)
    for told in places(result):
        console.print(told)
    for item in result.evidence:
        console.print(evidence_line(item))
    usage = result.usage
    console.print(
        f"cost     {usage.visual_tokens} visual + {usage.text_tokens} text tokens read, "
        f"{usage.new_tokens} written; {usage.stills} stills seen ({usage.stills_reused} reused), "
        f"{usage.seconds:.2f} s of {result.model}"
    )
    console.print("steps    " + ", ".join(f"{step.kind} {step.seconds:.2f} s" for step in result.steps))
    if result.stopped_because != "answered":
        console.print(f"stopped  {result.stopped_because}: this is the best answer so far", style="yellow")
    for note in result.notes:
        console.print(f"note     {note}", style="yellow")


def differences(result: Result) -> Iterator[str]:
    """Return a line for each difference between pictures, and for each pair that was compared otherwise."""
    for pair in result.comparisons:
        names = f"image {pair.before} -> image {pair.after}"
        if not pair.same_scene or not pair.differences:
            yield f"{names}: {pair.words}"
        for one in pair.differences:
            places = " -> ".join(str(box) for box in (one.before, one.after) if box is not None)
            yield f"{names}: {one.kind:12} {one.words}, {places}, {one.probability:.0%} sure"


def places(result: Result) -> Iterator[str]:
    """Yield a line for each thing that was measured after the answer, and for each object that was found."""
    for measure in result.measures[1:]:
        yield f"measured {measure.words}"
    unit = result.survey.unit if result.survey is not None else ""
    for one in result.objects:
        at = ", ".join(f"{coordinate:.2f}" for coordinate in one.centre)
        size = f", {' x '.join(f'{side:.2f}' for side in one.size)} {unit}" if one.size else ""
        yield f"object {one.label} {one.name}, at ({at}){size}, in {_counted(len(one.seen), 'view')}"


def evidence_line(item: Evidence) -> Text:
    """Return where a piece of evidence is from, what it says, and what checking it again said."""
    where = item.still.origin.source
    if isinstance(item.still.origin, View):
        where += f", {item.still.origin.camera}"
    if isinstance(item.still.origin, Page):
        where += f", page {item.still.origin.number}"
    if isinstance(item.region, Span):
        where += f", {during(item.region)}"
    elif item.region is not None:
        where += f" {item.region}"
    line = Text(f"rests on {where}: {shorten(item.claim, CLAIM_WIDTH, placeholder=' ...')}  ")
    line.append(f"{item.verdict} {item.confidence:.0%}", style=VERDICT_STYLES[item.verdict])
    return line


def show_added(added: Added) -> None:
    """Print what went into a memory."""
    console = _console()
    for source in added.sources:
        console.print(f"indexed    {source}")
    for source in added.unchanged:
        console.print(f"unchanged  {source}")
    console.print(f"{_counted(added.stills, 'still')} added")
    for warning in added.warnings:
        console.print(f"note: {warning}", style="yellow")


def show_shots(told: Mapping[str, Any]) -> None:
    """Print the shots of a video."""
    console = _console()
    for number, shot in enumerate(told["shots"], start=1):
        keyframes = ", ".join(f"{one['t']:.2f}" for one in shot["keyframes"])
        console.print(
            f"shot {number:3}  {shot['start']:9.2f} - {shot['end']:9.2f} s  frames {shot['first_frame']} to "
            f"{shot['last_frame']}, keyframes at {keyframes or 'none'}"
        )
    for warning in told["warnings"]:
        console.print(f"note: {warning}", style="yellow")


def show_found(told: Mapping[str, Any]) -> None:
    """Print moments and pages that a search found, best first."""
    console = _console()
    for line in found_lines(told):
        console.print(line)
    for note in told["notes"]:
        console.print(f"note: {note}", style="yellow")


def found_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each moment and page that a search found, best first."""
    for number, one in enumerate(told["moments"], start=1):
        when = "" if one["start"] is None else f", {clock(one['t'])}"
        sure = "" if one["there"] is None else f", {one['there']:.0%} sure"
        yield f"{number}. {one['source']}{when}{sure}{': ' + one['text'] if one['text'] else ''}"
    for number, one in enumerate(told["pages"], start=len(told["moments"]) + 1):
        words = shorten(one["text"], CLAIM_WIDTH, placeholder=" ...")
        yield f"{number}. {one['document']}, page {one['page']}{': ' + words if words else ''}"
    if not (told["moments"] or told["pages"]):
        yield "nothing was found"


def show_plan(plan: Mapping[str, Any], stills: Sequence[Still]) -> None:
    """Print what each still costs, and what all of them take of the window and of memory."""
    console = _console()
    for still, fed in zip(stills, plan["stills"], strict=True):
        console.print(
            f"{fed['tokens']:6} tokens, {_counted(fed['crops'], 'crop')}, {fed['mode']} {_by(fed['canvas'])} "
            f"of {_by(fed['size'])}: {still.origin.source}"
        )
    console.print(
        f"{plan['visual_tokens']:6} visual + {plan['text_tokens']} text tokens in "
        f"{_counted(plan['prompts'], 'prompt')} for {plan['model']}, {plan['new_tokens']} for the answer, "
        f"window {plan['window']}; {_bytes(plan['kv_bytes'])} of keys and values"
    )
    for note in plan["notes"]:
        console.print(f"note: {note}", style="yellow")


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _by(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"


def checkpoint_row(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint as the JSON object that ``sightloop models --json`` lists."""
    return {
        "name": checkpoint.name,
        "original": checkpoint.original,
        "tier": checkpoint.tier,
        "family": checkpoint.family,
        "language_model": checkpoint.language_model,
        "parameters": checkpoint.parameters,
        "context": checkpoint.window,
        "stills_trained": checkpoint.stills_trained,
        "video": checkpoint.video,
        "bytes": {f"{bits}bit": checkpoint.bytes(bits) for bits in PRECISIONS},
        "kv_bytes_per_token": checkpoint.kv_bytes_per_token,
        "license": checkpoint.license,
        "use": checkpoint.use,
    }


def show_models(checkpoints: Sequence[Checkpoint]) -> None:
    """Print the checkpoints by tier; names stand alone on a line, whole, to be copied."""
    console = _console()
    for tier in dict.fromkeys(checkpoint.tier for checkpoint in checkpoints):
        console.print(tier, style="bold")
        for checkpoint in checkpoints:
            if checkpoint.tier == tier:
                console.print(f"  {checkpoint.name}", style="cyan")
                console.print(f"      {_needs(checkpoint)}")
                console.print(f"      {checkpoint.use} ({checkpoint.license})", style="dim")


def _needs(checkpoint: Checkpoint) -> str:
    size = checkpoint.parameters
    stills = "one still" if checkpoint.stills_trained == 1 else "many stills"
    memory = " / ".join(_bytes(checkpoint.bytes(bits)) for bits in PRECISIONS)
    return (
        f"{size / 1e9:.1f}B" if size >= 1e8 else f"{size / 1e6:.1f}M"
    ) + f", {stills}{' or video' * checkpoint.video}, window {checkpoint.window}, {memory} at 16 / 8 / 4 bit"


def _bytes(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.0f} MiB"


def show_record(record: Mapping[str, Any], console: Console | None = None, indent: str = "") -> None:
    """Print a JSON-like object: values in lines, objects indented, lists of objects as tables."""
    console = console or _console()
    for name, value in record.items():
        heading = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            console.print(heading, style="bold")
            show_record(value, console, indent + "  ")
        elif not isinstance(value, Sequence) or isinstance(value, str):
            console.print(f"{heading}: {_cell(value)}")
        elif value and all(isinstance(item, Mapping) for item in value):
            console.print(heading, style="bold")
            for line in _columns(value):
                console.print(f"{indent}  {line}")
        else:
            console.print(f"{heading}: {'' if value else 'none'}")
            for item in value:
                console.print(f"{indent}  {_cell(item)}")


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the rows in columns under their names; never wrapped, as commands in them are to be copied."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[name.replace("_", " ") for name in names]]
    cells += [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
