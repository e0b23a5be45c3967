"""Searching pages: found by words, by what stands together, by meaning and by parts, and where on them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from papers import pdf
from PIL import Image
from remembering import Colours

from sightloop.errors import InputError
from sightloop.memory.ledger import Ledger
from sightloop.memory.search import CHANNELS, Hit
from sightloop.memory.still import Page, Photo, Still
from sightloop.memory.store import VisualMemory
from sightloop.memory.terms import telling, terms_of
from sightloop.memory.word_index import FOLLOWING, K1, B, WordIndex, varint

PAGES = {
    "gulls.pdf": [
        "Gulls of the northern coast\n\nHerring gulls were counted in May.",
        "Results\n\nThe median clutch of herring gulls\nwas three eggs in each nest.\n\n\n\n\n\n"
        "Weather was mild, and wind came from the west.",
        "Discussion\n\nEggs are eaten by foxes. Nests of herring stand far from\n"
        + "the shore where many other things happen all day long, as they did.\n" * 12
        + "The median of gulls is another matter, and a clutch is a handbag.",
    ],
    "bridges.pdf": [
        "Bridges of steel\n\nEvery bridge rusts where salt is spread on the road.",
        "Costs\n\nPainting costs 12 euros a metre with the code max_level=7.",
    ],
}


class Topics:
    """A sentence model that knows which of two topics a text is about; what is of neither is like nothing."""

    name = "topics"

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        found = []
        for item in items:
            words = set(re.findall(r"\w+", str(item).lower()))
            birds = len(words & {"gulls", "herring", "eggs", "nest", "clutch", "seabirds", "offspring"})
            money = len(words & {"bridge", "steel", "painting", "costs", "euros", "price", "expensive"})
            found.append([birds, money, *np.random.default_rng(len(str(item))).normal(0, 0.1, 30)])
        vectors = np.array(found, np.float32).reshape(-1, 32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Thirds:
    """A late embedder whose parts are the thirds of a page: how dark each is."""

    name = "thirds"

    def pages(self, stills: Sequence[Still]) -> list[NDArray[np.float16]]:
        return [self._of(still) for still in stills]

    def query(self, text: str) -> NDArray[np.float32]:
        return np.eye(3, dtype=np.float32)[[2]] if "bottom" in text else np.eye(3, dtype=np.float32)[[0]]

    @staticmethod
    def _of(still: Still) -> NDArray[np.float16]:
        thirds = np.array_split(255.0 - still.pixels.mean((1, 2)), 3)
        dark = np.array([third.mean() + 1e-3 for third in thirds])
        return (dark / np.linalg.norm(dark))[None].astype(np.float16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    for name, pages in PAGES.items():
        pdf(folder / name, *pages)
    Image.new("RGB", (64, 48), (200, 30, 30)).save(folder / "red.png")
    return folder


@pytest.fixture(scope="module")
def memory(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisualMemory]:
    at = tmp_path_factory.mktemp("memory") / "mem"
    with VisualMemory(at, embedder=Colours(), sentences=Topics(), late=Thirds()) as memory:
        memory.add(folder)
        yield memory


def place(hit: Hit) -> tuple[str, int]:
    return Path(hit.origin.source).name, getattr(hit.origin, "number", 0)


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        # the third page has all these words, too, but far apart
        ("What is the median clutch of herring gulls?", ("gulls.pdf", 2)),
        ("Which animals are eggs eaten by?", ("gulls.pdf", 3)),
        ("Where do bridges rust?", ("bridges.pdf", 1)),
        ("How much is painting?", ("bridges.pdf", 2)),
        ("max_level", ("bridges.pdf", 2)),
        ("max level", ("bridges.pdf", 2)),
        ("counted in MAY", ("gulls.pdf", 1)),
    ],
)
def test_questions_find_their_page(memory: VisualMemory, question: str, wanted: tuple[str, int]) -> None:
    assert place(memory.search(question, channels=("page", "near", "passage"))[0]) == wanted
    assert place(memory.search(question)[0]) == wanted


def test_a_hit_says_where_on_the_page(memory: VisualMemory) -> None:
    hit = memory.search("What was the median clutch of herring gulls?")[0]
    page = memory.page_text(hit)
    assert hit.box is not None
    assert page is not None
    words = " ".join(word.text for word in page.within(hit.box))
    assert "median clutch of herring gulls" in words
    assert "wind" not in words
    assert hit.box in [text.box for text in hit.texts]


def test_a_hit_says_where_else_on_the_page(tmp_path: Path) -> None:
    pages = (
        "Kestrels of the town\n\nMost kestrels breed in old towers.\n\n\n\n\nSome kestrels breed on cliffs.",
        "The weather was mild, and kestrels were seen.",
    )
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(pdf(tmp_path / "kestrels.pdf", *pages))
        first, last = memory.search("Where do kestrels breed?", top=9)
    (other,) = (text for text in first.also if "breed" in text.text)
    assert other.box is not None
    assert other.box != first.box
    assert last.also == ()  # nothing follows that it could be better than


def test_meaning_finds_what_words_do_not(memory: VisualMemory) -> None:
    assert memory.search("seabirds and offspring", channels=("page",)) == []
    found = [place(hit)[0] for hit in memory.search("seabirds and offspring", channels=("passage",), top=3)]
    assert found == ["gulls.pdf"] * 3
    found = [place(hit)[0] for hit in memory.search("expensive", channels=("passage",), top=2)]
    assert found == ["bridges.pdf"] * 2


def test_tables_may_abbreviate(tmp_path: Path) -> None:
    pages = [
        f"Weights of clams\n\n{head}\nclams 0.31 0.02\nwhelks 0.44 0.05" for head in ("hue age", "coef se")
    ]
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(pdf(tmp_path / "clams.pdf", *pages))
        assert place(memory.search("What is the coefficient of clams?")[0]) == ("clams.pdf", 2)
        assert place(memory.search("What is the standard error for clams?")[0]) == ("clams.pdf", 2)


def test_a_section_goes_on_over_the_end_of_a_page(tmp_path: Path) -> None:
    pages = [
        f"{animal}\n\nAll {animal} were weighed.\n\n{'Nothing else was done on that day.' * 2}\n\n"
        for animal in ("otters", "badgers")
    ]
    weights = "Results\n\nA weight of 8 kg was found."
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(pdf(tmp_path / "animals.pdf", pages[0], weights, pages[1], weights))
        found = [place(hit)[1] for hit in memory.search("What weight do badgers have?", top=4)]
    assert found.index(4) < found.index(2)


def test_parts_rank_what_was_found(memory: VisualMemory) -> None:
    both = ("page", "late")
    hits = memory.search("herring at the bottom", channels=both)
    assert {place(hit) for hit in hits} == {("gulls.pdf", 1), ("gulls.pdf", 2), ("gulls.pdf", 3)}
    assert memory.search("herring at the bottom", channels=("late",)) == []  # it ranks what others find


def test_pages_do_not_crowd_photos_out(memory: VisualMemory) -> None:
    hits = memory.search("a red square", top=3)
    assert any(isinstance(hit.origin, Photo) for hit in hits)
    (photo,) = [hit for hit in memory.search("median clutch of herring gulls", top=9) if hit.box is None]
    assert isinstance(photo.origin, Photo)


def test_filters_hold_for_every_channel(memory: VisualMemory, folder: Path) -> None:
    for channel in CHANNELS:
        for hit in memory.search("eggs of gulls", sources=[folder / "bridges.pdf"], channels=(channel,)):
            assert place(hit)[0] == "bridges.pdf"
    kinds = {type(hit.origin) for hit in memory.search("eggs of gulls", kinds=["document"], top=9)}
    assert kinds == {Page}
    assert memory.search("eggs of gulls", start=0.0, end=9.0) == []  # pages are shown at no time


def test_pages_of_a_document_are_had_by_number(memory: VisualMemory, folder: Path) -> None:
    every = memory.stored(folder / "gulls.pdf")
    assert memory.stored(folder / "gulls.pdf", pages=[2, 3, 9]) == every[1:]
    assert memory.stored(folder / "gulls.pdf", pages=[]) == []


class Blind(Colours):
    """An embedder of the same name that cannot embed."""

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        raise AssertionError("nothing is to be searched")


def test_where_nothing_can_be_found_nothing_is_embedded(folder: Path, tmp_path: Path) -> None:
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(folder / "gulls.pdf")
    with VisualMemory(tmp_path / "mem", embedder=Blind()) as memory:
        assert memory.search("gulls", kinds=("photo", "video", "stream")) == []


def test_a_channel_that_is_none_is_refused(memory: VisualMemory) -> None:
    with pytest.raises(InputError, match=r"'smell' is no channel.*passage"):
        memory.search("eggs", channels=("page", "smell"))


def test_what_is_forgotten_or_added_is_known_at_once(folder: Path, tmp_path: Path) -> None:
    with VisualMemory(tmp_path / "mem", embedder=Colours(), sentences=Topics()) as memory:
        memory.add(folder / "gulls.pdf")
        assert place(memory.search("herring")[0])[0] == "gulls.pdf"
        assert memory.search("steel", channels=("page",)) == []
        memory.add(folder / "bridges.pdf")
        assert place(memory.search("steel")[0]) == ("bridges.pdf", 1)
        memory.forget(folder / "gulls.pdf")
        assert {place(hit)[0] for hit in memory.search("herring", top=9)} == {"bridges.pdf"}


@given(text=st.text(max_size=80))
@settings(deadline=None)
def test_any_text_is_a_question(memory: VisualMemory, text: str) -> None:
    if text.strip():
        assert len(memory.search(text, top=20)) <= 6


@given(texts=st.lists(st.text(max_size=40), max_size=5))
@settings(deadline=None)
def test_terms_are_those_of_the_index(texts: list[str]) -> None:
    found = terms_of(texts)
    assert len(found) == len(texts)
    assert [term for terms in found for term in terms] == [
        term for text in texts for term in terms_of([text])[0]
    ]


def test_words_that_say_nothing_count_only_alone() -> None:
    assert telling("What is the median, and the median?") == ["median"]
    assert telling("who is it") == ["who", "is", "it"]
    assert terms_of(["Surviving survivors: na.action"]) == [["surviv", "survivor", "na", "action"]]


def test_pages_score_as_bm25_says(memory: VisualMemory) -> None:
    words = [terms_of([" ".join(page.split())])[0] for pages in PAGES.values() for page in pages]
    mean = np.mean([len(terms) for terms in words])
    holding = sum("egg" in terms for terms in words)
    rarity = np.log(1 + (len(words) - holding + 0.5) / (holding + 0.5))
    wanted = [
        rarity * n * (K1 + 1) / (n + K1 * (1 - B + B * len(terms) / mean))
        for terms in words
        if (n := terms.count("egg"))
    ]
    source = Ledger(memory.folder / "ledger.sqlite")
    try:
        scores = WordIndex(source).scores(["egg"])
    finally:
        source.close()
    assert sorted(scores[scores > 0]) == pytest.approx(sorted(wanted))


WORDS = st.sampled_from(["gull", "egg", "nest", "fox", "reed"])


@given(
    pages=st.lists(st.lists(WORDS, min_size=1, max_size=12), min_size=1, max_size=5), asked=st.lists(WORDS)
)
@settings(deadline=None, max_examples=40)
def test_pairs_are_words_that_follow_each_other(pages: list[list[str]], asked: list[str]) -> None:
    index = WordIndex(Told(pages))
    terms = list(dict.fromkeys(asked))
    found = index.pairs(terms, np.arange(len(pages)))
    for page, score in zip(pages, found, strict=True):
        follows = [
            first in page[:at] and first in page[max(0, at - FOLLOWING) : at]
            for first, second in pairwise(terms)
            for at, word in enumerate(page)
            if word == second
        ]
        assert (score > 0) == any(follows)


class Told(Ledger):
    """A ledger of pages whose words are given."""

    def __init__(self, pages: list[list[str]]) -> None:
        self._told = pages

    @property
    def changes(self) -> int:
        return 0

    def word_places(self) -> list[tuple[int, int, int, int | None, bytes]]:
        return [(n, n, 0, n + 1, bytes([len(page)])) for n, page in enumerate(self._told)]

    def occurrences(self, term: str) -> NDArray[np.int64]:
        places = [
            (n << 32) + at
            for n, page in enumerate(self._told)
            for at, word in enumerate(page)
            if word == term
        ]
        return np.array(places, np.int64)


@given(number=st.integers(0, 2**28 - 1))
def test_numbers_are_read_as_fts5_writes_them(number: int) -> None:
    groups = [number >> shift & 0x7F for shift in (21, 14, 7, 0)]
    while len(groups) > 1 and not groups[0]:
        del groups[0]
    assert varint(bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])) == number


def test_what_is_asked_for_stands_after_the_words(tmp_path: Path) -> None:
    # text fills a page, and the rows that it speaks of are on the next one
    rows = "year herons\n2001 17\n2002 25\n2003 31\n2004 12\n2005 40\n"
    text = "Herons of the lake were counted every year.\n" + "Nothing else is told of this lake.\n" * 9
    pdf(tmp_path / "lake.pdf", "The lake and its shore, a long story of reeds.", text, rows)
    with VisualMemory(tmp_path / "mem", embedder=Colours()) as memory:
        memory.add(tmp_path / "lake.pdf")
        found = [place(hit)[1] for hit in memory.search("how many herons were counted in 2005?", top=3)]
        assert found[0] == 3
        assert 2 in found


def test_a_page_beside_is_found_only_if_the_filter_lets_it(memory: VisualMemory, folder: Path) -> None:
    hits = memory.search("bridges of steel", sources=[folder / "bridges.pdf"], channels=("page",))
    assert {place(hit)[0] for hit in hits} == {"bridges.pdf"}
