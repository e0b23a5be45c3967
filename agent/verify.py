"""Verify: reopen evidence from its origin and ask again, before an answer is called confirmed.

Six ways to ask again, chosen by the answer. Words that were quoted from a page are read again in their box.
Each difference between pictures is looked at in its region alone, against its opposite. What was measured in
a scene rests on what stands in boxes of its views: each is asked for again, in other framings of its box.
What was drawn from small looks has them taken again, in other framings. Any other short answer is asked for
anew, of the reopened pixels in other framings: every model can answer a question, and one that changes its
mind when the picture moves by a few pixels did not know. Two sentences are never the same word for word, so a
long answer is put to the model as a claim, to which it says yes or no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EvidenceError
from ..memory import Box, Evidence, Still
from ..tools.differences import Comparison
from ..tools.divide import divide, division
from ..tools.intents import Change, Intent, Moving
from ..tools.look import Eyes, interleave, same_answer, sees_one_at_a_time
from ..tools.moments import shown_at
from ..tools.small_looks import YES_NO, SmallLooks
from ..tools.video_questions import NOT_FOUND, of_stills, singular, things
from .state import Citation, Draft
from .steps import Picture, Verdict

CLAIM = "{claim} . Is that right, yes or no?"
"""Asked about the reopened stills; ``claim`` is the question followed by its answer."""

TRIM = 0.02
"""Share of width and height that a framing leaves out, so small that no answer should depend on it."""

MARGINS = (0.15, 0.4)
"""Shares of a box's longer side that are shown around it when what stands in it is asked for again."""

QUOTED = "the quoted words were read again in their boxes; that they answer the question was not checked"
"""Said of every answer that was read from pages."""

SURE = 0.6
"""Share of probability for a claim from which it is confirmed, and against it from which it is rejected."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What asking again said.

    Parameters
    ----------
    evidence : tuple of Evidence
        The evidence asked about, with verdicts, and with the probability of the claim as confidence.
    verdict : "confirmed", "rejected" or "unverified"
        Of the evidence that did worst.
    confidence : float or None
        Probability of the least certain claim; None if none could be asked again.
    notes : tuple of str
    """

    evidence: tuple[Evidence, ...]
    verdict: Verdict
    confidence: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Again:
    """Probability for and against a claim; what is left was said with too little confidence to count."""

    right: float
    wrong: float

    @property
    def verdict(self) -> Verdict:
        if self.right >= SURE:
            return "confirmed"
        return "rejected" if self.wrong >= SURE else "unverified"


def verify(
    eyes: Eyes,
    question: str,
    draft: Draft,
    evidence: Sequence[Evidence],
    pictures: Sequence[Picture] = (),
    *,
    searched: bool = False,
) -> Verification:
    """Reopen the stills that ``evidence`` rests on, and ask again.

    Stills that were looked at together are asked about together. If one cannot be reopened (its source is
    gone or has changed, or its pixels were only in memory) nothing is asked and the notes say why.

    Parameters
    ----------
    eyes : Eyes
    question : str
    draft : Draft
        The answer that the evidence is for.
    evidence : sequence of Evidence
        In the order of the stills; of the differences, where the draft tells some.
    pictures : sequence of Picture
        All of the run, which the numbers of the draft's comparisons count.
    searched : bool
        Whether the stills were found by a search: what was found is then asked for again.

    Returns
    -------
    Verification
    """
    if not evidence:
        return Verification((), "unverified", None, ("not verified: the answer rests on no picture.",))
    notes: tuple[str, ...] = ()
    try:
        if draft.cited:
            again = [_standing(eyes, citation) for citation in draft.cited]
            notes = (QUOTED,) if any(citation.quote is not None for citation in draft.cited) else ()
        elif any(pair.differences for pair in draft.comparisons):
            again = _compared(eyes, draft.comparisons, pictures)
        elif draft.frames:
            again = [_over_time(eyes, question, draft, pictures)]
        elif searched and draft.divided and not draft.said:
            again = _found(eyes, question, draft, evidence)
        else:
            again = _asked(eyes, of_stills(question) if searched else question, draft, evidence)
    except EvidenceError as error:
        return Verification(tuple(evidence), "unverified", None, (f"not verified: {error.message}",))
    checked = tuple(
        item.model_copy(update={"confidence": said.right, "verdict": said.verdict})
        for item, said in zip(evidence, again, strict=True)
    )
    worst = min(again, key=lambda said: said.right - said.wrong)
    return Verification(checked, worst.verdict, min(said.right for said in again), notes)


def _asked(eyes: Eyes, question: str, draft: Draft, evidence: Sequence[Evidence]) -> list[_Again]:
    """Ask again in the way that suits the answer: one entry for each piece of evidence."""
    stills = [item.reopen() for item in evidence]
    goal = division(eyes.checkpoint, question, stills) if draft.divided else None
    if goal is not None:
        return [_divided(eyes, goal, draft.text, stills)] * len(stills)
    if sees_one_at_a_time(eyes.checkpoint, stills):
        return [_claimed(eyes, item.claim, [still]) for item, still in zip(evidence, stills, strict=True)]
    if draft.short and not draft.said:
        return [_reframed(eyes, question, draft.text, stills)] * len(stills)
    return [_claimed(eyes, evidence[0].claim, stills)] * len(stills)


