"""Look: ask LLaVA-NeXT about stills, and look closer at one of them.

Any eyes will do that answer the protocol :class:`Eyes`; the package's own are
:class:`~sightloop.tools.llava_next.LlavaNext`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..memory import Box, Frame, Size, Still

if TYPE_CHECKING:
    from .llava_next.answers import Answer, Choice
    from .llava_next.checkpoints import Checkpoint
    from .llava_next.generate import Cancel
    from .llava_next.plan import Plan
    from .llava_next.prompts import Prompt

WINDOW_SHARE = 0.6
"""Side of a closer look's window over the side of what it looks into: neighbours overlap by a third, so
that an object on the border between two windows is whole in one of them."""

MIN_WINDOW = 32
"""Shortest side in pixels of a window worth looking at; below it there is nothing left to resolve."""

PLAUSIBLE = 0.5
"""An answer that a crop suggests is weighed only if the whole still finds it at least this likely, against
the likeliest of the answers. A crop sees more detail but less of the scene (it undercounts), so it may
decide where the whole still is torn, not overrule it."""

LABELS = {"photo": "image", "frame": "frame", "page": "page", "view": "view"}
"""What a still of each origin is called in a prompt of several."""

DESCRIBE = "{question}\nSay in one sentence what this picture shows that matters for this question."
"""Asked of every single still when the checkpoint was not trained to see several at once."""
DESCRIBED = 96
"""Tokens of each such sentence, at most: all of them have to fit one prompt."""


class Eyes(Protocol):
    """What the agent needs of a vision-language model; errors are those of :mod:`sightloop.errors`."""

    @property
    def name(self) -> str:
        """The model's name, as results report it."""

    @property
    def checkpoint(self) -> Checkpoint:
        """What the model was trained for."""

    def answers(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int | None = None,
        cancel: Cancel | None = None,
        schema: Mapping[str, Any] | None = None,
        memory_bytes: int | None = None,
    ) -> list[Answer]:
        """Answer several prompts in their order.

        Stop writing when ``cancel`` is set, write only JSON of ``schema``, take ``memory_bytes`` at most
        beside the weights, where these are given.
        """

    def choose(self, prompt: Prompt, options: Sequence[str]) -> Choice:
        """Give the probability of each option as the answer."""

    def choose_many(
        self, prompts: Sequence[Prompt], options: Sequence[str], *, memory_bytes: int | None = None
    ) -> list[Choice]:
        """Give the probabilities of the same options for several prompts, in their order."""

    def plan(self, prompt: Prompt) -> Plan:
        """Say what a prompt costs before it runs."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at all the stills.

    Parameters
    ----------
    text : str
        The answer.
    confidence : float, 0..1
    tokens : int
        Length of the answer in the model's tokens.
    per_still : tuple of str
        What each still alone was found to show, in the stills' order; empty when they were seen together.
    cut_short : bool
        The answer was cancelled before its end.
    notes : tuple of str
        What the reader of the answer must know about how it came to be.
    """

    text: str
    confidence: float
    tokens: int
    per_still: tuple[str, ...] = ()
    cut_short: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloserLook:
    """What crops of one still said, weighed against the whole still.

    Parameters
    ----------
    text : str
        The answer after weighing.
    confidence : float, 0..1
        Mean of what the whole still and the best crop give this answer.
    region : Box or None
        The crop that supports the answer, in pixels of the still; None when no crop does.
    crops : int
        How many crops were looked at.
    notes : tuple of str
    """

    text: str
    confidence: float
    region: Box | None
    crops: int
    notes: tuple[str, ...] = ()


def label(still: Still, number: int) -> str:
    """Return what the ``number``-th still of several, from 1, is called in prompts and answers."""
    return f"{LABELS[still.origin.kind]} {number}"


