"""Files that a question names: which they are is known apart from it, and means nothing to those who look."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

_BEFORE = (
    r"(?:according to|in|on|of|from|at|inside|within|between|across)\s+(?:the\s+)?"
    r"(?:(?:file|folder|picture|image|photo|video|clip|film|document|report|scene)s?\s+)?"
)
_BESIDE = rf"(?:\s*,\s*|\s+)(?:(?:and|or)\s+)?(?:{_BEFORE})?"

_OPEN = re.compile(r"\b(?:is|are|was|were)\W*$", re.IGNORECASE)
"""Ends of a sentence that is no longer whole: "What is in photo.png?" asks about the file itself."""


def without_files(question: str, files: Iterable[str]) -> str:
    """Leave out where a question says that it is about files, by their paths or names, in English.

    Parameters
    ----------
    question : str
    files : of str

    Returns
    -------
    str
        The question as it was, where no whole one would be left.

    Examples
    --------
    >>> without_files("What color is the circle in photo.png?", ["pictures/photo.png"])
    'What color is the circle?'
    """
    names = {name for file in files for name in (file, PurePath(file).name) if name}
    if not names:
        return question
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    one = rf"[\"'`]?(?:{listed})(?!\.?\w)[\"'`]?"
    left = re.sub(rf",?\s*\b{_BEFORE}{one}(?:{_BESIDE}{one})*", "", question, flags=re.IGNORECASE)
    left = left.strip(" ,")
    return left if re.search(r"\w", left) and not _OPEN.search(left) else question
