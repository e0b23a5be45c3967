"""Office files, through LibreOffice where it is installed."""

from __future__ import annotations

import http.server
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from sightloop.errors import InputError
from sightloop.memory import Evidence
from sightloop.memory.sources import office
from sightloop.memory.sources.documents import Document, ReadPage, is_document

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "application/vnd.openxmlformats-package"
DOCUMENT = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006"

needs_libreoffice = pytest.mark.skipif(office.soffice() is None, reason="needs LibreOffice (soffice)")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is converted here is kept here."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "sightloop" / "office"


def docx(path: Path, *paragraphs: str, relations: str = "") -> Path:
    """Write what Word needs at least; a paragraph is its text, or what a run of it holds."""
    runs = [text if text.startswith("<") else f"<w:t>{text}</w:t>" for text in paragraphs]
    body = "".join(f"<w:p><w:r>{run}</w:r></w:p>" for run in runs)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            f'<Default Extension="rels" ContentType="{PACKAGE}.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{DOCUMENT}.main+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r1" Type="{OFFICE}/officeDocument" '
            'Target="word/document.xml"/></Relationships>',
        )
        archive.writestr(
            "word/_rels/document.xml.rels",
            f'<Relationships xmlns="{RELATIONS}">{relations}</Relationships>',
        )
        archive.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{WORD}" xmlns:r="{OFFICE}"><w:body>{body}</w:body></w:document>',
        )
    return path


@pytest.fixture
def visitors() -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and what was fetched from it."""
    fetched: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fetched.append(self.path)
            self.send_error(404)

        do_HEAD = do_OPTIONS = do_PROPFIND = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", fetched
        server.shutdown()
        thread.join()


@needs_libreoffice
def test_a_word_file_is_read_like_its_pdf(tmp_path: Path, cache: Path) -> None:
    path = docx(tmp_path / "letter.docx", "Fine words", '<w:br w:type="page"/>', "Another page")
    assert is_document(path)
    document = Document(path)
    first, second = (page for page in document.read([1, 2]) if isinstance(page, ReadPage))
    assert (document.source, document.title, document.pages) == (str(path), "letter", 2)
    assert (first.text.text, second.text.text) == ("Fine words", "Another page")
    assert first.still.origin.source == str(path)
    assert "as LibreOffice lays them out" in document.notes[0]

    (made,) = cache.iterdir()
    stamp = made.stat().st_mtime_ns
    copy = shutil.copy(path, tmp_path / "copy.docx")
    assert Document(copy).page(2).text == second.text
    assert made.stat().st_mtime_ns == stamp

    evidence = Evidence.of(second.still, "it has two pages", 1)
    shutil.rmtree(cache)
    assert evidence.reopen() == second.still
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cache", "copy.docx", "letter.docx"]


@needs_libreoffice
def test_what_a_file_links_to_is_not_fetched(tmp_path: Path, visitors: tuple[str, list[str]]) -> None:
    address, fetched = visitors
    picture = (
        f'<w:drawing><wp:inline xmlns:wp="{DRAWING}/wordprocessingDrawing">'
        '<wp:extent cx="900000" cy="900000"/>'
        f'<a:graphic xmlns:a="{DRAWING}/main"><a:graphicData uri="{DRAWING}/picture">'
        f'<pic:pic xmlns:pic="{DRAWING}/picture"><pic:blipFill><a:blip r:link="r1"/></pic:blipFill>'
        "<pic:spPr/></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing>"
    )
    relation = f'<Relationship Id="r1" Type="{OFFICE}/image" Target="{address}/x.png" TargetMode="External"/>'
    path = docx(tmp_path / "links.docx", "Fine words", picture, relations=relation)
    assert Document(path).page(1).text.text == "Fine words"
    assert fetched == []


@needs_libreoffice
def test_what_libreoffice_does_not_read(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "damaged.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "words")
    with pytest.raises(InputError, match="is not converted by LibreOffice: it is damaged"):
        Document(path)
    assert list(cache.iterdir()) == []


@needs_libreoffice
def test_what_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "CONVERT_SECONDS", 0.05)
    with pytest.raises(InputError, match=r"within 0\.05 s"):
        Document(docx(tmp_path / "letter.docx", "Fine words"))


def test_without_libreoffice_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(office, "_HOMES", ())
    path = docx(tmp_path / "letter.docx", "Fine words")
    with pytest.raises(InputError, match=r"needs LibreOffice, which is not installed\. Install it \(apt"):
        Document(path)


def test_what_only_has_the_name(tmp_path: Path) -> None:
    path = tmp_path / "letter.docx"
    path.write_bytes(docx(path, "Fine words").read_bytes()[:300])
    with pytest.raises(InputError, match="truncated"):
        Document(path)
    path.write_text("words")
    with pytest.raises(InputError, match=r"does not begin like a \.docx file"):
        Document(path)
    with pytest.raises(InputError, match="does not exist"):
        Document(tmp_path / "missing.pptx")
