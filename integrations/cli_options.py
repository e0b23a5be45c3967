"""The command line's options, each said once, and what several commands do with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..agent import Limits
    from ..tools.llava_next import LlavaNext


class Quantization(StrEnum):
    """How many bits a weight of the language model takes."""

    eight = "8bit"
    four = "4bit"


Files = Annotated[list[str], typer.Argument(help="Pictures, or folders of pictures.", show_default=False)]
Optional = Annotated[
    list[str] | None,
    typer.Argument(
        help="Pictures, videos, documents, or folders of them; none with --memory: all of it.",
        show_default=False,
    ),
]
Memory = Annotated[str, typer.Option(help="Folder of the memory, or http://host:port of a Chroma server.")]
InMemory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        help="Keep and search videos and documents in this memory (see `sightloop index`).",
        show_default=False,
    ),
]
Embedding = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        help="A SigLIP or CLIP checkpoint that a memory is searched by; by default the model's own eyes.",
        show_default=False,
    ),
]


ByParts = Annotated[
    str | None,
    typer.Option(
        "--late",
        help="A ColPali or ColQwen2 checkpoint by which pages are ranked too, by late interaction; a memory "
        "that was indexed with one is asked with the same.",
        show_default=False,
    ),
]


def _writable(path: Path | None) -> Path | None:
    """Refuse a page that could not be written, before the model is loaded."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise typer.BadParameter(f"{path} is a folder, or lies in none that exists.")
    return path


Model = Annotated[
    str | None,
    typer.Option(
        help="A checkpoint's name (see `sightloop models`) or a local folder of weights; "
        "the embedded pocket model by default.",
        show_default=False,
    ),
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or cuda:1; by default the best there is.")]
Bits = Annotated[
    Quantization | None, typer.Option(help="Load the language model in fewer bits (needs a CUDA GPU).")
]
Steps = Annotated[int, typer.Option(min=1, help="Tools that may run, checks of the answer included.")]
VisualTokens = Annotated[int | None, typer.Option(min=1, help="Visual tokens that the whole run may spend.")]
Seconds = Annotated[
    float | None, typer.Option(help="Seconds that the whole run may take, once the model is loaded.")
]
GpuBytes = Annotated[
    int | None, typer.Option(min=1, help="Bytes of memory that a call may take beside the weights.")
]
Report = Annotated[
    Path | None,
    typer.Option(
        help="Write a page with pictures, boxes, steps and cost.", callback=_writable, show_default=False
    ),
]
InScene = Annotated[
    str | None,
    typer.Option(
        "--scene", help="A 3D scene of posed views (see `sightloop scene info`).", show_default=False
    ),
]
Rerun = Annotated[
    Path | None,
    typer.Option(
        "--rerun",
        help='Write a recording for the Rerun viewer (needs the extra "rerun").',
        callback=_writable,
        show_default=False,
    ),
]
Trace = Annotated[
    Path | None, typer.Option(help="Save the run and its pictures to this folder.", show_default=False)
]
Password = Annotated[
    str | None, typer.Option(help="Of documents that are encrypted; it is not kept.", show_default=False)
]
AllowUrls = Annotated[bool, typer.Option("--allow-urls", help="Fetch pictures named by web addresses.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an unforeseen error.")]


def eyes_of(model: str | None, device: str | None, quantization: Quantization | None) -> LlavaNext:
    """Load the model that looks."""
    from ..tools.llava_next import LlavaNext

    return LlavaNext(model, device=device, quantization=quantization.value if quantization else None)


def limits_of(steps: int, visual_tokens: int | None, seconds: float | None, gpu_bytes: int | None) -> Limits:
    """Return what a run may spend."""
    from ..agent import Limits

    if seconds is not None and not seconds > 0:
        raise typer.BadParameter(f"{seconds:g} is not more than 0.", param_hint="--max-seconds")
    return Limits(steps=steps, visual_tokens=visual_tokens, seconds=seconds, gpu_bytes=gpu_bytes)


def dump(value: Any) -> str:
    """Return a value as the JSON that ``--json`` prints."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def put(record: Mapping[str, Any], as_json: bool) -> None:
    """Print a record: as JSON, or for people."""
    from .render import show_record

    if as_json:
        typer.echo(dump(record))
    else:
        show_record(record)
