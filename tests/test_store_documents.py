"""Documents in the memory: a still per page, its words and where they are, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pikepdf
import pyarrow.parquet
import pytest
from PIL import Image, ImageDraw
from remembering import Colours, Sizes, film
from reports import Corners, Ink, Meanings, report, scan, word_of

from sightloop.errors import InputError, MemoryModelError
from sightloop.memory.records import Progress
from sightloop.memory.still import Evidence, Page
from sightloop.memory.store import VisualMemory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[VisualMemory]:
    with VisualMemory(
        tmp_path / "mem", embedder=Colours(), captioner=Sizes(), reader=Sizes(), sentences=Meanings()
    ) as memory:
        yield memory


def pages_with(memory: VisualMemory, word: str, **chosen: object) -> list[tuple[str, int | None]]:
    """Which pages have texts with a word in them, as a search finds them."""
    hits = memory.search(word, top=100, **chosen)  # type: ignore[arg-type]
    return [
        (Path(hit.origin.source).name, getattr(hit.origin, "number", None))
        for hit in hits
        if any(word in text.text.split() for text in hit.texts)
    ]


def flat(memory: VisualMemory, name: str, dimension: int) -> int:
    """How many vectors a file of them has room for."""
    (path,) = memory.folder.glob(f"{name}-*.f32")
    return path.stat().st_size // (4 * dimension)


def test_a_document_is_a_still_per_page_with_its_words(memory: VisualMemory, tmp_path: Path) -> None:
    path = report(tmp_path / "report.pdf", 20)
    told: list[Progress] = []
    added = memory.add(path, progress=told.append)
    assert (added.sources, added.stills, added.warnings) == ((str(path),), 20, ())
    assert (told[-1].done, told[-1].of, told[-1].stills) == (20, 20, 20)
    assert [one.done for one in told] == sorted({one.done for one in told if one.done is not None})
    (source,) = memory.sources()
    assert (source.kind, source.complete, source.pages, source.stills) == ("document", True, 20, 20)
    stored = memory.stored(path)
    assert [one.origin for one in stored] == [Page(source=str(path), number=n) for n in range(1, 21)]
    for number, one in enumerate(stored, 1):
        assert one.page == number
        page = memory.page_text(one)
        assert page is not None
        assert page == memory.page_text(one.ref)
        assert page.read == "layer"
        assert page.size == (one.ref.width, one.ref.height)
        (whole,) = [text for text in one.texts if text.channel == "page"]
        assert whole.text.split() == page.text.split()
        blocks = [text for text in one.texts if text.channel == "block"]
        assert " ".join(text.text for text in blocks).split() == page.text.split()
        (own,) = [text for text in blocks if word_of(number) in text.text]
        assert own.box is not None
        (word,) = [word for word in page.words if word.text == word_of(number)]
        assert own.box.x0 <= word.x0 < word.x1 <= own.box.x1
        assert own.box.y0 <= word.y0 < word.y1 <= own.box.y1
        assert not one.caption  # the eyes do not look at pages
    assert memory.size()["passages"] == flat(memory, "passages", 64) > 20


def test_a_page_is_found_by_its_word_and_can_be_evidence(memory: VisualMemory, tmp_path: Path) -> None:
    path = report(tmp_path / "report.pdf", 6)
    memory.add(path)
    hit = memory.search(word_of(4), top=1)[0]
    assert hit.origin == Page(source=str(path), number=4)
    still = memory.still(hit)
    assert still.ref == hit.ref
    assert Evidence.of(still, "it is here", 0.5).reopen().sha256 == hit.ref.sha256
    assert pages_with(memory, word_of(4), kinds=["document"]) == [("report.pdf", 4)]
    assert memory.search(word_of(4), kinds=["photo", "video"]) == []
    path.unlink()
    kept = memory.still(hit)
    assert "smaller picture" in kept.notes[0]
    assert kept.origin == hit.origin
    assert memory.page_text(hit) is not None


def test_a_document_is_indexed_once_and_anew_when_it_changes(memory: VisualMemory, tmp_path: Path) -> None:
    path = report(tmp_path / "report.pdf", 4)
    memory.add(path)
    before = memory.stored(path)
    assert memory.add(path).unchanged == (str(path),)
    assert memory.stored(path) == before
    ref = before[0].ref
    report(path, 3, seed=1)
    assert memory.add(path).sources == (str(path),)
    assert len(memory.stored(path)) == 3
    assert pages_with(memory, word_of(2)) == []
    assert pages_with(memory, word_of(2, seed=1)) == [("report.pdf", 2)]
    assert memory.page_text(ref) is None  # of a page as it was
    memory.compact()
    assert flat(memory, "passages", 64) == memory.size()["passages"]


def test_forgetting_one_of_two(memory: VisualMemory, tmp_path: Path) -> None:
    first, second = report(tmp_path / "first.pdf", 4), report(tmp_path / "second.pdf", 3, seed=1)
    memory.add(first)
    memory.add(second)
    kept = memory.stored(second)
    both = memory.size()["passages"]
    assert memory.forget(first) == 4
    assert pages_with(memory, word_of(2)) == []
    assert memory.stored(second) == kept
    left = memory.size()["passages"]
    assert 0 < left < both
    memory.compact()
    assert flat(memory, "passages", 64) == left
    assert flat(memory, "vectors", 12) == 3
    assert memory.stored(second) == kept
    assert pages_with(memory, word_of(2, seed=1)) == [("second.pdf", 2)]
    assert all(memory.page_text(one) for one in kept)
    assert memory.forget(second) == 3
    memory.compact()
    assert memory.size()["passages"] == 0
    memory.add(first)
    assert pages_with(memory, word_of(2)) == [("first.pdf", 2)]


def without_page(path: Path, *numbers: int) -> Path:
    """Break pages of a document."""
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        for number in numbers:
            pdf.Root.Pages.Kids[number - 1] = pdf.make_indirect({"/Type": pikepdf.Name.Nothing})
        pdf.save(path)
    return path


def test_a_page_that_cannot_be_read_is_told_and_the_rest_is_there(
    memory: VisualMemory, tmp_path: Path
) -> None:
    path = without_page(report(tmp_path / "report.pdf", 5), 2)
    added = memory.add(path)
    assert [one.page for one in memory.stored(path)] == [1, 3, 4, 5]
    (source,) = memory.sources()
    assert (source.complete, source.pages, source.stills) == (True, 5, 4)
    (warning,) = source.warnings
    assert "page 2" in warning
    assert added.warnings == tuple(f"{path}: {warning}" for warning in source.warnings)
    assert memory.add(path).unchanged == (str(path),)


def test_a_document_without_a_page_that_can_be_read_is_refused(memory: VisualMemory, tmp_path: Path) -> None:
    path = without_page(report(tmp_path / "report.pdf", 3), 1, 2, 3)
    with pytest.raises(InputError, match=r"report\.pdf"):
        memory.add(path)
    assert memory.sources() == []
    assert memory.size()["stills"] == 0


def test_a_document_with_a_password(memory: VisualMemory, tmp_path: Path) -> None:
    path = report(tmp_path / "locked.pdf", 2, password="sesame")
    for wrong in (None, "open"):
        with pytest.raises(InputError, match="password"):
            memory.add(path, password=wrong)
        assert memory.sources() == []
    assert memory.add(path, password="sesame").stills == 2
    assert pages_with(memory, word_of(2)) == [("locked.pdf", 2)]
    hit = memory.search(word_of(2), top=1)[0]
    assert memory.still(hit).ref == hit.ref
    for kept in memory.folder.rglob("*"):
        assert kept.is_dir() or b"sesame" not in kept.read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos, documents and a film, and what cannot be read."""
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (60, 40), "green").save(folder / "a.png")
    report(folder / "b.pdf", 3)
    (folder / "c.pdf").write_bytes(b"this only claims to be a PDF")
    (folder / "d.pdf").write_bytes(b"")
    report(folder / "e.pdf", 2, password="sesame")
    film(folder / "f.mp4", shots=3)
    Image.new("RGB", (60, 40), "blue").save(folder / "g.png")
    (folder / "h.pdf").write_bytes((folder / "b.pdf").read_bytes()[:700])
    (folder / "i.pdf").mkdir()
    (folder / "j.txt").write_text("not looked at")
    report(folder / "k.pdf", 2, seed=1)
    return folder


