"""Keys: who may call the server. Only their hashes are kept.

A key is random and long, so that a plain hash of it says nothing about it; each owns what is kept under it,
and sees nothing of others'.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ...errors import InputError, StorageError, nearest

PREFIX = "sl"
ID_BYTES, SECRET_BYTES = 6, 32


class Key(BaseModel):
    """What is kept of a key.

    Parameters
    ----------
    id : str
        The part of it that is no secret, and the name of what is kept for it.
    name : str
        What the operator calls it.
    sha256 : str
        Of the whole key.
    created : datetime
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    sha256: str
    created: datetime


_FILE = TypeAdapter(list[Key])


class Keys:
    """The keys of a server; a running one sees what another process adds and revokes.

    Parameters
    ----------
    file : path
        Where their hashes are; nothing is written before the first is added.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = FileLock(file.with_suffix(".lock"))
        self._read: tuple[tuple[int, int, int], dict[str, Key]] | None = None

    @property
    def asked_for(self) -> bool:
        """Whether callers need a key: since the first was made, also when none is left."""
        return self._file.exists()

    def every(self) -> list[Key]:
        """Return all keys, the oldest first.

        Raises
        ------
        StorageError
            If the file of them is damaged.
        """
        return [*self._known().values()]

    def add(self, name: str) -> str:
        """Make a key and return it: the only time that it is seen.

        Raises
        ------
        InputError
            If there is one of this name.
        """
        if not name.strip():
            raise InputError("a key needs a name, to be told from others.", input=name)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            keys = self.every()
            if any(key.name == name for key in keys):
                raise InputError(f"there is a key named {name!r}; revoke it first.", input=name)
            id_ = secrets.token_hex(ID_BYTES)
            whole = f"{PREFIX}-{id_}-{secrets.token_urlsafe(SECRET_BYTES)}"
            self._write([*keys, Key(id=id_, name=name, sha256=_hash(whole), created=datetime.now(UTC))])
        return whole

    def revoke(self, name: str) -> None:
        """Take a key away; what is kept for it stays where it is.

        Raises
        ------
        InputError
            If there is none of this name or id.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            keys = self.every()
            left = [key for key in keys if name not in (key.name, key.id)]
            if len(left) == len(keys):
                hint = nearest(name, [key.name for key in keys])
                raise InputError(f"there is no key named {name!r}.{hint}", input=name)
            self._write(left)

    def owner(self, whole: str) -> Key | None:
        """Return the key that a caller shows, if it is one."""
        parts = whole.split("-", 2)
        key = self._known().get(parts[1]) if len(parts) == 3 else None
        # Against a missing key's hash too, so that time does not tell which ids there are.
        wanted = key.sha256 if key is not None else _hash("")
        return key if hmac.compare_digest(_hash(whole), wanted) else None

    def _known(self) -> dict[str, Key]:
        try:
            at = self._file.stat()
        except FileNotFoundError:
            return {}
        version = (at.st_mtime_ns, at.st_ino, at.st_size)
        if self._read is None or self._read[0] != version:
            try:
                keys = _FILE.validate_json(self._file.read_bytes())
            except (OSError, ValidationError) as error:
                raise StorageError(
                    f"{self._file} does not hold keys: {error}", input=str(self._file)
                ) from error
            self._read = version, {key.id: key for key in keys}
        return self._read[1]

    def _write(self, keys: list[Key]) -> None:
        partial = self._file.with_suffix(".part")
        text = json.dumps(_FILE.dump_python(keys, mode="json"), indent=2)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(self._file)


def _hash(whole: str) -> str:
    return hashlib.sha256(whole.encode()).hexdigest()
