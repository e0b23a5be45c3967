"""Pictures behind an address, from a real server on this machine: refused unless allowed, bounded, kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sightloop.agent.inputs import gather
from sightloop.errors import InputError
from sightloop.memory import Evidence
from sightloop.memory.sources import web

from .pictures import encoded, noise


class Handler(BaseHTTPRequestHandler):
    picture = encoded(noise(), "PNG")

    def do_GET(self) -> None:
        if self.path == "/a.png":
            self._send(200, self.picture)
        elif self.path == "/moved":
            self._send(302, b"", Location="/a.png")
        elif self.path == "/circle":
            self._send(302, b"", Location="/circle")
        elif self.path == "/local":
            self._send(302, b"", Location="file:///etc/hostname")
        elif self.path == "/page":
            self._send(200, b"<html>not a picture</html>")
        else:
            self._send(404, b"")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep still."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_an_address_is_refused_unless_it_is_allowed(server: str, picture: Path) -> None:
    stills, skipped, *_ = gather([f"{server}/a.png", picture])
    assert [still.origin.source for still in stills] == [str(picture)]
    assert "allow" in skipped[0].message


@pytest.mark.parametrize("path", ["/a.png", "/moved"])
def test_an_allowed_address_is_a_picture_that_can_be_reopened(server: str, path: str) -> None:
    (still,), skipped, *_ = gather(f"{server}{path}", urls=True)
    assert skipped == []
    assert still.size == noise().size
    assert any(f"{server}{path}" in note for note in still.notes)
    server_is_not_asked_again = Evidence.of(still, "it is noise", 0.5).reopen()
    assert server_is_not_asked_again.sha256 == still.sha256


@pytest.mark.parametrize(
    ("path", "words"),
    [("/none.png", "404"), ("/circle", "more than"), ("/local", "not followed"), ("/page", "not a picture")],
)
def test_what_is_no_picture_is_named_and_the_rest_goes_on(
    server: str, picture: Path, path: str, words: str
) -> None:
    stills, skipped, *_ = gather([f"{server}{path}", picture], urls=True)
    assert len(stills) == 1
    assert words in skipped[0].message
    assert skipped[0].input == f"{server}{path}"


def test_a_download_is_bounded(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_BYTES", 100)
    with pytest.raises(InputError, match="MiB"):
        web.download(f"{server}/a.png", tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_server_that_is_not_there(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be fetched"):
        web.download("http://127.0.0.1:9/a.png", tmp_path)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1/a", True), ("http://10.1.2.3/a", True), ("http://[::1]/a", True),
        ("http://169.254.169.254/meta", True), ("http://8.8.8.8/a", False),
    ],
)  # fmt: skip
def test_which_addresses_a_public_one_may_not_lead_to(url: str, private: bool) -> None:
    assert web._private(url) is private
