"""The memory: adding, asking, forgetting, and what of it is refused."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from clips import clip, real_clips
from PIL import Image
from remembering import Colours, Sizes, film

from sightloop.errors import InputError, MemoryLockedError, MemoryModelError, StorageError
from sightloop.memory.media import LONG_SIDE
from sightloop.memory.records import Progress
from sightloop.memory.sources.videos import Video
from sightloop.memory.still import Evidence, Frame
from sightloop.memory.store import VisualMemory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[VisualMemory]:
    with VisualMemory(tmp_path / "mem", embedder=Colours(), captioner=Sizes(), reader=Sizes()) as memory:
        yield memory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, a clip, and what is neither."""
    folder = tmp_path / "in"
    folder.mkdir()
    for colour, width in (("red", 900), ("green", 100), ("blue", 120)):
        Image.new("RGB", (width, 80), colour).save(folder / f"{colour}.png")
    film(folder / "film.mp4", shots=6)
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def names(memory: VisualMemory) -> list[str]:
    return sorted(Path(source.path).name for source in memory.sources())


def test_a_folder_is_indexed_and_one_bad_file_stops_nothing(memory: VisualMemory, folder: Path) -> None:
    added = memory.add(folder)
    assert [Path(path).name for path in added.sources] == ["blue.png", "film.mp4", "green.png", "red.png"]
    assert sorted(Path(error.input or "").name for error in added.skipped) == ["broken.mp4", "broken.png"]
    assert added.stills == memory.size()["stills"] == sum(source.stills for source in memory.sources())
    best = memory.search("red", top=1)[0]
    assert best.origin.source == str(folder / "red.png")
    assert best.similarity == pytest.approx(1, abs=1e-3)
    with Image.open(best.thumbnail) as thumbnail:
        assert thumbnail.size == (LONG_SIDE, round(80 * LONG_SIDE / 900))
    again = memory.add(folder)
    assert (again.sources, again.stills) == ((), 0)
    assert again.unchanged == added.sources


def test_one_bad_file_by_itself_is_an_error(memory: VisualMemory, folder: Path) -> None:
    for name in ("broken.png", "broken.mp4", "notes.txt", "missing.mp4"):
        with pytest.raises(InputError) as caught:
            memory.add(folder / name)
        assert name in str(caught.value)
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="no pictures, videos or documents"):
        memory.add(folder / "empty")
    assert memory.sources() == []
    assert memory.search("red") == []


@pytest.mark.parametrize("name", ["bikes.mp4", "cityCC0.mpg", "test_A.avi"])
def test_a_real_clip_is_indexed_once(memory: VisualMemory, name: str) -> None:
    path = real_clips()[name]
    told: list[Progress] = []
    added = memory.add(path, progress=told.append)
    stored = memory.stored(path)
    assert added.stills == len(stored) > 0
    assert told[-1].stills == added.stills
    assert [one.t for one in stored] == sorted(one.t for one in stored if one.t is not None)
    shots = {shot.number: shot for shot in memory.shots(path)}
    for one in stored:
        assert one.shot is not None
        assert one.t is not None
        assert shots[one.shot].start <= one.t <= shots[one.shot].end
    (source,) = memory.sources()
    assert source.complete
    assert source.seconds == pytest.approx(shots[max(shots)].end)
    assert memory.add(path).unchanged == (str(path),)


def test_stills_come_back_as_they_were_and_can_be_evidence(memory: VisualMemory) -> None:
    path = real_clips()["bikes.mp4"]
    memory.add(path)
    for hit in memory.search("a red taxi", top=4):
        still = memory.still(hit)
        assert still.ref == hit.ref
        assert isinstance(still.origin, Frame)
        assert Evidence.of(still, "it is here", 0.5).reopen().sha256 == hit.ref.sha256