def interleave(
    question: str, stills: Sequence[Still], checkpoint: Checkpoint | None = None
) -> list[str | Still]:
    """Return the prompt that shows ``stills`` in order, named where there are several, then asks.

    Frames are named with their times for a checkpoint that reads them. One that was trained on pooled frames
    sees those of one video as a video, behind a sentence that gives their times, as LLaVA-Video was taught to
    read them (arXiv 2410.02713).
    """
    timed = checkpoint is not None and checkpoint.reads_times
    if len(stills) == 1:
        frame = stills[0].origin
        return (
            [f"t={frame.t:.1f}s :", *stills, question]
            if timed and isinstance(frame, Frame)
            else [*stills, question]
        )
    if timed and checkpoint is not None and "frame" in checkpoint.modes and one_video(stills):
        times = ",".join(f"{still.origin.t:.2f}s" for still in stills if isinstance(still.origin, Frame))
        located = f"{len(stills)} frames of a video are located at {times}. Answer about this video."
        return [located, *stills, question]
    prompt: list[str | Still] = []
    for number, still in enumerate(stills, start=1):
        name = label(still, number)
        when = f" (t={still.origin.t:.1f}s)" if timed and isinstance(still.origin, Frame) else ""
        prompt += [f"{name}{when} :", still]
    return [*prompt, question]


def one_video(stills: Sequence[Still]) -> bool:
    """Tell whether all stills are frames of one video."""
    return all(isinstance(s.origin, Frame) and s.origin.source == stills[0].origin.source for s in stills)


def same_answer(one: str, other: str) -> bool:
    """Tell whether two answers differ in case, spacing or final punctuation at most."""
    return _fold(one) == _fold(other)


def sees_one_at_a_time(checkpoint: Checkpoint, stills: Sequence[Still]) -> bool:
    """Tell whether there are several stills and the checkpoint was trained on prompts of one.

    Frames of one video are one to those that were trained on videos.
    """
    as_video = "frame" in checkpoint.modes and one_video(stills)
    return len(stills) > 1 and checkpoint.stills_trained == 1 and not as_video


def looking_prompts(
    checkpoint: Checkpoint, question: str, stills: Sequence[Still]
) -> list[list[str | Still]]:
    """Return the prompts that :func:`look` shows stills in: one for all, or one each where it must."""
    if sees_one_at_a_time(checkpoint, stills):
        alone = DESCRIBE.format(question=question)
        return [interleave(alone, [still], checkpoint) for still in stills]
    return [interleave(question, stills, checkpoint)]


def look(eyes: Eyes, question: str, stills: Sequence[Still]) -> Look:
    """Ask ``question`` about all ``stills``.

    A checkpoint trained on single images is asked about each still alone, and then, in words only, to
    answer from what it said: given several images in one prompt it merges or ignores some of them. The
    confidence is then the last answer's times that of the least certain look it was drawn from.

    Parameters
    ----------
    eyes : Eyes
    question : str
    stills : sequence of Still, at least one

    Returns
    -------
    Look

    Raises
    ------
    ContextOverflowError
        If the stills do not fit the checkpoint's window together.
    """
    prompts = looking_prompts(eyes.checkpoint, question, stills)
    if sees_one_at_a_time(eyes.checkpoint, stills):
        answers = eyes.answers(prompts, max_new_tokens=DESCRIBED)
        return _draw_together(eyes, question, stills, answers)
    (answer,) = eyes.answers(prompts)
    return Look(
        text=answer.text,
        confidence=answer.confidence,
        tokens=answer.usage.new_tokens,
        cut_short=answer.stopped_because == "cancelled",
        notes=answer.notes,
    )


def _draw_together(eyes: Eyes, question: str, stills: Sequence[Still], alone: Sequence[Answer]) -> Look:
    said = [
        f"{label(still, number)} : {answer.text}"
        for number, (still, answer) in enumerate(zip(stills, alone, strict=True), start=1)
    ]
    (answer,) = eyes.answers([["\n".join([*said, question])]])
    rerouted = (
        f"{eyes.name} was trained on one image at a time: each of the {len(stills)} stills was described "
        "alone, and the answer drawn from the descriptions. It has not compared their pixels."
    )
    every = [*alone, answer]
    return Look(
        text=answer.text,
        confidence=answer.confidence * min(a.confidence for a in alone),
        tokens=answer.usage.new_tokens,
        per_still=tuple(a.text for a in alone),
        cut_short=any(a.stopped_because == "cancelled" for a in every),
        notes=distinct([rerouted, *(note for a in every for note in a.notes)]),
    )


