"""Drawings of a report: a scene as numbers that the page's script turns and draws, in the map's axes."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..memory.placed import Placed, Shot, Survey
from ..tools.scene_map import Points, axes_of, measured, nice, stands

MOST_POINTS = 40_000
"""Of a scene: what a page draws smoothly, and a megabyte of it."""
STEPS = 65_535
"""Into how many steps the longest side of a scene is divided for the page."""
EDGE = 1.0
"""Percent of the points that may lie beside what the page shows at first, on each side."""
SIGMAS = 2.5003
"""Standard deviations that an ellipsoid reaches which holds 90 %: the square root of chi-square's of 3."""
LINES = 5
"""Of the ground's grid across what is shown: at least, and at most 2.5 times as many."""


def drawing(survey: Survey, cloud: Points | None) -> dict[str, Any]:
    """Return what the page's script draws, in the map's axes and the scene's unit.

    Returns
    -------
    dict
        ``count`` points as base64 of little-endian numbers: ``xyz`` (3 uint16 each: ``low + step * number``),
        ``rgb`` (3 uint8) and ``normals`` (3 int8, of length 127; zeros where not known), ``voxel`` apart;
        ``shots`` with ``eye``, the ``corners`` of the picture at depth 1, and whether ``looked``; ``things``
        with ``label``, ``centre``, ``half`` of their extent or null, ``spread`` (the covariance of the
        centre, scaled to hold 90 %) and ``seen`` (indices of shots, the best first); ``lines`` with ``ends``
        and the labels that they are ``between``; ``bounds`` of what is to be seen at first, ``floor`` or
        null with the ``grid``'s step.
    """
    axes = axes_of(survey)
    names = {shot.camera: index for index, shot in enumerate(survey.shots)}
    bounds = bounds_of(survey, cloud, axes)
    return {
        **_packed(cloud, axes),
        "shots": [_shot(shot, axes) for shot in survey.shots],
        "things": [_drawn(one, axes, names) for one in survey.placed],
        "lines": [
            {"ends": _rounded(np.asarray(measure.ends) @ axes.T), "between": measure.between}
            for measure in measured(survey)
        ],
        "bounds": _rounded(bounds),
        "floor": survey.floor,
        "grid": nice(max(float(np.ptp(bounds, axis=0)[:2].max()) / LINES, 1e-9)),
    }


def _packed(cloud: Points | None, axes: NDArray[np.float64]) -> dict[str, Any]:
    if cloud is None or not len(cloud.points):
        return {"count": 0}
    chosen, apart = _thinned(cloud)
    points = cloud.points[chosen] @ axes.T
    low, high = points.min(0), points.max(0)
    step = max(float((high - low).max()) / STEPS, 1e-12)
    return {
        "count": len(chosen),
        "xyz": _base64(((points - low) / step).round().astype("<u2")),
        "rgb": _base64(cloud.colors[chosen].astype(np.uint8)),
        "normals": _base64((cloud.normals[chosen] @ axes.T * 127).round().astype(np.int8)),
        "low": _rounded(low),
        "step": step,
        "voxel": apart,
    }


def _thinned(cloud: Points) -> tuple[NDArray[np.int64], float]:
    """Return which points to show, evenly over the surfaces, and how far apart they are."""
    chosen, side = np.arange(len(cloud.points)), float(cloud.voxel)
    while len(chosen) > MOST_POINTS:
        # Surfaces are planes, so that the number of points goes with the square of their distance.
        side *= max(1.02, float(np.sqrt(len(chosen) / MOST_POINTS)))
        cells = np.floor((cloud.points - cloud.points.min(0)) / side).astype(np.int64)
        keys = np.ravel_multi_index(tuple(cells.T), tuple(cells.max(0) + 1))
        chosen = np.sort(np.unique(keys, return_index=True)[1])
    return chosen, side


def bounds_of(survey: Survey, cloud: Points | None, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (2, 3) corners of what is to be seen at first: objects and most points, or else cameras."""
    rows = [
        np.array([axes @ np.asarray(one.centre) + side * _half(one, axes) for side in (-1, 1)])
        for one in survey.placed
    ]
    if cloud is not None and len(cloud.points):
        rows.append(np.percentile(cloud.points @ axes.T, (EDGE, 100 - EDGE), axis=0))
    else:
        looked = [shot for shot in survey.shots if shot.looked] or survey.shots
        rows += [(axes @ stands(shot))[None] for shot in looked]
    every = np.concatenate(rows or [np.array([[-1.0] * 3, [1.0] * 3])])
    return np.array([every.min(0), every.max(0)])


def _half(one: Placed, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half of an object's extent, or of where its centre may be."""
    if one.size is not None:
        return np.asarray(one.size, dtype=np.float64) / 2
    spread = axes @ np.asarray(one.covariance) @ axes.T
    return np.asarray(SIGMAS * np.sqrt(np.maximum(np.diag(spread), 0)), dtype=np.float64)


def _shot(shot: Shot, axes: NDArray[np.float64]) -> dict[str, Any]:
    pose = np.asarray(shot.world_to_camera)
    corners = [[0, 0, 1], [shot.width, 0, 1], [shot.width, shot.height, 1], [0, shot.height, 1]]
    rays = np.linalg.solve(np.asarray(shot.intrinsics), np.array(corners, dtype=np.float64).T).T
    return {
        "eye": _rounded(axes @ stands(shot)),
        "corners": _rounded(rays @ pose[:3, :3] @ axes.T),
        "looked": shot.looked,
    }


def _drawn(one: Placed, axes: NDArray[np.float64], names: dict[str, int]) -> dict[str, Any]:
    return {
        "label": one.label,
        "centre": _rounded(axes @ np.asarray(one.centre)),
        "half": None if one.size is None else _rounded(np.asarray(one.size) / 2),
        "spread": _rounded(SIGMAS**2 * axes @ np.asarray(one.covariance) @ axes.T, 8),
        "seen": [names[seen.camera] for seen in one.seen if seen.camera in names],
    }


def _base64(numbers: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()


def _rounded(numbers: ArrayLike, digits: int = 5) -> Any:
    return np.round(np.asarray(numbers, dtype=np.float64), digits).tolist()