def test_a_query_may_be_a_still(memory: VisualMemory, folder: Path) -> None:
    memory.add(folder)
    for one in memory.stored(folder / "film.mp4"):
        hit = memory.search(memory.still(one), top=1)[0]
        assert hit.similarity == pytest.approx(1, abs=1e-5)


def test_filters(memory: VisualMemory, folder: Path) -> None:
    memory.add(folder)
    film_path = str(folder / "film.mp4")
    everything = memory.search("red", top=100)
    assert {hit.origin.source for hit in memory.search("red", top=100, kinds=["photo"])} == {
        str(folder / f"{colour}.png") for colour in ("red", "green", "blue")
    }
    only = memory.search("red", top=100, sources=[film_path])
    assert {hit.id for hit in only} == {hit.id for hit in everything if hit.origin.source == film_path}
    late = memory.search("red", top=100, start=2.0, end=4.0)
    assert {hit.id for hit in late} == {hit.id for hit in only if hit.t is not None and 2 <= hit.t <= 4}
    assert memory.search("red", sources=[film_path], kinds=["photo"]) == []
    for wrong in ({"kinds": ["film"]}, {"sources": ["fillm.mp4"]}, {"top": 0}):
        with pytest.raises(InputError):
            memory.search("red", **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="empty"):
        memory.search("  ")


def test_what_captions_and_signs_say_is_found(memory: VisualMemory, folder: Path) -> None:
    memory.add(folder)
    hit = memory.search("which is 120 wide?", top=1)[0]
    assert hit.origin.source == str(folder / "blue.png")
    assert [(text.channel, "120" in text.text) for text in hit.texts] == [("caption", True)]
    hit = memory.search("taxis", top=1)[0]
    assert [text.text for text in hit.texts] == ["TAXI 4711"]
    assert memory.stored(folder / "blue.png")[0].caption == "A picture, 120 wide and 80 high"


def test_a_changed_file_is_indexed_anew(memory: VisualMemory, folder: Path) -> None:
    memory.add(folder)
    before = memory.size()["stills"]
    Image.new("RGB", (90, 80), "yellow").save(folder / "green.png")
    film(folder / "film.mp4", shots=3, seed=1)
    changed = memory.add(folder)
    assert [Path(path).name for path in changed.sources] == ["film.mp4", "green.png"]
    assert memory.size()["stills"] < before
    assert len(memory.shots(folder / "film.mp4")) == 3
    assert memory.search("100", sources=[folder / "green.png"])[0].texts == ()


def test_forgetting_leaves_nothing(memory: VisualMemory, folder: Path) -> None:
    shutil.copy(folder / "red.png", folder / "twin.png")
    memory.add(folder)
    shared = memory.stored(folder / "red.png")[0].thumbnail
    gone = memory.stored(folder / "film.mp4")
    assert memory.forget(folder / "film.mp4") == len(gone)
    assert memory.forget(folder / "red.png") == 1
    assert not any(one.thumbnail.exists() for one in gone)
    assert shared.exists()  # the twin has it still
    assert {hit.origin.source for hit in memory.search("red", top=100)} == {
        str(folder / name) for name in ("blue.png", "green.png", "twin.png")
    }
    with pytest.raises(InputError, match=r"holds no .*film.mp4"):
        memory.shots(folder / "film.mp4")
    memory.compact()
    left = memory.size()
    assert (left["sources"], left["stills"]) == (3, 3)
    assert len(list((memory.folder / "chroma").iterdir())) == 2  # one table, one graph
    assert left["bytes"]["vectors"] == 3 * 12 * 4
    assert memory.search("red", top=1)[0].origin.source == str(folder / "twin.png")
    memory.add(folder)
    assert memory.search("red", sources=[folder / "film.mp4"], top=100)[0].id in {one.id for one in gone}


