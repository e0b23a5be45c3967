"""Pages of reports as elements, and results made by hand to write them of."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest
import skimage.data
from PIL import Image

from sightloop import Box, Evidence, Still
from sightloop.agent.result import Result
from sightloop.agent.steps import (
    AnswerStep,
    Call,
    CallStep,
    ObservationStep,
    Picture,
    PlanStep,
    VerifyStep,
)
from sightloop.tools.differences import Comparison, Difference
from sightloop.tools.llava_next.answers import Usage
from sightloop.tools.small_looks import Part

VOID = {"meta", "link", "input", "br", "img"}


class Element:
    def __init__(self, tag: str, attrs: dict[str, str], parent: Element | None) -> None:
        self.tag, self.attrs, self.parent = tag, attrs, parent
        self.children: list[Element] = []
        self.own: list[str] = []

    @property
    def text(self) -> str:
        """All text inside, in order, with runs of space as one."""
        return " ".join("".join(self.own).split())

    def has(self, *names: str) -> bool:
        return set(names) <= set(self.attrs.get("class", "").split())

    def all(self, tag: str = "", *classes: str, **attrs: str) -> list[Element]:
        found = []
        for child in self.children:
            same = all(child.attrs.get(name.replace("_", "-")) == value for name, value in attrs.items())
            if tag in ("", child.tag) and child.has(*classes) and same:
                found.append(child)
            found += child.all(tag, *classes, **attrs)
        return found


class Tree(HTMLParser):
    """A page as elements; one that is not closed, or closed twice, is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = self.at = Element("", {}, None)
        self.feed(page)
        self.close()
        assert self.at is self.root, f"<{self.at.tag}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"</{tag}> closes <{self.at.tag}>"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        element: Element | None = self.at
        while element is not None:
            element.own.append(data)
            element = element.parent


def box(x0: float, y0: float, x1: float, y1: float) -> Box:
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


def resulting(
    stills: Sequence[Still],
    comparisons: Sequence[Comparison] = (),
    evidence: Sequence[Evidence] = (),
    made: Sequence[Still] = (),
    words: str = "a square was added",
    ended: str = "answered",
) -> Result:
    """A result with a step of every kind, of pictures that are at hand."""
    named = [
        Picture(name=f"image {number}", still=still.ref, region=still.region)
        for number, still in enumerate([*stills, *made], start=1)
    ]
    cost = Usage(visual_tokens=1200, text_tokens=90, new_tokens=7, stills=2, stills_reused=1, seconds=0.5)
    free = Usage()
    steps = (
        PlanStep(
            started=0,
            seconds=0.25,
            usage=free,
            summary="planned",
            question="What changed?",
            stills=len(stills),
            visual_tokens=1200,
            pictures=tuple(named[: len(stills)]),
            skipped=("gone.png does not exist",),
        ),
        CallStep(
            started=0.25,
            seconds=0.01,
            usage=free,
            summary="calls compare",
            thought=f"I think {words}",
            calls=(Call(id="1", tool="compare", arguments={"images": [words]}),),
            brain_tokens=41,
        ),
        ObservationStep(
            started=0.26,
            seconds=1.5,
            usage=cost,
            summary=f"compare: {words}",
            notes=(f"note: {words}",),
            call="1",
            tool="compare",
            text=words,
            answer=words,
            confidence=0.75,
            comparisons=tuple(comparisons),
            parts=(Part(1, "Is there a square?", words, 0.625),),
            pictures=tuple(named[len(stills) :]),
            per_still=("one look", "another look"),
        ),
        VerifyStep(
            started=1.76,
            seconds=0.5,
            usage=free,
            summary="checked",
            claim=words,
            verdict="confirmed",
            confidence=0.9,
        ),
        AnswerStep(
            started=2.26,
            seconds=0,
            usage=free,
            summary="done",
            answer=words,
            confidence=0.75,
            stopped_because=ended,
        ),
    )
    return Result(
        question="What changed?",
        answer=words,
        confidence=0.75,
        evidence=tuple(evidence),
        comparisons=tuple(comparisons),
        steps=steps,
        usage=cost,
        model="pocket",
        stopped_because=ended,
    ).with_stills([*stills, *made])


def tree(page: str) -> Element:
    return Tree(page).root


def opened_url(url: str) -> Image.Image:
    kind, _, data = url.partition(";base64,")
    assert kind in ("data:image/jpeg", "data:image/png")
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


def frames_of(url: str) -> list[tuple[float, np.ndarray]]:
    """The frames of a clip with their times."""
    kind, _, data = url.partition(";base64,")
    assert kind == "data:video/webm"
    with av.open(io.BytesIO(base64.b64decode(data, validate=True))) as file:
        assert file.streams.video[0].codec_context.name in ("vp8", "vp9", "libvpx", "libvpx-vp9")
        assert not file.streams.audio
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]


def shown_at(frames: Sequence[tuple[float, np.ndarray]], seconds: float) -> np.ndarray:
    """What a player shows that seeks to ``seconds`` and as far behind it as the page's script does."""
    return [pixels for t, pixels in frames if t <= seconds + 0.001][-1]


def places(marks: Sequence[Element]) -> dict[tuple[str, str], list[float]]:
    """Left, top, width and height in percent, by number and kind."""
    found = {}
    for mark in marks:
        (kind,) = set(mark.attrs["class"].split()) - {"mark"}
        style = dict(part.split(": ") for part in mark.attrs["style"].split("; "))
        shares = [float(style[name].removesuffix("%")) for name in ("left", "top", "width", "height")]
        found[mark.attrs["data-mark"], kind] = shares
    return found


def two_stills() -> list[Still]:
    """A photo, and a part of it with a green square."""
    photo = np.asarray(skimage.data.coffee())
    after = photo[8:392, 10:590].copy()
    after[300:350, 470:530] = (20, 160, 60)
    return [Still.from_array(photo), Still.from_array(after)]


def of_two(pair: list[Still]) -> Result:
    """A result that tells two differences, with evidence of each side."""
    found = (
        Difference(
            kind="added",
            before=None,
            after=box(470, 300, 530, 350),
            words="a square was added",
            probability=0.95,
        ),
        Difference(
            kind="text changed",
            before=box(60, 40, 180, 100),
            after=box(50, 32, 170, 92),
            words="the text changed",
            probability=0.5,
        ),
    )
    sides = [(1, found[0], found[0].after), (0, found[1], found[1].before), (1, found[1], found[1].after)]
    verdicts = ["confirmed", "rejected", "unverified"]
    evidence = [
        Evidence.of(pair[side], one.words, one.probability, where).model_copy(update={"verdict": verdict})
        for (side, one, where), verdict in zip(sides, verdicts, strict=True)
    ]
    one = Comparison(before=1, after=2, same_scene=True, differences=found, correlation=0.97)
    return resulting(pair, [one], evidence)


def shown_by_chromium(page: str, folder: Path, size: str, at: str = "") -> Element:
    """The page as the browser has it once its script has run, opened at the element with the id ``at``."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no Chromium here")
    (folder / "page.html").write_text(page, encoding="utf-8")
    done = subprocess.run(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={size}",
            "--virtual-time-budget=2000",
            "--dump-dom",
            (folder / "page.html").as_uri() + (f"#{at}" if at else ""),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return tree(re.sub("<(path|use|rect|image)([^>]*)></\\1>", r"<\1\2/>", done.stdout))
