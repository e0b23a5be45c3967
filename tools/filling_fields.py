"""The fields of a form, and what they want by what they are called.

By the last word of a name, in English, as its author would read it: "source_image" is an image.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from ..memory.sources.files import DOCUMENT_SUFFIXES, VIDEO_SUFFIXES
from ..memory.sources.photos import SUFFIXES

WHOLE = frozenset({"question", "query", "text", "prompt", "message", "input", "request", "instruction"})
"""Fields that want the message itself."""
ANSWER = frozenset({"answer", "result", "response", "reply", "output", "summary", "finding"})
"""Fields that want what a tool has answered."""
FILES: Mapping[str, Callable[[str], bool]] = {
    **dict.fromkeys(("file", "path", "source", "url"), lambda name: True),
    **dict.fromkeys(("image", "picture", "photo"), lambda name: _suffix(name) not in DOCUMENT_SUFFIXES),
    **dict.fromkeys(("video", "clip", "film"), lambda name: _suffix(name) in VIDEO_SUFFIXES),
    **dict.fromkeys(("document", "pdf", "page"), lambda name: _suffix(name) in DOCUMENT_SUFFIXES),
    "scene": lambda name: _suffix(name) not in DOCUMENT_SUFFIXES | VIDEO_SUFFIXES | SUFFIXES,
}
"""By what a field is called, which files it takes; pictures may be videos and folders of them."""


class Field(NamedTuple):
    """A field that wants one simple value: its schema, and its path in the form."""

    schema: Mapping[str, Any]
    path: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The type of its value."""
        return str(self.schema.get("type"))

    @property
    def noun(self) -> str:
        """The last word of its name, which says what it is, in the singular."""
        return self.name.casefold().rpartition(" ")[2].removesuffix("s")

    @property
    def name(self) -> str:
        """Its name, as words."""
        return " ".join(re.findall(r"[^\W_]+", self.path[-1])) if self.path else ""

    def wants(self, words: Container[str]) -> bool:
        """Whether it is a string that is called by one of some words."""
        return self.kind == "string" and self.noun in words


def _suffix(name: str) -> str:
    return PurePath(name).suffix.casefold()


def takes_file(name: str, files: Iterable[str]) -> bool:
    """Tell whether a field of a name takes one of some files."""
    takes = FILES.get(Field({}, (name,)).noun)
    return takes is not None and any(map(takes, files))


def asks(schema: Mapping[str, Any]) -> bool:
    """Tell whether a form has a field that takes a question or a file."""
    nouns = {Field({}, (name,)).noun for name in schema.get("properties", ())}
    return bool(nouns & (WHOLE | FILES.keys()))
