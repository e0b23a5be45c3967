"""Whether a server bears many clients at once: what it answers, how fast, and whether its memory grows.

The server is a process of its own with the embedded model. Each client has a memory of its own, and does one
thing after the other, by chance: asks the model about a picture, asks the agent about its memory, searches
it, or uploads a picture and forgets the oldest. Who is told to come later (429) waits as long as it is told.

Latencies are of what was answered, from the request to the last byte; clients and server share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import psutil
from PIL import Image, ImageDraw

COLOURS = ("red", "green", "blue", "orange", "purple")
KEPT = 3
"""Pictures in a client's memory."""
EVERY = 2.0
"""Seconds between two looks at the memory that the server takes."""
SHARES = {"chat": 4, "agent": 2, "search": 3, "upload": 1}
"""How often each thing is done."""
PATIENCE = 300.0
"""Seconds after which a request without an answer is an error."""


def picture(chance: random.Random) -> bytes:
    """Draw a picture that no other is like."""
    image = Image.new("RGB", (160, 120), "white")
    draw = ImageDraw.Draw(image)
    for left in (10, 90):
        x, y, side = left + chance.randrange(10), 20 + chance.randrange(20), 30 + chance.randrange(20)
        shape = chance.choice([draw.ellipse, draw.rectangle])
        shape((x, y, x + side, y + side), fill=chance.choice(COLOURS))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


class Tally:
    """What came back, of all clients together."""

    def __init__(self) -> None:
        self.statuses: dict[str, Counter[str]] = defaultdict(Counter)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()

    def told(self, kind: str, status: str, seconds: float, error: str = "") -> None:
        """Take note of an answer."""
        self.statuses[kind][status] += 1
        if status == "200":
            self.seconds[kind].append(seconds)
        elif status != "429":
            self.errors[f"{kind}: {status} {error}"[:200]] += 1

    def to_json(self) -> dict[str, Any]:
        """Return counts, and the middle and slow latencies."""
        every = [second for seconds in self.seconds.values() for second in seconds]
        statuses = sum(self.statuses.values(), Counter())
        return {
            "requests": statuses.total(),
            "answered": statuses["200"],
            "told_to_come_later": statuses["429"],
            "errors": dict(self.errors),
            **_latencies(every),
            "by_kind": {
                kind: {"statuses": dict(self.statuses[kind]), **_latencies(self.seconds[kind])}
                for kind in SHARES
            },
        }


def _latencies(seconds: list[float]) -> dict[str, float | None]:
    if not seconds:
        return {"p50_s": None, "p95_s": None}
    middle, slow = np.percentile(seconds, [50, 95])
    return {"p50_s": round(float(middle), 3), "p95_s": round(float(slow), 3)}


