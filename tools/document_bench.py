"""How well questions about real documents are answered, with the page and the box that the answer rests on.

The documents (:mod:`.document_files`) are indexed into a temporary memory by the ordinary code. An agent is
asked with all of it; :func:`.read.read` with the first pages of the search, and with the right page alone.
What no page answers is asked as well: an answer to that is false, however it reads.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psutil

from ..memory import Box, Evidence, Page
from .document_asked import Asked, Cited, mean
from .document_files import VIGNETTES
from .document_retrieval import TOP
from .document_retrieval import rows as retrieval
from .document_scans import SCANNED, accuracy

if TYPE_CHECKING:
    from ..memory.embed import Embedder, PageReader
    from ..memory.store import VisualMemory
    from .leaves import Reading
    from .llava_next import LlavaNext

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks" / "documents"
"""Where the questions are, in a checkout."""
QUESTIONS, PRACTICE, UNANSWERABLE = "questions.json", "practice.json", "unanswerable.json"

CITED, TEXT_PAGES, SCANNED_PAGES = 0.9, 20.0, 0.3
"""Targets: answers whose cited box overlaps the truth, and pages a second, of text and of scans."""
SURE = 0.5
"""Confidence from which an answer is asserted."""
PAGE = 1224.0 * 1584.0
"""Pixels of a letter page, which most pages are."""
AGENT, READ, GIVEN = "agent", "read, first five pages", "read, right page given"


class Told(Protocol):
    """What the bench needs of an agent's result."""

    @property
    def answer(self) -> str:
        """The answer."""

    @property
    def confidence(self) -> float:
        """How likely it is right."""

    @property
    def evidence(self) -> Sequence[Evidence]:
        """What it rests on."""


class Reader(Protocol):
    """What the bench needs of an agent."""

    def run(self, question: str, /) -> Told:
        """Answer a question from its memory."""


Agent = Callable[["LlavaNext", "VisualMemory"], Reader]
"""Makes the agent to be measured."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said to a question, and the boxes that it was said to rest on."""

    text: str
    confidence: float
    cited: tuple[Cited, ...]
    seconds: float = 0.0


def replied(told: Told, seconds: float) -> Reply:
    """Return what an agent's result says; evidence without a box, or of no page, cites nothing."""
    cited = [
        _cited(one.still.origin, one.region, one.verdict)
        for one in told.evidence
        if isinstance(one.still.origin, Page) and isinstance(one.region, Box)
    ]
    return Reply(told.answer, told.confidence, tuple(cited), seconds)


def told_by(reading: Reading) -> Reply:
    """Return what a reading says."""
    quotes = [(quote.still.whole or quote.still, quote.box) for quote in reading.quotes]
    cited = [_cited(still.origin, box) for still, box in quotes if isinstance(still.origin, Page)]
    return Reply(reading.text, reading.confidence, tuple(cited))


def _cited(origin: Page, box: Box, verdict: str = "unverified") -> Cited:
    return Cited(Path(origin.source).name, origin.number, box, verdict)


# --- asking -------------------------------------------------------------------------------------------


def answered(
    eyes: LlavaNext, reader: Reader, memory: VisualMemory, asked: Asked, paths: Mapping[str, Path]
) -> dict[str, Reply]:
    """Ask the agent, and read in the pages of the search; in the right page too, if there is one."""
    from . import pages
    from .read import read

    began = time.perf_counter()
    replies = {AGENT: replied(reader.run(asked.question), time.perf_counter() - began)}
    found = pages.found(memory, asked.question, top=TOP)
    replies[READ] = told_by(read(eyes, asked.question, found, memory.sentences))
    for place in asked.places[:1]:
        right = pages.numbered(memory, str(paths[place.document]), [place.page])
        replies[GIVEN] = told_by(read(eyes, asked.question, right, memory.sentences))
    return replies


# --- rows ---------------------------------------------------------------------------------------------


def answer_rows(asked: Sequence[Asked], replies: Sequence[Mapping[str, Reply]]) -> list[dict[str, Any]]:
    """Return how good the answers are: of each of those asked, then of the agent for each kind."""
    both = list(zip(asked, replies, strict=True))
    found = [_answer_row(who, [(one, said[who]) for one, said in both]) for who in (AGENT, READ, GIVEN)]
    for kind in sorted({one.kind for one in asked}):
        some = [(one, said[AGENT]) for one, said in both if one.kind == kind]
        found.append(_answer_row(f"{AGENT}: {kind}", some))
    return found


def _answer_row(name: str, some: Sequence[tuple[Asked, Reply]]) -> dict[str, Any]:
    overlap = mean([any(cited.overlaps(one) for cited in said.cited) for one, said in some])
    target = CITED if name == AGENT else None
    return {
        "row": name,
        "right value": mean([one.right(said.text) for one, said in some]),
        "right page": mean(
            [any(one.there(cited.document, cited.page) for cited in said.cited) for one, said in some]
        ),
        "box": overlap,
        "first box": mean([said.cited[0].overlaps(one) if said.cited else False for one, said in some]),
        "box touches": mean([any(cited.overlaps(one, 0.0) for cited in said.cited) for one, said in some]),
        "n": len(some),
        "target": target,
        "met": None if target is None else (overlap or 0.0) >= target,
    }


