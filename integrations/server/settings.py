"""Settings: what the operator of a server decides, once, before it starts."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]

MIB = 2**20


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by a name that nobody else gives."""
    try:
        return host.casefold() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Settings(BaseModel):
    """What a server may do, and how much of it.

    Parameters
    ----------
    data : path
        Folder of the keys, and of what is kept for each of them.
    host, port : str, int
        Where it listens.
    models : tuple of str
        Checkpoints to serve, by name or folder; the first is what the agent and the memories look with.
    device : str, optional
        Where they are loaded.
    url_hosts : frozenset of str
        Hosts from which media may be fetched that a client names by address; none by default.
    origins : tuple of str
        Origins of web pages, beside the server's own, that may call it from a browser.
    concurrent : int
        Requests that are worked on at once.
    queue : int
        Requests that may wait for that; one more gets 429.
    body_bytes : int
        Largest body of a request that is read as JSON.
    upload_bytes : int
        Largest file that a memory takes.
    kept_bytes : int
        Most bytes of files that are kept for one key.
    piece_bytes : int
        Most of a file that one request may bring.
    drain_seconds : float
        How long running requests may go on after the server was told to end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    models: tuple[str, ...] = ("pocket",)
    device: str | None = None
    url_hosts: frozenset[str] = frozenset()
    origins: tuple[str, ...] = ()
    concurrent: Count = 16
    queue: Annotated[int, Field(ge=0)] = 64
    body_bytes: Count = 64 * MIB
    upload_bytes: Count = 4096 * MIB
    kept_bytes: Count = 64 * 1024 * MIB
    piece_bytes: Count = 64 * MIB
    drain_seconds: Seconds = 30.0

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def keys_file(self) -> Path:
        """Where the hashes of the API keys are."""
        return self.data / "keys.json"
