"""Machine: what can run here, what is missing, and the line that installs it.

Nothing is loaded or downloaded: memory is asked of the system, needs are computed by :mod:`.plan`, weights
are looked for in the hub's cache, and extras are those that the installed package itself declares.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from packaging.requirements import Requirement

from ...errors import ContextOverflowError, InputError, InsufficientMemoryError
from ...memory.sources.office import INSTALL, soffice
from ...memory.still import Size
from .checkpoints import CHECKPOINTS, POCKET, Bits, Checkpoint
from .plan import plan

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use (control groups, version 2)."""

TYPICAL_PROMPT = (Size(1280, 960), "What is in this picture? Answer in one sentence.")
"""The prompt that must fit beside the weights for a checkpoint to count as running here."""

QUANTIZATION = "quantization"
"""The extra that loads weights in 8 and 4 bit; it needs a CUDA device."""

DEVELOPMENT = "dev"
"""The extra for who works on the package: a user misses nothing without it."""


def inspect() -> dict[str, Any]:
    """Say what this machine can run.

    Returns
    -------
    dict
        JSON-able: ``python``, ``system``, ``packages`` (name to version, None if missing), ``cpu``, ``gpus``,
        ``device`` (where a model would be loaded), ``extras``, ``programs`` (name to path, None if missing:
        ``soffice`` reads office files), ``cached``, ``checkpoints`` (for each whether
        it runs here at 16, 8 and 4 bit with one photo) and ``missing``, with the lines to run. Memory is in
        GiB.
    """
    device = best_device()
    free = available_bytes(device)
    optional = extras()
    quantizes = device == "cuda" and any(
        row["extra"] == QUANTIZATION and not row["missing"] for row in optional
    )
    weights = cached()
    rows = [
        {
            "name": checkpoint.name,
            "16bit": fits(checkpoint, 16, free),
            "8bit": quantizes and fits(checkpoint, 8, free),
            "4bit": quantizes and fits(checkpoint, 4, free),
            "cached": checkpoint is POCKET or checkpoint.name in weights,
        }
        for checkpoint in CHECKPOINTS
    ]
    packages = _packages()
    memory = psutil.virtual_memory()
    return {
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "packages": packages,
        "cpu": {
            "threads": _threads(),
            "memory_gib": _gib(memory.total),
            "free_gib": _gib(available_bytes("cpu")),
        },
        "gpus": _gpus(),
        "device": device,
        "extras": optional,
        "programs": {"soffice": soffice()},
        "cached": [{"name": name, "gib": _gib(size)} for name, size in weights.items()],
        "checkpoints": rows,
        "missing": _advice(packages, optional, device, rows),
    }


def best_device() -> str:
    """Name the device that a full model is loaded on by default: ``cuda`` where there is one, or ``cpu``."""
    if importlib.util.find_spec("torch") is None:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def available_bytes(device: str | None = None) -> int:
    """Say how much memory is free on a device.

    Parameters
    ----------
    device : str, optional
        "cpu", "cuda", "cuda:1", "mps"; by default :func:`best_device`.

    Raises
    ------
    InputError
        If there is no such device.
    """
    device = device or best_device()
    if device == "cpu":
        free = int(psutil.virtual_memory().available)
        allowed = container_bytes()
        return free if allowed is None else min(free, allowed)
    import torch

    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"{device!r} is not the name of a device: use cpu, cuda, cuda:1 or mps.") from error
    index = place.index or 0
    if place.type == "cuda" and index < torch.cuda.device_count():
        # What torch keeps for itself after use is free for us.
        kept = torch.cuda.memory_reserved(index) - torch.cuda.memory_allocated(index)
        return int(torch.cuda.mem_get_info(index)[0]) + kept
    if place.type == "mps" and torch.backends.mps.is_available():
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    raise InputError(f"There is no device {device!r} on this machine.", input=device)


def container_bytes(cgroup: Path = CGROUP) -> int | None:
    """Say how much memory the container still gives, or None outside of one.

    Parameters
    ----------
    cgroup : Path
        Folder of a version 2 control group. What it holds only as a file cache counts as free.
    """
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
        statistics = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    if limit == "max":
        return None
    return max(0, int(limit) - used + int(statistics.get("inactive_file", 0)))


def fits(checkpoint: Checkpoint, bits: Bits, memory_bytes: int) -> bool:
    """Say whether a checkpoint and one photo fit into this much memory."""
    try:
        plan(checkpoint, TYPICAL_PROMPT, bits=bits, memory_bytes=memory_bytes)
    except (ContextOverflowError, InsufficientMemoryError):
        return False
    return True


