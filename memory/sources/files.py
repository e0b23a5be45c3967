"""Files: a path becomes an open regular file, or an error that says what is wrong with the path."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ...errors import InputError, nearest

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".divx", ".mpg", ".mpeg", ".mpe"}
    | {".m2v", ".m1v", ".vob", ".ts", ".mts", ".m2ts", ".flv", ".f4v", ".wmv", ".asf", ".ogv", ".ogm"}
    | {".mxf", ".dv", ".y4m", ".nut", ".rm", ".rmvb", ".h264", ".264", ".h265", ".265", ".hevc", ".ivf"}
)
"""What counts as a video when a folder is expanded."""

OFFICE_SUFFIXES = frozenset({".docx", ".doc", ".odt", ".rtf", ".pptx", ".ppt", ".odp"})
"""Documents that LibreOffice converts."""

DOCUMENT_SUFFIXES = OFFICE_SUFFIXES | {".pdf"}
"""What counts as a document when a folder is expanded."""


def checked_path(path: str | os.PathLike[str], kind: str) -> Path:
    """Return the path, refusing text that can be none.

    Parameters
    ----------
    path : str or path
    kind : str
        What it should be, for the message: ``"picture"`` or ``"video"``.

    Raises
    ------
    InputError
        If it is empty, holds a null character, is not valid UTF-8, or is a web address.
    """
    text = os.fspath(path)
    if not text:
        raise InputError(f"the path of the {kind} is empty.", input=text)
    if "\0" in text:
        raise InputError(f"the path of the {kind} contains a null character.", input=text)
    try:
        text.encode()
    except UnicodeEncodeError:
        readable = text.encode(errors="replace").decode()
        raise InputError(f"the name of {readable} is not valid UTF-8; rename it.", input=readable) from None
    if text.startswith(("http://", "https://")):
        raise InputError(
            f"{text} is a web address, which is not fetched unasked: download the {kind} and pass the file, "
            "or allow addresses (--allow-urls, or urls=True).",
            input=text,
        )
    return Path(text)


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files directly in a folder that end in one of ``suffixes``, by name, but hidden ones.

    Raises
    ------
    InputError
        If the folder cannot be read.
    """
    try:
        return sorted(
            file
            for file in folder.iterdir()
            if file.suffix.lower() in suffixes and not file.name.startswith(".") and not file.is_dir()
        )
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}.", input=str(folder)) from error


@contextmanager
def regular_file(path: str | os.PathLike[str], kind: str) -> Iterator[BinaryIO]:
    """Open a file for reading, refusing what is not one: reading a pipe or a device could wait for ever.

    Raises
    ------
    InputError
        If it is missing, a folder, a pipe, socket or device, empty, or may not be read.
    """
    checked = checked_path(path, kind)
    try:
        status = checked.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path} is a folder, not a {kind}.", input=str(path))
        if not stat.S_ISREG(status.st_mode):
            raise InputError(
                f"{path} is a pipe, socket or device; save the {kind} to a file.", input=str(path)
            )
        if status.st_size == 0:
            raise InputError(f"{path} is empty (0 bytes); copy or download it again.", input=str(path))
        file = checked.open("rb")
    except FileNotFoundError:
        raise _missing(checked) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", input=str(path)) from error
    with file:
        yield file


def _missing(path: Path) -> InputError:
    """Say what is missing, the file or its folder, and what has a name like it."""
    if path.is_symlink():
        return InputError(f"{path} is a link to {path.readlink()}, which does not exist.", input=str(path))
    if not path.parent.is_dir():
        return InputError(f"{path} does not exist: there is no folder {path.parent}.", input=str(path))
    try:
        near = nearest(path.name, (other.name for other in path.parent.iterdir()))
    except OSError:
        near = ""
    return InputError(f"{path} does not exist.{near}", input=str(path))
