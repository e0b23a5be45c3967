"""Messages: a run told as a chat, for brains that are language models.

Pictures go into the tool's message, into a user's turn or are told in words, as the model takes them; those
beyond its budget become a line with the name by which it can see them again. Pixels are content blocks, never
base64 in text.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from PIL import Image

from ..memory import Still
from .gallery import Gallery
from .state import State
from .steps import ObservationStep, Picture, PlanStep, text_block

Where = Literal["tool", "user", "words"]
"""Where a brain is shown what tools show: in the tool's message, in a user's turn after it, not at all."""

LONGEST, SHORTEST = 1568, 224
"""Pixels of a picture's longer side, above which it is shrunk for a brain and below which it is enlarged."""

INSTRUCTIONS = """\
You answer a question about images with the help of tools that look at them. The images are named (image 1, \
image 2, ...). Sizes and boxes are in pixels, x to the right, y down from the upper left corner. Ask the \
tools for whatever you cannot see for certain, and look closer where their answer is unsure. Answer shortly, \
with what was asked and nothing else, and name the images that the answer rests on where there are several."""

NOW = "No more tools can be called. Answer the question now, from what you have seen."


@dataclass(slots=True)
class Shown:
    """Shows pictures to a brain (:class:`~sightloop.agent.steps.Show`), the last ones within its budget.

    Parameters
    ----------
    gallery : Gallery
    where : "tool", "user" or "words"
    hidden : int
        How many pictures, the first ones told, are beyond the budget.
    by_name : bool
        Give image blocks the picture's name instead of its pixels, for a brain that is handed stills.
    """

    gallery: Gallery
    where: Where
    hidden: int = 0
    by_name: bool = False

    @property
    def in_tool_message(self) -> bool:
        """Whether pictures stand in the message of the tool that shows them."""
        return self.where != "user"

    def blocks(self, pictures: tuple[Picture, ...]) -> list[str | dict[str, Any]]:
        """Return content blocks: each picture's name and size, then the image or why it is not there."""
        found: list[str | dict[str, Any]] = []
        for picture in pictures:
            if self.where == "words":
                found.append(text_block(f"{picture}: you cannot see it; the tools can."))
            elif self.hidden > 0:
                self.hidden -= 1
                found.append(text_block(f"{picture}: not shown again; the tool show reopens it."))
            else:
                image = {"type": "image", "id": picture.name} if self.by_name else self._block(picture)
                found += [text_block(f"{picture}:"), image]
        return found

    def _block(self, picture: Picture) -> dict[str, Any]:
        data, mime = encoded(self.gallery[picture.name])
        return {"type": "image", "base64": data, "mime_type": mime, "id": picture.name}


def conversation(
    state: State, where: Where, budget: int, *, instructions: str, by_name: bool = False
) -> list[BaseMessage]:
    """Tell a run as a chat.

    Parameters
    ----------
    state : State
    where : "tool", "user" or "words"
    budget : int
        How many pictures the brain is shown at most, the last ones.
    instructions : str
        The system's message.
    by_name : bool
        As of :class:`Shown`.

    Returns
    -------
    list of BaseMessage
    """
    told = [step for step in state.steps if isinstance(step, PlanStep | ObservationStep)]
    total = sum(len(step.pictures) for step in told)
    show = Shown(state.gallery, where, max(0, total - budget), by_name)
    messages: list[BaseMessage] = [SystemMessage(instructions)]
    for turn in state.history:
        messages += [HumanMessage(turn.question), AIMessage(turn.answer)]
    for step in state.steps:
        messages += step.messages(show)
    return messages


def where_of(profile: Mapping[str, Any] | None) -> Where:
    """Return where a LangChain model takes the pictures of tools, by its profile.

    A model without a profile is taken for one that sees, and given pictures in user's turns, which all that
    see accept.
    """
    known = profile or {}
    if known.get("image_inputs") is False:
        return "words"
    return "tool" if known.get("image_tool_message") else "user"


def encoded(still: Still) -> tuple[str, str]:
    """Return a still as base64 and its MIME type, at a size that models take.

    JPEG where it is much the smaller, as of photographs; otherwise PNG, which is exact.
    """
    image = still.to_pil()
    scale = min(1.0, LONGEST / max(image.size))
    if max(image.size) < SHORTEST:
        scale = SHORTEST / max(image.size)
    if scale != 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    png, jpeg = io.BytesIO(), io.BytesIO()
    image.save(png, "PNG")
    image.save(jpeg, "JPEG", quality=92)
    small = jpeg.tell() * 2 < png.tell()
    data = jpeg if small else png
    return base64.b64encode(data.getvalue()).decode("ascii"), "image/jpeg" if small else "image/png"
