"""Placed: what was found in a scene, where, and how far apart, small enough for a step of a run.

Points are in the scene's world axes; lengths in metres, or in the scene's own units where it is not metric.
Intervals hold the true value with a probability of 90 %.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .still import Box

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

LEVEL = 0.9
"""Probability that an interval holds the true value."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Seen(_Record):
    """Where an object is in one view: a box in pixels of the view's picture, and how sure the eyes are."""

    camera: str
    box: Box
    confidence: Annotated[float, Field(ge=0, le=1)]


class Placed(_Record):
    """A physical object: one label, however many views show it.

    Parameters
    ----------
    label : int
        From 1 on; the same in every view, in the map, in words and in measurements.
    name : str
        What it was asked for as.
    centre : (3,) of its extent
    covariance : (3, 3)
        Of the centre.
    size : (3,) or None
        Its extent along the map's right, its forward and up; None where it could not be told.
    size_sigma : float
        One standard deviation of an extent.
    confidence : float, 0..1
        That it is there and is what it is called.
    seen : tuple of Seen
        The best views first.
    """

    label: Annotated[int, Field(ge=1)]
    name: str
    centre: Vector
    covariance: Matrix
    size: Vector | None = None
    size_sigma: Annotated[float, Field(ge=0)] = 0.0
    confidence: Annotated[float, Field(ge=0, le=1)]
    seen: tuple[Seen, ...] = ()


class Measure(_Record):
    """One thing that was measured.

    Parameters
    ----------
    kind : str
        "distance" is between nearest surfaces, "centres" between centres; "relation" has no number.
    words : str
        The finding as a sentence, with unit and interval.
    value, low, high : float or None
        The best estimate and its 90 % interval.
    unit : str
        "m", "scene units", or "" for counts and relations.
    between : tuple of int
        Labels of the objects.
    ends : (3,) and (3,), or None
        For a distance: the two points that it is between.
    confidence : float, 0..1
        That the objects are the right ones and, for a relation or a count, that it holds.
    """

    kind: Literal["distance", "centres", "size", "height", "count", "relation", "seen", "where"]
    words: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    between: tuple[int, ...] = ()
    ends: tuple[Vector, Vector] | None = None
    confidence: Annotated[float, Field(ge=0, le=1)]


class Shot(_Record):
    """A view's camera, for drawing: name, pose, intrinsics, size in pixels, and whether it was looked at."""

    camera: str
    world_to_camera: tuple[tuple[float, float, float, float], ...]
    intrinsics: Matrix
    width: int
    height: int
    t: float | None = None
    looked: bool = False


class Survey(_Record):
    """What a run found out about one scene.

    Parameters
    ----------
    source : str
        Of the scene; it is reopened from here for pictures and points.
    metric : bool
    up : (3,)
        Away from the ground, length 1: stated by the format, or found as the normal of the floor.
    floor : float or None
        Where the floor is along ``up``; None where none was found.
    shots : tuple of Shot
    placed : tuple of Placed
    measures : tuple of Measure
        The one that answers first.
    """

    source: str
    metric: bool
    up: Vector
    floor: float | None = None
    shots: tuple[Shot, ...] = ()
    placed: tuple[Placed, ...] = ()
    measures: tuple[Measure, ...] = ()

    @property
    def unit(self) -> str:
        """What lengths are in, as answers write it."""
        return "m" if self.metric else "scene units"
