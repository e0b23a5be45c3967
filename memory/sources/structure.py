"""Structure from motion by pycolmap (Schoenberger and Frahm, CVPR 2016), on the CPU and within a time.

COLMAP's steps run in a thread of their own, so that progress is told, and Ctrl-C and the limit are heeded.
Its database is left alone meanwhile: pycolmap brings a SQLite of its own, and a second copy of SQLite that
opens and closes the same file in one process takes the locks of the first away (sqlite.org/howtocorrupt.html,
2.2.1).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar

from ...errors import SceneError
from .photos import stored_size

ALL_PAIRS = 120
"""Photos up to which each is matched with every other; of more, taken as a walk, each with its next."""
NEXT = 10
"""How many of its next ones, in a walk; and those twice, four times ... as far away."""
SIDE = 1600
"""Longest side of a photo in which features are looked for, pixels."""
SEED = 0
"""Of COLMAP's samples, so that the same photos give the same scene."""
ENOUGH = 15
"""Matches that fit one geometry, of two photos that show the same; COLMAP's own least."""
OFTEN = 0.2
"""Seconds between looks at how far it is."""

Progress = Callable[[str, int, int], None]
"""Told of a stage ("features", "matches", "poses"), how far it is and of how many."""
T = TypeVar("T")


def largest_model(images: Path, work: Path, names: list[str], tell: Progress, limit: float) -> Any:
    """Return the ``pycolmap.Reconstruction`` of most photos.

    Parameters
    ----------
    images : path
        The folder of the photos.
    work : path
        An empty folder for what is only needed meanwhile.
    names : list of str
        The photos, in the order they were taken in if there are many.
    tell : callable
    limit : float, seconds

    Raises
    ------
    SceneError
        If fewer than two photos could be posed, and why, or the time ran out.
    """
    import pycolmap

    pycolmap.logging.minloglevel = pycolmap.logging.Level.FATAL.value
    pycolmap.set_random_seed(SEED)
    run = _Run(work / "database.db", time.monotonic() + limit, limit, tell)
    one = len({stored_size(images / name) for name in names}) == 1
    # Photos of one size are taken as one camera's: a focal length for each is more than few photos tell.
    camera = pycolmap.CameraMode.SINGLE if one else pycolmap.CameraMode.PER_IMAGE
    # Several threads store the photos' features in the order in which they happen to end, which later steps
    # follow: one thread makes the same photos give the same scene.
    features = pycolmap.FeatureExtractionOptions(use_gpu=False, max_image_size=SIDE, num_threads=1)
    run.step(
        "features",
        len(names),
        lambda token: pycolmap.extract_features(
            run.database,
            images,
            image_names=names,
            camera_mode=camera,
            extraction_options=features,
            cancellation_token=token,
        ),
    )
    run.step("matches", _pairs(len(names)), lambda token: _match(pycolmap, run.database, len(names), token))
    options = pycolmap.IncrementalPipelineOptions(random_seed=SEED, min_model_size=min(3, len(names)))
    options.mapper.random_seed = options.triangulation.random_seed = SEED
    options.num_threads = options.mapper.num_threads = 1  # sums of several threads differ from run to run
    models = run.step(
        "poses",
        len(names),
        lambda token: pycolmap.incremental_mapping(
            run.database,
            images,
            work,
            options=options,
            next_image_callback=run.another,
            cancellation_token=token,
        ),
    )
    model = max(models.values(), key=lambda model: model.num_reg_images(), default=None)
    if model is None or model.num_reg_images() < 2:
        raise SceneError(_why_not(pycolmap, run.database, len(names)), input=str(images.parent))
    return model


class _Run:
    """What COLMAP's steps have in common: their database, when they must end, and whom to tell."""

    def __init__(self, database: Path, end: float, limit: float, tell: Progress) -> None:
        self.database = database
        self._end, self._limit, self._tell = end, limit, tell
        self._posed = 0

    def another(self) -> None:
        """Count a photo that got its pose."""
        self._posed += 1

    def step(self, stage: str, of: int, work: Callable[[Any], T]) -> T:
        """Do one step, tell how far it is, and call it off when the time is over or somebody stops it."""
        import pycolmap

        token = pycolmap.CancellationToken()
        self._tell(stage, 0, of)
        with ThreadPoolExecutor(1, thread_name_prefix="colmap") as pool:
            doing = pool.submit(work, token)
            try:
                while not doing.done() and time.monotonic() < self._end:
                    wait([doing], OFTEN)
                    self._tell(stage, min(self._posed, of), of)
            finally:
                late = not doing.done()
                token.cancel()
        if late:
            raise SceneError(
                f"finding the poses took longer than {self._limit:g} s, and was given up at the {stage}: "
                "pass fewer or smaller photos."
            )
        try:
            result = doing.result()
        except (ValueError, RuntimeError, OSError) as error:
            raise SceneError(f"COLMAP could not go on at the {stage}: {error}") from error
        self._tell(stage, of, of)
        return result


def _pairs(count: int) -> int:
    return count * (count - 1) // 2 if count <= ALL_PAIRS else count * NEXT


def _match(pycolmap: Any, database: Path, count: int, token: Any) -> None:
    match: dict[str, Any] = {
        "matching_options": pycolmap.FeatureMatchingOptions(use_gpu=False),
        "verification_options": pycolmap.TwoViewGeometryOptions(),
        "cancellation_token": token,
    }
    match["verification_options"].ransac.random_seed = SEED
    if count <= ALL_PAIRS:
        pycolmap.match_exhaustive(database, **match)
        return
    walk = pycolmap.SequentialPairingOptions(overlap=NEXT, quadratic_overlap=True, loop_detection=False)
    pycolmap.match_sequential(database, pairing_options=walk, **match)


def _why_not(pycolmap: Any, path: Path, count: int) -> str:
    """Return why photos could not be posed, by what pairs of them have in common."""
    advice = "Take more, side by side, each showing two thirds of the one before, of something with texture."
    with pycolmap.Database.open(path) as database:
        _, geometries = database.read_two_view_geometries()
    matches = [len(geometry.inlier_matches) for geometry in geometries]
    fit = sum(number >= ENOUGH for number in matches)
    if not fit:
        return (
            f"the {count} photos could not be posed: no two of them show enough of the same things (at most "
            f"{max(matches, default=0)} points match, of {ENOUGH} at least). {advice}"
        )
    return (
        f"the {count} photos could not be posed: {fit} pairs of them show the same things, but too little of "
        "it or from one place: without parallax nothing tells where they were taken. Step sideways between "
        f"photos. {advice}"
    )
