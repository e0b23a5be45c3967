"""Inputs: whatever a caller names or holds becomes stills, and one bad input never stops the others.

Nothing here needs the model, so that bad input is known before one is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError, check_text
from ..memory import Still
from ..memory.scene import Scene
from ..memory.sources.files import DOCUMENT_SUFFIXES, VIDEO_SUFFIXES, files_in
from ..memory.sources.photos import SUFFIXES, photos, read_photo
from ..memory.sources.web import download, is_url
from ..tools.differences import MOST_STILLS

Input: TypeAlias = str | os.PathLike[str] | Image.Image | NDArray[np.generic] | Still | Scene
"""A file, a folder of photos, videos and documents, an image or array in memory, a still, or a scene."""

Item = TypeVar("Item")

WHAT_CHANGED = "What changed?"
"""Asked of pictures that are compared."""

_ONE = (str, os.PathLike, Image.Image, np.ndarray, Still, Scene)


class Gathered(NamedTuple):
    """Inputs that were read: stills, files that open, and an error for each input that could not be used.

    There is always one of these, unless a memory is asked instead. A scene comes alone.
    """

    stills: list[Still]
    skipped: list[InputError]
    videos: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    scene: Scene | None = None


def asked(question: str) -> str:
    """Return the question without the space around it, or raise an InputError if it is none."""
    if not question.strip():
        raise InputError("the question is empty.", input=question)
    check_text(question, "question")
    return question.strip()


def gather(inputs: Input | Iterable[Input], *, urls: bool = False) -> Gathered:
    """Read all inputs, in their order; a folder stands for the photos, videos and documents in it.

    Videos and documents are only opened here: what they show is for a memory to keep, and for a search to
    find. So are scenes, whose views are chosen for the question.

    Parameters
    ----------
    inputs : path, PIL image, array, Still or Scene, or several of them
    urls : bool
        Whether web addresses may be fetched; they are refused otherwise.

    Raises
    ------
    InputError
        If there is no input, or none that can be read, or something beside a scene.
    """
    stills: list[Still] = []
    given = [inputs] if isinstance(inputs, _ONE) else list(inputs)
    scenes = [scene for scene in map(_scene, given) if scene is not None]
    if scenes:
        return _alone(scenes, given)
    every, videos, documents, skipped = _apart(given)
    for reads, run in groupby(every, lambda item: _reader(item, urls)):
        # Neighbouring paths are read in one call, which bounds the memory of all of them together.
        read, bad = reads(list(run))
        stills += read
        skipped += bad
    if stills or videos or documents:
        return Gathered(stills, skipped, tuple(videos), tuple(documents))
    if not skipped:
        raise InputError("there is no picture to look at; name at least one file or folder.")
    if len(skipped) == 1:
        raise skipped[0]
    listed = "\n".join(f"  {error.message}" for error in skipped)
    raise InputError(
        f"none of the {len(skipped)} inputs can be read:\n{listed}",
        input=", ".join(error.input or "?" for error in skipped),
    )


def _scene(item: Input) -> Scene | None:
    """Return the scene that an input is, if it is one."""
    if isinstance(item, Scene):
        return item
    if not isinstance(item, (str, os.PathLike)) or not str(item) or "\0" in str(item):
        return None
    from ..memory.sources.scenes import is_scene, open_scene

    try:
        known = is_scene(item)
    except InputError:
        return None  # reading it as a picture says why
    return open_scene(item) if known else None


def _alone(scenes: list[Scene], given: list[Input]) -> Gathered:
    """Return the only input, which is a scene."""
    scene = scenes[0]
    if len(given) > 1:
        raise InputError(
            f"{scene.source} is a 3D scene, which is asked about alone; ask about the rest separately.",
            input=scene.source,
        )
    return Gathered([], [], scene=scene)


def _apart(inputs: Iterable[Input]) -> tuple[list[Input], list[str], list[str], list[InputError]]:
    """Part inputs into those that are looked at, the absolute paths of videos and documents, and errors."""
    others: list[Input] = []
    videos: list[str] = []
    documents: list[str] = []
    errors: list[InputError] = []
    for item in inputs:
        files = _searched_in(item)
        if files is None:
            others.append(item)
            continue
        for file in files:
            try:
                if _is_document(file):
                    documents.append(_opened_document(file))
                else:
                    videos.append(_opened_video(file))
            except InputError as error:
                errors.append(error)
        folder = Path(str(item))
        if folder.is_dir():
            others += [file for file in files_in(folder, SUFFIXES) if file not in files]
    return others, list(dict.fromkeys(videos)), list(dict.fromkeys(documents)), errors


def _searched_in(item: Input) -> list[Path] | None:
    """Return the videos and documents that a path stands for: itself, or those in a folder; None if none."""
    if not isinstance(item, (str, os.PathLike)) or not str(item) or "\0" in str(item):
        return None
    path = Path(item)
    if path.suffix.casefold() in VIDEO_SUFFIXES or _is_document(path):
        return [path]
    try:
        if not path.is_dir():
            return None
        files = files_in(path, VIDEO_SUFFIXES | DOCUMENT_SUFFIXES)
        return [*files, *(file for file in files_in(path, SUFFIXES) if _is_document(file))] or None
    except (OSError, InputError):
        return None  # reading it as pictures says why


def _is_document(path: Path) -> bool:
    from ..memory.sources.documents import is_document

    return is_document(path)


def _opened_document(file: Path) -> str:
    from ..memory.sources.documents import Document

    with Document(file) as document:
        return document.source


def _opened_video(file: Path) -> str:
    from ..memory.sources.videos import Video  # loads PyAV

    with Video(file) as video:
        return video.source


def several(gathered: Gathered) -> Gathered:
    """Return what was read, if it can be compared.

    Raises
    ------
    InputError
        If there is only one still, or more than 16; what else could not be read is named too.
    """
    others = dict.fromkeys(gathered.videos, "video")
    others |= dict.fromkeys(gathered.documents, "document")
    others |= {gathered.scene.source: "scene"} if gathered.scene else {}
    for other, kind in others.items():
        message = f"comparing takes pictures, and {other} is a {kind}: ask a question about it."
        raise InputError(message, input=other)
    count = len(gathered.stills)
    if 2 <= count <= MOST_STILLS:
        return gathered
    bad = "".join(f"\n  {error.message}" for error in gathered.skipped)
    lost = f" These could not be read:{bad}" if bad else ""
    raise InputError(
        f"comparing takes 2 to {MOST_STILLS} pictures, not {count}.{lost}",
        input=", ".join(error.input or "?" for error in gathered.skipped) or None,
    )


Read = tuple[list[Still], list[InputError]]


def _reader(item: Input, urls: bool) -> Callable[[list[Any]], Read]:
    """Return what reads an input: files, addresses where they are allowed, or what is in memory."""
    if urls and isinstance(item, str) and is_url(item):
        return _from_web
    return photos if isinstance(item, (str, os.PathLike)) else _from_memory


def _from_memory(items: Iterable[Input]) -> Read:
    return _each(items, _still)


def _from_web(items: Iterable[str]) -> Read:
    return _each(items, _downloaded)


def _each(items: Iterable[Item], read: Callable[[Item], Still]) -> Read:
    stills: list[Still] = []
    errors: list[InputError] = []
    for item in items:
        try:
            stills.append(read(item))
        except InputError as error:
            errors.append(error)
    return stills, errors


def _downloaded(url: str) -> Still:
    file = download(url)
    try:
        still = read_photo(file)
    except InputError as error:
        raise InputError(error.message.replace(str(file), url), input=url) from error
    return replace(still, notes=(*still.notes, f"downloaded from {url}"))


def _still(item: Input) -> Still:
    if isinstance(item, Still):
        return item
    if isinstance(item, (Image.Image, np.ndarray)):
        return Still.from_array(item)
    raise InputError(f"a {type(item).__name__} is no picture; pass paths, PIL images, arrays or stills.")
