"""The command line's part for 3D scenes: ``sightloop scene info | from-photos``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cli_options import Debug, Json, put

scene = typer.Typer(name="scene", help="Look into 3D scenes, and make them of photos.", no_args_is_help=True)


@scene.command("info")
def info(
    path: Annotated[str, typer.Argument(help="A scene's folder or file.", show_default=False)],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what a scene holds, in which convention, and whether its views agree with each other."""
    from ..memory.consistency import inspect
    from ..memory.sources.scenes import open_scene

    put(inspect(open_scene(path)).model_dump(mode="json"), as_json)


@scene.command("from-photos")
def from_photos(
    photos: Annotated[
        list[str], typer.Argument(help="Photos of one place, or a folder of them.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder to write the scene to.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Find out from where photos were taken (needs the extra "scene"); the scale stays unknown."""
    from ..memory.consistency import inspect
    from ..memory.sources.from_photos import from_photos as posed

    put(inspect(posed(photos, out)).model_dump(mode="json"), as_json)
