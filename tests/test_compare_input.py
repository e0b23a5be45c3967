"""Comparing whatever files people have: each is handled, or named while the others are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sightloop import LlavaNext
from sightloop.agent import Result, VisualAgent
from sightloop.agent.inputs import WHAT_CHANGED


@pytest.fixture(scope="module")
def agent() -> VisualAgent:
    return VisualAgent(LlavaNext())


def drawn(square: bool = True, size: tuple[int, int] = (240, 180)) -> Image.Image:
    image = Image.new("RGB", size, (240, 240, 235))
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 40, 100, 110), fill=(220, 30, 30))
    if square:
        draw.rectangle((150, 60, 210, 120), fill=(30, 60, 220))
    return image


@pytest.fixture
def before(tmp_path: Path) -> Path:
    drawn().save(tmp_path / "before.png")
    return tmp_path / "before.png"


def sixteen_bit(path: Path) -> None:
    grey = np.asarray(drawn(False).convert("L"), np.uint16) * 257
    Image.fromarray(grey).save(path)


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    drawn(False).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)


FILES = {
    "cmyk.jpg": lambda path: drawn(False).convert("CMYK").save(path, quality=95),
    "palette.png": lambda path: drawn(False).quantize(16).save(path),
    "alpha.png": lambda path: drawn(False).convert("RGBA").save(path),
    "animated.gif": lambda path: drawn(False).save(path, save_all=True, append_images=[drawn()]),
    "exif.jpg": turned,
    "small.png": lambda path: drawn(False).resize((120, 90)).save(path),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_kind_are_compared(
    agent: VisualAgent, before: Path, tmp_path: Path, name: str
) -> None:
    FILES[name](tmp_path / name)
    result = agent.run(WHAT_CHANGED, [before, tmp_path / name])
    (difference,) = result.comparisons[0].differences
    assert difference.kind == "removed"
    assert difference.before is not None
    assert abs(difference.before.x0 - 150) < 8
    assert abs(difference.before.x1 - 211) < 8


def test_sixteen_bit_grey_is_compared(agent: VisualAgent, before: Path, tmp_path: Path) -> None:
    drawn().convert("L").save(tmp_path / "grey.png")
    sixteen_bit(tmp_path / "deep.png")
    result = agent.run(WHAT_CHANGED, [tmp_path / "grey.png", tmp_path / "deep.png"])
    assert [one.kind for one in result.comparisons[0].differences] == ["removed"]


@pytest.mark.parametrize("size", [(1, 1), (30_000, 20)])
def test_odd_sizes_lose_no_other_pair(
    agent: VisualAgent, before: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    Image.new("RGB", size, "red").save(tmp_path / "odd.png")
    drawn(False).save(tmp_path / "after.png")
    result = agent.run(WHAT_CHANGED, [before, tmp_path / "odd.png", tmp_path / "after.png"])
    odd, other = result.comparisons
    assert not odd.same_scene
    assert [one.kind for one in other.differences] == ["removed"]


BAD = {
    "empty.png": (b"", "empty"),
    "cut.png": (None, "truncated"),
    "letter.png": (b"Dear Sir or Madam,\n" * 50, "not a picture"),
}


@pytest.mark.parametrize("name", [*BAD, "missing.png", "huge.png", "https://example.org/a.png", "folder"])
def test_what_cannot_be_read_is_named_and_the_others_are_compared(
    agent: VisualAgent, before: Path, tmp_path: Path, name: str
) -> None:
    content, word = BAD.get(name, (b"", ""))
    file: str | Path = name if name.startswith("https") else tmp_path / name
    if name == "cut.png":
        content = before.read_bytes()[:400]
    if name == "huge.png":
        Image.new("1", (25_000, 20_000)).save(tmp_path / name)
        word = "megapixels"
    elif name == "folder":
        (tmp_path / name).mkdir()
        word = "no pictures"
    elif name in BAD:
        (tmp_path / name).write_bytes(content or b"")
    elif name == "missing.png":
        word = "does not exist"
    else:
        word = word or "allow"
    drawn(False).save(tmp_path / "after.png")
    result: Result = agent.run(WHAT_CHANGED, [before, file, tmp_path / "after.png"])
    (line,) = result.skipped
    assert str(file) in line
    assert word in line
    assert [one.kind for one in result.comparisons[0].differences] == ["removed"]
