"""Loading: names, folders and damage; memory, devices and extras; a hub that is slow, absent or there."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.quantizers.quantizers_utils import should_convert_module

from sightloop.errors import (
    CheckpointError,
    CheckpointUnavailableError,
    InputError,
    InsufficientMemoryError,
    MissingExtraError,
    UnknownCheckpointError,
)
from sightloop.memory.still import Still
from sightloop.tests.tiny import KINDS, Kind, build
from sightloop.tools.llava_next import LlavaNext
from sightloop.tools.llava_next.loading import UNQUANTISED, load
from sightloop.tools.llava_next.machine import available_bytes

NAME = "llava-hf/llava-interleave-qwen-0.5b-hf"
ASK = """
import sys
import numpy as np
from sightloop.errors import SightloopError
from sightloop.memory.still import Still
from sightloop.tools.llava_next import LlavaNext

try:
    eyes = LlavaNext(sys.argv[1])
    still = Still.from_array(np.zeros((8, 8, 3), np.uint8))
    print(eyes.name, "said", repr(eyes.answer([still, "What is it?"], max_new_tokens=3).text))
except SightloopError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build("vicuna", tmp_path / "vicuna")


def edit(path: Path, **changes: Any) -> None:
    """Change settings of a JSON file; None takes one out."""
    settings = json.loads(path.read_text())
    settings.update(changes)
    path.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))


def test_a_name_that_nobody_has_suggests_the_nearest() -> None:
    with pytest.raises(UnknownCheckpointError, match="llava-interleave-qwen-7b-hf"):
        LlavaNext("llava-interleave-qwen-7b-hff")


@pytest.mark.parametrize(
    "path", ["./nowhere", "/nowhere/at/all", "~/nowhere-at-all", "a/b/c", Path("nowhere")]
)
def test_a_folder_that_is_not_there_is_named(path: str | Path) -> None:
    with pytest.raises(CheckpointUnavailableError, match=r"nowhere|a/b/c"):
        LlavaNext(path)


def test_a_folder_in_the_home_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert LlavaNext("~/vicuna").checkpoint.family == "llava_next"


def test_damaged_weights_are_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"weights .* (damaged|cannot)"):
        LlavaNext(folder)


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="weights"):
        LlavaNext(folder)


def test_weights_that_lack_a_part_are_not_filled_up_with_random_numbers(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "multi_modal_projector" in name)
    del weights[lost]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="multi_modal_projector"):
        LlavaNext(folder)


def test_weights_of_other_shapes_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 96
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"shapes|cannot be loaded"):
        LlavaNext(folder)


def test_a_missing_tokenizer_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="tokenizer"):
        LlavaNext(folder)


def test_a_missing_chat_template_is_named(folder: Path) -> None:
    (folder / "chat_template.json").unlink()
    with pytest.raises(CheckpointError, match=r"chat_template\.jinja"):
        LlavaNext(folder)


@pytest.mark.parametrize("place", ["chat_template.jinja", "processor_config.json", "tokenizer_config.json"])
def test_the_chat_template_is_found_wherever_a_year_put_it(folder: Path, place: str) -> None:
    source = json.loads((folder / "chat_template.json").read_text())["chat_template"]
    before = load(folder).template.render(["Hello"])
    (folder / "chat_template.json").unlink()
    if place.endswith(".jinja"):
        (folder / place).write_text(source)
    else:
        (folder / place).touch()
        if not (folder / place).read_text():
            (folder / place).write_text("{}")
        edit(folder / place, chat_template=source)
    assert load(folder).template.render(["Hello"]) == before


def test_a_tokenizer_of_another_checkpoint_is_noticed(folder: Path) -> None:
    edit(folder / "config.json", image_token_index=70, image_token_id=None)
    with pytest.raises(CheckpointError, match="placeholder"):
        LlavaNext(folder)


def test_more_memory_than_there_is_is_known_before_anything_is_fetched() -> None:
    if available_bytes("cpu") > 200 * 2**30:
        pytest.skip("this machine has room for 110 billion parameters")
    with pytest.raises(InsufficientMemoryError, match=r"GiB.*free"):
        LlavaNext("llava-hf/llava-next-110b-hf", device="cpu")


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", "cuda:x"])
def test_a_device_that_is_not_there_is_named(folder: Path, device: str) -> None:
    with pytest.raises(InputError, match=device):
        LlavaNext(folder, device=device)


def test_a_dtype_that_is_none_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="int8"):
        LlavaNext(folder, dtype="int8")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", torch.float16])
def test_the_dtype_is_that_asked_for(folder: Path, dtype: str | torch.dtype) -> None:
    model = load(folder, dtype=dtype).model
    wanted = dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {wanted}


def test_bfloat16_answers(folder: Path) -> None:
    answer = LlavaNext(folder, dtype="bfloat16").answer(
        [Still.from_array(np.zeros((50, 80, 3), np.uint8)), "What is it?"], max_new_tokens=3
    )
    assert answer.usage.new_tokens == 3


def test_small_checkpoints_are_float32_on_a_cpu(folder: Path) -> None:
    loaded = load(folder)
    assert loaded.bits == 32
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert {parameter.device.type for parameter in loaded.model.parameters()} == {"cpu"}


