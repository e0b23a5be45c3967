"""Loading meshes and point clouds: whatever the file, triangles with paint or coloured points come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingExtraError, SceneError
from ..pixels import rgb_from_image
from .pcd import read_pcd
from .xyz import read_xyz

SURFACES = frozenset({".obj", ".glb", ".gltf", ".ply", ".stl", ".off"})
CLOUDS = frozenset({".pcd", ".xyz"})
GREY = 190
"""Of what has no colour."""
FINEST = 8192
"""Pixels of a texture's longer side beyond which it is made smaller: no view shows more of it."""

Colors = NDArray[np.uint8]
Array = NDArray[np.float64]


@dataclass
class Paint:
    """What some faces are painted with.

    Parameters
    ----------
    texture : (H, W, 3) uint8 RGB, or None
        Laid on by texture coordinates; without one the colours of the vertices count.
    tint : (3,) float, 0..1
        That the texture is multiplied by.
    lit : bool
        Whether light is put on it: what has one colour shows no shape without, and what was photographed has
        its light already.
    """

    texture: Colors | None = None
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    lit: bool = False


@dataclass
class Surface:
    """Triangles.

    Parameters
    ----------
    vertices : (V, 3) float64
    faces : (F, 3) int64
    uv : (V, 2) float64
        From the lower left corner of the texture, repeated beyond 0..1; 0 where there is none.
    colors : (V, 3) uint8
    paint : (F,) int64
        Which of ``paints`` is on each face.
    """

    vertices: Array
    faces: NDArray[np.int64]
    uv: Array
    colors: Colors
    paint: NDArray[np.int64]
    paints: list[Paint]


@dataclass
class Points:
    """A point cloud: (N, 3) float64, and (N, 3) uint8."""

    vertices: Array
    colors: Colors


@dataclass
class Model:
    """What a file holds: a surface, or points, and what was repaired or is missing."""

    shape: Surface | Points
    warnings: list[str] = field(default_factory=list)


def load_model(path: Path) -> Model:
    """Read a mesh or point cloud.

    Raises
    ------
    MissingExtraError
        If trimesh is not installed.
    SceneError
        If it is malformed, or has neither a face nor a point.
    """
    if path.suffix.lower() == ".pcd":
        return _cloud(path, *read_pcd(path))
    if path.suffix.lower() == ".xyz":
        return _cloud(path, *read_xyz(path))
    try:
        import trimesh
    except ImportError:
        raise MissingExtraError("trimesh", "scene", "reading a mesh") from None
    try:
        scene = trimesh.load_scene(path, process=False)
        parts = scene.dump()
    except Exception as error:  # its parsers raise whatever a malformed file leads them to
        raise SceneError(f"{path} cannot be read by trimesh: {error}", input=str(path)) from error
    meshes = [part for part in parts if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    if meshes:
        return _surface(path, meshes)
    points = [part for part in parts if isinstance(part, trimesh.PointCloud) and len(part.vertices)]
    if not points:
        raise SceneError(f"{path} has neither a face nor a point.", input=str(path))
    return _cloud(
        path,
        np.concatenate([np.asarray(part.vertices, np.float64) for part in points]),
        np.concatenate([_rgb(part.colors, len(part.vertices)) for part in points]),
    )


def _cloud(path: Path, vertices: Array, colors: Colors | None) -> Model:
    finite = np.isfinite(vertices).all(axis=1)
    if not finite.any():
        raise SceneError(f"{path} has no point with finite coordinates.", input=str(path))
    warnings = [] if finite.all() else [f"{path}: {int((~finite).sum())} points are not finite and left out."]
    return Model(Points(vertices[finite], _rgb(colors, len(vertices))[finite]), warnings)


def _surface(path: Path, meshes: list[Any]) -> Model:
    vertices, faces, uvs, colors, paint = [], [], [], [], []
    paints: list[Paint] = []
    bare, start = 0, 0
    for mesh in meshes:
        points, triangles = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
        if triangles.min() < 0 or triangles.max() >= len(points):
            raise SceneError(f"{path} has faces of corners that it does not have.", input=str(path))
        if mesh.visual.kind == "face":  # a vertex of its own for each corner
            points, triangles = points[triangles].reshape(-1, 3), np.arange(triangles.size).reshape(-1, 3)
        uv, color, painted = _painted(mesh, len(points))
        bare += bool(uv.any() and painted.texture is None)
        vertices.append(points)
        faces.append(triangles + start)
        uvs.append(uv)
        colors.append(color)
        paint.append(np.full(len(triangles), len(paints)))
        paints.append(painted)
        start += len(points)
    corners = np.concatenate(vertices)
    triangles, which = np.concatenate(faces), np.concatenate(paint)
    sound = np.isfinite(corners[triangles]).all(axis=(1, 2))
    if not sound.any():
        raise SceneError(f"{path} has no face with finite corners.", input=str(path))
    warnings = []
    if not sound.all():
        warnings.append(f"{path}: {int((~sound).sum())} faces have corners that are not finite: left out.")
    if bare:
        warnings.append(
            f"{path}: {bare} of {len(meshes)} parts have texture coordinates and no texture: its file "
            "is missing or not beside the mesh. They are shown in one colour."
        )
    corners = np.where(np.isfinite(corners), corners, 0)
    shape = Surface(
        corners, triangles[sound], np.concatenate(uvs), np.concatenate(colors), which[sound], paints
    )
    return Model(shape, warnings)


def _painted(mesh: Any, count: int) -> tuple[Array, Colors, Paint]:
    """Return texture coordinates and colours of ``count`` vertices, and the paint of a mesh."""
    visual = mesh.visual
    none = np.zeros((count, 2))
    if visual.kind == "face":
        return none, np.repeat(_rgb(visual.face_colors, len(mesh.faces)), 3, axis=0), Paint()
    if visual.kind == "vertex":
        return none, _rgb(visual.vertex_colors, count), Paint()
    material = getattr(visual, "material", None)
    if material is None:
        return none, _rgb(None, count), Paint(lit=True)
    uv = getattr(visual, "uv", None)
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    factor = getattr(material, "baseColorFactor", None)  # of glTF, where it tints the texture too
    if image is None or uv is None or len(uv) != count:
        color = _rgb(np.tile(np.asarray(material.main_color), (count, 1)), count)
        known = np.zeros((count, 2)) if uv is None or len(uv) != count else np.asarray(uv, np.float64)
        return known, color, Paint(lit=True)
    if max(image.size) > FINEST:
        image = image.copy()
        image.thumbnail((FINEST, FINEST))
    tint = (1.0, 1.0, 1.0) if factor is None else tuple(float(part) for part in _tint(factor))
    pixels = rgb_from_image(image, upright=False)[0]
    uv = np.nan_to_num(np.asarray(uv, np.float64))
    return uv, _rgb(None, count), Paint(np.ascontiguousarray(pixels), tint)  # type: ignore[arg-type]


def _tint(factor: Any) -> Array:
    """Return the first three numbers of a glTF factor, which trimesh holds as bytes or floats."""
    values = np.asarray(factor)
    scale = 255.0 if values.dtype.kind in "ui" else 1.0
    return np.asarray(values[:3] / scale, np.float64)


def _rgb(colors: Any, count: int) -> Colors:
    """Return (count, 3) uint8 of what a library holds as colours; grey where that is nothing."""
    values = np.asarray(colors if colors is not None else ())
    if values.ndim != 2 or len(values) != count or values.shape[1] < 3:
        return np.full((count, 3), GREY, np.uint8)
    return np.ascontiguousarray(values[:, :3], dtype=np.uint8)
