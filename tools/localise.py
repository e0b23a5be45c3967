"""Localise: find what is named in a scene, once for each physical thing, by asking the eyes.

Pieces that stand out (:mod:`.proposals`; without depth :mod:`.silhouettes`) are asked about, view by view
(:mod:`.instances`); a detector may take the eyes' place (:mod:`.detectors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..errors import SceneError
from ..memory import Box
from ..memory.floor import Ground
from ..memory.fusion import Cloud, fuse
from ..memory.geometry import Array
from ..memory.noise import Noise, adjust
from ..memory.placed import Matrix, Placed, Seen, Vector
from ..memory.scene import Scene
from .instances import GENERIC, Asking, best_views, called
from .look import Eyes, distinct
from .proposals import Piece, Proposals, propose
from .scene_map import map_axes
from .small_looks import Part
from .surfaces import Surface, bounds, thinned
from .windows import detected, look_for

if TYPE_CHECKING:
    from .detectors import Detector

LOOKS = 400
"""Crops that a question may look at."""
HALF = 0.5
"""Probability from which a piece is what it is called."""
MOVED = 0.1
"""Degrees by which poses must be off to be put right."""
LEFT = 0.15
"""Share of the poses' errors that is left when they were put right."""
SMOOTHED = 0.2
"""Noise of a point over that of the pixel it comes from: neighbours are averaged."""
ROUGH = 0.4
"""Error of an extent over the noise of single pixels: the extremes of noisy points are hard to tell."""
SAMPLED = 0.4
"""How well an extent is told, over the distance of neighbouring pixels."""
SHOWN = 4
"""Views that an object names as evidence, at most."""
CLEAR = 0.3
"""Share of the largest silhouette from which on a view shows a side of a thing."""
UNSEEN, CUT_OFF = 0.15, 0.1
"""Standard deviation of an extent, over it, of what one side only is seen of, and of what is never whole."""
STANDS = 0.12
"""Share of a thing's height that may be missing below for it to stand on the floor."""


@dataclass(frozen=True, eq=False)
class Thing:
    """A physical object with its surface; ``called`` holds how likely each name is."""

    placed: Placed
    called: Mapping[str, float]
    piece: Piece
    surface: Surface

    @property
    def label(self) -> int:
        """The number it has everywhere."""
        return self.placed.label

    @property
    def centre(self) -> Array:
        """Of its extent, (3,) in the world."""
        return np.asarray(self.placed.centre)


@dataclass(frozen=True, eq=False)
class Located:
    """What was found.

    Parameters
    ----------
    scene : Scene
        Its cameras are put right against each other where they were off.
    views : tuple of str
        Those that were looked at.
    things : tuple of Thing
        Those that any of the names fits, by label.
    missing : mapping of str to float
        Names that nothing fits, with the confidence that there is none.
    up : (3,)
    axes : (3, 3)
        Rows: the map's right, forward and up in the world.
    ground : Ground or None
    proposals : Proposals or None
    noise : Noise
    slack : float
        One standard deviation of a length for all that the points themselves do not tell: pixels, poses.
    parts, notes : what was asked, and what a reader should know.
    """

    scene: Scene
    views: tuple[str, ...]
    things: tuple[Thing, ...]
    missing: Mapping[str, float]
    up: Array
    axes: Array
    ground: Ground | None
    proposals: Proposals
    noise: Noise
    slack: float
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def placed(self) -> tuple[Placed, ...]:
        """The things as records, by label."""
        return tuple(thing.placed for thing in self.things)

    def of(self, name: str) -> list[Thing]:
        """Return the things that a name fits, the likeliest first."""
        some = [thing for thing in self.things if thing.called.get(name, 0.0) >= HALF]
        return sorted(some, key=lambda thing: (-thing.called[name], thing.label))


