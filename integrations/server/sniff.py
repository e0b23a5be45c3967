"""Sniff: what a file is by what is in it, whatever it is called."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ...memory.sources.files import VIDEO_SUFFIXES
from ...memory.sources.photos import FORMATS
from .failures import Refused

HEAD = 4096
"""Bytes that are looked at; a PDF may have a little before its own."""

_OFFICE_PARTS = {"word/document.xml": ".docx", "ppt/presentation.xml": ".pptx"}
_OPEN_DOCUMENTS = {
    b"application/vnd.oasis.opendocument.text": ".odt",
    b"application/vnd.oasis.opendocument.presentation": ".odp",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_PARTS = {"WordDocument": ".doc", "PowerPoint Document": ".ppt"}
_VIDEOS = re.compile(
    rb".{4}(ftyp|moov|mdat|wide|free)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |\x47.{187}\x47|.{4}\x47.{191}\x47"
    rb"|\x00\x00\x01[\xba\xb3]|FLV\x01|\x30\x26\xb2\x75\x8e\x66\xcf\x11|OggS|\x06\x0e\x2b\x34|YUV4MPEG2|\.RMF"
    rb"|nut/multimedia container|DKIF|\x00\x00(\x00)?\x01[\x67\x27\x40\x42\x09]",
    re.DOTALL,
)
"""How containers and raw streams of video begin; text, which may name other files, is none."""
_SCENES = {
    b"ply\n": ".ply",
    b"ply\r": ".ply",
    b"glTF": ".glb",
    b"\x89MCAP0\r\n": ".mcap",
    b"#ROSBAG V2.0": ".bag",
}
_HEIC = re.compile(rb".{4}ftyp(hei[cxs]|hev[cx]|mif1|msf1)", re.DOTALL)

TAKEN = "pictures, videos, PDF, office documents, and 3D scenes (a zip of a folder, .ply, .glb, .bag, .mcap)"


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
    if _HEIC.match(head):
        raise _refused(name, "is a HEIC picture, which is not read: export it as JPEG")
    suffix = Path(name).suffix.lower()
    picture = _picture(file)
    if picture is not None:
        return Sniffed("photo", picture)
    if _VIDEOS.match(head):
        return Sniffed("video", suffix if suffix in VIDEO_SUFFIXES else ".mp4")
    raise _refused(name, "is nothing that is read here")


def _refused(name: str, what: str) -> Refused:
    return Refused(415, f"{name} {what}. Taken are {TAKEN}.", code="unsupported_file", param="file")


def _picture(file: Path) -> str | None:
    """Return the suffix of a picture, by its header."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            return {"JPEG": ".jpg", "JPEG2000": ".jp2"}.get(
                image.format or "", f".{(image.format or '').lower()}"
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _ole(file: Path, name: str) -> Sniffed:
    """Tell the old formats of office programs apart by the names of their parts."""
    content = file.read_bytes()
    for part, suffix in _OLE_PARTS.items():
        if part.encode("utf-16-le") in content:
            return Sniffed("document", suffix)
    raise _refused(name, "is an office file of a kind that is not read")


def _zipped(file: Path, name: str) -> Sniffed:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            for part, suffix in _OFFICE_PARTS.items():
                if part in names:
                    return Sniffed("document", suffix)
            if "mimetype" in names:
                with archive.open("mimetype") as written:
                    suffix = _OPEN_DOCUMENTS.get(written.read(100).strip(), "")
                if suffix:
                    return Sniffed("document", suffix)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise _refused(name, f"is a damaged zip ({error})") from error
    if "[Content_Types].xml" in names:
        raise _refused(name, "is an office file of a kind that is not read")
    return Sniffed("zip", ".zip")
