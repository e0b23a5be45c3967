"""Report: a result as one page that needs nothing else, with its pictures, boxes, steps, verdicts and cost.

The page asks the network for nothing and runs no script but its own: its content security policy forbids
both. What answers and file names say is text on it, whatever they contain. The result itself lies in the page
as JSON, so that a page can be read back.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from pydantic import ValidationError

from ..agent.result import Result
from ..agent.steps import CallStep, ObservationStep, Picture, PlanStep, Verdict
from ..errors import InputError
from ..memory import Box, Evidence, Still
from ..memory.still import MEMORY, Frame, Origin, Page, Point, Region, Span, View
from ..tools.differences import Comparison, Difference
from ..tools.moments import clock, during
from .report_marks import Mark, Zoom, marks_on, zoomed
from .report_pages import papers
from .report_pictures import Album, Shown
from .report_scene import interval, packed, places, reading
from .report_timeline import tracks

FOLDER = Path(__file__).parent
"""Where the page's template, style and script lie."""
RESULT_ID = "result"
"""Of the element of a page that holds the result as JSON."""
WORST: tuple[Verdict, ...] = ("rejected", "unverified", "confirmed")
"""Verdicts, the one that decides over others first."""
SCRIPT_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""What could end a script, or a line of one; JSON reads them the same."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its boxes, and the part of its still that it shows, where it is a crop."""

    name: str
    source: str
    shown: Shown
    marks: tuple[Mark, ...] = ()
    part: Box | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One difference, with what checking it said; ``checked`` is None where it is no evidence."""

    number: int
    one: Difference
    verdict: Verdict
    checked: float | None
    before: Zoom | None
    after: Zoom | None


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison; ``laid`` is the SVG transform that brings ``after`` over ``before``, if any."""

    comparison: Comparison
    before: Figure
    after: Figure
    rows: tuple[Row, ...]
    whole: tuple[Evidence, ...]
    laid: str | None


@dataclass(frozen=True, slots=True)
class Proof:
    """A still with the evidence on it, numbered from 1."""

    figure: Figure
    evidence: tuple[Evidence, ...]


def report(result: Result) -> str:
    """Return a result as an HTML page that stands alone.

    Parameters
    ----------
    result : Result
        With its pictures at hand, in its folder or in their files; of the others the page says why they are
        missing.

    Returns
    -------
    str
        It shows, and holds as JSON, all that the result says: also the paths of the pictures' files. Its
        pictures are at most 1600 pixels wide and high, and take at most 32 MiB all together; previews of
        videos' keyframes take 5 MiB more, clips of what is cited of them 8 MiB, scenes' points 3 MiB, and
        cited pages of documents 16 MiB.
    """
    album, left, pictures = Album(result), list(result.evidence), result.pictures
    pairs = [_pair(pictures, album, comparison, left) for comparison in result.comparisons]
    documents = papers(result, album, left)
    left = [item for item in left if not isinstance(item.still.origin, Page)]
    proofs = _proofs(pictures, album, left)
    seen = {figure.shown.id for pair in pairs for figure in (pair.before, pair.after)}
    seen |= {proof.figure.shown.id for proof in proofs}
    paged = {ref for paper in documents for ref in paper.refs}
    plain = [picture for picture in pictures if picture.region is not None or picture.still not in paged]
    others = [figure for picture in plain if (figure := _figure(album, picture)).shown.id not in seen]
    timelines, left_out = tracks(result, album)
    given = {p.name for step in result.steps if isinstance(step, PlanStep) for p in step.pictures}
    scenes = places(result, album)
    names = ["report", *(["report_scene_drawing", "report_scene"] if scenes else [])]
    names += ["report_pages"] if documents else []
    style, script = (
        "".join(_text(f"{name}.{kind}") for name in names if (FOLDER / f"{name}.{kind}").is_file())
        for kind in ("css", "js")
    )
    return _template().render(
        result=result,
        verdict=worst(item.verdict for item in result.evidence),
        pairs=pairs,
        scenes=scenes,
        documents=documents,
        quoted=all(isinstance(item.still.origin, Page) for item in result.evidence),
        tracks=timelines,
        left_out=left_out,
        proofs=proofs,
        given=[figure for figure in others if figure.name in given],
        made=[figure for figure in others if figure.name not in given],
        wall=max((step.started + step.seconds for step in result.steps), default=0.0),
        longest=max((step.seconds for step in result.steps), default=0.0) or 1.0,
        brain_tokens=sum(step.brain_tokens for step in result.steps if isinstance(step, CallStep)),
        embedded=album.embedded(),
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        json=result.model_dump_json().translate(SCRIPT_ESCAPES),
        result_id=RESULT_ID,
    )