def localise(
    eyes: Eyes,
    scene: Scene,
    names: Sequence[str],
    views: Sequence[str],
    *,
    cloud: Cloud | None = None,
    detector: Detector | None = None,
    looks: int = LOOKS,
) -> Located:
    """Find what is named.

    Parameters
    ----------
    eyes : Eyes
    scene : Scene
    names : sequence of str
        "red block", "chair"; "thing" for whatever stands out.
    views : sequence of str, at least one
        Names of views.
    cloud : Cloud, optional
        Fused from these views or more, if it is at hand.
    detector : Detector, optional
        Finds things in pictures in the eyes' place.
    looks : int
        Crops that may be looked at.

    Returns
    -------
    Located

    Raises
    ------
    SceneError
        If there is no view, or none of that name.
    """
    if not views:
        raise SceneError(f"{scene.source}: no view is looked at; choose one at least.", input=scene.source)
    chosen = tuple(name for name in scene.names if name in set(views)) or tuple(views)
    right, noise, said, found = _prepared(scene, chosen, cloud)
    notes = list(said)
    asking = Asking(eyes, right, found.pieces, looks, [], notes)
    plain = list(dict.fromkeys(names))
    if detector is None:
        fits = called(found.pieces, asking.opinions([n for n in plain if n not in GENERIC]), plain)
    else:
        fits = detector.called(right, found.pieces, plain)
    found, fits = _looked_for(asking, found, fits, chosen, plain, detector)
    slack = _slack(right, found, noise)
    floor, axes = found.ground, map_axes(found.up, scene.view(scene.names[0]).camera.world_to_camera)
    things: list[Thing] = []
    for k in _ordered(found.pieces, fits, plain):
        things.append(_thing(len(things) + 1, right, found, k, fits[k], plain, axes, floor, slack))
    loose = max((thing.piece.loose or 0.0 for thing in things), default=0.0)
    missing = {
        name: 1 - max((fit.get(name, 0.0) for fit in fits), default=0.0)
        for name in plain
        if not any(thing.called.get(name, 0.0) >= HALF for thing in things)
    }
    return Located(
        right, chosen, tuple(things), missing, found.up, axes, floor, found, noise,
        float(np.hypot(slack, loose)), tuple(asking.parts), distinct([*notes, *found.left_out]),
    )  # fmt: skip


def _looked_for(
    asking: Asking,
    found: Proposals,
    fits: list[dict[str, float]],
    views: Sequence[str],
    names: Sequence[str],
    detector: Detector | None,
) -> tuple[Proposals, list[dict[str, float]]]:
    """Look in windows for what no piece is called, and return it as further pieces."""
    missing = [
        name for name in names
        if name not in GENERIC and all(fit.get(name, 0.0) < HALF for fit in fits)
    ]  # fmt: skip
    if not missing:
        return found, fits
    if detector is None:
        more = look_for(asking, found, views, missing)
    else:
        more = detected(detector, asking.scene, found, views, missing)
    asking.notes += more.notes
    return replace(found, pieces=(*found.pieces, *more.pieces)), [*fits, *more.fits]


_Ready = tuple[Scene, Noise, tuple[str, ...], Proposals]
_ready: WeakKeyDictionary[Scene, dict[tuple[str, ...], _Ready]] = WeakKeyDictionary()
"""What the views of the last question about a scene show: the next question often has the same views."""


def _prepared(scene: Scene, views: tuple[str, ...], cloud: Cloud | None) -> _Ready:
    """Return the scene with its poses put right, how far they were off, and what stands out."""
    kept = _ready.get(scene, {})
    if views not in kept:
        right, noise, notes = _put_right(scene, views)
        found = _proposed(right, views, cloud if right is scene else None)
        kept = _ready[scene] = {views: (right, noise, tuple(notes), found)}
    return kept[views]


def _put_right(scene: Scene, views: Sequence[str]) -> tuple[Scene, Noise, list[str]]:
    """Return the scene with its cameras put right, where they are off by more than a little."""
    noise, cameras = adjust(scene, list(views))
    if np.degrees(noise.pose_rad) < MOVED or not cameras:
        return scene, noise, []
    every = tuple(replace(view, camera=cameras.get(view.name, view.camera)) for view in scene.views)
    note = (
        f"the poses are off by about {np.degrees(noise.pose_rad):.1f} degrees and {noise.pose_m:.2g} "
        f"{scene.unit}: the views were put right against each other, and intervals are wider"
    )
    return replace(scene, views=every), noise, [note]


def _proposed(scene: Scene, views: Sequence[str], cloud: Cloud | None) -> Proposals:
    if any(scene.view(name).depth is not None for name in views):
        return propose(scene, views, cloud or fuse(scene, views))
    from .silhouettes import propose_without_depth

    return propose_without_depth(scene, views)


