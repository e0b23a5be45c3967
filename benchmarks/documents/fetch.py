"""Get the real documents that ``sightloop bench documents`` asks about, by the names of their packages.

The vignettes come out of two Debian packages (``apt-get download``, ``dpkg -x``: nothing is installed, and
root is not needed), the scans out of the source distribution of ocrmypdf (``pip download``). Only what is
needed is kept, and only if its sha256 is the recorded one.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from sightloop.errors import InputError
from sightloop.tools.document_files import SCANS, VIGNETTES, found, kept, sha256

DEBIAN = ("r-cran-survival=3.5-3-1", "r-cran-vcd=1:1.4-11-1")
SDIST = "ocrmypdf==17.13.0"


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder.

    Raises
    ------
    InputError
        If it is missing or fails; the message has what it said last.
    """
    line = " ".join(command)
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise InputError(
            f"{command[0]} is not on this machine: unpack the packages {', '.join(DEBIAN)} of Debian 12 "
            "elsewhere, and name the folder with --folder.",
            input=command[0],
        ) from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise InputError(f"`{line}` failed: {said[-1] if said else done.returncode}", input=line)


def vignettes(folder: Path) -> None:
    """Unpack the Debian packages into a folder."""
    run(["apt-get", "download", *DEBIAN], folder)
    for package in sorted(folder.glob("*.deb")):
        run(["dpkg", "-x", package.name, "."], folder)


def scans(folder: Path) -> None:
    """Unpack the test files of ocrmypdf into a folder."""
    name = SDIST.split("==")[0]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "download", "--no-deps", "--no-binary", name, SDIST], folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as members:
        wanted = [one for one in members.getmembers() if "/tests/resources/" in one.name and one.isfile()]
        members.extractall(folder, wanted, filter="data")


def keep(unpacked: Path, files: Mapping[str, str], folder: Path) -> None:
    """Copy files whose sha256 is the recorded one from where they were unpacked.

    Raises
    ------
    InputError
        If one is missing or another one.
    """
    for name, digest in files.items():
        same: Iterable[Path] = (path for path in unpacked.rglob(name) if sha256(path) == digest)
        path = next(iter(same), None)
        if path is None:
            raise InputError(f"what was downloaded holds no {name} with the sha256 {digest}.", input=name)
        shutil.copyfile(path, folder / f"{name}.part")
        (folder / f"{name}.part").replace(folder / name)


def fetch(folder: Path) -> None:
    """Get what is not yet there."""
    folder.mkdir(parents=True, exist_ok=True)
    for files, unpack in ((VIGNETTES, vignettes), (SCANS, scans)):
        try:
            found(folder, files)
        except InputError:
            with tempfile.TemporaryDirectory(prefix="sightloop-") as name:
                unpack(Path(name))
                keep(Path(name), files, folder)


def main() -> None:
    """Get the documents, and say where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=kept(), help="by default this user's cache")
    args = parser.parse_args()
    try:
        fetch(args.folder)
    except InputError as error:
        sys.exit(error.message)
    print(f"{len(VIGNETTES) + len(SCANS)} files are in {args.folder}")


if __name__ == "__main__":
    main()
