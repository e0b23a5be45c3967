"""Draw the picture of the README: one world, and what the embedded model answers about it.

``python examples/picture.py --seed 12 --out docs/ask.png``. The questions are the worlds' own, in held-out
wordings, and all of them are shown, the wrong answers too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import shorten

from PIL import Image, ImageDraw, ImageFont

from sightloop import VisualAgent

WIDTH, ROW, LEFT, ANSWER = 1280, 34, 410, 970


def main() -> None:
    """Draw a world, ask its questions, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=12, help="of the world (default: 12)")
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sightloop-picture-"))
    worlds = [sys.executable, "-m", "sightloop.tools.llava_next.pocket.worlds", "--kind", "photos"]
    subprocess.run([*worlds, "--seed", str(args.seed), "--count", "1", "--out", str(folder)], check=True)
    entries = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    photo = Image.open(folder / entries[0]["inputs"][0])

    agent = VisualAgent()
    page = Image.new("RGB", (WIDTH, max(photo.height + 24, ROW * (len(entries) + 1) + 24)), "white")
    page.paste(photo, (12, 12))
    draw = ImageDraw.Draw(page)
    plain, small = ImageFont.load_default(size=17), ImageFont.load_default(size=13)
    for x, heading in ((LEFT, "question"), (ANSWER, "answer"), (WIDTH - 60, "sure")):
        draw.text((x, 14), heading, fill=(120, 120, 120), font=small)
    for line, entry in enumerate(entries, start=1):
        result = agent.run(entry["question"], folder / entry["inputs"][0])
        right = result.answer.replace(",", "").split() == entry["answer"].replace(",", "").split()
        color = (20, 110, 50) if right else (190, 30, 30)
        top = 8 + ROW * line
        draw.text((LEFT, top), entry["question"], fill="black", font=plain)
        draw.text((ANSWER, top), shorten(result.answer, 26, placeholder="..."), fill=color, font=plain)
        draw.text((WIDTH - 60, top), f"{result.confidence:.0%}", fill=color, font=plain)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    page.save(args.out, optimize=True)


if __name__ == "__main__":
    main()
