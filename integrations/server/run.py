"""Run: a server from its start to its last answer."""

from __future__ import annotations

import logging
import math
import signal
import socket

import typer
import uvicorn

from ...errors import InputError
from .app import create_app
from .settings import Settings


class _Announced(uvicorn.Server):
    """Says where it listens as soon as it does: with port 0, only it knows."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or ():
            host, port = bound.getsockname()[:2]
            typer.echo(f"Sightloop is at http://{f'[{host}]' if ':' in host else host}:{port}")


def run(settings: Settings) -> None:
    """Serve until told to end; then answer what was begun, for a while, and end.

    Raises
    ------
    InputError
        If it cannot listen where it should; known before a model is loaded.
    SightloopError
        If a model cannot be loaded, or the folder of what is kept not used.
    """
    _log()
    listening = _bound(settings.host, settings.port)
    _leave_processors()
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        # Longer than clients keep theirs, which else would send into a connection that is being closed.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )
    # uvicorn ends as asked, and then raises the signal again; to have ended as asked is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    _Announced(config).run([listening])


def _leave_processors() -> None:
    """Leave half of the processors to reading files and searching, which go on beside the model.

    On two busy ones a model that takes both halves what the server answers in all.
    """
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // 2))


def _log() -> None:
    """Tell what the server does, and of what it is made of only what goes wrong: libraries tell addresses."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("uvicorn", "sightloop"):
        logging.getLogger(name).setLevel(logging.INFO)


def _bound(host: str, port: int) -> socket.socket:
    """Take the port; nobody can connect before the server is ready to answer."""
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # Of a name with addresses of both kinds the one that every machine has.
        family, kind, protocol, _, address = min(places, key=lambda place: place[0] != socket.AF_INET)
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise InputError(
            f"the server cannot listen at {host}:{port}: {error.strerror}. Choose another --port or --host.",
            input=f"{host}:{port}",
        ) from error
    return bound
