"""Searching: filters are exact, ranks are fused, texts are found by their words, hits become spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightloop.memory.records import Text
from sightloop.memory.search import RANK, WEIGHTS, Hit, fused, spans
from sightloop.memory.still import Frame, Span, Still, StillRef
from sightloop.memory.storage import Entry, Ready, Storage, key_of
from sightloop.memory.store import VisualMemory

EACH, SOURCES, DIMENSION = 2_000, 10, 16


class Vector:
    """An embedder of texts that are numbers, as they are."""

    name = "vector"

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        vectors = [
            np.array(str(one).split(":")[1:], float) if str(one).startswith("vector:") else np.ones(DIMENSION)
            for one in items
        ]
        return np.array([one / np.linalg.norm(one) for one in vectors], np.float32)


def query_of(vector: NDArray[np.float32]) -> str:
    """Words that no text has, and a vector."""
    return "vector:" + ":".join(str(value) for value in vector)


def path_of(source: int) -> str:
    return f"/films/{source}.mp4"


def filled(folder: Path, vectors: NDArray[np.float32], texts: dict[int, tuple[Text, ...]]) -> None:
    """Write stills of made-up films: one a second, so many to each source."""
    storage = Storage(folder, None, Vector.name)
    for source in range(0, len(vectors), EACH):
        path = path_of(source // EACH)
        stills = [
            Ready(
                *(f"{key_of(path)}:{at:08d}", float(at), at, 0, "0" * 64, 64, 48, "0" * 64),
                *(vectors[source + at], texts.get(source + at, ())),
            )
            for at in range(min(EACH, len(vectors) - source))
        ]
        storage.commit([Entry(path, "video", stills, [], {"complete": 1})])
    storage.close()


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    vectors = np.random.default_rng(0).standard_normal((EACH * SOURCES, DIMENSION))
    vectors[:EACH] = 0.1 * vectors[:EACH] + np.eye(DIMENSION)[0]  # one film that is all alike
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def large(vectors: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisualMemory]:
    """More stills than are compared one by one."""
    folder = tmp_path_factory.mktemp("large") / "mem"
    filled(folder, vectors, {})
    with VisualMemory(folder, embedder=Vector()) as memory:
        yield memory


def nearest(
    vectors: NDArray[np.float32], query: NDArray[np.float32], sources: Sequence[int], start: float, end: float
) -> list[int]:
    numbers = np.arange(len(vectors))
    at = numbers % EACH
    passing = numbers[np.isin(numbers // EACH, sources) & (at >= start) & (at <= end)]
    return passing[np.argsort(-(vectors[passing] @ query), kind="stable")].tolist()


def place_of(hit: Hit) -> int:
    assert isinstance(hit.origin, Frame)
    return int(hit.origin.source.split("/")[-1].split(".")[0]) * EACH + hit.origin.index


@given(
    number=st.integers(0, EACH * SOURCES - 1),
    sources=st.lists(st.integers(0, SOURCES - 1), min_size=1, max_size=SOURCES, unique=True),
    times=st.tuples(st.integers(0, EACH), st.integers(0, EACH)).map(sorted),
    seed=st.integers(0, 99),
)
def test_filters_find_what_looking_at_everything_finds(
    large: VisualMemory,
    vectors: NDArray[np.float32],
    number: int,
    sources: list[int],
    times: list[int],
    seed: int,
) -> None:
    query = vectors[number] + 0.1 * np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    query /= np.linalg.norm(query)
    start, end = float(times[0]), float(times[1])
    hits = large.search(
        query_of(query), top=5, sources=[path_of(one) for one in sources], start=start, end=end
    )
    wanted = nearest(vectors, query, sources, start, end)[:5]
    assert [hit.similarity for hit in hits] == pytest.approx(
        [vectors[one] @ query for one in wanted], abs=1e-4
    )
    assert len(set(map(place_of, hits)) & set(wanted)) >= len(wanted) - 1  # of equals, either
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_the_graph_is_as_good_as_looking_at_everything(
    large: VisualMemory, vectors: NDArray[np.float32], rng: np.random.Generator
) -> None:
    found = []
    for number in rng.integers(0, len(vectors), 100):
        wanted = nearest(vectors, vectors[number], range(SOURCES), 0, EACH)[:10]
        hits = large.search(query_of(vectors[number]), top=10)
        found.append(len(set(map(place_of, hits)) & set(wanted)) / 10)
    assert np.mean(found) >= 0.98


def test_what_is_near_may_all_be_filtered_out(large: VisualMemory, vectors: NDArray[np.float32]) -> None:
    query = vectors[7]  # of the film that is all alike: its two thousand are the nearest
    others = range(1, SOURCES)
    hits = large.search(query_of(query), top=10, sources=[path_of(one) for one in others])
    assert [place_of(hit) for hit in hits] == nearest(vectors, query, others, 0, EACH)[:10]


LINES = {
    0: (Text("caption", "A red circle next to a star"),),
    1: (Text("caption", "Two green squares"), Text("ocr", "EXIT to Gate 12")),
    2: (Text("caption", "Ein Café am Fluss"),),
    3: (Text("subtitle", "When the circle closes, we leave.", 90.0, 95.5),),
    4: (Text("caption", "a red square, and the sky"),),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisualMemory]:
    """A few stills, all alike, with texts."""
    folder = tmp_path_factory.mktemp("told") / "mem"
    filled(folder, np.ones((6, DIMENSION), np.float32) / 4, LINES)
    with VisualMemory(folder, embedder=Vector()) as memory:
        yield memory


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("a red circle next to a star", [0, 3]),
        ("stars", [0]),
        ("Gates", [1]),
        ("cafe", [2]),
        ("circles", [0, 3]),
        ("where is the exit?", [1]),
        ("the", [3, 4]),  # nothing but empty words: then those
        ("zebra", []),
    ],
)
def test_words_find_texts(told: VisualMemory, query: str, wanted: list[int]) -> None:
    hits = [hit for hit in told.search(query, top=6) if hit.texts]
    assert sorted(place_of(hit) for hit in hits) == wanted
    if hits:
        assert place_of(told.search(query, top=1)[0]) in wanted


def test_what_is_said_is_found_when_it_is_said(told: VisualMemory) -> None:
    said = told.search("closes", top=6, start=92, end=93)
    assert [place_of(hit) for hit in said] == [3]  # though its still is shown at 3 s
    assert told.search("closes", top=6, start=96) == []
    assert said[0].texts == LINES[3]


@given(text=st.text(max_size=60))
def test_any_text_is_a_query(told: VisualMemory, text: str) -> None:
    if text.strip():
        assert len(told.search(text, top=3)) == 3


@given(
    ranked=st.dictionaries(
        st.sampled_from(sorted(WEIGHTS)), st.lists(st.integers(0, 30), unique=True, max_size=30)
    )
)
def test_ranks_are_fused(ranked: dict[str, list[int]]) -> None:
    scores = fused(ranked)
    assert set(scores) == {slot for slots in ranked.values() for slot in slots}
    for slot, score in scores.items():
        shares = [
            WEIGHTS[channel] / (RANK + slots.index(slot) + 1)
            for channel, slots in ranked.items()
            if slot in slots
        ]
        assert score == pytest.approx(sum(shares))


def hit_at(source: str, t: float, before: float, after: float, score: float) -> Hit:
    ref = StillRef(
        origin=Frame(source=source, t=t, index=round(10 * t)), width=64, height=48, sha256="0" * 64
    )
    span = Span(start=max(0.0, t - before), end=t + after)
    return Hit(f"{source}:{t}", ref, score, 0.5, (), span, 0, Path("none.jpg"))


HITS = st.lists(
    st.builds(
        hit_at,
        st.sampled_from(["/a.mp4", "/b.mp4"]),
        st.floats(0, 100),
        st.floats(0, 3),
        st.floats(0, 3),
        st.floats(0, 1),
    ),
    max_size=20,
    unique_by=lambda hit: hit.id,
)


@given(hits=HITS, gap=st.floats(0, 5))
def test_spans_hold_each_hit_once_and_lie_apart(hits: list[Hit], gap: float) -> None:
    found = spans(hits, gap)
    assert sorted(hit.id for span in found for hit in span.hits) == sorted(hit.id for hit in hits)
    assert [span.score for span in found] == sorted((span.score for span in found), reverse=True)
    for span in found:
        assert {hit.origin.source for hit in span.hits} == {span.source}
        assert span.start == min(hit.span.start for hit in span.hits if hit.span)
        assert span.end == max(hit.span.end for hit in span.hits if hit.span)
        assert span.score == max(hit.score for hit in span.hits)
        assert [hit.t for hit in span.hits] == sorted(hit.t for hit in span.hits if hit.t is not None)
        for other in found:
            if other is not span and other.source == span.source:
                assert other.start - span.end > gap or span.start - other.end > gap


def test_a_line_that_matched_is_part_of_the_span() -> None:
    hit = hit_at("/a.mp4", 10.0, 1.0, 1.0, 0.5)
    said = replace(hit, texts=(Text("subtitle", "so be it", 8.0, 14.5),))
    assert [(span.start, span.end) for span in spans([said])] == [(8.0, 14.5)]
    assert spans([replace(hit, span=None)]) == []
