"""Bare video: what a model says that is shown frames of a whole video in one prompt, evenly spaced.

It is asked as it was trained ("frame 1 :", a picture, "frame 2 :", ..., the question). Two things are done in
its favour: it is told what answers there are, where these are few; and where so many frames do not fit its
window, they are halved until they do, and of what is said about the parts the surest counts, but that nothing
is there only if all parts say so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ContextOverflowError
from ..memory import Frame, Still
from .look import Eyes, interleave

LONGEST = 32
"""Tokens of an answer, at most: what is left of the window is for frames."""
NOTHING = ("no", "there is none", "there is no text", "it does not move")
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d\d(?:\.\d+)?)")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?) ?(?:s|sec|seconds?)\b")
_FRAME = re.compile(r"\bframe (\d+)")


@dataclass(frozen=True, slots=True)
class Bare:
    """An answer, the frames of the prompt that it was said about, and how many prompts there were."""

    text: str
    confidence: float
    stills: tuple[Still, ...]
    prompts: int = 1


def uniform_times(seconds: float, count: int) -> list[float]:
    """Return the middles of ``count`` equal parts of a video, in seconds."""
    return [(i + 0.5) * seconds / count for i in range(count)]


def uniform(video: Path, seconds: float, count: int) -> list[Still]:
    """Read evenly spaced frames of a video.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    from ..memory.sources.videos import read_frames  # loads PyAV

    return read_frames(video, uniform_times(seconds, count))


def bare_answer(eyes: Eyes, question: str, stills: Sequence[Still], options: Sequence[str] = ()) -> Bare:
    """Ask about frames of a video, in as few prompts as the model's window allows.

    Parameters
    ----------
    eyes : Eyes
    question : str
    stills : sequence of Still
        In the order of time.
    options : sequence of str
        The answers that there are; none to let the model write what it will.

    Raises
    ------
    ContextOverflowError
        If not even one frame fits.
    """
    parts = _fitting(eyes, question, tuple(stills))
    prompts = [interleave(question, part) for part in parts]
    if options:
        told = [(choice.option, choice.confidence) for choice in eyes.choose_many(prompts, options)]
    else:
        answers = eyes.answers(prompts, max_new_tokens=LONGEST)
        told = [(" ".join(answer.text.split()), answer.confidence) for answer in answers]
    said = [Bare(*one, part, len(parts)) for one, part in zip(told, parts, strict=True)]
    telling = [one for one in said if one.text.casefold().rstrip(".") not in NOTHING]
    return max(telling or said, key=lambda one: one.confidence)


def _fitting(eyes: Eyes, question: str, stills: tuple[Still, ...]) -> list[tuple[Still, ...]]:
    try:
        eyes.plan(interleave(question, stills))
    except ContextOverflowError:
        if len(stills) == 1:
            raise
        half = len(stills) // 2
        return [*_fitting(eyes, question, stills[:half]), *_fitting(eyes, question, stills[half:])]
    return [stills]


def time_told(text: str, stills: Sequence[Still] = ()) -> float | None:
    """Read the one time that an answer tells, in seconds.

    Parameters
    ----------
    text : str
        "0:07:51.9", "7:51.9", "471.9 s", "471.9", or "frame 7" of ``stills``.
    stills : sequence of Still
        Frames of the prompt, in its order.

    Returns
    -------
    float or None
        None where no time is told, or more than one, or a frame that there is not.
    """
    plain = text.strip().rstrip(".").casefold()
    clocks = [(int(h or 0) * 60 + int(m)) * 60 + float(s) for h, m, s in _CLOCK.findall(plain)]
    rest = _CLOCK.sub(" ", plain)
    told = [*clocks, *(float(seconds) for seconds in _SECONDS.findall(rest))]
    for number in map(int, _FRAME.findall(rest)):
        origin = stills[number - 1].origin if 0 < number <= len(stills) else None
        told.append(origin.t if isinstance(origin, Frame) else math.nan)
    if not told and re.fullmatch(r"\d+(?:\.\d+)?", plain):
        told = [float(plain)]
    return told[0] if len(told) == 1 and math.isfinite(told[0]) else None
