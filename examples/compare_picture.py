"""Draw the README's picture of a comparison: before, after, and what was found between them.

``python examples/compare_picture.py before.png after.png --out docs/compare.png``. Without files it draws a
sheet of things of ``--seed`` twice, with some of them changed, in another light and from a little aside.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sightloop import VisualAgent
from sightloop.agent import Result
from sightloop.memory import Box
from sightloop.tools.llava_next.pocket.things import COLORS, draw, random_sheet, random_text
from sightloop.tools.llava_next.pocket.worlds import PIXELS_PER_UNIT
from sightloop.tools.perturb import gamma, jpeg, tilted

SIDE, GAP, LINE = 480, 16, 30
VERDICTS = {"confirmed": (20, 110, 50), "rejected": (190, 30, 30), "unverified": (150, 100, 0)}


def two_states(seed: int) -> list[Path]:
    """Write a sheet of things twice: in the second picture some differ, and so do light, grain and camera."""
    rng = random.Random(seed)
    before = random_sheet(rng, count=5, writing=1, repeats=0)
    repainted, _, grown, *rest = before.things  # the second is taken away
    color = next(name for name in COLORS if name not in {thing.color for thing in before.things})
    small = grown.size == "small"
    after = replace(
        before,
        things=[
            replace(repainted, color=color, rgb=COLORS[color]),
            replace(grown, size="large" if small else "small", r=grown.r * (1.5 if small else 0.6)),
            *rest,
        ],
        writing=replace(before.writing, text=random_text(rng)),
    )
    images = [draw(before, PIXELS_PER_UNIT), jpeg(gamma(tilted(draw(after, PIXELS_PER_UNIT))))]
    folder = Path(tempfile.mkdtemp(prefix="sightloop-pair-"))
    files = [folder / "before.png", folder / "after.png"]
    for image, file in zip(images, files, strict=True):
        Image.fromarray(image).save(file)
    return files


def panel(result: Result, number: int) -> Image.Image:
    """Draw one picture with the numbered boxes of its differences."""
    still = result.still(result.pictures[number].still)
    scale = SIDE / max(still.size)
    image = still.to_pil().resize((round(still.size.width * scale), round(still.size.height * scale)))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=18)
    for index, difference in enumerate(result.comparisons[0].differences, start=1):
        box: Box | None = (difference.before, difference.after)[number]
        if box is None:
            continue
        left, top, right, bottom = (scale * side for side in (box.x0, box.y0, box.x1, box.y1))
        draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), outline=(200, 30, 90), width=3)
        draw.rectangle((left - 3, top - 25, left + 19, top - 3), fill=(200, 30, 90))
        draw.text((left + 3, top - 24), str(index), fill="white", font=font)
    return image


def lines(result: Result) -> list[tuple[str, tuple[int, int, int]]]:
    """Return a line for each difference, in the colour of its verdict."""
    verdicts = {item.claim: item for item in result.evidence}
    found = []
    for index, difference in enumerate(result.comparisons[0].differences, start=1):
        item = verdicts[difference.words]
        text = f"{index}  {difference.kind}: {difference.words}   {item.verdict}, {item.confidence:.0%} sure"
        found.append((text, VERDICTS[item.verdict]))
    return found


def main() -> None:
    """Compare two pictures, and draw what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="before and after (default: drawn)")
    parser.add_argument("--seed", type=int, default=8, help="of what is drawn (default: 8)")
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    args = parser.parse_args()
    result = VisualAgent().run("What changed?", args.files or two_states(args.seed))
    panels, told = [panel(result, number) for number in (0, 1)], lines(result)
    high = max(image.height for image in panels)
    size = (sum(image.width for image in panels) + 3 * GAP, high + 3 * GAP + LINE * len(told))
    page = Image.new("RGB", size, "white")
    page.paste(panels[0], (GAP, GAP))
    page.paste(panels[1], (panels[0].width + 2 * GAP, GAP))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=19)
    for index, (text, color) in enumerate(told):
        draw.text((GAP, high + 2 * GAP + LINE * index), text, fill=color, font=font)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    page.save(args.out, optimize=True)


if __name__ == "__main__":
    main()
