"""Office files: LibreOffice, where it is installed, turns them into PDFs, once for the same content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from ...errors import InputError
from .files import regular_file

CONVERT_SECONDS = 180.0
"""A conversion may take this long; most take three seconds, of which LibreOffice needs two to start."""

MAX_BYTES = 512 << 20
"""Largest file that is converted."""

INSTALL = "apt install libreoffice-writer libreoffice-impress"
"""The line that brings LibreOffice, on Debian and Ubuntu."""

_INSTALL = (
    f"Install it ({INSTALL}, brew install --cask libreoffice, or "
    "https://www.libreoffice.org), or save the file as PDF"
)
_HOMES = (
    "/Applications/LibreOffice.app/Contents/MacOS/soffice",
    r"C:\Program Files\LibreOffice\program\soffice.exe",
)
_ZIP = b"PK\x03\x04"  # as Word's and OpenDocument's files are
_HEADS = (_ZIP, b"\xd0\xcf\x11\xe0", b"{\\rtf")  # the others: OLE, RTF
# No macro runs, and nothing that the file links to is fetched.
_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop>
<prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop>
<prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop>
<prop oor:name="DisableActiveContent" oor:op="fuse"><value>true</value></prop>
</item>
</oor:items>
"""


def as_pdf(path: str) -> Path:
    """Return the PDF of an office file, made now or for the same content before.

    Parameters
    ----------
    path : str
        Absolute.

    Raises
    ------
    InputError
        If the file cannot be read or is none, LibreOffice is not installed, does not convert it, or takes
        longer than ``CONVERT_SECONDS``.
    """
    with regular_file(path, "document") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:
            raise InputError(
                f"{path} has {size / 1e6:,.0f} MB, more than the limit of {MAX_BYTES / 1e6:,.0f} MB: "
                "split it, or save it as PDF.",
                input=path,
            )
        content = file.read()
        whole = not content.startswith(_ZIP) or zipfile.is_zipfile(file)
    suffix = Path(path).suffix.lower()
    if not content.startswith(_HEADS):
        raise InputError(f"{path} does not begin like a {suffix} file: it is damaged or none.", input=path)
    if not whole:  # LibreOffice would take what is left of it for plain text
        raise InputError(f"{path} is truncated or damaged; copy or download it again.", input=path)
    folder = platformdirs.user_cache_path("sightloop") / "office"
    target = folder / f"{hashlib.sha256(content + suffix.encode()).hexdigest()}.pdf"
    if not target.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as work:
                _converted(path, content, suffix, Path(work)).replace(target)
        except OSError as error:
            raise InputError(
                f"{path} cannot be converted: {folder} cannot be written ({error.strerror}).", input=path
            ) from error
    return target


def soffice() -> str | None:
    """Return the path of LibreOffice's program, if it is installed."""
    found = shutil.which("soffice") or shutil.which("libreoffice")
    return found or next((home for home in _HOMES if Path(home).is_file()), None)


def _converted(path: str, content: bytes, suffix: str, work: Path) -> Path:
    program = soffice()
    if program is None:
        raise InputError(f"{path} needs LibreOffice, which is not installed. {_INSTALL}.", input=path)
    # A copy under a name of ours, in a profile of its own: LibreOffice locks what it opens.
    copy = work / f"document{suffix}"
    copy.write_bytes(content)
    settings = work / "profile" / "user" / "registrymodifications.xcu"
    settings.parent.mkdir(parents=True)
    settings.write_text(_SETTINGS, encoding="utf-8")
    command = [program, f"-env:UserInstallation={(work / 'profile').as_uri()}", "--headless", "--norestore"]
    with _running([*command, "--convert-to", "pdf", "--outdir", str(work), str(copy)]) as process:
        try:
            process.wait(CONVERT_SECONDS)
        except subprocess.TimeoutExpired:
            raise InputError(
                f"{path} was not converted by LibreOffice within {CONVERT_SECONDS:g} s; save it as PDF.",
                input=path,
            ) from None
    made = copy.with_suffix(".pdf")
    if not made.is_file():
        raise InputError(
            f"{path} is not converted by LibreOffice: it is damaged, protected by a password, or LibreOffice "
            "lacks the part for such files. Save it as PDF.",
            input=path,
        )
    return made


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that starts others, and end them all."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=sys.platform != "win32"
    )
    try:
        yield process
    finally:
        if sys.platform == "win32":
            process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
