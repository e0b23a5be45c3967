"""Run: a server from its start to its last answer."""

from __future__ import annotations

import logging
import math
import signal
from socket import socket

import typer
import uvicorn

from .app import create_app
from .settings import Settings


class _Announced(uvicorn.Server):
    """Says where it listens as soon as it does: with port 0, only it knows."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            host, port = server.sockets[0].getsockname()[:2]
            typer.echo(f"Sightloop is at http://{f'[{host}]' if ':' in host else host}:{port}")


def run(settings: Settings) -> None:
    """Serve until told to end; then answer what was begun, for a while, and end.

    Raises
    ------
    SightloopError
        If a model cannot be loaded, or the folder of what is kept not used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )
    # uvicorn ends as asked, and then raises the signal again; to have ended as asked is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    _Announced(config).run()
