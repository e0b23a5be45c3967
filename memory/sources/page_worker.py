"""Page worker: the process that PDFium runs in, so that no file can crash or stop the one that asks.

Requests come pickled on standard input, answers go to standard output: two lengths, a pickled :class:`Answer`
and the bytes of its pixels, if any. The process ends when its input ends, whatever it is doing: it never
outlives who started it.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import sys
import threading
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

LENGTHS = struct.Struct("<QQ")
"""Of the pickled answer and of its pixels, in bytes."""

MEMORY_BYTES = 4 << 30
"""Address space of the process: a file that wants more of it costs its page, not the machine."""


class Request(NamedTuple):
    """What is asked for: a method of :class:`.pdf_reading.Pdfs` and its arguments."""

    number: int
    call: Literal["told", "page", "raw", "part"]
    arguments: tuple[Any, ...]


class Answer(NamedTuple):
    """What came of a request: ``value``, or what was wrong."""

    number: int
    value: Any = None
    fault: str = ""
    password: bool = False
    shape: tuple[int, ...] = ()


def main() -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for who asks, who then closes our input
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # nothing that PDFium prints may get between the answers
    _limit_memory()
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()

    from .pdf_reading import Pdfs

    pdfs = Pdfs()
    while True:
        answer, pixels = _answered(pdfs, requests.get())
        head = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        body = memoryview(b"" if pixels is None else pixels.reshape(-1).data)
        try:
            for piece in (LENGTHS.pack(len(head), len(body)), head, body):
                _write(answers, piece)
        except OSError:
            return


def _listen(requests: queue.SimpleQueue[Request]) -> None:
    """Take requests as they come, also while PDFium is at work, and end the process with them."""
    while True:
        try:
            requests.put(pickle.load(sys.stdin.buffer))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(0)


def _answered(pdfs: Any, request: Request) -> tuple[Answer, NDArray[np.uint8] | None]:
    from ..text_layer import page_text
    from .pdf_reading import PasswordFault, PdfFault

    try:
        value = getattr(pdfs, request.call)(*request.arguments)
        if request.call == "told":
            return Answer(request.number, tuple(value)), None
        if request.call == "raw":
            return Answer(request.number, page_text(value)), None
        pixels, raw = value if request.call == "page" else (value, None)
        return Answer(request.number, raw and page_text(raw), shape=pixels.shape), pixels
    except PdfFault as fault:
        return Answer(request.number, fault=str(fault), password=isinstance(fault, PasswordFault)), None
    except MemoryError:
        return Answer(request.number, fault="it needs more memory than a page may"), None
    except Exception as error:  # noqa: BLE001  # it is told to who asked: this process goes on
        return Answer(request.number, fault=f"{type(error).__name__}: {error}"), None


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or hard > MEMORY_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))


def _write(file: BinaryIO, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
