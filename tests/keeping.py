"""For tests of what a server keeps: the few calls that most of them make."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

PATIENCE = 120.0
"""Seconds after which an indexing that has not ended has failed."""


def ball(colour: str = "red", side: int = 96) -> bytes:
    """A PNG of one circle on white."""
    image = Image.new("RGB", (side * 2, side), "white")
    ImageDraw.Draw(image).ellipse((side // 8, side // 8, side - side // 8, side - side // 8), fill=colour)
    return png(image)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def zipped(folder: Path, under: str = "") -> bytes:
    """A zip of the files in a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, under + str(file.relative_to(folder)))
    return buffer.getvalue()


def memory(client: httpx.Client, name: str = "tests") -> str:
    """Begin a memory, and return its path."""
    answer = client.post("/v1/memories", json={"name": name})
    assert answer.status_code == 201, answer.text
    return f"/v1/memories/{answer.json()['id']}"


def send(client: httpx.Client, memory: str, name: str, content: bytes) -> httpx.Response:
    """Send a file in one request."""
    return client.post(f"{memory}/sources", files={"file": (name, content)})


def announce(client: httpx.Client, memory: str, name: str, content: bytes) -> str:
    """Announce a file, and return the path of its upload."""
    answer = client.post(f"{memory}/uploads", json={"name": name, "size": len(content)})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def piece(client: httpx.Client, upload: str, content: bytes, offset: int) -> httpx.Response:
    """Send a piece of a file that begins at ``offset``."""
    return client.patch(upload, content=content, headers={"Upload-Offset": str(offset)})


def indexed(client: httpx.Client, memory: str, id: str) -> dict[str, Any]:
    """Wait until a source is ready or has failed, and return it."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        source: dict[str, Any] = client.get(f"{memory}/sources/{id}").raise_for_status().json()
        if source["status"] in ("ready", "failed"):
            return source
        time.sleep(0.02)
    raise AssertionError(f"after {PATIENCE:g} s the source is still {source['status']}")


def added(client: httpx.Client, memory: str, name: str, content: bytes) -> dict[str, Any]:
    """Send a file in one request, and wait until it is indexed."""
    answer = send(client, memory, name, content)
    assert answer.status_code == 201, answer.text
    return indexed(client, memory, answer.json()["id"])


def vanishes(folder: Path, name: str) -> bool:
    """Whether all files and folders of this name are removed soon."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if not list(folder.rglob(name)):
            return True
        time.sleep(0.02)
    return False


def found(client: httpx.Client, memory: str, query: str, **more: Any) -> list[dict[str, Any]]:
    """Search a memory."""
    answer = client.post(f"{memory}/search", json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    hits: list[dict[str, Any]] = answer.json()["data"]
    return hits


def error(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return what an answer says is wrong, which it says as OpenAI's clients read it."""
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()["error"]
    assert set(told) == {"message", "type", "param", "code"}
    assert told["message"]
    return told
