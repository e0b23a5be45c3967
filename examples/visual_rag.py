"""Questions answered from PDFs and videos: retrieve, then read or look, then cite.

Run ``python examples/visual_rag.py``, or with files of your own: ``python examples/visual_rag.py report.pdf
talk.mp4 --ask "What does the table on page 2 say about cost?" --model llava-hf/llava-interleave-qwen-7b-hf``.

A LangChain chain: the retriever finds pages and frames by their words and pictures alike; what it finds best
decides whether the answer is read from documents or looked for in videos; the tool that answers cites the
page and box, or the moment.

Without files, a report and a film are drawn afresh, whose right answers are known. The embedded model knows
such films and no others, and reads no prose: from documents it quotes the words that answer. Of your own
videos it would only guess, and it says so; give a checkpoint there.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langchain_core.documents import Document
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnablePassthrough

from sightloop import LlavaNext, VisualMemory
from sightloop.agent import Result
from sightloop.integrations.langchain import VisualRetriever, sightloop_tools
from sightloop.integrations.render import evidence_line
from sightloop.tools import report_worlds, video_worlds
from sightloop.tools.remember import memory_of

SEED = 1
"""Of the report and the film."""


def rag(memory: VisualMemory, eyes: LlavaNext) -> Runnable[str, Result]:
    """Return a chain from a question to an answer with its evidence."""
    tools = {tool.name: tool for tool in sightloop_tools(memory, eyes)}

    def answer(given: dict[str, Any]) -> Result:
        found: list[Document] = given["found"]
        files = list(dict.fromkeys(one.metadata["source"] for one in found if same_kind(one, found[0])))
        name, files_of = ("read", "documents") if is_page(found[0]) else ("look", "images")
        args = {"question": given["question"], files_of: files}
        message = tools[name].invoke({"type": "tool_call", "id": "1", "name": name, "args": args})
        return Result.model_validate(message.artifact)

    retriever = VisualRetriever(memory=memory, k=3)
    return RunnableParallel(question=RunnablePassthrough(), found=retriever) | RunnableLambda(answer)


def is_page(document: Document) -> bool:
    """Tell whether a document is a page, whose words are read."""
    return bool(document.metadata["kind"] == "page")


def same_kind(one: Document, other: Document) -> bool:
    """Tell whether two documents are both pages, or both seen."""
    return is_page(one) == is_page(other)


def drawn(folder: Path) -> Iterator[tuple[Path, tuple[Any, ...]]]:
    """Draw a report and a film, and yield each with the questions that are answered by it."""
    report, film = report_worlds.draw(SEED), next(video_worlds.films(SEED, 1, 60.0))
    report_worlds.write(report, folder / "report.pdf")
    yield folder / "report.pdf", report.asked
    video_worlds.write(film, folder / "film.mp4")
    yield folder / "film.mp4", film.asked


def show(result: Result) -> None:
    """Print a question, its answer, and what that rests on."""
    print(f"\n{result.question}\n  {result.answer}   {result.confidence:.0%} sure")
    for one in result.evidence:
        print(f"  {evidence_line(one).plain}")


def main() -> None:
    """Keep files in a memory, and ask."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "files", nargs="*", type=Path, help="PDFs, videos, photos; drawn where there are none"
    )
    parser.add_argument("--ask", action="append", default=[], help="a question; may be given again")
    parser.add_argument("--model", help="a checkpoint; the embedded model by default")
    options = parser.parse_args()
    eyes = LlavaNext(options.model)
    with tempfile.TemporaryDirectory() as folder, memory_of(eyes) as memory:
        known = {} if options.files else dict(drawn(Path(folder)))
        for file in options.files or known:
            memory.add(file)
        chain = rag(memory, eyes)
        for question in options.ask:
            show(chain.invoke(question))
        for asked in [] if options.ask else [one for every in known.values() for one in every]:
            show(chain.invoke(asked.question))
            print(f"  right is: {asked.answer}")


if __name__ == "__main__":
    main()
