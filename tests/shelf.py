"""What faces are tested on: a memory with a film, a report and two photos, made when it is first asked for.

LangChain's standard tests name what they are run on in properties, where no fixture is to be had.
"""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from on_a_table import write_table
from PIL import Image, ImageDraw

from sightloop import LlavaNext, VisualMemory
from sightloop.tools import report_worlds, video_worlds
from sightloop.tools.remember import memory_of

REPORT = report_worlds.draw(1)
"""What the report says, and what is right about it."""

FILM = next(video_worlds.films(1, 1, 60.0))
"""A minute of shapes, and what is right about it."""


@cache
def eyes() -> LlavaNext:
    """The embedded model."""
    return LlavaNext()


@cache
def folder() -> Path:
    """A folder with ``report.pdf``, ``before.png`` and ``after.png``, in which a blue square has come."""
    made = Path(mkdtemp(prefix="shelf-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    report_worlds.write(REPORT, made / "report.pdf")
    image = Image.new("RGB", (128, 96), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((16, 20, 52, 56), fill=(220, 30, 30))
    image.save(made / "before.png")
    draw.rectangle((76, 40, 112, 76), fill=(30, 60, 220))
    image.save(made / "after.png")
    return made


@cache
def scan() -> Path:
    """A scene of solids on a table."""
    return write_table(folder() / "scan")


@cache
def memory() -> VisualMemory:
    """A memory that holds the photos, the report and the film, ``film.mp4``."""
    video_worlds.write(FILM, folder() / "film.mp4")
    kept = memory_of(eyes())
    atexit.register(kept.close)
    kept.add(folder())
    return kept
