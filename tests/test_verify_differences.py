"""Differences are checked in their regions, of pictures that are whole or crops, by an agent end to end."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from sightloop import LlavaNext
from sightloop.agent import VisualAgent
from sightloop.memory import Box
from sightloop.memory.sources.photos import read_photo

RED, BLUE, GROUND = (220, 30, 30), (30, 60, 220), (242, 240, 236)


@pytest.fixture(scope="module")
def eyes() -> LlavaNext:
    return LlavaNext()


def sheet(path: Path, color: tuple[int, int, int]) -> Path:
    image = Image.new("RGB", (384, 288), GROUND)
    draw = ImageDraw.Draw(image)
    draw.ellipse((230, 120, 310, 200), fill=color)
    draw.rectangle((60, 60, 130, 130), fill=(30, 160, 60))
    image.save(path)
    return path


def test_each_difference_is_evidence_on_both_sides_and_confirmed(eyes: LlavaNext, tmp_path: Path) -> None:
    files = [sheet(tmp_path / "a.png", RED), sheet(tmp_path / "b.png", BLUE)]
    result = VisualAgent(eyes).run("What changed?", files)
    (difference,) = result.comparisons[0].differences
    assert difference.kind == "recoloured"
    assert [item.still.origin.source for item in result.evidence] == [str(file) for file in files]
    assert [item.region for item in result.evidence] == [difference.before, difference.after]
    assert {item.verdict for item in result.evidence} == {"confirmed"}
    assert {item.claim for item in result.evidence} == {difference.words}


def test_crops_are_compared_and_checked_as_they_were_given(eyes: LlavaNext, tmp_path: Path) -> None:
    part = Box(x0=180, y0=80, x1=380, y1=280)
    files = [sheet(tmp_path / "a.png", RED), sheet(tmp_path / "b.png", BLUE)]
    crops = [read_photo(file).crop(part) for file in files]
    result = VisualAgent(eyes).run("What changed?", crops)
    (difference,) = result.comparisons[0].differences
    assert difference.before is not None
    assert 40 <= difference.before.x0 <= 60  # in pixels of the crop
    region = result.evidence[0].region
    assert isinstance(region, Box)
    assert 220 <= region.x0 <= 240  # and evidence in those of the file
    assert {item.verdict for item in result.evidence} == {"confirmed"}


def test_nothing_changed_is_checked_too(eyes: LlavaNext, tmp_path: Path) -> None:
    files = [sheet(tmp_path / "a.png", RED), sheet(tmp_path / "b.png", RED)]
    result = VisualAgent(eyes).run("What changed?", files)
    assert result.answer == "nothing changed"
    assert {item.verdict for item in result.evidence} == {"confirmed"}


def test_several_pictures_are_each_compared_with_the_first(eyes: LlavaNext, tmp_path: Path) -> None:
    files = [sheet(tmp_path / f"{i}.png", color) for i, color in enumerate((RED, BLUE, RED))]
    result = VisualAgent(eyes).run("What changed?", files)
    assert [(pair.before, pair.after, len(pair.differences)) for pair in result.comparisons] == [
        (1, 2, 1),
        (1, 3, 0),
    ]
    assert "image 2" in result.answer
    assert {item.verdict for item in result.evidence} == {"confirmed"}
    assert {item.still.origin.source for item in result.evidence} == {str(file) for file in files}
