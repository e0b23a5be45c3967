"""Cameras: where a view was taken from, and how its pixels map to rays.

Conventions (the whole package): extrinsics are world-to-camera; axes are OpenCV's (x right, y down, z
forward); lengths are metres unless ``Scene.metric`` is False; pixels are (x, y) and (0, 0) is the top-left
corner of the top-left pixel, whose centre is (0.5, 0.5): as boxes count, and COLMAP. OpenCV, ROS and TUM
count from the centre of that pixel; their readers add 0.5 to the principal point.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import SceneError
from .still import Size

Array = NDArray[np.float64]

Lens = tuple[str, Size, bytes, bytes]
"""What cameras share whose pixels look the same way: model, size, intrinsics and distortion."""

RIGID = 1e-3
"""How far a rotation's rows may be from orthonormal: poses are often written with four digits."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A calibrated, posed camera.

    Parameters
    ----------
    intrinsics : (3, 3) float64, pixels
        K, last row (0, 0, 1).
    world_to_camera : (4, 4) float64, metres
        Rigid and right-handed; its rotation is made exactly orthonormal here.
    size : Size
        Of the picture, in pixels.
    distortion : (N,) float64
        OpenCV's coefficients in its order: k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4 [tx ty]]]], or k1 k2 k3 k4
        of a fisheye; none for a picture without distortion.
    model : "pinhole" or "fisheye"
        OpenCV's two camera models.

    Raises
    ------
    SceneError
        If a number is not finite, a focal length not positive, the pose not rigid or left-handed; the message
        names the field.
    """

    intrinsics: Array
    world_to_camera: Array
    size: Size
    distortion: Array = field(default_factory=lambda: np.zeros(0))
    model: Literal["pinhole", "fisheye"] = "pinhole"

    def __post_init__(self) -> None:
        k = _finite(self.intrinsics, (3, 3), "intrinsics")
        if k[0, 0] <= 0 or k[1, 1] <= 0 or not np.allclose(k[2], (0, 0, 1)):
            raise SceneError(f"intrinsics are not a camera matrix with positive focal lengths: {k.tolist()}.")
        pose = _rigid(_finite(self.world_to_camera, (4, 4), "world_to_camera"))
        coefficients = np.asarray(self.distortion, dtype=np.float64).ravel()
        if not np.isfinite(coefficients).all():
            raise SceneError(f"distortion holds a number that is not finite: {coefficients.tolist()}.")
        object.__setattr__(self, "intrinsics", k)
        object.__setattr__(self, "world_to_camera", pose)
        if self.model == "fisheye":  # its projection is another one even without coefficients
            coefficients = np.pad(coefficients, (0, max(0, 4 - coefficients.size)))
        elif not coefficients.any():
            coefficients = np.zeros(0)
        object.__setattr__(self, "distortion", coefficients)
        object.__setattr__(self, "size", Size(*self.size))

    @cached_property
    def camera_to_world(self) -> Array:
        """The inverse pose, (4, 4) float64."""
        inverse = np.eye(4)
        rotation, translation = self.world_to_camera[:3, :3], self.world_to_camera[:3, 3]
        inverse[:3, :3], inverse[:3, 3] = rotation.T, -rotation.T @ translation
        return inverse

    @property
    def centre(self) -> Array:
        """Where the camera stands, (3,) in the world."""
        return self.camera_to_world[:3, 3]

    @property
    def forward(self) -> Array:
        """Where it looks: the optical axis in the world, (3,) of length 1."""
        return self.world_to_camera[2, :3]

    @property
    def lens(self) -> Lens:
        """The camera without its pose, as :func:`grid` takes it."""
        return self.model, self.size, self.intrinsics.tobytes(), self.distortion.tobytes()

    def scaled(self, size: Size) -> Camera:
        """Return the camera of the same picture in another size in pixels."""
        scale = np.diag([size.width / self.size.width, size.height / self.size.height, 1.0])
        return replace(self, intrinsics=scale @ self.intrinsics, size=size)

    def posed(self, world_to_camera: ArrayLike) -> Camera:
        """Return the same camera in another place."""
        return replace(self, world_to_camera=np.asarray(world_to_camera, dtype=np.float64))

    def project(self, points: ArrayLike) -> tuple[Array, Array]:
        """Project world points into the picture.

        Parameters
        ----------
        points : (N, 3) float64, metres, world

        Returns
        -------
        pixels : (N, 2) float64
            Also outside of the picture; NaN where the point is not in front of the camera, or beyond where
            the distortion's polynomial turns back, which would show it where it is not.
        depth : (N,) float64, metres along the optical axis
        """
        local = np.asarray(points, dtype=np.float64).reshape(-1, 3) @ self.world_to_camera[:3, :3].T
        local = local + self.world_to_camera[:3, 3]
        depth = local[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            plane = np.where(depth[:, None] > 0, local[:, :2] / depth[:, None], np.nan)
        if self.distortion.size:
            plane = self._distorted(plane)
        return plane @ self.intrinsics[:2, :2].T + self.intrinsics[:2, 2], depth

    def rays(self, pixels: ArrayLike) -> Array:
        """Return where pixels look, in the camera's axes and at depth 1.

        Parameters
        ----------
        pixels : (N, 2) float64

        Returns
        -------
        (N, 3) float64, z = 1
        """
        flat = np.asarray(pixels, dtype=np.float64).reshape(-1, 2) - self.intrinsics[:2, 2]
        plane = np.linalg.solve(self.intrinsics[:2, :2], flat.T).T
        if self.distortion.size:
            plane = self._undistorted(np.asarray(plane, dtype=np.float64))
        return np.concatenate([plane, np.ones((len(plane), 1))], axis=1)

    def unproject(self, pixels: ArrayLike, depth: ArrayLike) -> Array:
        """Return the world points that pixels show at depths.

        Parameters
        ----------
        pixels : (N, 2) float64
        depth : (N,) or scalar, metres along the optical axis

        Returns
        -------
        (N, 3) float64, metres, world
        """
        local = self.rays(pixels) * np.asarray(depth, dtype=np.float64).reshape(-1, 1)
        return self.to_world(local)

    def to_world(self, local: ArrayLike) -> Array:
        """Return points of the camera's axes, (N, 3), in the world's."""
        return np.asarray(local, dtype=np.float64) @ self.camera_to_world[:3, :3].T + self.centre

    @cached_property
    def _reach(self) -> float:
        """Tangent of the angle from the axis up to which what is farther out is also shown farther out."""
        tangent = np.linspace(0, 10, 4001)
        k = np.concatenate([self.distortion, np.zeros(8)])
        if self.model == "fisheye":
            angle = np.arctan(tangent)
            shown = angle * np.polyval([k[3], k[2], k[1], k[0], 1], angle**2)
        else:
            above, below = [k[4], k[1], k[0], 1], [k[7], k[6], k[5], 1]
            shown = tangent * np.polyval(above, tangent**2) / np.polyval(below, tangent**2)
        back = np.flatnonzero(np.diff(shown) <= 0)
        return float(tangent[back[0]]) if len(back) else np.inf

    def _distorted(self, plane: Array) -> Array:
        import cv2

        ahead = np.hypot(plane[:, 0], plane[:, 1]) < self._reach
        out = np.full_like(plane, np.nan)
        if ahead.any():
            seen = np.concatenate([plane[ahead], np.ones((int(ahead.sum()), 1))], axis=1)[:, None, :]
            project = cv2.fisheye.projectPoints if self.model == "fisheye" else cv2.projectPoints
            zero = np.zeros(3)
            out[ahead] = project(seen, zero, zero, np.eye(3), self.distortion)[0].reshape(-1, 2)
        return out

    def _undistorted(self, plane: Array) -> Array:
        import cv2

        if not len(plane):
            return plane
        done = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-10)
        eye, points = np.eye(3), plane[:, None, :]
        if self.model == "fisheye":
            flat = cv2.fisheye.undistortPoints(points, eye, self.distortion, criteria=done)
        else:
            flat = cv2.undistortPoints(points, eye, self.distortion, criteria=done)
        return np.asarray(flat, dtype=np.float64).reshape(-1, 2)


@lru_cache(8)
def grid(lens: Lens) -> NDArray[np.float32]:
    """Return where the centre of every pixel looks: rays in the camera's axes at depth 1.

    Views of a scene mostly share a lens, and undistorting a whole picture takes longer than all that follows.

    Returns
    -------
    (H, W, 3) float32, read-only
    """
    model, size, intrinsics, distortion = lens
    camera = Camera(
        np.frombuffer(intrinsics).reshape(3, 3),
        np.eye(4),
        size,
        np.frombuffer(distortion),
        "fisheye" if model == "fisheye" else "pinhole",
    )
    columns, rows = np.meshgrid(np.arange(size.width) + 0.5, np.arange(size.height) + 0.5)
    rays = camera.rays(np.stack([columns, rows], axis=-1)).astype(np.float32)
    rays = rays.reshape(size.height, size.width, 3)
    rays.flags.writeable = False
    return rays


def rigid(rotation: ArrayLike, translation: ArrayLike) -> Array:
    """Return the (4, 4) transform of a rotation vector (axis times angle, radians) and a translation.

    Rodrigues' formula.
    """
    vector = np.asarray(rotation, dtype=np.float64)
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / angle if angle > 0 else vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    transform = np.eye(4)
    transform[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    transform[:3, 3] = translation
    return transform


def _finite(matrix: ArrayLike, shape: tuple[int, ...], name: str) -> Array:
    try:
        array = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        raise SceneError(f"{name} is not a {shape[0]}x{shape[1]} matrix of numbers.") from None
    if array.shape != shape:
        raise SceneError(f"{name} is not a {shape[0]}x{shape[1]} matrix but of the shape {array.shape}.")
    if not np.isfinite(array).all():
        raise SceneError(f"{name} holds a number that is not finite (NaN or infinite): {array.tolist()}.")
    return array


def _rigid(pose: Array) -> Array:
    rotation = pose[:3, :3]
    if not np.allclose(pose[3], (0, 0, 0, 1), atol=1e-6):
        raise SceneError(f"world_to_camera has the last row {pose[3].tolist()}, not 0 0 0 1.")
    determinant = float(np.linalg.det(rotation))
    if determinant < 0:
        raise SceneError(
            f"world_to_camera is left-handed (its rotation has the determinant {determinant:.3f}): an axis "
            "is flipped; say which convention the poses are written in."
        )
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=RIGID):
        raise SceneError(
            f"world_to_camera is not rigid: its rotation is not orthonormal (determinant {determinant:.4f})."
        )
    u, _, vt = np.linalg.svd(rotation)
    pose[:3, :3] = u @ vt
    return pose
