"""The command line's part for the server: ``sightloop serve``, and ``sightloop serve keys``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError, MissingExtraError
from .cli_options import Debug, Device, Json, dump

if TYPE_CHECKING:
    from .server.keys import Keys

Data = Annotated[
    Path, typer.Option(help="Folder of the keys, and of what is kept for each of them.", show_default=False)
]

NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart", "langgraph.checkpoint.sqlite")
"""Modules of the extra "server"."""
AS_PACKAGE = str.maketrans("_.", "--")
"""How a module's name becomes that of the package that it is installed by."""

HOME = Path("sightloop-data")
"""Where a server keeps things by default: beside where it is started."""

serve = typer.Typer(
    name="serve",
    help="Serve the models, the agent and memories to OpenAI's clients and to browsers.",
    invoke_without_command=True,
)
keys = typer.Typer(name="keys", help="Look after the API keys of a server.", no_args_is_help=True)
serve.add_typer(keys)


@serve.callback()
def start(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Where to listen; only this machine can reach the default.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    data: Data = HOME,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A checkpoint's name or folder; may be given again. The first one is what the agent and the "
            "memories look with; by default the embedded one.",
            show_default=False,
        ),
    ] = None,
    device: Device = None,
    allow_url_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Fetch media of this host, where clients name their addresses; may be given again. "
            "By default none.",
            show_default=False,
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Let pages of this origin call from a browser; may be given again. By default none.",
            show_default=False,
        ),
    ] = None,
    concurrent: Annotated[int, typer.Option(min=1, help="Requests that are worked on at once.")] = 16,
    queue: Annotated[int, typer.Option(min=0, help="Requests that may wait; one more gets 429.")] = 64,
    max_upload_mib: Annotated[int, typer.Option(min=1, help="Largest file that a memory takes.")] = 4096,
    max_kept_mib: Annotated[int, typer.Option(min=1, help="Most that is kept of one key's files.")] = 65536,
    drain_seconds: Annotated[
        float, typer.Option(min=0.1, help="How long running requests may go on after SIGTERM.")
    ] = 30.0,
    debug: Debug = False,
) -> None:
    """Start the server, unless one of the commands below is named."""
    if context.invoked_subcommand is not None:
        return
    _installed()
    from .server.settings import MIB, Settings

    settings = Settings(
        data=data.absolute(),
        host=host,
        port=port,
        models=tuple(model or ("pocket",)),
        device=device,
        url_hosts=frozenset(allow_url_host or ()),
        origins=tuple(cors_origin or ()),
        concurrent=concurrent,
        queue=queue,
        upload_bytes=max_upload_mib * MIB,
        kept_bytes=max_kept_mib * MIB,
        drain_seconds=drain_seconds,
    )
    if not settings.loopback and not _keys(data).every():
        raise InputError(
            f"{host} can be reached from other machines, and there is no API key yet. Make one first: "
            f"sightloop serve keys add NAME --data {data}",
            input=host,
        )
    from .server.run import run

    run(settings)


@keys.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What to call it, to tell it from others.", show_default=False)],
    data: Data = HOME,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    whole = _keys(data).add(name)
    typer.echo(dump({"name": name, "key": whole}) if as_json else whole)


@keys.command("list")
def every(data: Data = HOME, as_json: Json = False, debug: Debug = False) -> None:
    """List the keys."""
    kept = _keys(data).every()
    if as_json:
        typer.echo(dump([key.model_dump(mode="json", exclude={"sha256"}) for key in kept]))
        return
    for key in kept:
        typer.echo(f"{key.id}  {key.created:%Y-%m-%d}  {key.name}")


@keys.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Its name or id, as listed.", show_default=False)],
    data: Data = HOME,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Take a key away, from a running server too; what is kept for it stays in its folder."""
    _keys(data).revoke(name)
    typer.echo(dump({"revoked": name}) if as_json else f"revoked {name}")


def _keys(data: Path) -> Keys:
    from .server.keys import Keys

    return Keys(data.absolute() / "keys.json")


def _installed() -> None:
    """Say which extra is missing, before anything else of the server is imported."""
    for module in NEEDED:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(module.translate(AS_PACKAGE), "server", "sightloop serve")


def register(app: typer.Typer) -> None:
    """Add the commands to an app."""
    app.add_typer(serve)