def test_a_memory_opened_again_is_the_same(folder: Path, tmp_path: Path) -> None:
    with VisualMemory(tmp_path / "kept", embedder=Colours()) as memory:
        memory.add(folder)
        before = [(hit.id, hit.score, hit.similarity, hit.span) for hit in memory.search("blue", top=9)]
    with VisualMemory(tmp_path / "kept", embedder=Colours()) as memory:
        assert [
            (hit.id, hit.score, hit.similarity, hit.span) for hit in memory.search("blue", top=9)
        ] == before


def test_a_closed_memory_says_so(memory: VisualMemory, folder: Path) -> None:
    memory.add(folder / "red.png")
    memory.close()
    memory.close()
    for ask in (memory.sources, lambda: memory.search("red"), lambda: memory.add(folder)):
        with pytest.raises(StorageError, match="is closed"):
            ask()


def test_a_memory_without_a_path_goes_when_it_is_closed(picture: Path) -> None:
    with VisualMemory(embedder=Colours()) as memory:
        memory.add(picture)
        assert memory.search("red")[0].origin.source == str(picture)
        place = memory.folder
        assert place.is_dir()
    assert not place.exists()


def test_another_model_is_refused_by_name(memory: VisualMemory, folder: Path) -> None:
    memory.add(folder / "red.png")
    memory.close()
    with pytest.raises(MemoryModelError, match=r"colours.*shapes"):
        VisualMemory(memory.folder, embedder=Colours("shapes"))
    with VisualMemory(memory.folder, embedder=None) as looked:
        assert names(looked) == ["red.png"]
        with pytest.raises(MemoryModelError, match="colours"):
            looked.search("red")
        looked.forget(folder / "red.png")
    with VisualMemory(memory.folder, embedder=Colours("shapes")) as other:  # it is empty again
        other.add(folder / "blue.png")
        assert other.search("blue")[0].similarity > 0.99


class Strange(Colours):
    """An embedder that returns what it must not."""

    def __init__(self, vectors: np.ndarray) -> None:
        super().__init__()
        self.vectors = vectors

    def embed(self, items: object) -> np.ndarray:
        return self.vectors


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros((1, 12)),
        np.full((1, 12), np.nan),
        np.ones((2, 12)),
        np.ones((1, 5)),
        np.ones(12),
        np.ones((1, 0)),
    ],
    ids=["zero", "not a number", "too many", "another dimension", "flat", "no dimension"],
)
def test_vectors_that_cannot_be_are_refused(vectors: np.ndarray, folder: Path, tmp_path: Path) -> None:
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(folder / "red.png")
    with VisualMemory(tmp_path / "mem", embedder=Strange(vectors)) as memory, pytest.raises(MemoryModelError):
        memory.add(folder / "blue.png")
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(folder / "blue.png")
        assert names(memory) == ["blue.png", "red.png"]


def test_a_memory_may_be_closed_in_another_thread(tmp_path: Path) -> None:
    memory = VisualMemory(tmp_path / "mem", embedder=Colours())
    closing = threading.Thread(target=memory.close)
    closing.start()
    closing.join()
    VisualMemory(tmp_path / "mem", embedder=Colours()).close()


def test_one_owner_at_a_time(memory: VisualMemory) -> None:
    with pytest.raises(MemoryLockedError, match="this process"):
        VisualMemory(memory.folder, embedder=Colours())
    program = (
        "import sys\nfrom sightloop.errors import MemoryLockedError\n"
        "from sightloop.memory.store import VisualMemory\n"
        "try:\n    VisualMemory(sys.argv[1], embedder=None)\n"
        "except MemoryLockedError as error:\n    print(error)"
    )
    command = [sys.executable, "-c", program, str(memory.folder)]
    refused = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"the process {os.getpid()}" in refused
    assert str(memory.folder) in refused
    memory.close()
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""
    VisualMemory(memory.folder, embedder=Colours()).close()


