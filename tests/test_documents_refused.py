"""Documents that are damaged, hostile or none: a typed error, and the rest goes on."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pikepdf
import pytest
import reportlab
from fpdf import FPDF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from papers import pdf, scan

from sightloop.errors import InputError
from sightloop.memory.sources import page_process, pdf_glyphs, pdf_placing
from sightloop.memory.sources import pdf as pdf_source
from sightloop.memory.sources.documents import Document, ReadPage
from sightloop.memory.sources.pdf_reading import Pdfs


def error_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        Document(path)
    assert caught.value.input == str(path)
    assert str(path) in caught.value.message
    return caught.value.message


def test_what_is_no_document(tmp_path: Path) -> None:
    path = tmp_path / "claims.pdf"
    path.write_text("I am a PDF, honest.")
    assert "does not begin like one" in error_of(path)
    path.write_bytes(b"%PDF-1.7\n" + random.Random(0).randbytes(5000))
    assert "is damaged, has no pages, or is no PDF" in error_of(path)
    path.write_bytes(b"")
    assert "0 bytes" in error_of(path)
    other = tmp_path / "notes.txt"
    other.write_text("words")
    assert "is no document that is read" in error_of(other)
    assert "does not exist. Did you mean claims.pdf?" in error_of(tmp_path / "claim.pdf")
    assert "is a folder" in error_of(tmp_path)
    os.mkfifo(tmp_path / "pipe.pdf")
    assert "is a pipe" in error_of(tmp_path / "pipe.pdf")
    with pytest.raises(InputError, match="web address"):
        Document("https://example.invalid/report.pdf")


def test_no_pages_and_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "none.pdf"
    empty = pikepdf.new()
    empty.save(path)
    assert "has no pages" in error_of(path)
    pdf(path, *"abc")
    monkeypatch.setattr(pdf_source, "MAX_PAGES", 2)
    assert "has 3 pages, more than 2: split it" in error_of(path)
    monkeypatch.setattr(pdf_source, "MAX_BYTES", 100)
    assert "more than the limit" in error_of(path)


def test_a_file_without_pages_is_not_taken_for_a_locked_one_that_came_before(tmp_path: Path) -> None:
    locked, none = tmp_path / "locked.pdf", tmp_path / "none.pdf"
    pikepdf.new().save(none)
    with pikepdf.open(pdf(tmp_path / "open.pdf", "words")) as document:
        document.save(locked, encryption=pikepdf.Encryption(user="u", owner="o"))
    for _ in range(2):
        assert "protected by a password" in error_of(locked)
        assert "has no pages" in error_of(none)


def test_a_page_of_two_hundred_inches(tmp_path: Path) -> None:
    path = pdf(tmp_path / "poster.pdf", "Large words", size=(14400, 14400), font=400)
    page = Document(path).page(1)
    assert page.still.size == (pdf_placing.LONGEST,) * 2
    assert page.text.text == "Large words"


@pytest.mark.parametrize(
    "box", [[0, 0, 0, 0], [0, 0, 1e9, 1e-3], [0, 0, 1e38, 1e38], [5, 5, -5, -9], ["x"] * 4]
)
def test_pages_of_impossible_sizes(tmp_path: Path, box: list[float]) -> None:
    path = pdf(tmp_path / "sizes.pdf", "one", "two", "three")
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        document.pages[1].obj.MediaBox = box
        document.save(path)
    first, second, third = Document(path).read([1, 2, 3])
    assert [page.text.text for page in (first, third) if isinstance(page, ReadPage)] == ["one", "three"]
    if isinstance(second, ReadPage):
        assert 1 <= min(second.still.size) <= max(second.still.size) <= pdf_placing.LONGEST


def test_five_thousand_pages_are_there(tmp_path: Path) -> None:
    document = Document(pdf(tmp_path / "long.pdf", *["the same words"] * 5000))
    assert document.pages == 5000
    assert [page.text.text for page in document.read([5000, 1]) if isinstance(page, ReadPage)] == [
        "the same words"
    ] * 2


def test_a_page_that_refers_to_itself(tmp_path: Path) -> None:
    path = pdf(tmp_path / "loop.pdf", "before", "around", "after")
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        form = document.make_stream(b"/F Do", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
        form.BBox = [0, 0, 600, 600]
        form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=form))
        document.pages[1].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=form))
        document.pages[1].Contents = document.make_stream(b"/F Do")
        document.save(path)
    pages = list(Document(path).read([1, 2, 3]))
    assert [page.text.text for page in pages if isinstance(page, ReadPage)] == ["before", "", "after"]


def test_what_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = pdf(tmp_path / "cut.pdf", *(f"number {n}" for n in range(30)))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"xref")])
    document = Document(path)
    assert document.notes == ("its end is missing, so it may have had more pages",)
    assert document.page(30).text.text == "number 29"
    path.write_bytes(whole[:700])
    assert "cannot be read" in error_of(path)


def test_a_font_without_a_unicode_map_costs_the_words_only(tmp_path: Path) -> None:
    path = tmp_path / "fonts.pdf"
    writer = FPDF()
    writer.add_page()
    writer.add_font("vera", fname=Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")
    writer.set_font("vera", size=20)
    writer.cell(text="Words")
    writer.output(str(path))
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        (font,) = document.pages[0].Resources.Font.values()
        del font["/ToUnicode"]
        document.save(path)
    raw = Pdfs().raw(str(path), None, 1)
    assert raw.unmapped.all()
    page = Document(path).page(1)
    assert page.still.pixels.min() < 50
    assert page.text.read == "none"


def test_a_scan_has_no_words(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    scan((1700, 2200), "not read here", "L").save(path, resolution=200)
    page = Document(path).page(1)
    assert (page.text.read, page.text.words, page.text.size) == ("none", (), page.still.size)
    assert page.still.pixels.min() < 50


def test_more_characters_than_any_page_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pdf(tmp_path / "many.pdf", "abcdefghij")
    monkeypatch.setattr(pdf_glyphs, "MAX_CHARACTERS", 4)
    assert "".join(map(chr, Pdfs().raw(str(path), None, 1).codes)) == "abcd"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = pdf(tmp_path_factory.mktemp("whole") / "whole.pdf", "some words\nand more", "other words")
    return path.read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_damaged_is_a_page_or_an_error(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    how = data.draw(st.sampled_from(["cut", "bytes", "numbers", "hole"]))
    where = data.draw(st.integers(0, len(whole) - 1))
    if how == "cut":
        del damaged[where:]
    elif how == "hole":
        del damaged[where : where + data.draw(st.integers(1, 400))]
    elif how == "bytes":
        new = data.draw(st.binary(min_size=1, max_size=40))
        damaged[where : where + len(new)] = new
    else:
        found = list(re.finditer(rb"\d+", whole))
        number = found[data.draw(st.integers(0, len(found) - 1))]
        new = data.draw(st.sampled_from([b"0", b"-1", b"2147483647", b"4294967296", b"99999999999999999999"]))
        damaged[number.start() : number.end()] = new
    path = tmp_path / "damaged.pdf"
    path.write_bytes(damaged)
    try:
        document = Document(path)
        pages = list(document.read(range(1, min(document.pages, 3) + 1)))
    except InputError as error:
        assert "crashed" not in error.message
        return
    assert len(pages) == min(document.pages, 3)
    assert not any(isinstance(page, InputError) and "crashed" in page.message for page in pages)


@pytest.fixture
def bomb(tmp_path: Path) -> Path:
    """Three pages, of which the second takes for ever: each of its forms draws the one before ten times."""
    path = pdf(tmp_path / "bomb.pdf", "before", "the bomb", "after")
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        form = document.make_stream(b"0 0 1 1 re f")
        for _ in range(9):
            form.Type, form.Subtype, form.BBox = pikepdf.Name.XObject, pikepdf.Name.Form, [0, 0, 600, 600]
            resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=form))
            form = document.make_stream(b"/F Do " * 10, Resources=resources)
        document.pages[1].Resources = resources
        document.pages[1].Contents = document.make_stream(b"/F Do")
        document.save(path)
    return path


def test_what_takes_too_long_costs_its_page(bomb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document(bomb)
    monkeypatch.setattr(page_process, "PAGE_SECONDS", 4.0)
    before, slow, after = document.read([1, 2, 3])
    assert isinstance(slow, InputError)
    assert slow.message == f"page 2 of {bomb} cannot be read: it took longer than 4 s."
    assert [page.text.text for page in (before, after) if isinstance(page, ReadPage)] == ["before", "after"]


def test_a_document_of_such_pages_is_given_up(bomb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document(bomb)
    monkeypatch.setattr(page_process, "PAGE_SECONDS", 2.0)
    monkeypatch.setattr(pdf_source, "LOST", 1)
    pages = list(document.read([2, 2, 2, 2, 2, 2, 3]))
    assert [isinstance(page, InputError) for page in pages] == [True] * 7
    assert {page.message.split(": ")[1] for page in pages[1:] if isinstance(page, InputError)} == {
        "1 before it took too long or crashed PDFium."
    }
