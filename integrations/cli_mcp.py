"""The command line's part for MCP: ``sightloop mcp``."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError, MissingExtraError
from .cli_options import Bits, Debug, Device, InMemory, Model, Seconds, Steps, eyes_of, limits_of

if TYPE_CHECKING:
    from mcp.server import Server

    from .mcp_service import Service

LOOPBACK = "127.0.0.1"
PORT = 8765


def mcp(
    roots: Annotated[
        list[Path] | None,
        typer.Option(
            "--root",
            help="A folder that clients may name files in; may be given several times. Without any, clients "
            "may name files in the folders that they say they work in.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    memory: InMemory = None,
    model: Model = None,
    device: Device = None,
    quantization: Bits = None,
    max_steps: Steps = 8,
    max_seconds: Seconds = None,
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP on this machine's loopback.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of --http; 0 for any that is free.")] = PORT,
    debug: Debug = False,
) -> None:
    """Serve the tools and a memory to a client of the Model Context Protocol, over stdin and stdout."""
    if importlib.util.find_spec("mcp") is None:
        raise MissingExtraError("mcp", "mcp", "serving the Model Context Protocol")
    if http and not roots:
        raise typer.BadParameter("--http needs --root: say which folders its clients may name files in.")
    limits = limits_of(max_steps, None, max_seconds, None)
    from .mcp import create_server, serve_stdio

    server = create_server(
        lambda: eyes_of(model, device, quantization), memory=memory, roots=roots or (), limits=limits
    )
    if http:
        _serve_http(server, port)
    else:
        asyncio.run(serve_stdio(server))
        # All is closed; a thread that still loads a model for a client that left is not waited for.
        os._exit(0)


def _serve_http(server: Server[Service], port: int) -> None:
    from .mcp import serve_http

    try:
        listening = socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise InputError(
            f"port {port} cannot be had: {error.strerror}; name another with --port.", input=str(port)
        ) from error
    with listening:
        typer.echo(f"sightloop: serving at http://{LOOPBACK}:{listening.getsockname()[1]}/mcp", err=True)
        asyncio.run(serve_http(server, listening))
