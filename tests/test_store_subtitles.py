"""Subtitles beside a video are searched with it, by when they are said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from remembering import Colours, film

from sightloop.memory.search import spans
from sightloop.memory.store import VisualMemory

LINES = """1
00:00:01,000 --> 00:00:02,000
Here is the red van.

2
00:00:06,000 --> 00:00:09,500
After the break, the lighthouse.
"""


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return film(tmp_path / "film.mp4", shots=12)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[VisualMemory]:
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        yield memory


def said(memory: VisualMemory, words: str) -> list[tuple[str, float | None, float | None]]:
    hits = memory.search(words, top=50)
    return [(text.channel, text.start, text.end) for hit in hits for text in hit.texts]


def test_lines_are_found_at_their_nearest_keyframe(memory: VisualMemory, video: Path) -> None:
    video.with_suffix(".srt").write_text(LINES)
    assert memory.add(video).warnings == ()
    assert said(memory, "lighthouses") == [("subtitle", 6.0, 9.5)]
    hit = memory.search("lighthouses", top=1)[0]
    assert hit.t == min((one.t for one in memory.stored(video)), key=lambda t: abs((t or 0) - 7.75))
    (span,) = spans([hit])
    assert span.start <= 6.0
    assert span.end >= 9.5
    assert said(memory, "zebra") == []


def test_subtitles_that_come_or_change_later_are_taken_in_without_indexing(
    memory: VisualMemory, video: Path
) -> None:
    memory.add(video)
    assert said(memory, "lighthouse") == []
    seen = memory.stored(video)
    video.with_suffix(".srt").write_text(LINES)
    assert memory.add(video).unchanged == (str(video),)
    assert said(memory, "lighthouse") == [("subtitle", 6.0, 9.5)]
    video.with_suffix(".srt").write_text(LINES.replace("lighthouse", "harbour"))
    memory.add(video)
    assert said(memory, "lighthouse") == []
    assert said(memory, "harbour") == [("subtitle", 6.0, 9.5)]
    video.with_suffix(".srt").unlink()
    memory.add(video)
    assert said(memory, "harbour van") == []
    assert [one.id for one in memory.stored(video)] == [one.id for one in seen]


def test_bad_subtitles_cost_nothing_but_themselves(memory: VisualMemory, video: Path) -> None:
    video.with_suffix(".srt").write_text(LINES + "\n3\nnever --> 00:00:99\nWhat?\n")
    (warning,) = memory.add(video).warnings
    assert "film.srt" in warning
    assert said(memory, "lighthouse") == [("subtitle", 6.0, 9.5)]
    assert memory.sources()[0].complete
