"""Memories of an earlier format, and damage to what is kept of documents."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from remembering import Colours, Sizes, film
from reports import Ink, Meanings, report, word_of

from sightloop.errors import StorageError
from sightloop.memory.store import VisualMemory

FORMAT_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE sources (
    number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE NOT NULL, kind TEXT NOT NULL,
    fingerprint TEXT, complete INTEGER NOT NULL DEFAULT 0, position TEXT, seconds REAL, duration REAL,
    began REAL, subtitles TEXT, warnings TEXT NOT NULL DEFAULT '[]');
CREATE TABLE shots (
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE, number INTEGER NOT NULL,
    start REAL NOT NULL, "end" REAL NOT NULL, first_frame INTEGER NOT NULL, last_frame INTEGER NOT NULL,
    PRIMARY KEY (source, number)) WITHOUT ROWID;
CREATE TABLE stills (
    slot INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE, t REAL, frame INTEGER, shot INTEGER,
    sha256 TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, media TEXT NOT NULL);
CREATE INDEX stills_by_source ON stills (source, t);
CREATE INDEX stills_by_media ON stills (media);
CREATE TABLE texts (
    number INTEGER PRIMARY KEY, slot INTEGER NOT NULL REFERENCES stills ON DELETE CASCADE,
    channel TEXT NOT NULL, start REAL, "end" REAL, text TEXT NOT NULL);
CREATE INDEX texts_by_slot ON texts (slot);
CREATE VIRTUAL TABLE words USING fts5(
    text, content='texts', content_rowid='number', tokenize='porter unicode61 remove_diacritics 2');
CREATE TRIGGER texts_in AFTER INSERT ON texts BEGIN
    INSERT INTO words (rowid, text) VALUES (new.number, new.text);
END;
CREATE TRIGGER texts_out AFTER DELETE ON texts BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text);
END;
"""
"""The tables as the version before documents made them."""


def as_format_1(ledger: Path) -> None:
    """Write the rows of a ledger without documents into one of the format 1."""
    old = ledger.with_name("old.sqlite")
    with closing(sqlite3.connect(ledger)) as new, closing(sqlite3.connect(old)) as made:
        made.executescript(FORMAT_1)
        for table in ("meta", "sources", "shots", "stills", "texts"):
            names = [f'"{row[1]}"' for row in made.execute(f"PRAGMA table_info({table})")]
            rows = new.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
            made.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", rows)
        made.execute("UPDATE meta SET value = '1' WHERE key = 'format'")
        made.commit()
    for path in ledger.parent.glob(f"{ledger.name}*"):
        path.unlink()
    old.rename(ledger)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder of a photo and a film, and a memory of it of the format 1."""
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (120, 80), "red").save(folder / "red.png")
    film(folder / "film.mp4", shots=4)
    with VisualMemory(tmp_path / "mem", embedder=Colours(), captioner=Sizes(), reader=Sizes()) as memory:
        memory.add(folder)
        (folder / "held.txt").write_text(repr(held(memory)))
    as_format_1(tmp_path / "mem" / "ledger.sqlite")
    return folder


def held(memory: VisualMemory) -> object:
    return (
        memory.sources(),
        [memory.stored(source.path) for source in memory.sources()],
        [(hit.id, hit.score, hit.texts) for hit in memory.search("red taxi which is 120 wide", top=9)],
    )


def test_a_memory_of_the_format_1_is_as_it_was_and_takes_documents(old: Path, tmp_path: Path) -> None:
    with VisualMemory(tmp_path / "mem", embedder=Colours(), sentences=Meanings()) as memory:
        assert repr(held(memory)) == (old / "held.txt").read_text()
        assert len(memory.add(old).unchanged) == 2
        paper = report(tmp_path / "report.pdf", 2)
        memory.add(paper)
        assert memory.search(word_of(2), top=1)[0].ref == memory.stored(paper)[1].ref
        memory.forget(old / "red.png")
        assert "120" not in [text.text for hit in memory.search("120", top=9) for text in hit.texts]
        memory.compact()
    with VisualMemory(tmp_path / "mem", embedder=Colours(), ocr=Ink()) as memory:
        assert len(memory.stored(paper)) == 2


def test_a_photo_of_the_format_1_is_read_when_that_is_asked_for(old: Path, tmp_path: Path) -> None:
    with VisualMemory(tmp_path / "mem", embedder=Colours(), ocr=Ink()) as memory:
        assert memory.add(old / "red.png", ocr_photos=True).sources == (str(old / "red.png"),)
        (stored,) = memory.stored(old / "red.png")
        assert memory.page_text(stored) is not None


def test_a_later_format_is_refused(old: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "mem" / "ledger.sqlite"
    with closing(sqlite3.connect(ledger)) as base:
        base.execute("UPDATE meta SET value = '3' WHERE key = 'format'")
        base.commit()
    with pytest.raises(StorageError, match="of the format 3"):
        VisualMemory(tmp_path / "mem", embedder=Colours())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory of a document, closed; to be copied."""
    folder = tmp_path_factory.mktemp("whole")
    path = report(folder / "report.pdf", 6)
    with VisualMemory(folder / "mem", embedder=Colours(), sentences=Meanings()) as memory:
        memory.add(path)
    return folder / "mem"


def vectors(folder: Path) -> NDArray[np.float32]:
    """Vectors of passages as they lie in their file; the graph rounds them a little."""
    (path,) = folder.glob("passages-*.f32")
    return np.fromfile(path, np.float32).reshape(-1, 64)


def reopened(folder: Path) -> tuple[bool, tuple[str, ...]]:
    """Have a memory look at its passages, and return whether its source is complete, and its warnings."""
    with VisualMemory(folder, embedder=Colours(), sentences=Meanings()) as memory:
        memory.compact()
        (source,) = memory.sources()
        return source.complete, source.warnings


@pytest.mark.parametrize("left", [None, 0, 100, 1000])
def test_vectors_of_passages_are_made_anew_from_the_graph(
    left: int | None, whole: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(whole, tmp_path / "mem")
    before = vectors(folder)
    (path,) = folder.glob("passages-*.f32")
    if left is None:
        path.unlink()
    else:
        os.truncate(path, left)
    assert reopened(folder) == (True, ())
    assert vectors(folder) == pytest.approx(before, abs=1e-6)


def test_the_graph_of_passages_is_made_anew_from_vectors(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "mem")
    before = vectors(folder)
    shutil.rmtree(folder / "chroma-passages")
    assert reopened(folder) == (True, ())
    next(folder.glob("passages-*.f32")).unlink()
    assert reopened(folder) == (True, ())
    assert vectors(folder) == pytest.approx(before, abs=1e-6)


def test_passages_that_are_lost_are_said_to_be_and_made_anew(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "mem")
    before = vectors(folder)
    shutil.rmtree(folder / "chroma-passages")
    next(folder.glob("passages-*.f32")).unlink()
    complete, (warning,) = reopened(folder)
    assert not complete
    assert "lost" in warning
    with VisualMemory(folder, embedder=Colours(), sentences=Meanings()) as memory:
        memory.add(whole.parent / "report.pdf")
        memory.compact()
    assert reopened(folder) == (True, ())
    assert vectors(folder) == pytest.approx(before, abs=1e-6)
