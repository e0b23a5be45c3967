"""Whatever bytes come in, they are read as something or refused; a zip is unpacked inside or refused."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keeping import ball
from papers import pdf

from sightloop.errors import InputError
from sightloop.integrations.server.failures import Refused
from sightloop.integrations.server.sniff import sniffed
from sightloop.integrations.server.unpack import unpacked

KINDS = {"photo", "video", "document", "scene", "zip"}


def packed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("scene.json", "a/b.png", "[Content_Types].xml", "mimetype"):
            archive.writestr(name, b"words " * 20)
    return buffer.getvalue()


HEADS = [
    ball(),
    packed(),
    b"%PDF-1.7\n",
    b"{\\rtf1",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"),
    b"\0\0\0\x18ftypisom",
    b"\0\0\0\x18ftypheic",
    b"\x1a\x45\xdf\xa3",
    b"GIF89a",
    b"II*\0",
    b"ply\n",
    b"PK\x05\x06",
    b"",
]


@st.composite
def files(draw: st.DrawFn, heads: list[bytes] = HEADS) -> bytes:
    """Known files with some of their bytes changed, cut off, or followed by others."""
    content = bytearray(draw(st.sampled_from(heads)) + draw(st.binary(max_size=300)))
    for _ in range(draw(st.integers(0, 3))):
        if content:
            content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))] or content)


@given(files(), st.sampled_from(["a", "a.png", "a.mp4", "a.zip", "a.docx"]))
def test_a_file_is_something_or_refused(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        file.write_bytes(content)
        try:
            kind, suffix = sniffed(file, name)
        except Refused as refused:
            assert refused.status_code == 415
            assert folder not in str(refused.detail)
        else:
            assert kind in KINDS
            assert suffix.startswith(".")


@given(files([packed()]))
def test_a_zip_is_unpacked_inside_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.zip"
        file.write_bytes(content)
        try:
            place = unpacked(file, Path(folder) / "out", 10_000)
        except InputError:
            pass
        else:
            assert place.is_relative_to(Path(folder) / "out")
        assert {path.name for path in Path(folder).iterdir()} <= {"a.zip", "out"}


@pytest.mark.parametrize(
    ("inside", "suffix"),
    [
        ({"word/document.xml": b"", "[Content_Types].xml": b""}, ".docx"),
        ({"ppt/presentation.xml": b"", "[Content_Types].xml": b""}, ".pptx"),
        ({"mimetype": b"application/vnd.oasis.opendocument.text"}, ".odt"),
        ({"mimetype": b"application/vnd.oasis.opendocument.presentation"}, ".odp"),
        ({"xl/workbook.xml": b"", "[Content_Types].xml": b""}, None),
        ({"mimetype": b"application/epub+zip"}, None),
    ],
)
def test_office_documents_are_told_apart(
    inside: dict[str, bytes], suffix: str | None, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        for name, content in inside.items():
            archive.writestr(name, content)
    if suffix is None:
        with pytest.raises(Refused, match="of a kind that is not read"):
            sniffed(tmp_path / "a", "a")
    else:
        assert sniffed(tmp_path / "a", "a.zip") == ("document", suffix)


def test_what_lies_before_a_pdf_is_passed_over(tmp_path: Path) -> None:
    paper = pdf(tmp_path / "a.pdf", "Words.")
    paper.write_bytes(b"\r\n" * 20 + paper.read_bytes())
    assert sniffed(paper, "paper").kind == "document"


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_is_packed_in_another_way_is_refused(how: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", how) as archive:
        archive.writestr("scene.json", b"{}")
    with pytest.raises(Refused, match="pack it anew"):
        sniffed(tmp_path / "a.zip", "a.zip")
