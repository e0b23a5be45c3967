"""What every route of the server may ask for: what the server holds, and who calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from .admission import Admission
from .keys import Keys
from .registry import Registry
from .settings import Settings
from .talking import Talking

if TYPE_CHECKING:
    from .tenants import Tenant, Tenants

LOCAL = "local"
"""The id of the one caller of a server without keys, which only this machine reaches."""


@dataclass
class Server:
    """All that a server holds while it runs.

    Parameters
    ----------
    settings : Settings
    keys : Keys
    models : Registry
    tenants : Tenants
    admission : Admission
        Who may use the models.
    threads : ThreadPoolExecutor
        Where requests wait for the models, one thread for each that is worked on.
    talking : Talking
        The conversations that somebody waits for an answer in.
    """

    settings: Settings
    keys: Keys
    models: Registry
    tenants: Tenants
    admission: Admission
    threads: ThreadPoolExecutor
    talking: Talking = field(default_factory=Talking)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Parameters
    ----------
    key_id : str
        Of the API key that was shown.
    tenant : Tenant
        What is kept for it, and for no other.
    """

    key_id: str
    tenant: Tenant


_bearer = HTTPBearer(auto_error=False, description="An API key: `sightloop serve keys add NAME` makes one.")


def server(request: Request) -> Server:
    """Return what the server holds."""
    return cast("Server", request.app.state.server)


def caller(request: Request, _: Annotated[object, Depends(_bearer)]) -> Caller:
    """Return who calls; the gate has let them in."""
    key_id: str = request.scope["key_id"]
    return Caller(key_id, server(request).tenants.of(key_id))


TheServer = Annotated[Server, Depends(server)]
TheCaller = Annotated[Caller, Depends(caller)]
