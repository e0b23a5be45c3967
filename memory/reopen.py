"""Reopen: from where a still came from, back to its pixels."""

from __future__ import annotations

from ..errors import EvidenceError, InputError
from .still import LIVE, MEMORY, Frame, Origin, Page, Still, View


def reopen(origin: Origin) -> Still:
    """Read a whole still again from its origin; errors as of :meth:`Evidence.reopen`."""
    if origin.source.startswith(MEMORY):
        raise EvidenceError(
            "this evidence is on pixels that were only in memory; ask about a file to be able to reopen it.",
            input=origin.source,
        )
    if isinstance(origin, Frame) and (origin.source.startswith(LIVE) or "://" in origin.source):
        message = f"{origin.source} was watched live; what it showed is gone, but for a memory's copy of it."
        raise EvidenceError(message, input=origin.source)
    try:
        return read(origin)
    except InputError as error:
        raise EvidenceError(f"evidence cannot be reopened: {error.message}", input=origin.source) from error


def read(origin: Origin) -> Still:
    """Read a whole still from its file; raises an InputError if that cannot be."""
    if isinstance(origin, Frame):  # each reader loads its own library
        from .sources.videos import read_frame

        return read_frame(origin.source, origin.t)
    if isinstance(origin, View):
        from .sources.scenes import read_view

        return read_view(origin.source, origin.camera)
    if isinstance(origin, Page):
        from .sources.documents import read_page

        return read_page(origin.source, origin.number)
    from .sources.photos import read_photo

    return read_photo(origin.source)
