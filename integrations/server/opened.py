"""Opened: memories that are open because somebody uses them, or did not long ago."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools.look import Eyes
from ...tools.remember import memory_of

if TYPE_CHECKING:
    from ...memory.store import VisualMemory

MOST_OPEN = 16
"""Memories that stay open when nobody uses them: each holds its vectors in working memory."""


@dataclass
class _Open:
    users: int = 0
    memory: VisualMemory | None = None
    opening: threading.Lock = field(default_factory=threading.Lock)


class Opened:
    """Memories by their folders: each is opened once for all who use it at the same time.

    Parameters
    ----------
    eyes : Eyes
        Which embed.
    most : int
        How many stay open; the longest unused are closed first.
    """

    def __init__(self, eyes: Eyes, most: int = MOST_OPEN) -> None:
        self._eyes = eyes
        self._most = most
        self._open: OrderedDict[Path, _Open] = OrderedDict()
        self._changed = threading.Condition()

    @contextmanager
    def borrow(self, folder: Path) -> Iterator[VisualMemory]:
        """Open the memory of a folder, or share it; it is not closed before the block ends.

        Raises
        ------
        InputError, MemoryLockedError, MemoryModelError, StorageError
            As of :func:`~sightloop.tools.remember.memory_of`.
        """
        with self._changed:
            one = self._open.setdefault(folder, _Open())
            self._open.move_to_end(folder)
            one.users += 1
        try:
            with one.opening:
                if one.memory is None:
                    one.memory = memory_of(self._eyes, folder)
            yield one.memory
        finally:
            with self._changed:
                one.users -= 1
                self._close_unused()
                self._changed.notify_all()

    def close(self, folder: Path) -> None:
        """Close the memory of a folder as soon as nobody uses it, and return then."""
        with self._changed:
            self._changed.wait_for(lambda: folder not in self._open or not self._open[folder].users)
            self._shut(folder)

    def close_all(self) -> None:
        """Close all memories, those in use too: the server ends."""
        with self._changed:
            for folder in list(self._open):
                self._shut(folder)

    def _close_unused(self) -> None:
        unused = [folder for folder, one in self._open.items() if not one.users]
        for folder in unused[: max(0, len(self._open) - self._most)]:
            self._shut(folder)

    def _shut(self, folder: Path) -> None:
        """Close a memory while nobody can open it anew: its folder has one owner at a time."""
        one = self._open.pop(folder, None)
        if one is not None and one.memory is not None:
            one.memory.close()
