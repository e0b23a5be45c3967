"""Typed errors: what was wrong, with which input, and what to do about it.

Every error the package raises on purpose is a :class:`SightloopError`. The command line turns one into
exit code :attr:`SightloopError.exit_code` and, with ``--json``, into
``{"error": {"type", "message", "input"}}``; anything else it meets is a bug of ours and exits with 1.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SightloopError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message : str
        One or two sentences: what was wrong, and what to do.
    input : str, optional
        The path, name or argument that caused it, as the caller wrote it.
    """

    exit_code = 2

    def __init__(self, message: str, *, input: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.input = input

    def to_json(self) -> dict[str, dict[str, str | None]]:
        """Return the object that ``--json`` prints on stderr."""
        return {"error": {"type": type(self).__name__, "message": self.message, "input": self.input}}


class InputError(SightloopError):
    """A file, folder or question that cannot be used: missing, empty, truncated, not an image, too large."""


class SceneError(InputError):
    """A scene whose files cannot be used as they are; the message names the file and the field."""


class SourceStalledError(InputError):
    """A file, device or stream that gave nothing for too long; the message says how long was waited."""


class UnknownCheckpointError(InputError):
    """No checkpoint has this name; the message suggests the nearest ones."""


class CheckpointUnavailableError(SightloopError):
    """The weights are neither on this machine nor reachable; the message says how to pass a local folder."""


class CheckpointError(SightloopError):
    """The checkpoint's folder is there, but malformed or of an architecture this package does not load."""


class ContextOverflowError(SightloopError):
    """The prompt does not fit the checkpoint's context window; the message says what to shrink."""


class InsufficientMemoryError(SightloopError):
    """The machine has too little memory: known before loading, or met at run time."""


class MissingExtraError(SightloopError):
    """An optional dependency is not installed.

    Parameters
    ----------
    package : str
        The distribution that is missing, e.g. ``"bitsandbytes"``.
    extra : str
        The extra of this package that brings it, e.g. ``"quantization"``.
    purpose : str
        What needs it, in words that complete "... needs <package>".
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f'{purpose} needs {package}, which is not installed. Run: pip install "sightloop[{extra}]"',
            input=package,
        )
        self.package = package
        self.extra = extra


class EvidenceError(SightloopError):
    """Evidence cannot be reopened: its source is gone, or its pixels are no longer the same."""


class StorageError(SightloopError):
    """A memory's folder cannot be read or written: full, read-only, damaged, or a file of it is gone."""


class MemoryLockedError(SightloopError):
    """The memory is open elsewhere, in this process or another: a folder has one owner at a time."""


class ForgottenError(InputError):
    """What a memory found was forgotten before its picture was looked at."""


class MemoryModelError(SightloopError):
    """The memory was written with another model than the one given; the message names both."""


class ApprovalNeeded(SightloopError):
    """A run waits for a person to approve a tool call.

    Parameters
    ----------
    thread : str
        The conversation that waits.
    tool : str
        What is to be called; the conversation holds the whole call.
    """

    def __init__(self, thread: str, tool: str) -> None:
        super().__init__(
            f"the agent wants to call {tool!r}, which a person must approve: "
            f"agent.resume({thread!r}, 'approve') or 'reject' goes on.",
            input=thread,
        )
        self.thread = thread
        self.tool = tool


class BrainError(SightloopError):
    """The language model that plans a run failed; the message says how, and its own error is the cause."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``' Did you mean a, b?'`` for the known names nearest to ``name``; ``''`` where none is near."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    close = [by_fold[match] for match in get_close_matches(name.casefold(), by_fold, n=3, cutoff=0.5)]
    return f" Did you mean {', '.join(close)}?" if close else ""


def check_text(text: str, name: str) -> None:
    """Raise an InputError for a text that holds half of a surrogate pair, as JSON may: no model reads it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the {name} is no valid Unicode text: character {error.start + 1} is half of a surrogate pair.",
            input=text.encode(errors="replace").decode(),
        ) from None
