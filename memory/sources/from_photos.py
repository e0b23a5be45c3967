"""Scenes of unposed photos: structure from motion by pycolmap (Schoenberger and Frahm, CVPR 2016).

The result is a COLMAP workspace beside copies of the photos. Its scale is unknown: pictures alone do not tell
it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from ...errors import InputError, MissingExtraError, SceneError
from ..scene import Scene
from .colmap import read_colmap
from .files import checked_path, files_in
from .photos import SUFFIXES, read_photo, stored_size

ALL_PAIRS = 120
"""Photos up to which each is matched with every other; of more, taken as a walk, each with its next."""
SIDE = 1600
"""Longest side of a photo in which features are looked for, pixels."""
SEED = 0
"""Of COLMAP's samples, so that the same photos give the same scene."""
LONGEST = 3600
"""Seconds that finding poses may take, once the photos are matched."""
ORIENTATION = 0x0112
"""EXIF tag that says how a stored photo is to be turned."""

Progress = Callable[[str, int, int], None]
"""Told of a stage ("features", "poses"), how far it is and of how many."""

Photo = str | os.PathLike[str]


def from_photos(
    photos: Photo | Iterable[Photo], out: str | os.PathLike[str], progress: Progress | None = None
) -> Scene:
    """Find out from where photos of one place were taken.

    Parameters
    ----------
    photos : paths of files, or of folders of them
        At least two that overlap; better a dozen, each showing two thirds of what the one before shows.
    out : path
        Folder to write the scene to; must be empty or not exist.
    progress : callable, optional

    Returns
    -------
    Scene
        Of the largest group of photos that fit together, up to scale; warnings name those that were left out.

    Raises
    ------
    MissingExtraError
        If pycolmap is not installed.
    SceneError
        If there are fewer than two photos, ``out`` holds something, or no two photos show enough of the same
        from different places.
    """
    try:
        import pycolmap
    except ImportError:
        raise MissingExtraError("pycolmap", "scene", "finding the poses of photos") from None
    tell = progress or (lambda stage, done, of: None)
    target = checked_path(out, "scene")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SceneError(f"{target} is not empty; name a new folder for the scene.", input=str(target))
    files, skipped = _files([photos] if isinstance(photos, str | os.PathLike) else photos)
    work = target / ".work"
    work.mkdir(parents=True, exist_ok=True)
    try:
        names = _copied(files, target / "images", skipped)
        models = _mapped(pycolmap, target / "images", work, names, tell)
        largest = max(models, key=lambda model: model.num_reg_images(), default=None)
        if largest is None or largest.num_reg_images() < 2:
            raise SceneError(
                f"the {len(names)} photos could not be posed: no two of them show enough of the same things "
                "from different places. Take more, side by side, each showing two thirds of the one before, "
                "of something with texture.",
                input=str(target),
            )
        (target / "sparse" / "0").mkdir(parents=True)
        largest.write_binary(str(target / "sparse" / "0"))
    except BaseException:
        shutil.rmtree(target / "images", ignore_errors=True)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    scene = read_colmap(target)
    left = sorted(set(names) - set(scene.names))
    lost = [f"{name} does not overlap enough with the others and has no pose" for name in left]
    scene.warnings = (*scene.warnings, *skipped, *lost)
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


def _mapped(pycolmap: Any, images: Path, work: Path, names: list[str], tell: Progress) -> list[Any]:
    """Run COLMAP on the CPU: features, matches, then one camera after the other."""
    pycolmap.logging.minloglevel = pycolmap.logging.Level.FATAL
    pycolmap.set_random_seed(SEED)
    database = work / "database.db"
    features = pycolmap.FeatureExtractionOptions(use_gpu=False, max_image_size=SIDE)
    tell("features", 0, len(names))
    one = len({stored_size(images / name) for name in names}) == 1
    # Photos of one size are taken as one camera's: a focal length for each is more than few photos tell.
    camera = pycolmap.CameraMode.SINGLE if one else pycolmap.CameraMode.PER_IMAGE
    pycolmap.extract_features(
        database, images, image_names=names, camera_mode=camera, extraction_options=features
    )
    tell("features", len(names), len(names))
    matching = pycolmap.FeatureMatchingOptions(use_gpu=False)
    match = pycolmap.match_exhaustive if len(names) <= ALL_PAIRS else pycolmap.match_sequential
    match(database, matching_options=matching)
    options = pycolmap.IncrementalPipelineOptions(
        random_seed=SEED, max_runtime_seconds=LONGEST, min_model_size=min(3, len(names))
    )
    posed = iter(range(2, len(names) + 1))
    models = pycolmap.incremental_mapping(
        database,
        images,
        work,
        options=options,
        next_image_callback=lambda: tell("poses", next(posed, len(names)), len(names)),
    )
    return list(models.values())
