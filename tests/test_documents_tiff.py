"""TIFFs of several pages."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from papers import scan, tiff
from PIL import Image

from sightloop.errors import InputError
from sightloop.memory import Box, Evidence, Page
from sightloop.memory.sources.documents import (
    LONGEST,
    Document,
    ReadPage,
    closer,
    is_document,
    read_page_text,
)
from sightloop.memory.sources.tiff import tiff_pages


def test_each_page_is_a_still_without_words(tmp_path: Path) -> None:
    scans = [scan((1700, 2200), "one"), scan((4000, 3000), "two", "L"), scan((300, 400), "three", "RGB")]
    path = tiff(tmp_path / "scans.tif", *scans)
    document = Document(path)
    pages = [page for page in document.read([1, 2, 3]) if isinstance(page, ReadPage)]

    assert (document.pages, document.title) == (3, "scans")
    assert [page.still.size for page in pages] == [(1700, 2200), (2200, 1650), (300, 400)]
    assert [page.still.origin for page in pages] == [Page(source=str(path), number=n) for n in (1, 2, 3)]
    assert [(page.text.read, page.text.words) for page in pages] == [("none", ())] * 3
    assert np.array_equal(pages[0].still.pixels, np.asarray(scans[0].convert("RGB")))
    for page in pages:
        assert Evidence.of(page.still, "it is there", 1).reopen() == page.still
        assert read_page_text(path, page.still.origin.number) == page.text


def test_a_part_shows_what_was_scanned(tmp_path: Path) -> None:
    large = scan((3 * LONGEST, 3000), "fine print", "L")
    path = tiff(tmp_path / "scans.tif", large, large)
    box = Box(x0=200, y0=100, x1=500, y1=200)
    part = closer(path, 2, box, 900)
    assert part.size == (900, 300)
    assert np.abs(part.pixels[..., 0].astype(int) - np.asarray(large)[300:600, 600:1500]).max() <= 1


@pytest.mark.parametrize("format", ["TIFF", "big"])
def test_previews_are_no_pages(tmp_path: Path, format: str) -> None:
    path = tmp_path / "photo.tif"
    photo, preview = scan((300, 400), "photo"), scan((30, 40), "small")
    preview.encoderinfo = {"tiffinfo": {254: 1}}
    photo.save(path, save_all=True, append_images=[preview, photo], big_tiff=format == "big")
    assert tiff_pages(path) == [0, 2]
    assert Document(path).page(2).still.size == (300, 400)


def test_a_damaged_page_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "scans.tif"
    noise = Image.effect_noise((400, 400), 80)
    noise.save(path, save_all=True, append_images=[noise, noise], compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle - 9000 : middle + 9000] = random.Random(0).randbytes(18000)
    path.write_bytes(data)
    first, second, third = Document(path).read([1, 2, 3])
    assert isinstance(first, ReadPage)
    assert isinstance(third, ReadPage)
    assert isinstance(second, InputError)
    assert second.message.startswith(f"page 2 of {path} cannot be read: it is truncated or damaged")


def test_what_is_cut_off_is_an_error_not_a_crash(tmp_path: Path) -> None:
    whole = tiff(tmp_path / "whole.tif", *(scan((60, 80), str(n)) for n in range(5))).read_bytes()
    path = tmp_path / "cut.tif"
    for length in (1, 4, 9, 15, 16, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        try:
            pages = list(Document(path).read(range(1, 7)))
        except InputError:
            continue
        assert pages


def test_directories_that_lead_in_circles_end(tmp_path: Path) -> None:
    path = tiff(tmp_path / "two.tif", scan((60, 80), "a"), scan((60, 80), "b"))
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    following = first + 2 + 12 * count
    data[following : following + 4] = first.to_bytes(4, "little")
    path.write_bytes(data)
    assert len(tiff_pages(path)) == 1
    assert not is_document(path)
