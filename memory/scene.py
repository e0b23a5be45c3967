"""Scenes: posed views of one place, whoever wrote the files.

A reader (:mod:`.sources.scenes`) makes a :class:`Scene`; its pictures and depths are read when they are asked
for. A view becomes a still of the origin ``View``, which reopens it from the scene's path and its name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..errors import SceneError, nearest
from .geometry import Camera
from .still import Still, View

KEPT = 32
"""Pictures of a scene that stay decoded, and depths: those that a question looks at."""

Depth = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SceneView:
    """One posed picture.

    Parameters
    ----------
    name : str
        Unique in its scene; most often the picture's file name.
    camera : Camera
        Of the colour picture, as it is stored: distortion and all.
    color : callable
        Reads the picture: (H, W, 3) uint8 RGB of the camera's size. Raises InputError or SceneError.
    depth : callable or None
        Reads the depth, registered to the colour picture and of its size: (H, W) float32, metres along the
        optical axis, 0 where it is not known. None where the view has none.
    t : float or None, seconds
        When it was taken, from the first view of the scene on; None where that is not known.
    """

    name: str
    camera: Camera
    color: Callable[[], NDArray[np.uint8]]
    depth: Callable[[], Depth] | None = None
    t: float | None = None


@dataclass(eq=False)
class Scene:
    """Posed views of one place.

    Parameters
    ----------
    source : str
        Absolute path of the file or folder it was read from.
    format : str
        Which reader read it: "colmap", "nerfstudio", "scannet", ...
    convention : str
        In words: what the files' poses, axes, pixels and units were, before they were converted.
    views : sequence of SceneView, at least one
        In the order of time, or of their names.
    metric : bool
        Whether lengths are metres; otherwise they are in units that nothing ties to the world.
    up : (3,) float64 or None
        The direction away from the ground in the world's axes, length 1, where the format states it.
    points : (N, 3) float64
        Points that the files hold beside the views, such as COLMAP's; may be none.
    warnings : tuple of str
        What was left out or repaired, and why.

    Raises
    ------
    SceneError
        If there is no view, or two have one name.
    """

    source: str
    format: str
    convention: str
    views: tuple[SceneView, ...]
    metric: bool = True
    up: NDArray[np.float64] | None = None
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.views = tuple(self.views)
        if not self.views:
            raise SceneError(f"{self.source} holds no view that can be used.", input=self.source)
        self._by_name = {view.name: view for view in self.views}
        if len(self._by_name) < len(self.views):
            raise SceneError(f"{self.source} has two views of one name.", input=self.source)
        self._still = lru_cache(KEPT)(self._read_still)
        self._depth = lru_cache(KEPT)(self._read_depth)

    def __len__(self) -> int:
        return len(self.views)

    @property
    def unit(self) -> str:
        """What lengths are in, as answers write it."""
        return "m" if self.metric else "scene units"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all views, in order."""
        return tuple(self._by_name)

    def view(self, name: str) -> SceneView:
        """Return the view of that name.

        Raises
        ------
        SceneError
            If there is none; the message suggests the nearest.
        """
        if name not in self._by_name:
            raise SceneError(f"{self.source} has no view {name!r}.{nearest(name, self._by_name)}", input=name)
        return self._by_name[name]

    def still(self, name: str) -> Still:
        """Return a view's picture; errors as of :meth:`view`, and InputError if it cannot be read."""
        return self._still(name)

    def reread(self, name: str) -> Still:
        """Return a view's picture as its file is now; errors as of :meth:`still`."""
        return self._read_still(name)

    def depth(self, name: str) -> Depth | None:
        """Return a view's depth, (H, W) float32 in the scene's unit, 0 where unknown; None if it has none."""
        return self._depth(name)

    def stills(self, names: Sequence[str] | None = None) -> list[Still]:
        """Return the pictures of the named views, or of all."""
        return [self.still(name) for name in (self.names if names is None else names)]

    def _read_still(self, name: str) -> Still:
        view = self.view(name)
        pixels = view.color()
        if pixels.shape[:2] != (view.camera.size.height, view.camera.size.width):
            raise SceneError(
                f"the picture of the view {name!r} has {pixels.shape[1]}x{pixels.shape[0]} pixels, its "
                f"camera {view.camera.size.width}x{view.camera.size.height}.",
                input=self.source,
            )
        return Still(pixels, View(source=self.source, camera=name, t=view.t))

    def _read_depth(self, name: str) -> Depth | None:
        view = self.view(name)
        if view.depth is None:
            return None
        depth = view.depth()
        depth.flags.writeable = False
        return depth
