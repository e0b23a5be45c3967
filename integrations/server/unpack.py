"""Unpack: a zip of a scene becomes a folder, within bounds and never outside it."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from ...errors import InputError

MOST_FILES = 20_000
"""Files in a scene."""
MOST_RATIO = 200
"""How many times larger than its zip a scene may be: pictures hardly shrink, bombs do."""
PIECE = 2**20


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
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    left = min(most_bytes, MOST_RATIO * file.stat().st_size)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MOST_FILES:
                raise InputError(f"the zip has more than {MOST_FILES:,} files.")
            for member in members:
                if not member.is_dir():
                    left = _member(archive, member, folder, left)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(f"the zip is damaged, or needs a password: {error}.") from error
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
