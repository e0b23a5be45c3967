"""Papers: documents as other people's programs write them, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pikepdf
from PIL import Image, ImageDraw
from reportlab.pdfgen.canvas import Canvas

LETTER = (612.0, 792.0)


def pdf(path: Path, *pages: str, size: tuple[float, float] = LETTER, font: float = 12) -> Path:
    """Write a PDF with a page for each text, line by line from the top, an inch from the edges."""
    canvas = Canvas(str(path), pagesize=size)
    for page in pages:
        canvas.setFont("Helvetica", font)
        for number, line in enumerate(page.splitlines()):
            canvas.drawString(72, size[1] - 72 - font - number * font * 1.5, line)
        canvas.showPage()
    canvas.save()
    return path


def shown(
    path: Path,
    *,
    rotate: int = 0,
    crop: Sequence[float] | None = None,
    user_unit: float | None = None,
) -> Path:
    """Change how the pages of a PDF are shown."""
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        for page in document.pages:
            page.obj.Rotate = rotate
            if crop is not None:
                page.obj.CropBox = list(crop)
            if user_unit is not None:
                page.obj.UserUnit = user_unit
        document.save(path)
    return path


def locked(path: Path, password: str) -> Path:
    """Encrypt a PDF."""
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        document.save(path, encryption=pikepdf.Encryption(user=password, owner=f"{password} of the owner"))
    return path


def scan(size: tuple[int, int], text: str, mode: str = "1") -> Image.Image:
    """Draw what a scanner makes of a page."""
    image = Image.new("L", size, 255)
    ImageDraw.Draw(image).text((size[0] // 8, size[1] // 8), text, fill=0, font_size=size[1] // 12)
    return image.convert(mode)


def tiff(path: Path, *pages: Image.Image) -> Path:
    """Write a TIFF with a page for each picture."""
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path
