"""Toolbox: the tools as brains call them, by names of pictures, and what they find as a step tells it.

The work is done in :mod:`sightloop.tools`; here are only names, descriptions, arguments and words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ..errors import InputError, nearest
from ..memory import Box, Still
from ..tools.differences import Comparison
from ..tools.divide import divide, division
from ..tools.intents import Change, Moving
from ..tools.look import Eyes, look, look_closer, whole
from ..tools.mark import mark
from ..tools.video_questions import of_stills
from .page_tools import PAGE_TOOLS, readable
from .scene_tools import SCENE_TOOLS, posed
from .state import State
from .tool import LONGEST, Arguments, Found, OfImages, Tool
from .video_tools import VIDEO_TOOLS

Numbers = Annotated[list[float], Field(min_length=4, max_length=4)]
BOX = "x0, y0, x1, y1 in pixels of that image; 0, 0 is its upper left corner"


class Asking(OfImages):
    """A question about images."""

    question: str = Field(default="", max_length=LONGEST, description="empty for the user's own question")


class OfImage(Arguments):
    """Of one image."""

    image: str = Field(default="image 1", max_length=40, description='the name, such as "image 1"')


class Cropping(OfImage):
    """A part of an image."""

    box: Numbers = Field(description=BOX)


class Zooming(OfImage):
    """A place in an image."""

    x: float = Field(description="of the middle, in pixels")
    y: float = Field(description="of the middle, in pixels")
    factor: float = Field(default=2.0, gt=1, le=16, description="how many times larger it is seen")


class Marking(OfImage):
    """Boxes on an image."""

    boxes: list[Numbers] = Field(min_length=1, max_length=32, description=BOX)


def stills_of(state: State, names: Sequence[str]) -> list[Still]:
    """Return the named stills, or all that the question is about.

    Raises
    ------
    InputError
        If there is none: nothing was found yet.
    """
    stills = [state.gallery[name] for name in names] or state.stills
    if not stills:
        raise InputError("there is no picture to look at yet; search for what is asked with find.")
    return stills


def _in_gallery(state: State, found: Sequence[Comparison], names: Sequence[str]) -> tuple[Comparison, ...]:
    """Return comparisons with the numbers that the run knows the stills by, not those of the call."""
    every = list(state.gallery)
    numbers = [every.index(state.gallery.key(name)) + 1 for name in names] or range(1, len(every) + 1)
    return tuple(
        one.model_copy(update={"before": numbers[one.before - 1], "after": numbers[one.after - 1]})
        for one in found
    )


def _look(eyes: Eyes, state: State, asking: Asking) -> Found:
    question = asking.question or state.question
    if state.searches:
        question = of_stills(question)
    if state.room is not None and eyes.checkpoint.reads_times:  # the embedded model would be confused
        question = posed(state, question)
    seen = look(eyes, question, stills_of(state, asking.images))
    return Found(
        text=f"{seen.text} ({seen.confidence:.0%} sure)",
        answer=seen.text,
        confidence=seen.confidence,
        per_still=seen.per_still,
        notes=seen.notes,
        tokens=seen.tokens,
        cut_short=seen.cut_short,
    )


def _look_in_parts(eyes: Eyes, state: State, asking: Asking) -> Found:
    stills = stills_of(state, asking.images)
    question = asking.question or state.question
    goal = division(eyes.checkpoint, question, stills)
    found = divide(eyes, goal, stills) if goal is not None else None
    if found is None:
        why = "small looks do not decide it" if goal else "this question cannot be divided into small looks"
        return Found(text=f"{why}; the look tool can be asked")
    said = "; ".join(f"{part.question} of image {part.still + 1}: {part.answer}" for part in found.parts)
    return Found(
        text=f"{found.text} ({found.confidence:.0%} sure), from: {said}",
        answer=found.text,
        confidence=found.confidence,
        region=found.region,
        parts=found.parts,
        comparisons=_in_gallery(state, found.comparisons, asking.images),
        notes=found.notes,
        frames=_middle_first(state.focus) if isinstance(goal, Moving) else (),
    )


def _middle_first(names: Sequence[str]) -> tuple[str, ...]:
    """Return frames with the one in their middle first, which stands for all of them."""
    middle = len(names) // 2
    return (*names[middle : middle + 1], *names[:middle], *names[middle + 1 :])


def _look_closer(eyes: Eyes, state: State, asking: OfImage) -> Found:
    still, draft = state.gallery[asking.image], state.draft
    if draft is None or not state.can_look_closer or still is not state.stills[0]:
        raise InputError(
            "a closer look needs one image and an answer so far; ask look, crop or zoom instead."
        )
    seen = look_closer(eyes, state.question, still, state.area, draft.text, draft.confidence)
    where = f"in {seen.region}" if seen.region else "no crop supports another answer"
    return Found(
        text=f"{seen.text} ({seen.confidence:.0%} sure), {where}, of {seen.crops} crops",
        answer=seen.text if seen.region else None,
        confidence=seen.confidence if seen.region else None,
        region=seen.region,
        notes=seen.notes,
        tokens=draft.tokens,
    )


def _compare(eyes: Eyes, state: State, comparing: OfImages) -> Found:
    found = divide(eyes, Change("what"), stills_of(state, comparing.images))
    assert found is not None  # asked what differs, it always says something
    comparisons = _in_gallery(state, found.comparisons, comparing.images)
    return Found(
        text="\n".join([f"{found.text} ({found.confidence:.0%} sure)", *_lines(comparisons)]),
        answer=found.text,
        confidence=found.confidence,
        parts=found.parts,
        comparisons=comparisons,
        notes=found.notes,
    )


def _lines(comparisons: Sequence[Comparison]) -> list[str]:
    return [
        f"image {comparison.before} -> image {comparison.after}: {one.kind}, {one.words}, "
        f"from {one.before or 'nowhere'} to {one.after or 'nowhere'} ({one.probability:.0%} sure)"
        for comparison in comparisons
        for one in comparison.differences
    ]


def _crop(eyes: Eyes, state: State, cropping: Cropping) -> Found:
    return _made(state, state.gallery[cropping.image].crop(box_of(cropping.box)))


def _zoom(eyes: Eyes, state: State, zooming: Zooming) -> Found:
    still = state.gallery[zooming.image]
    area = whole(still)
    if not (0 <= zooming.x <= area.x1 and 0 <= zooming.y <= area.y1):
        raise InputError(
            f"{zooming.x:g}, {zooming.y:g} lies outside {zooming.image}, which has {still.size}."
        )
    wide, high = area.x1 / zooming.factor, area.y1 / zooming.factor
    x = min(max(0, zooming.x - wide / 2), area.x1 - wide)
    y = min(max(0, zooming.y - high / 2), area.y1 - high)
    return _made(state, still.crop(Box(x0=x, y0=y, x1=x + wide, y1=y + high)))


def _mark(eyes: Eyes, state: State, marking: Marking) -> Found:
    return _made(state, mark(state.gallery[marking.image], [box_of(box) for box in marking.boxes]))


def _show(eyes: Eyes, state: State, showing: OfImage) -> Found:
    picture = state.gallery.picture(showing.image)
    return Found(text=f"this is {picture}", pictures=(picture,))


def _made(state: State, still: Still) -> Found:
    picture = state.gallery.add(still)
    return Found(text=f"this is {picture}", pictures=(picture,))


def box_of(numbers: Sequence[float]) -> Box:
    """Return a box of four numbers.

    Raises
    ------
    InputError
        If they are not in order.
    """
    x0, y0, x1, y1 = numbers
    if not (x0 < x1 and y0 < y1):
        raise InputError(f"a box is x0, y0, x1, y1 with x0 < x1 and y0 < y1, not {list(numbers)}.")
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool("look", "Ask the vision model a question about images, all in one look.", Asking, _look),
        Tool(
            "look_in_parts",
            "Answer by several small looks, which is surer than one look for: whether one thing is left of, "
            "right of, above or below another; in which frame something appears; which image shows the most "
            "of something; how many there are in one image of many; whether or how images differ.",
            Asking,
            _look_in_parts,
        ),
        Tool(
            "look_closer",
            "Ask the user's question again of enlarged parts of the one image, and weigh the answers.",
            OfImage,
            _look_closer,
        ),
        Tool(
            "compare",
            "Find what differs between images of one scene, each against the first: what, where, how sure.",
            OfImages,
            _compare,
        ),
        Tool("crop", "Cut a part out of an image; it becomes an image of its own.", Cropping, _crop),
        Tool("zoom", "Enlarge an image around a place; the part becomes an image.", Zooming, _zoom),
        Tool("mark", "Draw numbered boxes on an image, to speak of them by number.", Marking, _mark),
        Tool("show", "See an image again.", OfImage, _show),
        *VIDEO_TOOLS,
        *PAGE_TOOLS,
        *SCENE_TOOLS,
    )
}
"""All tools by name."""


def usable(state: State) -> dict[str, Tool]:
    """Return the tools that can do something in a run: nothing is searched without anything to search."""
    seen = state.memory is not None and not state.only_pages
    idle = {tool.name for tool in (() if seen else VIDEO_TOOLS)}
    idle |= {tool.name for tool in (() if readable(state) else PAGE_TOOLS)}
    idle |= {tool.name for tool in (() if state.room is not None else SCENE_TOOLS)}
    return {name: tool for name, tool in TOOLS.items() if name not in idle}


def tool(name: str) -> Tool:
    """Return the tool of that name.

    Raises
    ------
    InputError
        If there is none; the message lists what there is.
    """
    if name not in TOOLS:
        raise InputError(f"there is no tool {name!r}; there are: {', '.join(TOOLS)}.{nearest(name, TOOLS)}")
    return TOOLS[name]
