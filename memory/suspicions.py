"""Suspicions: what may be wrong with a scene's poses, units or intrinsics, as other cameras to try."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .geometry import Camera
from .scene import Scene
from .warps import Sheet

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
SCALES = {
    0.001: "the depths are a thousand times too large (millimetres read as metres?)",
    1000.0: "the depths are a thousand times too small, or the poses are in millimetres",
    0.01: "the depths are a hundred times too large (centimetres read as metres?)",
    100.0: "the depths are a hundred times too small, or the poses are in centimetres",
    0.2: "the depths are five times too large (a depth factor of 5000 read as 1000?)",
    5.0: "the depths are five times too small (a depth factor of 1000 read as 5000?)",
}
FOCALS = (0.5, 0.66, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0)

FEW = 8
"""Views up to which each two are tried in each other's place."""


class Suspicion(NamedTuple):
    """One thing that may be wrong.

    Parameters
    ----------
    words : str
    camera : callable
        Makes of a view's number in the scene and its camera what the camera would be.
    scale : float
        What depths would have to be multiplied with.
    """

    words: str
    camera: Callable[[int, Camera], Camera]
    scale: float = 1.0

    def applied(self, number: int, sheet: Sheet) -> Sheet:
        """Return a view as it would be."""
        camera = self.camera(number, sheet.camera)
        if camera.lens != sheet.camera.lens:
            sheet = sheet.seen_through(camera)
        return replace(sheet, camera=camera).scaled(self.scale)


def suspicions(scene: Scene) -> Iterator[Suspicion]:
    """Yield what is known to go wrong when scenes are written and read."""
    yield Suspicion(
        "the cameras' y and z axes look flipped (OpenGL's read as OpenCV's)",
        lambda _, camera: camera.posed(OPENGL @ camera.world_to_camera),
    )
    yield Suspicion(
        "the poses look inverted (camera-to-world read as world-to-camera)",
        lambda _, camera: camera.posed(camera.camera_to_world),
    )
    yield Suspicion(
        "the poses look inverted, and y and z flipped (OpenGL's camera-to-world read as world-to-camera)",
        lambda _, camera: camera.posed(OPENGL @ camera.camera_to_world),
    )
    cameras = [view.camera for view in scene.views]
    for words, order in _orders(scene.names):
        yield Suspicion(words, partial(_reordered, [cameras[i] for i in order]))
    for scale, words in SCALES.items():
        yield Suspicion(words, lambda _, camera: camera, scale)
    for factor in FOCALS:
        yield Suspicion(
            f"focal lengths of {factor:g} times those given fit better: the intrinsics are wrong, or of "
            "another size of picture",
            partial(_zoomed, factor),
        )


def _orders(names: tuple[str, ...]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield orders in which poses are mistaken: view i would have the pose that view ``order[i]`` has now."""
    straight = np.arange(len(names))
    if len(names) < 2:
        return
    yield "the poses look as if in reverse order", straight[::-1]
    yield "the poses look one view late", np.roll(straight, -1)
    yield "the poses look one view early", np.roll(straight, 1)
    by_text = np.argsort(np.array(names), kind="stable")
    by_number = np.array(sorted(straight, key=lambda i: _numbered(names[i])))
    if (by_text != by_number).any():
        for one, other in ((by_text, by_number), (by_number, by_text)):
            order = np.empty(len(names), dtype=np.int64)
            order[one] = other
            yield "the poses look sorted otherwise than the views (view10 before view2)", order
    if 2 < len(names) <= FEW:
        for i in straight:
            for j in straight[i + 1 :]:
                order = straight.copy()
                order[[i, j]] = j, i
                yield f"the poses of {names[i]!r} and {names[j]!r} look swapped", order


def _numbered(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _reordered(cameras: list[Camera], number: int, _: Camera) -> Camera:
    return cameras[number]


def _zoomed(factor: float, _: int, camera: Camera) -> Camera:
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, :2] *= factor
    return replace(camera, intrinsics=intrinsics)
