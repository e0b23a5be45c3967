"""Web: a picture behind an address becomes a file, where the caller allows that.

The file is kept by the hash of its bytes, so that evidence on it can be reopened without fetching it again.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 100 * 2**20
"""Largest download."""
SECONDS = 30.0
"""For the connection, and between two pieces of the answer."""
REDIRECTS = 5
CHUNK = 2**16


def is_url(text: str) -> bool:
    """Whether a path is a web address."""
    return text.casefold().startswith(("http://", "https://"))


def download(url: str, folder: Path | None = None) -> Path:
    """Fetch a picture.

    Parameters
    ----------
    url : str
        ``http`` or ``https``. A public address may not lead on to one of this machine or its network.
    folder : Path, optional
        Where files are kept; by default the user's cache.

    Returns
    -------
    Path
        Of the file, named by the hash of its bytes.

    Raises
    ------
    InputError
        If there is no answer, no success, more than ``MOST_BYTES``, or a redirect that is not followed.
    """
    import httpx

    target = folder or _cache()
    target.mkdir(parents=True, exist_ok=True)
    try:
        with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=True) as client:
            return _fetched(client, url, target)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise InputError(
            f"{url} cannot be fetched: {str(error) or type(error).__name__}.", input=url
        ) from error


def _fetched(client: httpx.Client, url: str, folder: Path) -> Path:
    at, public = url, not _private(url)
    for _ in range(REDIRECTS + 1):
        with client.stream("GET", at) as answer:
            if answer.next_request is None:
                return _written(answer, url, folder)
            at = str(answer.next_request.url)
        if not is_url(at) or (public and _private(at)):
            raise InputError(f"{url} leads to {at}, which is not followed.", input=url)
    raise InputError(f"{url} leads on more than {REDIRECTS} times.", input=url)


def _written(answer: httpx.Response, url: str, folder: Path) -> Path:
    if not answer.is_success:
        raise InputError(f"{url} cannot be fetched: HTTP status {answer.status_code}.", input=url)
    digest, size, partial = hashlib.sha256(), 0, folder / f".{os.getpid()}-{id(answer)}.part"
    try:
        with partial.open("wb") as file:
            for chunk in answer.iter_bytes(CHUNK):
                size += len(chunk)
                if size > MOST_BYTES:
                    raise InputError(f"{url} has more than {MOST_BYTES // 2**20} MiB.", input=url)
                digest.update(chunk)
                file.write(chunk)
        return partial.replace(folder / digest.hexdigest())
    finally:
        partial.unlink(missing_ok=True)


def _private(url: str) -> bool:
    """Whether a host is this machine, or of its own network."""
    import httpx

    host = httpx.URL(url).host
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False  # the request itself will say that there is no such host
    return any(not ipaddress.ip_address(str(address).split("%")[0]).is_global for address in found)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sightloop" / "downloads"
