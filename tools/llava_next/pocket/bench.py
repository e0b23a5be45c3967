"""The table of what the pocket model can and cannot do, on seeds and wordings it was not trained on.

Every question is put three times: about its own stills; about those of another world ("blind": what the words
alone give away); and it is compared with always giving the kind's most frequent answer ("majority"). All goes
through :class:`LlavaNext`, greedily, as a user's question would.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ....memory.still import Photo, Still
from .packing import facts, query
from .questions import NONE, Question
from .worlds import KINDS, PIXELS_PER_UNIT, Kind, worlds

if TYPE_CHECKING:
    from ..local import LlavaNext
    from ..prompts import Prompt

TARGETS: dict[str, float] = {
    **dict.fromkeys(("shape", "color", "count", "extreme", "match"), 95),
    **dict.fromkeys(("where", "size", "exists", "read", "which", "most", "count_in"), 90),
    **dict.fromkeys(("count_by", "count_of", "relation", "nearest"), 85),
    **dict.fromkeys(("direction", "when", "happens", "order", "count_frame"), 85),
    **dict.fromkeys(("count_views", "side", "nearer"), 85),
    **dict.fromkeys(("point", "same", "change"), 80),
    **dict.fromkeys(("solid_in_crop", "color_in_crop"), 95),
    **dict.fromkeys(("solid_in_view", "shape_in_crop"), 90),
    "point_in_view": 80,
    "caption": 70,
}
"""Accuracy to reach, per cent, by kind of question."""
RETRIEVAL_STILLS, RETRIEVAL_TARGET, ECE_TARGET = 200, 80.0, 0.05
BATCH = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the test set: its own prompt, and the same about the stills of another world."""

    question: Question
    own: Prompt
    other: Prompt


def test_set(kind: Kind, seed: int, count: int) -> list[Asked]:
    """Draw the questions about ``count`` worlds of a kind, and for each the stills of another such world."""
    drawn = [(w, asked, _stills(w.render(PIXELS_PER_UNIT)[0])) for w, asked in worlds(kind, seed, count)]
    out = []
    for i, (world, asked, stills) in enumerate(drawn):
        others = [s for w, _, s in drawn[i + 1 :] + drawn[:i] if len(w.names) == len(world.names)]
        if others:
            out += [
                Asked(q, prompt(world.names, stills, q.text), prompt(world.names, others[0], q.text))
                for q in asked
            ]
    return out


def prompt(names: Sequence[str], stills: Sequence[Still], question: str) -> Prompt:
    """Lay a question behind its stills, each behind its name if it has one."""
    return [
        part for name, still in zip(names, stills, strict=True) for part in (name, still) if part != ""
    ] + [question]


def _stills(images: list[np.ndarray]) -> list[Still]:
    return [Still(image, Photo(source="world")) for image in images]


