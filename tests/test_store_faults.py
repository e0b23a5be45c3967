"""What goes wrong with a memory's folder: a clear error, the rest goes on, and it can be opened again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image
from remembering import Colours, film

from sightloop.errors import ForgottenError, StorageError
from sightloop.memory.store import VisualMemory

HELPER = Path(__file__).with_name("remembering.py")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory of the film, closed; to be copied."""
    folder = tmp_path_factory.mktemp("whole") / "mem"
    with VisualMemory(folder, embedder=Colours()) as memory:
        memory.add(clip)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "mem")


def held(folder: Path, clip: Path) -> list[tuple[str, float]]:
    """What a search over everything finds."""
    with VisualMemory(folder, embedder=Colours()) as memory:
        assert memory.sources()[0].complete
        assert len(memory.stored(clip)) == memory.size()["stills"]
        return [(hit.id, round(hit.similarity, 5)) for hit in memory.search("green", top=100)]


# 100 kB do not hold the ledger, 150 kB not Chroma's tables, 250 kB not all of the ledger's log
@pytest.mark.parametrize("most", [100_000, 150_000, 250_000])
def test_a_full_disk_stops_with_an_error_and_goes_on_with_room(
    most: int, clip: Path, whole: Path, tmp_path: Path
) -> None:
    command = [sys.executable, str(HELPER), str(tmp_path / "mem"), str(clip), "never:1"]
    full = subprocess.run([*command, str(most)], capture_output=True, text=True)
    assert full.returncode == 1
    assert full.stderr.startswith("StorageError: ")
    assert str(tmp_path / "mem") in full.stderr
    subprocess.run(command, check=True, capture_output=True)
    assert held(tmp_path / "mem", clip) == held(whole, clip)


def test_a_read_only_folder(whole: Path, clip: Path) -> None:
    program = (
        "import os, sys\n"
        "from sightloop.errors import StorageError\n"
        "from sightloop.memory.store import VisualMemory\n"
        "if os.geteuid() == 0:\n    os.seteuid(65534)  # for root nothing is read-only\n"
        "try:\n    VisualMemory(sys.argv[1], embedder=None)\nexcept StorageError as error:\n    print(error)"
    )
    with tempfile.TemporaryDirectory() as place:  # a folder that others may enter, which tmp_path is not
        Path(place).chmod(0o755)
        folder = shutil.copytree(whole, Path(place) / "mem")
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        command = [sys.executable, "-c", program, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert f"{folder} cannot be opened for writing: Permission denied" in done.stdout
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        assert held(folder, clip) == held(whole, clip)


def test_a_picture_that_is_gone(folder: Path, clip: Path, tmp_path: Path) -> None:
    own = shutil.copy(clip, tmp_path / "own.mp4")
    with VisualMemory(folder, embedder=Colours()) as memory:
        memory.add(own)
        first, second, *_ = memory.search("red", top=9, sources=[own])
        first.thumbnail.unlink()
        second.thumbnail.write_bytes(second.thumbnail.read_bytes()[:100])
        assert memory.still(first).ref == first.ref  # the film is there still
        Path(own).unlink()
        for hit in (first, second):
            with pytest.raises(StorageError, match="gone or damaged") as caught:
                memory.still(hit)
            assert str(hit.thumbnail) in str(caught.value)
        third = memory.search("red", top=9, sources=[own])[3]
        kept = memory.still(third)
        assert "smaller picture" in kept.notes[0]
        assert kept.origin == third.origin
        memory.compact()
        assert len(memory.search("red", top=9, sources=[own])) == 9


def test_a_file_that_changed_gives_the_picture_that_was_found(clip: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 30), "red").save(photo)
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(photo)
        (hit,) = memory.search("red")
        Image.new("RGB", (40, 30), "blue").save(photo)
        kept = memory.still(hit)
        assert "has changed" in kept.notes[0]
        assert kept.pixels[..., 0].mean() > 240


@pytest.mark.parametrize("left", [0, 10, 5000, 30_000])
def test_a_ledger_that_is_cut_off(left: int, folder: Path, clip: Path, tmp_path: Path) -> None:
    ledger = folder / "ledger.sqlite"
    before = held(folder, clip)
    os.truncate(ledger, left)
    if left:
        with pytest.raises(StorageError, match="is damaged") as caught:
            VisualMemory(folder, embedder=Colours())
        assert str(ledger) in str(caught.value)
        for path in folder.glob("ledger.sqlite*"):  # as the message says
            path.rename(tmp_path / path.name)
    with VisualMemory(folder, embedder=Colours()) as memory:
        assert memory.sources() == []
        memory.add(clip)
        memory.compact()
    assert held(folder, clip) == before


def test_a_ledger_that_is_something_else(folder: Path) -> None:
    (folder / "ledger.sqlite").write_bytes(b"a letter to a friend " * 100)
    with pytest.raises(StorageError, match="is damaged"):
        VisualMemory(folder, embedder=Colours())


@pytest.mark.parametrize("cut", [None, 0, 100, 1000])
def test_vectors_are_made_anew_from_chroma(cut: int | None, folder: Path, clip: Path) -> None:
    before = held(folder, clip)
    (flat,) = folder.glob("vectors-*")
    whole = flat.read_bytes()
    if cut is None:
        flat.unlink()
    else:
        os.truncate(flat, cut)
    assert held(folder, clip) == before
    assert len(flat.read_bytes()) == len(whole)


def test_chroma_is_made_anew_from_vectors(folder: Path, clip: Path) -> None:
    before = held(folder, clip)
    shutil.rmtree(folder / "chroma")
    assert held(folder, clip) == before
    next(folder.glob("vectors-*")).unlink()
    assert held(folder, clip) == before


def test_vectors_that_are_lost_are_said_to_be_and_made_anew(folder: Path, clip: Path) -> None:
    before = held(folder, clip)
    shutil.rmtree(folder / "chroma")
    next(folder.glob("vectors-*")).unlink()
    with VisualMemory(folder, embedder=Colours()) as memory:
        memory.search("green")
        (source,) = memory.sources()
        assert not source.complete
        assert "lost" in source.warnings[0]
        assert memory.add(clip).sources == (str(clip),)
    assert held(folder, clip) == before


def test_a_damaged_chroma(folder: Path, clip: Path) -> None:
    (folder / "chroma" / "chroma.sqlite3").write_bytes(b"a letter to a friend " * 100)
    with VisualMemory(folder, embedder=Colours()) as memory:
        assert memory.stored(clip)
        with pytest.raises(StorageError, match="Chroma cannot read"):
            memory.search("red")
        assert memory.shots(clip)


def test_a_server_that_is_not_there(clip: Path, tmp_path: Path) -> None:
    with VisualMemory("http://127.0.0.1:9", embedder=Colours(), folder=tmp_path / "mem") as memory:
        with pytest.raises(StorageError, match=r"127\.0\.0\.1:9"):
            memory.add(clip)
        assert memory.sources() == []


def test_what_was_forgotten_after_it_was_found_says_so(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 30), "red").save(photo)
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(photo)
        (hit,) = memory.search("red")
        memory.forget(photo)
        assert memory.still(hit).ref == hit.ref  # the file is there still
        photo.unlink()
        with pytest.raises(ForgottenError, match="forgotten meanwhile"):
            memory.still(hit)
        assert list(memory.stills([hit])) == []
