"""Draw the picture of the web page: a scene that was asked about, on a desk by day and on a phone by night.

``python examples/web_picture.py --out docs/web.png``, or of files of yours: ``--question "..." photo.png``.
Without any it renders a room that the model was not trained on. It needs Playwright, and Chromium or Chrome.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from sightloop.tools.scene_worlds import worlds, write

GAP, HEIGHT, DESK, PHONE = 24, 860, 1280, 400
"""Of the picture, in pixels: what is left around the two pages, their height and their widths."""
PATIENCE = 120_000
"""Milliseconds that an answer may take."""


def rendered(seed: int) -> tuple[str, Path]:
    """Write a room, and return a question about it and a zip of it."""
    world = next(worlds("room", seed, 1))
    folder = Path(tempfile.mkdtemp(prefix="sightloop-web-"))
    write(world, folder / "room" / "room")
    packed = shutil.make_archive(str(folder / "room"), "zip", folder / "room")
    return next(one for one in world.asked if one.kind == "gap").question, Path(packed)


@contextmanager
def served() -> Iterator[str]:
    """Start a server that keeps things in a folder of its own, and give its address."""
    data = tempfile.mkdtemp(prefix="sightloop-web-")
    program = [sys.executable, "-m", "sightloop", "serve", "--port", "0", "--data", data]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, "the server did not start"
        try:
            yield found[0]
        finally:
            process.terminate()


def picture(browser: Browser, url: str, question: str, files: list[Path]) -> Image.Image:
    """Ask at a desk, open the same conversation on a phone, and return both beside each other."""
    desk = browser.new_page(viewport={"width": DESK, "height": HEIGHT})
    desk.goto(url)
    desk.set_input_files("#picker", files)
    desk.get_by_role("textbox", name="Question").fill(question)
    desk.get_by_role("textbox", name="Question").press("Enter")
    desk.locator(".see").wait_for(timeout=PATIENCE)
    desk.locator(".progress summary").click()
    desk.frame_locator("#report iframe").get_by_role("heading", level=1).wait_for()
    phone = browser.new_page(
        viewport={"width": PHONE, "height": HEIGHT}, color_scheme="dark", is_mobile=True, has_touch=True
    )
    phone.goto(desk.url)
    phone.locator(".see").wait_for()
    for page in (desk, phone):
        page.wait_for_timeout(1500)  # until all pictures are drawn
    both = [Image.open(BytesIO(page.screenshot())).convert("RGB") for page in (desk, phone)]
    size = (DESK + PHONE + 3 * GAP, HEIGHT + 2 * GAP)
    whole = Image.new("RGB", size, (140, 146, 154))
    for image, left in zip(both, (GAP, DESK + 2 * GAP), strict=True):
        whole.paste(image, (left, GAP))
    return whole


def main() -> None:
    """Start a server, ask a question at its page, and draw what is seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*", help="to ask about (default: a rendered room)")
    parser.add_argument("--question", help="about the files")
    parser.add_argument("--seed", type=int, default=3, help="of the room that is rendered (default: 3)")
    parser.add_argument("--out", type=Path, required=True, help="image file to write")
    args = parser.parse_args()
    question, files = args.question, args.files
    if not files:
        question, room = rendered(args.seed)
        files = [room]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with served() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        image = picture(browser, url, question, files)
        browser.close()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(256, dither=Image.Dither.NONE).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
