"""COLMAP: sparse models in text or binary, with the pictures beside them and depth maps of a dense one.

Poses are world-to-camera with OpenCV axes, and pixels count from the corner, as ours do: nothing is
converted. The scale is not known; ``sparse/<n>`` of several models is the one that holds most pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...errors import MissingExtraError, SceneError
from ..geometry import Array, Camera
from ..scene import Depth, Scene, SceneView
from ..still import Size
from .colmap_files import check_model
from .photos import SUFFIXES
from .scene_files import fitted, in_order, inside, read_color, size_of

CONVENTION = (
    "COLMAP: world-to-camera, OpenCV axes, pixels from the corner of the first one; up to scale, "
    "as a reconstruction from pictures alone is"
)
FILES = ("cameras", "images")
"""What a model's folder holds, in text or binary, beside points."""
PLACES = ("", "sparse/0", "sparse", "0", "colmap/sparse/0", "colmap/sparse", "dense/sparse", "dense/0/sparse")
"""Where a model lies in a workspace; ``dense`` is an undistorted copy, which is read for want of another."""
PICTURES = ("images", "images_undistorted", "rgb", "color")
"""What the folder of pictures is called; else they lie in the workspace itself."""

NAMED = 10
"""Pictures without a pose that are named; of more, how many there are is told."""

ONE_FOCAL = frozenset(
    {"SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE"}
)
TWO_FOCALS = frozenset({"PINHOLE", "OPENCV", "FULL_OPENCV", "FISHEYE", "OPENCV_FISHEYE"})
"""Camera models: one or two focal lengths, principal point, then OpenCV's coefficients in its order."""

Lens = tuple[Array, Array, Literal["pinhole", "fisheye"]]


def is_colmap(path: Path) -> bool:
    """Tell whether a path is a COLMAP workspace, or the folder of a model."""
    return path.is_dir() and next(_models(path), None) is not None


def pictures_of(path: Path) -> Path:
    """Return the folder of pictures, which is beside the model or above it where its own folder is named."""
    return _pictures(path, _largest(path))


def read_colmap(path: Path) -> Scene:
    """Read a model and what lies around it.

    Parameters
    ----------
    path : path
        Of the workspace (with ``sparse/0`` and ``images``), or of the model's own folder.

    Raises
    ------
    MissingExtraError
        If pycolmap is not installed.
    SceneError
        If the model cannot be read, or none of its pictures is there.
    """
    model = _largest(path)
    folder = _pictures(path, model)
    source, views = str(path.resolve()), []
    warnings: list[str] = []
    reconstruction = _read(model)
    images = _in_order(reconstruction, model, warnings)
    for image in images:
        if not image.has_pose:
            warnings.append(f"{model}: {image.name} has no pose and is left out.")
            continue
        try:
            views.append(_view(path, folder, image))
        except SceneError as error:
            warnings.append(f"{model}: {image.name} is left out: {error.message}")
    if not views:
        raise SceneError("; ".join(warnings[:3]) or f"{model} holds no posed picture.", input=source)
    points = [point.xyz for point in reconstruction.points3D.values()]
    if without := _unposed(folder, {image.name for image in images}):
        more = ", ..." if len(without) > NAMED else ""
        warnings.append(
            f"{model} has no pose of {len(without)} other pictures in {folder}: "
            f"{', '.join(without[:NAMED])}{more}"
        )
    return Scene(
        source=source,
        format="colmap",
        convention=CONVENTION,
        views=tuple(views),
        metric=False,
        points=np.array(points, dtype=np.float64).reshape(-1, 3),
        warnings=tuple(warnings),
    )


def _models(path: Path) -> Iterator[Path]:
    """Yield the folders of models, the usual places first."""
    known = [path / place for place in PLACES]
    numbered = sorted(p for p in (path / "sparse").glob("*") if p.is_dir())
    for folder in dict.fromkeys([*known, *numbered]):
        if any(all((folder / f"{name}{end}").is_file() for name in FILES) for end in (".bin", ".txt")):
            yield folder


def _largest(path: Path) -> Path:
    """Return the model with most pictures; their file's size tells, as one record is like another."""

    def pictures(model: Path) -> int:
        return max(f.stat().st_size for end in (".bin", ".txt") if (f := model / f"images{end}").is_file())

    return max(_models(path), key=pictures)


