"""The command line's part for memories: ``sightloop index | shots | find | watch | memory``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .cli_options import (
    Bits,
    ByParts,
    Debug,
    Device,
    Embedding,
    Json,
    Memory,
    Model,
    Password,
    dump,
    eyes_of,
    put,
)

if TYPE_CHECKING:
    from ..memory.records import Added, Progress
    from ..memory.store import VisualMemory
    from ..tools.look import Eyes

Sources = Annotated[
    list[str], typer.Argument(help="Videos, documents, pictures, or folders of them.", show_default=False)
]
Captions = Annotated[
    bool | None,
    typer.Option(
        "--captions/--no-captions",
        help="Have the model describe and read every keyframe, so that words find it too; by default "
        "the embedded model does, and others, which are slow at it, do not.",
    ),
]

Ocr = Annotated[
    bool | None,
    typer.Option(
        "--ocr/--no-ocr",
        help="Read pictures too, as screens and receipts are; or read nothing. By default pages without a "
        'text layer are read, where the extra "ocr" is installed.',
    ),
]

memory = typer.Typer(name="memory", help="Look after a memory.", no_args_is_help=True)


def opened(
    path: str | None,
    eyes: Eyes,
    embedder: str | None,
    captions: bool | None = None,
    ocr: bool | None = None,
    late: str | None = None,
) -> VisualMemory:
    """Open a memory with the eyes, or with checkpoints of these folders or names in their place or beside."""
    from ..tools.embedders import ClipEmbedder
    from ..tools.late import Late
    from ..tools.remember import memory_of

    return memory_of(
        eyes,
        path,
        embedder=ClipEmbedder(embedder) if embedder is not None else None,
        captions=captions,
        ocr=ocr,
        late=Late(late) if late is not None else None,
    )


def read(memory: VisualMemory, files: Iterable[str]) -> None:
    """Put files into a memory before the agent does, which shows no progress but says what is wrong."""
    with _progress(transient=True) as progress:
        for file in files:
            with suppress(InputError):
                memory.add(file, progress=progress)


def index(
    sources: Sources,
    memory: Memory,
    captions: Captions = None,
    ocr: Ocr = None,
    password: Password = None,
    late: ByParts = None,
    embedder: Embedding = None,
    model: Model = None,
    device: Device = None,
    quantization: Bits = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Put videos, documents and pictures into a memory; go on where it stopped, leave what is unchanged."""
    from ..memory.records import Added

    eyes = eyes_of(model, device, quantization)
    added = Added()
    with opened(memory, eyes, embedder, captions, ocr, late) as kept, _progress() as progress:
        for source in sources:
            try:
                added += kept.add(source, progress=progress, password=password, ocr_photos=bool(ocr))
            except InputError as refused:
                added += Added(skipped=(refused,))
    if added.skipped and not (added.sources or added.unchanged):
        raise added.skipped[0]
    for error in added.skipped:
        typer.echo(f"sightloop: skipped: {error.message}", err=True)
    _tell(added, as_json)


def _tell(added: Added, as_json: bool) -> None:
    """Print what went into a memory."""
    from .render import show_added

    if not as_json:
        show_added(added)
        return
    told = {
        "sources": list(added.sources),
        "unchanged": list(added.unchanged),
        "stills": added.stills,
        "skipped": [error.to_json()["error"] for error in added.skipped],
        "warnings": list(added.warnings),
    }
    typer.echo(dump(told))


@contextmanager
def _progress(*, transient: bool = False) -> Iterator[Any]:
    """Show a bar on a terminal for every source; yields what is to be told of progress."""
    from rich import progress as rich
    from rich.console import Console

    names: dict[str, Any] = {}
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.TextColumn("{task.fields[stills]} stills"),
        rich.TimeRemainingColumn(),
    )
    console = Console(stderr=True, markup=False, highlight=False)
    hidden = not console.is_terminal  # an error alone may be on stderr, where it is read as JSON
    with rich.Progress(*columns, console=console, transient=transient, disable=hidden) as bar:

        def told(at: Progress) -> None:
            if at.source not in names:
                names[at.source] = bar.add_task(Path(at.source).name, total=at.of, stills=0)
            bar.update(names[at.source], completed=at.done or 0, total=at.of, stills=at.stills)

        yield told