def test_quantization_that_is_not_installed_says_how_to_install_it(folder: Path) -> None:
    if importlib.util.find_spec("bitsandbytes") and importlib.util.find_spec("accelerate"):
        pytest.skip("it is installed")
    with pytest.raises(MissingExtraError, match=r'pip install "sightloop\[quantization\]"'):
        LlavaNext(folder, quantization="4bit")


def test_a_quantization_that_does_not_exist_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="2bit"):
        LlavaNext(folder, quantization="2bit")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_language_models_layers_are_quantised(kind: Kind, tmp_path: Path) -> None:
    # transformers' own rule, on the names that the modules have in this version.
    network = load(build(kind, tmp_path / kind)).model
    linear = [name for name, module in network.named_modules() if isinstance(module, torch.nn.Linear)]
    shrunk = {name for name in linear if should_convert_module(name, UNQUANTISED)}
    assert shrunk == {name for name in linear if "language_model.layers" in name}
    assert any("vision_tower" in name for name in linear)


@pytest.mark.parametrize("kind", KINDS)
def test_a_quantised_checkpoint_answers(kind: Kind, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("accelerate")
    folder = build(kind, tmp_path / kind)
    loaded = load(folder, quantization="8bit")
    weights = {name: parameter.dtype for name, parameter in loaded.model.named_parameters()}
    for name, dtype in weights.items():
        quantised = "language_model.layers" in name and name.endswith("proj.weight")
        assert dtype == (torch.int8 if quantised else torch.bfloat16), name
    answer = LlavaNext(folder, quantization="8bit").answer(
        [Still.from_array(np.zeros((50, 80, 3), np.uint8)), "What is it?"], max_new_tokens=3
    )
    assert answer.usage.new_tokens > 0


# A hub: each runs in a process of its own, because its client reads the environment when it is imported.


def asked(home: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK, NAME],
        env={**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@contextmanager
def served(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_without_a_hub_the_message_says_what_to_do(tmp_path: Path) -> None:
    said = asked(tmp_path, HF_HUB_OFFLINE="1")
    assert said.startswith("CheckpointUnavailableError")
    assert NAME in said
    assert "--local-dir" in said
    refused = asked(tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert refused.startswith("CheckpointUnavailableError")


def test_a_hub_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = asked(tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert said.startswith("CheckpointUnavailableError")


def test_a_checkpoint_is_fetched_once_and_then_found(tmp_path: Path) -> None:
    repository = build("interleave", tmp_path / "repository")
    expected = LlavaNext(repository).answer(
        [Still.from_array(np.zeros((8, 8, 3), np.uint8)), "What is it?"], max_new_tokens=3
    )
    files = {path.name: path.read_bytes() for path in repository.iterdir()}
    got: list[str] = []

    class Hub(http.server.BaseHTTPRequestHandler):
        """As much of the hub as its client needs to fetch a snapshot."""

        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            got.append(self.path)
            commit = "0" * 40
            if self.path.startswith("/api/models/"):
                about: Any = {"id": NAME, "sha": commit, "siblings": [{"rfilename": name} for name in files]}
                if "/tree/" in self.path:
                    about = [
                        {
                            "type": "file",
                            "path": name,
                            "size": len(data),
                            "oid": hashlib.sha1(data).hexdigest(),
                        }
                        for name, data in files.items()
                    ]
                self.reply(json.dumps(about).encode(), {"Content-Type": "application/json"})
                return
            data = files.get(self.path.rpartition("/")[2])
            if data is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.reply(data, {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit})

        def reply(self, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    home = tmp_path / "home"
    with served(Hub) as endpoint:
        said = asked(home, HF_ENDPOINT=endpoint)
    assert said == f"{NAME} said {expected.text!r}"
    assert any(path.endswith("model.safetensors") for path in got)
    assert asked(home, HF_HUB_OFFLINE="1") == said
    assert asked(home, HF_ENDPOINT="http://127.0.0.1:9") == said
    # What an interrupted download leaves is no checkpoint.
    for weights in home.rglob("model.safetensors"):
        weights.unlink()
    assert asked(home, HF_HUB_OFFLINE="1").startswith("CheckpointUnavailableError")
    shutil.rmtree(home)


SCARCE = """
import resource, sys
import numpy as np
from sightloop.errors import InsufficientMemoryError
from sightloop.memory.still import Still
from sightloop.tools.llava_next import LlavaNext

eyes = LlavaNext(sys.argv[1])
still = Still.from_array(np.zeros((1400, 1400, 3), np.uint8))
eyes.answer(["Hello"], max_new_tokens=2)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 8 * 2**20, resource.RLIM_INFINITY))
try:
    eyes.answer([still, "What is it?"], max_new_tokens=2)
except InsufficientMemoryError as error:
    message = str(error)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(message)
print(eyes.answer([still, "What is it?"], max_new_tokens=2).usage.new_tokens)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits memory by Linux's means")
def test_a_real_lack_of_memory_is_recognised(tmp_path: Path) -> None:
    # A tower of 1344 pixels needs 108 MB for the crops of a large still, 65 MB for a tile; 8 MB are allowed.
    large = build("vicuna", tmp_path / "large", tile=1344, patch=168)
    done = subprocess.run([sys.executable, "-c", SCARCE, large], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    message, tokens = done.stdout.strip().splitlines()[-2:]
    assert "memory ran out" in message
    assert "visual tokens" in message
    assert tokens == "2"
