"""Rendering: what a camera sees of a mesh or of a point cloud, colour and depth, on the CPU.

Rays are cast by Embree (through trimesh and embreex), which says which triangle a pixel's centre shows; where
on it is computed here, in 64 bit. The same model and camera give the same pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingExtraError
from ..geometry import Array, Camera, grid
from ..scene import Depth
from ..still import Size
from .mesh_loading import Colors, Paint, Points, Surface

BACKGROUND = 235
"""Grey level of what shows nothing."""
LIGHT = np.array([0.35, 0.25, 0.9]) / np.linalg.norm([0.35, 0.25, 0.9])
AMBIENT = 0.45
"""Share of the light that comes from everywhere; the rest from ``LIGHT``, the same for all views."""
FINE = 2
"""Rays along each side of a pixel for its colour: textures are finer than pixels."""
BAND = 1 << 15
"""Rays that are followed together."""
SPARSE = 2.2
"""Width of a drawn point, in distances to its neighbours: what gaps a surface closes."""
SOME = 10_000
"""Points of a cloud by which its spacing is told."""
WIDEST = 15
"""Most pixels that a drawn point is wide."""


@dataclass(eq=False)
class Renderer:
    """Renders one model.

    Parameters
    ----------
    shape : Surface or Points
    """

    shape: Surface | Points

    def render(self, camera: Camera) -> tuple[Colors, Depth]:
        """Render what a camera sees.

        Returns
        -------
        color : (H, W, 3) uint8, RGB
        depth : (H, W) float32
            Along the optical axis, at the centre of each pixel, in the model's units; 0 where nothing is.

        Raises
        ------
        MissingExtraError
            If embreex is not installed.
        """
        if isinstance(self.shape, Points):
            return _splat(self.shape, self.spacing, camera)
        size, shape = camera.size, self.shape
        fine = camera.scaled(Size(size.width * FINE, size.height * FINE))
        color = self._cast(shape, fine, lambda hits: hits.color(shape))
        color = color.reshape(size.height, FINE, size.width, FINE, 3)
        mean = sum((color[:, y, :, x] for y in range(FINE) for x in range(FINE)), np.float32(0)) / FINE**2
        depth = self._cast(shape, camera, lambda hits: hits.depth).reshape(size.height, size.width)
        return np.rint(mean).astype(np.uint8), depth

    def first_hits(self, origins: Array, directions: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Return how far surfaces are along rays (N,), inf where there is none, and whether from their front.

        Parameters
        ----------
        origins, directions : (N, 3) float64
            Directions of any length; distances are in it.
        """
        assert isinstance(self.shape, Surface)
        hits = self._hits(self.shape, origins, directions)
        far = np.full(len(origins), np.inf)
        front = np.zeros(len(origins), bool)
        far[hits.rays], front[hits.rays] = hits.far, hits.front
        return far, front

    def _cast(self, shape: Surface, camera: Camera, seen: Callable[[_Hits], Array]) -> NDArray[np.float32]:
        """Return what the rays through the centres of a camera's pixels see, row by row."""
        local, found = grid(camera.lens).reshape(-1, 3), []
        for start in range(0, len(local), BAND):  # so many fit a processor's cache
            rays = local[start : start + BAND].astype(np.float64)
            directions = rays @ camera.camera_to_world[:3, :3].T  # at depth 1, so that lengths are depths
            origins = np.broadcast_to(camera.centre, directions.shape)
            found.append(seen(self._hits(shape, origins, directions)).astype(np.float32))
        return np.concatenate(found)

    def _hits(self, shape: Surface, origins: Array, directions: Array) -> _Hits:
        found = np.asarray(self._tracer.intersects_first(origins - self._middle, directions))
        rays = np.flatnonzero(found >= 0)
        corners = [shape.vertices[side] for side in shape.faces[found[rays]].T]
        return _Hits.of(len(origins), rays, found[rays], corners, origins[rays], directions[rays])

    @cached_property
    def _middle(self) -> Array:
        """The middle of the model: Embree counts in 32 bit, which are exact enough from there."""
        return np.asarray((self.shape.vertices.min(axis=0) + self.shape.vertices.max(axis=0)) / 2)

    @cached_property
    def _tracer(self) -> Any:
        assert isinstance(self.shape, Surface)
        try:
            import embreex  # noqa: F401 - without it trimesh casts rays a thousand times slower
            import trimesh
            from trimesh.ray.ray_pyembree import RayMeshIntersector
        except ImportError:
            raise MissingExtraError("embreex", "scene", "rendering a mesh") from None
        mesh = trimesh.Trimesh(self.shape.vertices - self._middle, self.shape.faces, process=False)
        return RayMeshIntersector(mesh)

    @cached_property
    def spacing(self) -> float:
        """How far a point of a cloud mostly is from its neighbours."""
        from scipy.spatial import cKDTree

        points = self.shape.vertices
        if len(points) < 2:
            return 0.0
        some = points[:: max(1, len(points) // SOME)]
        far = cKDTree(points).query(some, k=min(4, len(points)))[0][:, 1:]
        return float(np.median(far))


@dataclass(frozen=True)
class _Hits:
    """Where rays meet a surface first: which rays, of ``count``, on which faces, and where on those."""

    count: int
    rays: NDArray[np.int64]
    faces: NDArray[np.int64]
    far: Array
    weights: tuple[Array, Array, Array]
    normals: Array
    front: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        count: int,
        rays: NDArray[np.int64],
        faces: NDArray[np.int64],
        corners: list[Array],
        origins: Array,
        directions: Array,
    ) -> _Hits:
        """Intersect rays (N, 3) with the triangles, three times (N, 3), that they are known to meet."""
        first, second, third = (corner - origins for corner in corners)
        one, two = second - first, third - first
        normals = np.cross(one, two)
        along, square = _dot(normals, directions), _dot(directions, directions)
        near = [_dot(corner, directions) / square for corner in (first, second, third)]
        with np.errstate(divide="ignore", invalid="ignore"):
            far = _dot(normals, first) / along
        # seen from its edge, a triangle is met anywhere: no nearer or farther than it is
        far = np.fmin(far, np.maximum(np.maximum(near[0], near[1]), near[2]))
        far = np.fmax(far, np.minimum(np.minimum(near[0], near[1]), near[2]))
        local = far[:, None] * directions - first
        area = np.maximum(_dot(normals, normals), np.finfo(float).tiny)
        b = np.clip(_dot(np.cross(local, two), normals) / area, 0, 1)
        c = np.clip(_dot(np.cross(one, local), normals) / area, 0, 1 - b)
        normals *= np.where(along > 0, -1, 1)[:, None] / np.sqrt(area)[:, None]
        return cls(count, rays, faces, far, (1 - b - c, b, c), normals, along < 0)

    @property
    def depth(self) -> Array:
        """Distances of all rays, (count,), 0 where there is none."""
        out = np.zeros(self.count)
        out[self.rays] = self.far
        return out

    def color(self, shape: Surface) -> Array:
        """Return the colours of all rays, (count, 3) float64 in 0..255."""
        out = np.full((self.count, 3), float(BACKGROUND))
        paint = shape.paint[self.faces]
        for number in np.unique(paint):
            mine = np.flatnonzero(paint == number)
            out[self.rays[mine]] = self._painted(shape, shape.paints[number], mine)
        return out

    def _painted(self, shape: Surface, paint: Paint, mine: NDArray[np.int64]) -> Array:
        if paint.texture is not None:
            color = _sampled(paint.texture, self._mixed(shape, shape.uv, mine)) * paint.tint
        else:
            color = self._mixed(shape, shape.colors, mine)
        if paint.lit:
            light = AMBIENT + (1 - AMBIENT) * (0.5 + 0.5 * self.normals[mine] @ LIGHT)
            color = color * light[:, None]
        return color

    def _mixed(self, shape: Surface, values: NDArray[Any], mine: NDArray[np.int64]) -> Array:
        """Return what vertices have, (V, n), where some of the rays meet their faces."""
        corners = shape.faces[self.faces[mine]].T
        parts = [values[at] * part[mine][:, None] for at, part in zip(corners, self.weights, strict=True)]
        return np.asarray(parts[0] + parts[1] + parts[2])


def _dot(one: Array, other: Array) -> Array:
    return np.asarray(np.einsum("...i,...i->...", one, other))


def _sampled(texture: Colors, uv: Array) -> Array:
    """Sample a texture between its four nearest pixels; it repeats, and v counts from its lower edge."""
    height, width = texture.shape[:2]
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    left, top = np.floor(x), np.floor(y)
    right, below = (x - left)[:, None], (y - top)[:, None]
    columns = np.stack([left, left + 1]).astype(np.int64) % width
    rows = np.stack([top, top + 1]).astype(np.int64) % height
    upper = texture[rows[0], columns[0]] * (1 - right) + texture[rows[0], columns[1]] * right
    lower = texture[rows[1], columns[0]] * (1 - right) + texture[rows[1], columns[1]] * right
    return np.asarray(upper * (1 - below) + lower * below)


def _splat(cloud: Points, spacing: float, camera: Camera) -> tuple[Colors, Depth]:
    """Draw points as squares as wide as their distance from each other, the nearest in front."""
    width, height = camera.size
    pixels, far = camera.project(cloud.vertices)
    shown = np.isfinite(pixels).all(axis=1) & (far > 0)
    order = np.flatnonzero(shown)
    order = order[np.argsort(-far[order], kind="stable")]  # the nearest is written last
    pixels, far = pixels[order], far[order]
    wide = np.clip(np.ceil(SPARSE * spacing * camera.intrinsics[0, 0] / far), 1, WIDEST)
    depth = np.full(width * height, np.inf)
    color = np.full((width * height, 3), BACKGROUND, np.uint8)
    corner = np.floor(pixels - (wide[:, None] - 1) / 2).astype(np.int64)
    for ring in range(int(wide.max(initial=0))):
        large = np.flatnonzero(wide > ring)
        for dx, dy in [(ring, step) for step in range(ring + 1)] + [(step, ring) for step in range(ring)]:
            x, y = corner[large, 0] + dx, corner[large, 1] + dy
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            near = np.full(width * height, -1)
            near[y[inside] * width + x[inside]] = large[inside]
            there = np.flatnonzero(near >= 0)
            there = there[far[near[there]] < depth[there]]
            depth[there] = far[near[there]]
            color[there] = cloud.colors[order[near[there]]]
    depth[~np.isfinite(depth)] = 0
    return color.reshape(height, width, 3), depth.reshape(height, width).astype(np.float32)
