"""Files come in by pieces, whatever breaks off, and only as what they are."""

from __future__ import annotations

import io
import socket
import stat
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from clips import clip
from fastapi.testclient import TestClient
from keeping import (
    PATIENCE,
    added,
    announce,
    ball,
    error,
    indexed,
    memory,
    piece,
    png,
    send,
    vanishes,
    zipped,
)
from papers import pdf
from PIL import Image
from scenery import written
from serving import Serving

from sightloop.integrations.server.app import create_app
from sightloop.integrations.server.settings import Settings


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def test_a_file_comes_in_by_pieces(client: httpx.Client) -> None:
    path, content = memory(client), ball()
    upload = announce(client, path, "red.png", content)
    assert client.head(upload).headers["upload-offset"] == "0"
    for start in range(0, len(content), 400):
        told = piece(client, upload, content[start : start + 400], start)
        kept = min(start + 400, len(content))
        assert told.status_code == 200
        assert told.headers["upload-offset"] == str(told.json()["offset"]) == str(kept)
    source = told.json()["source"]
    assert source["id"] == upload.rpartition("/")[2]
    assert indexed(client, path, source["id"])["status"] == "ready"
    again = client.get(upload).json()  # who missed the last answer asks again
    assert (again["offset"], again["source"]["status"]) == (len(content), "ready")
    assert piece(client, upload, b"", len(content)).json() == again


def test_a_piece_from_another_place_is_refused(client: httpx.Client) -> None:
    path, content = memory(client), ball()
    upload = announce(client, path, "red.png", content)
    piece(client, upload, content[:200], 0)
    for offset in (0, 100, 300):
        refused = piece(client, upload, content[offset:], offset)
        assert error(refused, 409)["code"] == "wrong_offset"
        assert refused.headers["upload-offset"] == "200"
    assert piece(client, upload, content[200:], 200).json()["source"]
    error(client.patch(upload, content=b"x"), 400)  # without an offset
    error(client.patch(upload, content=b"x", headers={"Upload-Offset": "-1"}), 400)


def test_more_than_was_announced_is_refused_and_what_was_kept_stays(client: httpx.Client) -> None:
    path, content = memory(client), ball()
    upload = announce(client, path, "red.png", content)
    piece(client, upload, content[:200], 0)
    assert error(piece(client, upload, content[200:] + b"more", 200), 413)["code"] == "too_large"
    assert client.head(upload).headers["upload-offset"] == "200"
    assert piece(client, upload, content[200:], 200).json()["source"]


def test_what_came_before_the_connection_broke_is_kept(client: httpx.Client, served: Serving) -> None:
    path = memory(client)
    content = png(Image.effect_noise((1500, 1500), 90))
    assert len(content) > 2**20
    upload = announce(client, path, "noise.png", content)
    where = urlsplit(served.url)
    with socket.create_connection((where.hostname, where.port)) as line:
        head = f"PATCH {upload} HTTP/1.1\r\nHost: {where.netloc}\r\nUpload-Offset: 0\r\n"
        line.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[: len(content) // 2])
        until = time.monotonic() + PATIENCE
        while not any(file.stat().st_size for file in served.data.rglob(upload.rpartition("/")[2])):
            assert time.monotonic() < until
            time.sleep(0.02)
        # while it is coming, nobody else can send a piece, not even from a wrong place
        assert error(piece(client, upload, b"x", 1), 409)["code"] == "busy"
    until = time.monotonic() + PATIENCE
    while not (kept := int(client.head(upload).headers["upload-offset"])) and time.monotonic() < until:
        time.sleep(0.02)  # the server notices soon
    assert 0 < kept <= len(content) // 2
    while (answer := piece(client, upload, content[kept:], kept)).status_code == 409:
        kept = int(client.head(upload).headers["upload-offset"])
    assert indexed(client, path, answer.json()["source"]["id"])["status"] == "ready"


def test_an_upload_can_be_given_up(client: httpx.Client, served: Serving) -> None:
    path, content = memory(client), ball()
    upload = announce(client, path, "red.png", content)
    piece(client, upload, content[:200], 0)
    assert client.delete(upload).json()["deleted"]
    for answer in (client.get(upload), client.delete(upload), piece(client, upload, content[200:], 200)):
        error(answer, 404)
    assert client.head(upload).status_code == 404
    assert not list(served.data.rglob(upload.rpartition("/")[2]))


@pytest.mark.parametrize(
    ("size", "status"), [(0, 400), (-1, 400), (1.5, 400), ("one", 400), (2**53, 400), (2**40, 413)]
)
def test_sizes_that_are_none_or_too_large_are_refused(
    client: httpx.Client, size: object, status: int
) -> None:
    error(client.post(f"{memory(client)}/uploads", json={"name": "a.png", "size": size}), status)


def test_an_empty_file_is_refused(client: httpx.Client) -> None:
    assert error(send(client, memory(client), "a.png", b""), 400)["code"] == "empty"


def test_a_form_without_a_file_is_refused(client: httpx.Client) -> None:
    path = memory(client)
    error(client.post(f"{path}/sources", data={"file": "text"}), 400)
    error(client.post(f"{path}/sources", content=b"raw", headers={"content-type": "image/png"}), 400)
    error(
        client.post(f"{path}/sources", content=b"--x", headers={"content-type": "multipart/form-data"}), 400
    )


def test_a_file_is_what_is_in_it_whatever_its_name(client: httpx.Client, tmp_path: Path) -> None:
    path = memory(client)
    contents = {
        "photo": ball(),
        "video": clip(tmp_path / "a.mp4").read_bytes(),
        "document": pdf(tmp_path / "a.pdf", "Words.").read_bytes(),
        "scene": zipped(written(tmp_path / "scene")),
    }
    for kind, content in contents.items():
        for name in ("file", "picture.png", "film.mp4", "paper.pdf", "..", "a/../../b", "x" * 200 + ".txt"):
            answer = send(client, path, name, content)
            assert answer.status_code == 201, answer.text
            assert answer.json()["kind"] == kind
    for source in client.get(f"{path}/sources").json()["data"]:
        assert indexed(client, path, source["id"])["status"] == "ready"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>alert(1)</script>"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
        ("a.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("a.png", b"not a picture"),
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(20)),
        ("a.exe", b"MZ" + bytes(100)),
        ("a.zip", b"PK\x03\x04" + bytes(100)),
        ("a.sqlite", b"SQLite format 3\0" + bytes(100)),
        ("a.ps", b"%!PS-Adobe-3.0"),
    ],
)
def test_what_no_memory_takes_is_refused(client: httpx.Client, name: str, content: bytes) -> None:
    path = memory(client)
    refused = error(send(client, path, name, content), 415)
    assert refused["code"] == "unsupported_file"
    assert name in refused["message"]
    upload = announce(client, path, name, content)
    error(piece(client, upload, content, 0), 415)
    assert client.head(upload).status_code == 404
    assert client.get(f"{path}/sources").json()["data"] == []


