"""A real server for tests: `sightloop serve` in a process of its own, ready when it says where it is."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest


@dataclass
class Serving:
    """A server in a process of its own; ``keys`` are by the names of whom they are for."""

    process: subprocess.Popen[str]
    url: str
    data: Path
    keys: dict[str, str]

    def client(self, name: str | None = None) -> httpx.Client:
        """Return a client, with the key of this name."""
        headers = {"Authorization": f"Bearer {self.keys[name]}"} if name else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


@contextmanager
def serving(data: Path, *names: str, options: Sequence[str] = ()) -> Iterator[Serving]:
    """Start a server on a free port that makes keys of these names, and end it."""
    from sightloop.integrations.server.keys import Keys  # loads the server

    keys = {name: Keys(data / "keys.json").add(name) for name in names}
    program = [sys.executable, "-m", "sightloop", "serve", "--port", "0", "--data", str(data), *options]
    with (data.parent / "server.log").open("a") as log:
        process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, (data.parent / "server.log").read_text()
        yield Serving(process, found[0], data, keys)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server without keys, for all tests that leave it as it is."""
    with serving(tmp_path_factory.mktemp("served") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that asks for a key; Ann and Bob have one each."""
    with serving(tmp_path_factory.mktemp("guarded") / "data", "ann", "bob") as server:
        yield server
