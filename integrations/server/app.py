"""The app: the routes of the server, and what they need, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from ... import __version__
from ...tools.llava_next import LlavaNext
from . import (
    chat,
    embeddings,
    failures,
    health,
    memories,
    metrics,
    models,
    page_router,
    results,
    uploads,
)
from .admission import Admission
from .depends import Server
from .gate import Gate
from .keys import Keys
from .registry import Registry
from .settings import Settings
from .tenants import Tenants

ROUTERS = (
    chat.router,
    embeddings.router,
    models.router,
    memories.router,
    uploads.router,
    results.router,
    page_router.router,
    health.router,
    metrics.router,
)


def create_app(settings: Settings, eyes: Iterable[LlavaNext] | None = None) -> FastAPI:
    """Put a server together; its models are loaded here, so that it only takes requests that it can answer.

    Parameters
    ----------
    settings : Settings
    eyes : of LlavaNext, optional
        The models to serve, in place of those that the settings name.

    Raises
    ------
    SightloopError
        If a model cannot be loaded, or the folder of what is kept not used.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    loaded = (
        eyes if eyes is not None else [LlavaNext(name, device=settings.device) for name in settings.models]
    )
    registry = Registry(loaded)
    server = Server(
        settings=settings,
        keys=Keys(settings.keys_file),
        models=registry,
        tenants=Tenants(settings.data / "tenants", registry.first, settings),
        admission=Admission(settings.concurrent, settings.queue),
        threads=ThreadPoolExecutor(settings.concurrent, thread_name_prefix="request"),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        server.tenants.start()
        yield
        # By now every request is answered or was cut off; what is left of those ends at its next token.
        server.threads.shutdown()
        server.tenants.close()
        registry.close()

    # The interactive documentation would come from somebody else's servers.
    app = FastAPI(
        title="Sightloop",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses={"4XX": {"model": failures.ErrorBody}},
    )
    app.state.server = server
    app.state.metrics = metrics.Metrics(server.admission)
    for router in ROUTERS:
        app.include_router(router)
    failures.install(app)
    app.add_middleware(Gate, server=server, metrics=app.state.metrics)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.origins, allow_methods=["*"], allow_headers=["*"],
            expose_headers=["*"],
        )  # fmt: skip
    return app
