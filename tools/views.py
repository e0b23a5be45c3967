"""Choice of views for a question about a scene: relevance, times what they cover, times parallax.

Greedy choice of a submodular sum (Nemhauser, Wolsey and Fisher 1978): every point of the scene is worth most
the first time that it is seen, something again from another direction, and little after that. What relevant
views look at is worth more, and so is a relevant view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, SightloopError
from ..memory import Still
from ..memory.scene import Scene, SceneView
from ..memory.visible import sample, visible
from .small_looks import article

if TYPE_CHECKING:
    from ..memory.embed import Embedder
    from ..memory.fusion import Cloud

CANDIDATES = 256
"""Views that are weighed against each other, at most: of more, those that lie farthest apart."""
EMBEDDED = 96
"""Views that relevance looks at, at most; any other is as relevant as the nearest of them."""
READ = 24
"""Views whose depths are read for points of the scene, where no cloud is given."""
POINTS = 2000
"""Points of the scene that coverage is told by."""
SHOWN = 448
"""Longest side of the pictures that are embedded, pixels."""
GENERIC = "a picture"
"""What any picture is: relevance is how much better a view goes with a text than with this, without which a
text that goes well with nothing in particular ranks views at random."""
LONGEST_NAME = 4
"""Words of a name of a thing, at most, which a view is "a picture of"."""
FIRST, SECOND, MORE = 1.0, 0.5, 0.05
"""Worth of a point that is seen for the first time, again from elsewhere, and once more."""
PARALLAX = 15.0
"""Degrees between two directions from which on the second one is worth its all."""
LEAST = 0.05
"""Weight of the least relevant view."""

Array = NDArray[np.float64]

_embedded: WeakKeyDictionary[Scene, dict[str, dict[str, NDArray[np.float32]]]] = WeakKeyDictionary()
"""Vectors of views, by scene, embedder and view: asking again costs nothing."""


def relevance(embedder: Embedder, scene: Scene, text: str) -> dict[str, float]:
    """Tell how well views of a scene go with a text.

    Parameters
    ----------
    embedder : Embedder
        Of stills and texts.
    scene : Scene
    text : str
        What is looked for: "red block, blue ball"; empty for nothing, of which nothing is known.

    Returns
    -------
    dict
        By view, of up to :data:`EMBEDDED` views that are spread over the scene and can be read; higher is
        better, and only the order and the ratio of differences mean anything.

    Raises
    ------
    InputError
        If no view can be read.
    """
    if not text.strip():
        return {}
    known = _embedded.setdefault(scene, {}).setdefault(embedder.name, {})
    wanted = [scene.names[i] for i in spread(_poses(scene.views), EMBEDDED)]
    stills = {name: still for name in wanted if name not in known and (still := _shown(scene, name))}
    if stills:
        known.update(zip(stills, embedder.embed(list(stills.values())), strict=True))
    names = [name for name in wanted if name in known]
    if not names:
        raise InputError(f"no view of {scene.source} can be read.", input=scene.source)
    asked, any_picture = embedder.embed([_pictured(text), GENERIC])
    scores = np.stack([known[name] for name in names]) @ (asked - any_picture)
    return dict(zip(names, scores.tolist(), strict=True))


def _pictured(text: str) -> str:
    """Return names of things as what a picture is of; any other text as it is."""
    things = [thing.strip() for thing in text.split(",") if thing.strip()]
    if text.rstrip().endswith(("?", ".", "!")) or any(len(thing.split()) > LONGEST_NAME for thing in things):
        return text
    return f"{GENERIC} of {' and '.join(map(article, things))}"


def choose(
    scene: Scene,
    relevance: Mapping[str, float] | None,
    count: int,
    cloud: Cloud | None = None,
    always: Sequence[str] = (),
) -> list[str]:
    """Choose views that show what matters, all of it, and from more than one side.

    Parameters
    ----------
    scene : Scene
    relevance : mapping or None
        By view, as :func:`relevance` tells; views that are missing take it from the nearest one that is not.
        None: all are alike.
    count : int
        How many, at most.
    cloud : Cloud or None
        Of the scene; without one, points are taken from the scene or from the depths of a few views, and
        without any from in front of the cameras.
    always : sequence of str
        Views to be among them, such as one that the question names.

    Returns
    -------
    list of str
        Names in the scene's order, ``count`` at most, without repetition; the same for the same input.

    Raises
    ------
    InputError
        If ``count`` is not positive.
    SceneError
        If the scene has no view of a name in ``always``.
    """
    if count < 1:
        raise InputError(f"at least one view has to be chosen, not {count}.")
    kept = list(dict.fromkeys(scene.view(name).name for name in always))[:count]
    if len(scene) <= count:
        return list(scene.names)
    candidates = _candidates(scene, relevance, kept)
    weights = _weights(scene, relevance)[candidates]
    points = _points(scene, cloud)
    cameras = [scene.views[i].camera for i in candidates]
    seen = np.stack([visible(camera, points) for camera in cameras])
    directions = _directions(np.stack([camera.centre for camera in cameras]), points)
    worth = (weights @ seen) / np.maximum(seen.sum(axis=0), 1)
    held = [candidates.index(scene.names.index(name)) for name in kept]
    chosen = _greedy(seen, directions, weights, worth, held, count)
    return [scene.names[i] for i in sorted(candidates[k] for k in chosen)]


def uniform(scene: Scene, count: int) -> list[str]:
    """Return the names of so many views at even distances in the scene's order, or of all."""
    places = (np.arange(min(count, len(scene))) + 0.5) * len(scene) / min(count, len(scene))
    return [scene.names[int(place)] for place in places]


