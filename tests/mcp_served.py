"""For tests of MCP: real servers in processes of their own, and the SDK's client for both generations."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.types import CallToolResult, ListRootsResult, Root

COMMAND = str(Path(sys.executable).parent / "sightloop")
GENERATIONS = ["auto", "legacy"]
"""Modes of the client: the newest protocol that both speak, and the handshake of those before it."""
SECONDS = 60


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[str]:
    """Serve HTTP on a free port, and give the address once it answers; what the server says is in ``log``."""
    log = folder / "log"
    with log.open("w") as said:
        command = [COMMAND, "mcp", "--http", "--port", "0", *arguments]
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd=folder)
    try:
        yield address(process, log)
    finally:
        process.terminate()
        process.wait(SECONDS)


def address(process: subprocess.Popen[Any], log: Path) -> str:
    """Where a server says that it serves."""
    ends = time.monotonic() + SECONDS
    while not (said := re.search(r"http://\S+", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.05)
    return said[0]


def connected(server: Any, mode: str = GENERATIONS[0], roots: Sequence[Path | str] | None = None) -> Client:
    """A client that works in folders, or one that knows nothing of them."""

    async def listed(context: object) -> ListRootsResult:
        addresses = [root if isinstance(root, str) else root.as_uri() for root in roots or ()]
        return ListRootsResult(roots=[Root(uri=uri) for uri in addresses])

    return Client(
        server,
        mode=mode,
        list_roots_callback=None if roots is None else listed,
        read_timeout_seconds=SECONDS,
        cache=None,
    )


def words(result: CallToolResult) -> str:
    """What a result says first."""
    first = result.content[0]
    assert first.type == "text"
    return first.text


def environment(folder: Path) -> dict[str, str]:
    """For servers that the SDK starts: one thread, and temporary files in a folder of the test."""
    return {name: os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "HF_HUB_OFFLINE")} | {
        "TMPDIR": str(folder)
    }
