"""Memories that many use at once: each is opened once, and few stay open."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sightloop import LlavaNext
from sightloop.errors import StorageError
from sightloop.integrations.server.opened import Opened


def test_memories_are_shared_while_they_are_open_and_closed_when_others_need_the_place(
    tmp_path: Path,
) -> None:
    opened = Opened(LlavaNext(), most=2)
    chance = random.Random(0)
    names = [chance.choice("abcde") for _ in range(200)]

    def use(name: str) -> str:
        with opened.borrow(tmp_path / name) as memory, opened.borrow(tmp_path / name) as same:
            assert memory is same
            assert memory.sources() == []
            return memory.folder.name

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(use, names)) == names
    opened.close_all()
    for name in "abcde":  # all were let go of
        with Opened(LlavaNext()).borrow(tmp_path / name):
            pass


def test_a_memory_is_closed_when_its_last_user_leaves(tmp_path: Path) -> None:
    opened = Opened(LlavaNext())
    closing = threading.Thread(target=opened.close, args=[tmp_path / "a"])
    with opened.borrow(tmp_path / "a") as memory:
        closing.start()
        closing.join(0.1)
        assert closing.is_alive()
        assert memory.sources() == []
    closing.join()
    with pytest.raises(StorageError, match="closed"):
        memory.sources()