def checks(replies: Sequence[Reply]) -> dict[str, Any]:
    """Return what checking said of all cited boxes, and how large they are beside a page."""
    every = [cited for said in replies for cited in said.cited]
    sizes = [(one.box.x1 - one.box.x0) * (one.box.y1 - one.box.y0) / PAGE for one in every]
    return {
        "boxes": len(every),
        "confirmed": mean([one.verdict == "confirmed" for one in every]),
        "rejected": mean([one.verdict == "rejected" for one in every]),
        "boxes an answer": mean([len(said.cited) for said in replies]),
        "median share of the page": round(statistics.median(sizes), 4) if sizes else None,
        "median words an answer": statistics.median(len(said.text.split()) for said in replies),
    }


def calibration(
    asked: Sequence[Asked], replies: Sequence[Reply], unanswerable: Sequence[Reply]
) -> dict[str, Any]:
    """Return how confidence fits what is right; an answer to what nothing answers is wrong."""
    from .llava_next.pocket.bench import calibration_error

    hits = [one.right(said.text) for one, said in zip(asked, replies, strict=True)]
    sure = [said.confidence for said in replies]
    unfounded = [said.confidence for said in unanswerable]
    asserted = [confidence >= SURE for confidence in unfounded]
    return {
        "ece": round(calibration_error(sure, hits), 4),
        "ece, unanswerable too": round(
            calibration_error([*sure, *unfounded], [*hits, *(False for _ in unfounded)]), 4
        ),
        "right where asserted": mean([hit for hit, one in zip(hits, sure, strict=True) if one >= SURE]),
        "asserted": mean([one >= SURE for one in sure]),
        "unanswerable": len(unfounded),
        "false answers": sum(asserted),
    }


# --- indexing -----------------------------------------------------------------------------------------


def indexed(memory: VisualMemory, paths: Sequence[Path]) -> dict[str, Any]:
    """Index documents; return pages a second, and what memory the process has after it."""
    began = time.perf_counter()
    for path in paths:
        memory.add(path)
    seconds = time.perf_counter() - began
    pages = sum(source.stills for source in memory.sources())
    rss = psutil.Process().memory_info().rss
    return {"pages": pages, "a second": round(pages / seconds, 2), "process MB": round(rss / 2**20)}


def run(
    seed: int = 1,
    *,
    agent: Agent,
    files: Mapping[str, Path],
    asked: Sequence[Asked],
    unanswerable: Sequence[Asked] = (),
    eyes: LlavaNext | None = None,
    sentences: Embedder | None = None,
    ocr: PageReader | None = None,
    scanned: int = 6,
    each: bool = False,
) -> dict[str, Any]:
    """Measure what an agent finds, answers and cites in documents.

    Parameters
    ----------
    seed : int
        Of the pages that OCR is measured on.
    agent : callable
        Makes the agent, of the model and the memory.
    files : dict of name to path
        The documents; see :func:`.document_files.found`.
    asked, unanswerable : sequence of Asked
        What pages answer, and what none does.
    eyes : LlavaNext
        The embedded model if None.
    sentences, ocr : Embedder and PageReader, optional
        What the memory is opened with.
    scanned : int
        Pages of the vignettes that OCR is measured on.
    each : bool
        Whether every question is told with what was said to it.

    Returns
    -------
    dict
        ``retrieval``, ``answers``, ``checks``, ``calibration``, ``scans``, ``speed``, ``seconds``.
    """
    from ..memory.store import VisualMemory
    from .llava_next import LlavaNext

    start = time.perf_counter()
    eyes = eyes or LlavaNext()
    wanted = {place.document for one in asked for place in one.places} | (set(files) & set(VIGNETTES))
    scans = [files[name] for name in SCANNED if name in files] if ocr is not None else []
    models: dict[str, Any] = {"embedder": eyes, "sentences": sentences, "ocr": ocr}
    with VisualMemory(**models) as memory, VisualMemory(**models) as other:
        fast = indexed(memory, [files[one] for one in sorted(wanted - set(SCANNED))])
        slow = indexed(other, scans) if scans else None
        for one in sorted(wanted & set(SCANNED)):
            memory.add(files[one])
        found = retrieval(memory, asked)
        reader = agent(eyes, memory)
        replies = [answered(eyes, reader, memory, one, files) for one in asked]
        false = [replied(reader.run(one.question), 0.0) for one in unanswerable]
    told = [said[AGENT] for said in replies]
    results: dict[str, Any] = {
        "model": eyes.name,
        "seed": seed,
        "documents": len(wanted),
        "retrieval": found,
        "answers": answer_rows(asked, replies),
        "checks": checks(told),
        "calibration": calibration(asked, told, false),
        "scans": accuracy(ocr, files, seed, scanned) if ocr is not None else [],
        "speed": _speed(fast, slow),
        "seconds": {
            "a question": round(statistics.median(said.seconds for said in told), 2),
            "in all": round(time.perf_counter() - start, 1),
        },
    }
    return {**results, "each": _each(asked, replies)} if each else results


def _speed(fast: dict[str, Any], slow: dict[str, Any] | None) -> list[dict[str, Any]]:
    rows = [("text", fast, TEXT_PAGES), *([("scanned", slow, SCANNED_PAGES)] if slow else [])]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        {"row": name, **told, "cores": cores, "target": target, "met": told["a second"] >= target}
        for name, told, target in rows
    ]


def _each(asked: Sequence[Asked], replies: Sequence[Mapping[str, Reply]]) -> list[dict[str, Any]]:
    """Return what was said to every question, and what of it is right."""
    return [
        {
            "question": one.question,
            "answer": one.answers[0],
            **{
                who: {
                    "said": reply.text,
                    "confidence": round(reply.confidence, 3),
                    "right": one.right(reply.text),
                    "box": any(cited.overlaps(one) for cited in reply.cited),
                }
                for who, reply in said.items()
            },
        }
        for one, said in zip(asked, replies, strict=True)
    ]
