"""The boxes of what a PDF draws lie where it is seen, however the page is turned, cut and shrunk."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pikepdf
import pytest
import reportlab
from fpdf import FPDF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from papers import shown
from reportlab.pdfgen.canvas import Canvas

from sightloop.memory import Size
from sightloop.memory.raw_page import RawPage
from sightloop.memory.sources.pdf_placing import LONGEST, Placing, page_size
from sightloop.memory.sources.pdf_reading import Pdfs

QUARTERS = st.sampled_from([0, 90, 180, 270])
FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("places")


def seen(path: Path) -> tuple[np.ndarray, RawPage]:
    """The box of what is dark on the only page, and what is drawn on it."""
    pixels, raw = Pdfs().page(str(path), None, 1)
    assert Size(pixels.shape[1], pixels.shape[0]) == raw.size
    dark = np.argwhere(pixels.min(axis=2) < 160)
    (y0, x0), (y1, x1) = dark.min(axis=0), dark.max(axis=0) + 1
    return np.array([x0, y0, x1, y1]), raw


def centred(path: Path, width: float, height: float, crop: list[float]) -> Canvas:
    """A page whose origin is the middle of what is shown of it."""
    canvas = Canvas(str(path), pagesize=(width, height))
    canvas.translate((crop[0] + crop[2]) / 2, (crop[1] + crop[3]) / 2)
    return canvas


@FEW
@given(
    letter=st.sampled_from("ABgjQx%35"),
    width=st.floats(150, 2500),
    ratio=st.floats(0.5, 2),
    cut=st.tuples(*(st.floats(0, 0.2),) * 4),
    rotate=QUARTERS,
    angle=st.sampled_from([0, 90, 180, 270, 33]),
    unit=st.sampled_from([None, 2.5]),
    within=st.booleans(),
    bold=st.booleans(),
)
def test_the_box_of_a_character_is_that_of_its_ink(
    folder: Path,
    letter: str,
    width: float,
    ratio: float,
    cut: tuple[float, float, float, float],
    rotate: int,
    angle: int,
    unit: float | None,
    within: bool,
    bold: bool,
) -> None:
    height = width * ratio
    crop = [width * cut[0], height * cut[1], width * (1 - cut[2]), height * (1 - cut[3])]
    shorter = min(crop[2] - crop[0], crop[3] - crop[1])
    size = shorter / 4
    path = folder / "letter.pdf"
    canvas = centred(path, width, height, crop)
    canvas.rotate(angle)
    if within:
        canvas.beginForm("form", -width, -height, width, height)
    canvas.setFont("Times-Bold" if bold else "Times-Roman", size)
    canvas.drawString(0, 0, letter)
    if within:
        canvas.endForm()
        canvas.scale(1.5, 1.5)
        canvas.doForm("form")
        size *= 1.5
    canvas.save()
    shown(path, rotate=rotate, crop=crop, user_unit=unit)

    ink, raw = seen(path)

    assert [chr(code) for code in raw.codes[raw.drawn]] == [letter]
    (box,) = raw.boxes[raw.drawn]
    assert (box[:2] <= ink[:2] + 1.5).all()
    assert (box[2:] >= ink[2:] - 1.5).all()
    if angle % 90 == 0:
        assert np.abs(box - ink).max() < 2.5
    scale = max(raw.size) / max(crop[2] - crop[0], crop[3] - crop[1])
    assert raw.sizes[raw.drawn] == pytest.approx(size * scale, rel=0.02)
    turned = (raw.angles[raw.drawn][0] - (rotate - angle)) % 360
    assert min(turned, 360 - turned) < 1
    assert raw.bold[raw.drawn].all() == bold
    assert not raw.unmapped.any()


@FEW
@given(
    width=st.floats(150, 2500),
    ratio=st.floats(0.5, 2),
    cut=st.tuples(*(st.floats(0, 0.2),) * 4),
    rotate=QUARTERS,
    what=st.sampled_from(["line", "rule", "frame", "curve", "picture", "inside a form"]),
)
def test_the_box_of_a_drawing_is_that_of_its_ink(
    folder: Path, width: float, ratio: float, cut: tuple[float, float, float, float], rotate: int, what: str
) -> None:
    height = width * ratio
    crop = [width * cut[0], height * cut[1], width * (1 - cut[2]), height * (1 - cut[3])]
    shorter = min(crop[2] - crop[0], crop[3] - crop[1])
    unit = shorter / 30
    pixel = max(crop[2] - crop[0], crop[3] - crop[1], LONGEST / 2) / LONGEST
    path = folder / "drawing.pdf"
    canvas = centred(path, width, height, crop)
    canvas.setLineWidth(2 * pixel)
    if what == "line":
        canvas.line(-10 * unit, 0, 8 * unit, 0)
    elif what == "rule":
        canvas.rect(-10 * unit, 0, 18 * unit, 2 * pixel, stroke=0, fill=1)
    elif what == "frame":
        canvas.rect(-10 * unit, -3 * unit, 18 * unit, 7 * unit)
    elif what == "curve":
        canvas.bezier(-10 * unit, 0, -5 * unit, 8 * unit, 0, -8 * unit, 8 * unit, 0)
    elif what == "picture":
        canvas.drawInlineImage(_black(), -10 * unit, -3 * unit, 18 * unit, 7 * unit)
    else:
        canvas.beginForm("form", -width, -height, width, height)
        canvas.setLineWidth(pixel)
        canvas.line(-5 * unit, 0, 4 * unit, 0)
        canvas.endForm()
        canvas.scale(2, 3)
        canvas.doForm("form")
    canvas.save()
    shown(path, rotate=rotate, crop=crop)

    ink, raw = seen(path)

    kinds = {"curve": raw.drawings, "picture": raw.pictures}
    boxes = kinds.get(what, raw.rulings)
    assert len(boxes) == (4 if what == "frame" else 1)
    assert len(raw.rulings) + len(raw.drawings) + len(raw.pictures) == len(boxes)
    found = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    assert (found[:2] <= ink[:2] + 2.5).all()
    assert (found[2:] >= ink[2:] - 2.5).all()
    if what != "curve":  # whose box is that of its control points
        assert np.abs(found - ink).max() < 2.5


def _black() -> object:
    from PIL import Image

    return Image.new("RGB", (8, 8))


@given(width=st.floats(0.01, 1e7), height=st.floats(0.01, 1e7))
def test_a_page_is_never_larger_than_the_limit(width: float, height: float) -> None:
    size = page_size(width, height)
    assert 1 <= min(size) <= max(size) <= LONGEST
    if max(width, height) * 2 <= LONGEST:
        assert size == (max(1, round(width * 2)), max(1, round(height * 2)))


@given(
    first=st.tuples(*(st.floats(-3, 3),) * 6),
    second=st.tuples(*(st.floats(-3, 3),) * 6),
    x=st.floats(-9, 9),
    y=st.floats(-9, 9),
)
def test_placings_are_applied_one_after_the_other(
    first: tuple[float, ...], second: tuple[float, ...], x: float, y: float
) -> None:
    point = np.array([x, y])
    both = Placing(*second).after(Placing(*first))
    assert both.points(point) == pytest.approx(Placing(*second).points(Placing(*first).points(point)))
    assert math.isfinite(both.a)


def test_what_leaves_no_mark_is_not_drawn(folder: Path) -> None:
    path = folder / "unseen.pdf"
    canvas = Canvas(str(path), pagesize=(300, 300))
    canvas.setFillColorRGB(1, 1, 1)
    canvas.rect(0, 0, 300, 300, stroke=0, fill=1)
    canvas.setStrokeColorRGB(0, 0, 0)
    canvas.line(500, 500, 600, 500)
    canvas.save()
    raw = Pdfs().raw(str(path), None, 1)
    assert (len(raw.rulings), len(raw.drawings), len(raw.pictures)) == (0, 0, 0)


def test_letters_beyond_the_first_plane_are_whole(folder: Path) -> None:
    path = folder / "planes.pdf"
    writer = FPDF()
    writer.add_page()
    writer.add_font("vera", fname=Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")
    writer.set_font("vera", size=30)
    writer.cell(text="aQbWz")
    writer.output(str(path))
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        (font,) = document.pages[0].Resources.Font.values()
        told = font.ToUnicode.read_bytes().replace(b"<0051>", b"<D835DC00>").replace(b"<0057>", b"<DC00>")
        font.ToUnicode = document.make_stream(told)
        document.save(path)
    raw = Pdfs().raw(str(path), None, 1)
    assert "".join(map(chr, raw.codes)) == "a\U0001d400b\ufffdz"
    assert len(raw.boxes) == 5


def test_characters_that_are_cut_away_are_left_out(folder: Path) -> None:
    path = folder / "cut.pdf"
    canvas = Canvas(str(path), pagesize=(300, 300))
    canvas.drawString(20, 20, "secret")
    canvas.drawString(150, 150, "seen")
    canvas.save()
    shown(path, crop=[100, 100, 300, 300])
    raw = Pdfs().raw(str(path), None, 1)
    assert "".join(map(chr, raw.codes)).split() == ["seen"]
    assert len(raw.codes) == len(raw.boxes) == len(raw.sizes) == len(raw.drawn)
