"""The doctor's facts: memory, devices, extras, cached weights, and what runs."""

from __future__ import annotations

import importlib.metadata
import json
import platform

import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sightloop.errors import InputError
from sightloop.tools.llava_next.checkpoints import CHECKPOINTS, find
from sightloop.tools.llava_next.machine import (
    available_bytes,
    best_device,
    cached,
    container_bytes,
    extras,
    fits,
    inspect,
)

SMALL = "llava-hf/llava-interleave-qwen-0.5b-hf"


def test_inspect_says_what_is_true_here():
    found = json.loads(json.dumps(inspect()))
    assert found["python"] == platform.python_version()
    assert found["packages"]["torch"] == torch.__version__
    assert found["packages"]["transformers"] == importlib.metadata.version("transformers")
    assert 0 < found["cpu"]["free_gib"] <= found["cpu"]["memory_gib"]
    assert found["cpu"]["threads"] <= psutil.cpu_count()
    assert found["device"] == best_device()
    assert len(found["gpus"]) >= torch.cuda.device_count()
    assert [row["name"] for row in found["checkpoints"]] == [c.name for c in CHECKPOINTS]
    pocket = found["checkpoints"][0]
    assert pocket["name"] == "pocket"
    assert pocket["16bit"]
    assert pocket["cached"]
    if found["device"] == "cpu":
        assert not any(row["4bit"] for row in found["checkpoints"])
        assert any("GPU" in line for line in found["missing"])


def test_free_memory_is_asked_of_the_device():
    assert 0 < available_bytes("cpu") <= psutil.virtual_memory().total
    assert available_bytes() > 0
    if torch.cuda.is_available():
        assert available_bytes("cuda") <= torch.cuda.get_device_properties(0).total_memory
    for device in ("cuda:97", "tpu", "gpu 1"):
        with pytest.raises(InputError, match=device):
            available_bytes(device)


@given(st.sampled_from(CHECKPOINTS), st.sampled_from([16, 8, 4]), st.integers(0, 2**39))
def test_what_fits_stays_fitting_with_more_memory_and_fewer_bits(checkpoint, bits, memory):
    if fits(checkpoint, bits, memory):
        assert memory > checkpoint.bytes(bits)
        assert fits(checkpoint, bits, memory * 2)
        assert fits(checkpoint, 4, memory)


def test_known_fits():
    assert fits(find("llava-v1.6-34b-hf"), 4, 24 * 2**30)  # a 24 GiB card
    assert not fits(find("llava-v1.6-34b-hf"), 8, 24 * 2**30)
    assert fits(find("llava-v1.6-vicuna-7b-hf"), 16, 24 * 2**30)
    assert not fits(find("llava-v1.6-vicuna-13b-hf"), 16, 24 * 2**30)
    assert not fits(find("llava-next-72b-hf"), 16, 141 * 10**9)


def group(folder, limit: str, current: int, cache: int):
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{current}\n")
    (folder / "memory.stat").write_text(f"anon 5\nfile 9\ninactive_file {cache}\n")
    return folder


def test_a_container_limits_memory(tmp_path):
    assert container_bytes(tmp_path) is None
    assert container_bytes(group(tmp_path, "max", 100, 10)) is None
    assert container_bytes(group(tmp_path, "1000", 600, 100)) == 500
    assert container_bytes(group(tmp_path, "1000", 1200, 100)) == 0


def install(site, name: str, *metadata: str) -> None:
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    lines = ("Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *metadata)
    (folder / "METADATA").write_text("\n".join(lines) + "\n")


def test_extras_come_from_the_installed_package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "harmless-helper")
    install(
        tmp_path,
        "someones-package",
        "Provides-Extra: whole",
        "Provides-Extra: half",
        "Requires-Dist: numpy",
        'Requires-Dist: absent-but-of-no-extra; python_version >= "3"',
        'Requires-Dist: harmless-helper>=1; extra == "whole"',
        'Requires-Dist: harmless-helper>=1; extra == "half"',
        'Requires-Dist: no-such-distribution; extra == "half"',
        'Requires-Dist: only-on-mars; extra == "half" and sys_platform == "mars"',
    )
    assert extras("someones-package") == [
        {"extra": "whole", "missing": [], "install": None},
        {
            "extra": "half",
            "missing": ["no-such-distribution"],
            "install": 'pip install "someones-package[half]"',
        },
    ]
    assert extras("never-installed") == []
    assert {"quantization", "dev"} <= {row["extra"] for row in extras()}


def download(cache, name: str, files: dict[str, str]) -> None:
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")
    (repository / "blobs").mkdir()
    for file, content in files.items():
        (repository / "blobs" / file).write_text(content)
        (snapshot / file).symlink_to(repository / "blobs" / file)


def test_cached_weights_are_found_when_complete(tmp_path):
    assert cached(tmp_path / "none") == {}
    shards = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})
    index = {"config.json": "{}", "model.safetensors.index.json": shards, "model-1.safetensors": "x"}
    download(tmp_path, SMALL, {"config.json": "{}", "model.safetensors": "12345"})
    download(tmp_path, "llava-hf/llava-v1.6-34b-hf", index)  # its second shard never arrived
    download(tmp_path, "llava-hf/llava-next-72b-hf", {**index, "model-2.safetensors": "y"})
    download(tmp_path, "llava-hf/llava-interleave-qwen-7b-hf", {"config.json": "{}"})
    download(tmp_path, "someone/else", {"config.json": "{}", "model.safetensors": "1"})
    assert cached(tmp_path) == {SMALL: 7, "llava-hf/llava-next-72b-hf": 2 + len(shards) + 2}
