"""Media: what the content blocks of a message show, as files.

LangChain's blocks (v1 and the older v0), those of OpenAI's chat and responses, and Anthropic's say the same
in different words: bytes in base64, an address, a path, or the handle of a file that is kept. This is the one
reader of all of them. What a file is, its content tells, never what the block calls it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, unquote_to_bytes

from ..errors import InputError
from ..memory import Still
from ..memory.sources.files import OFFICE_SUFFIXES, checked_path
from ..memory.sources.photos import opened_picture, read_photo
from ..memory.sources.web import MOST_BYTES, download, is_url
from ..memory.still import MEMORY, Photo

Kind = Literal["picture", "video", "document", "scene"]

KINDS: Mapping[str, str] = {
    "image": "picture",
    "image_url": "picture",
    "input_image": "picture",
    "video": "video",
    "video_url": "video",
    "input_video": "video",
    "file": "file",
    "input_file": "file",
}
"""Types of the blocks that hold media, and what each is called in errors."""

SOUND = frozenset({"audio", "input_audio", "audio_url"})
"""Types of blocks that nothing here can hear."""

_OFFICE = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"{\\rtf")
_SHOWN = 40  # characters of an address that an error repeats


@dataclass(frozen=True, slots=True)
class Shown:
    """What a block shows.

    Parameters
    ----------
    kind : "picture", "video", "document" or "scene"
        By its content.
    path : Path
        Of its file; a folder for some scenes.
    name : str
        What the message calls it, for errors and notes.
    passing : bool
        Whether the file is a copy of bytes that came with the message.
    """

    kind: Kind
    path: Path
    name: str
    passing: bool = False

    def still(self) -> Still:
        """Return the pixels of a picture.

        Raises
        ------
        InputError
            If it cannot be decoded.
        """
        with named(self.path, self.name):
            still = read_photo(self.path)
        return replace(still, origin=Photo(source=self.source)) if self.passing else still

    @property
    def source(self) -> str:
        """The source of stills of it: its path, or a name in memory, because the copy will be gone."""
        return MEMORY + self.path.stem if self.passing else str(self.path.absolute())


@dataclass(frozen=True, slots=True)
class Media:
    """What blocks may show, as whoever runs the program allows.

    Parameters
    ----------
    urls : bool or set of str
        Whether web addresses are fetched: none, all, or those of the named hosts.
    files : bool
        Whether blocks may name files of this machine (``file:///photo.png``, or a path).
    opened : callable, optional
        Returns the file of a handle; raises an InputError for one that it does not know.
    most_bytes : int
        Of one block.
    """

    urls: bool | frozenset[str] = False
    files: bool = False
    opened: Callable[[str], Path] | None = None
    most_bytes: int = MOST_BYTES

    def read(self, block: Mapping[str, Any], folder: Path) -> Shown:
        """Read a block of one of the types in :data:`KINDS`.

        Parameters
        ----------
        block : mapping
        folder : Path
            Where bytes that come with the block, or from the web, are kept, by their hash.

        Returns
        -------
        Shown

        Raises
        ------
        InputError
            If the block is malformed, its data broken or too large, what it leads to is not allowed, or
            its content is nothing that is read.
        """
        kind = KINDS[block["type"]]
        where, said = _reference(block)
        if where == "handle":
            return self._kept(said, kind)
        if where == "data":
            return self._copy(_decoded(said, kind, self.most_bytes), kind, _file_name(block), folder)
        return self._addressed(said, kind, _file_name(block), folder)

    def _addressed(self, address: str, kind: str, file_name: str, folder: Path) -> Shown:
        if address[:5].casefold() == "data:":
            return self._copy(_data_url(address, kind, self.most_bytes), kind, file_name, folder)
        if is_url(address):
            return self._fetched(address, kind, folder)
        scheme, _, place = address.partition("://") if "://" in address else ("", "", "")
        if scheme.casefold() not in ("", "file"):
            raise InputError(
                f"the {kind} {short(address)} has an address that is not read; send data:, http: or https:.",
                input=short(address),
            )
        if not self.files:
            raise InputError(
                f"the {kind} {short(address)} is a path, and messages may not name files here: send its "
                "bytes as a data: URL.",
                input=short(address),
            )
        path = checked_path(unquote("/" + place.partition("/")[2]) if scheme else address, kind)
        return Shown(_kind_of(path, address, kind), path, address)

    def _fetched(self, address: str, kind: str, folder: Path) -> Shown:
        if not self.urls:
            raise InputError(
                f"the message leads to {short(address)}, and web addresses are not fetched here: send the "
                "bytes as a data: URL, or have addresses allowed.",
                input=short(address),
            )
        hosts = self.urls if isinstance(self.urls, frozenset) else None
        path = download(address, folder, hosts=hosts, most_bytes=self.most_bytes)
        return Shown(_kind_of(path, address, kind), path, address, passing=True)

    def _kept(self, handle: str, kind: str) -> Shown:
        if self.opened is None:
            raise InputError(f"there are no kept files here, so no file {handle!r}.", input=handle)
        path = self.opened(handle)
        return Shown(_kind_of(path, handle, kind), path, handle)

    def _copy(self, data: bytes, kind: str, file_name: str, folder: Path) -> Shown:
        name = f"the {kind} {file_name}" if file_name else f"the {kind} in the message"
        if not data:
            raise InputError(f"{name} is empty (0 bytes).", input=file_name or kind)
        folder.mkdir(parents=True, exist_ok=True)
        suffix = Path(file_name).suffix.casefold()
        # LibreOffice goes by the suffix; nobody else does.
        suffix = suffix if suffix in OFFICE_SUFFIXES and data.startswith(_OFFICE) else ""
        path = folder / (hashlib.sha256(data).hexdigest() + suffix)
        path.write_bytes(data)
        return Shown(_kind_of(path, name, kind), path, name, passing=True)


def canonical(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block of one of the types in :data:`KINDS` in the form of LangChain v1, complete.

    Raises
    ------
    InputError
        If it does not say what it shows.
    """
    where, said = _reference(block)
    kind = KINDS[block["type"]]
    key = {"data": "base64", "address": "url", "handle": "file_id"}[where]
    found = {"type": "image" if kind == "picture" else kind, key: said}
    if where == "data":
        told = block.get("mime_type")
        found["mime_type"] = told if isinstance(told, str) else "application/octet-stream"
    file_name = _file_name(block)
    return {**found, "filename": file_name} if file_name else found


@contextmanager
def named(path: Path, name: str) -> Iterator[None]:
    """Let errors name what a message shows as the message does, not by the file that it was put into."""
    try:
        yield
    except InputError as error:
        raise InputError(error.message.replace(str(path), name), input=short(name)) from error


def _reference(block: Mapping[str, Any]) -> tuple[Literal["data", "address", "handle"], str]:
    """Return how a block says what it shows, and with what words.

    Raises
    ------
    InputError
        If it does not.
    """
    inner = block
    for key in (block["type"], "source"):
        # OpenAI: {"type": "image_url", "image_url": {"url": ...}}; Anthropic: {"source": {"data": ...}}
        value = block.get(key)
        if isinstance(value, Mapping):
            inner = value
        elif isinstance(value, str) and key.endswith("_url"):
            return "address", value
    for key in ("base64", "data"):
        if key in inner:
            return "data", _text(inner, key)
    for key in ("url", "file_data", "image_url", "video_url", "file_url"):
        if key in inner:
            return ("address" if key != "file_data" or _is_data(inner[key]) else "data"), _text(inner, key)
    if inner.get("source_type") == "id" or "file_id" in inner:
        return "handle", _text(inner, "file_id" if "file_id" in inner else "id")
    raise InputError(
        f'the block of type {block["type"]!r} shows nothing: it needs "base64", "url" or "file_id".',
        input=str(block["type"]),
    )


def _is_data(value: object) -> bool:
    return isinstance(value, str) and value[:5].casefold() == "data:"


def _text(block: Mapping[str, Any], key: str) -> str:
    value = block[key]
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{key!r} of a block is text that is not empty, not {value!r:.40}.", input=key)
    return value.strip()


def _file_name(block: Mapping[str, Any]) -> str:
    """Return what a block calls its file; only the last part, whatever it is."""
    for part in (block, block.get("file"), block.get("extras")):
        if isinstance(part, Mapping):
            for key in ("filename", "name"):
                if isinstance(part.get(key), str):
                    return Path(str(part[key]).replace("\0", "")).name
    return ""


def _data_url(address: str, kind: str, most: int) -> bytes:
    head, comma, data = address.partition(",")
    if not comma:
        raise InputError(
            f"the data: URL of the {kind} is broken: {short(address)} has no comma before its data.",
            input=short(address),
        )
    if head.casefold().endswith(";base64"):
        return _decoded(data, kind, most)
    if len(data) > 3 * most:
        raise _too_large(kind, most)
    found = unquote_to_bytes(data)
    if len(found) > most:
        raise _too_large(kind, most)
    return found


def _decoded(data: str, kind: str, most: int) -> bytes:
    if len(data) * 3 // 4 > most + 2:
        raise _too_large(kind, most)
    whole = "".join(unquote(data).split()) if "%" in data else "".join(data.split())
    # Some senders leave the padding out, and some use the alphabet for addresses.
    whole = whole.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(
            f"the data of the {kind} is broken: {short(data)} is no base64 ({error}).", input=short(data)
        ) from error


def _too_large(kind: str, most: int) -> InputError:
    return InputError(f"the {kind} in the message has more than {most / 2**20:g} MiB.", input=kind)


def _kind_of(path: Path, name: str, expected: str) -> Kind:
    """Tell what a file is, by its content; ``expected`` only decides what is said where it is nothing.

    Raises
    ------
    InputError
        If it is nothing that is read.
    """
    from ..memory.sources.documents import is_document
    from ..memory.sources.scenes import is_scene
    from ..memory.sources.videos import Video

    with named(path, name):
        if is_scene(path):
            return "scene"
        if is_document(path):
            return "document"
        try:
            with opened_picture(path):
                return "picture"
        except InputError as no_picture:
            try:
                Video(path).close()
            except InputError as no_video:
                raise (no_video if expected == "video" else no_picture) from None
            return "video"


def short(address: str) -> str:
    """Return as much of an address, or of data, as an error repeats."""
    return address if len(address) <= _SHOWN else f"{address[:_SHOWN]}..."
