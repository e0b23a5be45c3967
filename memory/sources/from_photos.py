"""Scenes of unposed photos, by structure from motion.

The result is a COLMAP workspace beside copies of the photos. Its scale is unknown: pictures alone do not tell
it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from ...errors import InputError, MissingExtraError, SceneError
from ..scene import Scene
from .colmap import read_colmap
from .files import checked_path, files_in
from .photos import SUFFIXES, read_photo
from .structure import Progress, largest_model

LONGEST = 3600.0
"""Seconds that finding poses may take, if nobody says otherwise."""
ORIENTATION = 0x0112
"""EXIF tag that says how a stored photo is to be turned."""

Photo = str | os.PathLike[str]


def from_photos(
    photos: Photo | Iterable[Photo],
    out: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    seconds: float = LONGEST,
) -> Scene:
    """Find out from where photos of one place were taken.

    Parameters
    ----------
    photos : paths of files, or of folders of them
        At least two that overlap; better a dozen, each showing two thirds of what the one before shows.
    out : path
        Folder to write the scene to; must be empty or not exist.
    progress : callable, optional
        Told of a stage ("features", "matches", "poses"), how far it is and of how many.
    seconds : float
        Longest that it may take.

    Returns
    -------
    Scene
        Of the largest group of photos that fit together, up to scale; warnings name those that were left out.

    Raises
    ------
    MissingExtraError
        If pycolmap is not installed.
    SceneError
        If there are fewer than two photos, ``out`` holds something, no two photos show enough of the same
        from different places, or finding out takes too long.
    """
    if find_spec("pycolmap") is None:
        raise MissingExtraError("pycolmap", "scene", "finding the poses of photos")
    tell = progress or (lambda stage, done, of: None)
    target = checked_path(out, "scene")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SceneError(f"{target} is not empty; name a new folder for the scene.", input=str(target))
    files, skipped = _files([photos] if isinstance(photos, str | os.PathLike) else photos)
    work = target / ".work"
    work.mkdir(parents=True, exist_ok=True)
    try:
        names = _copied(files, target / "images", skipped)
        model = largest_model(target / "images", work, names, tell, seconds)
        (target / "sparse" / "0").mkdir(parents=True)
        model.write_binary(str(target / "sparse" / "0"))
    except BaseException:
        for made in ("images", "sparse"):
            shutil.rmtree(target / made, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    scene = read_colmap(target)
    scene.warnings = (*scene.warnings, *skipped)
    return scene


def _files(photos: Iterable[Photo]) -> tuple[list[Path], list[str]]:
    """Return the files of photos, and what was wrong with what is none."""
    files: list[Path] = []
    skipped: list[str] = []
    for item in photos:
        path = checked_path(item, "photo")
        try:
            files += files_in(path, SUFFIXES) if path.is_dir() else [path]
        except InputError as error:
            skipped.append(error.message)
    return list(dict.fromkeys(files)), skipped


def _copied(files: list[Path], folder: Path, skipped: list[str]) -> list[str]:
    """Copy photos that can be read, upright, under names of their own; return the names.

    A file is copied as it is, for its EXIF tells the focal length; but one that is to be turned is turned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    for file in files:
        try:
            still = read_photo(file)
        except InputError as error:
            skipped.append(error.message)
            continue
        name = file.name if file.name not in names else f"{len(names):04d}-{file.name}"
        with Image.open(file) as image:
            turned = image.getexif().get(ORIENTATION, 1) != 1
        if turned:
            name = f"{Path(name).stem}.png"
            still.to_pil().save(folder / name)
        else:
            shutil.copyfile(file, folder / name)
        names.append(name)
    if len(names) < 2:
        lost = f" These could not be read: {'; '.join(skipped)}" if skipped else ""
        message = f"poses are found from two or more photos that overlap, not from {len(names)}.{lost}"
        raise SceneError(message, input=", ".join(map(str, files)) or None)
    return names
