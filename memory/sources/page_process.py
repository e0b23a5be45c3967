"""Page process: the worker as who asks sees it; it is started, watched and replaced here."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .page_worker import LENGTHS, Answer, Request

PAGE_SECONDS = 60.0
"""A page, or the opening of a file, may take this long; most take a hundredth of a second."""

_START_SECONDS = 60.0  # more for the first answer of a process, which has to load first
_END_SECONDS = 2.0
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    f"from {__package__} import page_worker; page_worker.main()"
)


class Lost(Exception):
    """The process ended, or did not answer in time; ``str()`` completes "... cannot be read: "."""


class Reply(NamedTuple):
    """An answer with its pixels, (H, W, 3) uint8."""

    answer: Answer
    pixels: NDArray[np.uint8] | None


class PageProcess:
    """A worker process; one user at a time, who may ask several things before taking the answers in order."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=os.environ | _ONE_THREAD,
        )
        self._replies: queue.SimpleQueue[Reply | None] = queue.SimpleQueue()
        self._asked = 0
        self._answered = 0
        self._since = time.monotonic() + _START_SECONDS
        self._listener = threading.Thread(target=self._listen, name="pages", daemon=True)
        self._listener.start()

    def ask(self, call: Literal["told", "page", "raw", "part"], *arguments: Any) -> int:
        """Send a request, and return its number."""
        if self._asked == self._answered:
            self._since = max(self._since, time.monotonic())
        self._asked += 1
        with contextlib.suppress(OSError):  # it has ended: taking the answer says so
            _file(self._process.stdin).write(pickle.dumps(Request(self._asked, call, arguments)))
        return self._asked

    def take(self, number: int) -> Reply:
        """Wait for an answer.

        Raises
        ------
        Lost
            If the process ended, or takes longer than ``PAGE_SECONDS``; it is of no more use.
        """
        while True:
            wait = self._since + PAGE_SECONDS - time.monotonic()
            try:
                reply = self._replies.get(timeout=max(0.0, wait))
            except queue.Empty:
                self.end()
                raise Lost(f"it took longer than {PAGE_SECONDS:g} s") from None
            if reply is None:
                self.end()
                raise Lost("PDFium crashed on it") from None
            if reply.answer.number == number:
                return reply

    @property
    def free(self) -> bool:
        """Whether it runs, and has answered all that it was asked."""
        return self._answered == self._asked and self._process.poll() is None

    def end(self) -> None:
        """Stop the process at once."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self._listener.join(_END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            _file(pipe).close()

    def _listen(self) -> None:
        """Take answers as they come, so that the process never waits for who asked."""
        try:
            while True:
                head, body = LENGTHS.unpack(self._bytes(LENGTHS.size))
                answer = pickle.loads(self._bytes(head))
                pixels = np.frombuffer(self._bytes(body), np.uint8).reshape(answer.shape) if body else None
                self._since, self._answered = time.monotonic(), answer.number
                self._replies.put(Reply(answer, pixels))
        except (OSError, ValueError, EOFError, pickle.UnpicklingError):
            self._replies.put(None)

    def _bytes(self, count: int) -> bytes | bytearray:
        data = bytearray(count)
        rest = memoryview(data)
        while rest:
            got = _file(self._process.stdout).readinto(rest)  # type: ignore[attr-defined]  # a raw file
            if not got:
                raise EOFError
            rest = rest[got:]
        return data


class _Pool:
    """The processes that nobody uses: one is kept for the next who asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[PageProcess] = []

    def take(self) -> PageProcess:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.free:
                    return process
                process.end()
        return PageProcess()

    def give(self, process: PageProcess) -> None:
        with self._lock:
            if process.free and not self._idle:
                self._idle.append(process)
                return
        process.end()

    def end(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().end()

    def desert(self) -> None:
        """Leave the processes to the process that this one was forked from."""
        self.__init__()  # type: ignore[misc]


_pool = _Pool()
atexit.register(_pool.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.desert)


@contextlib.contextmanager
def page_process() -> Iterator[Lease]:
    """Lend a worker process, started if none is free."""
    lease = Lease()
    try:
        yield lease
    finally:
        lease.give_back()


class Lease:
    """A worker process on loan; one that was lost is replaced by the next request."""

    def __init__(self) -> None:
        self._process: PageProcess | None = None

    @property
    def process(self) -> PageProcess:
        """The process, a new one after one was lost."""
        if self._process is None:
            self._process = _pool.take()
        return self._process

    def lose(self) -> None:
        """Let go of a process that is of no more use."""
        if self._process is not None:
            self._process.end()
        self._process = None

    def give_back(self) -> None:
        """End the loan."""
        if self._process is not None:
            _pool.give(self._process)
        self._process = None


def _file(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("a worker's pipes are made with it")
    return pipe
