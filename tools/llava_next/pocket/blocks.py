"""Small 3D worlds: coloured blocks, pillars and balls on a table or in a room, ray-cast from posed cameras.

World axes: x, y on the table or floor, z up, metres. Cameras follow the package: world-to-camera extrinsics,
OpenCV axes (x right, y down, z forward), pinhole cameras without skew, depth along the optical axis in
metres. All views are synthetic.
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
GAP = 0.15
"""Least distance between the circles around two solids in a room, and between them and its walls, metres."""
CAMERA_GAP = 0.9
"""Least distance on the floor between a camera in a room and the circle around a solid, metres."""


@dataclass(frozen=True, slots=True)
class Solid:
    """One solid standing on the ground at (x, y); ``half`` holds its half extents (a ball uses the first)."""

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

    def in_pixels(self, width: int, height: int) -> np.ndarray:
        """Return the (3, 3) intrinsics in pixels of such a picture; the first one's centre is (0, 0)."""
        intrinsics: np.ndarray = np.diag([width, height, 1.0]) @ self.intrinsics
        intrinsics[:2, 2] -= 0.5
        return intrinsics

    def cropped(self, x0: float, y0: float, width: float, height: float) -> View:
        """Return the camera of a part of the picture; all as shares of the picture's sides."""
        part = np.array([[1 / width, 0, -x0 / width], [0, 1 / height, -y0 / height], [0, 0, 1.0]])
        return View(part @ self.intrinsics, self.world_to_camera)


