"""Draw the README's picture of a search: keyframes of a video, what was found among them, and the answer.

``python examples/video_picture.py --out docs/video.png``, or of a video of your own: ``--question "..."
--video file.mp4``. Without one it renders a film of ten minutes in which something appears for two seconds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sightloop import VisualAgent
from sightloop.agent import Result
from sightloop.agent.steps import ObservationStep
from sightloop.memory import Span, StillRef
from sightloop.tools.moments import clock, during
from sightloop.tools.video_worlds import films, write

WIDTH, GAP, LINE, THUMBNAILS, BAR = 976, 16, 28, 8, 26
GREEN, GREY, DARK = (20, 110, 50), (200, 204, 210), (90, 96, 104)


def rendered(seed: int) -> tuple[str, Path]:
    """Write a film, and return a question about two of its six hundred seconds."""
    film = next(films(seed, 1))
    path = Path(tempfile.mkdtemp(prefix="sightloop-film-")) / "long.mp4"
    write(film, path)
    (name,) = [a.event.thing.name for a in film.asked if a.kind == "direction" and a.event and a.event.thing]
    return f"When does the {name} appear, and where does it go?", path


def thumbnail(result: Result, ref: StillRef, width: int) -> Image.Image:
    """Return a frame, made small."""
    image = result.still(ref).to_pil()
    return image.resize((width, round(width * image.height / image.width)), Image.Resampling.LANCZOS)


def picture(result: Result) -> Image.Image:
    """Draw question, thumbnails of keyframes, the timeline with what is cited on it, and the answer."""
    found = next(step for step in result.steps if isinstance(step, ObservationStep) and step.timeline)
    line, cited = found.timeline[0], result.evidence
    length = line.duration or line.shots[-1].end
    frames = [line.keyframes[i * len(line.keyframes) // THUMBNAILS] for i in range(THUMBNAILS)]
    side = (WIDTH - (THUMBNAILS - 1) * GAP // 2) // THUMBNAILS
    small = [thumbnail(result, ref, side) for ref in frames]
    large = thumbnail(result, cited[0].still, 2 * side)
    top = GAP + LINE + GAP // 2
    high = top + small[0].height + LINE + BAR + GAP + large.height + GAP
    page = Image.new("RGB", (WIDTH + 2 * GAP, high), "white")
    draw, font, fine = ImageDraw.Draw(page), ImageFont.load_default(size=20), ImageFont.load_default(size=14)
    draw.text((GAP, GAP), result.question, fill="black", font=font)
    for number, (ref, image) in enumerate(zip(frames, small, strict=True)):
        left = GAP + number * (side + GAP // 2)
        page.paste(image, (left, top))
        draw.text((left, top + image.height + 4), clock(getattr(ref.origin, "t", 0.0)), fill=DARK, font=fine)
    bar = top + small[0].height + LINE
    for shot in line.shots:
        x0, x1 = (GAP + WIDTH * t / length for t in (shot.start, shot.end))
        draw.rectangle((x0, bar, x1 - 1, bar + BAR), fill=GREY)
    spans = [item.region for item in cited if isinstance(item.region, Span)]
    for span in spans:
        x = GAP + WIDTH * span.start / length
        draw.rectangle((x - 3, bar - 4, x + 3, bar + BAR + 4), fill=GREEN)
    below = bar + BAR + GAP
    page.paste(large, (GAP, below))
    left = 2 * GAP + large.width
    draw.text((left, below), result.answer, fill="black", font=ImageFont.load_default(size=26))
    told = [
        f"{item.claim}: {item.verdict}, {item.confidence:.0%} sure, at {during(span)}"
        for item, span in zip(cited, spans, strict=True)
    ]
    told += [
        f"{len(line.shots)} shots, {len(line.keyframes)} keyframes of {clock(length)}",
        f"{result.usage.stills} frames shown to the model, {result.usage.seconds:.1f} s of it",
    ]
    for number, text in enumerate(told):
        draw.text(
            (left, below + 48 + LINE * number), text, fill=GREEN if number < len(cited) else DARK, font=fine
        )
    return page


def main() -> None:
    """Ask a question about a video, and draw what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, help="a file (default: a rendered film)")
    parser.add_argument("--question", help="about the file")
    parser.add_argument("--seed", type=int, default=3, help="of the film that is rendered (default: 3)")
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    args = parser.parse_args()
    question, video = (args.question, args.video) if args.video else rendered(args.seed)
    image = picture(VisualAgent().run(question, video))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    image.save(args.out, optimize=True)


if __name__ == "__main__":
    main()