def test_it_is_searched_while_it_is_indexed(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", shots=30)
    with VisualMemory(tmp_path / "mem", embedder=Colours(slow=0.005)) as memory:
        found, done = [], threading.Event()

        def ask() -> None:
            while not done.is_set():
                found.append([hit.id for hit in memory.search("green", top=3)])
                time.sleep(0.01)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            memory.add(path)
        finally:
            done.set()
            asking.join()
        kept = {one.id for one in memory.stored(path)}
        assert any(found)
        assert all(set(ids) <= kept for ids in found)


def test_a_stream_keeps_its_pixels_and_its_clock_goes_on(memory: VisualMemory, tmp_path: Path) -> None:
    path, name = film(tmp_path / "film.mp4", shots=8), "rtsp://camera/1"
    for _ in range(2):
        with Video(path) as video:
            memory.add_stream(video.frames(), name)
    path.unlink()
    (source,) = memory.sources()
    assert (source.path, source.kind, source.complete) == (name, "stream", True)
    stored = memory.stored(name)
    assert len(stored) == len({one.id for one in stored}) == source.stills
    times = [one.t for one in stored]
    assert times == sorted(times)  # type: ignore[type-var]
    shots = memory.shots(name)
    assert [shot.number for shot in shots] == list(range(16))
    assert shots[8].start > shots[7].end
    for hit in memory.search("red", top=5, kinds=["stream"]):
        assert memory.still(hit).ref == hit.ref
        assert memory.still(hit).size == (96, 64)
    with pytest.raises(InputError, match="no kind"):
        memory.search("red", kinds=["camera"])


def test_a_stream_may_be_kept_small(memory: VisualMemory, tmp_path: Path) -> None:
    with Video(film(tmp_path / "film.mp4", shots=30)) as video:
        added = memory.add_stream(video.frames(), "camera", keep=10)
    stored = memory.stored("camera")
    assert added.stills > 20
    assert len(stored) == 10
    assert (stored[-1].t or 0) > 28
    assert len(list((memory.folder / "media").rglob("*.jpg"))) <= 10
    with pytest.raises(InputError):
        memory.add_stream([], "camera", keep=0)
    memory.add(clip(tmp_path / "file.mp4"))
    with pytest.raises(InputError, match="as a video"):
        memory.add_stream([], str(tmp_path / "file.mp4"))


def test_a_stream_that_breaks_keeps_what_came(memory: VisualMemory, tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", shots=6)

    def frames() -> Iterator[object]:
        with Video(path) as video:
            yield from video.frames(stop=4.0)
        raise InputError("the camera is gone.", input="camera")

    with pytest.raises(InputError, match="gone"):
        memory.add_stream(frames(), "camera")  # type: ignore[arg-type]
    assert len(memory.stored("camera")) >= 3


def test_export(memory: VisualMemory, folder: Path, tmp_path: Path) -> None:
    memory.add(folder)
    table = pyarrow.parquet.read_table(memory.export(tmp_path / "out")).to_pylist()
    assert len(table) == memory.size()["stills"]
    for row in table:
        (stored,) = [one for one in memory.stored(row["source"]) if one.id == row["id"]]
        assert (row["t"], row["frame"], row["sha256"]) == (stored.t, stored.index, stored.ref.sha256)
        assert (tmp_path / "out" / row["thumbnail"]).read_bytes() == stored.thumbnail.read_bytes()
        assert np.linalg.norm(row["vector"]) == pytest.approx(1)
        assert row["caption"] == stored.caption


def test_vectors_on_a_server(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("chroma")),
        "run",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    server = subprocess.Popen([*command, "--path", str(tmp_path / "server")], stdout=subprocess.DEVNULL)
    try:
        _wait(port, server)
        with VisualMemory(f"http://127.0.0.1:{port}", embedder=Colours(), folder=tmp_path / "mem") as memory:
            memory.add(folder)
            assert memory.search("red", top=1)[0].origin.source == str(folder / "red.png")
            assert not (tmp_path / "mem" / "chroma").exists()
    finally:
        server.terminate()
        server.wait()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the server did not start")
