"""Hub: a checkpoint of the hub becomes a folder here, or an error that says how to bring it here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...errors import CheckpointUnavailableError

SECONDS = 5.0
"""How long the hub may take to say what a repository holds before it counts as unreachable."""

FILES = ["*.json", "*.jinja", "*.safetensors", "*.model", "*.txt"]
"""What is fetched of a repository: no weights in other formats."""


def fetched(name: str, held: Callable[[str], Path | None]) -> Path:
    """Return the folder of a checkpoint: from the hub's cache if it is whole, else fetched.

    Parameters
    ----------
    name : str
        Of the repository.
    held : callable
        Returns its folder in the cache, None while that is not whole.

    Raises
    ------
    CheckpointUnavailableError
        If the hub cannot be reached or has no such repository, or if what it gave is not whole.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # the client it uses

    if (folder := held(name)) is not None:
        return folder
    try:
        # Asked first, because the download itself waits for ever for a hub that does not answer.
        HfApi().model_info(name, timeout=SECONDS)
        snapshot_download(name, etag_timeout=SECONDS, allow_patterns=FILES)
    except (OSError, ValueError, httpx.HTTPError) as error:
        raise _unavailable(name, str(error).partition("\n")[0]) from error
    if (folder := held(name)) is None:
        raise _unavailable(name, "what it gave lacks weights in safetensors")
    return folder


def folder_of(model: str | Path, kind: str) -> Path:
    """Return the folder of a checkpoint in one piece, such as embed: itself, or that of its name on the hub.

    Parameters
    ----------
    model : str or Path
    kind : str
        What it should be, for the message.

    Raises
    ------
    CheckpointUnavailableError
        If it is no folder and no name, or as of :func:`fetched`.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    named = isinstance(model, str) and model.count("/") == 1 and model[0] not in "./~"
    if not named or path.exists():
        raise CheckpointUnavailableError(
            f"there is no folder {path}. Give that of a {kind} checkpoint, or its name on the hub.",
            input=str(model),
        )
    return fetched(str(model), _held)


def _held(name: str) -> Path | None:
    """Return the folder of a checkpoint in the hub's cache, if it is whole."""
    folder = in_cache(name)
    whole = folder is not None and (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
    return folder if whole else None


def in_cache(name: str) -> Path | None:
    """Return the folder of a repository in the hub's cache, whole or not; None where there is none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True, allow_patterns=FILES))
    except LocalEntryNotFoundError:
        return None


def _unavailable(name: str, why: str) -> CheckpointUnavailableError:
    return CheckpointUnavailableError(
        f"{name} is not on this machine and the hub cannot give it now ({why}). Fetch it where there is a "
        f"network, with `hf download {name} --local-dir FOLDER`, and give that folder instead of the name.",
        input=name,
    )
