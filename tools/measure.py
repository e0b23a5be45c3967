"""Measure: answer a question about where things are in a scene, with an interval and evidence.

What a question means comes from :mod:`.scene_questions`, where things are from :mod:`.localise`; this module
puts the two together and into words. What is not found is said; it is never given a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SceneError
from ..memory.consistency import compare, sheets_of
from ..memory.placed import Measure, Shot, Survey
from ..memory.scene import Scene
from . import lengths, sides, tallies
from .findings import Finding
from .instances import GENERIC
from .localise import LOOKS, Located, as_matrix, localise
from .look import Eyes, distinct
from .scene_questions import SceneQuestion
from .small_looks import Part

if TYPE_CHECKING:
    from ..memory.fusion import Cloud
    from .detectors import Detector

ANYTHING = "thing"
"""What is localised beside the named things where a question asks what is somewhere."""
SHAKY, DOUBTED = 0.015, 0.5
"""Noise of the cameras' places, over their distance to things, from which on it is asked whether the views
fit each other at all; and the confidence in what is measured where they do not."""
ONE_PLACE = 1e-6
"""How far apart cameras may stand, in the scene's unit, and be in one place."""
NOT_METRIC = "lengths are in the scene's own units: its scale is not known"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a question about a scene was answered.

    Parameters
    ----------
    text : str
        The answer in a sentence or two, with unit and interval.
    short : str
        The same in a word or a number: "0.52 m ± 0.02 m", "3", "yes".
    confidence : float, 0..1
        That the answer is about the right things, and for a count or a relation that it holds.
    survey : Survey
        What was found and measured; the measure that answers comes first.
    parts : tuple of Part
        What the eyes were asked and said, ``still`` being a view's number in the scene, from 0.
    notes : tuple of str
    missing : tuple of str
        Names that nothing fits.
    """

    text: str
    short: str
    confidence: float
    survey: Survey
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=())


def measure(
    eyes: Eyes,
    scene: Scene,
    question: SceneQuestion,
    views: Sequence[str],
    *,
    cloud: Cloud | None = None,
    detector: Detector | None = None,
    looks: int = LOOKS,
) -> Measured:
    """Answer a question about a scene by measuring.

    Parameters
    ----------
    eyes : Eyes
    scene : Scene
    question : SceneQuestion
        Of any kind but "open".
    views : sequence of str, at least one
        Views that things are looked for in.
    cloud : Cloud, optional
        Fused from these views or more, if it is at hand.
    detector : Detector, optional
        Finds things in pictures in the eyes' place.
    looks : int
        Crops that may be looked at.

    Returns
    -------
    Measured

    Raises
    ------
    SceneError
        If nothing can be measured in the scene, or the question is of the kind "open".
    """
    if question.kind not in _KINDS:
        raise SceneError(f"{question.text!r} asks for nothing to be measured.", input=question.text)
    _check(scene, views)
    open_slot = question.kind in ("behind", "nearest") and not question.among
    walls = lengths.WALLS if question.kind == "distance" else frozenset()
    named = tuple(name for name in question.named if name not in walls)
    names = (*named, ANYTHING) if open_slot else named
    located = localise(eyes, scene, names, views, cloud=cloud, detector=detector, looks=looks)
    wanted = [name for name in located.missing if name not in GENERIC and name != question.among]
    if wanted and question.kind != "count":
        return _absent(located, wanted)
    finding = _KINDS[question.kind](eyes, located, question)
    return _measured(located, _doubted(scene, located, finding))


def _check(scene: Scene, views: Sequence[str]) -> None:
    """Refuse views that nothing can be measured in: what would come out is not even wrong."""
    chosen = [scene.view(name) for name in views]
    centres = np.stack([view.camera.centre for view in chosen])
    if all(view.depth is None for view in chosen) and np.ptp(centres, axis=0).max() < ONE_PLACE:
        raise SceneError(
            f"nothing can be measured in {scene.source}: there is no depth, and all {len(chosen)} views that "
            "were looked at are from one place. Ask about the picture itself, or add depth or other views.",
            input=scene.source,
        )


def _doubted(scene: Scene, located: Located, finding: Finding) -> Finding:
    """Doubt lengths where cameras had to be moved by more than noise: a unit or convention may be wrong."""
    if not located.things or not located.noise.pairs:
        return finding
    centres = np.stack([located.scene.view(name).camera.centre for name in located.views])
    middle = np.mean([thing.centre for thing in located.things], axis=0)
    if located.noise.pose_m < SHAKY * float(np.median(np.linalg.norm(centres - middle, axis=1))):
        return finding
    told = compare(scene, sheets_of(scene)[0])
    if told.fits is not False:
        return finding
    notes = (f"lengths may be wrong, see `sightloop scene info`: {told.verdict}", *finding.notes)
    return replace(finding, notes=notes, confidence=min(finding.confidence, DOUBTED))


_KINDS = {
    "distance": lengths.distance,
    "size": lengths.size,
    "height": lengths.height,
    "where": lengths.where,
    "count": tallies.count,
    "seen": tallies.last_seen,
    "relation": sides.relation,
    "behind": sides.behind,
    "nearest": sides.nearest,
}


def _absent(located: Located, wanted: Sequence[str]) -> Measured:
    """Say what was not found, and what was."""
    listed = " and ".join(f"no {name}" for name in wanted)
    count = len(located.views)
    text = f"I found {listed} in the {count} view{'s' if count > 1 else ''} that I looked at."
    sure = min(located.missing[name] for name in wanted)
    return _measured(located, Finding(text, "not found", sure, ()))


def _measured(located: Located, finding: Finding) -> Measured:
    notes = [*finding.notes, *located.notes]
    text = finding.text
    if not located.scene.metric and any(one.unit for one in finding.measures):
        notes.insert(0, NOT_METRIC)
        text = f"{text.rstrip('.')}; {NOT_METRIC}."
    return Measured(
        text=text,
        short=finding.short,
        confidence=min(1.0, max(0.0, finding.confidence)),
        survey=survey(located, finding.measures),
        parts=located.parts + finding.parts,
        notes=distinct(notes),
        missing=tuple(name for name in located.missing if name not in GENERIC),
    )


def survey(located: Located, measures: Sequence[Measure]) -> Survey:
    """Return what was found and measured, with the cameras of the scene's views."""
    looked = set(located.views)
    shots = []
    for view in located.scene.views:
        camera = view.camera
        shots.append(
            Shot(
                camera=view.name,
                world_to_camera=tuple(tuple(row) for row in camera.world_to_camera.tolist()),
                intrinsics=as_matrix(camera.intrinsics),
                width=camera.size.width,
                height=camera.size.height,
                t=view.t,
                looked=view.name in looked,
            )
        )
    up = located.up
    return Survey(
        source=located.scene.source,
        metric=located.scene.metric,
        up=(float(up[0]), float(up[1]), float(up[2])),
        floor=None if located.ground is None else located.ground.height,
        shots=tuple(shots),
        placed=located.placed,
        measures=tuple(measures),
    )
