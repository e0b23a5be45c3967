"""TUM RGB-D: ``rgb.txt``, ``depth.txt`` and ``groundtruth.txt``, joined by time.

Poses are camera-to-world (translation, then a quaternion x y z w) with OpenCV axes in metres; they are
interpolated at the time of the picture. Depth is a 16-bit PNG of 5000 units a metre, registered to colour, 0
where unknown. Intrinsics come from ``camera.txt`` (fx fy cx cy [k1 k2 p1 p2 k3]) or, for the published
sequences, from the name of their folder; pixels count from the centre of the first one.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError
from ..geometry import Array, Camera
from ..scene import Scene, SceneView
from ..still import Size
from .scene_files import inside, inverted, read_color, read_depth, read_lens, size_of, usable
from .trajectory import Trajectory

APART = 0.02
"""Seconds between a picture and its depth, at most, as the dataset's own ``associate.py`` has it."""
GAP = 0.2
"""Seconds between two poses, at most, between which one is interpolated."""
UNITS = 5000.0
PUBLISHED = {
    "freiburg1": (
        517.306408,
        516.469215,
        318.643040,
        255.313989,
        0.262383,
        -0.953104,
        -0.005358,
        0.002628,
        1.163314,
    ),
    "freiburg2": (
        520.908620,
        521.007327,
        325.141442,
        249.701764,
        0.231222,
        -0.784899,
        -0.003257,
        -0.000105,
        0.917205,
    ),
    "freiburg3": (535.4, 539.2, 320.1, 247.6, 0.0, 0.0, 0.0, 0.0, 0.0),
}
"""fx fy cx cy k1 k2 p1 p2 k3 of the colour cameras, as the dataset's page gives them."""
PUBLISHED_SIZE = Size(640, 480)
CAMERA = "camera.txt"
NUMBERS = "fx fy cx cy [k1 k2 p1 p2 k3]"
"""What camera.txt holds."""
FILES = ("rgb.txt", "groundtruth.txt")
CONVENTION = (
    "TUM RGB-D: camera-to-world, quaternions x y z w, OpenCV axes, metres, principal points from the centre "
    "of the first pixel, depth of 5000 units a metre"
)


def is_tum(path: Path) -> bool:
    """Tell whether a folder is laid out so."""
    return path.is_dir() and all((path / name).is_file() for name in FILES)


def read_tum(path: Path) -> Scene:
    """Read such a folder; ``depth.txt`` may be missing.

    Raises
    ------
    SceneError
        If the intrinsics are not known, a list cannot be read, or no picture has a pose at its time.
    """
    lens = _lens(path)
    warnings: list[str] = []
    colors, depths = _listed(path / "rgb.txt"), _listed(path / "depth.txt")
    trajectory = _trajectory(path / "groundtruth.txt", warnings)
    views, lost = [], 0
    start = colors[0][0] if colors else 0.0
    times = np.array([t for t, _ in depths])
    for t, name in colors:
        pose = trajectory.at(t, GAP)
        if pose is None:
            lost += 1
            continue
        near = int(np.abs(times - t).argmin()) if len(times) else None
        deep = depths[near][1] if near is not None and abs(times[near] - t) <= APART else None
        try:
            views.append(_view(path, name, deep, pose, lens, t - start, warnings))
        except SceneError as error:
            warnings.append(f"{path / name} is left out: {error.message}")
    if lost:
        warnings.append(f"{path}: {lost} of {len(colors)} pictures have no pose near and are left out.")
    if not views:
        raise SceneError("; ".join(warnings[:3]) or f"{path / 'rgb.txt'} names no picture.", input=str(path))
    return Scene(
        source=str(path.resolve()),
        format="tum",
        convention=CONVENTION,
        views=tuple(views),
        warnings=tuple(warnings),
    )


def _lens(path: Path) -> Array:
    """Return fx fy cx cy and five coefficients of distortion."""
    file = path / CAMERA
    if file.is_file():
        numbers = read_lens(file, 4, 9)
        return np.pad(numbers, (0, 9 - len(numbers)))
    for name, published in PUBLISHED.items():
        if name in path.resolve().name:
            return np.array(published)
    message = f"{path} has no intrinsics: add camera.txt with {NUMBERS}, in pixels."
    raise SceneError(message, input=str(file))


def _rows(file: Path) -> list[list[str]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SceneError(f"{file} cannot be read: {error}.", input=str(file)) from error
    return [line.replace(",", " ").split() for line in lines if line.strip() and not line.startswith("#")]


def _listed(file: Path) -> list[tuple[float, str]]:
    """Read a list of times and files, in order of time; none where there is no list."""
    if not file.is_file():
        return []
    try:
        return sorted((float(row[0]), row[1]) for row in _rows(file))
    except (ValueError, IndexError) as error:
        message = f"{file} does not hold a time and a file in every line: {error}."
        raise SceneError(message, input=str(file)) from error


def _trajectory(file: Path, warnings: list[str]) -> Trajectory:
    try:
        rows = np.array([[float(number) for number in row[:8]] for row in _rows(file)])
    except ValueError as error:
        message = f"{file} does not hold 8 numbers in every line: {error}."
        raise SceneError(message, input=str(file)) from error
    if rows.ndim != 2 or rows.shape[1] != 8:
        raise SceneError(f"{file} does not hold 8 numbers in every line.", input=str(file))
    good = np.isfinite(rows).all(axis=1) & (np.linalg.norm(rows[:, 4:8], axis=1) > 0)
    if not good.all():
        bad = int((~good).sum())
        warnings.append(f"{file}: {bad} of {len(rows)} poses are not finite or no rotation, and left out.")
    return Trajectory(rows[good, 0], rows[good, 1:4], rows[good, 4:8], str(file))


def _view(
    path: Path,
    name: str,
    deep: str | None,
    pose: NDArray[np.float64],
    lens: Array,
    t: float,
    warnings: list[str],
) -> SceneView:
    color = inside(path, name, "a picture of rgb.txt")
    size = size_of(color)
    if size != PUBLISHED_SIZE and not (path / CAMERA).is_file():
        raise SceneError(
            f"it has {size.width}x{size.height} pixels, and the published lens is of 640x480: add {CAMERA}.",
            input=str(color),
        )
    fx, fy, cx, cy, *distortion = lens
    intrinsics = np.array([[fx, 0, cx + 0.5], [0, fy, cy + 0.5], [0, 0, 1]])
    depth = inside(path, deep, "a depth of depth.txt") if deep is not None else None
    if depth is not None:
        depth = usable(depth, size, name, warnings)
    world_to_camera = inverted(pose, "the pose", path / "groundtruth.txt")
    return SceneView(
        name=name,
        camera=Camera(intrinsics, world_to_camera, size, np.array(distortion)),
        color=partial(read_color, color),
        depth=partial(read_depth, depth, UNITS, size) if depth is not None else None,
        t=t,
    )