def test_a_scene_is_unpacked_and_read(client: httpx.Client, tmp_path: Path) -> None:
    path = memory(client)
    for under in ("", "my scene/"):
        source = added(client, path, "scene.zip", zipped(written(tmp_path / "scene"), under))
        assert (source["kind"], source["status"], source["error"]) == ("scene", "ready", None)
        assert source["stills"] >= 3


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "entry",
    ["../../out.png", "/out.png", "a/../../../out.png", "..\\..\\out.png", "C:\\out.png", link("link")],
    ids=str,
)
def test_a_zip_that_leads_out_is_refused(
    client: httpx.Client, served: Serving, tmp_path: Path, entry: str | zipfile.ZipInfo
) -> None:
    buffer = io.BytesIO(zipped(written(tmp_path / "scene")))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(entry, "/etc")
    source = added(client, memory(client), "scene.zip", buffer.getvalue())
    assert source["status"] == "failed"
    assert "zip" in source["error"]
    assert not list(served.data.rglob("out.png"))


def test_a_zip_bomb_is_refused(client: httpx.Client, served: Serving) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("scene.json", bytes(64 * 2**20))
    source = added(client, memory(client), "bomb.zip", buffer.getvalue())
    assert source["status"] == "failed"
    assert "too large" in source["error"]
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(20_001):
            archive.writestr(str(number), b"")
    assert "files" in error(send(client, memory(client), "many.zip", many.getvalue()), 415)["message"]


def test_a_zip_of_no_scene_says_so(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "no scene")
    source = added(client, memory(client), "notes.zip", buffer.getvalue())
    assert source["status"] == "failed"
    assert "scene" in source["error"]


def test_names_are_kept_as_they_are_and_lead_nowhere(client: httpx.Client, served: Serving) -> None:
    path = memory(client)
    for name in ("Ünïcode ☃.png", "../../../escape.png", "a\nb.png", ".hidden.png", "con.png"):
        upload = announce(client, path, name, ball())
        told = piece(client, upload, ball(), 0).json()["source"]
        assert told["name"] == name
        assert indexed(client, path, told["id"])["status"] == "ready"
    assert all(file.parent.name.startswith("file-") for file in served.data.rglob("escape.png"))
    assert not any((folder / "escape.png").exists() for folder in served.data.parents)


def test_what_one_key_keeps_is_bounded(tmp_path: Path) -> None:
    size = len(ball())
    app = create_app(Settings(data=tmp_path / "data", upload_bytes=size, kept_bytes=2 * size))
    with TestClient(app, base_url="http://localhost") as client:
        path = memory(client)
        assert error(send(client, path, "large.png", ball() + b"x"), 413)["code"] == "too_large"
        kept = added(client, path, "red.png", ball())["id"]
        upload = announce(client, path, "promised.png", ball())
        for answer in (
            send(client, path, "more.png", ball()),
            client.post(f"{path}/uploads", json={"name": "more.png", "size": 1}),
        ):
            assert error(answer, 507)["code"] == "quota_exceeded"
        client.delete(upload)
        assert added(client, path, "more.png", ball())["status"] == "ready"
        client.delete(f"{path}/sources/{kept}")
        assert vanishes(tmp_path, kept)
        assert added(client, path, "again.png", ball())["status"] == "ready"
