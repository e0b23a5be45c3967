"""The real documents that the bench of documents asks about: which they are, and where this machine has them.

They are the vignettes of two R packages and test scans of ocrmypdf, none of which is part of this repository.
``benchmarks/documents/fetch.py`` gets them; an R library that holds the same files will do as well. Questions
name pages and boxes, so a file counts only if it is the very one that they were written about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import InputError

VIGNETTES: Mapping[str, str] = {
    # of survival 3.5-3
    "adjcurve.pdf": "d1858bbdf1d573d09f52249e1dc9b688e1c052d3c0bd54853279c139309d761d",
    "approximate.pdf": "ccddadd9b587b9fb4ab0ed17268090ab81a15f695ef4d3e83f865315747ad19c",
    "compete.pdf": "1d83a2c90440051bef67554f06c942e418645a07e56d44e7cb1c42ba7c40ba88",
    "concordance.pdf": "081353813156f28af62bb67fbf2b4462d3370534fefd80ec360d11426cdbc924",
    "discrim.pdf": "78678cc447f65b84309a2d00868d94bc0185046447f2ca3de1c52ac87cc4c4bd",
    "multi.pdf": "bf0f1bfa55e02b356c40e5c25398e2b98bd79bdcef752ad4194a0df27328507a",
    "other.pdf": "73f35243b34fc73fde6fcdd5962afbb7bbd5e1ed2c69bdeeaa6c6b493d919a4d",
    "population.pdf": "cdd08e4799b56d68d1da1368e9e6ab4094da0cc79792a3563b6af95582c14cd9",
    "splines.pdf": "354dcaf2fbf3d37f247752810b1687fb7cde5c35a5baedb67652ed828742be22",
    "survival.pdf": "d8e4cac102d76e25b9e0e224eb262e7db542c351e0f81b9c1c3f3fcf0a81436c",
    "tiedtimes.pdf": "decffd5798b20d3a5fb67381353d42644a0e759f7e48710ba54843f80995cafe",
    "timedep.pdf": "2ce226d9267a794376a42b7e0f3d93511c2229ed9a871ab73695d43dcaf8ef51",
    "validate.pdf": "bad9bc7ef9940a735197e2f5bf0d353690c99a3dd1af5da7aa13c48b93ce5d8b",
    # of vcd 1.4-11
    "residual-shadings.pdf": "936f618b11c4bb4948246079649df8a6786a9146721f70784e9b5c154fbd9051",
    "strucplot.pdf": "45dd7f7b8d6f3f5ca1816a585bb0e8410c4fe02c50876cd5174069b70a724b8c",
}
"""PDFs with a text layer, and their sha256: Debian's r-cran-survival 3.5-3-1 and r-cran-vcd 1:1.4-11-1."""

SCANS: Mapping[str, str] = {
    "linn.pdf": "e923f6e8e036185f8f2aae5f7fdeefd8ac658d627cebd4ebf630de4cbf0a2d64",
    "linn.txt": "18fbd25ca0fc7783f3b7f0e93e91e9408d2d517739f646fecbdf6209628204b1",
    "skew.pdf": "6be6b54d49df71351974774404e299b756d8d3cbeb2c4a31f15fae8dd983d72f",
    "rotated_skew.pdf": "5122c07d05a61219eb9f8305776ef16def6b34c29358e05c5ae2e884a351438f",
    "francais.pdf": "600c27f8dd2ef085a94d3500f6ccdb3b37f4b89aa8ffdf9a00a06a1367887e8b",
    "typewriter.png": "6f7a83685a83af954e9672b3e2db3253af165513d2826d780a48e175742f4469",
}
"""Scans without a text layer, the words of the first one, and their sha256: of ocrmypdf 17.13.0."""

FILES: Mapping[str, str] = {**VIGNETTES, **SCANS}

FETCH = "python benchmarks/documents/fetch.py"
"""What gets them."""

LIBRARIES = ("/usr/lib/R/library", "/usr/lib/R/site-library", "/usr/local/lib/R/site-library")
"""Where R keeps its packages on Debian and its like."""


def kept() -> Path:
    """Return the folder of this user that the documents are put into."""
    import platformdirs

    return platformdirs.user_cache_path("sightloop") / "documents"


def found(folder: str | Path | None = None, needed: Iterable[str] = tuple(FILES)) -> dict[str, Path]:
    """Return where the documents are.

    Parameters
    ----------
    folder : str or path, optional
        Where to look, folders in it too; by default where ``fetch.py`` puts them, and in R's libraries.
    needed : iterable of str
        Names of files, of :data:`FILES`; by default all of them.

    Returns
    -------
    dict of name to path

    Raises
    ------
    InputError
        If a file is missing or another one than the questions are about; the message has the line that gets
        them.
    """
    paths, others = {}, []
    for name in needed:
        there = [path for path in _candidates(folder, name) if path.is_file()]
        same = [path for path in there if sha256(path) == FILES[name]]
        if same:
            paths[name] = same[0]
        else:
            others.append((name, bool(there)))
    if others:
        name, there_is_one = others[0]
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        what = f"another version of {name} is there{more}" if there_is_one else f"{name} is not there{more}"
        line = FETCH if folder is None else f'{FETCH} "{folder}"'
        raise InputError(f"the documents of the bench are missing: {what}. Get them by: {line}", input=name)
    return paths


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _candidates(folder: str | Path | None, name: str) -> Iterable[Path]:
    if folder is not None:
        yield from sorted(Path(folder).rglob(name))
        return
    yield kept() / name
    for library in LIBRARIES:
        for package in ("survival", "vcd"):
            yield Path(library) / package / "doc" / name
