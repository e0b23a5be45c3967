"""Fingerprint: what tells whether a file changed, without reading all of it."""

from __future__ import annotations

import hashlib
import os

from .sources.files import regular_file

ENDS = 2**16
"""Bytes of a file's beginning and of its end that are hashed."""


def fingerprint(path: str | os.PathLike[str]) -> str:
    """Return the size of a file, when it was written, and a hash of its ends.

    Raises
    ------
    InputError
        If it is not there, no file, empty, or may not be read.
    """
    with regular_file(path, "picture, video or document") as opened:
        status = os.fstat(opened.fileno())
        digest = hashlib.sha256(opened.read(ENDS))
        opened.seek(max(0, status.st_size - ENDS))
        digest.update(opened.read(ENDS))
    return f"{status.st_size}:{status.st_mtime_ns}:{digest.hexdigest()}"
