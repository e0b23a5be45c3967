"""A real server for tests: `sightloop serve` in a process of its own, ready when it says where it is."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from openai import OpenAI

    from sightloop.tools.llava_next import LlavaNext


@dataclass
class Serving:
    """A server; ``keys`` are by the names of whom they are for, ``process`` is None where it is this one."""

    process: subprocess.Popen[str] | None
    url: str
    data: Path
    keys: dict[str, str]

    def client(self, name: str | None = None) -> httpx.Client:
        """Return a client, with the key of this name."""
        headers = {"Authorization": f"Bearer {self.keys[name]}"} if name else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def openai(self, name: str | None = None) -> OpenAI:
        """Return the official client, with the key of this name; it tries everything once."""
        from openai import OpenAI

        key = self.keys[name] if name else "none is asked for"
        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60)


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


@contextmanager
def serving_here(
    data: Path, eyes: LlavaNext | Sequence[LlavaNext], *names: str, **settings: Any
) -> Iterator[Serving]:
    """Start a server in this process, whose model a test can hold or break, and end it."""
    import uvicorn

    from sightloop.integrations.server.app import create_app
    from sightloop.integrations.server.keys import Keys
    from sightloop.integrations.server.settings import Settings

    keys = {name: Keys(data / "keys.json").add(name) for name in names}
    models = eyes if isinstance(eyes, Sequence) else [eyes]
    app = create_app(Settings(data=data, **settings), models)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Serving(None, f"http://127.0.0.1:{port}", data, keys)
    finally:
        server.should_exit = True
        thread.join()


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
