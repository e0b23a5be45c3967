"""The process that PDFium runs in: its end costs a page, and it never outlives who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from papers import pdf

from sightloop.errors import InputError
from sightloop.memory.sources import page_process
from sightloop.memory.sources.documents import Document, ReadPage, read_page

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


def workers(parent: int | None = None) -> list[psutil.Process]:
    children = psutil.Process(parent).children()
    return [child for child in children if any("page_worker" in part for part in child.cmdline())]


@pytest.fixture
def document(tmp_path: Path) -> Document:
    return Document(pdf(tmp_path / "nine.pdf", *(f"number {n}" for n in range(9))))


def told(page: ReadPage | InputError) -> str:
    return page.message if isinstance(page, InputError) else page.text.text


def test_one_process_serves_all(document: Document) -> None:
    document.page(1)
    before = workers()
    for number in range(1, 10):
        read_page(document.source, number)
        assert len(list(document.read([number, 1, 2, 3]))) == 4
    assert workers() == before
    assert len(before) == 1


def test_a_process_that_ends_costs_the_page_it_was_at(document: Document) -> None:
    pages = document.read(range(1, 10))
    texts = [told(next(pages)) for _ in range(2)]
    (worker,) = workers()
    worker.send_signal(signal.SIGSTOP)  # so that what it has not yet sent is not sent
    worker.kill()
    worker.wait(10)
    texts += [told(page) for page in pages]
    lost = [text for text in texts if "PDFium crashed on it" in text]
    assert len(lost) <= 1
    assert len(texts) == 9
    assert [text for text in texts if text not in lost] == [
        f"number {n}" for n in range(9) if not any(f"page {n + 1} of" in text for text in lost)
    ]
    assert document.page(3).text.text == "number 2"


def test_an_idle_process_that_ended_is_replaced(document: Document) -> None:
    document.page(1)
    for worker in workers():
        worker.kill()
        worker.wait(10)
    assert document.page(2).text.text == "number 1"


def test_a_process_that_stops_is_given_up(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    document.page(1)
    monkeypatch.setattr(page_process, "PAGE_SECONDS", 1.0)
    (worker,) = workers()
    worker.send_signal(signal.SIGSTOP)
    with pytest.raises(InputError, match=r"page 2 of .* cannot be read: it took longer than 1 s"):
        document.page(2)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    monkeypatch.undo()
    assert document.page(2).text.text == "number 1"


def test_a_process_outlives_nobody(document: Document) -> None:
    program = (
        "import sys; from sightloop.memory.sources.documents import Document\n"
        "pages = Document(sys.argv[1]).read(range(1, 10)); next(pages); print('ready', flush=True)\n"
        "sys.stdin.readline(); sys.exit(0)"
    )
    for end in ("quietly", "killed"):
        parent = subprocess.Popen(
            [sys.executable, "-c", program, document.source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with parent:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"ready\n"
            (worker,) = workers(parent.pid)
            if end == "killed":
                parent.send_signal(signal.SIGKILL)
        worker.wait(10)
        assert parent.returncode == (0 if end == "quietly" else -signal.SIGKILL)


def test_ctrl_c_is_for_who_asks(document: Document) -> None:
    document.page(1)
    (worker,) = workers()
    worker.send_signal(signal.SIGINT)
    assert document.page(2).text.text == "number 1"
    assert workers() == [worker]


def test_a_forked_process_gets_its_own(document: Document) -> None:
    document.page(1)
    (worker,) = workers()
    child = os.fork()
    if child == 0:
        own = document.page(2).text.text == "number 1" and worker not in workers()
        os._exit(0 if own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert document.page(3).text.text == "number 2"
