"""Inputs: whatever a caller names or holds becomes stills, and one bad input never stops the others.

Nothing here needs the model, so that bad input is known before one is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from ..memory import Still
from ..memory.sources.photos import photos
from ..tools.differences import MOST_STILLS

Input: TypeAlias = str | os.PathLike[str] | Image.Image | NDArray[np.generic] | Still
"""A file, a folder of photos, an image or array in memory, or a still."""

_ONE = (str, os.PathLike, Image.Image, np.ndarray, Still)


class Gathered(NamedTuple):
    """Inputs that were read: the stills, never none, and an error for each input that could not be."""

    stills: list[Still]
    skipped: list[InputError]


def asked(question: str) -> str:
    """Return the question without the space around it, or raise an InputError if nothing is left."""
    if not question.strip():
        raise InputError("the question is empty.", input=question)
    return question.strip()


def gather(inputs: Input | Iterable[Input]) -> Gathered:
    """Read all inputs, in their order; a folder stands for the photos in it.

    Raises
    ------
    InputError
        If there is no input, or none that can be read.
    """
    stills: list[Still] = []
    skipped: list[InputError] = []
    for are_paths, run in groupby([inputs] if isinstance(inputs, _ONE) else inputs, _is_path):
        group = list(run)
        # Neighbouring paths are read in one call, which bounds the memory of all of them together.
        read, bad = photos(_paths(group)) if are_paths else _from_memory(group)
        stills += read
        skipped += bad
    if stills:
        return Gathered(stills, skipped)
    if not skipped:
        raise InputError("there is no picture to look at; name at least one file or folder.")
    if len(skipped) == 1:
        raise skipped[0]
    listed = "\n".join(f"  {error.message}" for error in skipped)
    raise InputError(
        f"none of the {len(skipped)} inputs can be read:\n{listed}",
        input=", ".join(error.input or "?" for error in skipped),
    )


def several(gathered: Gathered) -> Gathered:
    """Return what was read, if it can be compared.

    Raises
    ------
    InputError
        If there is only one still, or more than 16; what else could not be read is named too.
    """
    count = len(gathered.stills)
    if 2 <= count <= MOST_STILLS:
        return gathered
    bad = "".join(f"\n  {error.message}" for error in gathered.skipped)
    lost = f" These could not be read:{bad}" if bad else ""
    raise InputError(
        f"comparing takes 2 to {MOST_STILLS} pictures, not {count}.{lost}",
        input=", ".join(error.input or "?" for error in gathered.skipped) or None,
    )


def _is_path(item: Input) -> bool:
    return isinstance(item, (str, os.PathLike))


def _paths(items: Iterable[Input]) -> list[str | os.PathLike[str]]:
    return [item for item in items if isinstance(item, (str, os.PathLike))]


def _from_memory(items: Iterable[Input]) -> tuple[list[Still], list[InputError]]:
    stills: list[Still] = []
    errors: list[InputError] = []
    for item in items:
        try:
            stills.append(_still(item))
        except InputError as error:
            errors.append(error)
    return stills, errors


def _still(item: Input) -> Still:
    if isinstance(item, Still):
        return item
    if isinstance(item, (Image.Image, np.ndarray)):
        return Still.from_array(item)
    raise InputError(f"a {type(item).__name__} is no picture; pass paths, PIL images, arrays or stills.")
