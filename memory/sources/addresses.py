"""Addresses of streams, and how they are named without their credentials."""

from __future__ import annotations

import re

from ...errors import InputError, nearest

SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "http", "https", "tcp", "tls", "udp"})
"""Of the addresses that are watched."""

HIDDEN = "***"

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# cameras take them in the query, and some in the path: rtsp://camera/user=admin&password=secret&channel=1
_SECRET = re.compile(
    r"((?<![a-z])(?:[a-z_-]*(?:user|pass|pwd|token|secret|auth|sign|cred|session)[a-z_-]*|usr|pw|[a-z_-]*key|sig)=)"
    r"[^&;#\s]*",
    re.IGNORECASE,
)

_PLACE = re.compile(r"[^:\[\]]*(:\d+)?|\[[^\]]*\](:\d+)?")  # a host and its port, without a user


def is_stream(address: str) -> bool:
    """Whether an address is that of a stream rather than the path of a file.

    Raises
    ------
    InputError
        If it has a scheme that is none of ``SCHEMES``.
    """
    found = _SCHEME.match(address)
    if found is None:
        return False
    if found[1].lower() not in SCHEMES:
        raise InputError(
            f"{redacted(address)} has a scheme that is not watched.{nearest(found[1], SCHEMES)} "
            f"These are: {', '.join(sorted(SCHEMES))}.",
            input=redacted(address),
        )
    return True


def redacted(address: str) -> str:
    """Return an address without user, password, and what in it is named like a secret.

    What tells one camera from another stays: ``rtsp://ann:pw@host/cam?channel=2&token=x`` becomes
    ``rtsp://***@host/cam?channel=2&token=***``. Where a password is not escaped and so its end is in doubt,
    more is hidden rather than less.
    """
    found = _SCHEME.match(address)
    if found is None:
        return address
    scheme, rest = address[: found.end()], address[found.end() :]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at, place = rest.rpartition("@")
    if at and user and ("@" in authority or not _PLACE.fullmatch(authority)):
        rest = f"{HIDDEN}@{place}"
    return scheme + _SECRET.sub(rf"\1{HIDDEN}", rest)