def spread(places: Array, count: int, first: Sequence[int] = ()) -> list[int]:
    """Choose places that lie far from each other, each the farthest from those before (Gonzalez 1985).

    Parameters
    ----------
    places : (N, D) float64
    count : int
        How many.
    first : sequence of int
        Those to begin with; place 0 if there are none.

    Returns
    -------
    list of int
        Sorted.
    """
    if len(places) <= count:
        return list(range(len(places)))
    chosen = list(first)[:count] or [0]
    nearest = np.min([_away(places, place) for place in chosen], axis=0)
    while len(chosen) < count:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _away(places, chosen[-1]))
        nearest[chosen] = -1
    return sorted(chosen)


def _away(places: Array, place: int) -> Array:
    return np.asarray(((places - places[place]) ** 2).sum(axis=1))


def _poses(views: Sequence[SceneView]) -> Array:
    """Return where cameras stand and look as points, (N, 6), so that near ones see much the same."""
    centres = np.stack([view.camera.centre for view in views])
    scale = float(np.linalg.norm(np.ptp(centres, axis=0))) or 1.0
    return np.concatenate([centres / scale, np.stack([view.camera.forward for view in views]) / 2], axis=1)


def _shown(scene: Scene, name: str) -> Still | None:
    """Return a view's picture, small; None if it cannot be read, which whoever looks at it will say."""
    try:
        still = scene.still(name)
    except SightloopError:
        return None
    image = still.to_pil()
    image.thumbnail((SHOWN, SHOWN))
    return Still.from_array(image, still.origin)


