"""Subtitles: the lines of an ``.srt`` or ``.vtt`` file beside a video, by when they are shown.

Read are SubRip, as players read it (there is no standard), and WebVTT (https://www.w3.org/TR/webvtt1/); what
is wrong with a part of a file costs that part and is said.
"""

from __future__ import annotations

import codecs
import html
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from .files import VIDEO_SUFFIXES, regular_file

SUFFIXES = (".srt", ".vtt")

MOST_BYTES = 50 * 2**20
"""Largest file that is read: the subtitles of a long film have 200 kB."""

MOST_WARNINGS = 20
"""Broken parts that are named for one file; more are counted together."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CLOCK = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,3}))?"
_TIMES = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")  # <i>, WebVTT's <00:19.000>, SSA's {\an8}


@dataclass(frozen=True, slots=True)
class Line:
    """What is shown or said from ``start`` to ``end`` seconds."""

    start: float
    end: float
    text: str


def subtitles_of(video: str | os.PathLike[str]) -> tuple[list[Line], list[str]]:
    """Read the subtitles beside a video: ``clip.srt``, ``clip.vtt``, ``clip.en.srt`` for ``clip.mp4``.

    Parameters
    ----------
    video : str or path

    Returns
    -------
    lines : list of Line
        Of all files, by time; what several files say alike at the same time is there once.
    warnings : list of str
        What could not be read, and why.
    """
    path = Path(video)
    lines: set[tuple[float, float, str]] = set()
    warnings: list[str] = []
    for file in _beside(path):
        try:
            found, said = read_subtitles(file)
        except InputError as error:
            warnings.append(error.message)
            continue
        lines.update((line.start, line.end, line.text) for line in found)
        warnings += said
    return [Line(*line) for line in sorted(lines)], warnings


def read_subtitles(path: str | os.PathLike[str]) -> tuple[list[Line], list[str]]:
    """Read one file of subtitles.

    Returns
    -------
    lines : list of Line
        By time, without tags, with their line breaks.
    warnings : list of str
        One for each part that was left out.

    Raises
    ------
    InputError
        If the file is missing, no regular file, empty, or larger than ``MOST_BYTES``.
    """
    with regular_file(path, "subtitle file") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise InputError(
            f"{path} has more than {MOST_BYTES // 2**20} MiB, which no subtitles have.", input=str(path)
        )
    lines, broken = parse(_decoded(data))
    warnings = [f"{path}: {what}" for what in broken[:MOST_WARNINGS]]
    if len(broken) > MOST_WARNINGS:
        warnings.append(f"{path}: {len(broken) - MOST_WARNINGS} more parts were left out")
    if not lines and not broken:
        warnings.append(f"{path}: there are no subtitles in it")
    return lines, warnings


def parse(text: str) -> tuple[list[Line], list[str]]:
    """Read the text of a SubRip or WebVTT file.

    Returns
    -------
    lines : list of Line
    broken : list of str
        What was left out: ``line 12: ...``.
    """
    rows = re.split(r"\r\n|\r|\n", text.replace("\0", "\ufffd"))
    marks = [number for number, row in enumerate(rows) if "-->" in row]
    lines: list[Line] = []
    broken: list[str] = []
    for place, number in enumerate(marks):
        times = _TIMES.fullmatch(rows[number])
        if times is None:
            broken.append(f"line {number + 1}: no times that can be read: {rows[number].strip()[:60]!r}")
            continue
        start, end = _seconds(times.groups()[:4]), _seconds(times.groups()[4:])
        if end < start:
            broken.append(f"line {number + 1}: it ends before it starts")
            continue
        last = place + 1 == len(marks)
        under = rows[number + 1 :] if last else rows[number + 1 : marks[place + 1]]
        if not last and under and under[-1].strip().isdigit():
            del under[-1]  # the number of the next one, which some files do not set apart by an empty row
        said = _said(under)
        if said:
            lines.append(Line(start, end, said))
    return sorted(lines, key=lambda line: (line.start, line.end)), broken


def _said(rows: list[str]) -> str:
    """Return the text of a cue, up to the first empty row."""
    kept: list[str] = []
    for row in rows:
        if not row.strip():
            break
        kept.append(row)
    text = html.unescape(_TAG.sub("", "\n".join(kept)))
    return "\n".join(" ".join(row.split()) for row in text.splitlines() if row.strip())


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return (1000 * whole + int((fraction or "0").ljust(3, "0"))) / 1000


def _decoded(data: bytes) -> str:
    """Decode by the mark at the start; without one as UTF-8, or else as what Windows wrote before."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _beside(video: Path) -> list[Path]:
    """Return the files that have the video's name, or with a language or the like before the suffix."""
    try:
        files = sorted(video.parent.iterdir())
    except OSError:
        return []
    others = {file.stem for file in files if file.suffix.lower() in VIDEO_SUFFIXES}
    tagged = {file for file in files if Path(file.stem).stem == video.stem and file.stem not in others}
    return [
        file
        for file in files
        if file.suffix.lower() in SUFFIXES and (file.stem == video.stem or file in tagged)
    ]
