"""Views of textured models that pybullet's own renderer draws on the CPU: synthetic, but none of ours."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest

from sightloop.memory.geometry import Camera
from sightloop.memory.scene import Scene, SceneView
from sightloop.memory.still import Size

NEAR, FAR = 0.1, 20.0
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


@lru_cache(4)
def table_top(views: int = 6, width: int = 320, height: int = 240, arc: float = 120.0) -> Scene:
    """A table on a checkered floor, with a tray, a duck, a ball and a teddy bear; z is up, the floor is 0.

    Skips the test where pybullet is not installed: it is built from source, and only tests use it.
    """
    bullet = pytest.importorskip("pybullet")
    files = pytest.importorskip("pybullet_data").getDataPath()
    client = bullet.connect(bullet.DIRECT)
    try:
        bullet.setAdditionalSearchPath(files, physicsClientId=client)
        for name, place, scale in (
            ("plane.urdf", (0, 0, 0), 1),
            ("table/table.urdf", (0, 0, 0), 1),
            ("tray/traybox.urdf", (-0.35, 0.1, 0.63), 0.6),
            ("duck_vhacd.urdf", (0.1, -0.2, 0.65), 3),
            ("soccerball.urdf", (0.4, 0.2, 0.75), 0.2),
            ("teddy_vhacd.urdf", (0.25, 0.3, 0.65), 3),
        ):
            bullet.loadURDF(name, place, useFixedBase=True, globalScaling=scale, physicsClientId=client)
        seen = [
            _drawn(bullet, client, math.radians(arc * (i / max(1, views - 1) - 0.5)), i, width, height)
            for i in range(views)
        ]
    finally:
        bullet.disconnect(client)
    return Scene("synthetic", "pybullet", "OpenGL's view matrices, turned into ours", tuple(seen))


def _drawn(bullet, client: int, azimuth: float, number: int, width: int, height: int) -> SceneView:
    eye = (1.6 * math.cos(azimuth), 1.6 * math.sin(azimuth), 1.3 + 0.1 * (number % 3))
    view = bullet.computeViewMatrix(eye, (0, 0, 0.6), (0, 0, 1))
    lens = bullet.computeProjectionMatrixFOV(55, width / height, NEAR, FAR)
    _, _, rgba, raw, _ = bullet.getCameraImage(
        width, height, view, lens, renderer=bullet.ER_TINY_RENDERER, physicsClientId=client
    )
    raw = np.reshape(raw, (height, width)).astype(np.float64)
    depth = np.float32(FAR * NEAR / (FAR - (FAR - NEAR) * raw))
    depth[raw > 0.9999] = 0  # the sky
    focal = height / 2 / math.tan(math.radians(55 / 2))
    intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    pose = OPENGL @ np.reshape(view, (4, 4)).T
    color = np.ascontiguousarray(np.reshape(rgba, (height, width, 4))[..., :3].astype(np.uint8))
    camera = Camera(intrinsics, pose, Size(width, height))
    return SceneView(f"view{number}", camera, color.copy, depth.copy)
