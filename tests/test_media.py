"""What content blocks show: any of their forms, told by content, and refused with the reason."""

from __future__ import annotations

import base64
import struct
import tempfile
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightloop.errors import InputError
from sightloop.integrations.media import Media, Shown
from sightloop.integrations.media_stills import MOST_PAGES, Clip, stills_of
from sightloop.memory import Frame, Page, Still
from sightloop.tools.llava_next.checkpoints import POCKET, find

from .clips import clip, sound, truncated
from .papers import pdf
from .pictures import encoded, noise

PNG = encoded(noise(), "PNG")
SINGLE = find("llava-hf/llava-v1.6-vicuna-7b-hf")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64(data)}"


def shown(block: dict[str, Any], folder: Path, **allowed: Any) -> Shown:
    return Media(**allowed).read(block, folder)


def still(block: dict[str, Any], folder: Path, **allowed: Any) -> Still:
    found = stills_of(shown(block, folder, **allowed), POCKET)
    assert isinstance(found, Still)
    return found


FORMS = {
    "langchain v1": {"type": "image", "base64": b64(PNG), "mime_type": "image/png"},
    "langchain v1 address": {"type": "image", "url": url(PNG)},
    "langchain v0": {"type": "image", "source_type": "base64", "data": b64(PNG), "mime_type": "image/png"},
    "langchain v0 address": {"type": "image", "source_type": "url", "url": url(PNG)},
    "openai chat": {"type": "image_url", "image_url": {"url": url(PNG), "detail": "high"}},
    "openai plain": {"type": "image_url", "image_url": url(PNG)},
    "openai responses": {"type": "input_image", "image_url": url(PNG)},
    "openai file": {"type": "file", "file": {"file_data": url(PNG), "filename": "a.png"}},
    "openai bare file": {"type": "input_file", "file_data": b64(PNG), "filename": "a.pdf"},
    "anthropic": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}},
    "wrong type": {"type": "video", "base64": b64(PNG), "mime_type": "video/mp4"},
    "no padding": {"type": "image", "base64": b64(PNG).rstrip("=")},
    "for addresses": {"type": "image", "base64": base64.urlsafe_b64encode(PNG).decode()},
    "broken into lines": {"type": "image", "base64": base64.encodebytes(PNG).decode()},
    "percent": {"type": "image", "url": "data:image/png," + "".join(f"%{byte:02x}" for byte in PNG)},
}


@pytest.mark.parametrize("block", FORMS.values(), ids=FORMS)
def test_all_forms_say_the_same(block: dict[str, Any], tmp_path: Path) -> None:
    found = still(block, tmp_path)
    assert np.array_equal(found.pixels, np.asarray(noise()))
    assert found.origin.source.startswith("memory:")


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for form in (url(data), "data:," + "".join(f"%{byte:02x}" for byte in data)):
            with pytest.raises(InputError):
                still({"type": "image", "url": form}, Path(folder))


BROKEN = {
    "no comma": ("data:image/png;base64", "no comma"),
    "no base64": ("data:image/png;base64,%%%", "no base64"),
    "one letter": ("data:image/png;base64,A", "no base64"),
    "nothing": ("data:image/png;base64,", "empty"),
    "text": (url(b"hello"), "not a picture"),
    "half": (url(PNG[:100]), "truncated or damaged"),
    "web": ("https://example.org/a.png", "not fetched"),
    "path": ("/etc/hostname", "may not name files"),
    "file": ("file:///etc/hostname", "may not name files"),
    "other scheme": ("ftp://example.org/a.png", "not read"),
    "odd scheme": ("x://[", "not read"),
}


