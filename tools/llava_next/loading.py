"""Loading: from a name or a folder to a model in memory, with everything checked before it costs anything."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...errors import (
    CheckpointError,
    CheckpointUnavailableError,
    InputError,
    InsufficientMemoryError,
    MissingExtraError,
)
from .checkpoints import POCKET, Bits, Checkpoint, find, from_folder
from .hub import fetched, in_cache
from .machine import available_bytes, best_device, cached
from .pocket.familiar import Familiar
from .recovery import out_of_memory

if TYPE_CHECKING:
    import torch

    from .prompts import Template

Quantization = Literal["8bit", "4bit"]

POCKET_FOLDER = Path(__file__).parent / "pocket" / "weights"
"""The embedded model."""

POCKET_FILE = "pocket.json"
"""What only the embedded model has: its calibration, and statistics of the worlds it was trained on."""

UNQUANTISED = [".*vision_tower", ".*multi_modal_projector", "lm_head"]
"""Modules that stay in 16 bit: quantised, towers and projectors blur what is seen or fail outright.
transformers matches these from the beginning of a module's full name: without the dots, a tower would be
quantised unnoticed.
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint in memory.

    Parameters
    ----------
    checkpoint : what it is
    model : transformers model in eval mode, on one device
    tokenizer : transformers tokenizer
    template : its chat template
    bits : precision of the weights
    device : where it is
    stop_ids : tokens that close an answer
    temperature : what logits are divided by before they are called probabilities
    embedded : whether it is the embedded model, or one trained by its recipe
    familiar : what such a model's own worlds look like to it, if its folder says so
    """

    checkpoint: Checkpoint
    model: Any
    tokenizer: Any
    template: Template
    bits: Bits
    device: torch.device
    stop_ids: frozenset[int]
    temperature: float
    embedded: bool
    familiar: Familiar | None


def load(
    model: str | Path | None = None,
    *,
    device: str | None = None,
    dtype: str | torch.dtype | None = None,
    quantization: Quantization | None = None,
) -> Loaded:
    """Load a checkpoint; see :class:`LlavaNext` for the parameters and errors."""
    source = _resolve(model)
    checkpoint = source if isinstance(source, Checkpoint) else _described(source)
    place = _place(device, checkpoint)
    if quantization is not None:
        _check_quantization(quantization)
    kind, bits = _precision(checkpoint, place, dtype, quantization)
    _check_memory(checkpoint, bits, place)
    if isinstance(source, Checkpoint):
        folder = fetched(source.name, _held)
        checkpoint = _described(folder, source)
    else:
        folder = source
    with quiet(bars=checkpoint.tier != "embedded"):
        tokenizer = _tokenizer(folder)
        network = _network(folder, place, kind, quantization)
    return _assembled(folder, checkpoint, network, tokenizer, bits, place)


def _resolve(model: str | Path | None) -> Path | Checkpoint:
    """Return the folder that holds the checkpoint, or the checkpoint of the hub to fetch."""
    if model is None or model == POCKET.name:
        if not (POCKET_FOLDER / "config.json").is_file():
            raise CheckpointUnavailableError(
                "this copy of the package lacks the embedded model's weights. Reinstall it, train them with "
                "`python -m sightloop.tools.llava_next.pocket.train`, or name another checkpoint or folder.",
                input=POCKET.name,
            )
        return POCKET_FOLDER
    path = Path(model).expanduser()
    if path.exists():
        return path
    # A name on the hub has one slash at most and begins with neither a dot nor a slash.
    if isinstance(model, Path) or path.is_absolute() or model[0] in ".~" or model.count("/") > 1:
        raise CheckpointUnavailableError(
            f"there is no folder {path}. Give the path of one laid out as the llava-hf repositories are.",
            input=str(model),
        )
    return find(model)


def _described(folder: Path, known: Checkpoint | None = None) -> Checkpoint:
    """Take from the folder what its config says, and from the table what a config cannot say."""
    read = from_folder(folder)
    known = POCKET if folder == POCKET_FOLDER else known
    if known is None:
        return read
    return replace(
        known,
        text=replace(read.text, name=known.text.name),
        tower=replace(read.tower, name=known.tower.name),
        vision=read.vision,
        context=read.context,
        rope_factor=read.rope_factor,
    )


def _place(device: str | None, checkpoint: Checkpoint) -> torch.device:
    import torch

    if device is None:
        # The embedded model is calibrated on the CPU, and too small to gain from leaving it.
        device = "cpu" if checkpoint.tier == "embedded" else best_device()
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"{device!r} is not a device; use cpu, cuda or cuda:1.", input=device) from error
    if place.type == "cuda":
        seen = torch.cuda.device_count()
        if (place.index or 0) >= seen:
            raise InputError(
                f"{device} is not there: torch {torch.__version__} sees {seen} CUDA devices. "
                "`sightloop doctor` says what this machine has.",
                input=device,
            )
        return torch.device("cuda", place.index or 0)
    return place


def _check_quantization(quantization: str) -> None:
    if quantization not in ("8bit", "4bit"):
        raise InputError(f"quantization is 8bit, 4bit or nothing, not {quantization!r}.", input=quantization)
    for package in ("bitsandbytes", "accelerate"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "quantization", f"loading in {quantization}")


def _precision(
    checkpoint: Checkpoint,
    place: torch.device,
    dtype: str | torch.dtype | None,
    quantization: Quantization | None,
) -> tuple[torch.dtype, Bits]:
    """Choose the type to compute in and the precision of the weights."""
    import torch

    kinds: dict[str, torch.dtype] = {
        "float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16
    }  # fmt: skip
    if dtype is not None:
        name = str(dtype).removeprefix("torch.")
        if name not in kinds:
            raise InputError(f"dtype is one of {', '.join(kinds)}, not {name!r}.", input=name)
        kind = kinds[name]
    elif checkpoint.tier == "embedded" and quantization is None:
        kind = torch.float32
    elif place.type != "cpu":
        old = place.type == "cuda" and not torch.cuda.is_bf16_supported()
        kind = torch.float16 if old else torch.bfloat16
    else:
        # CPUs are faster in float32, where there is room for it.
        roomy = checkpoint.bytes(32) < available_bytes(str(place))
        kind = torch.float32 if roomy and quantization is None else torch.bfloat16
    if quantization is not None:
        return kind, 8 if quantization == "8bit" else 4
    return kind, 32 if kind == torch.float32 else 16


def _check_memory(checkpoint: Checkpoint, bits: Bits, place: torch.device) -> None:
    needed, free = checkpoint.bytes(bits), available_bytes(str(place))
    if needed <= free:
        return
    options: tuple[tuple[Bits, str], ...] = (
        (16, 'dtype="bfloat16"'), (8, 'quantization="8bit"'), (4, 'quantization="4bit"')
    )  # fmt: skip
    smaller = [do for other, do in options if other < bits and checkpoint.bytes(other) <= free]
    do = f"Load it with {smaller[0]}" if smaller else "Use a smaller checkpoint (`sightloop models`)"
    raise InsufficientMemoryError(
        f"{checkpoint.name} needs {needed / 2**30:.1f} GiB at {bits} bit for its weights alone, and {place} "
        f"has {free / 2**30:.1f} GiB free. {do}.",
        input=checkpoint.name,
    )


def _held(name: str) -> Path | None:
    """Return the folder of a checkpoint of the table in the hub's cache, if its weights are complete."""
    return in_cache(name) if name in cached() else None


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"the tokenizer in {folder} cannot be read: {error}"
        raise CheckpointError(message, input=str(folder)) from error


