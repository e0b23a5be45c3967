"""Faces: the ways in which Sightloop is used, which of them can run here, and what the others lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Face:
    """A way to use Sightloop.

    Parameters
    ----------
    name : str
    begins : str
        The command or the import that it begins with.
    extra : str or None
        The extra that it needs beyond the package itself.
    """

    name: str
    begins: str
    extra: str | None = None


FACES = (
    Face("command line", "sightloop ask"),
    Face("python", "from sightloop import VisualAgent"),
    Face("langchain model", "from sightloop.integrations.langchain import ChatLlavaNext"),
    Face("langchain agent", "from langchain.agents import create_agent", "langchain"),
    Face("server", "sightloop serve", "server"),
    Face("web page", "sightloop serve", "server"),
    Face("mcp", "sightloop mcp", "mcp"),
)


def faces(extras: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Say of each face whether it can run here.

    Parameters
    ----------
    extras : of mappings
        As :func:`sightloop.tools.llava_next.machine.extras` lists them.

    Returns
    -------
    list of dict
        ``face``, ``begins`` (the command or import), ``runs``, and ``install``, the line that brings what is
        missing, or None.
    """
    known = {row["extra"]: row for row in extras}
    found = []
    for face in FACES:
        # a package that is run from its source, and was never installed, declares no extras
        lacks = face.extra is not None and bool(known.get(face.extra, {"missing": True})["missing"])
        install = f'pip install "sightloop[{face.extra}]"' if lacks else None
        found.append({"face": face.name, "begins": face.begins, "runs": not lacks, "install": install})
    return found
