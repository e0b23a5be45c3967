"""Disk: what was written is there after a power cut, too."""

from __future__ import annotations

import os
from pathlib import Path


def synced(path: Path) -> None:
    """Have a file's bytes, or the names in a folder, be on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def all_synced(folder: Path) -> None:
    """Have a folder be on the disk with all that is in it."""
    for path in folder.rglob("*"):
        synced(path)
    synced(folder)
    synced(folder.parent)


def bytes_in(folder: Path) -> int:
    """Return how many bytes the files in a folder have."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
