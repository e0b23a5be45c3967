"""Scenes of a report: one that can be turned in the page, with its views, its map, and all of it in words.

What the page draws lies in it as JSON in the map's axes (right, forward, up): see ``report_scene.js``. The
scene's own files are read again for points and pictures; without them there are cameras, boxes and words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..agent.result import Result
from ..errors import SightloopError
from ..memory import Size, StillRef
from ..memory.placed import LEVEL, Measure, Placed, Seen, Shot, Survey
from ..memory.scene import Scene
from ..memory.still import View
from ..tools.moments import clock
from ..tools.scene_map import draw, measured, stands
from .reopened import reopened, surveys
from .report_drawing import drawing
from .report_marks import Mark, marks_on
from .report_pictures import Album, Shown

MOST_SCENES = 4
"""Of a page."""
MOST_VIEWS = 12
"""Pictures of a scene, those that show the most of what was found first."""
ROOM = 8
"""Names of objects and cameras that a small screen has room for."""
TIMES = " \N{MULTIPLICATION SIGN} "
Z = 1.645
"""Standard deviations on each side of a mean that hold 90 %."""
HUES = 6
"""Colours of labels, in turn, as those of ``tools.mark``."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object in words: ``places`` are the views that show it, by number, name and the sureness of it."""

    label: int
    hue: int
    name: str
    place: str
    size: str
    confidence: float
    places: tuple[tuple[int, str, float], ...]


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A camera in words; ``shows`` are the labels of what was found in its picture."""

    number: int
    name: str
    time: str
    place: str
    looked: bool
    shows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pictured:
    """A view's picture with the boxes of what was found in it, of each the hue; ``number`` is its shot's."""

    number: int
    name: str
    shown: Shown
    marks: tuple[tuple[Mark, int], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One scene of the page.

    Parameters
    ----------
    source, name : str
        Its path, and the last part of it.
    unit : str
        Of all lengths, as sentences write it.
    things : tuple of Thing
    measures : tuple of Measure
    lines : tuple of Measure
        Those that are drawn.
    viewpoints : tuple of Viewpoint
        Of all views.
    pictures : tuple of Pictured
    plan : Shown
        The map.
    data : dict
        What the page's script draws.
    notes : tuple of str
        What cannot be shown, and why.
    """

    source: str
    name: str
    unit: str
    things: tuple[Thing, ...]
    measures: tuple[Measure, ...]
    lines: tuple[Measure, ...]
    viewpoints: tuple[Viewpoint, ...]
    pictures: tuple[Pictured, ...]
    plan: Shown
    data: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def grid(self) -> str:
        """The side of a square of the ground's grid; empty where there is none."""
        if self.data["floor"] is None:
            return ""
        return f"{self.data['grid']:g} {self.unit if self.data['grid'] != 1 else self.unit.removesuffix('s')}"

    @property
    def crowded(self) -> bool:
        """Whether a small screen has no room for all names."""
        return len(self.things) + sum(view.looked for view in self.viewpoints) > ROOM

    @property
    def hues(self) -> dict[int, int]:
        """The hue of each label."""
        return {thing.label: thing.hue for thing in self.things}


def places(result: Result, album: Album) -> list[Place]:
    """Return the scenes of a result, as a page shows them.

    Parameters
    ----------
    result : Result
    album : Album
        Takes the pictures of their views, and their maps.
    """
    return [place(survey, result, album) for survey in surveys(result)[:MOST_SCENES]]


def place(survey: Survey, result: Result, album: Album) -> Place:
    """Return one scene as a page shows it; its files may be gone."""
    scene, cloud, notes = reopened(survey)
    plan = album.keep(draw(survey, cloud))
    return Place(
        source=survey.source,
        name=Path(survey.source).name or survey.source,
        unit="m" if survey.metric else "scene units",
        things=tuple(_thing(one, survey) for one in survey.placed),
        measures=survey.measures,
        lines=tuple(measured(survey)),
        viewpoints=tuple(_viewpoint(n, shot, survey) for n, shot in enumerate(survey.shots, start=1)),
        pictures=_pictures(survey, scene, result, album),
        plan=plan,
        data=drawing(survey, cloud),
        notes=tuple(notes),
    )


# --- what it says ---------------------------------------------------------------------------------------