def calibration_error(confidences: Sequence[float], hits: Sequence[bool], bins: int = 15) -> float:
    """Compute the expected calibration error (Naeini et al. 2015) over equal bins."""
    index = np.minimum((np.asarray(confidences) * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        inside = index == b
        if inside.any():
            gap = np.mean(np.asarray(confidences)[inside]) - np.mean(np.asarray(hits, float)[inside])
            total += abs(gap) * inside.mean()
    return float(total)


def _answers(eyes: LlavaNext, prompts: list[Prompt]) -> list[tuple[str, float]]:
    """Texts and confidences, in the order of the prompts."""
    found = []
    for start in range(0, len(prompts), BATCH):
        found += [
            (a.text, a.confidence) for a in eyes.answers(prompts[start : start + BATCH], max_new_tokens=64)
        ]
    return found


def same(said: str, truth: str) -> bool:
    """Tell whether an answer is the right one, word for word; spaces aside, which decoding moves."""
    return said.replace(" ", "").lower() == truth.replace(" ", "").lower()


@dataclass(frozen=True, slots=True)
class Given:
    """What the model gave for one question: of its own stills, and of those of another world."""

    question: Question
    said: str
    confidence: float
    guessed: str
    blind_confidence: float

    @property
    def hit(self) -> bool:
        """Whether the answer is right."""
        return same(self.said, self.question.answer)

    @property
    def lucky(self) -> bool:
        """Whether the answer about the other world's stills is right all the same."""
        return same(self.guessed, self.question.answer)


def given(eyes: LlavaNext, kind: Kind, seed: int, count: int) -> list[Given]:
    """Ask all questions of :func:`test_set`."""
    asked = test_set(kind, seed, count)
    own, other = _answers(eyes, [a.own for a in asked]), _answers(eyes, [a.other for a in asked])
    return [Given(a.question, *one, *two) for a, one, two in zip(asked, own, other, strict=True)]


def _row(kind: str, answers: Sequence[Given]) -> dict[str, Any]:
    accuracy = 100 * statistics.mean(a.hit for a in answers)
    guess = 100 * statistics.mean(a.lucky for a in answers)
    majority = 100 * Counter(a.question.answer for a in answers).most_common(1)[0][1] / len(answers)
    base = max(guess, majority)
    return {
        "kind": kind,
        "accuracy": round(accuracy, 1),
        "blind": round(guess, 1),
        "majority": round(majority, 1),
        "n": len(answers),
        "target": TARGETS[kind],
        "met": accuracy >= TARGETS[kind],
        "can": accuracy >= base + (100 - base) / 2,
    }


def _calibration(answers: Sequence[Given]) -> dict[str, float]:
    looked_up = [
        a
        for a in answers
        if a.question.kind in ("where", "point", "color", "shape", "size") and a.question.answer != NONE
    ]
    noticed = [same(a.guessed, NONE) or a.blind_confidence < 0.5 for a in looked_up]
    error = calibration_error([a.confidence for a in answers], [a.hit for a in answers])
    return {
        "ece": round(error, 3),
        "target": ECE_TARGET,
        "n": len(answers),
        "wrong_picture_noticed": round(100 * statistics.mean(noticed), 1),
    }


def retrieval(eyes: LlavaNext, seed: int, stills: int = RETRIEVAL_STILLS) -> dict[str, float]:
    """Find stills by texts that describe some of them; hit@5: a right one is among the first five."""
    drawn = list(worlds("photos", seed + 1, stills))
    rng = random.Random(seed)
    asked = [query(w.sheets[0], rng) for w, _ in drawn]
    images = _stills([w.render(PIXELS_PER_UNIT)[0][0] for w, _ in drawn])
    pictures = np.concatenate([eyes.embed(images[i : i + BATCH]) for i in range(0, stills, BATCH)])
    scores = eyes.embed([text for text, _ in asked]) @ pictures.T
    known = [facts(w.sheets[0]) for w, _ in drawn]
    fits = np.array([[wanted <= had for had in known] for _, wanted in asked])
    order = np.argsort(-scores, 1)
    first = np.take_along_axis(fits, order, 1)
    chance = np.mean([1 - np.prod([(stills - f - i) / (stills - i) for i in range(5)]) for f in fits.sum(1)])
    return {
        "hit@1": round(100 * first[:, 0].mean(), 1),
        "hit@5": round(100 * first[:, :5].any(1).mean(), 1),
        "chance@5": round(100 * float(chance), 1),
        "target": RETRIEVAL_TARGET,
        "stills": stills,
    }


def run(seed: int = 1, count: int = 150, eyes: LlavaNext | None = None) -> dict[str, Any]:
    """Measure the pocket model.

    Parameters
    ----------
    seed : of the worlds; training draws its own from other seeds, whatever this one is
    count : worlds of each kind
    eyes : the model to measure; the embedded one if None

    Returns
    -------
    dict
        ``rows`` (one per kind of question: accuracy, blind, majority, n, target, met, can), ``retrieval``,
        ``calibration`` (ECE of all answers; how sure it is of pictures that do not belong to the question),
        ``seconds_per_question`` (median of single photo questions), ``model`` and ``seed``.
    """
    from .. import LlavaNext

    eyes = eyes or LlavaNext()
    answers = [answer for kind in KINDS for answer in given(eyes, kind, seed, count)]
    seconds = [eyes.answer(a.own).usage.seconds for a in test_set("photos", seed + 2, 4)]
    by_kind = {kind: [a for a in answers if a.question.kind == kind] for kind in TARGETS}
    return {
        "model": eyes.name,
        "seed": seed,
        "worlds": count,
        "rows": [_row(kind, some) for kind, some in by_kind.items() if some],
        "retrieval": retrieval(eyes, seed),
        "calibration": _calibration(answers),
        "seconds_per_question": round(statistics.median(seconds), 3),
    }
