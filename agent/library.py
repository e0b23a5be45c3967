"""Library: the memory that a run's searches look in, and how its videos come into it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..errors import InputError
from ..tools.look import Eyes
from ..tools.remember import memory_of
from .inputs import Gathered, Input, gather

if TYPE_CHECKING:
    from ..memory.store import VisualMemory


class Library:
    """Holds an agent's memory: the user's own, or a temporary one for the files that questions are about.

    Parameters
    ----------
    eyes : Eyes
        Which also embed, for a temporary memory.
    memory : VisualMemory, optional
    """

    def __init__(self, eyes: Eyes, memory: VisualMemory | None = None) -> None:
        self._eyes = eyes
        self._memory = memory
        self._own = memory is not None
        self._adding = threading.Lock()

    def gathered(self, inputs: Input | Iterable[Input] | Gathered, *, urls: bool = False) -> Gathered:
        """Read inputs; none at all stands for everything in the user's memory. Errors as of ``gather``."""
        if isinstance(inputs, Gathered):
            return inputs
        if self._own and isinstance(inputs, (list, tuple)) and not inputs:
            return Gathered([], [])
        return gather(inputs, urls=urls)

    def holding(self, gathered: Gathered, admit: Callable[[], None]) -> VisualMemory | None:
        """Return the memory with the files of a run in it, or None where there is nothing to search.

        Parameters
        ----------
        gathered : Gathered
            A video that cannot be read to its end is held as far as it goes; a file that cannot be read at
            all is added to ``skipped``.
        admit : callable
            Called while files are read; raises to stop.

        Raises
        ------
        InputError
            If there are no stills, and none of the files can be read.
        """
        files = (*gathered.videos, *gathered.documents)
        if not files:
            alone = not gathered.stills and gathered.scene is None
            return self._memory if self._own and alone else None
        with self._adding:
            if self._memory is None:
                self._memory = memory_of(self._eyes)
            held = 0
            for file in files:
                try:
                    added = self._memory.add(file, progress=lambda _: admit())
                except InputError as error:
                    known = any(source.path == file for source in self._memory.sources())
                    held += known  # what it kept can still be searched
                    gathered.skipped.append(error)
                else:
                    gathered.skipped.extend(added.skipped)
                    held += len(added.sources) + len(added.unchanged)
        if not held and not gathered.stills:
            raise gathered.skipped[-1]
        return self._memory


def searched_kinds(memory: VisualMemory | None, gathered: Gathered) -> tuple[str, ...]:
    """Return of which kinds the sources are that a run searches: its own files, or all of a memory."""
    if memory is None:
        return ()
    own = {*gathered.videos, *gathered.documents}
    return tuple(sorted({source.kind for source in memory.sources() if not own or source.path in own}))