def write_report(result: Result, path: str | Path) -> Path:
    """Write :func:`report` to a file, and return its path.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    page, target = report(result), Path(path)
    try:
        target.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(
            f"the report cannot be written to {path}: {error.strerror}.", input=str(path)
        ) from error
    return target


def read_report(path: str | Path) -> Result:
    """Return the result that a page of :func:`write_report` holds.

    Its pictures are read from their files again: those of the page are shrunk.

    Raises
    ------
    InputError
        If the file cannot be read, or is no report.
    """
    try:
        page = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.", input=str(path)) from error
    reader = _Reader()
    reader.feed(page)
    if not reader.text:
        raise InputError(f"{path} is no report of sightloop: it holds no result.", input=str(path))
    try:
        return Result.model_validate_json("".join(reader.text))
    except ValidationError as error:
        raise InputError(f"{path} holds no result that can be read: {error}", input=str(path)) from error


class _Reader(HTMLParser):
    """Finds the JSON in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and ("id", RESULT_ID) in attrs

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text.append(data)


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the verdict that decides over the others; None of none."""
    return min(verdicts, key=WORST.index, default=None)


# --- what the page shows ------------------------------------------------------------------------------


def _figure(album: Album, picture: Picture, boxes: Sequence[tuple[int, str, Box | None]] = ()) -> Figure:
    shown = album.show(picture.still, picture.region)
    source = source_of(picture.still.origin)
    return Figure(picture.name, source, shown, marks_on(shown.size, boxes), picture.region)


def _pair(pictures: Sequence[Picture], album: Album, comparison: Comparison, left: list[Evidence]) -> Pair:
    """Show a comparison, and take what is evidence of it out of ``left``."""
    found = list(enumerate(comparison.differences, start=1))
    one, two = pictures[comparison.before - 1], pictures[comparison.after - 1]
    before = _figure(album, one, [(number, each.kind, each.before) for number, each in found])
    after = _figure(album, two, [(number, each.kind, each.after) for number, each in found])
    rows = []
    for number, each in found:
        sides = [(one, each.before), (two, each.after)]
        evidence = [item for picture, box in sides if box for item in _taken(left, picture, box, each.words)]
        rows.append(
            Row(
                number,
                each,
                worst(item.verdict for item in evidence) or "unverified",
                min((item.confidence for item in evidence), default=None),
                zoomed(each.before, before.shown.size) if each.before else None,
                zoomed(each.after, after.shown.size) if each.after else None,
            )
        )
    whole = () if found else _taken(left, two, None, comparison.words)
    still, other = album.still(before.shown), album.still(after.shown)
    laid = _laid(still, other) if comparison.same_scene and still and other else None
    return Pair(comparison, before, after, tuple(rows), tuple(whole), laid)


def _taken(left: list[Evidence], picture: Picture, box: Box | None, words: str) -> list[Evidence]:
    """Take the evidence that a picture's box shows these words out of ``left``."""
    region = picture.region
    if region is not None and box is not None:
        region = box.shifted(region.x0, region.y0)
    wanted = (picture.still, region or box, words)
    taken = [item for item in left if (item.still, item.region, item.claim) == wanted][:1]
    for item in taken:
        left.remove(item)
    return taken


def _laid(before: Still, after: Still) -> str:
    """Return the SVG transform from pixels of ``after`` to those of ``before``, the nearest affine one."""
    from ..tools.align import align  # loads OpenCV

    aligned = align(before, after)
    height, width = aligned.valid.shape
    grid = np.array([[x, y, 1.0] for x in (0, width / 2, width) for y in (0, height / 2, height)]).T
    places = [matrix @ grid for matrix in (aligned.to_before, aligned.to_after)]
    target, source = (place / place[2] for place in places)
    affine = np.linalg.lstsq(source.T, target[:2].T, rcond=None)[0]
    return f"matrix({' '.join(f'{number:.6g}' for number in affine.ravel())})"


def _proofs(pictures: Sequence[Picture], album: Album, evidence: Sequence[Evidence]) -> list[Proof]:
    """Show every still that other evidence is on, once, in the order of the evidence."""
    names = {picture.still: picture.name for picture in reversed(pictures) if picture.region is None}
    proofs = []
    for ref in {item.still: None for item in evidence}:
        items = tuple(item for item in evidence if item.still == ref)
        boxes = [
            (number, item.verdict, item.region if isinstance(item.region, Box) else None)
            for number, item in enumerate(items, start=1)
        ]
        picture = Picture(name=names.get(ref, "picture"), still=ref)
        proofs.append(Proof(_figure(album, picture, boxes), items))
    return proofs


def source_of(origin: Origin) -> str:
    """Return where a still came from, in words."""
    name = "pixels in memory" if origin.source.startswith(MEMORY) else origin.source
    match origin:
        case Frame():
            return f"{name}, frame {origin.index} at {clock(origin.t)}"
        case Page():
            return f"{name}, page {origin.number}"
        case View():
            return f"{name}, camera {origin.camera}"
    return name


def where(region: Region | None) -> str:
    """Return the part that a claim is about, in words."""
    match region:
        case Box():
            return f"{region.x0:.0f}, {region.y0:.0f} to {region.x1:.0f}, {region.y1:.0f}"
        case Span():
            return during(region)
        case Point():
            place = f"{region.x:.2f}, {region.y:.2f}, {region.z:.2f} m"
            return f"at {place}, give or take {region.sigma:.2f} m"
    return "all of it"


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        where=where, source=source_of, percent=_percent, arguments=_arguments, clock=clock, during=during
    )
    environment.filters.update(interval=interval, reading=reading, drawing=packed)
    environment.tests["observation"] = lambda step: isinstance(step, ObservationStep)
    return environment.get_template("report.html.jinja")


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _arguments(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
