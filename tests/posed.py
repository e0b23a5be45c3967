"""Posed views of synthetic rooms and tables, in memory: exact, or made wrong in a stated way."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from sightloop.memory.geometry import Camera, rigid
from sightloop.memory.scene import Scene, SceneView
from sightloop.memory.still import Size
from sightloop.tools.llava_next.pocket.blocks import random_room, random_table, ray_cast


@lru_cache(8)
def room(seed: int, views: int = 6, width: int = 240, height: int = 180) -> Scene:
    """A room with solids on its floor, seen from near its walls; the floor is z = 0."""
    return _cast(random_room(random.Random(seed), views, aspect=width / height), width, height)


@lru_cache(8)
def table(seed: int, views: int = 4, side: int = 200) -> Scene:
    """Solids on a table 3.8 m wide, seen from an arc around it; its top is z = 0."""
    return _cast(random_table(random.Random(seed), views), side, side)


def _cast(world, width: int, height: int) -> Scene:
    views = []
    for number, view in enumerate(world.views):
        rgb, depth, _ = ray_cast(world, view, width, height)
        intrinsics = view.in_pixels(width, height)
        intrinsics[:2, 2] += 0.5
        camera = Camera(intrinsics, view.world_to_camera, Size(width, height))
        views.append(SceneView(f"view{number}", camera, rgb.copy, depth.copy))
    return Scene("synthetic", "synthetic", "ours", tuple(views))


def changed(
    scene: Scene,
    camera: Callable[[int, Camera], Camera] = lambda _, camera: camera,
    depth: Callable[[np.ndarray], np.ndarray] | None = lambda depth: depth,
    order: Sequence[int] | None = None,
) -> Scene:
    """The scene with other cameras, depths (None: without), or its poses in another order."""
    views = []
    for number, view in enumerate(scene.views):
        posed = camera(number, scene.views[number if order is None else order[number]].camera)
        without = depth is None or view.depth is None
        read = None if without else lambda view=view: np.float32(depth(view.depth()))
        views.append(replace(view, camera=posed, depth=read))
    return replace(scene, views=tuple(views))


def noisy(
    scene: Scene, seed: int, *, degrees: float = 0, metres: float = 0, depth: float = 0, holes: float = 0
) -> Scene:
    """The scene with normal errors about and along each axis of each camera, and of each depth."""
    rng = np.random.default_rng(seed)
    moves = [rigid(rng.normal(0, np.radians(degrees), 3), rng.normal(0, metres, 3)) for _ in scene.views]

    def worse(exact: np.ndarray) -> np.ndarray:
        rough = exact * (1 + rng.normal(0, depth, exact.shape))
        rough[rng.random(exact.shape) < holes] = 0
        return rough

    return changed(scene, lambda i, camera: camera.posed(moves[i] @ camera.world_to_camera), worse)


def zoomed(camera: Camera, factor: float) -> Camera:
    """The camera with other focal lengths."""
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, :2] *= factor
    return replace(camera, intrinsics=intrinsics)
