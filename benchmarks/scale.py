"""How fast a memory of many keyframes is searched, how well, and what it takes: milliseconds, recall, bytes.

The vectors are made up, in three ways that are of different difficulty. ``chains`` are like videos: each
source wanders from a place of its own, so a keyframe's neighbours are those before and after it. ``clusters``
lie around 500 centres. ``spread`` have no neighbourhoods but what a falling spectrum gives them. A query is a
keyframe moved by half its length in some direction. Filters let a share pass, by source or by time;
``elsewhere`` lets 90 % pass, but not the source that the query was made from. The truth is every vector that
passes, compared one by one.

The peer is Chroma's own ``where`` on the same collection.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from sightloop.memory.still import Still
from sightloop.memory.storage import Entry, Ready, Storage, key_of
from sightloop.memory.store import VisualMemory

SOURCES = 100
SECONDS = 5.0
"""Between two keyframes."""
TOP = 10
MOVED = 0.5
"""How far a query is from the keyframe that it is made from."""

Filter = dict[str, Any]


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Return vectors at length 1."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def chains(count: int, dimension: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return one walk for each source, of small steps from a far start."""
    spectrum = 1 / np.sqrt(1 + np.arange(dimension))
    walks = []
    for _ in range(SOURCES):
        steps = rng.standard_normal((count // SOURCES, dimension)) * spectrum * 0.15
        steps[0] = rng.standard_normal(dimension) * spectrum * 2
        walks.append(np.cumsum(steps, 0))
    return unit(np.concatenate(walks))


def clusters(count: int, dimension: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return neighbours of 500 centres."""
    centres = rng.standard_normal((500, dimension))
    return unit(centres[np.arange(count) * 500 // count] + 0.7 * rng.standard_normal((count, dimension)))


def spread(count: int, dimension: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return points without neighbourhoods."""
    return unit(rng.standard_normal((count, dimension)) / np.sqrt(1 + np.arange(dimension)))


KINDS: dict[str, Callable[[int, int, np.random.Generator], NDArray[np.float32]]] = {
    "chains": chains,
    "clusters": clusters,
    "spread": spread,
}


class Lookup:
    """An embedder that returns the vector of the number that it is given."""

    name = "lookup"

    def __init__(self, queries: NDArray[np.float32]) -> None:
        self.queries = queries

    def embed(self, items: Sequence[Still | str]) -> NDArray[np.float32]:
        """Look up."""
        return self.queries[[int(str(item)) for item in items]]


def source_of(number: int) -> str:
    """Return the path of a source that is not there: nothing here opens it."""
    return f"/videos/{number:03d}.mp4"


def fill(folder: Path, vectors: NDArray[np.float32]) -> float:
    """Write a memory of made-up keyframes, and return the seconds that it took."""
    each = len(vectors) // SOURCES
    storage = Storage(folder, None, Lookup.name)
    began = time.perf_counter()
    for number in range(SOURCES):
        path = source_of(number)
        key = key_of(path)
        stills = [
            Ready(f"{key}:{i:08d}", i * SECONDS, i, 0, "0" * 64, 640, 360, "0" * 64, vector, ())
            for i, vector in enumerate(vectors[number * each : (number + 1) * each])
        ]
        storage.commit([Entry(path, "video", stills, [], {"complete": 1})])
    storage.close()
    return time.perf_counter() - began


def filters(each: int, own: int) -> dict[str, Filter]:
    """Return the filters of a query that was made from the source ``own``."""
    whole = each * SECONDS

    def some(share: float, first: int) -> Filter:
        return {"sources": [source_of((first + i) % SOURCES) for i in range(round(share * SOURCES))]}

    def part(share: float) -> Filter:
        start = (1 - share) * whole / 2
        return {"start": start, "end": start + share * whole - SECONDS / 2}

    return {
        "none": {},
        **{f"source {share:.0%}": some(share, own) for share in (0.01, 0.13, 0.9)},
        **{f"time {share:.0%}": part(share) for share in (0.01, 0.13, 0.9)},
        "elsewhere 90%": some(0.9, own + 1),
    }


def truth(vectors: NDArray[np.float32], query: NDArray[np.float32], chosen: Filter) -> set[int]:
    """Return which vectors are nearest to a query, of those that pass."""
    each = len(vectors) // SOURCES
    numbers = np.arange(len(vectors))
    passes = np.ones(len(vectors), bool)
    if "sources" in chosen:
        passes &= np.isin(numbers // each, [int(path[8:11]) for path in chosen["sources"]])
    if "start" in chosen:
        at = numbers % each * SECONDS
        passes &= (at >= chosen["start"]) & (at <= chosen["end"])
    similarities = np.where(passes, vectors @ query, -2)
    return set(np.argpartition(-similarities, TOP)[:TOP].tolist())


def summary(taken: Sequence[float], recalls: Sequence[float]) -> dict[str, float]:
    """Return what is printed of one kind of query."""
    p50, p99 = np.quantile(taken, [0.5, 0.99])
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2), "recall": float(np.mean(recalls))}


def measure(folder: Path, vectors: NDArray[np.float32], rounds: int, seed: int) -> dict[str, Any]:
    """Ask the memory in a folder, with each filter."""
    rng = np.random.default_rng(seed)
    each = len(vectors) // SOURCES
    chosen = rng.integers(0, len(vectors), rounds)
    queries = unit(vectors[chosen] + MOVED * unit(rng.standard_normal((rounds, vectors.shape[1]))))
    rows: dict[str, dict[str, float]] = {}
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    with VisualMemory(folder, embedder=Lookup(queries)) as memory:
        memory.search("0")
        opened = time.perf_counter() - began
        for name in filters(each, 0):
            taken, recalls = [], []
            for number, query in enumerate(queries):
                where = filters(each, int(chosen[number]) // each)[name]
                began = time.perf_counter()
                hits = memory.search(str(number), top=TOP, **where)
                taken.append(1000 * (time.perf_counter() - began))
                found = {int(hit.ref.origin.source[8:11]) * each + int(hit.id.split(":")[1]) for hit in hits}
                recalls.append(len(found & truth(vectors, query, where)) / TOP)
            rows[name] = summary(taken, recalls)
        ram = psutil.Process().memory_info().rss - before
        sizes = {part: round(size / 2**20, 1) for part, size in memory.size()["bytes"].items()}
    busy = {"load": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}
    return {
        **busy,
        "open_s": round(opened, 2),
        "ram_MB": round(ram / 2**20),
        "disk_MB": sizes,
        "queries": rows,
    }


def peer(folder: Path, vectors: NDArray[np.float32], rounds: int, seed: int) -> dict[str, Any]:
    """Ask Chroma by its own ``where``."""
    import chromadb

    client = chromadb.PersistentClient(str(folder / "chroma"))
    (listed,) = client.list_collections()
    collection = client.get_collection(listed.name, embedding_function=None)
    rng = np.random.default_rng(seed)
    each = len(vectors) // SOURCES
    rows = {}
    for name in filters(each, 0):
        taken, recalls = [], []
        for number in rng.integers(0, len(vectors), rounds):
            chosen = filters(each, int(number) // each)[name]
            query = unit(vectors[number] + MOVED * unit(rng.standard_normal(vectors.shape[1])))
            where: Any = {"source": {"$in": chosen["sources"]}} if "sources" in chosen else None
            if "start" in chosen:
                where = {"$and": [{"t": {"$gte": chosen["start"]}}, {"t": {"$lte": chosen["end"]}}]}
            began = time.perf_counter()
            found = collection.query(query_embeddings=query[None], n_results=TOP, where=where, include=[])
            taken.append(1000 * (time.perf_counter() - began))
            keys = {key_of(source_of(i)): i for i in range(SOURCES)}
            ids = {keys[one.split(":")[0]] * each + int(one.split(":")[1]) for one in found["ids"][0]}
            recalls.append(len(ids & truth(vectors, query, chosen)) / TOP)
        rows[name] = summary(taken, recalls)
    client.close()
    return rows


def main() -> None:
    """Measure, and print one object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="keyframes (default: 100000)")
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=200, help="queries for each filter (default: 200)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    results: dict[str, Any] = {}
    for kind in args.kinds:
        vectors = KINDS[kind](args.count, args.dimension, np.random.default_rng(args.seed))
        with tempfile.TemporaryDirectory() as folder:
            filled = fill(Path(folder) / "mem", vectors)
            results[kind] = {
                "fill_s": round(filled, 1),
                **measure(Path(folder) / "mem", vectors, args.rounds, args.seed),
            }
            if kind == args.kinds[0]:
                results["Chroma's where"] = peer(
                    Path(folder) / "mem", vectors, max(1, args.rounds // 10), args.seed
                )
    print(json.dumps({"count": args.count, "dimension": args.dimension, **results}, indent=1))


if __name__ == "__main__":
    main()
