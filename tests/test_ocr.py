"""OCR: scans of known pages are read, their words are where the file says they are, and nothing breaks it."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sightloop.errors import InputError, MissingExtraError
from sightloop.memory import Box, Still
from sightloop.memory.page_text import PageText
from sightloop.tools.ocr import Ocr, available
from sightloop.tools.ocr_accuracy import word_accuracy
from sightloop.tools.ocr_engine import Engine

pytest.importorskip("rapidocr", reason='needs the extra "ocr"')
pytest.importorskip("reportlab", reason="needs reportlab, which writes the pages")

import pypdfium2
from reportlab.pdfgen.canvas import Canvas

LINES = (
    ("Helvetica-Bold", 18, "Annual report of the harbour office"),
    ("Helvetica", 11, "The number of ships that entered the harbour rose by 4.7 percent to 12,318 during"),
    ("Helvetica", 11, "the year, while the average time at the quay fell from 31 to 28 hours. Most of the"),
    ("Times-Roman", 11, "growth came from container vessels, whose captains reported fewer delays than in"),
    ("Times-Roman", 11, "any year since 1998, although fog closed the northern entrance on 17 mornings."),
    ("Courier", 10, "model <- lm(hours ~ tonnage, data = ships, subset = year > 2010)"),
    ("Times-Italic", 12, "Figures for fishing boats are not included; see the appendix for their catch."),
)
SCALE = 2.0


class Scan:
    """A page written by reportlab, as pixels, and the box of each of its words that occurs once."""

    def __init__(self, path: Path) -> None:
        canvas = Canvas(str(path), pagesize=(612, 420))
        for number, (font, size, line) in enumerate(LINES):
            canvas.setFont(font, size)
            canvas.drawString(60, 350 - 30 * number, line)
        canvas.save()
        page = pypdfium2.PdfDocument(path)[0]
        self.pixels: NDArray[np.uint8] = np.asarray(page.render(scale=SCALE).to_pil().convert("RGB"))
        self.text = "\n".join(line for _, _, line in LINES)
        self.boxes = _boxes(page.get_textpage(), self.text, page.get_height())

    def still(self, angle: float = 0) -> Still:
        """The page turned anticlockwise by degrees."""
        image = Image.fromarray(self.pixels).rotate(
            angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255)
        )
        return Still.from_array(image)


def _boxes(layer: pypdfium2.PdfTextPage, text: str, height: float) -> dict[str, Box]:
    once = [word for word in text.split() if text.split().count(word) == 1]
    found = {}
    for word in once:
        start, count = layer.search(word, match_case=True, match_whole_word=True).get_next() or (0, 0)
        corners = np.array([layer.get_charbox(start + letter) for letter in range(count)])
        if count:
            left, bottom, right, top = (*corners.min(axis=0)[:2], *corners.max(axis=0)[2:])
            x0, y0, x1, y1 = (SCALE * float(v) for v in (left, height - top, right, height - bottom))
            found[word] = Box(x0=x0, y0=y0, x1=x1, y1=y1)
    return found


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return Scan(tmp_path_factory.mktemp("scan") / "page.pdf")


@pytest.fixture(scope="module")
def ocr() -> Ocr:
    return Ocr(threads=1)


@pytest.fixture(scope="module")
def upright(ocr: Ocr, scan: Scan) -> PageText:
    return ocr.read([scan.still()])[0]


def iou(one: Box, two: Box) -> float:
    wide = min(one.x1, two.x1) - max(one.x0, two.x0)
    high = min(one.y1, two.y1) - max(one.y0, two.y0)
    common = max(0.0, wide) * max(0.0, high)
    areas = [(box.x1 - box.x0) * (box.y1 - box.y0) for box in (one, two)]
    return common / (sum(areas) - common)


def middles(page: PageText) -> dict[str, tuple[float, float]]:
    """The middle of each word that the page has once."""
    texts = [word.text for word in page.words]
    return {
        word.text: ((word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2)
        for word in page.words
        if texts.count(word.text) == 1
    }


def test_a_scan_is_read_in_order(upright: PageText, scan: Scan) -> None:
    accuracy = word_accuracy(upright.text, scan.text)
    assert upright.read == "ocr"
    assert upright.notes == ()
    assert accuracy.ordered >= 0.97
    assert accuracy.exact >= 0.93


def test_words_are_where_the_text_layer_has_them(upright: PageText, scan: Scan) -> None:
    overlaps = [iou(word.box, scan.boxes[word.text]) for word in upright.words if word.text in scan.boxes]
    assert len(overlaps) > 40
    assert np.mean(overlaps) > 0.7
    sides = [
        max(abs(word.x0 - scan.boxes[word.text].x0), abs(word.x1 - scan.boxes[word.text].x1))
        for word in upright.words
        if word.text in scan.boxes
    ]
    assert np.quantile(sides, 0.95) < 4


def test_all_words_are_inside_and_in_blocks(upright: PageText) -> None:
    assert upright.size == (1224, 840)
    assert all(0 <= w.x0 < w.x1 <= 1224 and 0 <= w.y0 < w.y1 <= 840 for w in upright.words)
    assert all(0 < word.sure <= 1 for word in upright.words)
    covered = [number for block in upright.blocks for number in range(block.first, block.last)]
    assert covered == list(range(len(upright.words)))


@pytest.mark.parametrize("angle", [90, 180, 270, 3, -5, 87])
def test_a_page_turned_or_askew_is_read_with_boxes_where_it_lies(
    ocr: Ocr, upright: PageText, scan: Scan, angle: float
) -> None:
    still = scan.still(angle)
    page = ocr.read([still])[0]
    assert page.size == still.size
    assert len(page.notes) == 1
    assert "turned" in page.notes[0]
    assert word_accuracy(page.text, scan.text).ordered >= 0.95
    radians = np.radians(angle)
    turn = np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    there, distances = middles(page), []
    for text, middle in middles(upright).items():
        if text in there:
            expected = turn @ (np.array(middle) - np.array(upright.size) / 2) + np.array(page.size) / 2
            distances.append(float(np.linalg.norm(expected - there[text])))
    assert len(distances) > 40
    assert np.quantile(distances, 0.95) < 5


def test_a_still_is_read_the_same_in_a_batch_and_by_more_threads(
    ocr: Ocr, upright: PageText, scan: Scan
) -> None:
    blank = Still.from_array(np.full((300, 200, 3), 255, np.uint8))
    before = threading.active_count()
    pages = Ocr(threads=2).read([blank, scan.still(), blank])
    assert threading.active_count() == before
    assert pages[1] == upright
    assert ocr.read([]) == []


@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 700), (900, 3), (40, 40), (1600, 1200)], ids=lambda shape: "x".join(map(str, shape))
)
def test_what_has_no_text_has_no_words(ocr: Ocr, shape: tuple[int, int]) -> None:
    smooth = np.linspace(0, 255, shape[0] * shape[1]).reshape(shape).astype(np.uint8)
    for grey in (np.full(shape, 255, np.uint8), np.zeros(shape, np.uint8), smooth):
        page = ocr.read([Still.from_array(np.repeat(grey[..., None], 3, 2))])[0]
        assert (page.words, page.blocks, page.read) == ((), (), "ocr")


def test_a_screen_scrolled_far_is_read_to_its_end(ocr: Ocr, scan: Scan) -> None:
    line = scan.pixels[100:160, 60:760]  # the heading
    screen = np.concatenate([line, np.full((1400, 700, 3), 255, np.uint8)] * 3 + [line])
    page = ocr.read([Still.from_array(screen)])[0]
    assert page.text.splitlines() == [LINES[0][2]] * 4
    tops = [word.y0 for word in page.words if word.text == "Annual"]
    assert np.diff(tops) == pytest.approx([1460] * 3, abs=2)


def test_noise_is_no_text(ocr: Ocr, rng: np.random.Generator) -> None:
    noise = rng.integers(0, 256, (600, 500, 3), dtype=np.uint8)
    assert len(ocr.read([Still.from_array(noise)])[0].words) < 5


def test_palette_and_grey_pictures_are_read(ocr: Ocr, upright: PageText, scan: Scan) -> None:
    grey = Image.fromarray(scan.pixels).convert("L")
    for image in (grey, grey.quantize(4)):
        page = ocr.read([Still.from_array(image)])[0]
        assert word_accuracy(page.text, upright.text).found > 0.95


def test_a_still_that_fails_does_not_spoil_the_others(
    scan: Scan, upright: PageText, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = Engine.lines

    def lines(engine: Engine, pixels: NDArray[np.uint8]) -> object:
        if pixels.shape[0] == 64:
            raise InputError("the recogniser failed.")
        return find(engine, pixels)

    monkeypatch.setattr(Engine, "lines", lines)
    bad = Still.from_array(np.full((64, 64, 3), 255, np.uint8))
    pages = Ocr(threads=1).read([bad, scan.still()])
    assert (pages[0].read, pages[0].words) == ("none", ())
    assert "the recogniser failed" in pages[0].notes[0]
    assert pages[1] == upright


def test_nothing_is_fetched_and_nothing_is_said(
    scan: Scan, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("OCR went to the network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert Ocr(threads=1).read([scan.still()])[0].words
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("package", ["rapidocr", "onnxruntime"])
def test_without_the_extra_it_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert available()
    monkeypatch.setitem(sys.modules, package, None)
    assert not available()
    with pytest.raises(MissingExtraError, match=r"sightloop\[ocr\]"):
        Ocr().read([])