def _slack(scene: Scene, found: Proposals, noise: Noise) -> float:
    far = [float(np.median(np.linalg.norm(piece.points - scene.view(name).camera.centre, axis=1)))
           for piece in found.pieces for name in best_views(piece)[:1]]  # fmt: skip
    way = noise.pose_m + noise.pose_rad * (float(np.median(far)) if far else 0.0)
    poses = way * (LEFT if any(scene.view(name).depth is not None for name in found.names) else 1.0)
    return float(np.linalg.norm([SAMPLED * found.step, ROUGH * found.noise, poses, found.loose]))


def _ordered(pieces: Sequence[Piece], fits: Sequence[Mapping[str, float]], names: Sequence[str]) -> list[int]:
    """Return the pieces that a name fits: by name, the largest first."""
    order: list[int] = []
    for name in names:
        some = [k for k, fit in enumerate(fits) if fit.get(name, 0.0) >= HALF and k not in order]
        order += sorted(some, key=lambda k: (-len(pieces[k].points), k))
    return order


def _thing(
    label: int,
    scene: Scene,
    found: Proposals,
    number: int,
    fits: Mapping[str, float],
    names: Sequence[str],
    axes: Array,
    floor: Ground | None,
    slack: float,
) -> Thing:
    piece = found.pieces[number]
    surface = thinned(piece.points, piece.views, found.step, SMOOTHED * found.noise)
    corners = bounds(surface, axes)
    if floor is not None:
        corners = standing(corners, floor.height)
    sides = corners[1] - corners[0]
    name = max(names, key=lambda one: fits.get(one, 0.0))
    name = next((one for one in names if fits.get(one, 0.0) >= HALF and one != "thing"), name)
    sigma = slack + (unseen(scene, piece, sides, found.up) if piece.loose is None else piece.loose)
    placed = Placed(
        label=label,
        name=name,
        centre=_vector(corners.mean(axis=0) @ axes),
        covariance=as_matrix(np.eye(3) * sigma**2),
        size=_vector(np.maximum(sides, 0)),
        size_sigma=float(2**0.5 * sigma),
        confidence=min(1.0, fits[name]),
        seen=tuple(_seen(piece, view, fits[name]) for view in best_views(piece)[:SHOWN]),
    )
    return Thing(placed, fits, piece, surface)


def standing(corners: Array, floor: float) -> Array:
    """Return corners, (2, 3) along the map's axes, completed below for what stands on the floor.

    Its lowest part is left to the floor where the two are told apart.
    """
    low, high = corners[0, 2], corners[1, 2]
    if abs(low - floor) < STANDS * (high - floor):
        corners = corners.copy()
        corners[0, 2] = floor
    return corners


def unseen(scene: Scene, piece: Piece, sides: NDArray[np.float64], up: Array) -> float:
    """Return by how much a thing's extent may be off because no view shows its other side, or all of it.

    How much is unseen is told by the largest turn around the thing, seen from above, without a view of it.
    """
    whole = sum(not patch.cut for patch in piece.patches.values())
    largest = max(patch.area for patch in piece.patches.values())
    clear = [name for name, patch in piece.patches.items() if patch.area > CLEAR * largest]
    ways = np.stack([scene.view(name).camera.centre for name in clear]) - piece.points.mean(axis=0)
    flat = np.stack([np.cross(up, _level(up)), _level(up)])
    turns = np.sort(np.arctan2(*(ways @ flat.T).T))
    gaps = np.diff(np.append(turns, turns[0] + 2 * np.pi))
    behind = max(0.0, float(gaps.max()) / np.pi - 1)
    return float(np.max(sides)) * (UNSEEN * behind + (CUT_OFF if whole == 0 else 0.0))


def _level(up: Array) -> Array:
    across = np.cross(up, np.eye(3)[int(np.argmin(np.abs(up)))])
    return np.asarray(across / np.linalg.norm(across))


def _seen(piece: Piece, view: str, confidence: float) -> Seen:
    x0, y0, x1, y1 = piece.patches[view].box
    return Seen(camera=view, box=Box(x0=x0, y0=y0, x1=x1, y1=y1), confidence=min(1.0, confidence))


def _vector(values: Array) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z


def as_matrix(values: Array) -> Matrix:
    """Return a (3, 3) array as records hold it."""
    x, y, z = (_vector(row) for row in values)
    return x, y, z
