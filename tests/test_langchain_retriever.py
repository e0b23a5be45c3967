"""LangChain's tests of retrievers and embeddings, and what documents and vectors mean here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_tests.integration_tests import EmbeddingsIntegrationTests, RetrieversIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests
from PIL import Image
from scripted import ScriptedEyes
from shelf import REPORT, eyes, folder, memory

from sightloop.errors import InputError, SightloopError
from sightloop.integrations.langchain import SightloopEmbeddings, VisualRetriever

EVENTS = REPORT.asked[1]
"""A question that the table on page 2 answers."""


class TestRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[VisualRetriever]:
        return VisualRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": memory()}

    @property
    def retriever_query_example(self) -> str:
        return "a red circle"


def found(query: str, **options: Any) -> list[Document]:
    return VisualRetriever(memory=memory(), **options).invoke(query)


def test_a_page_has_its_words_and_says_where_the_best_are() -> None:
    first = found(EVENTS.question)[0]
    assert first.metadata["source"] == str(folder() / "report.pdf")
    assert (first.metadata["kind"], first.metadata["page"]) == ("page", EVENTS.page)
    assert EVENTS.answer in first.metadata["quote"]
    assert first.metadata["quote"] in first.page_content
    still = VisualRetriever(memory=memory()).still(first)
    x0, y0, x1, y1 = first.metadata["box"]
    assert 0 <= x0 < x1 <= still.size.width
    assert 0 <= y0 < y1 <= still.size.height


def test_a_frame_has_its_captions_and_its_time() -> None:
    frames = found("a red circle", kinds=["video"], k=3)
    assert len(frames) == 3
    for one in frames:
        assert one.metadata["kind"] == "frame"
        assert one.metadata["start"] <= one.metadata["t"] <= one.metadata["end"]
        still = VisualRetriever(memory=memory()).still(one)
        assert still.origin.t == one.metadata["t"]  # type: ignore[union-attr]


def test_documents_are_plain_json_and_hold_no_pixels() -> None:
    every = found("a red circle", k=50)
    assert len(every) == memory().size()["stills"]
    for one in every:
        assert one.page_content
        assert one.id == one.metadata["handle"]
        assert len(json.dumps(one.model_dump())) < 10_000


async def test_as_many_as_one_query_wants() -> None:
    retriever = VisualRetriever(memory=memory())
    assert len(await retriever.ainvoke("a red circle", k=2)) == 2
    with pytest.raises(InputError, match="top is at least 1"):
        await retriever.ainvoke("a red circle", k=0)


def test_only_in_these_sources() -> None:
    only = found("a red circle", sources=[str(folder() / "before.png")], k=9)
    assert [one.metadata["source"] for one in only] == [str(folder() / "before.png")]
    assert "a large red circle" in only[0].page_content


def test_a_handle_is_that_of_a_still_in_the_memory() -> None:
    for source in memory().sources():
        for one in memory().stored(source.path):
            assert memory().held(one.id) == one
    for hit in memory().search("red"):
        assert memory().still(memory().held(hit.id)) == memory().still(hit)
    with pytest.raises(InputError, match="holds no still 'nothing'"):
        memory().held("nothing")


def test_a_document_from_elsewhere_has_no_picture() -> None:
    retriever = VisualRetriever(memory=memory())
    with pytest.raises(InputError, match="not from a memory"):
        retriever.still(Document("words"))
    with pytest.raises(InputError, match="holds no still"):
        retriever.still(Document("words", metadata={"handle": "gone"}))


@pytest.mark.parametrize(
    ("query", "why"),
    [(" ", "the query is empty"), ("a\ud800", "half of a surrogate pair"), ("a " * 5000, "fit")],
)
def test_a_query_that_is_none_is_refused(query: str, why: str) -> None:
    with pytest.raises(SightloopError, match=why):
        found(query)


class Embeddings:
    """What LangChain's tests are told of the embeddings."""

    @property
    def embeddings_class(self) -> type[SightloopEmbeddings]:
        return SightloopEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"embedder": eyes()}


class TestEmbeddingsUnit(Embeddings, EmbeddingsUnitTests): ...


class TestEmbeddings(Embeddings, EmbeddingsIntegrationTests): ...


def test_words_find_pictures(tmp_path: Path) -> None:
    Image.new("RGB", (96, 96), "green").save(tmp_path / "green.png")
    embeddings = SightloopEmbeddings(eyes())
    pictures = np.array(embeddings.embed_images([folder() / "before.png", tmp_path / "green.png"]))
    words = np.array(embeddings.embed_documents(["a red circle", "a blue cross"]))
    assert np.allclose(np.linalg.norm([*pictures, *words], axis=1), 1, atol=1e-5)
    likeness = words @ pictures.T
    assert likeness[0].argmax() == 0
    assert likeness[0, 0] > likeness[1, 0]


def test_each_vector_is_that_of_its_picture(tmp_path: Path) -> None:
    embeddings = SightloopEmbeddings(eyes())
    photo = folder() / "before.png"
    alone = embeddings.embed_images(photo)
    assert embeddings.embed_images([Image.open(photo), np.asarray(Image.open(photo))]) == [*alone, *alone]
    for bad, why in ((tmp_path / "none.png", "does not exist"), (folder() / "report.pdf", "is no picture")):
        with pytest.raises(InputError, match=why):
            embeddings.embed_images([photo, bad])


def test_text_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="half of a surrogate pair"):
        SightloopEmbeddings(eyes()).embed_query("a\ud800")


def test_eyes_that_embed_nothing_are_refused() -> None:
    blind = ScriptedEyes(lambda prompt: ("", 0.5), lambda prompt, options: [1.0 for _ in options])
    with pytest.raises(InputError, match="embeds nothing"):
        SightloopEmbeddings(blind)  # type: ignore[arg-type]