def _candidates(scene: Scene, relevance: Mapping[str, float] | None, kept: Sequence[str]) -> list[int]:
    """Return which views are weighed: those to be kept, the most relevant, and some from everywhere."""
    if len(scene) <= CANDIDATES:
        return list(range(len(scene)))
    order = sorted(relevance or (), key=lambda name: -(relevance or {})[name])
    index = {name: i for i, name in enumerate(scene.names)}
    best = [index[name] for name in order if name in index][: CANDIDATES // 4]
    first = list(dict.fromkeys([*(index[name] for name in kept), *best]))
    return spread(_poses(scene.views), CANDIDATES, first)


def _weights(scene: Scene, relevance: Mapping[str, float] | None) -> Array:
    """Return how relevant each view is, from :data:`LEAST` to 1: all alike where nothing tells them apart."""
    told = {name: value for name, value in (relevance or {}).items() if name in scene.names}
    if not told:
        return np.ones(len(scene))
    poses = _poses(scene.views)
    known = [scene.names.index(name) for name in told]
    values = np.array(list(told.values()))
    low, high = np.quantile(values, (0.05, 0.95))
    share = np.clip((values - low) / (high - low), 0, 1) if high > low else np.ones(len(values))
    near = ((poses[:, None] - poses[None, known]) ** 2).sum(axis=2).argmin(axis=1)
    near[known] = np.arange(len(known))  # of two views from one place each has its own
    return np.asarray(LEAST + (1 - LEAST) * share[near] ** 2)


def _points(scene: Scene, cloud: Cloud | None) -> Array:
    """Return points of the scene, (N, 3), that its views are to cover."""
    if cloud is not None and len(cloud.points):
        return np.asarray(cloud.points[sample(len(cloud.points), POINTS)], dtype=np.float64)
    if len(scene.points):
        return scene.points[sample(len(scene.points), POINTS)]
    with_depth = [view for view in scene.views if view.depth is not None]
    read = [with_depth[i] for i in spread(_poses(with_depth), READ)] if with_depth else []
    seen = [points for view in read if len(points := _lifted(scene, view, POINTS // READ))]
    return np.concatenate(seen) if seen else _ahead(scene)


def _lifted(scene: Scene, view: SceneView, count: int) -> Array:
    try:
        depth = scene.depth(view.name)
    except SightloopError:
        depth = None
    if depth is None:
        return np.zeros((0, 3))
    rows, columns = np.nonzero(depth)
    some = sample(len(rows), count) if len(rows) else np.zeros(0, dtype=np.int64)
    pixels = np.stack([columns[some] + 0.5, rows[some] + 0.5], axis=1)
    return view.camera.unproject(pixels, depth[rows[some], columns[some]])


def _ahead(scene: Scene) -> Array:
    """Return points on the axes of the cameras, as far away as the cameras are spread."""
    some = [scene.views[i] for i in spread(_poses(scene.views), POINTS // 4)]
    centres = np.stack([view.camera.centre for view in some])
    reach = float(np.linalg.norm(centres - centres.mean(axis=0), axis=1).mean()) or 1.0
    ahead = np.stack([view.camera.forward for view in some])
    return np.concatenate([centres + ahead * reach * share for share in (0.5, 1.0, 1.5, 2.0)])


def _directions(centres: Array, points: Array) -> NDArray[np.float32]:
    """Return where each camera lies from each point: (views, points, 3) of length 1."""
    ways = (centres[:, None] - points[None]).astype(np.float32)
    return np.asarray(ways / np.maximum(np.linalg.norm(ways, axis=2, keepdims=True), 1e-9), dtype=np.float32)


def _greedy(
    seen: NDArray[np.bool_],
    directions: NDArray[np.float32],
    weights: Array,
    worth: Array,
    held: Sequence[int],
    count: int,
) -> list[int]:
    """Choose views one by one, each the one that adds most; ``held`` come first. The first of equals wins."""
    chosen: list[int] = []
    times = np.zeros(seen.shape[1], dtype=np.int64)
    turned = np.full(
        seen.shape, 180.0
    )  # degrees from each view to the nearest chosen one, as a point sees it
    for step in range(min(count, len(seen))):
        again = SECOND * np.clip(turned / PARALLAX, 0, 1) * (times == 1) + MORE * np.clip(
            turned / PARALLAX, 0, 1
        )
        value = np.where(times == 0, FIRST, again)
        gain = weights * (seen * value * worth).sum(axis=1)
        gain[chosen] = -1.0
        best = held[step] if step < len(held) else int(gain.argmax())
        chosen.append(best)
        at = np.flatnonzero(seen[best])
        cosine = np.einsum("vpk,pk->vp", directions[:, at], directions[best, at])
        turned[:, at] = np.minimum(turned[:, at], np.degrees(np.arccos(np.clip(cosine, -1, 1))))
        times[at] += 1
    return chosen
