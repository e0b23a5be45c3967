"""Tenants: what is kept for each API key, apart from what is kept for the others.

Each has a folder of its own, and all in it is found through its own catalogue: an id of somebody else's is as
unknown as one that never was.
"""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.sqlite import SqliteSaver

from ...agent.result import Result
from ...errors import InputError, SightloopError
from ...memory.lock import Owner
from ...memory.records import Progress
from ...tools.look import Eyes
from .catalogue import Catalogue, MemoryRow, NotKeptError, ResultRow, SourceRow, new_id
from .disk import all_synced
from .failures import Refused
from .intake import recover
from .jobs import Job, Jobs
from .opened import Opened
from .settings import Settings

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from ...memory.store import VisualMemory

logger = logging.getLogger("sightloop.server")

MOST_RESULTS = 1000
"""Results that are kept of one caller; the oldest go first."""

_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Tenants:
    """All tenants of a server.

    Parameters
    ----------
    folder : Path
        Where their folders are; made if it is missing.
    eyes : Eyes
        Which embed and describe what memories take in.
    settings : Settings

    Raises
    ------
    MemoryLockedError
        If another server has the folder.
    StorageError
        If it cannot be made or written.
    """

    def __init__(self, folder: Path, eyes: Eyes, settings: Settings) -> None:
        self.folder = folder.absolute()
        self.settings = settings
        self._owner = Owner(self.folder)
        self.opened = Opened(eyes)
        self.jobs = Jobs()
        self._lock = threading.Lock()
        self._tenants: dict[str, Tenant] = {}

    def start(self) -> None:
        """Go on with what an earlier server left undone, in the background."""
        self.jobs.start()
        for place in sorted(self.folder.iterdir()):
            if place.is_dir() and _KEY_ID.fullmatch(place.name):
                try:
                    self.of(place.name)
                except SightloopError as error:  # told again when its owner calls; the others are served
                    logger.error("what is kept for %s cannot be opened: %s", place.name, error.message)

    def close(self) -> None:
        """Stop what is being indexed, which the next server goes on with, and let go of the folder."""
        self.jobs.stop()
        with self._lock:
            self.opened.close_all()
            for tenant in self._tenants.values():
                tenant.close()
        self._owner.release()

    def of(self, key_id: str) -> Tenant:
        """Return what is kept for a key.

        Parameters
        ----------
        key_id : str
            Letters, digits, ``-`` and ``_``.

        Raises
        ------
        InputError
            If it is no name of a key.
        """
        if not _KEY_ID.fullmatch(key_id):
            raise InputError(f"{key_id!r} is no name of a key.", input=key_id)
        with self._lock:
            if key_id not in self._tenants:
                tenant = Tenant(self.folder / key_id, self)
                recover(tenant)
                self._tenants[key_id] = tenant
            return self._tenants[key_id]