def shots(
    file: Annotated[str, typer.Argument(help="A video.", show_default=False)],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say where a video is cut, and which frames stand for each shot; needs no model."""
    from ..memory.keyframes import Keyframe, Shot, scan
    from ..memory.sources.videos import Video
    from .render import show_shots

    found: list[Shot] = []
    frames: dict[int, list[dict[str, Any]]] = {}
    with Video(file) as video:
        for event in scan(video.frames()):
            if isinstance(event, Shot):
                found.append(event)
            elif isinstance(event, Keyframe):
                frames.setdefault(event.shot, []).append({"t": round(event.t, 6), "frame": event.index})
        told = {
            "shots": [
                {
                    "start": round(shot.start, 6),
                    "end": round(shot.end, 6),
                    "first_frame": shot.first_frame,
                    "last_frame": shot.last_frame,
                    "keyframes": frames.get(shot.number, []),
                }
                for shot in found
            ],
            "fps": video.fps,
            "frames": found[-1].last_frame + 1 if found else 0,
            "warnings": list(video.warnings),
        }
    if as_json:
        typer.echo(dump(told))
    else:
        show_shots(told)


def find(
    query: Annotated[str, typer.Argument(help="What to look for, in your own words.", show_default=False)],
    memory: Memory,
    top: Annotated[int, typer.Option(min=1, max=100, help="Moments, and pages, to return at most.")] = 5,
    source: Annotated[list[str] | None, typer.Option(help="Only in this file; may be given again.")] = None,
    start: Annotated[float | None, typer.Option(min=0, help="Only from this second on.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Only up to this second.")] = None,
    look: Annotated[
        bool, typer.Option("--look/--no-look", help="Have the model look at what is found.")
    ] = True,
    late: ByParts = None,
    embedder: Embedding = None,
    model: Model = None,
    device: Device = None,
    quantization: Bits = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Find moments and pages in a memory by what they show and by what is written in them."""
    from ..agent.inputs import asked
    from ..tools.find import moments
    from ..tools.pages import listed
    from .render import show_found

    query = asked(query)
    eyes = eyes_of(model, device, quantization)
    with opened(memory, eyes, embedder, late=late) as kept:
        found = moments(eyes, kept, query, top=top, sources=source, start=start, end=end, look=look)
        timed = start is not None or end is not None  # a page is shown at no time
        pages = [] if timed else listed(kept, query, top=top, documents=source)
    told = {
        "query": found.query,
        "moments": [one.to_json() for one in found.candidates],
        "pages": pages,
        "notes": list(found.notes),
    }
    if as_json:
        typer.echo(dump(told))
    else:
        show_found(told)


def watch(
    source: Annotated[
        str, typer.Argument(help="A camera's address (rtsp://...), a device or a file.", show_default=False)
    ],
    memory: Memory,
    seconds: Annotated[float | None, typer.Option(help="Stop after so long; by default with Ctrl-C.")] = None,
    keep: Annotated[int, typer.Option(min=1, help="Keyframes kept of it; the oldest go first.")] = 10_000,
    captions: Captions = None,
    embedder: Embedding = None,
    model: Model = None,
    device: Device = None,
    quantization: Bits = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Watch a live stream into a memory: the newest frame wins, and what is kept is bounded."""
    import threading

    from ..memory.sources.streams import Stream

    eyes = eyes_of(model, device, quantization)
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set) if seconds is not None else None
    with opened(memory, eyes, embedder, captions) as kept, _progress() as progress:
        stream = Stream(source, stop=stop)
        if timer is not None:
            timer.start()
        try:
            added = kept.add_stream(
                _until(stream.frames(), stop), stream.source, keep=keep, progress=progress
            )
        finally:
            stop.set()
            if timer is not None:
                timer.cancel()
    _tell(added, as_json)


def _until(frames: Iterator[Any], stop: Any) -> Iterator[Any]:
    """End a stream at Ctrl-C as if it had ended, so that what was seen is kept."""
    try:
        yield from frames
    except KeyboardInterrupt:
        stop.set()


@memory.command("ls")
def ls(memory: Memory, as_json: Json = False, debug: Debug = False) -> None:
    """List what a memory holds, and how much room that takes."""
    from dataclasses import asdict

    from ..memory.store import VisualMemory

    with VisualMemory(memory, embedder=None) as kept:
        put({**kept.size(), "held": [asdict(source) for source in kept.sources()]}, as_json)


@memory.command("forget")
def forget(
    sources: Annotated[list[str], typer.Argument(help="Files or streams, as `memory ls` names them.")],
    memory: Memory,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Remove sources from a memory, with all that was kept of them."""
    from ..memory.store import VisualMemory

    with VisualMemory(memory, embedder=None) as kept:
        removed = {source: kept.forget(source) for source in sources}
    if as_json:
        typer.echo(dump({"forgotten": removed}))
    else:
        for source, stills in removed.items():
            typer.echo(f"forgot {stills} stills of {source}")


@memory.command("compact")
def compact(memory: Memory, as_json: Json = False, debug: Debug = False) -> None:
    """Give back the room of what was forgotten, and of what an interrupted run left."""
    from ..memory.store import VisualMemory

    with VisualMemory(memory, embedder=None) as kept:
        freed = kept.compact()
    typer.echo(dump({"freed": freed}) if as_json else f"freed {freed} bytes")


@memory.command("export")
def export(
    out: Annotated[Path, typer.Argument(help="Folder to write to.")],
    memory: Memory,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a memory as a Parquet table and its pictures (needs the extra "export")."""
    from ..memory.store import VisualMemory

    with VisualMemory(memory, embedder=None) as kept:
        file = kept.export(out)
    typer.echo(dump({"file": str(file)}) if as_json else f"wrote {file}, and the pictures beside it")


def register(app: typer.Typer) -> None:
    """Add the commands to an app."""
    for command in (index, shots, find, watch):
        app.command()(command)
    app.add_typer(memory)
