"""Files: what the sources of a run are called, and which of them a name means."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..errors import InputError, nearest


def called(source: str) -> str:
    """Return what a source is called: a file's name, a stream's address."""
    return source if "://" in source else Path(source).name


def named(name: str, known: Collection[str], kind: str) -> str:
    """Return the path among known ones that is called so, by itself or by its file's name.

    Raises
    ------
    InputError
        If there is none; the message says of which kind, and what is near.
    """
    for path in known:
        if name in (path, called(path)):
            return path
    raise InputError(f"there is no {kind} {name!r}.{nearest(name, map(called, known))}", input=name)