def extras(distribution: str = "sightloop") -> list[dict[str, Any]]:
    """List the extras that an installed distribution declares, and what is missing of each.

    Returns
    -------
    list of dict
        ``extra``, ``missing`` (names of distributions), and ``install``, the line that brings them, or None
        when nothing is missing. Empty if the distribution is not installed.
    """
    try:
        metadata = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return []
    requirements = [Requirement(line) for line in metadata.requires or ()]
    found = []
    for extra in metadata.metadata.get_all("Provides-Extra") or ():
        asked = [r for r in requirements if r.marker and r.marker.evaluate({"extra": extra})]
        always = {r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})}
        absent = [r.name for r in asked if r.name not in always and _version(r.name) is None]
        install = f'pip install "{distribution}[{extra}]"' if absent else None
        found.append({"extra": extra, "missing": absent, "install": install})
    return found


def cached(cache_dir: Path | None = None) -> dict[str, int]:
    """Find the checkpoints whose weights are complete in the hub's cache.

    Parameters
    ----------
    cache_dir : Path, optional
        By default the hub's own (which ``HF_HOME`` and ``HF_HUB_CACHE`` move).

    Returns
    -------
    dict of str to int
        Names as in the table, and bytes on disk.
    """
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        repositories = scan_cache_dir(cache_dir).repos
    except CacheNotFound:
        return {}
    known = {checkpoint.name for checkpoint in CHECKPOINTS}
    return {
        repository.repo_id: repository.size_on_disk
        for repository in sorted(repositories, key=lambda repository: repository.repo_id)
        if repository.repo_id in known and any(_complete(r.snapshot_path) for r in repository.revisions)
    }


def _complete(snapshot: Path) -> bool:
    """Say whether a snapshot has all its weights: one file, or every shard that the index names."""
    if not (snapshot / "config.json").is_file():
        return False
    index = snapshot / "model.safetensors.index.json"
    if not index.is_file():
        return (snapshot / "model.safetensors").is_file()
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (KeyError, ValueError):
        return False
    return all((snapshot / shard).is_file() for shard in shards)


def _packages() -> dict[str, str | None]:
    """Return the versions of what the package itself requires."""
    try:
        lines = importlib.metadata.requires("sightloop") or []
    except importlib.metadata.PackageNotFoundError:
        lines = ["torch", "transformers"]
    names = [r.name for r in map(Requirement, lines) if r.marker is None]
    return {name: _version(name) for name in names}


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _gpus() -> list[dict[str, Any]]:
    """Return the accelerators that torch can use."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    found: list[dict[str, Any]] = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        found.append(
            {
                "device": f"cuda:{index}",
                "name": torch.cuda.get_device_name(index),
                "memory_gib": _gib(total),
                "free_gib": _gib(free),
                "bf16": torch.cuda.get_device_capability(index) >= (8, 0),
            }
        )
    if torch.backends.mps.is_available():
        total, free = torch.mps.recommended_max_memory(), available_bytes("mps")
        found.append(
            {
                "device": "mps",
                "name": platform.processor(),
                "memory_gib": _gib(total),
                "free_gib": _gib(free),
                "bf16": True,
            }
        )
    return found


def _threads() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _advice(
    packages: dict[str, str | None],
    optional: Sequence[dict[str, Any]],
    device: str,
    rows: Sequence[dict[str, Any]],
) -> list[str]:
    """Return one line for each thing that is missing and of use here, with what to run."""
    absent = [name for name, version in packages.items() if version is None]
    lines = [f"{', '.join(absent)}: pip install sightloop"] if absent else []
    for row in optional:
        useful = row["extra"] != DEVELOPMENT and (row["extra"] != QUANTIZATION or device == "cuda")
        if useful and row["missing"]:
            lines.append(f"{row['extra']} ({', '.join(row['missing'])}): {row['install']}")
    if soffice() is None:
        lines.append(f"LibreOffice, for DOCX and PPTX: {INSTALL}")
    if device == "cpu":
        lines.append("a GPU that torch can use: full models run on the processor, but slowly")
    fitting = [row["name"] for row in rows if row["16bit"] and row["name"] != POCKET.name]
    if fitting and not any(row["cached"] for row in rows if row["name"] in fitting):
        lines.append(f"weights of a full model that fits here, for example: hf download {fitting[0]}")
    return lines


def _gib(count: int) -> float:
    return round(count / 2**30, 2)