def windows(area: Box) -> tuple[Box, ...]:
    """Return the overlapping windows of a closer look into ``area``: four corners and the middle.

    They keep the area's aspect. Empty when they would be shorter than :data:`MIN_WINDOW` pixels on a side.
    """
    width, height = area.x1 - area.x0, area.y1 - area.y0
    side = Size(round(width * WINDOW_SHARE), round(height * WINDOW_SHARE))
    if min(side) < MIN_WINDOW:
        return ()
    right, bottom = width - side.width, height - side.height
    corners = [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom), (right / 2, bottom / 2)]
    return tuple(
        Box(x0=area.x0 + x, y0=area.y0 + y, x1=area.x0 + x + side.width, y1=area.y0 + y + side.height)
        for x, y in corners
    )


def whole(still: Still) -> Box:
    """Return the box that covers all pixels of ``still``."""
    return Box(x0=0, y0=0, x1=still.size.width, y1=still.size.height)


def look_closer(
    eyes: Eyes, question: str, still: Still, area: Box, text: str, confidence: float
) -> CloserLook:
    """Ask the same question of windows of ``area``, and weigh what they say against the whole still.

    Parameters
    ----------
    eyes : Eyes
    question : str
    still : Still
        The whole still.
    area : Box, pixels of ``still``
        Where to look; :func:`windows` of it must not be empty.
    text, confidence : str, float
        The answer so far, not empty, and its confidence.

    Returns
    -------
    CloserLook
    """
    areas = windows(area)
    answers = eyes.answers([[still.crop(box), question] for box in areas])
    best = _most_confident(answers)
    options = [text, *(answers[crop].text for folded, crop in best.items() if folded != _fold(text))]
    likely = _likelihoods(eyes, question, still, options, confidence)
    supported = [
        ((probability + answers[best[_fold(option)]].confidence) / 2, option, areas[best[_fold(option)]])
        for option, probability in zip(options, likely, strict=True)
        if _fold(option) in best and probability >= PLAUSIBLE * confidence
    ]
    score, option, region = max(supported, key=lambda entry: entry[0], default=(confidence, text, None))
    notes = distinct(note for answer in answers for note in answer.notes)
    if score < confidence:
        return CloserLook(text, confidence, None, len(areas), notes)
    return CloserLook(option, score, region, len(areas), notes)


def _most_confident(answers: Sequence[Answer]) -> dict[str, int]:
    """Return, for each finished answer but an empty one, folded, the index of the crop surest of it."""
    best: dict[str, int] = {}
    for index, answer in enumerate(answers):
        folded = _fold(answer.text)
        if not folded or answer.stopped_because == "cancelled":
            continue
        if folded not in best or answer.confidence > answers[best[folded]].confidence:
            best[folded] = index
    return best


def _likelihoods(
    eyes: Eyes, question: str, still: Still, options: Sequence[str], confidence: float
) -> list[float]:
    """Return how likely the whole still finds each option; the first one has ``confidence``.

    ``choose`` gives shares among the options; they are scaled so that the first is what generation gave it.
    None exceeds that: generation would have said it.
    """
    if len(options) == 1:
        return [confidence]
    first, *others = eyes.choose([still, question], options).probabilities
    return [confidence, *(min(1.0, share / max(first, 1e-9)) * confidence for share in others)]


def _fold(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(" .!")


def distinct(notes: Iterable[str]) -> tuple[str, ...]:
    """Return the notes without repetition, in their order."""
    return tuple(dict.fromkeys(notes))
