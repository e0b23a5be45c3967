"""What the eyes give back: answers, choices, and what they cost. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

StoppedBecause = Literal["stop", "length", "cancelled", "repeat"]
"""Why an answer ended: the model closed it, it was at its limit, it was cancelled, it went in circles."""

Count = Annotated[int, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Usage(_Value):
    """What one or several calls cost; add them up with ``+``.

    Parameters
    ----------
    visual_tokens : tokens of stills that the language model read
    text_tokens : tokens of text that it read, the chat template's included
    new_tokens : tokens that it wrote, the closing one included
    stills : stills looked at
    stills_reused : of these, the ones whose features were already known
    seconds : wall time
    memory_bytes : the most that a call took beside the weights, measured on CUDA and planned elsewhere; of
        several calls the largest
    """

    visual_tokens: Count = 0
    text_tokens: Count = 0
    new_tokens: Count = 0
    stills: Count = 0
    stills_reused: Count = 0
    seconds: Annotated[float, Field(ge=0)] = 0.0
    memory_bytes: Count = 0

    def __add__(self, other: Usage) -> Usage:
        sums = {name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields}
        return Usage(**{**sums, "memory_bytes": max(self.memory_bytes, other.memory_bytes)})


class Answer(_Value):
    """What the model said.

    Parameters
    ----------
    text : str
    confidence : float in 0..1
        Product of the probabilities of the tokens it chose, the closing one included, after the checkpoint's
        calibration if it has one. 0 if it was cancelled before the first token.
    usage : Usage
    stopped_because : "stop", "length", "cancelled" or "repeat"
    model : str
        Name of the checkpoint.
    notes : tuple of str
        What a reader should know: how the stills were made to fit, what else was done than asked.
    """

    text: str
    confidence: Probability
    usage: Usage
    stopped_because: StoppedBecause
    model: str
    notes: tuple[str, ...] = ()


class Choice(_Value):
    """Which of the given answers the model finds likeliest.

    Parameters
    ----------
    option : str
        The likeliest one.
    index : int
        Its place among the options.
    probabilities : tuple of float
        Of all options in their order; they sum to 1.
    usage : Usage
    model : str
        Name of the checkpoint.
    notes : tuple of str
        As in :class:`Answer`.
    """

    option: str
    index: Count
    probabilities: tuple[Probability, ...]
    usage: Usage
    model: str
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.index >= len(self.probabilities):
            raise ValueError(f"index {self.index} is not one of {len(self.probabilities)} options")
        return self

    @property
    def confidence(self) -> float:
        """Probability of the chosen option."""
        return self.probabilities[self.index]