def test_a_folder_of_photos_documents_and_junk(memory: VisualMemory, folder: Path) -> None:
    added = memory.add(folder)
    assert [Path(path).name for path in added.sources] == ["a.png", "b.pdf", "f.mp4", "g.png", "k.pdf"]
    assert [Path(error.input or "").name for error in added.skipped] == ["c.pdf", "d.pdf", "e.pdf", "h.pdf"]
    assert sorted({source.kind for source in memory.sources()}) == ["document", "photo", "video"]
    assert all(source.complete and source.stills for source in memory.sources())
    assert memory.search("blue", top=1, kinds=["photo"])[0].similarity > 0.99
    assert pages_with(memory, word_of(2, seed=1)) == [("k.pdf", 2)]
    again = memory.add(folder, password="sesame")
    assert [Path(path).name for path in again.sources] == ["e.pdf"]
    assert len(again.unchanged) == 5


def test_pages_that_lie_across_a_commit_come_in_order(memory: VisualMemory, tmp_path: Path) -> None:
    path = report(tmp_path / "long.pdf", 40)
    sent = Meanings()
    with VisualMemory(tmp_path / "other", embedder=Colours(), sentences=sent) as other:
        other.add(path)
        assert other.size()["passages"] == sent.seen
    memory.add(path)
    for number in (1, 16, 17, 40):
        assert pages_with(memory, word_of(number)) == [("long.pdf", number)]


