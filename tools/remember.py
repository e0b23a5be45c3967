"""Remember: a memory that is written by the eyes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from ..errors import InputError
from .captions import Captions, Readings
from .look import Eyes

if TYPE_CHECKING:
    from ..memory.embed import Embedder
    from ..memory.store import VisualMemory


def memory_of(
    eyes: Eyes,
    path: str | os.PathLike[str] | None = None,
    *,
    embedder: Embedder | None = None,
    captions: bool | None = None,
) -> VisualMemory:
    """Open a memory.

    Parameters
    ----------
    eyes : Eyes
        Which also embed, unless an ``embedder`` does.
    path : str or path, optional
        A folder, or the address of a Chroma server; a temporary one by default.
    embedder : Embedder, optional
    captions : bool, optional
        Whether the eyes describe and read new stills; by default the embedded model does, and others, which
        are slow at it, do not.

    Raises
    ------
    InputError
        If the eyes embed nothing, and there is no embedder.
    MemoryLockedError, MemoryModelError, StorageError
        As of :class:`~sightloop.memory.store.VisualMemory`.
    """
    from ..memory.store import VisualMemory  # loads Chroma

    if embedder is None and not hasattr(eyes, "embed"):
        raise InputError(f"{eyes.name} embeds nothing, so it cannot search videos by itself: pass a memory.")
    words = captions if captions is not None else not eyes.checkpoint.reads_times
    return VisualMemory(
        path,
        embedder=embedder or cast("Embedder", eyes),
        captioner=Captions(eyes) if words else None,
        reader=Readings(eyes) if words else None,
    )
