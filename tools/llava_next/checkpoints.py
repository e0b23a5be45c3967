"""Checkpoints: what every released LLaVA-NeXT can do, needs and costs, known before anything is downloaded.

The table is :data:`CHECKPOINTS`; :func:`find` looks a name up, :func:`from_folder` reads a checkpoint on
disk. What a checkpoint can do is decided by its configuration or the table, never by a part of a name: a
folder may be called anything.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, UnknownCheckpointError, nearest
from .anyres import Family, Vision
from .architecture import TextModel, Tower
from .zoo import CHECKPOINTS, POCKET, UNPORTED, Bits, Checkpoint, Tier, Unported

__all__ = [
    "CHECKPOINTS",
    "POCKET",
    "UNPORTED",
    "Bits",
    "Checkpoint",
    "Tier",
    "Unported",
    "find",
    "from_folder",
]

CLASSES: dict[str, Family] = {
    "LlavaNextForConditionalGeneration": "llava_next",
    "LlavaNextVideoForConditionalGeneration": "llava_next_video",
    "LlavaForConditionalGeneration": "llava",
    "LlavaOnevisionForConditionalGeneration": "llava_onevision",
}
"""The transformers classes that this package loads, and their families."""


def find(name: str) -> Checkpoint:
    """Look a checkpoint up by its name.

    Parameters
    ----------
    name : str
        Of the llava-hf port or of the original, with or without the organisation, in any case; or "pocket".

    Raises
    ------
    UnknownCheckpointError
        If there is no such checkpoint (the nearest names are suggested), or if it has no port that
        transformers loads (the nearest one that does is named).
    """
    wanted = name.casefold().removesuffix("/")
    for checkpoint in CHECKPOINTS:
        for known in (checkpoint.name, checkpoint.original or checkpoint.name):
            if wanted in (known.casefold(), known.casefold().rpartition("/")[2]):
                return checkpoint
    for unported in UNPORTED:
        known = unported.original.casefold()
        if fnmatchcase(wanted, known) or fnmatchcase(wanted, known.rpartition("/")[2]):
            raise UnknownCheckpointError(
                f"{unported.original} cannot be loaded: {unported.why}. The nearest that can is "
                f"{unported.nearest}.",
                input=name,
            )
    names = [c.name for c in CHECKPOINTS] + [c.original for c in CHECKPOINTS if c.original]
    # A bare name is compared with bare names: the organisation would outweigh the difference.
    known_names = names if "/" in name else [known.rpartition("/")[2] for known in names]
    raise UnknownCheckpointError(
        f"There is no checkpoint {name!r}.{nearest(name, known_names)} `sightloop models` lists all; "
        "a folder with weights can be given by its path.",
        input=name,
    )


def from_folder(path: str | Path) -> Checkpoint:
    """Read what a checkpoint on disk is; no weights are touched and the folder's name does not matter.

    Parameters
    ----------
    path : str or Path
        A folder in the layout of the llava-hf repositories: ``config.json`` and, where pixels are normalised
        in their own way, ``processor_config.json`` or ``preprocessor_config.json``.

    Raises
    ------
    CheckpointError
        If it is not such a folder, its files are malformed, or the class named in ``architectures`` is not
        one of :data:`CLASSES`.
    """
    folder = Path(path)
    config = _config(folder)
    try:
        vision = Vision.from_config(config, _image_processor(folder))
        text = TextModel.from_config(config.text_config, tied=bool(config.tie_word_embeddings))
        tower = Tower.from_config(config.vision_config)
    except (AttributeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / 'config.json'} is malformed: {error}.", input=str(path)) from error
    except CheckpointError as error:
        raise CheckpointError(f"{folder / 'config.json'}: {error.message}", input=str(path)) from error
    # Of the two classes without a grid of their own for several stills, those that continue SigLIP
    # (Interleave, OneVision) were trained on many; LLaVA-1.5 shares Interleave's class but has CLIP.
    many = vision.family in ("llava", "llava_onevision") and not vision.cls_token
    rope = getattr(config.text_config, "rope_parameters", None) or {}
    own = (folder / "pocket.json").is_file()
    return Checkpoint(
        name=str(path),
        original=None,
        text=text,
        tower=tower,
        vision=vision,
        context=config.text_config.max_position_embeddings,
        template="the folder's own",
        stills_trained=None if many or own else 1,
        video=many or own or vision.family == "llava_next_video",
        grid_stills=POCKET.grid_stills if own else int(vision.family != "llava"),
        license=POCKET.license if own else "see the folder's card",
        use=POCKET.use if own else "a checkpoint of your own",
        cells=POCKET.cells if own else None,
        rope_factor=float(rope.get("factor", 1.0)) if rope.get("rope_type") == "linear" else 1.0,
    )


def _config(folder: Path) -> Any:
    """Load the transformers config, after checking by ourselves what would otherwise end in a riddle."""
    path = folder / "config.json"
    if not path.is_file():
        what = "has no config.json" if folder.is_dir() else "is not a folder"
        raise CheckpointError(
            f"{folder} {what}; a checkpoint is a folder laid out as the llava-hf repositories are.",
            input=str(folder),
        )
    settings = _json(path)
    architectures = settings.get("architectures") or ["none"]
    family = CLASSES.get(architectures[0])
    if family is None or settings.get("model_type") != family:
        raise CheckpointError(
            f"{path} describes a {architectures[0]} ({settings.get('model_type')}), not one of "
            f"{', '.join(CLASSES)}. Weights of lmms-lab and liuhaotian have others: use their llava-hf "
            "ports, which `sightloop models` lists.",
            input=str(folder),
        )
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True)
    except (AttributeError, KeyError, OSError, TypeError, ValueError, StrictDataclassError) as error:
        raise CheckpointError(f"{path} is malformed: {error}", input=str(folder)) from error


def _image_processor(folder: Path) -> dict[str, Any]:
    """Return the image processor's settings, from the file of this or of older transformers, or none."""
    combined = folder / "processor_config.json"
    if combined.is_file():
        settings = _json(combined).get("image_processor")
        if isinstance(settings, dict):
            return settings
    alone = folder / "preprocessor_config.json"
    return _json(alone) if alone.is_file() else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}.", input=str(path.parent)) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no JSON object.", input=str(path.parent))
    return content
