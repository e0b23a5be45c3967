"""Draw the README's picture of a scene: views with what was found in them, the map, and the answer.

``python examples/scene_picture.py --out docs/scenes.png``, or of a scene of your own: ``--question "..."
--scene scan/``. Without one it renders a room that the model was not trained on.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

from sightloop import VisualAgent
from sightloop.agent import Result
from sightloop.memory.fusion import fuse
from sightloop.memory.scene import Scene
from sightloop.memory.sources.scenes import open_scene
from sightloop.tools.scene_map import draw, marked
from sightloop.tools.scene_worlds import worlds, write

WIDTH, GAP, LINE, SHOWN = 976, 16, 24, 3
GREEN, DARK = (20, 110, 50), (90, 96, 104)


def rendered(seed: int) -> tuple[str, Path]:
    """Write a room, and return a question about it."""
    world = next(worlds("room", seed, 1))
    folder = Path(tempfile.mkdtemp(prefix="sightloop-scene-")) / "scan"
    write(world, folder)
    asked = next(one for one in world.asked if one.kind == "gap")
    return asked.question, folder


def picture(result: Result, scene: Scene) -> Image.Image:
    """Draw the question, the best views with labels, the map, the answer and what it rests on."""
    survey = result.survey
    assert survey is not None
    best = [seen.camera for placed in survey.placed for seen in placed.seen]
    cameras = sorted(set(best), key=lambda camera: -best.count(camera))[:SHOWN]
    looked = [shot.camera for shot in survey.shots if shot.looked]
    views = [marked(scene, survey, camera).to_pil() for camera in cameras]
    above = draw(survey, fuse(scene, looked)).to_pil()
    wide = (WIDTH - GAP * (SHOWN - 1)) // SHOWN
    views = [_sized(view, wide) for view in views]
    side = 300
    above = _sized(above, side * above.width // above.height)
    top = GAP + LINE + GAP
    page = Image.new("RGB", (WIDTH + 2 * GAP, top + views[0].height + GAP + side + GAP), "white")
    canvas = ImageDraw.Draw(page)
    canvas.text((GAP, GAP), result.question, fill="black", font=ImageFont.load_default(size=20))
    for number, view in enumerate(views):
        page.paste(view, (GAP + number * (wide + GAP), top))
    below = top + views[0].height + GAP
    page.paste(above, (GAP, below))
    left = GAP + above.width + GAP
    lines = [(part, "black", 22) for part in wrap(result.answer, 48)]
    lines += [(line, DARK, 14) for measure in result.measures[1:] for line in wrap(measure.words, 78)]
    lines += [(f"{e.claim}: {e.verdict}, {e.confidence:.0%} sure", GREEN, 14) for e in result.evidence]
    spent = f"{len(looked)} of {len(scene)} views, {result.usage.seconds:.1f} s of the model"
    lines.append((spent, DARK, 14))
    y = below
    for text, color, size in lines:
        canvas.text((left, y), text, fill=color, font=ImageFont.load_default(size=size))
        y += size + 10
    return page


def _sized(image: Image.Image, width: int) -> Image.Image:
    return image.resize((width, width * image.height // image.width), Image.Resampling.LANCZOS)


def main() -> None:
    """Ask a question about a scene, and draw what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scene", type=Path, help="a file or folder (default: a rendered room)")
    parser.add_argument("--question", help="about the scene")
    parser.add_argument("--seed", type=int, default=3, help="of the room that is rendered (default: 3)")
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    args = parser.parse_args()
    question, path = (args.question, args.scene) if args.scene else rendered(args.seed)
    scene = open_scene(path)
    image = picture(VisualAgent().run(question, scene), scene)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    image.save(args.out, optimize=True)


if __name__ == "__main__":
    main()
