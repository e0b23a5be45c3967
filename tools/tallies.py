"""Tallies: how many things there are in all, each counted once, and where one was seen last."""

from __future__ import annotations

import numpy as np

from ..memory.placed import Measure
from ..memory.visible import visible
from .findings import Finding, plural, the
from .instances import STANDS_OUT
from .localise import Located, Thing
from .look import Eyes
from .relations import view_words
from .scene_questions import SceneQuestion

COUNTED = 0.1, 0.9
"""Probabilities of being what is counted, between which a thing makes the count uncertain."""
SHOWS = 0.05
"""Share of a thing's surface that a view must show to show it."""
SAMPLE = 400
"""Points of a thing that are looked for in views that were not looked at."""
HIDDEN = 0.02
"""How much nearer, relative to its depth, something must be to hide a point."""


def count(_: Eyes, located: Located, question: SceneQuestion) -> Finding:
    """How many things a name fits, in all views together or in the one that the question names."""
    name = question.things[0]
    things = located.of(name)
    view = question.viewpoint.view if question.viewpoint else None
    if view is not None:
        things = [thing for thing in things if _shows(located, view, thing) >= SHOWS]
    number = len(things)
    fits = [thing.called.get(name, 0.0) for thing in located.things]
    doubtful = sum(COUNTED[0] < fit < COUNTED[1] for fit in fits)
    low = sum(fit >= COUNTED[1] for fit in fits)
    sure = (
        float(np.prod([max(fit, 1 - fit) for fit in fits])) if fits else located.missing.get(name, STANDS_OUT)
    )
    words = _counted(located, name, number, view, question.polar)
    low = min(low, number)
    found = Measure(
        kind="count",
        words=words,
        value=float(number),
        low=float(low),
        high=float(max(number, low + doubtful)),
        between=tuple(thing.label for thing in things),
        confidence=min(1.0, sure),
    )
    return Finding(
        words, ("yes" if number else "no") if question.polar else str(number), found.confidence, (found,)
    )


def _counted(located: Located, name: str, number: int, view: str | None, polar: bool) -> str:
    of = f"in {view_words(located, view)}" if view else "in all"
    if polar and number == 0:
        return f"No: there is no {name} {of if view else 'in the views that I looked at'}."
    verb = "is" if number == 1 else "are"
    begin = "Yes: there" if polar else "There"
    return f"{begin} {verb} {number} {plural(name, number)} {of}."


def last_seen(_: Eyes, located: Located, question: SceneQuestion) -> Finding:
    """Which view shows a thing last, in the scene's order, and where it is there."""
    things = located.of(question.things[0])
    thing = things[0]
    scene = located.scene
    for name in reversed(scene.names):
        if _shows(located, name, thing) < SHOWS:
            continue
        t = scene.view(name).t
        when = "" if t is None else f", at {t:.1f} s"
        x, y, z = thing.placed.centre
        words = (
            f"{the(thing, located.things).capitalize()} was last seen in {view_words(located, name)}{when}: "
            f"at ({x:.2f}, {y:.2f}, {z:.2f}) {scene.unit} of the scene's axes."
        )
        found = Measure(
            kind="seen",
            words=words,
            between=(thing.label,),
            ends=None,
            confidence=thing.placed.confidence,
        )
        return Finding(words, view_words(located, name), found.confidence, (found,))
    words = f"No view shows {the(thing, located.things)} as a whole."
    return Finding(words, "not found", thing.placed.confidence, ())


def _shows(located: Located, name: str, thing: Thing) -> float:
    """Return the share of a thing's surface that a view shows, also one that was not looked at."""
    if name in located.views:
        patch = thing.piece.patches.get(name)
        return 1.0 if patch is not None else 0.0
    points = thing.surface.points[:: max(1, len(thing.surface.points) // SAMPLE)]
    camera = located.scene.view(name).camera
    if not visible(camera, points).any():
        return 0.0
    depth = located.scene.depth(name)
    return float(visible(camera, points, depth, HIDDEN + 3 * located.noise.depth_rel).mean())