def _pictures(path: Path, model: Path) -> Path:
    """Return the folder that pictures are named in."""
    bases = [path, *(folder for folder in model.parents if folder == path or path in folder.parents)]
    bases += [model.parent, model.parent.parent]  # the model's own folder was given
    for base in bases:
        for name in PICTURES:
            if (base / name).is_dir():
                return base / name
    return path


def _in_order(reconstruction: Any, model: Path, warnings: list[str]) -> list[Any]:
    """Return the images whose names can be read, in their order."""
    named = {}
    for number, image in reconstruction.images.items():
        try:
            named[image.name] = image
        except UnicodeDecodeError:
            warnings.append(f"{model}: the name of image {number} is not UTF-8, and it is left out.")
    return [named[name] for name in sorted(named, key=in_order)]


def _unposed(folder: Path, names: set[str]) -> list[str]:
    """Return the pictures of a folder that a model does not name."""
    pictures = {file.name for file in folder.glob("*") if file.suffix.lower() in SUFFIXES}
    return sorted(pictures - names, key=in_order)


def _read(model: Path) -> Any:
    try:
        import pycolmap
    except ImportError:
        raise MissingExtraError("pycolmap", "scene", "reading a COLMAP model") from None
    check_model(model)
    try:
        return pycolmap.Reconstruction(str(model))
    except (ValueError, RuntimeError, IndexError, KeyError, OSError, MemoryError) as error:
        raise SceneError(f"{model} cannot be read by pycolmap: {error}", input=str(model)) from error


def _view(path: Path, folder: Path, image: Any) -> SceneView:
    if not image.has_camera_ptr:
        raise SceneError(f"it has no intrinsics: there is no camera {image.camera_id}.", input=image.name)
    intrinsics, distortion, model = _lens(image.camera)
    pose = np.eye(4)
    pose[:3] = image.cam_from_world().matrix()
    size = Size(int(image.camera.width), int(image.camera.height))
    file = inside(folder, image.name, "the picture")
    stored = size_of(file)
    if stored != size:
        raise SceneError(
            f"its picture has {stored.width}x{stored.height} pixels, its camera {size.width}x{size.height}.",
            input=str(file),
        )
    depth = folder.parent / "stereo" / "depth_maps" / f"{image.name}.geometric.bin"
    return SceneView(
        name=image.name,
        camera=Camera(intrinsics, pose, size, distortion, model),
        color=partial(read_color, file),
        depth=partial(read_depth_map, depth, size) if depth.is_file() else None,
    )


def _lens(camera: Any) -> Lens:
    """Return K, OpenCV's distortion and its model for a COLMAP camera.

    Raises
    ------
    SceneError
        If OpenCV has no such model.
    """
    name, p = camera.model.name, np.asarray(camera.params, dtype=np.float64)
    if name not in ONE_FOCAL | TWO_FOCALS:
        known = ", ".join(sorted(ONE_FOCAL | TWO_FOCALS))
        raise SceneError(f"its camera model {name} is not one of {known}; undistort it first.", input=name)
    fx, fy, (cx, cy), rest = (p[0], p[0], p[1:3], p[3:]) if name in ONE_FOCAL else (p[0], p[1], p[2:4], p[4:])
    distortion = np.zeros(max(4, len(rest)))
    distortion[: len(rest)] = rest
    model: Literal["pinhole", "fisheye"] = "fisheye" if name.endswith("FISHEYE") else "pinhole"
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), distortion, model


def read_depth_map(path: Path, size: Size) -> Depth:
    """Read a depth map of COLMAP's dense reconstruction, in the scene's units; (H, W) float32, 0: unknown.

    Raises
    ------
    SceneError
        If the file is malformed or of another shape than its picture.
    """
    try:
        *head, body = path.read_bytes().split(b"&", 3)
        width, height, channels = map(int, head)
        values = np.frombuffer(body, dtype="<f4")
    except (OSError, ValueError) as error:
        raise SceneError(f"{path} is no depth map of COLMAP: {error}.", input=str(path)) from error
    if channels != 1 or min(width, height) < 1 or values.size != width * height:
        message = f"{path} says {width}x{height}x{channels} and holds {values.size} values."
        raise SceneError(message, input=str(path))
    depth = values.reshape(height, width).astype(np.float32)
    depth[~np.isfinite(depth) | (depth < 0)] = 0
    return fitted(depth, size, path)
