"""Tool: what a brain can call, with which arguments, and what it finds as a step tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError
from ..memory import Box
from ..memory.placed import Survey
from ..memory.timeline import Timeline
from ..tools.differences import Comparison
from ..tools.look import Eyes
from ..tools.small_looks import Part
from .state import Citation, Sighting, State
from .steps import Picture

LONGEST = 400
"""Characters of a question, or of a file's name, in a call."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool found; the fields are those of an ObservationStep.

    ``tokens`` is the answer's length in the model's tokens, ``undecided`` says that the tool has no answer,
    ``cut_short`` that it was stopped before its end. A search says what it found (``sightings``) and which
    pictures the question is now looked at with (``focus``); ``frames`` and ``cited`` are as of a Draft.
    """

    text: str
    answer: str | None = None
    confidence: float | None = None
    region: Box | None = None
    per_still: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    tokens: int = 1
    cut_short: bool = False
    timeline: tuple[Timeline, ...] = ()
    sightings: tuple[Sighting, ...] | None = None
    focus: tuple[str, ...] | None = None
    frames: tuple[str, ...] = ()
    survey: Survey | None = None
    cited: tuple[Citation, ...] = ()


class Arguments(BaseModel):
    """What a tool is called with."""

    model_config = ConfigDict(extra="forbid")


Form = TypeVar("Form", bound=Arguments)


def parsed(name: str, form: type[Form], arguments: Mapping[str, Any]) -> Form:
    """Read the arguments that a tool of this name is called with.

    Raises
    ------
    InputError
        If they are not what it takes; the message says what is wrong with which.
    """
    try:
        return form.model_validate(dict(arguments))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()
        )
        raise InputError(f"{name} was called with wrong arguments: {wrong}.", input=name) from None


class OfImages(Arguments):
    """Of several images; none named means all that the user gave."""

    images: list[str] = Field(default=[], max_length=16, description='names such as "image 1"; empty for all')


Run = Callable[[Eyes, State, Any], Found]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a brain can call.

    Parameters
    ----------
    name : str
    description : str
    arguments : class of pydantic models
    run : callable
        Takes the eyes, the run's state (of which it changes the gallery alone) and its arguments.
    """

    name: str
    description: str
    arguments: type[Arguments]
    run: Run

    def parsed(self, arguments: dict[str, Any]) -> Arguments:
        """Read arguments; errors as of :func:`parsed`."""
        return parsed(self.name, self.arguments, arguments)

    def __call__(self, eyes: Eyes, state: State, arguments: dict[str, Any]) -> Found:
        """Run it; errors as of :meth:`parsed`, and those of the tool."""
        return self.run(eyes, state, self.parsed(arguments))

    @cache  # noqa: B019 - there are as many tools as this module makes
    def schema(self) -> dict[str, Any]:
        """Return it as language models are told of a function (OpenAI's format, which LangChain takes)."""
        parameters = self.arguments.model_json_schema()
        parameters.pop("description", None)
        parameters.pop("title", None)
        described = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": described}