def _standing(eyes: Eyes, citation: Citation) -> _Again:
    """Ask again whether a thing stands in its box, or, where it was not found, anywhere in the view."""
    still = citation.evidence.reopen()
    if citation.quote is not None:
        return _quoted(still, citation.quote)
    boxes = frames(still) if still.region is None else [_around(still.region, margin) for margin in MARGINS]
    whole = still.whole or still
    (there,) = SmallLooks(eyes, [whole.crop(box) for box in boxes]).there([singular(citation.thing)])
    sure = sum(there) / len(there)
    return _Again(sure, 1 - sure) if citation.there else _Again(1 - sure, sure)


def _quoted(still: Still, quote: str) -> _Again:
    """Read the words of a box again, from the file or its pixels, and compare them with the quote."""
    from ..tools.quotes import check  # loads what reads

    return _Again(*check(still, quote))


def _around(box: Box, margin: float) -> Box:
    more = margin * max(box.x1 - box.x0, box.y1 - box.y0)
    return Box(x0=box.x0 - more, y0=box.y0 - more, x1=box.x1 + more, y1=box.y1 + more)


def _over_time(eyes: Eyes, question: str, draft: Draft, pictures: Sequence[Picture]) -> _Again:
    """Look again, in another framing, at the frames between which something comes or goes, or moves."""
    by_name = {picture.name: picture for picture in pictures}
    wholes = [Evidence(still=by_name[name].still, claim="", confidence=0).reopen() for name in draft.frames]
    stills = [still.crop(frames(still)[0]) for still in wholes]
    goal = division(eyes.checkpoint, question, stills)
    if isinstance(goal, Moving):
        found = divide(eyes, goal, sorted(stills, key=shown_at))
        return _agreeing(draft.text, [(found.text, found.confidence) if found else ("", 0.0)])
    shown, *other = _shown(eyes, question, stills)
    right = shown * (1 - other[0] if other else 1.0)
    return _Again(right, 1 - right)


def _found(eyes: Eyes, question: str, draft: Draft, evidence: Sequence[Evidence]) -> list[_Again]:
    """Ask each still again whether it shows the thing, whose being there is the answer."""
    stills = [item.reopen() for item in evidence]
    absent = draft.text in ("no", NOT_FOUND)
    again = []
    for still in stills:
        sure = sum(_shown(eyes, question, [still.crop(box) for box in frames(still)])) / 2
        again.append(_Again(1 - sure, sure) if absent else _Again(sure, 1 - sure))
    return again


def _shown(eyes: Eyes, question: str, stills: Sequence[Still]) -> list[float]:
    """Return how likely each still shows all the things of the question."""
    rows = SmallLooks(eyes, stills).there([singular(name) for name in things(question)])
    return [min(sure) for sure in zip(*rows, strict=True)]


def _compared(eyes: Eyes, comparisons: Sequence[Comparison], pictures: Sequence[Picture]) -> list[_Again]:
    """Look at each difference in its region alone: one entry for each side of it that is evidence."""
    from ..tools.confirm import confirm  # loads OpenCV

    opened: dict[int, Still] = {}

    def still(number: int) -> Still:
        if number not in opened:
            picture = pictures[number - 1]
            named = Evidence(still=picture.still, region=picture.region, claim="", confidence=0)
            opened[number] = named.reopen()
        return opened[number]

    again: list[_Again] = []
    for pair in comparisons:
        before, after = still(pair.before), still(pair.after)
        if not pair.differences:
            again.append(_divided(eyes, Change("what"), pair.words, [before, after]))
        for one in pair.differences:
            sides = sum(box is not None for box in (one.before, one.after))
            again += [_Again(*confirm(eyes, before, after, one))] * sides
    return again


def _reframed(eyes: Eyes, question: str, text: str, stills: Sequence[Still]) -> _Again:
    """Ask the question of every framing; agreement counts as much as the model was sure of what it said."""
    answers = eyes.answers([interleave(question, framing, eyes.checkpoint) for framing in _framings(stills)])
    return _agreeing(text, [(answer.text, answer.confidence) for answer in answers])


def _divided(eyes: Eyes, goal: Intent, text: str, stills: Sequence[Still]) -> _Again:
    """Take the small looks again, at every framing; where they decide nothing they count for neither side."""
    found = [divide(eyes, goal, framing) for framing in _framings(stills)]
    return _agreeing(text, [(one.text, one.confidence) if one else ("", 0.0) for one in found])


def _framings(stills: Sequence[Still]) -> list[list[Still]]:
    return [[still.crop(frames(still)[i]) for still in stills] for i in range(2)]


def _agreeing(text: str, said: Sequence[tuple[str, float]]) -> _Again:
    same = [confidence for other, confidence in said if same_answer(other, text)]
    other = [confidence for other, confidence in said if not same_answer(other, text)]
    return _Again(sum(same) / len(said), sum(other) / len(said))


def _claimed(eyes: Eyes, claim: str, stills: Sequence[Still]) -> _Again:
    """Ask whether the claim is right."""
    return _Again(
        *eyes.choose(interleave(CLAIM.format(claim=claim), stills, eyes.checkpoint), YES_NO).probabilities
    )


def frames(still: Still) -> tuple[Box, Box]:
    """Return two framings of a still: without a little of the left and top, and of the right and bottom."""
    width, height = still.size
    right, bottom = max(1.0, width * (1 - TRIM)), max(1.0, height * (1 - TRIM))
    return (
        Box(x0=width - right, y0=height - bottom, x1=width, y1=height),
        Box(x0=0, y0=0, x1=right, y1=bottom),
    )
