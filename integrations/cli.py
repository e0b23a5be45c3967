"""The command line: ``sightloop ask | compare | plan | models | doctor``, and those of the other files.

Exit codes: 0 with an answer, 2 for bad usage or input, 1 for what was not foreseen, 130 for Ctrl-C. Answers
go to stdout, everything else to stderr; with ``--json`` both are one JSON object. What a command needs is
imported inside it, so that ``models``, ``plan`` and ``--help`` start without torch.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from .. import __version__
from ..errors import InputError, SightloopError
from .cli_bench import bench
from .cli_mcp import mcp
from .cli_memory import opened, read
from .cli_memory import register as register_memory
from .cli_options import (
    AllowUrls,
    Bits,
    ByParts,
    Debug,
    Device,
    Embedding,
    Files,
    GpuBytes,
    InMemory,
    InScene,
    Json,
    Model,
    Optional,
    Password,
    Quantization,
    Report,
    Rerun,
    Seconds,
    Steps,
    Trace,
    VisualTokens,
    dump,
    eyes_of,
    limits_of,
    put,
)
from .cli_scene import scene as scenes
from .cli_serve import register as register_serve

if TYPE_CHECKING:
    from ..agent import Limits
    from ..agent.approval import Pending
    from ..agent.inputs import Gathered
    from ..agent.result import Result
    from ..agent.steps import Step
    from ..tools.llava_next.checkpoints import Checkpoint

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells count it: 128 + SIGINT."""

