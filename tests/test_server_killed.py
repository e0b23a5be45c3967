"""A server that is killed, really, while files come in, are indexed and forgotten: what it said is so."""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from keeping import added, announce, ball, found, indexed, memory, piece, png, send, vanishes
from PIL import Image
from remembering import film
from serving import Serving, serving

from sightloop.errors import MemoryLockedError
from sightloop.integrations.server.app import create_app
from sightloop.integrations.server.settings import Settings

KILLS = 2
PIECE = 2**15
HALF = b"written, but never acknowledged"


@dataclass
class Told:
    """What servers acknowledged before they were killed, and what they were asked for without an answer."""

    path: str
    upload: str
    content: bytes
    film: bytes
    kept: int = 0
    sources: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)


def use(client: httpx.Client, told: Told) -> None:
    """Send pieces and files, and forget some, until the server is killed."""
    for turn in count():
        if told.kept < len(told.content) - 2 * PIECE:
            answer = piece(client, told.upload, told.content[told.kept : told.kept + PIECE], told.kept)
            told.kept = answer.raise_for_status().json()["offset"]
        if turn % 4 == 0:
            name, content = ("film.mp4", told.film) if turn == 0 else ("red.png", ball())
            told.unanswered.add(name)
            id = send(client, told.path, name, content).raise_for_status().json()["id"]
            told.sources[id] = name
        if turn % 4 == 2:
            id = next(id for id in reversed(told.sources) if turn > 2 or told.sources[id] == "film.mp4")
            told.unanswered.add(id)
            client.delete(f"{told.path}/sources/{id}").raise_for_status()
            told.gone.add(id)
            del told.sources[id]


def check(client: httpx.Client, told: Told) -> None:
    """See that a new server knows all that was acknowledged, and nothing that never came."""
    kept = int(client.head(told.upload).headers["upload-offset"])
    assert told.kept <= kept <= told.kept + PIECE
    told.kept = kept
    known = {one["id"]: one["name"] for one in client.get(f"{told.path}/sources").json()["data"]}
    assert known.keys() >= told.sources.keys() - told.unanswered
    assert not known.keys() & told.gone
    for id in told.unanswered & told.sources.keys() - known.keys():
        told.gone.add(id)  # it was forgotten, but the answer was lost
        del told.sources[id]
    for id in known.keys() - told.sources.keys():
        assert known[id] in told.unanswered  # it came in, but the answer was lost
        told.sources[id] = known[id]
    told.unanswered.clear()


def killed_while_used(server: Serving, client: httpx.Client, told: Told, seconds: float) -> None:
    end = threading.Timer(seconds, server.process.kill)
    end.start()
    with pytest.raises(httpx.TransportError):
        use(client, told)
    end.join()
    assert server.process.wait() == -signal.SIGKILL


def leave_halves(data: Path, told: Told, moved: str) -> None:
    """Do to the files what a server leaves that dies between two steps, each of which is too short to hit."""
    tenant = data / "tenants" / "local"
    home = tenant / "memories" / told.path.rpartition("/")[2]
    half = home / "uploads" / told.upload.rpartition("/")[2]
    half.write_bytes(half.read_bytes() + HALF)
    (home / "uploads" / "file-0000000000000000").write_bytes(HALF)
    (home / "files" / "file-1111111111111111").mkdir()
    (home.parent / "mem-3333333333333333" / "uploads").mkdir(parents=True)
    (tenant / "results" / "res-2222222222222222").mkdir(parents=True)
    # a whole upload was moved to the sources, and is not yet written down as one
    base = sqlite3.connect(tenant / "catalogue.sqlite")
    with base:
        columns = "id, memory, name, bytes, bytes, created"
        base.execute(f"INSERT INTO uploads SELECT {columns} FROM sources WHERE id = ?", [moved])
        base.execute("DELETE FROM sources WHERE id = ?", [moved])
    base.close()


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Told, Path]]:
    folder = tmp_path_factory.mktemp("killed")
    content = png(Image.effect_noise((1400, 1400), 90))
    told = Told("", "", content, film(folder / "film.mp4", shots=30).read_bytes())
    chance, data, moved = random.Random(0), folder / "data", ""
    for _ in range(KILLS):
        with serving(data) as server, server.client() as client:
            if not told.path:
                told.path = memory(client)
                told.upload = announce(client, told.path, "noise.png", content)
                moved = added(client, told.path, "moved.png", ball("blue"))["id"]
                told.sources[moved] = "moved.png"
            check(client, told)
            killed_while_used(server, client, told, chance.uniform(0.3, 1.5))
    leave_halves(data, told, moved)
    with serving(data) as server, server.client() as client:
        check(client, told)
        yield client, told, data


def test_the_upload_goes_on(after: tuple[httpx.Client, Told, Path]) -> None:
    client, told, data = after
    assert told.kept
    answer = piece(client, told.upload, told.content[told.kept :], told.kept).raise_for_status().json()
    assert indexed(client, told.path, answer["source"]["id"])["status"] == "ready"
    (stored,) = data.rglob("noise.png")
    assert stored.read_bytes() == told.content


def test_all_that_was_acknowledged_is_indexed(after: tuple[httpx.Client, Told, Path]) -> None:
    client, told, _ = after
    whole: dict[str, Any] = added(client, told.path, "film.mp4", told.film)
    assert "moved.png" in told.sources.values()
    for id, name in told.sources.items():
        source = indexed(client, told.path, id)
        assert (source["name"], source["status"]) == (name, "ready")
        assert source["stills"] == (whole["stills"] if name == "film.mp4" else 1)
        hits = found(client, told.path, "a picture", sources=[id], top=100)
        assert len(hits) == source["stills"]
        assert client.get(hits[0]["media"]).status_code == 200


def test_what_was_forgotten_stays_so(after: tuple[httpx.Client, Told, Path]) -> None:
    client, told, data = after
    assert told.gone
    for id in told.gone:
        assert vanishes(data, id)
    hits = found(client, told.path, "a picture", top=100)
    assert not {hit["source"] for hit in hits} & told.gone


def test_what_was_never_acknowledged_is_removed(after: tuple[httpx.Client, Told, Path]) -> None:
    _, _, data = after
    for name in (
        "file-0000000000000000",
        "file-1111111111111111",
        "res-2222222222222222",
        "mem-3333333333333333",
    ):
        assert not list(data.rglob(name))


def test_two_servers_do_not_share_a_folder(served: Serving) -> None:
    with pytest.raises(MemoryLockedError, match=f"process {served.process.pid}"):
        create_app(Settings(data=served.data))
    with served.client() as client:
        assert client.get("/v1/memories").status_code == 200