class Tenant:
    """What is kept for one API key; its methods may be called from several threads.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    tenants : Tenants
    """

    def __init__(self, folder: Path, tenants: Tenants) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.settings = tenants.settings
        self.jobs = tenants.jobs
        self.opened = tenants.opened
        self.progress: dict[str, Progress] = {}
        """Of the sources that are being indexed, by their ids."""
        self.catalogue = Catalogue(folder / "catalogue.sqlite")
        self._talks = sqlite3.connect(folder / "conversations.sqlite", check_same_thread=False)
        self.checkpointer: BaseCheckpointSaver[Any] = SqliteSaver(self._talks)
        """Where the agent keeps this caller's conversations."""
        self._claimed: set[str] = set()
        self._claiming = threading.Lock()
        self._paths = re.compile(re.escape(str(folder)) + r"/memories/[^/]+/files/")

    def close(self) -> None:
        """Let go of the files."""
        self.catalogue.close()
        self._talks.close()

    def submit(self, about: str, do: Callable[[], None]) -> None:
        """Have something done in the background, after what else there is to do about the same id."""
        self.jobs.submit(Job(self.folder.name, about, do))

    @contextmanager
    def claimed(self, id: str) -> Iterator[None]:
        """Be the only one who works on something, for a block.

        Raises
        ------
        Refused
            409, if somebody else does.
        """
        with self._claiming:
            if id in self._claimed:
                raise Refused(
                    409,
                    f"another request is working on {id}: try again when it has ended.",
                    code="busy",
                    headers={"Retry-After": "1"},
                )
            self._claimed.add(id)
        try:
            yield
        finally:
            with self._claiming:
                self._claimed.discard(id)

    # Memories and their files

    def place(self, memory: str) -> Path:
        """Return the folder of a memory: what it knows, its files and its uploads."""
        return self.folder / "memories" / memory

    def begin(self, name: str) -> MemoryRow:
        """Begin a memory of this name."""
        row = MemoryRow(new_id("mem"), name, time.time(), False)
        for part in ("files", "uploads"):
            (self.place(row.id) / part).mkdir(parents=True)
        all_synced(self.place(row.id))
        self.catalogue.put_memory(row)
        return row

    def known(self, memory: str) -> MemoryRow:
        """Return a memory's row.

        Raises
        ------
        NotKeptError
            If there is none of this id.
        """
        row = self.catalogue.memory(memory)
        if row is None:
            raise NotKeptError(f"there is no memory {memory!r}.", input=memory)
        return row

    @contextmanager
    def memory(self, memory: str) -> Iterator[VisualMemory]:
        """Open a memory for a block: ``with tenant.memory(id) as memory:``.

        Others use it at the same time, so it must not be closed. Errors that leave the block name files by
        their ids, see :meth:`told`.

        Raises
        ------
        NotKeptError
            If there is none of this id.
        """
        self.known(memory)
        try:
            with self.opened.borrow(self.place(memory) / "memory") as held:
                yield held
        except SightloopError as error:
            error.message = self.told(error.message)
            raise

    def source_path(self, source: SourceRow) -> Path:
        """Return where a source lies: its file, or the folder of a scene that was unpacked."""
        return self.place(source.memory) / "files" / source.id / source.file

    def path(self, file_id: str) -> Path:
        """Return where a file lies that is ready to be asked about.

        Raises
        ------
        NotKeptError
            If there is none of this id.
        InputError
            If it is not ready, or could not be read.
        """
        source = self.catalogue.source(file_id)
        if source is None:
            raise NotKeptError(f"there is no file {file_id!r}.", input=file_id)
        if source.status == "failed":
            raise InputError(f"{source.name} could not be read: {source.error}", input=file_id)
        if source.status != "ready":
            raise InputError(
                f"{source.name} is still {source.status}: ask again when its status is ready.", input=file_id
            )
        return self.source_path(source)

    def told(self, text: str) -> str:
        """Return a text with files named by their ids, not by where they lie on this machine."""
        return self._paths.sub("", text).replace(f"{self.folder}/", "")

    # Results and conversations

    def keep(
        self, question: str, result: Result, thread: str | None = None, memory: str | None = None
    ) -> str:
        """Keep a result with its pictures, and return its id.

        Parameters
        ----------
        question : str
        result : Result
        thread : str, optional
            The conversation that it is part of.
        memory : str, optional
            Id of the memory that was asked.

        Raises
        ------
        EvidenceError
            If a picture's pixels are no longer to be had.
        StorageError
            If it cannot be written.
        """
        row = ResultRow(
            new_id("res"), time.time(), question, result.answer, result.confidence, thread, memory
        )
        all_synced(result.save(self.result_path(row.id)))
        self.catalogue.put_result(row)
        for old in self.catalogue.oldest_results(MOST_RESULTS):
            self.drop_result(old)
        return row.id

    def result_path(self, id: str) -> Path:
        """Return the folder of a result."""
        return self.folder / "results" / id

    def result(self, id: str) -> Result:
        """Return a result that was kept.

        Raises
        ------
        NotKeptError
            If there is none of this id.
        """
        if self.catalogue.result(id) is None:
            raise NotKeptError(f"there is no result {id!r}.", input=id)
        return Result.open(self.result_path(id))

    def drop_result(self, row: ResultRow) -> None:
        """Remove a result and its pictures, and the conversation whose last one it is."""
        self.catalogue.drop_result(row.id)
        shutil.rmtree(self.result_path(row.id), ignore_errors=True)
        if row.thread is not None and not self.catalogue.results(row.thread):
            self.checkpointer.delete_thread(row.thread)