def test_scans_are_read_where_there_is_a_reader(tmp_path: Path) -> None:
    path, photo = scan(tmp_path / "scan.pdf", ["red", "blue", "white"]), tmp_path / "photo.png"
    picture = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(picture).rectangle((20, 30, 79, 59), "black")
    picture.save(photo)
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        assert any("sightloop[ocr]" in warning for warning in memory.add(path).warnings)
        memory.add(photo)
        assert pages_with(memory, "ink") == []
    with VisualMemory(tmp_path / "mem", embedder=Colours(), ocr=Ink()) as memory:
        assert memory.add(path).sources == (str(path),)  # what could not be read is read now
        assert sorted(pages_with(memory, "ink")) == [("scan.pdf", 1), ("scan.pdf", 2)]
        hit = memory.search("ink", top=1)[0]
        page = memory.page_text(hit)
        assert page is not None
        assert page.read == "ocr"
        ((text, *corners, _, sure),) = page.words
        scale = hit.ref.width / 850
        assert (text, sure) == ("ink", 0.9)
        assert corners == pytest.approx([side * scale for side in (200, 300, 500, 360)], abs=3)
        assert memory.sources()[0].warnings == ()
        assert memory.add(path).unchanged == (str(path),)
        assert memory.add(photo).unchanged == (str(photo),)
        memory.add(photo, ocr_photos=True)
        assert ("photo.png", None) in pages_with(memory, "ink")
        assert memory.add(photo, ocr_photos=True).unchanged == (str(photo),)
        (stored,) = memory.stored(photo)
        page = memory.page_text(stored)
        assert page is not None
        assert page.words[0][1:5] == (20, 30, 80, 60)


def test_a_picture_of_several_pages_is_a_document(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (200, 300), "white") for _ in range(3)]
    for number, page in enumerate(pages):
        ImageDraw.Draw(page).rectangle((10 + number, 20, 59 + number, 39), "black")
    path = tmp_path / "fax.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with VisualMemory(tmp_path / "mem", embedder=Colours(), ocr=Ink()) as memory:
        memory.add(tmp_path)
        (source,) = memory.sources()
        assert (source.kind, source.pages) == ("document", 3)
        assert sorted(pages_with(memory, "ink")) == [("fax.tif", 1), ("fax.tif", 2), ("fax.tif", 3)]
        for hit in memory.search("ink", top=3):
            assert memory.still(hit).ref == hit.ref