@dataclass(frozen=True, slots=True)
class Room:
    """Floor and four walls, which are seen from inside.

    Parameters
    ----------
    half : half the extent along x and y, metres; the middle of the floor is the world's origin
    height : of the walls, metres; above them is background
    floor : RGB
    walls : RGB of the walls at -x, +x, -y and +y
    """

    half: tuple[float, float]
    height: float
    floor: tuple[int, int, int]
    walls: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A scene and the cameras that see it: solids on a table, or on the floor of ``room`` if it has one."""

    solids: tuple[Solid, ...]
    views: tuple[View, ...]
    background: tuple[int, int, int]
    room: Room | None = None


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


def random_table(rng: random.Random, views: int, *, duplicates: bool = False) -> Table:
    """Draw one to six solids on a 3x3 grid of places, seen from an arc of cameras.

    Parameters
    ----------
    rng : the only source of chance
    views : how many cameras
    duplicates : whether several solids may have one name
    """
    cells = rng.sample([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)], rng.randint(1, 6))
    palette = rng.sample(list(COLORS), rng.choice((2, 3, 8)))
    solids: list[Solid] = []
    for i, j in cells:
        color, shape = rng.choice(palette), rng.choice(SOLIDS)
        if not duplicates and any(s.color == color and s.shape == shape for s in solids):
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


def random_room(rng: random.Random, views: int, *, aspect: float = 1.0, duplicates: bool = True) -> Table:
    """Draw four to ten solids in a room, seen by cameras near its walls that look across it.

    Parameters
    ----------
    rng : the only source of chance
    views : how many cameras; they go around the room
    aspect : width by height of the pictures to be cast, so that their pixels are square
    duplicates : whether several solids may have one name
    """
    half = (rng.uniform(2.4, 3.6), rng.uniform(2.4, 3.6))
    palette = rng.sample(list(COLORS), rng.choice((2, 3, 4, 8)))
    solids = _scattered(rng, rng.randint(4, 10), half, palette, duplicates)
    base = random_background(rng)
    walls = [_shaded(base, rng.uniform(0.8, 1.0)) for _ in range(4)]
    room = Room(half, rng.uniform(2.4, 3.0), _shaded(base, rng.uniform(0.68, 0.88)), tuple(walls))
    focal = rng.uniform(0.65, 0.95)
    middle = (rng.uniform(0.48, 0.52), rng.uniform(0.48, 0.52))
    intrinsics = np.array([[focal, 0, middle[0]], [0, focal * aspect, middle[1]], [0, 0, 1.0]])
    start, step = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(40, 75)) * rng.choice((-1, 1))
    cameras = []
    for k in range(views):
        x, y = _free(rng, start + step * k, half, solids)
        eye = np.array([x, y, rng.uniform(1.2, 2.0)])
        target = np.array([rng.uniform(-0.25, 0.25) * half[0], rng.uniform(-0.25, 0.25) * half[1], 0.0])
        target[2] = rng.uniform(0.2, 0.6)
        cameras.append(View(intrinsics, look_at(eye, target)))
    return Table(tuple(solids), tuple(cameras), base, room)


def _free(
    rng: random.Random, azimuth: float, half: tuple[float, float], solids: list[Solid]
) -> tuple[float, float]:
    """Find a place near the walls for a camera, at about that azimuth, with no solid close to it."""
    spread = 0.2
    while True:
        angle = azimuth + rng.uniform(-spread, spread)
        along = np.array([math.cos(angle), math.sin(angle)])
        x, y = rng.uniform(0.78, 0.93) * along / np.abs(along).max() * half
        if all(math.hypot(x - s.x, y - s.y) > _reach(s.half) + CAMERA_GAP for s in solids):
            return float(x), float(y)
        spread += 0.05


def _scattered(
    rng: random.Random, count: int, half: tuple[float, float], palette: list[str], duplicates: bool
) -> list[Solid]:
    """Place up to ``count`` solids on a floor so that none touches another."""
    solids: list[Solid] = []
    for _ in range(20 * count):
        if len(solids) == count:
            break
        color, shape = rng.choice(palette), rng.choice(SOLIDS)
        side = rng.uniform(0.22, 0.38)
        extents = {
            "block": (side, side, side),
            "pillar": (side * 0.6, side * 0.6, rng.uniform(0.5, 0.72)),
            "ball": (side, side, side),
        }[shape]
        reach = _reach(extents)
        x, y = (rng.uniform(-1, 1) * (h - reach - GAP) for h in half)
        if any(math.hypot(x - s.x, y - s.y) < reach + _reach(s.half) + GAP for s in solids):
            continue
        if duplicates or all((s.color, s.shape) != (color, shape) for s in solids):
            solids.append(Solid(shape, color, x, y, extents, random_color(rng, color)))
    return solids


def _reach(half: tuple[float, float, float]) -> float:
    """Return the radius of the circle around a solid on the floor, metres."""
    return math.hypot(half[0], half[1])


def _shaded(rgb: tuple[int, int, int], light: float) -> tuple[int, int, int]:
    """Darken a colour."""
    r, g, b = (round(c * light) for c in rgb)
    return (r, g, b)


def ray_cast(table: Table, view: View, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cast a ray through the centre of every pixel of one view.

    Parameters
    ----------
    table : what is there
    view : the camera
    width, height : of the picture, pixels

    Returns
    -------
    rgb : (height, width, 3) uint8
    depth : (height, width) float32, metres along the optical axis; 0 where nothing is hit
    instance : (height, width) uint8, 0 for what stands on nothing, else index of the solid + 1
    """
    rotation, translation = view.world_to_camera[:3, :3], view.world_to_camera[:3, 3]
    eye = (-rotation.T @ translation).astype(np.float32)
    across, down = ((np.arange(n, dtype=np.float32) + 0.5) / n for n in (width, height))
    (fx, _, cx), (_, fy, cy), _ = view.intrinsics
    x, y = np.meshgrid((across - np.float32(cx)) / fx, (down - np.float32(cy)) / fy)
    rays = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3) @ rotation.astype(np.float32)  # depth 1 each
    depth, color = _surroundings(table, eye, rays)
    instance = np.zeros(len(rays), np.uint8)
    for index, solid in enumerate(table.solids):
        hit, shade = (_ball if solid.shape == "ball" else _box)(solid, eye, rays)
        nearer = hit < depth
        depth[nearer], instance[nearer] = hit[nearer], index + 1
        color[nearer] = np.array(solid.rgb, np.float32) * shade[nearer, None]
    depth[~np.isfinite(depth)] = 0
    rgb = np.clip(color, 0, 255).astype(np.uint8)
    return rgb.reshape(height, width, 3), depth.reshape(height, width), instance.reshape(height, width)


def _surroundings(table: Table, eye: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find how far along each ray table, floor or walls are, infinity where none is, and their colours."""
    light = np.array(table.background)
    half, floor = (table.room.half, table.room.floor) if table.room else ((TABLE, TABLE), light * 0.86)
    with np.errstate(divide="ignore", invalid="ignore"):
        ground = -eye[2] / rays[:, 2]
    spot = eye + rays * ground[:, None]
    on_floor = (ground > 0) & (np.abs(spot[:, 0]) < half[0]) & (np.abs(spot[:, 1]) < half[1])
    depth = np.where(on_floor, ground, np.inf).astype(np.float32)
    color = np.where(on_floor[:, None], floor, light).astype(np.float32)
    if table.room is None:
        return depth, color
    for index, rgb in enumerate(table.room.walls):
        axis, sign = index // 2, (-1, 1)[index % 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            far = (sign * half[axis] - eye[axis]) / rays[:, axis]
        spot = eye + rays * far[:, None]
        inside = (np.abs(spot[:, 1 - axis]) <= half[1 - axis]) & (spot[:, 2] >= 0)
        hit = (far > 0) & (rays[:, axis] * sign > 0) & inside & (spot[:, 2] <= table.room.height)
        hit &= far < depth
        depth[hit], color[hit] = far[hit], rgb
    return depth, color


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