def _network(folder: Path, place: torch.device, kind: torch.dtype, quantization: Quantization | None) -> Any:
    """Load the weights onto one device: tower, projector, newline and embeddings never part."""
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText

    settings: dict[str, Any] = {"dtype": kind, "attn_implementation": "sdpa", "local_files_only": True}
    if quantization is not None:
        settings["quantization_config"] = _quantised(quantization, kind)
    mapped = quantization is not None or importlib.util.find_spec("accelerate") is not None
    if mapped:
        # Straight to the device, without a copy in main memory.
        settings["device_map"] = {"": place}
    try:
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            folder, output_loading_info=True, **settings
        )
    except SafetensorError as error:
        raise CheckpointError(f"the weights in {folder} are damaged: {error}.", input=str(folder)) from error
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        if out_of_memory(error):
            raise
        message = f"the weights in {folder} cannot be loaded: {error}"
        raise CheckpointError(message, input=str(folder)) from error
    network, report = loaded
    absent = sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})
    if absent:
        # transformers would go on with random numbers in their place.
        raise CheckpointError(
            f"the weights in {folder} lack {len(absent)} of the model's, {absent[0]} among them, or have "
            "them in other shapes. Weights in the layout of lmms-lab are loaded by their llava-hf port.",
            input=str(folder),
        )
    return network.eval() if mapped else network.eval().to(place)


def _quantised(quantization: Quantization, kind: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    if quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=UNQUANTISED)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=kind,
        llm_int8_skip_modules=UNQUANTISED,
    )


def _assembled(
    folder: Path, checkpoint: Checkpoint, network: Any, tokenizer: Any, bits: Bits, place: torch.device
) -> Loaded:
    from .prompts import Template

    placeholder_ids = {"image": network.config.image_token_id}
    if "frame" in checkpoint.vision.modes:
        placeholder_ids["video"] = network.config.video_token_id
    own = _object(folder / POCKET_FILE)
    return Loaded(
        checkpoint=checkpoint,
        model=network,
        tokenizer=tokenizer,
        template=Template(tokenizer, _template_source(folder, tokenizer), placeholder_ids),
        bits=bits,
        device=place,
        stop_ids=_stop_ids(network, tokenizer),
        temperature=float(own.get("temperature", 1.0)),
        embedded=bool(own),
        familiar=Familiar.load(folder),
    )


def _template_source(folder: Path, tokenizer: Any) -> str:
    """Find the chat template where transformers of this or another year put it, the processor's first."""
    jinja = folder / "chat_template.jinja"
    if jinja.is_file():
        return jinja.read_text(encoding="utf-8")
    for name in ("chat_template.json", "processor_config.json"):
        source = _object(folder / name).get("chat_template")
        if isinstance(source, str):
            return source
    source = tokenizer.chat_template
    if isinstance(source, dict):
        source = source.get("default")
    if isinstance(source, str):
        return source
    raise CheckpointError(
        f"{folder} has no chat template; put the port's chat_template.jinja into it.", input=str(folder)
    )


def _stop_ids(network: Any, tokenizer: Any) -> frozenset[int]:
    ends = network.generation_config.eos_token_id
    if ends is None:
        ends = tokenizer.eos_token_id
    return frozenset([ends] if isinstance(ends, int) else ends or ())


def _object(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be read as JSON: {error}.", input=str(path.parent)) from error
    return content if isinstance(content, dict) else {}


@contextmanager
def quiet(*, bars: bool) -> Iterator[None]:
    """Keep transformers' warnings to itself, and its progress bars, too, unless they are wanted."""
    from transformers.utils import logging

    verbosity, enabled = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    if not bars:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if enabled:
            logging.enable_progress_bar()
