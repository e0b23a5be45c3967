"""Unpack: a zip of a scene becomes a folder, within bounds and never outside it."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ...errors import InputError, StorageError

MOST_FILES = 20_000
"""Files in a scene."""
DIRECTORY_BYTES = 16 * 2**20
"""Of a zip's list of files, which is read as a whole."""
MOST_RATIO = 200
"""How many times larger than its zip a scene may be: pictures hardly shrink, bombs do."""
PIECE = 2**20

_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError)

_END = struct.Struct("<4s4H2LH")
"""What a zip ends with; the sixth is the size of its list of files. A comment of 64 KiB may follow."""


@contextmanager
def opened_zip(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip whose list of files is short enough to be read.

    Raises
    ------
    InputError
        If it is not; and for what goes wrong in the block because it is damaged or needs a password.
    """
    try:
        _check_directory(file)
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > MOST_FILES:
                raise InputError(f"the zip has more than {MOST_FILES:,} files.")
            if any(member.compress_type not in _READ for member in archive.infolist()):
                raise InputError("the zip is packed in a way that is not read: pack it anew, as usual.")
            yield archive
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # that is a place before the beginning
            raise
        raise InputError(f"the zip is damaged, or needs a password: {error}.") from error


def _check_directory(file: Path) -> None:
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - _END.size - 2**16))
        tail = opened.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise zipfile.BadZipFile("it has no end")
    if b"PK\x06\x07" in tail or _END.unpack_from(tail, at)[5] > DIRECTORY_BYTES:
        raise InputError("the zip's list of files is too long.")


def unpacked(file: Path, folder: Path, most_bytes: int) -> Path:
    """Unpack a zip, and return where the scene in it begins.

    Parameters
    ----------
    file : Path
    folder : Path
        Made; what an earlier try left there is removed first.
    most_bytes : int
        Of all files together, as they come out: what the zip says of itself is not trusted.

    Returns
    -------
    Path
        The folder, or the only folder in it.

    Raises
    ------
    InputError
        If it is damaged, encrypted, too large, or names a place outside.
    StorageError
        If its files cannot be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    left = min(most_bytes, MOST_RATIO * file.stat().st_size)
    try:
        folder.mkdir(parents=True)
        with opened_zip(file) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    left = _member(archive, member, folder, left)
    except OSError as error:
        raise StorageError(f"the zip cannot be unpacked: {error.strerror}.", input=file.name) from error
    inside = [entry for entry in folder.iterdir() if entry.name != "__MACOSX"]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, left: int) -> int:
    """Write one file, and return how many bytes may still come."""
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in member.filename or not name.parts:
        raise InputError(f"the zip names a place outside of its folder: {member.filename!r}.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise InputError(f"the zip holds a link, which may lead anywhere: {member.filename!r}.")
    target = folder.joinpath(*name.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as packed, target.open("wb") as file:
        while piece := packed.read(PIECE):
            left -= len(piece)
            if left < 0:
                raise InputError("the zip is too large when it is unpacked.")
            file.write(piece)
    return left
