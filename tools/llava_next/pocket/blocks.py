"""A small 3D world: coloured blocks, pillars and balls on a table, ray-cast from posed pinhole cameras.

World axes: x, y on the table, z up, metres. Cameras follow the package: world-to-camera extrinsics, OpenCV
axes (x right, y down, z forward), depth along the optical axis in metres. All views are synthetic.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np

from .things import COLORS, random_background, random_color

SOLIDS = ("block", "pillar", "ball")
TABLE = 1.9
"""Half the side of the square table, metres."""
SPACING = 1.15
"""Distance between neighbouring places on the table, metres."""


@dataclass(frozen=True, slots=True)
class Solid:
    """One solid standing on the table at (x, y); ``half`` holds its half extents (a ball uses the first)."""

    shape: str
    color: str
    x: float
    y: float
    half: tuple[float, float, float]
    rgb: tuple[int, int, int]

    @property
    def name(self) -> str:
        """Colour and shape, as questions call it."""
        return f"{self.color} {self.shape}"

    @property
    def centre(self) -> np.ndarray:
        """World point (3,) in metres."""
        return np.array([self.x, self.y, self.half[2]])


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole camera: ``intrinsics`` for an image one unit wide and high, ``world_to_camera`` (4, 4)."""

    intrinsics: np.ndarray
    world_to_camera: np.ndarray

    def project(self, point: np.ndarray) -> tuple[float, float, float]:
        """Project a world point.

        Parameters
        ----------
        point : (3,) metres

        Returns
        -------
        x, y : place in the picture, 0..1 where it is inside
        depth : metres along the optical axis
        """
        p = self.world_to_camera[:3, :3] @ point + self.world_to_camera[:3, 3]
        x, y, w = self.intrinsics @ p
        return float(x / w), float(y / w), float(p[2])


@dataclass(frozen=True, slots=True)
class Table:
    """A scene and the cameras that see it."""

    solids: tuple[Solid, ...]
    views: tuple[View, ...]
    background: tuple[int, int, int]


def look_at(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Pose a camera at ``eye`` that looks at ``target``, its x axis level.

    Parameters
    ----------
    eye, target : (3,) metres; the line between them must not be vertical

    Returns
    -------
    (4, 4) float64, world to camera
    """
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, -rotation @ eye
    return pose


def random_table(rng: random.Random, views: int) -> Table:
    """Draw one to six solids on a 3x3 grid of places, of different names, seen from an arc of cameras.

    Parameters
    ----------
    rng : the only source of chance
    views : how many cameras
    """
    cells = rng.sample([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)], rng.randint(1, 6))
    palette = rng.sample(list(COLORS), rng.choice((2, 3, 8)))
    solids: list[Solid] = []
    for i, j in cells:
        color, shape = rng.choice(palette), rng.choice(SOLIDS)
        if any(s.color == color and s.shape == shape for s in solids):
            continue
        side = rng.uniform(0.3, 0.38)
        half = {
            "block": (side, side, side),
            "pillar": (side * 0.7, side * 0.7, 0.72),
            "ball": (side * 1.1,) * 3,
        }[shape]
        x, y = i * SPACING + rng.uniform(-0.12, 0.12), j * SPACING + rng.uniform(-0.12, 0.12)
        solids.append(Solid(shape, color, x, y, half, random_color(rng, color)))
    start, step = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(40, 75)) * rng.choice((-1, 1))
    focal = 1.25
    intrinsics = np.array([[focal, 0, 0.5], [0, focal, 0.5], [0, 0, 1.0]])
    cameras = []
    for k in range(views):
        azimuth, height, distance = start + step * k, rng.uniform(3.0, 4.0), rng.uniform(5.2, 5.8)
        eye = np.array([distance * math.cos(azimuth), distance * math.sin(azimuth), height])
        cameras.append(View(intrinsics, look_at(eye, np.array([0.0, 0.0, 0.25]))))
    return Table(tuple(solids), tuple(cameras), random_background(rng))


def ray_cast(table: Table, view: View, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cast a ray through the centre of every pixel of one view.

    Parameters
    ----------
    table : what is there
    view : the camera
    size : width and height of the picture in pixels

    Returns
    -------
    rgb : (size, size, 3) uint8
    depth : (size, size) float32, metres along the optical axis; 0 where nothing is hit
    instance : (size, size) uint8, 0 for table and background, else index of the solid + 1
    """
    rotation, translation = view.world_to_camera[:3, :3], view.world_to_camera[:3, 3]
    eye = (-rotation.T @ translation).astype(np.float32)
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.meshgrid((axis - 0.5) / view.intrinsics[0, 0], (axis - 0.5) / view.intrinsics[1, 1])
    rays = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3) @ rotation.astype(np.float32)  # depth 1 each
    with np.errstate(divide="ignore", invalid="ignore"):
        ground = -eye[2] / rays[:, 2]
    spot = eye + rays * ground[:, None]
    on_table = (ground > 0) & (np.abs(spot[:, 0]) < TABLE) & (np.abs(spot[:, 1]) < TABLE)
    depth = np.where(on_table, ground, np.inf).astype(np.float32)
    light = np.array(table.background)
    color = np.where(on_table[:, None], light * 0.86, light).astype(np.float32)
    instance = np.zeros(len(rays), np.uint8)
    for index, solid in enumerate(table.solids):
        hit, shade = (_ball if solid.shape == "ball" else _box)(solid, eye, rays)
        nearer = hit < depth
        depth[nearer], instance[nearer] = hit[nearer], index + 1
        color[nearer] = np.array(solid.rgb, np.float32) * shade[nearer, None]
    depth[~np.isfinite(depth)] = 0
    rgb = np.clip(color, 0, 255).astype(np.uint8)
    return rgb.reshape(size, size, 3), depth.reshape(size, size), instance.reshape(size, size)


_LIGHT = np.array([0.35, 0.2, 0.92], np.float32)
"""Where light comes from, in the world."""


def _box(solid: Solid, eye: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find how far along each ray a block is, by slabs (Kay and Kajiya 1986), and how bright it is there."""
    half = np.array(solid.half, np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = (solid.centre.astype(np.float32) - half - eye) / rays
        b = (solid.centre.astype(np.float32) + half - eye) / rays
    near, far = np.minimum(a, b), np.maximum(a, b)
    face = near.argmax(1)
    enter = near.max(1)
    hit = np.where((enter > 0) & (enter <= far.min(1)), enter, np.inf)
    toward = np.sign(-np.take_along_axis(rays, face[:, None], 1)[:, 0])
    return hit, 0.72 + 0.32 * np.clip(toward * _LIGHT[face], 0, 1)


def _ball(solid: Solid, eye: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find how far along each ray a ball is, the nearer root of a quadratic, and its brightness there."""
    offset = eye - solid.centre.astype(np.float32)
    a, b = (rays * rays).sum(1), rays @ offset
    root = b * b - a * (offset @ offset - solid.half[0] ** 2)
    t = (-b - np.sqrt(np.maximum(root, 0))) / a
    hit = np.where((root > 0) & (t > 0), t, np.inf)
    normal = (offset + rays * t[:, None]) / solid.half[0]
    return hit, 0.68 + 0.36 * np.clip(normal @ _LIGHT, 0, 1)
