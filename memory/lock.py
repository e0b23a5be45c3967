"""One owner of a memory's folder: two writers damage an embedded Chroma without a word."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import MemoryLockedError, StorageError


class Owner:
    """The right to a folder, until it is released or the process ends, however it ends.

    Parameters
    ----------
    folder : Path
        Made if it is missing.

    Raises
    ------
    MemoryLockedError
        At once, if the folder has an owner, in this process or another; the message names its process.
    StorageError
        If the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "lock"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path, timeout=0, thread_local=False)  # who closes may be another thread
            self._lock.acquire()
            path.write_text(str(os.getpid()))
        except Timeout:
            raise MemoryLockedError(
                f"the memory {folder} is open in {_owner(path)}; a memory has one owner at a time: "
                "close it there, or wait until it is done.",
                input=str(folder),
            ) from None
        except OSError as error:
            raise StorageError(
                f"the memory {folder} cannot be opened for writing: {error.strerror}.", input=str(folder)
            ) from error

    def release(self) -> None:
        """Let others have the folder."""
        self._lock.release()


def _owner(path: Path) -> str:
    try:
        pid = path.read_text().strip()
    except OSError:
        pid = ""
    if pid == str(os.getpid()):
        return "this process"
    return f"the process {pid}" if pid else "another process"
