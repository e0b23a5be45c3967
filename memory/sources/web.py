"""Web: a picture behind an address becomes a file, where the caller allows that.

The file is kept by the hash of its bytes, so that evidence on it can be reopened without fetching it again.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
import time
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 100 * 2**20
"""Largest download."""
SECONDS = 30.0
"""For the connection, and between two pieces of the answer."""
SECONDS_IN_ALL = 300.0
"""For all of a download: what comes drop by drop ends, too."""
REDIRECTS = 5
CHUNK = 2**16


def is_url(text: str) -> bool:
    """Whether a path is a web address."""
    return text.casefold().startswith(("http://", "https://"))


def download(
    url: str,
    folder: Path | None = None,
    *,
    hosts: Set[str] | None = None,
    most_bytes: int | None = None,
) -> Path:
    """Fetch a picture.

    Parameters
    ----------
    url : str
        ``http`` or ``https``. A public address may not lead on to one of this machine or its network.
    folder : Path, optional
        Where files are kept; by default the user's cache.
    hosts : set of str, optional
        The only hosts that are asked, with or without a port ("example.org", "127.0.0.1:8000"); redirects
        lead to these only, too.
    most_bytes : int, optional
        By default ``MOST_BYTES``.

    Returns
    -------
    Path
        Of the file, named by the hash of its bytes.

    Raises
    ------
    InputError
        If there is no answer, no success, more than ``most_bytes``, a host that is not allowed, or a
        redirect that is not followed.
    """
    import httpx

    target = folder or _cache()
    target.mkdir(parents=True, exist_ok=True)
    try:
        with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=True) as client:
            return _fetched(client, url, target, hosts, most_bytes or MOST_BYTES)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise InputError(
            f"{url} cannot be fetched: {str(error) or type(error).__name__}.", input=url
        ) from error


def _fetched(client: httpx.Client, url: str, folder: Path, hosts: Set[str] | None, most_bytes: int) -> Path:
    if not _allowed(url, hosts):
        raise InputError(
            f"{url} is not fetched: only {', '.join(sorted(hosts or ())) or 'no host'} may be asked.",
            input=url,
        )
    at, public = url, not _private(url)
    for _ in range(REDIRECTS + 1):
        with client.stream("GET", at) as answer:
            if answer.next_request is None:
                return _written(answer, url, folder, most_bytes)
            at = str(answer.next_request.url)
        if not is_url(at) or (public and _private(at)) or not _allowed(at, hosts):
            raise InputError(f"{url} leads to {at}, which is not followed.", input=url)
    raise InputError(f"{url} leads on more than {REDIRECTS} times.", input=url)


def _written(answer: httpx.Response, url: str, folder: Path, most_bytes: int) -> Path:
    if not answer.is_success:
        raise InputError(f"{url} cannot be fetched: HTTP status {answer.status_code}.", input=url)
    digest, size, partial = hashlib.sha256(), 0, folder / f".{os.getpid()}-{id(answer)}.part"
    end = time.monotonic() + SECONDS_IN_ALL
    try:
        with partial.open("wb") as file:
            for chunk in answer.iter_bytes(CHUNK):
                size += len(chunk)
                if size > most_bytes:
                    raise InputError(f"{url} has more than {most_bytes / 2**20:g} MiB.", input=url)
                if time.monotonic() > end:
                    raise InputError(
                        f"{url} came too slowly: it was not there after {SECONDS_IN_ALL:g} s.", input=url
                    )
                digest.update(chunk)
                file.write(chunk)
        return partial.replace(folder / digest.hexdigest())
    finally:
        partial.unlink(missing_ok=True)


def _allowed(url: str, hosts: Set[str] | None) -> bool:
    """Whether a host is one of those that may be asked; all are where none are named."""
    import httpx

    if hosts is None:
        return True
    found = httpx.URL(url)
    named = {host.casefold() for host in hosts}
    return bool({found.host.casefold(), found.netloc.decode("ascii").casefold()} & named)


def _private(url: str) -> bool:
    """Whether a host is this machine, or of its own network."""
    import httpx

    host = httpx.URL(url).host
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False  # the request itself will say that there is no such host
    return any(not ipaddress.ip_address(str(address).split("%")[0]).is_global for address in found)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sightloop" / "downloads"
