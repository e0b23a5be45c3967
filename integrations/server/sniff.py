"""Sniff: what a file is by what is in it, whatever it is called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError
from ...memory.sources.files import VIDEO_SUFFIXES
from ...memory.sources.photos import SUFFIXES, opened_picture
from .failures import Refused
from .unpack import opened_zip

HEAD = 4096
"""Bytes that are looked at; a PDF may have a little before its own."""

TAKEN = "pictures, videos, PDF, office documents, and 3D scenes (a zip of a folder, .ply, .glb, .bag, .mcap)"

_OFFICE_PARTS = {"word/document.xml": ".docx", "ppt/presentation.xml": ".pptx"}
_OPEN_DOCUMENTS = {
    b"application/vnd.oasis.opendocument.text": ".odt",
    b"application/vnd.oasis.opendocument.presentation": ".odp",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_PARTS = {"WordDocument": ".doc", "PowerPoint Document": ".ppt"}
_SCENES = {
    b"ply\n": ".ply",
    b"ply\r": ".ply",
    b"glTF": ".glb",
    b"\x89MCAP0\r\n": ".mcap",
    b"#ROSBAG V2.0": ".bag",
}
_VIDEOS = re.compile(
    rb".{4}(ftyp|moov|mdat|wide|free)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |\x47.{187}\x47|.{4}\x47.{191}\x47"
    rb"|\x00\x00\x01[\xba\xb3]|FLV\x01|\x30\x26\xb2\x75\x8e\x66\xcf\x11|OggS|\x06\x0e\x2b\x34|YUV4MPEG2|\.RMF"
    rb"|nut/multimedia container|DKIF|\x00\x00(\x00)?\x01[\x67\x27\x40\x42\x09]",
    re.DOTALL,
)
"""How containers and raw streams of video begin; text, which may name other files, is none."""
_STILL_BRANDS = (b"hei", b"hev", b"mif", b"msf")
"""Of HEIC, whose pictures are in the container of videos."""


class Sniffed(NamedTuple):
    """What a file is: "photo", "video", "document", "scene" or "zip" (of a scene), and its right suffix."""

    kind: str
    suffix: str


def sniffed(file: Path, name: str) -> Sniffed:
    """Return what a file is.

    Parameters
    ----------
    file : Path
    name : str
        What its owner calls it: used in the error, and between suffixes that mean the same.

    Raises
    ------
    Refused
        415, if it is nothing that a memory takes.
    """
    with file.open("rb") as opened:
        head = opened.read(HEAD)
    own = Path(name).suffix.lower()
    if b"%PDF-" in head[:1024]:
        return Sniffed("document", ".pdf")
    if head.startswith(b"{\\rtf"):
        return Sniffed("document", ".rtf")
    if head.startswith(_OLE):
        return _ole(file, name)
    if head.startswith(b"PK\x03\x04"):
        return _zipped(file, name)
    for mark, suffix in _SCENES.items():
        if head.startswith(mark):
            return Sniffed("scene", suffix)
    try:
        with opened_picture(file):
            return Sniffed("photo", own if own in SUFFIXES else ".png")
    except InputError as error:
        why = error.message.replace(str(file), name)
    still = head[8:11] in _STILL_BRANDS
    if _VIDEOS.match(head) and not still:
        return Sniffed("video", own if own in VIDEO_SUFFIXES else ".mp4")
    raise _refused(why if still or own in SUFFIXES else f"{name} is nothing that is read here.")


def _refused(why: str) -> Refused:
    return Refused(415, f"{why} Taken are {TAKEN}.", code="unsupported_file", param="file")


def _ole(file: Path, name: str) -> Sniffed:
    """Tell the old formats of office programs apart by the names of their parts."""
    content = file.read_bytes()
    for part, suffix in _OLE_PARTS.items():
        if part.encode("utf-16-le") in content:
            return Sniffed("document", suffix)
    raise _refused(f"{name} is an office file of a kind that is not read.")


def _zipped(file: Path, name: str) -> Sniffed:
    try:
        with opened_zip(file) as archive:
            names = set(archive.namelist())
            written = b""
            if "mimetype" in names:
                with archive.open("mimetype") as member:
                    written = member.read(100).strip()
    except InputError as error:
        raise _refused(f"{name}: {error.message}") from error
    for part, suffix in _OFFICE_PARTS.items():
        if part in names:
            return Sniffed("document", suffix)
    if written in _OPEN_DOCUMENTS:
        return Sniffed("document", _OPEN_DOCUMENTS[written])
    if "[Content_Types].xml" in names or written:
        raise _refused(f"{name} is an office file of a kind that is not read.")
    return Sniffed("zip", ".zip")
