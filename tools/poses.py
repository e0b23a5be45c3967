"""Poses in words: where views of a scene were taken from, as a language model can read it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..memory.geometry import Camera
    from ..memory.scene import Scene

NEAR, LEVEL = 0.05, 5.0
"""Metres, and degrees, below which a difference between two poses is not worth a word."""


def in_words(scene: Scene, views: Mapping[str, str]) -> str:
    """Say where each view was taken from, relative to the first.

    Parameters
    ----------
    scene : Scene
    views : mapping, at least one
        From what a view is called to its camera's name, in the order in which they are shown.

    Returns
    -------
    str
        "view 1; view 3: 1.2 m right, 0.5 m forward, turned 40 degrees left; ...". In a scene whose scale is
        not known the lengths have no unit.
    """
    (name, camera), *others = views.items()
    first, unit = scene.view(camera).camera, " m" if scene.metric else ""
    told = [name]
    for name, camera in others:
        other = scene.view(camera).camera
        how = ", ".join([*_moved(first, other, unit), *_turned(first, other)])
        told.append(f"{name}: {how or 'the same place'}")
    return "; ".join(told)


def _moved(one: Camera, other: Camera, unit: str) -> list[str]:
    """Say how far a camera stands from another, along its right, down and forward."""
    apart = one.world_to_camera[:3, :3] @ (other.centre - one.centre)
    names = (("left", "right"), ("up", "down"), ("back", "forward"))
    return [
        f"{abs(along):.1f}{unit} {pair[int(along > 0)]}"
        for along, pair in zip(apart, names, strict=True)
        if abs(along) >= NEAR
    ]


def _turned(one: Camera, other: Camera) -> list[str]:
    """Say by how much a camera looks further to a side, and further down, than another."""
    ahead = one.world_to_camera[:3, :3] @ other.forward
    aside = math.degrees(math.atan2(ahead[0], ahead[2]))
    down = math.degrees(math.asin(np.clip(ahead[1], -1, 1)))
    return [
        f"turned {abs(angle):.0f} degrees {pair[int(angle > 0)]}"
        for angle, pair in ((aside, ("left", "right")), (down, ("up", "down")))
        if abs(angle) >= LEVEL
    ]
