"""Which files a client of MCP may name: those in folders that it works in, and that the operator allows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import InputError
from ..memory.sources.colmap import is_colmap, pictures_of
from ..memory.sources.files import checked_path
from ..memory.sources.scenes import is_scene

LONGEST = 4096
"""Characters of a name; no system takes longer ones."""
MOST_FILES = 100_000
"""Files in a folder that is named: more are not searched for links that lead out of it."""


@dataclass(frozen=True)
class Roots:
    """The folders that paths must lie in.

    A path must lie in one of the operator's folders, where there are any, and in one of the client's, where
    there are any; where there are neither, every path is refused.

    Parameters
    ----------
    operators : sequence of Path
        Absolute. Named when the server was started.
    clients : sequence of Path
        Absolute. Named by the client, which works in them.
    """

    operators: Sequence[Path] = ()
    clients: Sequence[Path] = ()

    def path(self, name: str) -> str:
        """Return where a file or folder is that the client names.

        Parameters
        ----------
        name : str
            A path, or a ``file:`` address. One that is not absolute is looked for in each of the folders.

        Returns
        -------
        str
            Absolute, with all links followed: what it names cannot be exchanged for a link out of the folders
            by renaming one on the way.

        Raises
        ------
        InputError
            If it lies outside the folders, leads out of them by a link or by "..", or there are none.
        """
        if not (self.operators or self.clients):
            raise InputError(
                f"{name} cannot be read: no folder may be. Give this client folders to work in (roots), or "
                "start the server with --root FOLDER.",
                input=name,
            )
        if len(name) > LONGEST:
            raise InputError(
                f"{name[:80]}... has {len(name)} characters, which is no file's name.", input=name
            )
        text = _path_of(name) if name.startswith("file:") else name
        if "://" in text or not text:
            raise InputError(f"{name!r} names no file of this machine; only those are read.", input=name)
        path = checked_path(text, "file")
        places = [path] if path.is_absolute() else [root / path for root in (*self.clients, *self.operators)]
        inside = [found for found in map(_real, places) if self._allows(found)]
        if not inside:
            raise InputError(f"{name} lies outside the folders that may be read: {self}.", input=name)
        found = next(filter(os.path.exists, inside), inside[0])
        self._check_what_comes_with(found, name)
        return str(found)

    def covers(self, path: str) -> bool:
        """Whether a path lies in one of the folders by its name, wherever it leads."""
        named = Path(os.path.normpath(path))
        roots = [*self.operators, *self.clients]
        return any(named.is_relative_to(root) for root in (*roots, *map(_real, roots)))

    def _allows(self, path: Path) -> bool:
        """Whether a path, with all links followed, lies in the folders."""
        groups = [group for group in (self.operators, self.clients) if group]
        return all(any(path.is_relative_to(_real(root)) for root in group) for group in groups)

    def _check_what_comes_with(self, found: Path, name: str) -> None:
        """Raise an InputError where what is read with a folder or a scene lies outside the folders."""
        scene = is_scene(found)
        for link in _links(found.parent if scene and found.is_file() else found, name):
            if not self._allows(_real(link)):
                raise InputError(
                    f"{name} holds a link, {link}, that leads out of the folders that may be read: {self}.",
                    input=name,
                )
        if scene and is_colmap(found) and not self._allows(_real(pictures_of(found))):
            raise InputError(
                f"the pictures of {name} lie outside the folders that may be read: {self}.", input=name
            )

    def __str__(self) -> str:
        return ", ".join(map(str, self.clients or self.operators))


def folders(addresses: Iterable[str]) -> list[Path]:
    """Return the folders that a client's roots name, but those of other machines."""
    named = [_path_of(address) for address in addresses if address.startswith("file:")]
    return [Path(name) for name in named if name]


def _path_of(address: str) -> str:
    """Return the path of a ``file:`` address; an empty one if it is another machine's."""
    parts = urlsplit(address)
    return url2pathname(parts.path) if parts.hostname in (None, "localhost") else ""


def _real(path: Path) -> Path:
    """Return a path with all links followed, also where its end does not exist."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # links that go in a circle
        raise InputError(f"{path} cannot be followed: {error}.", input=str(path)) from error


def _links(folder: Path, name: str) -> Iterator[Path]:
    """Yield the links that a folder holds, and the folders in it; none of a file."""
    count = 0
    for place, folders, files in os.walk(folder):
        count += len(files)
        if count > MOST_FILES:
            raise InputError(f"{name} holds more than {MOST_FILES} files; name one in it.", input=name)
        yield from filter(os.path.islink, (Path(place, one) for one in (*folders, *files)))
