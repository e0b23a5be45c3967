"""Draw the README's picture of a document: the page with the words that answer a question, and the answer.

``python examples/document_picture.py --out docs/documents.png``, or of a document of your own: ``--question
"..." report.pdf``. Without one it writes a report of a study that never was.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

from sightloop import Box, Evidence, VisualAgent
from sightloop.agent import Result
from sightloop.memory import Page
from sightloop.tools.report_worlds import draw, write

WIDTH, GAP, SHOWN, HEIGHT = 1200, 20, 760, 430
"""Of the picture: its width, what is left between its parts, and the part of it that the page takes."""
COLORS = {"confirmed": (20, 110, 50), "rejected": (187, 37, 48), "unverified": (140, 82, 0)}
DARK = (90, 96, 104)


def written(seed: int) -> tuple[str, Path]:
    """Write a report, and return a question that its table answers."""
    report = draw(seed)
    path = Path(tempfile.mkdtemp(prefix="sightloop-document-")) / "report.pdf"
    write(report, path)
    return report.asked[1].question, path


def picture(result: Result) -> Image.Image:
    """Draw the part of the first cited page that has its boxes, and beside it what the answer rests on."""
    first = result.evidence[0].still
    cited = [item for item in result.evidence if item.still == first and isinstance(item.region, Box)]
    page = Image.new("RGB", (WIDTH, HEIGHT + 2 * GAP), "white")
    page.paste(_part(result, cited), (GAP, GAP))
    canvas = ImageDraw.Draw(page)
    canvas.rectangle((GAP, GAP, GAP + SHOWN - 1, GAP + HEIGHT - 1), outline=(220, 220, 216))
    y = GAP
    for text, color, size in _lines(result, cited):
        canvas.text((2 * GAP + SHOWN, y), text, fill=color, font=ImageFont.load_default(size=size))
        y += round(1.45 * size)
    return page


def _part(result: Result, cited: list[Evidence]) -> Image.Image:
    """Return a part of the page with numbered boxes, in their middle as far as the page goes."""
    still = result.still(cited[0].still)
    scale = SHOWN / still.size.width
    whole = still.to_pil().resize((SHOWN, round(scale * still.size.height)), Image.Resampling.LANCZOS)
    canvas, middles = ImageDraw.Draw(whole, "RGBA"), []
    for number, item in enumerate(cited, start=1):
        assert isinstance(item.region, Box)
        box, color = item.region.scaled(scale, scale), COLORS[item.verdict]
        canvas.rectangle((box.x0 - 6, box.y0 - 5, box.x1 + 6, box.y1 + 5), (*color, 36), color, 3)
        middle = (box.y0 + box.y1) / 2
        canvas.rectangle((box.x0 - 32, middle - 12, box.x0 - 8, middle + 12), color)
        font = ImageFont.load_default(size=17)
        canvas.text((box.x0 - 20, middle), str(number), "white", font, anchor="mm")
        middles.append(middle)
    top = round(sum(middles) / len(middles) - HEIGHT / 2)
    top = max(0, min(top, whole.height - HEIGHT))
    return whole.crop((0, top, SHOWN, top + HEIGHT))


def _lines(result: Result, cited: list[Evidence]) -> list[tuple[str, tuple[int, int, int], int]]:
    """Return what is written beside the page: each line with its colour and size."""
    black = (0, 0, 0)
    lines = [(line, DARK, 17) for line in wrap(result.question, 44)]
    lines += [("", DARK, 6), *((line, black, 26) for line in wrap(result.answer, 28)), ("", DARK, 8)]
    for number, item in enumerate(cited, start=1):
        origin, color = item.still.origin, COLORS[item.verdict]
        assert isinstance(origin, Page)
        lines += [(line, black, 16) for line in wrap(f"{number}  “{item.claim}”", 46)]
        lines.append((f"{item.verdict}, page {origin.number} of {Path(origin.source).name}", color, 15))
        lines += [(f"box {item.region}", DARK, 13), ("", DARK, 8)]
    read = sum(isinstance(one.still.origin, Page) for one in result.pictures)
    return [*lines, (f"{result.confidence:.0%} sure, from {read} pages that were read", DARK, 15)]


def main() -> None:
    """Ask a question about a document, and draw where its answer stands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("document", type=Path, nargs="?", help="a file (default: a report that is written)")
    parser.add_argument("--question", help="about the document")
    parser.add_argument("--seed", type=int, default=1, help="of the report that is written (default: 1)")
    parser.add_argument("--out", type=Path, required=True, help="image file to write")
    args = parser.parse_args()
    question, path = (args.question, args.document) if args.document else written(args.seed)
    image = picture(VisualAgent().run(question, str(path)))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    image.save(args.out, optimize=True)


if __name__ == "__main__":
    main()