app = typer.Typer(
    name="sightloop",
    help="Ask questions about pictures with LLaVA-NeXT, and see what the answers rest on and cost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
register_memory(app)
app.command()(mcp)
register_serve(app)
app.add_typer(scenes)
app.add_typer(bench)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line on ``argv`` (by default the process's own arguments) and exit.

    Every error ends here: one short message on stderr, or one JSON object with ``--json``.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        code = app(args, prog_name="sightloop", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except typer.TyperException as error:
        if not error.format_message():  # no command was given, and the help is on the screen
            sys.exit(error.exit_code)
        _fail(args, "UsageError", error.format_message(), None, error.exit_code)
    except SightloopError as error:
        _fail(args, type(error).__name__, error.message, error.input, error.exit_code)
    except Exception as error:  # noqa: BLE001 - the last resort: what was not foreseen exits with 1
        if "--debug" in args:
            traceback.print_exc()
            sys.exit(1)
        hint = "" if "--json" in args else " (unforeseen: run again with --debug and report it)"
        _fail(args, type(error).__name__, f"{error}{hint}", None, 1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(args: Sequence[str], kind: str, message: str, source: str | None, code: int) -> NoReturn:
    if "--json" in args:
        typer.echo(dump({"error": {"type": kind, "message": message, "input": source}}), err=True)
    else:
        typer.echo(f"sightloop: {message}", err=True)
    sys.exit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What to ask, in your own words.", show_default=False)],
    files: Optional = None,
    scene: InScene = None,
    memory: InMemory = None,
    embedder: Embedding = None,
    late: ByParts = None,
    model: Model = None,
    device: Device = None,
    quantization: Bits = None,
    max_steps: Steps = 8,
    max_visual_tokens: VisualTokens = None,
    max_seconds: Seconds = None,
    max_gpu_bytes: GpuBytes = None,
    report: Report = None,
    trace: Trace = None,
    rerun: Rerun = None,
    password: Password = None,
    allow_urls: AllowUrls = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Answer a question about pictures, videos, documents, a scene, or a memory, with evidence and cost."""
    limits = limits_of(max_steps, max_visual_tokens, max_seconds, max_gpu_bytes)
    if password is not None:
        _unlock(files or (), password)
    inputs = _inputs(question, files, scene, memory, allow_urls)
    result = _run(question.strip(), inputs, limits, model, device, quantization, memory, embedder, late)
    _deliver(result, report, trace, as_json)
    if rerun is not None:
        from .rerun import write_rerun

        write_rerun(result, rerun)


def _unlock(files: Sequence[str], password: str) -> None:
    from ..memory.sources.documents import unlock

    for file in files:
        unlock(file, password)


def _inputs(
    question: str, files: Sequence[str] | None, scene: str | None, memory: str | None, urls: bool
) -> Gathered:
    """Read what is asked about, before torch and the weights are loaded."""
    from ..agent.inputs import Gathered, asked, gather

    asked(question)
    if scene is not None:
        from ..memory.sources.scenes import open_scene

        return gather([*(files or ()), open_scene(scene)], urls=urls)
    if not files and memory is None:
        raise typer.BadParameter(
            "name a picture, a video, a document or a folder, a --scene, or a --memory to ask."
        )
    return gather(files, urls=urls) if files else Gathered([], [])


@app.command()
def compare(
    files: Annotated[
        list[str],
        typer.Argument(help="2 to 16 pictures, or a folder of them; each is compared with the first."),
    ],
    model: Model = None,
    device: Device = None,
    quantization: Bits = None,
    max_steps: Steps = 8,
    max_visual_tokens: VisualTokens = None,
    max_seconds: Seconds = None,
    max_gpu_bytes: GpuBytes = None,
    report: Report = None,
    trace: Trace = None,
    allow_urls: AllowUrls = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what differs between pictures: what, where in each, and how sure."""
    from ..agent.inputs import WHAT_CHANGED, gather, several

    limits = limits_of(max_steps, max_visual_tokens, max_seconds, max_gpu_bytes)
    inputs = several(gather(files, urls=allow_urls))
    result = _run(WHAT_CHANGED, inputs, limits, model, device, quantization)
    _deliver(result, report, trace, as_json)


def _run(
    question: str,
    inputs: Gathered,
    limits: Limits,
    model: str | None,
    device: str | None,
    quantization: Quantization | None,
    memory: str | None = None,
    embedder: str | None = None,
    late: str | None = None,
) -> Result:
    from ..agent import VisualAgent

    eyes = eyes_of(model, device, quantization)
    with ExitStack() as stack:
        kept = None
        searched = (*inputs.videos, *inputs.documents)
        if memory is not None or searched:
            kept = stack.enter_context(opened(memory, eyes, embedder, late=late))
            read(kept, searched)
        return _follow(VisualAgent(eyes, memory=kept, limits=limits).stream(question, inputs))


def _deliver(result: Result, report: Path | None, trace: Path | None, as_json: bool) -> None:
    """Write what was asked for, and show the result."""
    from .render import show_result

    if report is not None:
        from .report import write_report

        write_report(result, report)
    if trace is not None:
        result.save(trace)
    if as_json:
        typer.echo(dump(result.model_dump(mode="json")))
    else:
        show_result(result)


def _follow(events: Iterator[Step | Result | Pending]) -> Result:
    """Show each step while it is the latest (on a terminal), report what was skipped, return the result."""
    from rich.console import Console

    from ..agent.result import Result
    from ..agent.steps import PlanStep

    console = Console(stderr=True, markup=False, highlight=False)
    with console.status("reading the pictures"):
        for event in events:
            if isinstance(event, Result):
                return event
            if isinstance(event, PlanStep):
                for line in event.skipped:
                    typer.echo(f"sightloop: skipped: {line}", err=True)
    raise AssertionError("stream ends with a Result")


@app.command()
def plan(
    files: Files,
    model: Annotated[str, typer.Option(help="A checkpoint's name or a local folder of weights.")] = "pocket",
    question: Annotated[str, typer.Option(help="The question, to count its tokens too.")] = "",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what pictures would cost a model, before anything runs; needs no weights."""
    from ..agent.inputs import gather
    from ..tools.llava_next.plan import plan as make_plan
    from ..tools.look import looking_prompts
    from .render import show_plan

    checkpoint = _checkpoint(model)
    stills, skipped, videos, documents, scene = gather(files)
    for found in (*videos, *documents, *([scene.source] if scene is not None else ())):
        message = f"{found} is no picture: what a question about it costs depends on what is found."
        skipped.append(InputError(message, input=found))
    if not stills:
        raise skipped[-1]
    for error in skipped:
        typer.echo(f"sightloop: skipped: {error.message}", err=True)
    prompts = looking_prompts(checkpoint, question, stills)
    planned = _together([make_plan(checkpoint, prompt).to_json() for prompt in prompts])
    if as_json:
        typer.echo(dump(planned))
    else:
        show_plan(planned, stills)


def _together(plans: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the plan of prompts that run one after the other: tokens add up, memory is the largest's."""
    sums = {name: sum(plan[name] for plan in plans) for name in ("visual_tokens", "text_tokens", "vit_crops")}
    peaks = {name: max(plan[name] for plan in plans) for name in ("kv_bytes", "activation_bytes")}
    notes = list(dict.fromkeys(note for plan in plans for note in plan["notes"]))
    if len(plans) > 1:
        name = plans[0]["model"]
        notes.append(f"{name} was trained on one image at a time: every still gets a prompt of its own")
    stills = [still for plan in plans for still in plan["stills"]]
    return {**plans[0], **sums, **peaks, "prompts": len(plans), "stills": stills, "notes": notes}


def _checkpoint(model: str) -> Checkpoint:
    from ..tools.llava_next.checkpoints import find, from_folder

    return from_folder(model) if Path(model).is_dir() else find(model)


@app.command()
def models(as_json: Json = False, debug: Debug = False) -> None:
    """List every checkpoint by tier, with what it needs and what it is for."""
    from ..tools.llava_next.checkpoints import CHECKPOINTS
    from .render import checkpoint_row, show_models

    if as_json:
        typer.echo(dump([checkpoint_row(checkpoint) for checkpoint in CHECKPOINTS]))
    else:
        show_models(CHECKPOINTS)


@app.command()
def doctor(as_json: Json = False, debug: Debug = False) -> None:
    """Say what this machine can run, what is missing, and the line that installs it."""
    from ..tools.llava_next.machine import inspect
    from .faces import faces

    found = inspect()
    missing = found.pop("missing")  # comes last
    put({**found, "faces": faces(found["extras"]), "missing": missing}, as_json)
