"""The command line's benchmarks: ``sightloop bench pocket | compare | video | scene | documents``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cli_options import Debug, Json, put

bench = typer.Typer(
    name="bench", help="Measure, with numbers that a command regenerates.", no_args_is_help=True
)


@bench.command("pocket")
def bench_pocket(
    seed: Annotated[int, typer.Option(help="Of the worlds that are asked about; none was trained on.")] = 1,
    count: Annotated[int, typer.Option(min=2, help="Worlds of each kind.")] = 150,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure the embedded model on fresh worlds: accuracy, the blind baseline and the majority answer."""
    from ..tools.llava_next.pocket.bench import run

    put(run(seed, count), as_json)


@bench.command("compare")
def bench_compare(
    seed: Annotated[int, typer.Option(help="Of the worlds and of what is changed in photographs.")] = 1,
    count: Annotated[int, typer.Option(min=2, help="Pairs of worlds.")] = 100,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure comparing: changes found and named, false alarms; the bare model beside the tool."""
    from ..tools.compare_bench import run

    put(run(seed, count), as_json)


@bench.command("video")
def bench_video(
    seed: Annotated[int, typer.Option(help="Of the films that are rendered.")] = 1,
    count: Annotated[int, typer.Option(min=1, help="Films of ten minutes.")] = 8,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure finding moments in rendered films: the agent, and the model alone on frames at even steps."""
    from ..agent import VisualAgent
    from ..tools.video_bench import run

    put(run(seed, count, agent=lambda eyes, memory: VisualAgent(eyes, memory=memory)), as_json)


@bench.command("scene")
def bench_scene(
    seed: Annotated[int, typer.Option(help="Of the worlds that are rendered.")] = 1,
    count: Annotated[int, typer.Option(min=1, help="Block worlds, and as many rooms.")] = 6,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure measuring in rendered scenes: the agent, and the model alone with all views in one prompt."""
    from ..agent import VisualAgent
    from ..tools.scene_bench import run

    put(run(seed, count, agent=VisualAgent), as_json)


@bench.command("documents")
def bench_documents(
    seed: Annotated[int, typer.Option(help="Of the pages that OCR is measured on.")] = 1,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where the documents are; by default where benchmarks/documents/fetch.py puts them.",
            show_default=False,
        ),
    ] = None,
    practice: Annotated[
        bool, typer.Option("--practice", help="Ask the practice questions, and show every answer.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure finding pages, answering from them and citing the box, in real documents."""
    from ..agent import VisualAgent
    from ..tools.document_asked import load
    from ..tools.document_bench import FOLDER, PRACTICE, QUESTIONS, UNANSWERABLE, run
    from ..tools.document_files import found
    from ..tools.ocr import Ocr
    from ..tools.sentences import Sentences

    results = run(
        seed,
        agent=lambda eyes, memory: VisualAgent(eyes, memory=memory),
        files=found(folder),
        asked=load(FOLDER / (PRACTICE if practice else QUESTIONS)),
        unanswerable=load(FOLDER / UNANSWERABLE),
        sentences=Sentences(),
        ocr=Ocr(),
        each=practice,
    )
    put(results, as_json)
