"""Scene tools: measure in a 3D scene, and choose the views of it that a question is looked at with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from ..errors import ContextOverflowError, InputError
from ..memory import Evidence, View
from ..tools.look import Eyes, interleave, label, sees_one_at_a_time
from .limits import Meter
from .state import Citation, State
from .steps import Picture
from .tool import LONGEST, Arguments, Found, Tool

if TYPE_CHECKING:
    from ..memory.placed import Survey
    from ..memory.scene import Scene
    from ..tools.measure import Measured

VIEWS = 8
"""Views that a question is looked at with, at most, unless the model sees fewer well."""
CITED, CITED_EACH = 12, 2
"""Pieces of evidence that a measurement cites, at most, and of each object."""
MARKED = 2
"""Views that a brain is shown with labels on what was found."""


class Measuring(Arguments):
    """A question about where things are."""

    question: str = Field(default="", max_length=LONGEST, description="empty for the user's own question")


class Viewing(Arguments):
    """What views are wanted for."""

    question: str = Field(default="", max_length=LONGEST, description="empty for the user's own question")
    count: int = Field(default=VIEWS, ge=1, le=32, description="how many views, at most")


def _measure(eyes: Eyes, state: State, measuring: Measuring) -> Found:
    from ..tools.measure import measure
    from ..tools.scene_questions import parse
    from ..tools.views import choose

    scene, question = _room(state), measuring.question or state.question
    asked = parse(question, scene.names)
    if asked.kind == "open":
        raise InputError(
            "measuring answers how far, how large, how high, how many, on which side and where; "
            "look at views for anything else."
        )
    place = asked.viewpoint.view if asked.viewpoint is not None else None
    always = [place] if place is not None else []
    names = choose(scene, _relevance(eyes, scene, ", ".join(asked.named)), VIEWS, always=always)
    found = measure(eyes, scene, asked, names)
    return _told(state, scene, found)


def _told(state: State, scene: Scene, found: Measured) -> Found:
    cited = _cited(scene, found)
    drawn = _drawn(state, scene, found.survey)
    objects = [f"{one.label} {one.name}" for one in found.survey.placed]
    told = [measure.words for measure in found.survey.measures[1:]]
    return Found(
        text="\n".join([found.text, *told, *(["labels: " + ", ".join(objects)] if objects else []), *drawn]),
        answer=found.text,
        confidence=found.confidence,
        parts=found.parts,
        pictures=tuple(drawn.values()),
        notes=found.notes,
        survey=found.survey,
        cited=cited,
    )


def _drawn(state: State, scene: Scene, survey: Survey) -> dict[str, Picture]:
    """Return the views that show most of what was found, with its labels, and the map, by what they are."""
    from ..tools.scene_map import draw, marked

    seen = Counter(seen.camera for one in survey.placed for seen in one.seen)
    made = {}
    for camera, _ in seen.most_common(MARKED):
        picture = state.gallery.add(marked(scene, survey, camera))
        made[f"{picture.name} is {_name(scene, camera)} with these labels"] = picture
    if made:
        picture = state.gallery.add(draw(survey))
        made[f"{picture.name} is a map of them from above"] = picture
    return made


def _cited(scene: Scene, found: Measured) -> tuple[Citation, ...]:
    """Return the boxes that a measurement rests on; of what was not found, the views that do not show it."""
    survey = found.survey
    labels = {label for measure in survey.measures[:1] for label in measure.between}
    objects = [one for one in survey.placed if one.label in labels]
    if not objects:
        return _absent(scene, found)
    each = CITED_EACH if len(objects) * CITED_EACH <= CITED else 1
    return tuple(
        Citation(
            thing=one.name,
            there=True,
            evidence=Evidence.of(
                scene.still(seen.camera), f"{one.name} {one.label}", seen.confidence, seen.box
            ),
        )
        for one in objects[:CITED]
        for seen in one.seen[:each]
    )


def _absent(scene: Scene, found: Measured) -> tuple[Citation, ...]:
    looked = [shot.camera for shot in found.survey.shots if shot.looked]
    return tuple(
        Citation(
            thing=name,
            there=False,
            evidence=Evidence.of(scene.still(camera), f"no {name}", found.confidence),
        )
        for name in found.missing
        for camera in looked[:CITED_EACH]
    )


def _views(eyes: Eyes, state: State, viewing: Viewing) -> Found:
    from ..tools.poses import in_words
    from ..tools.views import choose

    scene, question = _room(state), viewing.question or state.question
    names = choose(scene, _relevance(eyes, scene, question), viewing.count)
    names = _within(eyes, scene, names, question)
    pictures = [_picture(state, scene, name) for name in names]
    called = {picture.name: name for picture, name in zip(pictures, names, strict=True)}
    return Found(
        text=f"chose {len(names)} of {len(scene)} views: {in_words(scene, called)}",
        pictures=tuple(pictures),
        focus=tuple(picture.name for picture in pictures),
    )


def _relevance(eyes: Eyes, scene: Scene, text: str) -> dict[str, float] | None:
    """Return how well views go with a text; None where all are looked at, or the eyes cannot tell."""
    from ..tools.views import relevance

    if len(scene) <= VIEWS or not isinstance(eyes, Meter) or not eyes.embeds:
        return None
    return relevance(eyes, scene, text)


def posed(state: State, question: str) -> str:
    """Put before a question where the views that it is asked of were taken from."""
    from ..tools.poses import in_words

    stills = state.stills
    called = {
        label(still, number): still.origin.camera
        for number, still in enumerate(stills, start=1)
        if isinstance(still.origin, View)
    }
    return f"{in_words(_room(state), called)}.\n{question}" if len(called) > 1 else question


def _within(eyes: Eyes, scene: Scene, names: Sequence[str], question: str) -> list[str]:
    """Return as many of the views, the first ones, as one prompt of the model holds."""
    kept = list(names)
    while len(kept) > 1 and not sees_one_at_a_time(eyes.checkpoint, scene.stills(kept[:2])):
        try:
            eyes.plan(interleave(question, scene.stills(kept), eyes.checkpoint))
        except ContextOverflowError:
            kept = kept[: (len(kept) + 1) // 2]
        else:
            break
    return kept


def _picture(state: State, scene: Scene, camera: str) -> Picture:
    """Return a view as steps tell it; it is called by its number in the scene, whenever it is looked at."""
    return state.gallery.add(scene.still(camera), _name(scene, camera))


def _name(scene: Scene, camera: str) -> str:
    return f"view {scene.names.index(camera) + 1}"


def _room(state: State) -> Scene:
    if state.room is None:
        raise InputError("there is no 3D scene to measure in.")
    return state.room


SCENE_TOOLS = (
    Tool(
        "measure",
        "Measure in the 3D scene: how far apart things are, how large, how high above the floor, how many "
        "there are in all, on which side of each other seen from a view, where one is or was last seen.",
        Measuring,
        _measure,
    ),
    Tool("views", "Choose and see the views of the 3D scene that matter for a question.", Viewing, _views),
)
"""Tools that need a scene."""
