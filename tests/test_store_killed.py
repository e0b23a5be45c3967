"""Indexing that is killed, really, at any point: nothing acknowledged is lost, and the end is the same."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import chromadb
import pyarrow.parquet
import pytest
from remembering import Colours, Sizes, film

from sightloop.memory.store import VisualMemory

POINTS = [
    *("embed:1", "embed:2", "embed:4"),  # while the model works
    *("open:half-:1", "open:half-:20", "rename:3", "rename:33"),  # while a picture is written
    *("open:vectors-:1", "open:vectors-:2", "open:vectors-:3"),  # Chroma has a batch, the ledger has not
    *("told:1", "told:2", "told:3"),  # a batch was just acknowledged
    *("call:put_shots:1", "call:put_shots:3"),  # inside the ledger's transaction
]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def undisturbed(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return finished(folder / "mem", clip)


def finished(folder: Path, clip: Path) -> dict[str, Any]:
    """Index to the end, and return all that the memory then holds."""
    with VisualMemory(folder, embedder=Colours(), captioner=Sizes()) as memory:
        memory.add(clip)
        memory.compact()
        held = {
            "sources": memory.sources(),
            "shots": memory.shots(clip),
            "stored": [(one.id, one.ref, one.shot, one.texts) for one in memory.stored(clip)],
            "table": pyarrow.parquet.read_table(memory.export(folder.parent / "out")).to_pylist(),
            "pictures": {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.jpg")},
            "found": [(hit.id, hit.score, hit.span) for hit in memory.search("red", top=10)],
            "by words": [(hit.id, hit.texts) for hit in memory.search("wide pictures", top=10)],
            "others": sorted(path.name for path in (folder / "media").iterdir() if path.is_file()),
        }
    client = chromadb.PersistentClient(str(folder / "chroma"), settings=quiet())
    (listed,) = client.list_collections()
    got = client.get_collection(listed.name, embedding_function=None).get(include=["embeddings", "metadatas"])
    rows = zip(got["ids"], got["embeddings"], got["metadatas"], strict=True)
    held["chroma"] = sorted((id, vector.tolist(), about) for id, vector, about in rows)
    client.close()
    return held


def quiet() -> chromadb.Settings:
    return chromadb.Settings(anonymized_telemetry=False)


def start(folder: Path, clip: Path, point: str, *task: str) -> subprocess.Popen[str]:
    program = [sys.executable, str(Path(__file__).with_name("remembering.py")), folder, clip, point, *task]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


def acknowledged(process: subprocess.Popen[str]) -> tuple[float, int]:
    """Up to which second, and how many stills, a process that has ended said were safe."""
    said = process.communicate()[0].splitlines()[1:]
    seconds, stills = said[-1].split() if said else ("0", "0")
    return float(seconds), int(stills)


def check_kept(folder: Path, safe: tuple[float, int]) -> None:
    with VisualMemory(folder, embedder=Colours()) as memory:
        sources = memory.sources()
        if safe[1]:
            assert (sources[0].seconds or 0) >= safe[0]
            assert sources[0].stills >= safe[1]
        for source in sources:
            for still in memory.stored(source.path):
                assert still.thumbnail.stat().st_size > 0
                assert still.id in {hit.id for hit in memory.search(memory.still(still), top=10)}


def test_the_film_is_worth_killing_over(undisturbed: dict[str, Any]) -> None:
    assert len(undisturbed["stored"]) >= 48
    assert len(undisturbed["shots"]) == 48
    assert len(undisturbed["chroma"]) == len(undisturbed["stored"]) == len(undisturbed["table"])


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point(point: str, clip: Path, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    process = start(tmp_path / "mem", clip, point)
    safe = acknowledged(process)
    assert process.returncode == -signal.SIGKILL
    check_kept(tmp_path / "mem", safe)
    assert finished(tmp_path / "mem", clip) == undisturbed


def test_killed_again_and_again_whenever(clip: Path, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    chance = random.Random(0)
    killed = 0
    for _ in range(6):
        process = start(tmp_path / "mem", clip, "never:1")
        assert process.stdout is not None
        process.stdout.readline()  # it has the folder
        time.sleep(chance.uniform(0.02, 0.5))
        process.kill()
        safe = acknowledged(process)
        killed += process.returncode == -signal.SIGKILL
        check_kept(tmp_path / "mem", safe)
    assert killed >= 2
    assert finished(tmp_path / "mem", clip) == undisturbed


# in the order of passing: before and after the ledger has forgotten, then between the steps of compacting
@pytest.mark.parametrize(
    "point",
    [
        "call:remove_source:1",
        "call:forget:3",
        "call:remove:2",
        "call:renumber:1",
        "call:erase:1",
        "call:_send:2",
    ],
)
def test_forgetting_and_compacting_killed(
    point: str, clip: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    other = film(tmp_path / "other.mp4", shots=8, seed=1)
    with VisualMemory(tmp_path / "mem", embedder=Colours(), captioner=Sizes()) as memory:
        memory.add(other)
        memory.add(clip)
        first = memory.stored(other)[0]
    process = start(tmp_path / "mem", other, point, "forget")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        if str(other) in {source.path for source in memory.sources()}:
            assert memory.search(memory.still(first), top=1)[0].id == first.id
            memory.forget(other)
    assert finished(tmp_path / "mem", clip) == undisturbed