def _thing(one: Placed, survey: Survey) -> Thing:
    unit = "m" if survey.metric else "scene units"
    sigma = float(np.sqrt(np.trace(np.asarray(one.covariance)) / 3))
    numbers = {shot.camera: number for number, shot in enumerate(survey.shots, start=1)}
    size = ""
    if one.size is not None:
        size = TIMES.join(f"{side:.2f}" for side in one.size) + f" {unit}, ± {Z * one.size_sigma:.2f}"
    return Thing(
        label=one.label,
        hue=hue(one.label),
        name=one.name,
        place=f"{_triple(one.centre)} {unit}, ± {Z * sigma:.2f}",
        size=size,
        confidence=one.confidence,
        places=tuple((numbers.get(s.camera, 0), s.camera, s.confidence) for s in one.seen),
    )


def _viewpoint(number: int, shot: Shot, survey: Survey) -> Viewpoint:
    unit = "m" if survey.metric else "scene units"
    return Viewpoint(
        number=number,
        name=shot.camera,
        time="" if shot.t is None else clock(shot.t),
        place=f"{_triple(stands(shot))} {unit}",
        looked=shot.looked,
        shows=tuple(one.label for one in survey.placed if any(s.camera == shot.camera for s in one.seen)),
    )


def _triple(point: Sequence[float] | NDArray[np.float64]) -> str:
    return ", ".join(f"{number + 0:.2f}" for number in np.round(np.asarray(point, dtype=np.float64), 2))


def hue(label: int) -> int:
    """Return which of the page's ``HUES`` colours a label has, from 1 on."""
    return (label - 1) % HUES + 1


def interval(measure: Measure) -> str:
    """Return the interval of a measure in words; empty where it has none."""
    if measure.low is None or measure.high is None:
        return ""
    return f"{LEVEL:.0%}: {_number(measure, measure.low)} to {_number(measure, measure.high)}"


def reading(measure: Measure) -> str:
    """Return the value of a measure with its unit; empty of one that is no number."""
    if measure.value is None:
        return ""
    return f"{_number(measure, measure.value)} {measure.unit}".rstrip()


def _number(measure: Measure, value: float) -> str:
    return f"{value:.2f}" if measure.unit else f"{value:g}"


# --- its pictures ---------------------------------------------------------------------------------------


def _pictures(survey: Survey, scene: Scene | None, result: Result, album: Album) -> tuple[Pictured, ...]:
    """Show the views that something was found in, then others that were looked at; in the scene's order."""
    found: dict[str, list[tuple[Placed, Seen]]] = {shot.camera: [] for shot in survey.shots}
    for one in survey.placed:
        for seen in one.seen:
            found.setdefault(seen.camera, []).append((one, seen))
    shots = [
        (number, shot)
        for number, shot in enumerate(survey.shots, start=1)
        if shot.looked or found[shot.camera]
    ]
    chosen = sorted(shots, key=lambda item: -len(found[item[1].camera]))[:MOST_VIEWS]
    refs = _known(result, survey.source)
    pictures = []
    for number, shot in sorted(chosen, key=lambda item: item[0]):
        shown = _shown(shot, scene, refs, album)
        boxes = [(one.label, one.name, seen.box) for one, seen in found[shot.camera]]
        marks = marks_on(Size(shot.width, shot.height), boxes)
        hues = tuple((mark, hue(mark.number)) for mark in marks)
        pictures.append(Pictured(number, shot.camera, shown, hues))
    return tuple(pictures)


def _known(result: Result, source: str) -> dict[str, StillRef]:
    """Return the views of a scene that the result has as pictures, by their cameras."""
    refs = [item.still for item in result.evidence] + [picture.still for picture in result.pictures]
    return {
        ref.origin.camera: ref for ref in refs if isinstance(ref.origin, View) and ref.origin.source == source
    }


def _shown(shot: Shot, scene: Scene | None, refs: dict[str, StillRef], album: Album) -> Shown:
    if shot.camera in refs:
        return album.show(refs[shot.camera])
    size = Size(shot.width, shot.height)
    if scene is None:
        return Shown("", size, "the scene's files cannot be read")
    try:
        return album.keep(scene.still(shot.camera))
    except (SightloopError, OSError) as error:
        return Shown("", size, str(error))


def packed(place: Place) -> str:
    """Return a scene's drawing as JSON."""
    return json.dumps(place.data, separators=(",", ":"), allow_nan=False)