def test_passages_come_when_there_is_a_model_for_them(tmp_path: Path) -> None:
    path = report(tmp_path / "report.pdf", 20)
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(path)
        assert memory.size()["passages"] == 0
        stored = memory.stored(path)
        assert pages_with(memory, word_of(3)) == [("report.pdf", 3)]
    meanings, told = Meanings(), list[Progress]()
    with VisualMemory(tmp_path / "mem", embedder=Colours(), sentences=meanings) as memory:
        assert memory.add(path, progress=told.append).sources == (str(path),)
        filled = memory.size()["passages"]
        assert filled == meanings.seen > 20
        assert told[-1].of == 20
        assert memory.stored(path) == stored
        assert memory.add(path).unchanged == (str(path),)
        assert meanings.seen == filled
    with VisualMemory(tmp_path / "whole", embedder=Colours(), sentences=Meanings()) as whole:
        whole.add(path)
        ids = whole.size()["passages"]
    assert ids == filled
    with pytest.raises(MemoryModelError, match=r"meanings.*others"):
        VisualMemory(tmp_path / "mem", embedder=Colours(), sentences=Meanings("others"))
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:  # who has no model may forget
        memory.forget(path)
        assert memory.size()["passages"] == 0
    with VisualMemory(tmp_path / "mem", embedder=Colours(), sentences=Meanings("others")) as memory:
        memory.add(path)
        assert memory.size()["passages"] == filled


def test_numbers_and_single_words_have_no_meaning(tmp_path: Path) -> None:
    path = report(tmp_path / "report.pdf", 1)
    with VisualMemory(tmp_path / "mem", embedder=Colours(), sentences=Meanings()) as memory:
        memory.add(path)
        table = pyarrow.parquet.read_table(memory.export(tmp_path / "out").parent / "blocks.parquet")
    for row in table.to_pylist():
        letters = [word for word in row["text"].split() if word.isalpha()]
        assert (row["vector"] is None) == (len(letters) < 3)
    assert {row["vector"] is None for row in table.to_pylist()} == {True, False}


def test_export(memory: VisualMemory, tmp_path: Path) -> None:
    path = report(tmp_path / "report.pdf", 3)
    memory.add(path)
    picture = tmp_path / "a.png"
    Image.new("RGB", (60, 40), "green").save(picture)
    memory.add(picture)
    stills = pyarrow.parquet.read_table(memory.export(tmp_path / "out")).to_pylist()
    assert [row["page"] for row in stills] == [1, 2, 3, None]
    assert [word_of(n) in (row["text"] or "") for n, row in enumerate(stills, 1)] == [True] * 3 + [False]
    blocks = pyarrow.parquet.read_table(tmp_path / "out" / "blocks.parquet").to_pylist()
    by_still = {one.id: one for one in memory.stored(path)}
    assert {row["still"] for row in blocks} == set(by_still)
    for row in blocks:
        still = by_still[row["still"]]
        (text,) = [one for one in still.texts if one.channel == "block" and one.text == row["text"]]
        assert text.box is not None
        assert (row["x0"], row["y0"]) == (text.box.x0, text.box.y0)
        assert (row["page"], row["kind"]) == (still.page, text.kind)
        if row["vector"] is not None:
            (vector,) = Meanings().embed([row["text"]])
            assert np.array(row["vector"]) == pytest.approx(vector, abs=1e-6)
    assert sum(row["vector"] is not None for row in blocks) == memory.size()["passages"]


def test_parts_of_pages_are_kept_for_late_interaction(tmp_path: Path) -> None:
    path = scan(tmp_path / "scan.pdf", ["red", "blue"])
    with VisualMemory(tmp_path / "mem", embedder=Colours(), late=Corners()) as memory:
        memory.add(path)
        before = memory.size()["bytes"]["ledger"]
        assert before > 0
    with pytest.raises(MemoryModelError, match=r"corners.*others"):
        VisualMemory(tmp_path / "mem", embedder=Colours(), late=Corners("others"))
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.forget(path)
    VisualMemory(tmp_path / "mem", embedder=Colours(), late=Corners("others")).close()  # it is empty again