@pytest.mark.parametrize(("address", "why"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_refused_with_the_reason(address: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=why) as refused:
        still({"type": "image_url", "image_url": {"url": address}}, tmp_path)
    assert str(tmp_path) not in refused.value.message
    assert len(refused.value.input or "") < 50


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image"},
        {"type": "image_url", "image_url": 7},
        {"type": "image_url", "image_url": {"url": None}},
        {"type": "image", "base64": 12},
        {"type": "image", "url": "  "},
        {"type": "file", "file": {"filename": "a.pdf"}},
        {"type": "file", "file": "a.pdf"},
    ],
)
def test_a_malformed_block_is_refused(block: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        shown(block, tmp_path, files=True, urls=True)


def test_too_many_bytes_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    for address in (url(b"x" * 2000), "data:," + "x" * 2000):
        with pytest.raises(InputError, match="MiB"):
            shown({"type": "image", "url": address}, tmp_path, most_bytes=1000)
    assert not list(tmp_path.iterdir())


def test_files_are_named_where_that_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "a picture.png"
    file.write_bytes(PNG)
    for address in (str(file), f"file://{tmp_path}/a%20picture.png"):
        found = still({"type": "image", "url": address}, tmp_path / "x", files=True)
        assert found.origin.source == str(file)
    with pytest.raises(InputError, match="does not exist"):
        still({"type": "image", "url": str(tmp_path / "b.png")}, tmp_path, files=True)


def test_handles_are_opened_by_who_keeps_the_files(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.write_bytes(PNG)

    def opened(handle: str) -> Path:
        if handle != "f1":
            raise InputError(f"there is no file {handle}.", input=handle)
        return file

    for block in (
        {"type": "file", "file": {"file_id": "f1"}},
        {"type": "image", "file_id": "f1"},
        {"type": "image", "source_type": "id", "id": "f1"},
    ):
        assert still(block, tmp_path, opened=opened).size == (30, 24)
    with pytest.raises(InputError, match="no file f2"):
        shown({"type": "image", "file_id": "f2"}, tmp_path, opened=opened)
    with pytest.raises(InputError, match="no kept files"):
        shown({"type": "image", "file_id": "f1"}, tmp_path)


def test_a_video_is_shown_as_frames_with_their_times(tmp_path: Path) -> None:
    data = clip(tmp_path / "a.mp4", 100).read_bytes()
    found = shown({"type": "video_url", "video_url": {"url": url(data, "video/mp4")}}, tmp_path / "copies")
    assert found.kind == "video"
    frames = stills_of(found, POCKET)
    assert isinstance(frames, Clip)
    few = frames.thinned(4)
    times = [one.origin.t for one in few if isinstance(one.origin, Frame)]
    assert len(few) == len(times) == 4
    assert times == sorted(times)
    assert 0 < times[0] < 1
    assert 3 < times[-1] < 4
    assert frames.note(4).startswith("4 frames of the video in the message were looked at")
    with pytest.raises(InputError, match="not trained on frames of videos"):
        stills_of(found, SINGLE)


def test_a_short_video_is_shown_whole(tmp_path: Path) -> None:
    found = shown({"type": "video", "base64": b64(clip(tmp_path / "a.mp4", 3).read_bytes())}, tmp_path)
    frames = stills_of(found, POCKET)
    assert isinstance(frames, Clip)
    assert len(frames.stills) == 3


def test_a_broken_video_and_mere_sound_are_refused(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.mp4", 40)
    for file in (truncated(whole, tmp_path / "half.mp4"), sound(tmp_path / "a.wav")):
        with pytest.raises(InputError) as refused:
            shown({"type": "video", "base64": b64(file.read_bytes())}, tmp_path)
        assert "the video in the message" in refused.value.message


def test_a_document_is_shown_as_its_first_pages(tmp_path: Path) -> None:
    data = pdf(tmp_path / "a.pdf", *(f"Page {n}" for n in range(MOST_PAGES + 2))).read_bytes()
    block = {"type": "file", "file": {"file_data": url(data, "application/pdf"), "filename": "../paper.pdf"}}
    found = shown(block, tmp_path / "copies")
    assert (found.kind, found.name) == ("document", "the file paper.pdf")
    pages = stills_of(found, SINGLE)
    assert isinstance(pages, Clip)
    assert [one.origin.number for one in pages.thinned(3) if isinstance(one.origin, Page)] == [1, 2, 3]
    assert pages.note(3).startswith(f"only the first 3 of {MOST_PAGES + 2} pages of the file paper.pdf")


def test_a_suffix_is_not_believed(tmp_path: Path) -> None:
    for name in ("a.pdf", "a.mp4", "a.docx", "a.doc\0x", "/etc/passwd", ".."):
        block = {"type": "file", "file": {"file_data": url(PNG), "filename": name}}
        assert shown(block, tmp_path).kind == "picture"


def test_a_picture_as_large_as_a_city_is_refused(tmp_path: Path) -> None:
    header = b"IHDR" + struct.pack(">II", 30_000, 30_000) + PNG[24:29]
    huge = PNG[:12] + header + struct.pack(">I", zlib.crc32(header)) + PNG[33:]
    with pytest.raises(InputError, match="megapixels"):
        still({"type": "image", "base64": b64(huge)}, tmp_path)


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path != "/a.png" else 200)
        if self.path != "/a.png":
            self.send_header("Location", "/a.png" if self.path == "/near" else "http://localhost:1/a.png")
        self.send_header("Content-Length", str(len(PNG)))
        self.end_headers()
        self.wfile.write(PNG)

    def log_message(self, *args: object) -> None:
        """Keep still."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_hosts_are_asked_only_if_they_are_named(site: str, tmp_path: Path) -> None:
    def asked(path: str, urls: bool | frozenset[str]) -> Shown:
        return shown({"type": "image", "url": f"http://{site}{path}"}, tmp_path, urls=urls)

    for urls in (True, frozenset({site}), frozenset({"127.0.0.1", "example.org"})):
        assert asked("/a.png", urls).kind == asked("/near", urls).kind == "picture"
    for urls in (frozenset({"example.org"}), frozenset({"127.0.0.1:1"})):
        with pytest.raises(InputError, match="may be asked"):
            asked("/a.png", urls)
    with pytest.raises(InputError, match="not followed"):
        asked("/far", frozenset({site}))


@pytest.mark.parametrize(
    "address", ["http://[", "http://" + "a" * 70, "http://x:99999999/", "http:///", "http://\u2028"]
)
def test_an_address_that_is_none_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        shown({"type": "image", "url": address}, tmp_path, urls=True)
