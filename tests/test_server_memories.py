"""What a server keeps of files: it is searched, shown by handle, forgotten, and nobody else's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from clips import clip
from keeping import added, announce, ball, error, found, indexed, memory, piece, png, send, vanishes
from papers import pdf
from PIL import Image
from remembering import film
from serving import Serving


@pytest.fixture(scope="module")
def client(served: Serving) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def test_a_memory_is_begun_listed_and_removed(client: httpx.Client) -> None:
    path = memory(client, "holidays")
    told = client.get(path).json()
    assert (told["object"], told["name"], told["sources"], told["bytes"]) == ("memory", "holidays", 0, 0)
    assert told in client.get("/v1/memories").json()["data"]
    assert client.delete(path).json() == {"id": told["id"], "object": "memory.deleted", "deleted": True}
    assert told["id"] not in {one["id"] for one in client.get("/v1/memories").json()["data"]}
    for answer in (client.get(path), client.delete(path), client.get(f"{path}/sources")):
        assert error(answer, 404)["type"] == "not_found_error"
    error(client.post(f"{path}/search", json={"query": "red"}), 404)
    error(send(client, path, "a.png", ball()), 404)


def test_pictures_are_found_by_words_and_shown_by_handle(client: httpx.Client) -> None:
    path = memory(client)
    red = added(client, path, "red one.png", ball("red"))
    blue = added(client, path, "blue one.png", ball("blue"))
    assert (red["kind"], red["status"], red["stills"], red["error"]) == ("photo", "ready", 1, None)
    first, second = found(client, path, "a red circle")
    assert (first["source"], first["name"]) == (red["id"], "red one.png")
    assert (first["width"], first["height"], first["kind"]) == (192, 96, "photo")
    assert second["source"] == blue["id"]
    shown = client.get(first["media"])
    assert shown.headers["content-type"] == "image/jpeg"
    whole = np.asarray(Image.open(io.BytesIO(shown.content)).convert("RGB")).astype(int)
    assert whole.shape == (96, 192, 3)
    assert np.abs(whole[48, 48] - (255, 0, 0)).max() < 30
    part = client.get(first["media"], params={"box": "100,0,180,40"})
    crop = np.asarray(Image.open(io.BytesIO(part.content)).convert("RGB"))
    assert crop.shape == (40, 80, 3)
    assert crop.min() > 230
    small = Image.open(io.BytesIO(client.get(first["media"], params={"side": 32}).content))
    assert small.size == (32, 16)


def test_only_some_sources_are_searched(client: httpx.Client) -> None:
    path = memory(client)
    red, blue = (added(client, path, f"{name}.png", ball(name))["id"] for name in ("red", "blue"))
    assert {hit["source"] for hit in found(client, path, "a circle")} == {red, blue}
    assert {hit["source"] for hit in found(client, path, "a circle", sources=[blue])} == {blue}
    assert found(client, path, "a circle", sources=[]) == []
    assert found(client, path, "a circle", kinds=["video"]) == []
    assert len(found(client, path, "a circle", top=1)) == 1
    error(client.post(f"{path}/search", json={"query": "a circle", "sources": ["file-nobodys"]}), 404)


def test_moments_of_a_video_have_their_times(client: httpx.Client, tmp_path: Path) -> None:
    path = memory(client)
    video = added(client, path, "film.mp4", film(tmp_path / "film.mp4", shots=4).read_bytes())
    assert (video["kind"], video["duration"]) == ("video", pytest.approx(4.0, abs=0.2))
    hits = found(client, path, "squares", top=3, start=1, end=3)
    assert hits
    for hit in hits:
        assert hit["kind"] == "frame"
        assert hit["span"][0] <= hit["t"] <= hit["span"][1]
        assert client.get(hit["media"]).status_code == 200


def test_pages_are_found_by_their_words(client: httpx.Client, tmp_path: Path) -> None:
    path = memory(client)
    paper = pdf(tmp_path / "a.pdf", "The weather was fine.", "The invoice is due in April.\nPay by card.")
    document = added(client, path, "paper.pdf", paper.read_bytes())
    assert (document["kind"], document["pages"], document["stills"]) == ("document", 2, 2)
    hit = found(client, path, "when is the invoice due", top=1)[0]
    assert (hit["kind"], hit["page"]) == ("page", 2)
    assert any("invoice" in text["text"] for text in hit["texts"])
    x0, y0, x1, y1 = hit["box"]
    assert 0 <= x0 < x1 <= hit["width"]
    assert 0 <= y0 < y1 <= hit["height"]
    cut = client.get(hit["media"], params={"box": f"{x0},{y0},{x1},{y1}"})
    assert cut.status_code == 200


def test_what_is_forgotten_is_nowhere(client: httpx.Client, served: Serving) -> None:
    path = memory(client)
    red, blue = (added(client, path, f"{name}.png", ball(name)) for name in ("red", "blue"))
    handle = next(hit["media"] for hit in found(client, path, "a circle") if hit["source"] == red["id"])
    told = client.delete(f"{path}/sources/{red['id']}").json()
    assert told == {"id": red["id"], "object": "memory.source.deleted", "deleted": True}
    error(client.get(f"{path}/sources/{red['id']}"), 404)
    error(client.get(handle), 404)
    assert [one["id"] for one in client.get(f"{path}/sources").json()["data"]] == [blue["id"]]
    assert {hit["source"] for hit in found(client, path, "a red circle")} == {blue["id"]}
    assert vanishes(served.data, red["id"])


def test_a_removed_memory_leaves_no_file(client: httpx.Client, served: Serving) -> None:
    path = memory(client)
    added(client, path, "red.png", ball())
    client.delete(path)
    assert vanishes(served.data, path.rpartition("/")[2])


def test_no_key_sees_what_is_anothers(guarded: Serving) -> None:
    with guarded.client("ann") as ann, guarded.client("bob") as bob:
        path = memory(ann, "ann's")
        source = added(ann, path, "red.png", ball())
        upload = announce(ann, path, "more.png", ball())
        handle = found(ann, path, "red")[0]["media"]
        own = memory(bob, "bob's")
        assert [one["name"] for one in bob.get("/v1/memories").json()["data"]] == ["bob's"]
        name = path.rpartition("/")[2]
        theirs = [
            bob.get(path),
            bob.delete(path),
            bob.get(f"{path}/sources"),
            bob.get(f"{path}/sources/{source['id']}"),
            bob.get(f"{own}/sources/{source['id']}"),
            bob.delete(f"{path}/sources/{source['id']}"),
            bob.post(f"{path}/search", json={"query": "red"}),
            bob.post(f"{own}/search", json={"query": "red", "sources": [source["id"]]}),
            bob.get(handle),
            bob.get(handle.replace(name, own.rpartition("/")[2])),
            bob.get(upload),
            bob.delete(upload),
            piece(bob, upload, b"x", 0),
            send(bob, path, "mine.png", ball()),
            announced_by(bob, path),
        ]
        never = bob.get(f"{own}/sources/file-0000000000000000")
        for answer in theirs:
            assert error(answer, 404)["type"] == error(never, 404)["type"]
        assert [one["id"] for one in ann.get(f"{path}/sources").json()["data"]] == [source["id"]]
        assert bob.post(f"{own}/search", json={"query": "red"}).json()["data"] == []
        for nobody in (httpx.get(guarded.url + path), httpx.get(guarded.url + handle)):
            assert error(nobody, 401)["code"] == "invalid_api_key"


def announced_by(client: httpx.Client, path: str) -> httpx.Response:
    return client.post(f"{path}/uploads", json={"name": "a.png", "size": 5})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "red", "top": 0},
        {"query": "red", "top": 101},
        {"query": "red", "kinds": ["stream"]},
        {"query": "red", "start": -1},
        {"query": "red", "paths": ["/etc/passwd"]},
        {"query": "x" * 3000},
        {"query": ["red"]},
    ],
)
def test_a_search_that_cannot_be_is_refused(client: httpx.Client, body: dict[str, object]) -> None:
    path = memory(client)
    assert error(client.post(f"{path}/search", json=body), 400)["type"] == "invalid_request_error"


@pytest.mark.parametrize("query", ["\0", '"', "red AND (", "NEAR(", "*", "ひ" * 500, "   "])
def test_odd_words_search_or_are_refused(client: httpx.Client, query: str) -> None:
    path = memory(client)
    added(client, path, "red.png", ball())
    assert client.post(f"{path}/search", json={"query": query}).status_code in (200, 400)


@pytest.mark.parametrize(
    "box", ["", "1,2,3", "a,b,c,d", "5,5,5,5", "10,10,0,0", "nan,0,1,1", "500,500,600,600", "0,0,1e400,1"]
)
def test_a_part_that_is_none_is_refused(client: httpx.Client, box: str) -> None:
    path = memory(client)
    added(client, path, "red.png", ball())
    handle = found(client, path, "red")[0]["media"]
    assert error(client.get(handle, params={"box": box}), 400)["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "handle", ["nothing", "..%2f..%2fcatalogue.sqlite", "0123456789abcdef:00000000", "%00"]
)
def test_a_handle_of_nothing_is_not_found(client: httpx.Client, handle: str) -> None:
    error(client.get(f"{memory(client)}/media/{handle}"), 404)


def test_answers_tell_nothing_of_the_servers_folders(client: httpx.Client, served: Serving) -> None:
    path = memory(client)
    broken = ball()[:60]
    source = added(client, path, "broken.png", broken)
    assert source["status"] == "failed"
    assert "broken.png" in source["error"]
    assert str(served.data) not in client.get(f"{path}/sources").text
    assert found(client, path, "red") == []


def test_a_large_picture_is_shown_smaller(client: httpx.Client) -> None:
    path = memory(client)
    added(client, path, "large.png", png(Image.new("RGB", (3000, 1500), "green")))
    shown = client.get(found(client, path, "green")[0]["media"])
    assert Image.open(io.BytesIO(shown.content)).size == (1600, 800)


def test_a_video_is_indexed_while_others_are_searched(client: httpx.Client, tmp_path: Path) -> None:
    path, other = memory(client), memory(client)
    added(client, other, "red.png", ball())
    sent = send(client, path, "long.mp4", clip(tmp_path / "long.mp4", 400).read_bytes())
    assert found(client, other, "red")
    assert indexed(client, path, sent.json()["id"])["status"] == "ready"


def test_a_file_can_be_forgotten_while_it_is_indexed(
    client: httpx.Client, served: Serving, tmp_path: Path
) -> None:
    path = memory(client)
    id = send(client, path, "film.mp4", film(tmp_path / "film.mp4", shots=90).read_bytes()).json()["id"]
    while not (at := client.get(f"{path}/sources/{id}").json())["progress"]:
        assert at["status"] in ("waiting", "indexing")
    assert 0 < at["progress"]["done"] < at["progress"]["of"]
    assert client.delete(f"{path}/sources/{id}").json()["deleted"]
    assert found(client, path, "squares") == []
    assert vanishes(served.data, id)
