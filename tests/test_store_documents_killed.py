"""Indexing of documents that is killed, really: nothing acknowledged is lost, and nothing is there twice."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import chromadb
import pyarrow.parquet
import pytest
from remembering import Colours, Sizes
from reports import Meanings, report
from test_store_killed import acknowledged, quiet, start

from sightloop.memory.store import VisualMemory

PAGES = 20

POINTS = [
    *("embed:1", "mean:2"),  # while a model works
    "rename:18",  # while a picture is written
    *("open:passages-:1", "open:passages-:2"),  # the graphs have a batch, the ledger has not
    *("told:1", "told:2"),  # a batch was just acknowledged
    *("call:put_pages:2", "call:put_passages:2"),  # inside the ledger's transaction
]


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(tmp_path_factory.mktemp("paper") / "report.pdf", PAGES)


@pytest.fixture(scope="module")
def undisturbed(paper: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return finished(tmp_path_factory.mktemp("undisturbed") / "mem", paper)


def finished(folder: Path, paper: Path) -> dict[str, Any]:
    """Index to the end, and return all that the memory then holds."""
    with VisualMemory(folder, embedder=Colours(), captioner=Sizes(), sentences=Meanings()) as memory:
        memory.add(paper)
        memory.compact()
        stored = memory.stored(paper)
        table = memory.export(folder.parent / "out")
        held = {
            "sources": memory.sources(),
            "stored": [(one.id, one.ref, one.texts) for one in stored],
            "words": [memory.page_text(one) for one in stored],
            "stills": pyarrow.parquet.read_table(table).to_pylist(),
            "blocks": pyarrow.parquet.read_table(table.with_name("blocks.parquet")).to_pylist(),
            "pictures": {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.jpg")},
            "found": [(hit.id, hit.score, hit.texts) for hit in memory.search("zebra7 survival", top=10)],
            "passages": memory.size()["passages"],
            "room": {path.name[:8]: path.stat().st_size for path in folder.glob("*.f32")},
        }
    for graph in ("chroma", "chroma-passages"):
        client = chromadb.PersistentClient(str(folder / graph), settings=quiet())
        (listed,) = client.list_collections()
        kept = client.get_collection(listed.name, embedding_function=None)
        got = kept.get(include=["embeddings", "metadatas"])
        rows = zip(got["ids"], got["embeddings"], got["metadatas"], strict=True)
        held[graph] = sorted((id, vector.tolist(), about) for id, vector, about in rows)
        client.close()
    return held


def check_kept(folder: Path, paper: Path, safe: tuple[float, int]) -> None:
    with VisualMemory(folder, embedder=Colours(), sentences=Meanings()) as memory:
        if not safe[1]:
            return
        stored = memory.stored(paper)
        assert len(stored) >= safe[1]
        assert [one.page for one in stored] == list(range(1, len(stored) + 1))
        for one in stored:
            assert memory.page_text(one) is not None
            assert one.thumbnail.stat().st_size > 0
        assert memory.size()["passages"] >= len(stored)


def test_the_report_is_worth_killing_over(undisturbed: dict[str, Any]) -> None:
    assert len(undisturbed["stored"]) == len(undisturbed["chroma"]) == PAGES
    assert undisturbed["passages"] == len(undisturbed["chroma-passages"]) > PAGES
    assert undisturbed["room"]["passages"] == undisturbed["passages"] * 64 * 4
    assert len({row["still"] for row in undisturbed["blocks"]}) == PAGES


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point(point: str, paper: Path, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    process = start(tmp_path / "mem", paper, point)
    safe = acknowledged(process)
    assert process.returncode == -signal.SIGKILL
    check_kept(tmp_path / "mem", paper, safe)
    assert finished(tmp_path / "mem", paper) == undisturbed


@pytest.mark.parametrize("point", ["open:passages-:1", "call:put_passages:1", "told:1"])
def test_killed_while_passages_are_filled_in(
    point: str, paper: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    with VisualMemory(tmp_path / "mem", embedder=Colours(), captioner=Sizes()) as memory:
        memory.add(paper)
    process = start(tmp_path / "mem", paper, point)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    check_kept(tmp_path / "mem", paper, (0.0, 0))
    assert finished(tmp_path / "mem", paper) == undisturbed


# in the order of passing: before and after the ledger has forgotten, then between the steps of compacting
@pytest.mark.parametrize(
    "point", ["call:remove_source:1", "call:forgotten:2", "call:remove:2", "call:renumber:2", "call:erase:2"]
)
def test_forgetting_and_compacting_killed(
    point: str, paper: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    other = report(tmp_path / "other.pdf", 3, seed=1)
    with VisualMemory(
        tmp_path / "mem", embedder=Colours(), captioner=Sizes(), sentences=Meanings()
    ) as memory:
        memory.add(other)
        memory.add(paper)
    process = start(tmp_path / "mem", other, point, "forget")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with VisualMemory(tmp_path / "mem", embedder=Colours(), sentences=Meanings()) as memory:
        if str(other) in {source.path for source in memory.sources()}:
            memory.forget(other)
    assert finished(tmp_path / "mem", paper) == undisturbed
