"""Finding: what a tool of the toolkit found, in words, as data, and as pictures with boxes drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..agent.files import called
from ..errors import EvidenceError
from ..memory import Box, Evidence, Frame, Origin, Page, Still, StillRef, View
from ..tools.mark import mark
from ..tools.moments import clock
from .render import differences, evidence_line, found_lines, places

if TYPE_CHECKING:
    from ..agent.result import Result
    from ..memory.search import Hit
    from ..memory.store import VisualMemory
    from ..tools.find import Findings

PICTURES = 4
"""Pictures that a finding shows, at most: the first of its evidence, or of what was found."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a finding, with the boxes of its evidence drawn, numbered as the evidence is."""

    name: str
    still: Still


@dataclass(frozen=True, slots=True)
class Finding:
    """What a tool found.

    Parameters
    ----------
    text : str
        In words: the answer, how sure, what it rests on, and what the reader must know about it.
    evidence : tuple of Evidence
    pictures : tuple of Shown
        The first few that it rests on.
    data : dict
        As JSON: a :class:`~sightloop.agent.Result`, or what ``sightloop find --json`` prints, with a
        ``handle`` for each still by which the memory knows it.
    result : Result or None
        Of the run; None for a search.
    """

    text: str
    evidence: tuple[Evidence, ...]
    pictures: tuple[Shown, ...]
    data: dict[str, Any]
    result: Result | None = None


def answered(result: Result) -> Finding:
    """Return what a run of the agent found."""
    lines = [f"{result.answer or '(no words)'} ({result.confidence:.0%} sure)"]
    lines += [*differences(result), *places(result)]
    lines += [f"[{number}] {evidence_line(one).plain}" for number, one in enumerate(result.evidence, start=1)]
    lines += [f"could not be read: {line}" for line in result.skipped]
    lines += [f"note: {note}" for note in result.notes]
    if result.stopped_because != "answered":
        lines.append(f"stopped by {result.stopped_because}: this is the best answer so far")
    return Finding(
        "\n".join(lines), result.evidence, _pictures(result), result.model_dump(mode="json"), result
    )


def _pictures(result: Result) -> tuple[Shown, ...]:
    """Return the stills of the evidence, each once, with all boxes on it."""
    boxes: dict[StillRef, dict[int, Box]] = {}
    for number, one in enumerate(result.evidence, start=1):
        on = boxes.setdefault(one.still, {})
        if isinstance(one.region, Box):
            on[number] = one.region
    shown = []
    for ref, numbered in list(boxes.items())[:PICTURES]:
        try:
            still = result.still(ref)
        except EvidenceError:
            continue  # its file is gone or has changed since: the words say what was seen
        marked = mark(still, list(numbered.values()), list(numbered)) if numbered else still
        shown.append(Shown(_name(ref.origin), marked))
    return tuple(shown)


def found(memory: VisualMemory, looked: Findings, hits: Sequence[Hit]) -> Finding:
    """Return what a search found: moments that the eyes looked at, and pages."""
    from ..memory.storage import still_id
    from ..tools.pages import to_json

    seen = looked.candidates
    data = {
        "query": looked.query,
        "moments": [{"handle": still_id(one.source, one.still.origin), **one.to_json()} for one in seen],
        "pages": [{"handle": hit.id, **to_json(hit)} for hit in hits],
        "notes": list(looked.notes),
    }
    evidence = [
        Evidence.of(one.still, f"shows {looked.query}", one.there, one.span)
        for one in looked.shown
        if one.there is not None
    ]
    shown = [Shown(_name(one.still.origin), one.still) for one in looked.shown[:PICTURES]]
    numbers = {hit.id: number for number, hit in enumerate(hits, start=len(seen) + 1)}
    for hit, still in memory.stills(hits[: PICTURES - len(shown)]):
        shown.append(Shown(_name(hit.origin), _marked(still, hit, numbers[hit.id])))
    text = "\n".join([*found_lines(data), *(f"note: {note}" for note in looked.notes)])
    return Finding(text, tuple(evidence), tuple(shown), data)


def _marked(still: Still, hit: Hit, number: int) -> Still:
    """Draw the box of a hit on its still."""
    from ..memory.kept import on_picture

    return still if hit.box is None else mark(still, [on_picture(hit.box, hit.ref, still)], [number])


def _name(origin: Origin) -> str:
    """Return what a picture is called: its file, and where in it."""
    name = called(origin.source)
    if isinstance(origin, Frame):
        return f"{name} at {clock(origin.t)}"
    if isinstance(origin, Page):
        return f"{name}, page {origin.number}"
    return f"{name}, {origin.camera}" if isinstance(origin, View) else name
