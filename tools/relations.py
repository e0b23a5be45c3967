"""Relations: on which side of each other things are, as seen from somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import SceneError
from ..memory.geometry import Array
from .localise import Located, Thing
from .scene_questions import Side
from .scene_viewpoints import Viewpoint
from .surfaces import gap_to
from .uncertainty import holds

OPPOSITE: Mapping[Side, Side] = {
    "left": "right", "right": "left", "front": "behind", "behind": "front",
    "above": "below", "below": "above", "nearer": "farther", "farther": "nearer",
}  # fmt: skip
WORDS: Mapping[Side, str] = {
    "left": "to the left of", "right": "to the right of", "front": "in front of", "behind": "behind",
    "above": "above", "below": "below", "nearer": "nearer than", "farther": "farther away than",
}  # fmt: skip
MINE: Mapping[Side, str] = {
    "left": "to the left", "right": "to the right", "front": "in front", "behind": "behind",
    "above": "higher up", "below": "lower down", "nearer": "near", "farther": "far away",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Stand:
    """Where things are seen from.

    Parameters
    ----------
    eye : (3,) world
    axes : (3, 3)
        Rows: right, away from who looks, and up.
    words : str
        "seen from view 3", "standing at the door, facing the sofa".
    view : str or None
        The view, where it is one that looks along its own axis.
    """

    eye: Array
    axes: Array
    words: str
    view: str | None = None

    def place(self, point: Array) -> Array:
        """Return a point as right, away and up of who looks, (3,)."""
        return np.asarray(self.axes @ (point - self.eye))


def view_words(located: Located, name: str) -> str:
    """Return what a view is called: its number in the scene, and its name."""
    number = f"view {located.scene.names.index(name) + 1}"
    plain = name.rsplit(".", 1)[0].replace("_", " ").replace("0", "").casefold().replace(" ", "")
    return number if plain == number.replace(" ", "") else f"{number} ({name})"


def stand(located: Located, viewpoint: Viewpoint | None, about: Array) -> Stand:
    """Return where a question is seen from: by default the first view that was looked at.

    Parameters
    ----------
    located : Located
    viewpoint : Viewpoint or None
        Things that it names must have been localised.
    about : (3,)
        What is asked about: who stands at a thing and is not said to face anything looks there.

    Raises
    ------
    SceneError
        If a thing that the viewpoint names was not found.
    """
    place = viewpoint or Viewpoint()
    if place.at:
        at = _one(located, place.at)
        eye, words = at.centre, f"standing at the {place.at}"
    else:
        name = place.view or located.views[0]
        camera = located.scene.view(name).camera
        eye, words = camera.centre, f"seen from {view_words(located, name)}"
        if not place.facing:
            right, down, ahead = camera.world_to_camera[:3, :3]
            return Stand(eye, np.stack([right, ahead, -down]), words, name)
    target = about
    if place.facing:
        target, words = _one(located, place.facing).centre, f"{words}, facing the {place.facing}"
    ahead = target - eye
    ahead = ahead - located.up * (ahead @ located.up)
    length = float(np.linalg.norm(ahead))
    if length < 1e-9:
        raise SceneError(f"{words}: there is no direction to look in, the two are in one place.")
    ahead = ahead / length
    return Stand(eye, np.stack([np.cross(ahead, located.up), ahead, located.up]), words)


def _one(located: Located, name: str) -> Thing:
    found = located.of(name)
    if not found:
        raise SceneError(f"no {name} was found in the {len(located.views)} views that were looked at.")
    return found[0]


def difference(located: Located, seen: Stand, one: Thing, other: Thing | None, side: Side) -> float:
    """Return by how much a thing is on a side of another one, or of who looks: positive if it is there."""
    if side in ("nearer", "farther"):
        eye = seen.eye
        ways = [gap_to(thing.surface, eye).width if thing else 0.0 for thing in (one, other)]
        return (ways[1] - ways[0]) * (1 if side == "nearer" else -1)
    first = seen.place(one.centre)
    second = seen.place(other.centre) if other is not None else np.zeros(3)
    right, away, _ = first - second
    up = float(located.up @ (one.centre - (other.centre if other is not None else seen.eye)))
    if other is None:
        away = -away  # what is in front of somebody is away from them; in front of a thing is nearer
    return float(
        {"left": -right, "right": right, "front": -away, "behind": away, "above": up, "below": -up}[side]
    )


def likely(located: Located, seen: Stand, one: Thing, other: Thing | None, side: Side) -> float:
    """Return the probability that a thing is on a side of another one, or of who looks."""
    sigma = float(np.sqrt(sum(np.trace(np.asarray(t.placed.covariance)) / 3 for t in (one, other) if t)))
    return holds(difference(located, seen, one, other, side), max(sigma, 1e-9))
