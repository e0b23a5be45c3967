"""Scenes of a result, read again: what a report and a recording show beside what the result says."""

from __future__ import annotations

import numpy as np

from ..agent.result import Result
from ..agent.result import surveys as of_steps
from ..errors import SightloopError
from ..memory.placed import Survey
from ..memory.scene import Scene
from ..tools.scene_map import Points

FUSED = 24
"""Views that the points come from: those that were looked at, then others spread over the scene."""


def surveys(result: Result) -> list[Survey]:
    """Return what a run found out about scenes, the last that it says of each: that knows the most."""
    return list({survey.source: survey for survey in of_steps(result.steps)}.values())


def reopened(survey: Survey) -> tuple[Scene | None, Points | None, list[str]]:
    """Read a survey's scene again, and fuse what its views show.

    Returns
    -------
    scene : Scene or None
    cloud : Points or None
    notes : list of str
        What could not be had, and why.
    """
    from ..memory.fusion import fuse
    from ..memory.sources.scenes import open_scene

    try:
        scene = open_scene(survey.source)
    except (SightloopError, OSError) as error:
        return None, None, [f"The scene's files cannot be read, so there are no points: {error}"]
    names = [name for name in _spread(survey) if name in scene.names]
    try:
        cloud = fuse(scene, names)
    except (SightloopError, OSError) as error:
        return scene, None, [f"There are no points to show: {error}"]
    return scene, cloud, [f"The points lack a view: {line}" for line in cloud.left_out]


def _spread(survey: Survey) -> list[str]:
    """Choose views for the points: those that were looked at, then some spread over the others."""
    looked = [shot.camera for shot in survey.shots if shot.looked]
    others = [shot.camera for shot in survey.shots if not shot.looked]
    room = max(0, FUSED - len(looked))
    picked = np.unique(np.linspace(0, len(others) - 1, min(room, len(others))).round().astype(int))
    return [*looked[:FUSED], *(others[index] for index in picked)]