class Client:
    """One caller, with a memory of its own."""

    def __init__(self, url: str, number: int, tally: Tally) -> None:
        self._chance = random.Random(number)
        self._tally = tally
        self._http = httpx.AsyncClient(base_url=url, timeout=PATIENCE)
        self._openai = openai.AsyncOpenAI(
            base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=PATIENCE
        )
        self._memory = ""
        self._files: list[str] = []

    async def run(self, until: float) -> None:
        """Do one thing after the other."""
        made = await self._http.post("/v1/memories", json={"name": "load"})
        self._memory = made.raise_for_status().json()["id"]
        await self._tried("upload", self._upload)
        while time.monotonic() < until:
            (kind,) = self._chance.choices([*SHARES], [*SHARES.values()])
            await self._tried(kind, getattr(self, f"_{kind}"))
        await self._http.aclose()
        await self._openai.close()

    async def _tried(self, kind: str, act: Callable[[], Awaitable[None]]) -> None:
        began = time.monotonic()
        try:
            await act()
        except (openai.APIStatusError, httpx.HTTPStatusError) as error:
            status = str(error.response.status_code)
            self._tally.told(kind, status, 0, error.response.text)
            if status == "429":
                await asyncio.sleep(float(error.response.headers["retry-after"]))
        except (openai.APIError, httpx.HTTPError) as error:
            self._tally.told(kind, type(error).__name__, 0, str(error))
        else:
            self._tally.told(kind, "200", time.monotonic() - began)

    async def _chat(self) -> None:
        data = base64.b64encode(picture(self._chance)).decode()
        image: Any = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        text: Any = {"type": "text", "text": f"How many {self._chance.choice(COLOURS)} shapes are there?"}
        messages: Any = [{"role": "user", "content": [image, text]}]
        if self._chance.random() < 0.5:
            await self._openai.chat.completions.create(model="pocket", messages=messages)
            return
        stream = await self._openai.chat.completions.create(model="pocket", messages=messages, stream=True)
        async for _ in stream:
            pass

    async def _agent(self) -> None:
        question = f"Is there a {self._chance.choice(COLOURS)} circle?"
        await self._openai.chat.completions.create(
            model="sightloop-agent",
            messages=[{"role": "user", "content": question}],
            extra_body={"sightloop": {"memory": self._memory}},
        )

    async def _search(self) -> None:
        query = f"a {self._chance.choice(COLOURS)} circle"
        found = await self._http.post(f"/v1/memories/{self._memory}/search", json={"query": query, "top": 2})
        for hit in found.raise_for_status().json()["data"]:
            (await self._http.get(hit["media"], params={"side": 64})).raise_for_status()

    async def _upload(self) -> None:
        path = f"/v1/memories/{self._memory}/sources"
        sent = await self._http.post(path, files={"file": ("a.png", picture(self._chance))})
        self._files.append(sent.raise_for_status().json()["id"])
        while (await self._source(self._files[-1]))["status"] in ("waiting", "indexing"):
            await asyncio.sleep(2)
        if len(self._files) > KEPT:
            gone = self._files.pop(0)
            (await self._http.delete(f"{path}/{gone}")).raise_for_status()

    async def _source(self, id: str) -> dict[str, Any]:
        told = await self._http.get(f"/v1/memories/{self._memory}/sources/{id}")
        source: dict[str, Any] = told.raise_for_status().json()
        return source


async def watch(process: psutil.Process, until: float) -> list[tuple[float, float]]:
    """Return how much memory the server took, with the processes that it started: seconds and MB."""
    began, taken = time.monotonic(), []
    while time.monotonic() < until:
        every = [process, *process.children(recursive=True)]
        size = 0
        for one in every:
            try:
                size += one.memory_info().rss
            except psutil.NoSuchProcess:
                continue  # it has ended since it was listed
        taken.append((time.monotonic() - began, size / 2**20))
        await asyncio.sleep(EVERY)
    return taken


def memory_told(taken: list[tuple[float, float]]) -> dict[str, Any]:
    """Return the memory in each tenth of the time, and how fast it grew in the second half."""
    half = np.array(taken[len(taken) // 2 :])
    tenths = [float(np.mean(part)) for part in np.array_split([size for _, size in taken], 10) if len(part)]
    slope = np.polyfit(half[:, 0] / 60, half[:, 1], 1)[0] if len(half) > 2 else 0.0
    return {
        "tenths_MB": [round(size) for size in tenths],
        "start_MB": round(tenths[0]),
        "middle_MB": round(tenths[len(tenths) // 2]),
        "end_MB": round(tenths[-1]),
        "second_half_MB_per_minute": round(float(slope), 2),
    }


@contextmanager
def server(folder: Path, queue: int) -> Iterator[tuple[str, psutil.Process]]:
    """Start a server, and yield where it is."""
    options = ["--queue", str(queue)]
    program = [sys.executable, "-m", "sightloop", "serve", "--port", "0", "--data", str(folder / "data")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*program, *options], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            if found is None:
                raise SystemExit((folder / "log").read_text())
            yield found[0], psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()


async def load(url: str, process: psutil.Process, clients: int, minutes: float) -> dict[str, Any]:
    """Let clients at a server for a while."""
    tally, until = Tally(), time.monotonic() + 60 * minutes
    watching = asyncio.create_task(watch(process, until))
    await asyncio.gather(*(Client(url, number, tally).run(until) for number in range(clients)))
    return {**tally.to_json(), "memory": memory_told(await watching)}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--queue", type=int, default=64, help="requests that may wait at the server")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with server(folder, arguments.queue) as (url, process):
            told = asyncio.run(load(url, process, arguments.clients, arguments.minutes))
        log = (folder / "log").read_text().splitlines()
    told["errors_in_log"] = sum(" ERROR " in line for line in log)
    print(json.dumps({**vars(arguments), "cores": psutil.cpu_count(), **told}, indent=1))


if __name__ == "__main__":
    main()
