"""Gallery: the pictures of a run by the names that brains call them by, and how they survive a restart."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from PIL import Image
from pydantic import TypeAdapter

from ..errors import InputError, nearest
from ..memory import Evidence, Still
from ..memory.still import MEMORY
from ..tools.look import label
from .steps import Picture


class Gallery:
    """Stills by name, in order: "image 1" is the first input, "image 3" may be a crop that a tool made.

    Parameters
    ----------
    stills : of Still
    """

    def __init__(self, stills: Iterable[Still] = ()) -> None:
        self._stills: dict[str, Still] = {}
        for still in stills:
            self._put(still)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stills)

    def __len__(self) -> int:
        return len(self._stills)

    def __getitem__(self, name: str) -> Still:
        """Return the still of that name.

        Raises
        ------
        InputError
            If there is none; the message lists what there is.
        """
        return self._stills[self.key(name)]

    def key(self, name: str) -> str:
        """Return a name as it is kept, whatever its case and spacing; errors as of looking it up."""
        key = " ".join(name.casefold().split())
        if key not in self._stills:
            known = ", ".join(self._stills)
            hint = nearest(key, self._stills)
            raise InputError(f"there is no {name!r}; there are: {known}.{hint}", input=name)
        return key

    def add(self, still: Still, name: str | None = None) -> Picture:
        """Name a still, and return it as steps tell it; one that is already here keeps its name.

        ``name`` is what it is called, if it has a number of its own, as the views of a scene have.
        """
        for known, other in self._stills.items():
            if other is still or other == still:
                return self.picture(known)
        return self.picture(self._put(still, name))

    def _put(self, still: Still, name: str | None = None) -> str:
        name = name or label(still, len(self._stills) + 1)
        while name in self._stills:  # two files of one name have a page 3 each
            name += "'"
        self._stills[name] = still
        return name

    def picture(self, name: str) -> Picture:
        """Return the still of that name as steps tell it."""
        still = self[name]
        return Picture(name=self.key(name), still=still.ref, region=still.region)

    @property
    def stills(self) -> list[Still]:
        """All of them, in order."""
        return list(self._stills.values())

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All of them as steps tell them, in order."""
        return tuple(self.picture(name) for name in self._stills)

    def media(self, known: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return what no origin holds: the pixels that were only in memory, as PNG by their hash.

        Those in ``known`` are taken as they are there.
        """
        wholes = [still.whole or still for still in self._stills.values()]
        kept = {whole.sha256: whole for whole in wholes if whole.origin.source.startswith(MEMORY)}
        return {sha256: known.get(sha256) or _png(whole) for sha256, whole in kept.items()}

    @classmethod
    def restored(cls, pictures: Iterable[object], media: Mapping[str, bytes]) -> Gallery:
        """Make a gallery of what :attr:`pictures` (as JSON) and :meth:`media` kept.

        Raises
        ------
        EvidenceError
            If a file is gone or has changed since.
        """
        gallery = cls()
        opened: dict[str, Still] = {}
        for picture in TypeAdapter(list[Picture]).validate_python(list(pictures)):
            ref = picture.still
            if ref.sha256 not in opened:
                kept = media.get(ref.sha256)
                opened[ref.sha256] = (
                    Still(np.asarray(Image.open(io.BytesIO(kept))), ref.origin)
                    if kept is not None
                    else Evidence(still=ref, claim="", confidence=0).reopen()
                )
            whole = opened[ref.sha256]
            gallery._stills[picture.name] = whole.crop(picture.region) if picture.region else whole
        return gallery


def _png(still: Still) -> bytes:
    buffer = io.BytesIO()
    still.to_pil().save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
