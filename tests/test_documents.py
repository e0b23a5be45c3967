"""Documents: what a page looks like, what it says, and that it can be reopened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pikepdf
import pytest
from fpdf import FPDF
from papers import locked, pdf, scan, shown, tiff
from reportlab.pdfgen.canvas import Canvas

from sightloop.errors import EvidenceError, InputError
from sightloop.memory import Box, Evidence, Page, Size
from sightloop.memory.sources.documents import (
    Document,
    ReadPage,
    closer,
    is_document,
    read_page,
    read_page_text,
    unlock,
)

STORY = "The heading\n\nA first line of words\nand a second one."


def read(page: ReadPage | InputError) -> ReadPage:
    assert isinstance(page, ReadPage)
    return page


def test_a_page_is_a_still_and_its_words(tmp_path: Path) -> None:
    path = pdf(tmp_path / "story.pdf", STORY, "Another page")
    with Document(path) as document:
        assert (document.pages, document.title, document.notes) == (2, "story", ())
        first, second = (read(page) for page in document.read([1, 2]))

    assert first.still.origin == Page(source=str(path), number=1)
    assert first.still.size == first.text.size == Size(1224, 1584)
    assert not first.still.pixels.flags.writeable
    assert first.text.read == "layer"
    assert first.text.text.split() == STORY.split()
    assert second.text.text == "Another page"
    (word,) = [word for word in first.text.words if word.text == "heading"]
    ink = first.still.crop(word.box).pixels
    assert ink.min() < 100
    around = Box(x0=word.x0 - 3, y0=word.y0 - 3, x1=word.x1 + 3, y1=word.y1 + 3)
    assert first.still.crop(around).pixels[[0, -1]].min() > 200


def test_pages_come_in_the_order_asked_for_and_a_bad_number_costs_only_its_place(tmp_path: Path) -> None:
    path = pdf(tmp_path / "five.pdf", *(f"number {n}" for n in range(1, 6)))
    asked = [5, 0, 1, 6, 3, 3, 2, 4]
    told = [
        page.message if isinstance(page, InputError) else page.text.words[-1].text
        for page in Document(path).read(asked)
    ]
    none = f"{path} has 5 pages, so no page"
    assert told == ["5", f"{none} 0.", "1", f"{none} 6.", "3", "3", "2", "4"]


def test_several_documents_are_read_at_once_and_left_unfinished(tmp_path: Path) -> None:
    first = Document(pdf(tmp_path / "a.pdf", *(f"alpha {n}" for n in range(9))))
    second = Document(pdf(tmp_path / "b.pdf", *(f"beta {n}" for n in range(9))))
    pages = zip(first.read(range(1, 10)), second.read(range(1, 10)), strict=True)
    both = [(read(a).text.text, read(b).text.text) for a, b in (next(pages) for _ in range(4))]
    assert both == [(f"alpha {n}", f"beta {n}") for n in range(4)]
    assert second.page(9).text.text == "beta 8"
    pages = zip(first.read(range(1, 10)), second.read(range(1, 10)), strict=True)
    assert read(next(pages)[1]).text.text == "beta 0"


def test_evidence_is_reopened(tmp_path: Path) -> None:
    path = pdf(tmp_path / "story.pdf", "one", STORY)
    page = Document(path).page(2)
    word = page.text.words[0]
    evidence = Evidence.of(page.still, "it has a heading", 0.9, word.box)

    assert evidence.reopen() == page.still.crop(word.box)
    assert read_page(path, 2) == page.still
    assert read_page_text(path, 2) == page.text

    pdf(path, "one", "other words")
    with pytest.raises(EvidenceError, match="other pixels"):
        evidence.reopen()
    path.unlink()
    with pytest.raises(EvidenceError, match="does not exist"):
        evidence.reopen()


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_part_is_rendered_larger(tmp_path: Path, rotate: int) -> None:
    path = shown(pdf(tmp_path / "story.pdf", STORY), rotate=rotate, crop=[50, 60, 500, 780])
    page = Document(path).page(1)
    word = next(word for word in page.text.words if "heading" in word.text)

    part = closer(path, 1, word.box, 500)

    assert max(part.size) == pytest.approx(500, abs=8)
    assert part.whole == page.still
    cut = page.still.crop(word.box)
    assert part.region == cut.region
    small = np.asarray(part.to_pil().resize(cut.size), float)
    assert np.abs(small - cut.pixels).mean() < 12  # of 255
    assert part.crop(Box(x0=0, y0=0, x1=8, y1=8)).region != part.region


def test_a_part_that_is_large_enough_is_cut_from_the_page(tmp_path: Path) -> None:
    path = pdf(tmp_path / "story.pdf", STORY)
    box = Box(x0=100, y0=100, x1=900, y1=700)
    assert closer(path, 1, box, 500) == read_page(path, 1).crop(box)
    assert max(closer(path, 1, Box(x0=9, y0=9, x1=19, y1=12), 9999).size) == 80  # no more than it can show
    with pytest.raises(InputError, match="outside"):
        closer(path, 1, Box(x0=5000, y0=0, x1=5010, y1=9), 500)


def test_what_is_filled_in_and_noted_is_read(tmp_path: Path) -> None:
    path = tmp_path / "form.pdf"
    canvas = Canvas(str(path), pagesize=(400, 300))
    canvas.drawString(30, 250, "Name:")
    canvas.acroForm.textfield(name="name", x=80, y=240, width=150, height=20, value="Lovelace")
    canvas.save()
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        field = document.pages[0].Annots[0]
        del field["/AP"]  # as programs do that leave it to the viewer to draw what was filled in
        document.Root.AcroForm.NeedAppearances = True
        document.save(path)

    page = Document(path).page(1)

    assert page.text.text.split() == ["Name:", "Lovelace"]
    word = page.text.words[-1]
    assert page.still.crop(word.box).pixels.min() < 100
    assert read_page(path, 1) == page.still


def test_a_documents_own_title_and_what_it_would_do(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    writer = FPDF()
    writer.set_title("A \x07 report\nof two lines")
    writer.add_page()
    writer.set_font("helvetica", size=20)
    writer.cell(text="Fine words", link="https://example.invalid/")
    writer.embed_file(Path(__file__))
    writer.output(str(path))
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert('run'); while (true) {}")
        document.Root.OpenAction = script
        document.Root.Names.JavaScript = pikepdf.Dictionary(Names=["go", document.make_indirect(script)])
        document.pages[0].AA = pikepdf.Dictionary(O=script)
        document.save(path)

    document = Document(path)

    assert document.title == "A report of two lines"
    assert document.notes == (
        "it holds JavaScript, which was not run",
        "files are attached to it (1), which were not opened",
    )
    assert document.page(1).text.text == "Fine words"


def test_a_title_that_is_no_text(tmp_path: Path) -> None:
    path = pdf(tmp_path / "report.pdf", STORY)
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        document.docinfo.Title = pikepdf.String(b"\xfe\xff\xd8\x00\x00A\xdc\x00")
        document.save(path)
    assert Document(path).title == "\ufffdA\ufffd"


def test_a_locked_document_opens_with_its_password_only(tmp_path: Path) -> None:
    path = locked(pdf(tmp_path / "locked.pdf", STORY), "sesame")
    with pytest.raises(InputError, match=r"is protected by a password; pass it with --password"):
        Document(path)
    with pytest.raises(InputError, match="another password"):
        Document(path, "simsim")
    with pytest.raises(InputError, match="is protected by a password"):
        read_page(path, 1)  # the wrong one was not remembered
    page = Document(path, "sesame").page(1)
    assert page.text.text.split() == STORY.split()
    assert read_page(path, 1) == page.still

    other = locked(pdf(tmp_path / "other.pdf", STORY), "sesame")
    unlock(other, "sesame")
    assert read_page_text(other, 1).text.split() == STORY.split()
    assert Document(pdf(tmp_path / "open.pdf", STORY), "needless").pages == 1


def test_what_is_a_document(tmp_path: Path) -> None:
    one, two = scan((80, 100), "x"), scan((80, 100), "y")
    assert is_document(pdf(tmp_path / "a.pdf", "a"))
    assert is_document(pdf(tmp_path / "no suffix", "a"))
    assert is_document(pdf(tmp_path / "wrong.jpg", "a"))
    assert is_document("missing.docx")
    assert is_document(tiff(tmp_path / "two.tif", one, two))
    assert not is_document(tiff(tmp_path / "one.tif", one))
    assert not is_document("missing")
    assert not is_document(tmp_path)
    assert not is_document(__file__)
    one.convert("RGB").save(tmp_path / "photo.jpg")
    assert not is_document(tmp_path / "photo.jpg")


def test_the_name_of_a_pdf_does_not_matter(tmp_path: Path) -> None:
    path = pdf(tmp_path / "Überblick № 3", STORY)
    document = Document(path)
    assert document.title == "Überblick № 3"
    assert document.page(1).text.text.split() == STORY.split()
